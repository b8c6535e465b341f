/** Questions to the DNS, with an answer for "there is no such record" and an error for "nobody answered". */
import { Resolver } from "node:dns/promises";
import { UserError } from "../errors.ts";

export interface Dns {
  /** The TXT records of the name, each in one piece; empty when there are none. */
  txt(name: string): Promise<string[]>;
  /** Where the name points to, in lower case; empty when it is no alias. */
  cname(name: string): Promise<string[]>;
}

/** The DNS could not be asked: no network, no server, no answer in time. `message` is the reason. */
export class DnsUnavailable extends Error {
  override name = "DnsUnavailable";
}

const TIMEOUT_MS = 2_000;
const TRIES = 2;

/** `server`: `ip` or `ip:port` instead of what the machine is set up with. Throws UserError when it is neither. */
export function openDns(server: string | null): Dns {
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES });
  if (server !== null) useServer(resolver, server);
  return {
    txt: async (name) => (await answerOf(resolver.resolveTxt(name))).map((parts) => parts.join("")),
    cname: async (name) => (await answerOf(resolver.resolveCname(name))).map((target) => target.toLowerCase()),
  };
}

function useServer(resolver: Resolver, server: string): void {
  try {
    resolver.setServers([server]);
  } catch {
    throw new UserError(
      `--dns-server expects an IP address, with or without a port, got ${JSON.stringify(server)}`,
      "for example 1.1.1.1 or 127.0.0.1:5353",
    );
  }
}

async function answerOf<T>(question: Promise<T[]>): Promise<T[]> {
  try {
    return await question;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (code === "ENOTFOUND" || code === "ENODATA") return [];
    throw new DnsUnavailable(code || String(error));
  }
}
