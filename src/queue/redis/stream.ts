/** The stream as a queue: a consumer of a group, as redis.io, "Redis Streams", describes them. */
import type { Queue } from "../queue.ts";
import type { Connection } from "./connection.ts";
import { buryCommand } from "./dead.ts";
import { deliveryOf, readOf, type RedisDelivery } from "./entries.ts";
import { ofSettings } from "./greeting.ts";
import type { Fields } from "./job.ts";
import type { Keys } from "./keys.ts";
import type { Command } from "./line.ts";
import { type Again, forgetConsumers, type Group, ownPending, type Page, takeOver } from "./pending.ts";
import { RedisProblem } from "./problem.ts";

const MOST_PER_CALL = 200;
/** Never 0: a read that blocks for ever may stay blocked when the stream is deleted (redis/redis#12998). */
const BLOCK_MS = 2_000;
/** How much longer than that an answer may take before the connection is given up. */
const WATCH_MS = 10_000;
/** What one call may bring, as far as the last call lets us guess: Redis knows no limit in bytes. */
const MOST_BYTES = 64 * 1024 * 1024;
/** Ids in one command. */
const IDS = 1_000;
/** How long we believe that no other group reads the stream. */
const ALONE_MS = 60_000;
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
  tell(text: string): void;
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
  /** How often the entries that we have were given out, by id. */
  readonly #inHand = new Map<string, number>();
  /** Until when entries that were given back are not to come (`performance.now()`), by id. */
  readonly #givenBack = new Map<string, number>();
  readonly #cursors: Cursors = { own: null, idle: null };
  #turn: Promise<unknown> = Promise.resolve();
  /** A read whose caller has left. What it brings is for the next one. */
  #left: Promise<RedisDelivery[]> | null = null;
  #sweptAt = performance.now();
  #lost = 0;
  /** Every other time new entries go before those that nobody acknowledges. */
  #newFirst = false;
  #opened = 0;
  #hasRead = false;
  #largest = 0;
  #alone: { is: boolean; until: number } = { is: false, until: 0 };

  constructor(parts: StreamParts) {
    this.#parts = parts;
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
    const most = Math.max(1, Math.min(asked, Math.floor(MOST_BYTES / Math.max(1, this.#largest))));
    this.#begin();
    const { own } = this.#cursors;
    if (own !== null) return this.#own(own, most);
    const left = await this.#takeLeft(signal);
    if (left.length > 0 || signal.aborted) return left;
    if (this.#cursors.idle === null) return this.#fresh(most, waitMs, signal);
    this.#newFirst = !this.#newFirst;
    const fresh = this.#newFirst ? await this.#fresh(most, 0, signal) : [];
    return fresh.length > 0 ? fresh : this.#idle(this.#cursors.idle, most);
  }

  /** Starts over after a reconnect, and looks for idle entries from time to time. */
  #begin(): void {
    const { reads, asks, times } = this.#parts;
    const opened = reads.opened + asks.opened;
    if (opened !== this.#opened) this.#cursors.own = "0";
    this.#opened = opened;
    if (this.#cursors.idle !== null || performance.now() - this.#sweptAt < times.sweepMs) return;
    this.#cursors.idle = "";
    this.#sweptAt = performance.now();
  }

  async #own(after: string, most: number): Promise<RedisDelivery[]> {
    const page = await ownPending(this.#parts.asks, this.#parts.where, after, most);
    this.#cursors.own = page.last;
    return this.#taken(page, await this.#notDue(page.entries));
  }

  /** Gives back again what was given back and whose time has not come. Resolves to the ids. */
  async #notDue(entries: readonly Again[]): Promise<Set<string>> {
    const now = performance.now();
    for (const [id, until] of this.#givenBack) if (until <= now) this.#givenBack.delete(id);
    const early = entries.filter(({ id }) => this.#givenBack.has(id));
    const commands = early.map(({ id, deliveries }) =>
      this.#giveBack(id, deliveries, (this.#givenBack.get(id) as number) - now),
    );
    await this.#parts.asks.run(commands);
    return new Set(early.map(({ id }) => id));
  }

  async #idle(after: string, most: number): Promise<RedisDelivery[]> {
    const { asks, where, times } = this.#parts;
    const page = await takeOver(asks, where, { after, most, idleMs: times.idleMs });
    this.#cursors.idle = page.last;
    if (page.last === null) await forgetConsumers(asks, where, times.forgetMs);
    return this.#taken(page);
  }

  #taken({ entries, lost, last }: Page, except: ReadonlySet<string> = new Set()): RedisDelivery[] {
    this.#lost += lost;
    if (last === null) this.#tellLost();
    return this.#handOut(entries.filter(({ id }) => !except.has(id)));
  }

  #tellLost(): void {
    const { tell, keys } = this.#parts;
    const [one, were] = this.#lost === 1 ? ["1 entry", "was"] : [`${this.#lost} entries`, "were"];
    if (this.#lost > 0)
      tell(`redis: ${one} of ${keys.stream} ${were} deleted before a worker had accepted what it says: lost.`);
    this.#lost = 0;
  }

  /** New entries, waiting for one. */
  async #fresh(most: number, waitMs: number, signal: AbortSignal): Promise<RedisDelivery[]> {
    const reading = this.#read(most, Math.min(waitMs, BLOCK_MS));
    const got = await untilAborted(reading, signal);
    if (got === null) this.#left = reading.catch(() => []);
    return got ?? [];
  }

  async #read(most: number, blockMs: number): Promise<RedisDelivery[]> {
    const { reads, where } = this.#parts;
    const block = blockMs > 0 ? (["BLOCK", blockMs] as const) : [];
    const from = ["STREAMS", where.stream, ">"] as const;
    const command = ["XREADGROUP", "GROUP", where.group, where.consumer, "COUNT", most, ...block, ...from] as const;
    const entries = readOf(await reads.one(command, blockMs + WATCH_MS));
    return this.#handOut(entries.map(({ id, fields }) => ({ id, fields: fields as Fields, deliveries: 1 })));
  }

  async #takeLeft(signal: AbortSignal): Promise<RedisDelivery[]> {
    const got = this.#left === null ? [] : await untilAborted(this.#left, signal);
    if (got !== null) this.#left = null;
    return got ?? [];
  }

  #handOut(entries: readonly Again[]): RedisDelivery[] {
    const { keys, mostDeliveries } = this.#parts;
    const deliveries = entries.map((entry): RedisDelivery => {
      this.#inHand.set(entry.id, entry.deliveries);
      const delivery = deliveryOf(keys.stream, entry);
      if (entry.deliveries <= mostDeliveries) return delivery;
      return { ...delivery, overdue: `taken ${entry.deliveries} times and never accepted` };
    });
    if (deliveries.length > 0) this.#largest = Math.max(...deliveries.map(({ body }) => body.length));
    return deliveries;
  }

  async done(deliveries: readonly RedisDelivery[]): Promise<readonly RedisDelivery[]> {
    const ids = deliveries.map((delivery) => this.#entryOf(delivery));
    for (let at = 0; at < ids.length; at += IDS) await this.#acknowledge(ids.slice(at, at + IDS), []);
    return [];
  }

  async refuse(delivery: RedisDelivery, reason: string): Promise<boolean> {
    await this.#acknowledge([this.#entryOf(delivery)], [buryCommand(this.#parts.keys, delivery, reason)]);
    return true;
  }

  /** Together with what has to happen in the same step. */
  async #acknowledge(ids: readonly string[], also: readonly Command[]): Promise<void> {
    const { asks, where } = this.#parts;
    const remove: Command[] = (await this.#isAlone()) ? [["XDEL", where.stream, ...ids]] : [];
    await asks.run([["MULTI"], ...also, ["XACK", where.stream, where.group, ...ids], ...remove, ["EXEC"]]);
    for (const id of ids) this.#inHand.delete(id);
  }

  /** True when nobody else will want to read an entry that we have acknowledged. */
  async #isAlone(): Promise<boolean> {
    if (performance.now() < this.#alone.until) return this.#alone.is;
    const { asks, where } = this.#parts;
    const [reply] = await asks.runEach([["XINFO", "GROUPS", where.stream]]);
    const groups = Array.isArray(reply) ? (reply as readonly (readonly unknown[])[]) : [];
    const is = groups.length === 1 && String(groups[0]?.[1]) === where.group;
    this.#alone = { is, until: performance.now() + ALONE_MS };
    return is;
  }

  /**
   * The entry comes again when it was idle for as long as others have to leave entries alone, which is the latest. It does
   * not count as one more delivery.
   */
  async later(delivery: RedisDelivery, afterMs: number): Promise<void> {
    const id = this.#entryOf(delivery);
    await this.#parts.asks.run([this.#giveBack(id, this.#inHand.get(id) ?? 1, afterMs)]);
    this.#inHand.delete(id);
    this.#givenBack.set(id, performance.now() + afterMs);
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
    await this.#turn;
    await this.#left;
    const commands = [...this.#inHand].map(([id, deliveries]) => this.#giveBack(id, deliveries, 0));
    this.#inHand.clear();
    if (commands.length > 0 && asks.isOpen) await asks.runEach(commands, GIVE_BACK_MS).catch(() => undefined);
  }
}

/** What `work` resolves to, or null when the signal aborts before. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | null> {
  return new Promise((resolve, reject) => {
    const leave = () => resolve(null);
    const stay = () => signal.removeEventListener("abort", leave);
    if (signal.aborted) leave();
    signal.addEventListener("abort", leave, { once: true });
    work.then(resolve, reject).finally(stay);
  });
}
