/** One inlet at work: it reads a queue for as long as the process lives, whatever happens to the broker or the store. */
import type { FastifyBaseLogger } from "fastify";
import { InterruptedError, LostError, StoppedError, UserError } from "../../errors.ts";
import { consume, type Handler } from "../../queue/consume.ts";
import { type Delivery, type Queue, QueueUnreachable } from "../../queue/queue.ts";
import type { Clock } from "../../time/clock.ts";
import { allEnded } from "./all-ended.ts";
import type { Gate } from "./inlet-gate.ts";

/** A broker that cannot be reached is asked again after so long. Its own client tells that it is away, and that it is back. */
const AWAY_MS = 1_000;
/** What somebody has to mend is looked at again after so long. */
const AGAIN_MS = 10_000;

/** While what another lane has in hand is larger than this (bytes), nothing more is received, so that lanes do not add up. */
const MOST_IN_HAND = 8 * 1024 * 1024;

/** What one loop works with. */
export interface InletLoop<D extends Delivery> {
  /** What it is called in the log, such as `nats`. */
  name: string;
  queue: Queue<D>;
  handle: Handler<D>;
  gate: Gate;
  clock: Pick<Clock, "sleep">;
  log: Pick<FastifyBaseLogger, "debug" | "warn" | "error">;
  /** Hears of an error that is a bug. The loop goes on after it. */
  onBug: (error: unknown) => void;
  /**
   * How many batches may be under way: while the store commits one, the next is received and read. Default 1: each is acknowledged before
   * the next is received, as it has to be where the order matters or a queue brings again what is in hand.
   */
  lanes?: number;
}

/**
 * Reads the queue until `stop` aborts; then it resolves when what was being taken in is stored and acknowledged. Rejects, after it has
 * aborted `stop` itself and what was being taken in has ended, only with a `UserError` of the first thing that the broker says: it was
 * configured wrong (a broker that says so later is told, and asked again), and with a `LostError` of the store.
 */
export async function runInlet<D extends Delivery>(loop: InletLoop<D>, stop: AbortController): Promise<void> {
  const queue = new PatientQueue(loop);
  await allEnded(
    Array.from({ length: loop.lanes ?? 1 }, () => runLane(loop, queue, stop.signal)),
    stop,
  );
}

async function runLane<D extends Delivery>(
  { name, handle, clock, log, onBug }: InletLoop<D>,
  queue: PatientQueue<D>,
  signal: AbortSignal,
): Promise<void> {
  const lane = queue.lane();
  while (!signal.aborted) {
    try {
      await consume(lane, handle, {
        signal,
        clock,
        once: false,
        max: null,
        lastRetryMs: AWAY_MS,
        onRetry: (reason) => log.debug(`${name}: ${reason}; it is tried again`),
        onIdle: async () => undefined,
      });
    } catch (error) {
      if (error instanceof InterruptedError && signal.aborted) return;
      // What the store has lost nobody brings back by waiting.
      if (error instanceof LostError || (error instanceof UserError && !queue.hasAnswered)) throw error;
      const text = troubleOf(error);
      if (text === null) onBug(error);
      else if (text !== queue.trouble) log.warn(`${name}: ${text}; it is looked at again by itself`);
      queue.trouble = text;
      lane.letGo();
      await clock.sleep(AGAIN_MS, signal);
    } finally {
      lane.letGo();
    }
  }
}

/** What people are told of trouble that is no bug; null: it is one. */
function troubleOf(error: unknown): string | null {
  if (!(error instanceof UserError || error instanceof StoppedError)) return null;
  return error.hint === null ? error.message : `${error.message}; ${error.hint}`;
}

/**
 * A queue from which nothing is received while there is no room, and that waits for a broker that is away. Its lanes share it: one receives
 * at a time, so that each is told the room that the others have left.
 */
class PatientQueue<D extends Delivery> {
  /** Whether the broker has been asked with success, or was away. From then on nothing it says ends the process. */
  hasAnswered = false;
  /** What was told last, unless something came since. */
  trouble: string | null = null;
  readonly #loop: InletLoop<D>;
  #turn: Promise<unknown> = Promise.resolve();
  /** Bytes in the hands of all lanes. */
  #inHand = 0;
  #onLetGo: () => void = () => undefined;

  constructor(loop: InletLoop<D>) {
    this.#loop = loop;
  }

  /** The queue as one reader sees it, who has done with what it received when it receives again, or lets it go. */
  lane(): Queue<D> & { letGo(): void } {
    const { queue } = this.#loop;
    let held = 0;
    const letGo = () => {
      this.#inHand -= held;
      held = 0;
      this.#onLetGo();
    };
    return {
      mostPerCall: queue.mostPerCall,
      receive: async (most, waitMs, signal) => {
        letGo();
        const arrived = await this.#inTurn(() => this.#receive(most, waitMs, signal));
        held = arrived.reduce((sum, { body }) => sum + body.length, 0);
        this.#inHand += held;
        return arrived;
      },
      letGo,
      done: (deliveries) => queue.done(deliveries),
      later: (delivery, afterMs) => queue.later(delivery, afterMs),
      refuse: (delivery, reason) => queue.refuse(delivery, reason),
      close: () => queue.close(),
    };
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  async #receive(most: number, waitMs: number, signal: AbortSignal): Promise<D[]> {
    const { name, queue, gate, clock, log } = this.#loop;
    while (this.#inHand > MOST_IN_HAND) await new Promise<void>((resolve) => (this.#onLetGo = resolve));
    const room = await gate.room(signal);
    if (room === 0) return [];
    try {
      const arrived = await queue.receive(Math.min(most, room), waitMs, signal);
      gate.took(arrived.length);
      this.hasAnswered = true;
      this.trouble = null;
      return arrived;
    } catch (error) {
      if (!(error instanceof QueueUnreachable)) throw error;
      this.hasAnswered = true;
      log.debug(`${name}: ${error.message}; it is tried again`);
      await clock.sleep(AWAY_MS, signal);
      return [];
    }
  }
}
