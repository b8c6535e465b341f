/**
 * Entries that somebody was given and has not acknowledged: our own after a restart or a reconnect, and those of workers
 * that are gone.
 */
import type { Connection } from "./connection.ts";
import { type Entry, entriesOf, readOf } from "./entries.ts";
import type { Fields } from "./job.ts";
import { RedisProblem } from "./problem.ts";

/** Where the entries are. */
export interface Group {
  readonly stream: string;
  readonly group: string;
  /** Our name in the group. */
  readonly consumer: string;
}

/** An entry that was given out before. */
export interface Again {
  readonly id: string;
  readonly fields: Fields;
  /** How often anybody was given it, this time included. */
  readonly deliveries: number;
}

/** Some pending entries. */
export interface Page {
  readonly entries: readonly Again[];
  /** How many were pending and are in the stream no more. They are not pending any more, either. */
  readonly lost: number;
  /** The last id that was looked at; null: nothing is behind this page. */
  readonly last: string | null;
}

/**
 * An entry that was taken this often and never accepted is taken alone the next time. One of those that were in hand together may bring
 * down whoever takes it, and the others must not be taken for it.
 */
const TOGETHER = 2;

/** Which entries to take. */
export interface Asked {
  /** Only behind this one; "": from the first on. */
  after: string;
  most: number;
  /** Only those of this consumer. */
  of?: string;
  /** Only those that nobody has touched for so long. */
  idleMs?: number;
  /** True for one that is left where it is. */
  skips?(id: string): boolean;
}

/** Pending entries that may be taken together. */
export interface Next extends Pick<Page, "last"> {
  readonly after: string;
  readonly ids: readonly string[];
  /** How often each was given out before. */
  readonly counts: ReadonlyMap<string, number>;
  /** True when it is one that nothing else is to be in hand with. */
  readonly isAlone: boolean;
}

/** The next pending entries as they are asked for, up to the first that is to be taken alone; that one when it stands in front. */
export async function nextPending(asks: Connection, where: Group, asked: Asked): Promise<Next> {
  const { after, most, of, idleMs, skips = () => false } = asked;
  const [idle, name] = [idleMs === undefined ? [] : ["IDLE", idleMs], of === undefined ? [] : [of]];
  const from = after === "" ? "-" : `(${after}`;
  const reply = await asks.one(["XPENDING", where.stream, where.group, ...idle, from, "+", most, ...name]);
  const counts = countsOf(reply);
  const isSuspect = (id: string) => (counts.get(id) ?? 0) >= TOGETHER && !skips(id);
  const all = [...counts.keys()];
  const suspect = all.findIndex(isSuspect);
  const upTo = suspect === -1 ? all : all.slice(0, suspect);
  const together = upTo.filter((id) => !skips(id));
  const isAlone = suspect !== -1 && together.length === 0;
  const ids = isAlone ? all.slice(suspect, suspect + 1) : together;
  return { after, ids, counts, isAlone, last: (isAlone ? ids : upTo).at(-1) ?? null };
}

/** Takes entries again that one of our name was given before we began. Being given them now counts once more. */
export async function takeOwn(asks: Connection, where: Group, { after, ids, counts, last }: Next): Promise<Page> {
  const { stream, group, consumer } = where;
  // Also when there are none: it makes us known in the group.
  const count = Math.max(1, ids.length);
  const read = ["XREADGROUP", "GROUP", group, consumer, "COUNT", count, "STREAMS", stream, after] as const;
  const found = readOf(await asks.one(read));
  return pageOf(asks, where, { found, last, counts: oneMore(counts) });
}

/**
 * Up to `most` entries behind `after` that were given to us, perhaps over a connection that ended before they arrived. That is no fault
 * of theirs, so it does not count: who counts it takes mail for poison wherever connections are bad.
 */
