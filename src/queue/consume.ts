/**
 * The loop over a broker: receive, handle, and only then acknowledge. What the messages say is the handler's business.
 */
import type { Clock } from "../time/clock.ts";
import { type Delivery, type Queue, QueueUnreachable } from "./queue.ts";

/** The longest wait that SQS allows. While nothing comes, that is one call every 20 s. */
const IDLE_WAIT_MS = 20_000;
/** With any wait SQS asks all its servers, so an empty answer means an empty queue. */
const ONCE_WAIT_MS = 2_000;
/** The wait of several calls at a time. It is short, so that what the others got is handled soon. */
const SIDE_WAIT_MS = 1_000;
/** Deliveries that several calls at a time bring together. A commit costs the same for 100 as for 10. */
const BATCH = 100;
/** The pause after a turn that brought only known deliveries. */
const PAUSE_MS = 1_000;
const FIRST_RETRY_MS = 1_000;
/** A service such as SQS answers again when it likes, and each call costs money. */
const LAST_RETRY_MS = 60_000;
/**
 * Most handled deliveries that are remembered while the broker holds them. Some never come again (the acknowledgement arrived,
 * and only its answer was lost). What is forgotten is handled again, and the handler knows repeats.
 */
const MOST_KNOWN = 10_000;

/** What the handler decided about one delivery. */
export type Verdict =
  /** Its work is durably stored. */
  | { kind: "done" }
  /** Not now: bring it again after `afterMs` or more. */
  | { kind: "later"; afterMs: number }
  /** Never: nobody can take it. `reason` is one line for people. */
  | { kind: "refused"; reason: string };

/**
 * Does the work of some deliveries: at least one, no id twice. Resolves when the work is durable, to one verdict for
 * each, in the same order.
 *
 * When it rejects, nothing is acknowledged, and `consume` rejects with its error. Nothing is received while it works,
 * so a handler whose store is away for a moment waits and tries again itself.
 */
export type Handler<D extends Delivery> = (deliveries: readonly D[]) => Promise<readonly Verdict[]>;

/** When the loop ends, and who hears how it goes. */
export interface ConsumeOptions {
  /** Ends the loop. What is being handled is still handled and acknowledged; nothing more is received. */
  signal: AbortSignal;
  clock: Pick<Clock, "sleep">;
  /** End when the queue is empty, and reject when the broker cannot be reached. Otherwise wait and try again. */
  once: boolean;
  /** End after this many deliveries; null: no limit. Those that this run handled before do not count. */
  max: number | null;
  /** The longest pause between two attempts while the broker cannot be reached, ms. Default: a minute. */
  lastRetryMs?: number;
  /** Told each time the broker cannot be reached and will be tried again. Never with `once`. */
  onRetry(reason: string): void;
  /**
   * Called each time the queue brings nothing new: it is empty, or brings only what is known and cannot be
   * acknowledged.
   */
  onIdle(): Promise<void>;
}

/**
 * Handles what the queue holds and, unless `once`, what comes later. Resolves to `empty` (with `once`), `limit` (after
 * `max`) or `interrupted` (by the signal). Rejects with an error of the broker or the handler that waiting does not
 * help against.
 *
 * A delivery is acknowledged after the handler has resolved, so it comes again after a crash in between. When a
 * delivery comes again that this run has handled, it is acknowledged (or refused) again, but not handled again.
 */
export function consume<D extends Delivery>(
  queue: Queue<D>,
  handle: Handler<D>,
  options: ConsumeOptions,
): Promise<"empty" | "limit" | "interrupted"> {
  return new Consumer(queue, handle, options).run();
}

class Consumer<D extends Delivery> {
  readonly #queue: Queue<D>;
  readonly #handle: Handler<D>;
  readonly #options: ConsumeOptions;
  readonly #mostReceivers: number;
  /** Deliveries that are handled and that the broker still holds, by id. */
  readonly #known = new Map<string, Exclude<Verdict, { kind: "later" }>>();
  #receivers = 1;
  #taken = 0;
  #retryMs = FIRST_RETRY_MS;

  constructor(queue: Queue<D>, handle: Handler<D>, options: ConsumeOptions) {
    this.#queue = queue;
    this.#handle = handle;
    this.#options = options;
    this.#mostReceivers = Math.ceil(BATCH / queue.mostPerCall);
  }

  async run(): Promise<"empty" | "limit" | "interrupted"> {
    const { signal, once } = this.#options;
    while (!signal.aborted) {
      try {
        const end = await this.#turn();
        if (end !== null) return end;
      } catch (error) {
        if (!(error instanceof QueueUnreachable) || once) throw error;
        await this.#backOff(error.message);
      }
    }
    return "interrupted";
  }

