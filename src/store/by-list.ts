/** Adds up what became of messages by the list of their content, in bounded memory. */
import { STATES } from "../message.ts";
import type { CountsOfList } from "./breakdown.ts";
import { EVENT_COUNTERS } from "./rules/event-counters.ts";
import type { Ranked } from "./rules/ranking.ts";

/** The most lists that are kept apart. It bounds the memory, whatever names programs make up. */
const MOST_LISTS = 10_000;

/** The columns that count messages, as SQL has to name them. */
export const COUNTED = ["total", ...STATES, ...EVENT_COUNTERS] as const;

/** Counts by list. */
export interface ListTally {
  /** Adds the counts of some messages of one list. */
  add(counts: CountsOfList): void;
  /** The `limit` lists with the most messages; the others are added up. */
  ranked(limit: number): Ranked<CountsOfList>;
}

/** Makes an empty tally. It keeps 10,000 lists apart. What comes after that under a new name counts with the others. */
export function createListTally(): ListTally {
  const lists = new Map<string | null, CountsOfList>();
  const late = { kinds: 0, sum: nobody() };
  return {
    add(counts) {
      const known = lists.get(counts.list);
      if (known !== undefined) plus(known, counts);
      else if (lists.size < MOST_LISTS) lists.set(counts.list, { ...counts });
      else {
        late.kinds++;
        plus(late.sum, counts);
      }
    },
    ranked(limit) {
      const all = [...lists.values()].sort((a, b) => b.total - a.total || ((a.list ?? "") < (b.list ?? "") ? -1 : 1));
      const rest = all.slice(limit);
      const kinds = rest.length + late.kinds;
      if (kinds === 0) return { rows: all, others: null };
      const sum = { ...late.sum };
      for (const counts of rest) plus(sum, counts);
      return { rows: all.slice(0, limit), others: { kinds, counts: sum } };
    },
  };
}

function nobody(): CountsOfList {
  const counts = Object.fromEntries(COUNTED.map((name) => [name, 0])) as Record<(typeof COUNTED)[number], number>;
  return { list: null, ...counts, first_sent_at: null, last_sent_at: null };
}

function plus(sum: CountsOfList, more: CountsOfList): void {
  for (const name of COUNTED) sum[name] += more[name];
  sum.first_sent_at = chosen(Math.min, sum.first_sent_at, more.first_sent_at);
  sum.last_sent_at = chosen(Math.max, sum.last_sent_at, more.last_sent_at);
}

function chosen(choose: (a: number, b: number) => number, a: number | null, b: number | null): number | null {
  return a === null || b === null ? (a ?? b) : choose(a, b);
}
