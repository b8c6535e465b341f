/**
 * Giving the messages of a topic another time, in parts. The first transaction writes all that is needed to do it (`topic.moving_to`), so
 * that others can finish it when the process dies.
 */
import { columnsOf } from "./fields.ts";
import type { Reschedule } from "./rows.ts";

/** What is begun: who gets which time. */
export interface Move extends Reschedule {
  /** The last message that it concerns. What came later has a time of its own. */
  last: number;
  /** When it was begun (ms since the epoch). */
  begunAt: number;
}

/** As it is kept. The same text means the same move. */
export function textOfMove({ notBefore, times, last, begunAt }: Move): string {
  return JSON.stringify({ notBefore, last, times, begunAt });
}

/** Reads what `textOfMove` wrote. */
export function moveOf(text: string): Move {
  return JSON.parse(text) as Move;
}

/** Makes what tells the time of a message by the columns of its list and its fields, each as JSON (see `columnsOf`). */
export function timesOf({ notBefore, times }: Reschedule): (columns: string, fields: string) => number {
  if (times === null) return () => notBefore;
  const known = new Map(Object.entries(times.at));
  let read = { text: "[]", names: [] as string[] };
  return (columns, fields) => {
    if (columns !== read.text) read = { text: columns, names: JSON.parse(columns) as string[] };
    const value = columnsOf(read.names, fields)[times.column] ?? "";
    return known.get(value.trim()) ?? notBefore;
  };
}
