/** Where the password of a server comes from, and what is said when there is none. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { openStore, storeExists } from "../../../src/store/postgres/store.ts";
import { UserError } from "../../../src/errors.ts";
import { systemClock } from "../../../src/time/clock.ts";
import { dataOf, type Postgres, startPostgres } from "../../support/postgres.ts";
import { workFolder } from "../../support/run.ts";
import { requireServers } from "../../support/servers.ts";

describe.skipIf(requireServers("postgres"))("a server that wants a password", { timeout: 60_000 }, () => {
  let server: Postgres;
  let rules: string;
  let written: string;
  beforeAll(async () => {
    server = await startPostgres();
    rules = join(dataOf(join(server.logFile, "..")), "pg_hba.conf");
    written = await readFile(rules, "utf8");
  }, 60_000);
  afterAll(() => server.dispose());

  /** The address without its password, which is told apart. */
  const parts = (): { url: string; password: string } => {
    const url = new URL(server.url);
    const { password } = url;
    url.password = "";
    return { url: url.href, password };
  };
  const asks = async (method: string): Promise<void> => {
    await writeFile(rules, written.replaceAll(/ password$/gm, ` ${method}`));
    await server.set({});
  };

  it.each(["password", "md5", "scram-sha-256"])("by %s and gets none: somebody has to set it", async (method) => {
    await asks(method);
    const { url } = parts();
    const env = { PGPASSFILE: "/nowhere" };
    await expect
      .poll(() => openStore(url, systemClock, { env }).catch((error: unknown) => error))
      .toMatchObject({
        constructor: UserError,
        message: `the database ${url} says: no password is given for user "mail"`,
        hint: expect.stringContaining("set PGPASSWORD"),
      });
  });

  it.each([
    ["every field", (port: number, password: string) => `127.0.0.1:${port}:mail:mail:${password}`],
    ["stars", (_: number, password: string) => `*:*:*:*:${password}`],
    [
      "lines that do not fit",
      (_: number, password: string) => `# *:*:*:*:no\nother:*:*:*:no\r\n*:*:mail:mail:${password}\n`,
    ],
  ])("takes it from a password file with %s, without a word of Node.js", async (_, text) => {
    const { url, password } = parts();
    const file = join(await workFolder(), "pgpass");
    await writeFile(file, text(server.port, password), { mode: 0o600 });
    const warned = vi.spyOn(process, "emitWarning");
    expect(await storeExists(url, { env: { PGPASSFILE: file } })).toBe(false);
    expect(warned).not.toHaveBeenCalled();
  });

  it("takes a backslash in a password file as libpq does", async () => {
    await server.query(`create role "a:b" login password 'x:\\y z'`);
    const file = join(await workFolder(), "pgpass");
    await writeFile(file, "*:*:*:a\\:b:x\\:\\\\y z", { mode: 0o600 });
    const url = `postgres://a%3Ab@127.0.0.1:${server.port}/mail`;
    expect(await storeExists(url, { env: { PGPASSFILE: file } })).toBe(false);
  });

  it("leaves a password file alone that others may read, and says so", async () => {
    const { url, password } = parts();
    const file = join(await workFolder(), "pgpass");
    await writeFile(file, `*:*:*:*:${password}`, { mode: 0o644 });
    await expect(storeExists(url, { env: { PGPASSFILE: file } })).rejects.toThrow(
      `no password is given for user "mail"; ${file} does not count, because others may read it: chmod 0600 ${file}`,
    );
  });
});
