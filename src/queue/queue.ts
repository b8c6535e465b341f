/**
 * What a broker promises, whichever it is. It brings each delivery at least once: one that is not acknowledged comes again, to
 * this handle or another, and one that is may come again all the same, after a crash of the broker. So whoever takes
 * deliveries has to know a repeat. `test/queue/contract.ts` holds every broker to it.
 */
import { StoppedError } from "../errors.ts";

/** One message of a broker, on loan: it is ours until it is done, refused, given back, or the broker's patience ends. */
export interface Delivery {
  /** Names the message, not the loan: the same each time it comes. */
  readonly id: string;
  /** As the broker keeps it: text (SQS), bytes (NATS). */
  readonly body: string | Uint8Array;
}

/** `D` may carry more than a delivery: what the broker needs to acknowledge it. */
export interface Queue<D extends Delivery = Delivery> {
  /** What one call of `receive` brings at most: 10 for SQS. Several calls may be under way at a time. */
  readonly mostPerCall: number;

  /**
   * Up to `most` deliveries (1 to `mostPerCall`), as soon as there is one; waits for it up to `waitMs` (0: not at all), or
   * less where a broker allows no more. None when none came. When `signal` aborts it resolves soon, to none; what the
   * broker sent meanwhile comes again later. Nobody else is given them until the broker's patience ends (SQS: visibility
   * timeout, NATS: ack wait, Redis: idle time).
   *
   * Like every call it throws `QueueUnreachable` when the broker cannot be reached or asks for patience, `UserError` for what
   * was typed or configured wrong, `StoppedError` when the broker says no.
   */
  receive(most: number, waitMs: number, signal: AbortSignal): Promise<D[]>;

  /**
   * Acknowledges deliveries whose work is durably stored, any number of them. Resolves to those the broker did not accept:
   * they come again, and are to be acknowledged then. Acknowledging one twice does no harm.
   */
  done(deliveries: readonly D[]): Promise<readonly D[]>;

  /**
   * Gives a delivery back, to be brought again after `afterMs` at the earliest. A broker that cannot be told when (SQS,
   * unless we had the right to change the visibility of messages) brings it when its own patience ends.
   */
  later(delivery: D, afterMs: number): Promise<void>;

  /**
   * Puts a delivery that nobody will ever be able to take to the dead letters, with one line that says why. True: it is
   * gone for good. False: it stays and comes again, until the broker moves it by itself (SQS: redrive policy).
   */
  refuse(delivery: D, reason: string): Promise<boolean>;

  /** Ends connections. What was received and not acknowledged comes again, elsewhere. */
  close(): Promise<void>;
}

/** The broker did not answer, or asked for patience: worth another try later. */
export class QueueUnreachable extends StoppedError {
  override name = "QueueUnreachable";
}
