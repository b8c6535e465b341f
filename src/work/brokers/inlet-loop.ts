/** One inlet at work: it reads a queue for as long as the process lives, whatever happens to the broker or the store. */
import type { FastifyBaseLogger } from "fastify";
import { InterruptedError, LostError, StoppedError, UserError } from "../../errors.ts";
import { consume, type Handler } from "../../queue/consume.ts";
import { type Delivery, type Queue, QueueUnreachable } from "../../queue/queue.ts";
import type { Clock } from "../../time/clock.ts";
import type { Gate } from "./inlet-gate.ts";

/** A broker that cannot be reached is asked again after so long. Its own client tells that it is away, and that it is back. */
const AWAY_MS = 1_000;
/** What somebody has to mend is looked at again after so long. */
const AGAIN_MS = 10_000;

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
}

/**
 * Reads the queue until `signal` aborts; then it resolves when what was being taken in is stored and acknowledged. Rejects only
 * with a `UserError` of the first thing that the broker says: it was configured wrong (a broker that says so later is told, and asked
 * again), and with a `LostError` of the store.
 */
export async function runInlet<D extends Delivery>(loop: InletLoop<D>, signal: AbortSignal): Promise<void> {
  const { name, handle, clock, log, onBug } = loop;
  const queue = new PatientQueue(loop);
  while (!signal.aborted) {
    try {
      await consume(queue, handle, {
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
      await clock.sleep(AGAIN_MS, signal);
    }
  }
}

/** What people are told of trouble that is no bug; null: it is one. */
function troubleOf(error: unknown): string | null {
  if (!(error instanceof UserError || error instanceof StoppedError)) return null;
  return error.hint === null ? error.message : `${error.message}; ${error.hint}`;
}

/** A queue from which nothing is received while there is no room, and that waits for a broker that is away. */
class PatientQueue<D extends Delivery> implements Queue<D> {
  /** Whether the broker has been asked with success, or was away. From then on nothing it says ends the process. */
  hasAnswered = false;
  /** What was told last, unless something came since. */
  trouble: string | null = null;
  readonly mostPerCall: number;
  readonly #loop: InletLoop<D>;

  constructor(loop: InletLoop<D>) {
    this.#loop = loop;
    this.mostPerCall = loop.queue.mostPerCall;
  }

  async receive(most: number, waitMs: number, signal: AbortSignal): Promise<D[]> {
    const { name, queue, gate, clock, log } = this.#loop;
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

  done(deliveries: readonly D[]): Promise<readonly D[]> {
    return this.#loop.queue.done(deliveries);
  }

  later(delivery: D, afterMs: number): Promise<void> {
    return this.#loop.queue.later(delivery, afterMs);
  }

  refuse(delivery: D, reason: string): Promise<boolean> {
    return this.#loop.queue.refuse(delivery, reason);
  }

  close(): Promise<void> {
    return this.#loop.queue.close();
  }
}
