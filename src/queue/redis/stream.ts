/** The stream as a queue: a consumer of a group, as redis.io, "Redis Streams", describes them. */
import { withinLimit } from "../../time/time-limit.ts";
import type { Queue } from "../queue.ts";
import { Acknowledger } from "./acknowledger.ts";
import type { Connection } from "./connection.ts";
import type { Burial } from "./dead.ts";
import { deliveryOf, readOf, type RedisDelivery } from "./entries.ts";
import { ofSettings } from "./greeting.ts";
import type { Fields } from "./job.ts";
import type { Keys } from "./keys.ts";
import type { Command } from "./line.ts";
import { Hand } from "./hand.ts";
import { forgetConsumers, nextPending, pendingSince, takeOver, takeOwn } from "./pending.ts";
import type { Again, Asked, Group, Next, Page } from "./pending.ts";
import { MOST_PER_CALL, Portion } from "./portion.ts";
import { RedisProblem } from "./problem.ts";

/** Never 0: a read that blocks for ever may stay blocked when the stream is deleted (redis/redis#12998). */
const BLOCK_MS = 2_000;
/** How much longer than that an answer may take before the connection is given up. */
const WATCH_MS = 10_000;
/** To give back what is in hand, at the end. */
const GIVE_BACK_MS = 2_000;

/** How long things last. */
export interface StreamTimes {
  /** After so long without an acknowledgement an entry is for anybody. */
  readonly idleMs: number;
  /** How often to look for such entries. */
  readonly sweepMs: number;
  /** After so long without reading, a consumer with nothing pending is deleted. */
  readonly forgetMs: number;
}

/** What the stream's queue is made of. */
export interface StreamParts {
  readonly keys: Keys;
  readonly where: Group;
  readonly mostDeliveries: number;
  readonly times: StreamTimes;
  /** For reads that block. */
  readonly reads: Connection;
  /** For everything else, which would have to wait behind a read that blocks. */
  readonly asks: Connection;
  readonly burial: Burial;
  tell(text: string): void;
}

/** How long to wait for something, in ms, unless the signal aborts. */
interface Patience {
  readonly waitMs: number;
  readonly signal: AbortSignal;
}

/** Behind which entry to go on; null: not now. */
interface Cursors {
  /** Our own pending entries, which we may have lost. */
  own: string | null;
  /** Those that nobody acknowledges. */
  idle: string | null;
}

/** The queue of the stream. One call reads at a time; others wait for it. */
export class StreamQueue implements Queue<RedisDelivery> {
  readonly mostPerCall = MOST_PER_CALL;
  readonly #parts: StreamParts;
  readonly #hand: Hand;
  /** While one is in hand that is to be taken alone, nothing else is received. */
  #isAlone = false;
  /** Until when entries that were given back are not to come (`performance.now()`), by id. */
  readonly #givenBack = new Map<string, number>();
  readonly #cursors: Cursors = { own: null, idle: null };
  #turn: Promise<unknown> = Promise.resolve();
  /** A read that nobody has taken the results of: its caller has left, or asked for fewer. */
  #left: Promise<RedisDelivery[]> | null = null;
  #sweptAt = -Infinity;
  #lost = 0;
  /** Every other time new entries go before those that nobody acknowledges. */
  #newFirst = false;
  #opened = 0;
  #hasRead = false;
  /** What one of our name left behind has been read. What is pending since was given to this process. */
  #hasReadOwn = false;
  readonly #portion = new Portion();
  readonly #acknowledger: Acknowledger;

  constructor(parts: StreamParts) {
    this.#parts = parts;
    this.#hand = new Hand(parts.times.idleMs);
    this.#acknowledger = new Acknowledger(parts);
  }

