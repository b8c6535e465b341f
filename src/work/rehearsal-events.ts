/** Takes in what the sandbox of a rehearsal publishes, so that its figures show something. */
import { StoppedError } from "../errors.ts";
import type { EventSink } from "../feedback/event-sink.ts";
import { unwrapAnywhere } from "../feedback/envelopes/envelopes.ts";
import type { SesEvent } from "../feedback/ses-event.ts";
import type { NotificationSink, SnsNotification } from "../sandbox/event-feed.ts";

/** Events in one transaction: as many as in one of `ingest-events`. */
const BATCH = 1_000;
/** Most events that are kept in memory while the store does not take them. Each takes about a kilobyte. */
const MOST_WAITING = 50_000;

/**
 * A sink that applies events to the store, the last ones when it is closed. `flush` has those applied that came so far. Events that
 * the store cannot take for now, because it is away or its disk is full, are kept for the next time, up to `MOST_WAITING`. The first
 * loss of events is told, and costs the rehearsal nothing but its figures.
 */
export function rehearsalEvents(
  store: Pick<EventSink, "applyEvents">,
  onLoss: (reason: Error) => void,
): NotificationSink & { flush(): void } {
  let waiting: SesEvent[] = [];
  let applying: Promise<void> | null = null;
  let isTold = false;
  const tell = (reason: Error) => {
    if (!isTold) onLoss(reason);
    isTold = true;
  };
  const keep = (events: SesEvent[]) => {
    const excess = events.splice(MOST_WAITING).length;
    waiting = events;
    if (excess > 0) tell(new Error(`more than ${MOST_WAITING} events wait for the store`));
  };
  /** Returns why the rest still waits; null: nothing does. */
  const apply = async (): Promise<StoppedError | null> => {
    while (waiting.length > 0) {
      const batch = waiting.splice(0, BATCH);
      try {
        await store.applyEvents(batch);
      } catch (error) {
        if (error instanceof StoppedError) {
          keep([...batch, ...waiting]);
          return error;
        }
        tell(error as Error);
      }
    }
    return null;
  };
  const flush = () => {
    // One at a time: while the store is away an attempt takes longer than the time to the next flush.
    applying ??= apply().then(() => void (applying = null));
  };
  return {
    flush,
    take(notifications: readonly SnsNotification[]) {
      for (const item of notifications.flatMap((each) => unwrapAnywhere({ ...each })))
        if ("event" in item) waiting.push(item.event);
      keep(waiting);
      if (waiting.length >= BATCH) flush();
    },
    async close() {
      await applying;
      const reason = await apply();
      if (reason !== null) tell(reason);
    },
  };
}
