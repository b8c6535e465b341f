/** Counts clicks by link in bounded memory. */
import type { LinkCounts } from "./breakdown.ts";
import { MOST_VARIANTS, stemOf } from "./rules/links.ts";
import type { Ranked } from "./rules/ranking.ts";

/** The most links that are kept apart. It bounds the memory, however many links there are. */
const MOST_LINKS = 100_000;

type Counts = Omit<LinkCounts, "link">;

/** Clicks by link. */
export interface LinkTally {
  /** Counts clicks on a link. Each message is counted in one call of each link only. */
  add(clicked: LinkCounts): void;
  /** The `limit` links that were clicked in the most messages, of links with many variants the part they share; the others added up. */
  ranked(limit: number): Ranked<LinkCounts>;
}

/** Variants of one link; null: they are so many that they count as one. */
interface Stem {
  variants: Map<string, Counts> | null;
  sum: Counts;
}

/** Makes an empty tally. It keeps 100,000 links apart. What comes after that under a new name counts with the others. */
export function createLinkTally(): LinkTally {
  const stems = new Map<string, Stem>();
  const late = { kinds: 0, sum: none() };
  let kept = 0;

  const stemFor = (name: string): Stem | null => {
    let stem = stems.get(name);
    if (stem === undefined && kept < MOST_LINKS) stems.set(name, (stem = { variants: new Map(), sum: none() }));
    return stem ?? null;
  };

  return {
    add({ link, ...counts }) {
      const stem = stemFor(stemOf(link));
      if (stem === null) {
        late.kinds++;
        plus(late.sum, counts);
        return;
      }
      plus(stem.sum, counts);
      if (stem.variants === null) return;
      const known = stem.variants.get(link);
      if (known !== undefined) plus(known, counts);
      else {
        stem.variants.set(link, { ...counts });
        kept++;
      }
      if (stem.variants.size <= MOST_VARIANTS) return;
      kept -= stem.variants.size - 1;
      stem.variants = null;
    },
    ranked(limit) {
      const all = [...stems].flatMap(([stem, { variants, sum }]) =>
        variants === null ? [{ link: stem, ...sum }] : [...variants].map(([link, counts]) => ({ link, ...counts })),
      );
      all.sort((a, b) => b.messages - a.messages || b.clicks - a.clicks || (a.link < b.link ? -1 : 1));
      const rest = all.slice(limit);
      const kinds = rest.length + late.kinds;
      if (kinds === 0) return { rows: all, others: null };
      const sum = { ...late.sum };
      for (const counts of rest) plus(sum, counts);
      return { rows: all.slice(0, limit), others: { kinds, counts: { link: "", ...sum } } };
    },
  };
}

function none(): Counts {
  return { messages: 0, clicks: 0, machine_clicks: 0 };
}

function plus(sum: Counts, more: Counts): void {
  sum.messages += more.messages;
  sum.clicks += more.clicks;
  sum.machine_clicks += more.machine_clicks;
}
