/** Where events go: all that this room knows of a store. */
import type { SesEvent } from "./ses-event.ts";

/** The result of a batch of events. `applied + duplicates + unmatched` is the number of events. */
export interface Applied {
  /** Events that were new and whose message is known. */
  applied: number;
  /** Events that came before, applied or kept. */
  duplicates: number;
  /** Events that were kept because their message is not known, or not known yet. */
  unmatched: number;
  /** Messages in doubt that an event proved to be sent. */
  settled: number;
  /** Addresses that were not suppressed before. */
  suppressed: number;
}

/** Takes events in. */
export interface EventSink {
  /**
   * Applies events in one transaction: all of them, or none when it fails. Each event counts once, no matter how often
   * it comes.
   */
  applyEvents(batch: readonly SesEvent[]): Promise<Applied>;
  /**
   * Applies kept events whose message is known now. `sentWithinMs` limits it to messages sent within that many
   * milliseconds; null or nothing means any message.
   */
  matchKeptEvents(sentWithinMs?: number | null): Promise<Applied>;
}
