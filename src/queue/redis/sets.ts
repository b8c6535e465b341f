/**
 * The sorted sets of ancestor producers: ids of jobs that go first, and of jobs that wait for their time. What a job is
 * stands in a hash. Nobody is lent a job: workers that read the same one accept it as one mail, and a delayed one is
 * accepted at once, because it is the store that waits.
 */
import { jsonObject } from "../../json.ts";
import { printable, shortened } from "../../printable.ts";
import { systemClock } from "../../time/clock.ts";
import type { Queue } from "../queue.ts";
import type { Connection } from "./connection.ts";
import type { Burial } from "./dead.ts";
import type { RedisDelivery } from "./entries.ts";
import { instantOf, jobOf, numberOf, readJobs } from "./hash.ts";
import { bodyOf, type Fields } from "./job.ts";
import type { Keys } from "./keys.ts";
import type { Command } from "./line.ts";
import { MOST_PER_CALL, Portion } from "./portion.ts";
import { isAboutKey, RedisProblem } from "./problem.ts";

/** How many times as many names of one set a look goes through. */
const MOST_PAGES = 10;
/** Characters of a key that are shown to people. */
const MOST_SHOWN = 200;
/** How often to look while nothing comes. */
const LOOK_MS = 1_000;
/** How often to try when the sets may not be read. */
const FORBIDDEN_MS = 60_000;
/** Of how many jobs it is told that we have no right to them. */
const MOST_STUCK = 10;
/** How many jobs to know before those are forgotten that are known for nothing. */
const MOST_KNOWN = 10_000;

/** What the sets' queue is made of. */
export interface SetsParts {
  readonly keys: Keys;
  readonly asks: Connection;
  readonly burial: Burial;
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

/** What one look has found. */
interface Found {
  readonly got: RedisDelivery[];
  /** What stays in a set without a hash. */
  readonly overdue: RedisDelivery[];
  /** Ids of both. */
  readonly chosen: Set<string>;
}

/** The queue of the two sets. */
export class SetsQueue implements Queue<RedisDelivery> {
  readonly mostPerCall = MOST_PER_CALL;
  readonly #parts: SetsParts;
  /** Until when not to hand out a job again (`performance.now()`), by id of the delivery. */
  readonly #lent = new Map<string, number>();
  /** When a job was seen for the first time (`Date.now()`), by id of the delivery. */
  readonly #seen = new Map<string, number>();
  /** Behind how many names of a set to go on. */
  readonly #cursors = new Map<string, number>();
  /** Keys of a set's name that are none. */
  readonly #otherType = new Set<string>();
  /** Jobs whose keys we may not read or delete, as far as they were told. */
  readonly #stuck = new Set<string>();
  #turn = false;
  #forbiddenUntil = 0;
  readonly #portion = new Portion();

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
    this.#tidy();
    const most = this.#portion.within(asked);
    const { got, overdue } = await this.#fromBoth(most);
    // What has no hash never takes the place of a job.
    const all = [...got, ...overdue].slice(0, most);
    const until = performance.now() + this.#parts.idleMs;
    for (const { id } of all) this.#lent.set(id, until);
    this.#portion.came(all);
    return all;
  }

