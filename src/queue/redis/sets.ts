/**
 * The sorted sets of ancestor producers: ids of jobs that go first, and of jobs that wait for their time. What a job is
 * stands in a hash. Nobody is lent a job: workers that read the same one accept it as one mail, and a delayed one is
 * accepted at once, because it is the store that waits.
 */
import { printable } from "../../printable.ts";
import { systemClock } from "../../time/clock.ts";
import type { Queue } from "../queue.ts";
import type { Connection } from "./connection.ts";
import { buryCommand } from "./dead.ts";
import { LATEST, type RedisDelivery } from "./entries.ts";
import { bodyOf, type Fields, parsed, withinBytes } from "./job.ts";
import type { Keys } from "./keys.ts";
import type { Command } from "./line.ts";
import { RedisProblem } from "./problem.ts";

const MOST_PER_CALL = 200;
/** Characters of a key that are shown to people. */
const MOST_SHOWN = 200;
/** How often to look while nothing comes. */
const LOOK_MS = 1_000;
/** How often to try when the sets may not be read. */
const FORBIDDEN_MS = 60_000;
/** How many jobs to know before those are forgotten that are known for nothing. */
const MOST_KNOWN = 10_000;
/** Smaller numbers are seconds: as milliseconds they would lie before March 1973. */
const SECONDS_END = 1e11;

/** What the sets' queue is made of. */
export interface SetsParts {
  readonly keys: Keys;
  readonly asks: Connection;
  /** After so long without an acknowledgement a job comes again, and one that is in a set without a hash is given up. */
  readonly idleMs: number;
  tell(text: string): void;
}

/** A job in a set. */
interface Named {
  readonly set: string;
  readonly id: string;
  readonly score: number;
}

/** The queue of the two sets. */
export class SetsQueue implements Queue<RedisDelivery> {
  readonly mostPerCall = MOST_PER_CALL;
  readonly #parts: SetsParts;
  /** Until when not to hand out a job again (`performance.now()`), by id of the delivery. */
  readonly #lent = new Map<string, number>();
  /** When a job was seen for the first time (`Date.now()`), by id of the delivery. */
  readonly #seen = new Map<string, number>();
  #forbiddenUntil = 0;
  #largest = 0;

  constructor(parts: SetsParts) {
    this.#parts = parts;
  }

  async receive(most: number, waitMs: number, signal: AbortSignal): Promise<RedisDelivery[]> {
    const until = performance.now() + waitMs;
    while (!signal.aborted) {
      const got = await this.#lookIfAllowed(most);
      const leftMs = until - performance.now();
      if (got.length > 0 || leftMs <= 0) return got;
      await systemClock.sleep(Math.min(LOOK_MS, leftMs), signal);
    }
    return [];
  }

