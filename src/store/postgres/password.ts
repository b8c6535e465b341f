/** Finds the password of a server, where libpq looks for it. */
import { readFile, stat } from "node:fs/promises";
import { platform } from "node:os";
import type { Address, Host } from "./address.ts";

/**
 * The password for `address` at one of its hosts: its own (of the address or `PGPASSWORD`), else that of the first line of its password file
 * that fits.
 * @throws NoPassword when there is none.
 */
export async function passwordFor(address: Address, host: Host): Promise<string> {
  if (address.password !== undefined) return address.password;
  const { passwordFile: file, user, database } = address;
  const text = await readFile(file, "utf8").catch(() => "");
  const names = host.host.startsWith("/") ? [host.host, "localhost"] : [host.host];
  const isOpen = text !== "" && (await othersMayRead(file));
  const found = isOpen ? null : lineFor(text, [names, [String(host.port)], [database], [user]]);
  if (found !== null) return found;
  throw new NoPassword(user, isOpen ? `; ${file} does not count, because others may read it: chmod 0600 ${file}` : "");
}

/** Stands for the server's own answer to a wrong password: without one, the client library fails before it asks. */
class NoPassword extends Error {
  readonly code = "28P01";

  constructor(user: string, why: string) {
    super(`no password is given for user ${JSON.stringify(user)}${why}`);
  }
}

async function othersMayRead(file: string): Promise<boolean> {
  return platform() !== "win32" && ((await stat(file)).mode & 0o077) !== 0;
}

/** The last field of the first line whose other fields are `*` or one of `wanted`, each at its place. */
function lineFor(text: string, wanted: readonly (readonly string[])[]): string | null {
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith("#")) continue;
    // A backslash takes the next character as it is.
    const fields = [...line.matchAll(/(?:^|:)((?:\\.|[^:\\]|\\$)*)/g)].map(([, field = ""]) => field);
    const [password] = fields.splice(wanted.length, 1);
    const fits = wanted.every((names, at) => fields[at] === "*" || names.includes(bare(fields[at] ?? "")));
    if (fits && password !== undefined && password !== "") return bare(password);
  }
  return null;
}

const bare = (field: string): string => field.replaceAll(/\\(.)/g, "$1");
