/**
 * What is done to the messages of a topic in parts: another time for what is pending, another content for what was not sent. The first
 * transaction writes all that is needed to do it (`topic.moving_to`), so that others can finish it when the process dies. Both may be
 * under way at once.
 */
import type { State } from "../message.ts";
import { columnsOf } from "./fields.ts";
import type { Reschedule } from "./rows.ts";

/** Another time that is begun: who gets which. */
export interface Move extends Reschedule {
  /** The last message that it concerns. What came later has a time of its own. */
  last: number;
  /** When it was begun (ms since the epoch). */
  begunAt: number;
}

/** Another content that is begun, which is the topic's own already. */
export interface NewContent {
  /** Its id. */
  id: number;
  /** True: its list or kind is another one, so it may not be sent to all who may have had what they have now. */
  sifts: boolean;
  /** The last message that it concerns. What came later has it. */
  last: number;
  /** When it was begun (ms since the epoch). */
  begunAt: number;
}

/** All that is under way with a topic; null: not this. */
export interface Moves {
  time: Move | null;
  content: NewContent | null;
}

/** What is begun with a topic, beside what is under way. */
export type Begun = { time: Omit<Move, "begunAt"> } | { content: Omit<NewContent, "begunAt"> };

/** What has not been sent, and gets the content that its topic gets. What may have arrived keeps the one it was sent with. */
export const UNSENT: readonly State[] = ["pending", "failed", "cancelled", "suppressed"];

/** More messages than this, in whatever state, are given another content in parts. */
export const FEW = 5_000;

/** As it is kept. The same text means the same moves. */
export function textOfMoves({ time, content }: Moves): string {
  return JSON.stringify({ time, content });
}

/** Reads what `textOfMoves` wrote. */
export function movesOf(text: string): Moves {
  return JSON.parse(text) as Moves;
}

/**
 * What there is to be done when something is begun now (ms since the epoch), beside what is under way by this text; null: nothing is.
 * It takes the place of the same kind, and all of it is done from the first message on. `begunAt` tells it from whatever was under way.
 */
export function movesWith(underWay: string | null, begun: Begun, now: number): { text: string; begunAt: number } {
  const { time, content }: Moves = underWay === null ? { time: null, content: null } : movesOf(underWay);
  const begunAt = Math.max(now, (time?.begunAt ?? 0) + 1, (content?.begunAt ?? 0) + 1);
  if ("time" in begun) return { text: textOfMoves({ time: { ...begun.time, begunAt }, content }), begunAt };
  // Some messages may have the content that was before the last one.
  const sifts = begun.content.sifts || content?.sifts === true;
  return { text: textOfMoves({ time, content: { ...begun.content, sifts, begunAt } }), begunAt };
}

/** The last message that any of it concerns, and the states of those that it concerns. */
export function reachOf({ time, content }: Moves): { last: number; states: readonly State[] } {
  return { last: Math.max(time?.last ?? 0, content?.last ?? 0), states: content === null ? ["pending"] : UNSENT };
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
