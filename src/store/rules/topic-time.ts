/** When a topic is due, which `topics` and the dashboard show: the time of the earliest of its mail that waits. */

/** What decides, of a topic to which mail is added. */
export interface TimedTopic {
  /** When it is due (ms since the epoch); null: at once. */
  notBefore: number | null;
  /** How many of its messages are pending or sending. */
  waits: number;
}

/** A topic that has no mail yet. */
export const UNTIMED: TimedTopic = { notBefore: null, waits: 0 };

/** When the topic is due after mail with the time `added` was added to it; null: at once. */
export function timeWith({ notBefore, waits }: TimedTopic, added: number | null): number | null {
  if (waits === 0 || added === null) return added;
  return notBefore === null ? null : Math.min(notBefore, added);
}

/** The same in SQL. All are SQL expressions, and null is a time, too. */
export const timeWithSql = (waits: string, notBefore: string, added: string): string =>
  `case when ${waits} = 0 or ${added} is null or ${notBefore} > ${added} then ${added} else ${notBefore} end`;

/** SQL about the pending messages of a topic. */
interface Waiting {
  /** Whether one has a time or has to wait: a lookup. */
  hasTimed: string;
  /** Whether one goes at once: some lookups. */
  hasAtOnce: string;
  /** A query of the least `not_before` of those with `hasTimed`, as `first`. */
  firstTimed: string;
}

/**
 * When the topic is due, as it is shown, in SQL. What is kept is the time of the earliest mail. When that is over all such mail may be sent,
 * and the rest be for later: then it is the time of the rest. Nobody who sends has to find out: a topic is asked when it is shown, and only
 * one that has pending mail and a time that is over. `pending`, `notBefore` and `now` are SQL expressions.
 */
export const shownTimeSql = (
  { pending, notBefore, now }: { pending: string; notBefore: string; now: string },
  { hasTimed, hasAtOnce, firstTimed }: Waiting,
): string => `case when ${pending} > 0 and coalesce(${notBefore}, 0) <= ${now} and ${hasTimed} and not ${hasAtOnce}
    then (select case when rest.first > ${now} then rest.first else ${notBefore} end from (${firstTimed}) rest) else ${notBefore} end`;
