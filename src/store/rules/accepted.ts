/** What is told of a request beside its counts, and when its mail expires. */

/** So many addresses may a request have whose message ids are told: the answer, which is kept for repeats, stays below 20 kB. */
const MOST_IDS = 1_000;

/** A list for the message ids of these messages, to be filled in the order of their addresses; null: there are too many. */
export function listOfIds(messages: readonly { emails: readonly string[] }[]): (number | null)[] | null {
  return messages.reduce((sum, { emails }) => sum + emails.length, 0) > MOST_IDS ? null : [];
}

/** The times of a message, as `AcceptMessage` has them. */
interface Times {
  notBefore: number;
  expiresAt: number | null;
  expiresIn: number | null;
}

/** When a message expires that is taken in `now`, by the clock of the store (ms since the epoch); null: never. */
export function expiryOf({ notBefore, expiresAt, expiresIn }: Times, now: number): number | null {
  return expiresIn === null ? expiresAt : (notBefore > 0 ? notBefore : now) + expiresIn;
}