  /** Half of `most` from each set, and more from one when the other has fewer. */
  async #fromBoth(most: number): Promise<Found> {
    const { priority, delayed } = this.#parts.keys;
    this.#turn = !this.#turn;
    // Each has its turn when there is only one place.
    const sets = most > 1 || this.#turn ? [priority, delayed] : [delayed, priority];
    const [first = priority, second = delayed] = sets;
    const found: Found = { got: [], overdue: [], chosen: new Set() };
    const share = Math.ceil(most / 2);
    await this.#find(first, share, found);
    const hasMore = found.got.length === share;
    await this.#find(second, most, found);
    if (hasMore && found.got.length < most) await this.#find(first, most, found);
    return found;
  }

  /** Jobs that another worker has accepted are heard of no more. */
  #tidy(): void {
    const now = performance.now();
    if (this.#lent.size > MOST_KNOWN) for (const [name, until] of this.#lent) if (until < now) this.#lent.delete(name);
    if (this.#seen.size < MOST_KNOWN) return;
    const longAgo = Date.now() - 10 * this.#parts.idleMs;
    for (const [name, at] of this.#seen) if (at < longAgo) this.#seen.delete(name);
  }

  /**
   * Adds jobs of one set until there are `most`: the first in the set, and then those behind the place where the last look
   * ended, so that however many names without a hash are passed, look by look.
   */
  async #find(set: string, most: number, found: Found): Promise<void> {
    try {
      let from = 0;
      for (let pages = 0; pages < MOST_PAGES && found.got.length < most; pages++) {
        const page = await this.#page(set, from);
        await this.#add(page, most, found);
        const isEnd = page.length < MOST_PER_CALL;
        // A page that was not looked through to its end is where the next look goes on.
        if (pages > 0 && found.got.length < most) this.#cursors.set(set, isEnd ? 0 : from + MOST_PER_CALL);
        if (isEnd) break;
        from = Math.max(MOST_PER_CALL, this.#cursors.get(set) ?? 0);
      }
      this.#otherType.delete(set);
    } catch (problem) {
      if (!(problem instanceof RedisProblem && problem.code === "WRONGTYPE")) throw problem;
      if (!this.#otherType.has(set))
        this.#parts.tell(`redis: ${set} is not read: it is no sorted set. Delete or rename that key.`);
      this.#otherType.add(set);
    }
  }

  async #page(set: string, from: number): Promise<Named[]> {
    const range = ["ZRANGE", set, from, from + MOST_PER_CALL - 1, "WITHSCORES"] as const;
    const page = (await this.#parts.asks.one(range)) as readonly Buffer[];
    const named: Named[] = [];
    for (let at = 0; at < page.length; at += 2)
      named.push({ set, id: String(page[at]), score: Number(String(page[at + 1])) });
    return named;
  }

  /** Adds what is on a page and is not lent until there are `most`. */
  async #add(page: readonly Named[], most: number, found: Found): Promise<void> {
    const { keys, asks } = this.#parts;
    const free = page.filter((one) => !this.#isLent(one) && !found.chosen.has(nameOf(one)));
    // More at once while there is no hash at all: one by one would take too long.
    let bareSize = 0;
    for (let at = 0; at < free.length && found.got.length < most;) {
      const before = found.got.length;
      const some = free.slice(at, at + Math.max(most - before, 2 * bareSize));
      at += some.length;
      const held = await readJobs(
        asks,
        some.map(({ id }) => keys.job(id)),
      );
      const bare = some.filter((one, index) => {
        const fields = held[index] ?? [];
        if (fields instanceof RedisProblem) this.#tellStuck(one.id, fields);
        else if (fields.length === 0) return true;
        else if (found.got.length < most) this.#addJob(one, fields, found);
        return false;
      });
      await this.#addOverdue(bare, found);
      bareSize = found.got.length > before ? 0 : some.length;
    }
  }

  /** The job stays in its set: the right to its key may still be given. */
  #tellStuck(id: string, { message }: RedisProblem): void {
    if (this.#stuck.has(id) || this.#stuck.size >= MOST_STUCK) return;
    this.#stuck.add(id);
    const key = shortened(printable(this.#parts.keys.job(id)), MOST_SHOWN);
    this.#parts.tell(`redis: the job in ${key} stays there, and the others are read. ${message}`);
  }

  #addJob(one: Named, fields: Fields, { got, chosen }: Found): void {
    const body = bodyOf(jobOf(fields, one.id));
    got.push({ id: nameOf(one), body, at: this.#addedAt(one, body) });
    chosen.add(nameOf(one));
  }

  #isLent(one: Named): boolean {
    const until = this.#lent.get(nameOf(one));
    return until !== undefined && performance.now() < until;
  }

  #addedAt(one: Named, body: Uint8Array): number {
    const job = jsonObject(body) ?? {};
    const dueAt = one.set === this.#parts.keys.delayed ? instantOf(one.score) : null;
    if (dueAt !== null) return Math.round(dueAt - (numberOf(job["delay"]) ?? 0));
    return instantOf(job["createdAt"]) ?? this.#firstSeen(one);
  }

  /** When there are too many, the time of one more is not kept: it begins when others are gone. */
  #firstSeen(one: Named): number {
    const name = nameOf(one);
    const at = this.#seen.get(name) ?? Date.now();
    if (this.#seen.size < MOST_KNOWN) this.#seen.set(name, at);
    return at;
  }

  /**
   * Another worker may have accepted such a job just now, or its producer writes the hash after the set. So it is given up
   * only when it stays in the set without one.
   */
  async #addOverdue(bare: readonly Named[], { overdue, chosen }: Found): Promise<void> {
    const { asks, idleMs, keys } = this.#parts;
    const isEarly = (one: Named) => Date.now() - (this.#seen.get(nameOf(one)) ?? -Infinity) < idleMs;
    const asked = bare.filter((one) => !isEarly(one));
    if (asked.length === 0) return;
    const scores = await asks.run(asked.map(({ set, id }): Command => ["ZSCORE", set, id]));
    for (const [index, one] of asked.entries()) {
      const name = nameOf(one);
      if (scores[index] === null) {
        this.#forget(name);
        continue;
      }
      const at = this.#firstSeen(one);
      if (Date.now() - at < idleMs || overdue.length >= MOST_PER_CALL) continue;
      const hash = shortened(printable(keys.job(one.id)), MOST_SHOWN);
      const body = bodyOf([Buffer.from("id"), Buffer.from(one.id)]);
      overdue.push({ id: name, body, at, overdue: `it is in ${one.set}, and there is no hash ${hash}` });
      chosen.add(name);
    }
  }

  async done(deliveries: readonly RedisDelivery[]): Promise<readonly RedisDelivery[]> {
    const removals = deliveries.flatMap((delivery) => this.#removal(delivery));
    try {
      if (removals.length > 0) await this.#parts.asks.together(removals);
    } catch (problem) {
      if (!(problem instanceof RedisProblem && isAboutKey(problem))) throw problem;
      return this.#doneOneByOne(deliveries, problem);
    }
    for (const { id } of deliveries) this.#forget(id);
    return [];
  }

  /** One of them has a key that we may not delete, and must not keep the others. Resolves to what stays. */
  async #doneOneByOne(deliveries: readonly RedisDelivery[], problem: RedisProblem): Promise<RedisDelivery[]> {
    const [first] = deliveries;
    if (first !== undefined && deliveries.length === 1) {
      this.#tellStuck(jobOfName(first.id), problem);
      return [first];
    }
    const kept: RedisDelivery[] = [];
    for (const delivery of deliveries) kept.push(...(await this.done([delivery])));
    return kept;
  }

  async refuse(delivery: RedisDelivery, reason: string): Promise<boolean> {
    const { burial, asks } = this.#parts;
    await burial.bury(delivery, reason, (copy) => asks.together([...copy, ...this.#removal(delivery)]));
    this.#forget(delivery.id);
    return true;
  }

  /** What is in the place of a hash and cannot be kept as a dead letter stays there. */
  #removal({ id, overdue }: RedisDelivery): Command[] {
    const job = jobOfName(id);
    const remove: Command = ["ZREM", id.slice(0, -job.length - 1), job];
    return overdue === undefined ? [remove, ["DEL", this.#parts.keys.job(job)]] : [remove];
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
const jobOfName = (name: string): string => name.slice(name.indexOf("#") + 1);
