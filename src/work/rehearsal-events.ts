/** Takes in what the sandbox of a rehearsal publishes, so that its figures show something. */
import type { EventSink } from "../feedback/event-sink.ts";
import { unwrapAnywhere } from "../feedback/envelopes/envelopes.ts";
import type { SesEvent } from "../feedback/ses-event.ts";
import type { NotificationSink, SnsNotification } from "../sandbox/event-feed.ts";

/** Events in one transaction: as many as in one of `ingest-events`. */
const BATCH = 1_000;

/**
 * A sink that applies events to the store, the last ones when it is closed. `flush` has those applied that came so far. Whatever fails is told once to `onProblem`, and costs
 * the rehearsal nothing but its figures.
 */
export function rehearsalEvents(
  store: EventSink,
  onProblem: (problem: Error) => void,
): NotificationSink & { flush(): void } {
  let waiting: SesEvent[] = [];
  let applying = Promise.resolve();
  let hasFailed = false;
  const fail = (error: unknown) => {
    if (!hasFailed) onProblem(error as Error);
    hasFailed = true;
  };
  const flush = () => {
    const batch = waiting;
    waiting = [];
    applying = applying.then(async () => {
      if (batch.length > 0 && !hasFailed) await store.applyEvents(batch).catch(fail);
    });
  };
  return {
    flush,
    take(notifications: readonly SnsNotification[]) {
      for (const item of notifications.flatMap((each) => unwrapAnywhere({ ...each })))
        if ("event" in item) waiting.push(item.event);
      if (waiting.length >= BATCH) flush();
    },
    close() {
      flush();
      return applying;
    },
  };
}
