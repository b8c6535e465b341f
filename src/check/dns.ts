/** Asks the DNS. A record that does not exist is an answer; a DNS that does not answer is an error. */
import { Resolver } from "node:dns/promises";
import { UserError } from "../errors.ts";
import { TimeLimitError, withinLimit } from "../time/time-limit.ts";

/**
 * Questions to the DNS.
 * @throws DnsUnavailable from every question when nobody answers.
 */
export interface Dns {
  /** The TXT records of the name, each joined to one string; empty when there are none. */
  txt(name: string): Promise<string[]>;
  /** The names that the CNAME records point to, in lower case; empty when there are none. */
  cname(name: string): Promise<string[]>;
}

/** The DNS could not be asked: no network, no server, or no answer in time. `message` is the reason. */
export class DnsUnavailable extends Error {
  override name = "DnsUnavailable";
}

const TIMEOUT_MS = 2_000;
const TRIES = 2;
/** For a whole question: there may be several servers, and an answer over TCP may come byte by byte. */
const QUESTION_MS = 10_000;

/**
 * Makes a resolver that waits 2 seconds for an answer and tries twice. `server` is `ip` or `ip:port`; null takes the
 * machine's own servers.
 * @throws UserError when `server` is no address.
 */
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
    return await withinLimit({ ms: QUESTION_MS }, () => question);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    if (code === "ENOTFOUND" || code === "ENODATA") return [];
    if (error instanceof TimeLimitError) throw new DnsUnavailable("no answer in time");
    throw new DnsUnavailable(code || String(error));
  }
}
