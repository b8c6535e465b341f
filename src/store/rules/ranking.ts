/** Counting messages by names, such as reasons, and ranking them. */

/** Rows ranked by count, and the sum of those left out. */
export interface Ranked<Row> {
  /** The most frequent first. */
  rows: Row[];
  /** The rows left out; null: there are none. `kinds` is how many they are, `counts` their sum, with names that say nothing. */
  others: { kinds: number; counts: Row } | null;
}

/** The most different names that are kept apart. It bounds the memory, however many different texts servers send. */
const MOST = 10_000;

type Name = string | null;

/** Counts of messages by names. */
export interface Tally<Names> {
  /** Counts so many more messages with these names. */
  add(names: Names, messages: number): void;
  /** The `limit` most frequent. `nobody` stands for the names in the sum of the others. */
  ranked(limit: number, nobody: Names): Ranked<Names & { messages: number }>;
}

/**
 * Makes an empty tally. It keeps 10,000 different names apart. What comes after that under a new name counts with the others.
 */
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
