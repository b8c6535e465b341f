/** What is told of a request beside its counts, and when its mail expires. */

/** Message ids are told for requests of at most this many addresses, so that the answer, which is kept for repeats, stays below 20 kB. */
const MOST_IDS = 1_000;

/** A list for the message ids of these messages, to be filled in the order of their addresses; null: there are too many. */
export function listOfIds(messages: readonly { emails: readonly string[] }[]): (number | null)[] | null {
  return messages.reduce((sum, { emails }) => sum + emails.length, 0) > MOST_IDS ? null : [];
}

/** The uuids of a message, as `AcceptMessage` has them. */
interface Names {
  emails: readonly string[];
  uuid: string | null;
  uuids?: readonly (string | null)[];
}

/**
 * Gives the known uuid of each address by its index when the whole message was accepted before: by its own uuid, or because each of
 * its addresses has one that is known. Null: it was not.
 */
export function knownNames(
  { emails, uuid, uuids }: Names,
  isKnown: (uuid: string) => boolean,
): ((at: number) => string) | null {
  if (uuid !== null) return isKnown(uuid) ? () => uuid : null;
  const nameOf = (at: number) => uuids?.[at] ?? null;
  const areKnown = emails.every((_, at) => {
    const name = nameOf(at);
    return name !== null && isKnown(name);
  });
  return areKnown && emails.length > 0 ? (at) => nameOf(at) ?? "" : null;
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
