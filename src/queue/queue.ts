/**
 * What every broker promises. It brings each message at least once: one that is not acknowledged comes again, to this
 * process or another. Even an acknowledged one may come again, after a crash of the broker. So a consumer has to
 * recognise repeats. `test/queue/contract.ts` holds every broker to this.
 */
import { StoppedError } from "../errors.ts";

/**
 * One message of a broker, on loan. The loan ends when we acknowledge, refuse or give back the message, or when the
 * broker's own limit runs out (SQS: visibility timeout, NATS: ack wait, Redis: idle time).
 */
export interface Delivery {
  /** Names the message, not the loan: it is the same each time the message comes. */
  readonly id: string;
  /** As the broker keeps it: text (SQS) or bytes (NATS). */
  readonly body: string | Uint8Array;
}

/**
 * One queue of a broker. `D` may hold more than `Delivery` does, such as what the broker needs for an acknowledgement.
 *
 * Every method rejects with `QueueUnreachable` when the broker cannot be reached or asks us to wait, with `UserError`
 * when something was typed or configured wrong, and with `StoppedError` when the broker refuses.
 */
export interface Queue<D extends Delivery = Delivery> {
  /** Most deliveries that one call of `receive` brings (SQS: 10). Several calls may run at a time. */
  readonly mostPerCall: number;

  /**
   * Resolves to up to `most` deliveries (1 to `mostPerCall`) as soon as there is one. Waits up to `waitMs` for it (0:
   * not at all), or less where the broker allows no more, and then resolves to none.
   *
   * When `signal` aborts, it soon resolves to none; what the broker sent meanwhile comes again later. Nobody else gets
   * these deliveries before the loan ends.
   */
  receive(most: number, waitMs: number, signal: AbortSignal): Promise<D[]>;

  /**
   * Acknowledges any number of deliveries whose work is durably stored. Resolves to those that the broker did not
   * accept: they come again, and have to be acknowledged then. Acknowledging one twice does no harm.
   */
  done(deliveries: readonly D[]): Promise<readonly D[]>;

  /**
   * Gives a delivery back, to come again after `afterMs` at the earliest. A broker that cannot be told when (SQS
   * without the right to change the visibility of messages) brings it when the loan ends.
   */
  later(delivery: D, afterMs: number): Promise<void>;

  /**
   * Moves a delivery that nobody will ever be able to take to the dead letters, with one line that says why. True: it
   * is gone for good. False: it comes again until the broker moves it (SQS: redrive policy).
   */
  refuse(delivery: D, reason: string): Promise<boolean>;

  /** Ends the connections. Deliveries that are not acknowledged come again, here or elsewhere. */
  close(): Promise<void>;
}

/** The broker did not answer, or asked us to wait. The same call may succeed later. */
export class QueueUnreachable extends StoppedError {
  override name = "QueueUnreachable";
}
