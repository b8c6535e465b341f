/** Where events go: all that feedback knows of a store. */
import type { SesEvent } from "./ses-event.ts";

/** What a batch of events came to. `applied + duplicates + unmatched` is the number of events. */
export interface Applied {
  applied: number;
  /** Events that were here before, kept or applied. */
  duplicates: number;
  /** Events kept because their message is not known, or not yet. */
  unmatched: number;
  /** Messages in doubt that an event proved sent. */
  settled: number;
  /** Addresses newly suppressed. */
  suppressed: number;
}

export interface EventSink {
  /** Applies events in one transaction: all of them, or none when it fails. Each event counts once, however often it comes. */
  applyEvents(batch: readonly SesEvent[]): Promise<Applied>;
  /**
   * Applies events that came before their message was known, now that it may be: those of messages sent within so many ms,
   * or, when null or not given, those of any message.
   */
  matchKeptEvents(sentWithinMs?: number | null): Promise<Applied>;
}
