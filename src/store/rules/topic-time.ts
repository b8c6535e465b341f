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
