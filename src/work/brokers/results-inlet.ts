/** What others report over NATS of mail that was handed over to them, and what nobody reports on. */
import { InterruptedError, StoppedError } from "../../errors.ts";
import type { Nats } from "../../queue/nats/nats.ts";
import { counted } from "../../counted.ts";
import type { OutletSettings } from "./settings.ts";
import { createGate } from "./inlet-gate.ts";
import { runInlet } from "./inlet-loop.ts";
import type { Inlet, Making } from "./inlet.ts";
import { createResultsHandler, noResults, resultsPlace } from "./results.ts";

/** How often it is looked for what nobody reported on. */
const OVERDUE_MS = 60_000;

/** Makes the inlet of results. */
export function createResultsInlet(making: Making, nats: Nats, outlet: OutletSettings): Inlet {
  const { store, clock, log, onBug, onDead, stop } = making;
  const counts = noResults();
  const place = resultsPlace(outlet.results, outlet.stream);
  const onTrouble = (reason: string | null) =>
    reason === null
      ? log.info("results are applied again")
      : log.warn(`results wait, and are applied later: ${reason}`);
  const { signal } = stop;
  const onForeign = (count: number) =>
    log.debug({ foreign: counts.foreign }, `${counted(count, "result")} about mail that others handed over`);
  const handle = createResultsHandler({ store, counts, clock, signal, onDead, onTrouble, onForeign });
  // However much is pending, results make room.
  const tell = (text: string) => log.warn(text);
  const gate = createGate({ store, clock, maxPending: Infinity, tellsAway: false, tell });
  return {
    state: () => ({
      kind: "results",
      name: `nats ${place.stream}/${place.consumer}`,
      isConnected: nats.isConnected(),
      counts: {
        accepted: counts.applied,
        duplicates: counts.known,
        dead: new Map([["refused", counts.dead]]),
      },
    }),
    run: () => [
      runInlet({ name: "results", queue: nats.queue(place), handle, gate, clock, log, onBug }, stop),
      doubtOverdue(making, outlet.timeoutMs),
    ],
  };
}

/** Puts in doubt what nobody reported on for too long, until `stop` aborts. Never rejects. */
async function doubtOverdue({ store, clock, log, onBug, stop }: Making, timeoutMs: number): Promise<void> {
  const { signal } = stop;
  while (!signal.aborted) {
    try {
      const count = await store.doubtHanded(timeoutMs);
      if (count > 0)
        log.warn({ in_doubt: count }, `${counted(count, "message")} handed over: nobody reported on them in time`);
    } catch (error) {
      if (error instanceof StoppedError || error instanceof InterruptedError)
        log.debug({ err: error }, "looked again later");
      else onBug(error);
    }
    await clock.sleep(OVERDUE_MS, signal);
  }
}