  /** Who reads only a stream need not have the right to the sets. */
  async #lookIfAllowed(most: number): Promise<RedisDelivery[]> {
    if (performance.now() < this.#forbiddenUntil) return [];
    try {
      return await this.#look(most);
    } catch (problem) {
      if (!(problem instanceof RedisProblem && problem.code === "NOPERM")) throw problem;
      const { keys, tell } = this.#parts;
      if (this.#forbiddenUntil === 0)
        tell(`redis: ${keys.priority} and ${keys.delayed} are not read. ${problem.message}`);
      this.#forbiddenUntil = performance.now() + FORBIDDEN_MS;
      return [];
    }
  }

  async #look(asked: number): Promise<RedisDelivery[]> {
    const { keys, asks, idleMs } = this.#parts;
    this.#tidy();
    const most = withinBytes(asked, this.#largest);
    const named = [...(await this.#named(keys.priority, most)), ...(await this.#named(keys.delayed, most))];
    const chosen = named.slice(0, most);
    const hashes = await asks.runEach(chosen.map(({ id }): Command => ["HGETALL", keys.job(id)]));
    const got: RedisDelivery[] = [];
    for (const [index, one] of chosen.entries()) {
      const delivery = await this.#deliveryOf(one, hashes[index]);
      if (delivery !== null) got.push(delivery);
    }
    const until = performance.now() + idleMs;
    for (const { id } of got) this.#lent.set(id, until);
    if (got.length > 0) this.#largest = Math.max(...got.map(({ body }) => body.length));
    return got;
  }

  /** Jobs that another worker has accepted are heard of no more. */
  #tidy(): void {
    const now = performance.now();
    if (this.#lent.size > MOST_KNOWN) for (const [name, until] of this.#lent) if (until < now) this.#lent.delete(name);
    if (this.#seen.size > MOST_KNOWN) this.#seen.clear();
  }

  /** Jobs of one set that are not lent, the first in the set first. */
  async #named(set: string, most: number): Promise<Named[]> {
    const free: Named[] = [];
    for (let from = 0; free.length < most; from += MOST_PER_CALL) {
      const range = ["ZRANGE", set, from, from + MOST_PER_CALL - 1, "WITHSCORES"] as const;
      const page = (await this.#parts.asks.one(range)) as readonly Buffer[];
      for (let at = 0; at < page.length; at += 2) {
        const one = { set, id: String(page[at]), score: Number(String(page[at + 1])) };
        if (!this.#isLent(one)) free.push(one);
      }
      if (page.length < 2 * MOST_PER_CALL) break;
    }
    return free;
  }

  #isLent(one: Named): boolean {
    const until = this.#lent.get(nameOf(one));
    return until !== undefined && performance.now() < until;
  }

  async #deliveryOf(one: Named, hash: unknown): Promise<RedisDelivery | null> {
    if (hash instanceof RedisProblem && hash.code !== "WRONGTYPE") throw hash;
    const fields = hash instanceof RedisProblem ? [] : (hash as Fields);
    if (fields.length === 0) return this.#withoutHash(one);
    const body = bodyOf(jobOf(fields, one.id));
    return { id: nameOf(one), body, at: this.#addedAt(one, body) };
  }

  #addedAt(one: Named, body: Uint8Array): number {
    const job = parsed(body) ?? {};
    const dueAt = one.set === this.#parts.keys.delayed ? instantOf(one.score) : null;
    if (dueAt !== null) return Math.round(dueAt - (numberOf(job["delay"]) ?? 0));
    return instantOf(job["createdAt"]) ?? this.#firstSeen(one);
  }

  #firstSeen(one: Named): number {
    const name = nameOf(one);
    const at = this.#seen.get(name) ?? Date.now();
    this.#seen.set(name, at);
    return at;
  }

  /**
   * Another worker may have accepted the job just now, or its producer writes the hash after the set. So it is given up
   * only when it stays in the set without one.
   */
  async #withoutHash(one: Named): Promise<RedisDelivery | null> {
    const score = await this.#parts.asks.one(["ZSCORE", one.set, one.id]);
    if (score === null) {
      this.#forget(nameOf(one));
      return null;
    }
    const at = this.#firstSeen(one);
    if (Date.now() - at < this.#parts.idleMs) return null;
    const hash = printable(this.#parts.keys.job(one.id)).slice(0, MOST_SHOWN);
    const overdue = `it is in ${one.set}, and there is no hash ${hash}`;
    return { id: nameOf(one), body: bodyOf([Buffer.from("id"), Buffer.from(one.id)]), at, overdue };
  }

  async done(deliveries: readonly RedisDelivery[]): Promise<readonly RedisDelivery[]> {
    const removals = deliveries.flatMap((delivery) => this.#removal(delivery));
    if (removals.length > 0) await this.#parts.asks.together(removals);
    for (const { id } of deliveries) this.#forget(id);
    return [];
  }

  async refuse(delivery: RedisDelivery, reason: string): Promise<boolean> {
    const bury = buryCommand(this.#parts.keys, delivery, reason);
    await this.#parts.asks.together([bury, ...this.#removal(delivery)]);
    this.#forget(delivery.id);
    return true;
  }

  #removal({ id }: RedisDelivery): Command[] {
    const at = id.indexOf("#");
    const job = id.slice(at + 1);
    return [
      ["ZREM", id.slice(0, at), job],
      ["DEL", this.#parts.keys.job(job)],
    ];
  }

  async later(delivery: RedisDelivery, afterMs: number): Promise<void> {
    this.#lent.set(delivery.id, performance.now() + afterMs);
  }

  #forget(name: string): void {
    this.#lent.delete(name);
    this.#seen.delete(name);
  }

  /** The connection is the stream's, too, and ends with `Redis.close`. */
  async close(): Promise<void> {
    this.#lent.clear();
  }
}

const nameOf = ({ set, id }: Named): string => `${set}#${id}`;

/** What a hash says of its job. Beside `data` it may hold what a worker noted there, such as a state; that is no part of the job. */
function jobOf(fields: Fields, id: string): Fields {
  const idOfKey = [Buffer.from("id"), Buffer.from(id)];
  const at = fields.findIndex((field, index) => index % 2 === 0 && String(field) === "data");
  if (at !== -1) {
    const data = fields.slice(at, at + 2);
    const hasId = Object.hasOwn(parsed(data[1] as Buffer) ?? {}, "id");
    return hasId ? data : [...data, ...idOfKey];
  }
  const hasId = fields.some((field, index) => index % 2 === 0 && String(field) === "id");
  return hasId ? fields : [...fields, ...idOfKey];
}

const numberOf = (value: unknown): number | null => {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return typeof number === "number" && Number.isFinite(number) ? number : null;
};

/** Milliseconds since the epoch, of such a number, of a number of seconds, or of a text that Date reads. */
function instantOf(value: unknown): number | null {
  const number = numberOf(value) ?? (typeof value === "string" ? Date.parse(value) : NaN);
  const ms = Math.abs(number) < SECONDS_END ? number * 1_000 : number;
  return Math.abs(ms) <= LATEST ? Math.round(ms) : null;
}
