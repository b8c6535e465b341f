/** Reads DMARC records (RFC 9989): they tell receivers what to do with mail that neither DKIM nor SPF vouches for. */
import type { Dns } from "./dns.ts";

/** What DMARC says for a domain. */
export interface Dmarc {
  /** The domain whose record applies; null when there is none. */
  found: string | null;
  /** What receivers should do with mail that fails; null when no record applies. */
  policy: "none" | "quarantine" | "reject" | null;
  /** True: the signing domain must be the From domain itself. */
  strictDkim: boolean;
  /** True: the MAIL FROM domain must be the From domain itself. */
  strictSpf: boolean;
  /** The organizational domain: it and all domains below it are aligned with each other. */
  organization: string;
  /** Why a record that exists is not valid; null when a record applies or there is none. */
  problem: string | null;
}

type Tags = Map<string, string>;

const POLICIES = ["none", "quarantine", "reject"] as const;
/** RFC 9989 §4.10: the walk up the tree looks up at most this many names. */
const MOST_NAMES = 8;

/**
 * Finds the record that applies: it walks up from `domain` (in lower case) to the last two labels.
 * @throws DnsUnavailable when the DNS cannot be asked.
 */
export async function dmarcOf(dns: Dns, domain: string): Promise<Dmarc> {
  const records = new Map<string, Tags>();
  let problem: string | null = null;
  for (const name of namesAbove(domain)) {
    const found = (await dns.txt(`_dmarc.${name}`)).filter((text) => /^v\s*=\s*DMARC1\s*(?:;|$)/i.test(text));
    const [record] = found;
    if (record === undefined) continue;
    const tags = tagsOf(record);
    if (found.length > 1) problem ??= `_dmarc.${name} has ${found.length} DMARC records, receivers take none`;
    else if (policyIn(tags, "p") === null) problem ??= `_dmarc.${name} has no p= that is none, quarantine or reject`;
    else records.set(name, tags);
  }
  const organization = [...records.keys()].at(-1) ?? domain;
  const own = records.get(domain);
  const tags = own ?? records.get(organization);
  if (!tags) return { found: null, policy: null, strictDkim: false, strictSpf: false, organization, problem };
  const below = own ? null : policyIn(tags, "sp");
  return {
    found: own ? domain : organization,
    policy: below ?? policyIn(tags, "p"),
    strictDkim: tags.get("adkim") === "s",
    strictSpf: tags.get("aspf") === "s",
    organization,
    problem: null,
  };
}

function namesAbove(domain: string): string[] {
  const labels = domain.split(".");
  return labels
    .slice(0, -1)
    .map((_, index) => labels.slice(index).join("."))
    .slice(-MOST_NAMES);
}

function tagsOf(record: string): Tags {
  const pairs = record.split(";").map((part) => part.split("=", 2).map((text) => text.trim().toLowerCase()));
  return new Map(pairs.map(([name = "", value = ""]) => [name, value]));
}

function policyIn(tags: Tags, name: string): Dmarc["policy"] {
  return POLICIES.find((policy) => policy === tags.get(name)) ?? null;
}

/**
 * True when `domain` vouches for the From domain `from` (RFC 9989 §4.4): both must be equal when `strict`, and
 * otherwise belong to the same organization.
 */
export function isAligned(domain: string, from: string, strict: boolean, organization: string): boolean {
  const isWithin = (name: string) => name === organization || name.endsWith(`.${organization}`);
  if (domain === from) return true;
  return (
    !strict && ((isWithin(domain) && isWithin(from)) || from.endsWith(`.${domain}`) || domain.endsWith(`.${from}`))
  );
}
