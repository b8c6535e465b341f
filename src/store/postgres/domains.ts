/** Counts the messages of a topic by domain. */
import { type DomainCounts } from "../breakdown.ts";
import { OUTCOMES, MARK_OF } from "../rules/event-counters.ts";
import { rankedOf, type Sum } from "../rules/ranked.ts";
import type { Ranked } from "../rules/ranking.ts";
import type { Part } from "./ranges.ts";
import type { Walk } from "./walk.ts";

/** More domains than this are not counted at once. */
const MOST_DOMAINS = 200_000;

const COUNTED = ["total", "sent", ...OUTCOMES] as const;

type Counts = Omit<DomainCounts, "domain">;

/**
 * The `limit` domains with the most messages; the others are added up. A list may have as many domains as recipients. When they are
 * too many for the memory, they are counted in shares, for which the messages are read once each.
 */
export async function byDomain(walk: Walk, limit: number): Promise<Ranked<DomainCounts>> {
  for (let shares = 1; ; shares *= 4) {
    const ranked = await inShares(walk, shares, limit);
    if (ranked !== null) return ranked;
  }
}

/** Null: some share has too many domains. */
async function inShares(walk: Walk, shares: number, limit: number): Promise<Ranked<DomainCounts> | null> {
  let rows: DomainCounts[] = [];
  const sum: Sum<DomainCounts> = { domain: "", kinds: 0, ...none() };
  for (let share = 0; share < shares; share++) {
    const domains = await countShare(walk, shares, share);
    if (domains === null) return null;
    sum.kinds += domains.size;
    const found = [...domains].map(([domain, counts]) => ({ domain, ...counts }));
    for (const counts of found) plus(sum, counts);
    rows = [...rows, ...found].sort((a, b) => b.total - a.total || (a.domain < b.domain ? -1 : 1)).slice(0, limit);
  }
  return rankedOf(rows, sum, COUNTED);
}

/** The counts of the domains of one of some shares; null: they are too many. */
async function countShare(walk: Walk, shares: number, share: number): Promise<Map<string, Counts> | null> {
  const domains = new Map<string, Counts>();
  for await (const rows of walk<DomainCounts>(countPart, shares, share)) {
    for (const { domain, ...counts } of rows) {
      const known = domains.get(domain);
      if (known === undefined) domains.set(domain, counts);
      else plus(known, counts);
    }
    if (domains.size > MOST_DOMAINS) return null;
  }
  return domains;
}

const countPart = ({ has }: Part): string => `select domain, count(*)::int8 as total,
    count(*) filter (where state = 'sent')::int8 as sent,
    ${OUTCOMES.map((name) => `count(f.${MARK_OF[name]})::int8 as ${name}`).join(", ")}
  from (
    select id, state, substr(email, strpos(email, '@') + 1) as domain from sm.message where ${has("id")} offset 0
  ) m left join sm.feedback f on f.message_id = m.id and ${has("f.message_id")}
  where $3::int = 1 or (hashtext(domain) & 2147483647) % $3 = $4::int
  group by domain`;

function none(): Counts {
  return Object.fromEntries(COUNTED.map((name) => [name, 0])) as Counts;
}

function plus(sum: Counts, more: Counts): void {
  for (const name of COUNTED) sum[name] += more[name];
}