export async function pendingSince(asks: Connection, where: Group, after: string, most: number): Promise<Page> {
  const { stream, group, consumer } = where;
  const counts = countsOf(await asks.one(["XPENDING", stream, group, `(${after}`, "+", most, consumer]));
  const ids = [...counts.keys()];
  const last = ids.at(-1) ?? null;
  if (last === null) return { entries: [], lost: 0, last };
  // JUSTID counts nothing. For others they are not idle any more.
  const touch = ["XCLAIM", stream, group, consumer, 0, ...ids, "JUSTID"] as const;
  const [, ...ranges] = await asks.run([touch, ...ids.map((id) => ["XRANGE", stream, id, id] as const)]);
  const found = ids.map((id, index) => entriesOf(ranges[index])[0] ?? { id, fields: null });
  return pageOf(asks, where, { found, last, counts });
}

/**
 * Takes entries over that nobody has touched for `idleMs`, whoever has them. Two workers that do this at the same time share them. Being
 * given them counts once more.
 */
export async function takeOver(
  asks: Connection,
  where: Group,
  { ids, counts, last }: Next,
  idleMs: number,
): Promise<Page> {
  const { stream, group, consumer } = where;
  if (ids.length === 0) return { entries: [], lost: 0, last };
  const [from = "", to = ""] = [ids[0], ids.at(-1)];
  // In one step: those that another worker has just accepted and removed are pending no more, and not lost.
  const [pending, reply] = await asks.together([
    ["XPENDING", stream, group, "IDLE", idleMs, from, to, counts.size],
    ["XCLAIM", stream, group, consumer, idleMs, ...ids],
  ]);
  const claimed = entriesOf(reply);
  const got = new Set(claimed.map(({ id }) => id));
  const idle = countsOf(pending);
  // The others were taken by another worker just now.
  const deleted = ids.filter((id) => idle.has(id) && !got.has(id));
  const found = [...claimed, ...deleted.map((id) => ({ id, fields: null }))];
  return pageOf(asks, where, { found, last, counts: oneMore(counts) });
}

const oneMore = (counts: ReadonlyMap<string, number>) => new Map([...counts].map(([id, times]) => [id, times + 1]));

/** Deliveries so far by id, of what XPENDING answers. */
function countsOf(reply: unknown): Map<string, number> {
  const rows = reply as readonly (readonly [id: Buffer, consumer: Buffer, idleMs: number, deliveries: number])[];
  return new Map(rows.map(([id, , , deliveries]) => [String(id), deliveries]));
}

interface Found {
  found: readonly Entry[];
  last: string | null;
  counts: ReadonlyMap<string, number>;
}

async function pageOf(asks: Connection, { stream, group }: Group, { found, last, counts }: Found): Promise<Page> {
  const gone = found.filter(({ fields }) => fields === null).map(({ id }) => id);
  // Redis 7 does so by itself when it claims them.
  if (gone.length > 0) await asks.one(["XACK", stream, group, ...gone]);
  const entries = found.flatMap(({ id, fields }) =>
    fields === null ? [] : [{ id, fields, deliveries: counts.get(id) ?? 1 }],
  );
  return { entries, lost: gone.length, last };
}

/**
 * Deletes a consumer in one step, so that it cannot be given anything in between: what a deleted consumer has pending is
 * in the stream and is never shown to anybody again.
 */
const FORGET = `
for _, row in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local consumer = {}
  for at = 1, #row, 2 do consumer[row[at]] = row[at + 1] end
  if consumer.name ~= ARGV[2] and consumer.pending == 0 and consumer.idle > tonumber(ARGV[3]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], consumer.name)
  end
end`;

/** Deletes other consumers that have nothing pending and have not read for `idleMs`. Nothing happens where that is forbidden. */
export async function forgetConsumers(
  asks: Connection,
  { stream, group, consumer }: Group,
  idleMs: number,
): Promise<void> {
  const [reply] = await asks.runEach([["EVAL", FORGET, 1, stream, group, consumer, idleMs]]);
  if (reply instanceof RedisProblem && reply.code === null) throw reply;
}
