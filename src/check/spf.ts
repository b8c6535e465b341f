/** Reads SPF records (RFC 7208): does a domain let Amazon SES send for it? */
import type { Dns } from "./dns.ts";

const SES = "amazonses.com";
/** RFC 7208 §4.6.4: a receiver gives up after this many look-ups. */
const MOST_LOOKUPS = 10;

/**
 * `allows_ses`: SES may send. `other`: it may not. `none`: there is no record. `several`: there is more than one, which
 * receivers treat as an error.
 */
export type Spf = "allows_ses" | "other" | "none" | "several";

/**
 * Looks for SES in the domain's record and follows `include:` and `redirect=` as a receiver does.
 * @throws DnsUnavailable when the DNS cannot be asked.
 */
export async function spfOf(dns: Dns, domain: string): Promise<Spf> {
  const records = await recordsOf(dns, domain);
  if (records.length > 1) return "several";
  const [record] = records;
  if (record === undefined) return "none";
  return (await allowsSes(dns, record, { left: MOST_LOOKUPS })) ? "allows_ses" : "other";
}

async function recordsOf(dns: Dns, domain: string): Promise<string[]> {
  return (await dns.txt(domain)).filter((text) => /^v=spf1(?:\s|$)/i.test(text));
}

async function allowsSes(dns: Dns, record: string, lookups: { left: number }): Promise<boolean> {
  const included = [...record.matchAll(/\s(?:\+?include:|redirect=)(\S+)/gi)].map(([, name = ""]) =>
    name.toLowerCase(),
  );
  if (included.includes(SES)) return true;
  for (const name of included) {
    if (lookups.left-- <= 0) return false;
    const [next] = await recordsOf(dns, name);
    if (next !== undefined && (await allowsSes(dns, next, lookups))) return true;
  }
  return false;
}