  async #turn(): Promise<"empty" | "limit" | null> {
    const { max } = this.#options;
    const room = max === null ? Infinity : max - this.#taken;
    if (room <= 0) return "limit";
    const arrived = await this.#receive(room);
    const fresh = this.#freshOf(arrived);
    this.#taken += fresh.length;
    await this.#take(fresh);
    const known = this.#known.size;
    await this.#acknowledge(arrived).finally(() => this.#forget());
    this.#retryMs = FIRST_RETRY_MS;
    this.#adapt(arrived.length);
    // An acknowledgement is progress, too: new deliveries may stand behind the known ones.
    const progress = fresh.length > 0 || this.#known.size < known;
    return progress ? null : this.#idle(arrived.length > 0);
  }

  /**
   * Makes several calls at once while the queue is full. A call that fails is not reported when another brings
   * something.
   */
  async #receive(room: number): Promise<D[]> {
    const { once, signal } = this.#options;
    const idleWaitMs = once ? ONCE_WAIT_MS : IDLE_WAIT_MS;
    const waitMs = this.#receivers === 1 ? idleWaitMs : SIDE_WAIT_MS;
    const each = this.#queue.mostPerCall;
    const calls: Promise<D[]>[] = [];
    for (let left = room; calls.length < this.#receivers && left > 0; left -= each)
      calls.push(this.#queue.receive(Math.min(left, each), waitMs, signal));
    const results = await Promise.allSettled(calls);
    const arrived = results.flatMap((result) => (result.status === "fulfilled" ? result.value : []));
    const failure = results.find((result) => result.status === "rejected");
    if (arrived.length === 0 && failure) throw failure.reason;
    return arrived;
  }

  /** Those that were not handled yet, each once: two calls may bring the same message. */
  #freshOf(arrived: readonly D[]): D[] {
    const fresh = arrived.filter(({ id }) => !this.#known.has(id));
    return [...new Map(fresh.map((delivery) => [delivery.id, delivery])).values()];
  }

  async #take(fresh: readonly D[]): Promise<void> {
    if (fresh.length === 0) return;
    const verdicts = await this.#handle(fresh);
    if (verdicts.length !== fresh.length)
      throw new Error(`expected ${fresh.length} verdicts of a handler, got ${verdicts.length}`);
    const givenBack: Promise<void>[] = [];
    for (const [index, delivery] of fresh.entries()) {
      const verdict = verdicts[index] as Verdict;
      if (verdict.kind === "later") givenBack.push(this.#queue.later(delivery, verdict.afterMs));
      else this.#known.set(delivery.id, verdict);
    }
    await Promise.all(givenBack);
  }

  /** Forgets the oldest. */
  #forget(): void {
    for (const id of this.#known.keys()) {
      if (this.#known.size <= MOST_KNOWN) return;
      this.#known.delete(id);
    }
  }

  /** Tells the broker what became of handled deliveries. It is told again about those that it brings again. */
  async #acknowledge(arrived: readonly D[]): Promise<void> {
    const done = arrived.filter(({ id }) => this.#known.get(id)?.kind === "done");
    await Promise.all([this.#finish(done), ...arrived.map((delivery) => this.#refuse(delivery))]);
  }

  async #finish(done: readonly D[]): Promise<void> {
    if (done.length === 0) return;
    const kept = new Set((await this.#queue.done(done)).map(({ id }) => id));
    for (const { id } of done) if (!kept.has(id)) this.#known.delete(id);
  }

  async #refuse(delivery: D): Promise<void> {
    const verdict = this.#known.get(delivery.id);
    if (verdict?.kind !== "refused") return;
    if (await this.#queue.refuse(delivery, verdict.reason)) this.#known.delete(delivery.id);
  }

  #adapt(arrived: number): void {
    const wellFilled = arrived > (this.#receivers * this.#queue.mostPerCall) / 2;
    this.#receivers = wellFilled ? Math.min(2 * this.#receivers, this.#mostReceivers) : Math.ceil(this.#receivers / 2);
  }

  async #idle(somethingCame: boolean): Promise<"empty" | null> {
    const { signal, once, clock, onIdle } = this.#options;
    this.#receivers = 1;
    if (signal.aborted) return null;
    await onIdle();
    if (once) return "empty";
    if (somethingCame) await clock.sleep(PAUSE_MS, signal);
    return null;
  }

  async #backOff(reason: string): Promise<void> {
    const { signal, clock, onRetry } = this.#options;
    onRetry(reason);
    await clock.sleep(this.#retryMs, signal);
    this.#retryMs = Math.min(2 * this.#retryMs, this.#options.lastRetryMs ?? LAST_RETRY_MS);
  }
}
