/** The most frequent first; the rest added up. */
export interface Ranked<Row> {
  rows: Row[];
  /** Null when nothing is left out. `counts` is the sum, its names empty; `kinds` is how many rows it stands for. */
  others: { kinds: number; counts: Row } | null;
}

/** Different names kept apart. More of them than anybody reads, and few enough to keep memory flat whatever SES says. */
const MOST = 10_000;

type Name = string | null;

export interface Tally<Names> {
  add(names: Names, messages: number): void;
  /** `nobody` stands for the names of what is added up. */
  ranked(limit: number, nobody: Names): Ranked<Names & { messages: number }>;
}

/** Counts messages by names. When there are too many different ones, those that come late count with the others. */
export function createTally<Names extends { [name in keyof Names]: Name }>(): Tally<Names> {
  const known = new Map<string, Names & { messages: number }>();
  let late = 0;
  let lateKinds = 0;
  return {
    add(names, messages) {
      const key = JSON.stringify(Object.values(names));
      const row = known.get(key);
      if (row) row.messages += messages;
      else if (known.size < MOST) known.set(key, { ...names, messages });
      else {
        late += messages;
        lateKinds++;
      }
    },
    ranked(limit, nobody) {
      const sorted = [...known.values()].sort((a, b) => b.messages - a.messages);
      const rest = sorted.slice(limit);
      const kinds = rest.length + lateKinds;
      if (kinds === 0) return { rows: sorted, others: null };
      const messages = rest.reduce((sum, row) => sum + row.messages, late);
      return { rows: sorted.slice(0, limit), others: { kinds, counts: { ...nobody, messages } } };
    },
  };
}
