/** Entries of the stream as Redis answers them, and as a queue hands them out. */
import { LATEST_MS } from "../../time/epoch.ts";
import type { Delivery } from "../queue.ts";
import { bodyOf, type Fields } from "./job.ts";

/** One job of Redis. */
export interface RedisDelivery extends Delivery {
  /** The job: what `bodyOf` makes of the fields. */
  readonly body: Uint8Array;
  /**
   * When the job was added, in milliseconds since the epoch. Its delay counts from there. Of an entry: by Redis' clock,
   * from the id of the entry. Of a job in `:delayed`: its score (milliseconds or seconds) less its delay, so that it is
   * due at its score. Of a job in `:priority`: its `createdAt`, or the instant at which this process saw it first.
   */
  readonly at: number;
  /** Set when it is too late to take this, to the reason in one line: the handler is to refuse it with that. */
  readonly overdue?: string;
}

/** An entry, with null for the fields of one that was deleted. */
export interface Entry {
  readonly id: string;
  readonly fields: Fields | null;
}

/** Entries as XRANGE, XCLAIM and each stream of XREADGROUP answer them. Redis 6.2 answers nil for a deleted one. */
export function entriesOf(reply: unknown): Entry[] {
  const entries = (reply ?? []) as readonly (readonly [Buffer, Fields | null] | null)[];
  return entries.flatMap((entry) => (entry === null ? [] : [{ id: String(entry[0]), fields: entry[1] }]));
}

/** The entries that XREADGROUP brought of the one stream that it was asked for. */
export function readOf(reply: unknown): Entry[] {
  const [first] = (reply ?? []) as readonly (readonly [name: Buffer, entries: unknown])[];
  return entriesOf(first?.[1]);
}

/** The delivery of an entry. */
export function deliveryOf(stream: string, { id, fields }: { id: string; fields: Fields }): RedisDelivery {
  // Producers may choose ids of their own, up to 2^64.
  const at = Math.min(Number(id.slice(0, id.indexOf("-"))), LATEST_MS);
  return { id: `${stream}#${id}`, body: bodyOf(fields), at };
}