  receive(most: number, waitMs: number, signal: AbortSignal): Promise<RedisDelivery[]> {
    const mine = this.#turn.then(() => this.#receive(most, waitMs, signal));
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  async #receive(most: number, waitMs: number, signal: AbortSignal): Promise<RedisDelivery[]> {
    const until = performance.now() + waitMs;
    try {
      for (let leftMs = waitMs; !signal.aborted; leftMs = until - performance.now()) {
        const got = await this.#withGroup(() => this.#look(most, Math.max(0, Math.ceil(leftMs)), signal));
        this.#hasRead = true;
        if (got.length > 0 || performance.now() >= until) return got;
      }
      return [];
    } catch (problem) {
      throw this.#hasRead ? problem : ofSettings(problem);
    }
  }

  /** Runs `work`, and once more when there was no group. */
  async #withGroup<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (problem) {
      if (!(problem instanceof RedisProblem && /^(?:NOGROUP|UNBLOCKED)$/.test(problem.code ?? ""))) throw problem;
      await this.#makeGroup();
      return work();
    }
  }

  /** From the first entry on: what was added before must not be lost, and what was read before is recognised. */
  async #makeGroup(): Promise<void> {
    const { asks, where, tell } = this.#parts;
    const create: Command = ["XGROUP", "CREATE", where.stream, where.group, "0", "MKSTREAM"];
    const [reply] = await asks.runEach([create]);
    if (reply instanceof RedisProblem && reply.code === "BUSYGROUP") return;
    if (reply instanceof RedisProblem) throw reply;
    if (!this.#hasRead) return;
    tell(
      `redis: the group ${where.group} of ${where.stream} was gone and is made again. Jobs that were in Redis before may be lost.`,
    );
  }

  /** One look. It waits only when nothing is pending. */
  async #look(asked: number, waitMs: number, signal: AbortSignal): Promise<RedisDelivery[]> {
    const most = this.#portion.within(asked);
    const { reads, asks } = this.#parts;
    if ((await untilAborted(Promise.all([reads.ready(), asks.ready()]), signal)) === "aborted") return [];
    this.#begin(reads.opened + asks.opened);
    const patience = { waitMs, signal };
    // Before anybody waits for the one that is alone: after a reconnect it may be among our own.
    const own = await this.#own(most, patience);
    if (own !== null) return own;
    if (this.#isAlone && !(await this.#isFree(patience))) return [];
    const again = (await this.#takeLeft(most, signal)) ?? (await this.#idle(most, patience));
    if (again !== null || signal.aborted) return again ?? [];
    return (await this.#fresh(most, waitMs, signal)) ?? [];
  }

  /** Whether nothing is in hand, after waiting for it. False when the connection ended meanwhile: who lost it begins again. */
  async #isFree({ waitMs, signal }: Patience): Promise<boolean> {
    const isFree = (await this.#hand.isEmptied(waitMs, signal)) && this.#parts.reads.isOpen;
    if (isFree) this.#isAlone = false;
    return isFree;
  }

  /** Starts over after a reconnect, and looks for idle entries from time to time. */
  #begin(opened: number): void {
    if (opened !== this.#opened) this.#cursors.own = "0";
    this.#opened = opened;
    if (this.#cursors.idle !== null || performance.now() - this.#sweptAt < this.#parts.times.sweepMs) return;
    this.#cursors.idle = "";
    this.#sweptAt = performance.now();
    for (const [id, until] of this.#givenBack) if (until <= this.#sweptAt) this.#givenBack.delete(id);
  }

  async #own(most: number, patience: Patience): Promise<RedisDelivery[] | null> {
    while (this.#cursors.own !== null) {
      const page = await this.#ownPage(this.#cursors.own, most, patience);
      if (page === null) return [];
      this.#cursors.own = page.last;
      if (page.last === null) this.#hasReadOwn = true;
      const got = this.#taken(page, await this.#notDue(page.entries));
      if (got !== null) return got;
    }
    return null;
  }

  /** Null: not now, because another delivery is in hand that has to be settled before. */
  async #ownPage(after: string, most: number, patience: Patience): Promise<Page | null> {
    const { asks, where } = this.#parts;
    if (this.#hasReadOwn) return pendingSince(asks, where, after, most);
    const next = await this.#next({ after, most, of: where.consumer }, patience);
    return next && takeOwn(asks, where, next);
  }

  /**
   * What to take next, when it may be taken. Null: not now. One that is to be taken alone waits until nothing is in hand, and what comes
   * behind it waits for it.
   */
  async #next(asked: Asked, patience: Patience): Promise<Next | null> {
    const { asks, where } = this.#parts;
    const next = await nextPending(asks, where, asked);
    if (!next.isAlone && !this.#isAlone) return next;
    if (!(await this.#isFree(patience))) return null;
    // What was in hand, or in that of others, may have been accepted meanwhile.
    const now = await nextPending(asks, where, asked);
    this.#isAlone = now.isAlone;
    return now;
  }

  /** Gives back again what was given back and whose time has not come. Resolves to the ids. */
  async #notDue(entries: readonly Again[]): Promise<Set<string>> {
    const early = entries.filter(({ id }) => this.#earlyMs(id) > 0);
    await this.#parts.asks.run(early.map(({ id, deliveries }) => this.#giveBack(id, deliveries, this.#earlyMs(id))));
    return new Set(early.map(({ id }) => id));
  }

  /** How long an entry that was given back is not to come. */
  #earlyMs(id: string): number {
    return (this.#givenBack.get(id) ?? 0) - performance.now();
  }

  async #idle(most: number, patience: Patience): Promise<RedisDelivery[] | null> {
    const { asks, where, times } = this.#parts;
    const { signal } = patience;
    if (signal.aborted) return null;
    this.#newFirst = !this.#newFirst;
    const fresh = this.#newFirst && this.#cursors.idle !== null ? await this.#fresh(most, 0, signal) : null;
    if (fresh !== null) return fresh;
    while (this.#cursors.idle !== null) {
      const skips = (id: string) => this.#earlyMs(id) > 0;
      const asked = { after: this.#cursors.idle, most, idleMs: times.idleMs, skips };
      const next = await this.#next(asked, patience);
      if (next === null) return [];
      const page = await takeOver(asks, where, next, times.idleMs);
      this.#cursors.idle = page.last;
      if (page.last === null) await forgetConsumers(asks, where, times.forgetMs);
      const got = this.#taken(page);
      if (got !== null) return got;
    }
    return null;
  }

  #taken({ entries, lost, last }: Page, except: ReadonlySet<string> = new Set()): RedisDelivery[] | null {
    this.#lost += lost;
    if (last === null) this.#tellLost();
    return this.#handOut(entries.filter(({ id }) => !except.has(id)));
  }

  #tellLost(): void {
    const { tell, keys } = this.#parts;
    const were = this.#lost === 1 ? "1 entry was" : `${this.#lost} entries were`;
    if (this.#lost > 0) tell(`redis: ${were} deleted from ${keys.stream} before a worker had accepted anything: lost.`);
    this.#lost = 0;
  }

  /** New entries, waiting for one. */
  async #fresh(most: number, waitMs: number, signal: AbortSignal): Promise<RedisDelivery[] | null> {
    this.#left = this.#read(most, Math.min(waitMs, BLOCK_MS));
    return this.#takeLeft(most, signal);
  }

  /** Up to `most` of what a read brings. It stays for the next caller when the signal aborts before. */
  async #takeLeft(most: number, signal: AbortSignal): Promise<RedisDelivery[] | null> {
    if (this.#left === null) return null;
    const left = this.#left;
    // Whoever takes it hears of the failure. When nobody does, there is nothing to hear.
    left.catch(() => undefined);
    try {
      const got = await untilAborted(left, signal);
      if (got === "aborted") return null;
      this.#left = got.length > most ? Promise.resolve(got.slice(most)) : null;
      return got.length > 0 ? got.slice(0, most) : null;
    } catch (problem) {
      this.#left = null;
      throw problem;
    }
  }

  async #read(most: number, blockMs: number): Promise<RedisDelivery[]> {
    const { reads, where } = this.#parts;
    const block = blockMs > 0 ? (["BLOCK", blockMs] as const) : [];
    const from = ["STREAMS", where.stream, ">"] as const;
    const command = ["XREADGROUP", "GROUP", where.group, where.consumer, "COUNT", most, ...block, ...from] as const;
    const entries = readOf(await reads.one(command, blockMs + WATCH_MS));
    return this.#handOut(entries.map(({ id, fields }) => ({ id, fields: fields as Fields, deliveries: 1 }))) ?? [];
  }

  /** Null for none. */
  #handOut(entries: readonly Again[]): RedisDelivery[] | null {
    if (entries.length === 0) return null;
    const { keys, mostDeliveries } = this.#parts;
    const deliveries = entries.map((entry): RedisDelivery => {
      this.#hand.take(entry.id, entry.deliveries);
      const delivery = deliveryOf(keys.stream, entry);
      if (entry.deliveries <= mostDeliveries) return delivery;
      return { ...delivery, overdue: `taken ${entry.deliveries} times and never accepted` };
    });
    this.#portion.came(deliveries);
    return deliveries;
  }

  async done(deliveries: readonly RedisDelivery[]): Promise<readonly RedisDelivery[]> {
    const ids = deliveries.map((delivery) => this.#entryOf(delivery));
    await this.#settle(ids, this.#acknowledger.acknowledge(ids));
    return [];
  }

  async refuse(delivery: RedisDelivery, reason: string): Promise<boolean> {
    const id = this.#entryOf(delivery);
    const { burial } = this.#parts;
    await this.#settle(
      [id],
      burial.bury(delivery, reason, (copy) => this.#acknowledger.acknowledge([id], copy)),
    );
    return true;
  }

  /**
   * The entry comes again when it was idle for as long as others have to leave entries alone, so others may be given it
   * before its time when that is later. It does not count as one more delivery.
   */
  async later(delivery: RedisDelivery, afterMs: number): Promise<void> {
    const id = this.#entryOf(delivery);
    await this.#settle([id], this.#parts.asks.run([this.#giveBack(id, this.#hand.deliveriesOf(id), afterMs)]));
    this.#givenBack.set(id, performance.now() + afterMs);
  }

  /** Lets entries go when Redis was told. When it cannot be told, nobody waits for them, either: they brought nothing down. */
  async #settle(ids: readonly string[], telling: Promise<unknown>): Promise<void> {
    try {
      await telling;
    } catch (problem) {
      for (const id of ids) this.#hand.endLoan(id);
      throw problem;
    }
    for (const id of ids) this.#hand.letGo(id);
  }

  #giveBack(id: string, deliveries: number, afterMs: number): Command {
    const { where, times } = this.#parts;
    const idleMs = Math.max(0, Math.ceil(times.idleMs - afterMs));
    const [to, from] = [where.consumer, where.stream];
    return ["XCLAIM", from, where.group, to, 0, id, "IDLE", idleMs, "RETRYCOUNT", deliveries - 1, "JUSTID"];
  }

  #entryOf({ id }: RedisDelivery): string {
    return id.slice(this.#parts.keys.stream.length + 1);
  }

  /** What is in hand is for anybody at once, and was not delivered in vain. */
  async close(): Promise<void> {
    const { reads, asks } = this.#parts;
    reads.close();
    // A question that nobody answers must not hold up the end.
    const rest = Promise.allSettled([this.#turn, this.#left]);
    await withinLimit({ ms: GIVE_BACK_MS }, () => rest).catch(() => undefined);
    const commands = this.#hand.empty().map(([id, deliveries]) => this.#giveBack(id, deliveries, 0));
    if (commands.length > 0 && asks.isOpen) await asks.runEach(commands, GIVE_BACK_MS).catch(() => undefined);
  }
}

/** What `work` resolves to, or "aborted" when the signal aborts before. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | "aborted"> {
  return new Promise((resolve, reject) => {
    const leave = () => resolve("aborted");
    const stay = () => signal.removeEventListener("abort", leave);
    if (signal.aborted) leave();
    signal.addEventListener("abort", leave, { once: true });
    work.then(resolve, reject).finally(stay);
  });
}
