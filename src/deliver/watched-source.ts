/** A source of which is known for how long it has not answered. */
import type { Clock } from "../time/clock.ts";
import type { Source } from "./source.ts";

/** A source, and how long the oldest question to it waits for an answer. */
export interface WatchedSource extends Source {
  /** Milliseconds; 0 when no question is open. */
  waitingMs(): number;
}

/** Watches the questions of the loop to `source`. */
export function watched(source: Source, clock: Clock): WatchedSource {
  const open = new Set<number>();
  const watch = async <T>(ask: () => Promise<T>): Promise<T> => {
    const since = clock.monotonic();
    open.add(since);
    try {
      return await ask();
    } finally {
      open.delete(since);
    }
  };
  return {
    name: source.name,
    ...(source.onChange && { onChange: (hear: () => void) => source.onChange?.(hear) ?? (() => undefined) }),
    patienceMs: source.patienceMs,
    turn: (request) => watch(() => source.turn(request)),
    recover: () => watch(() => source.recover()),
    nextDueInMs: (scope) => watch(() => source.nextDueInMs(scope)),
    outlook: (scope) => watch(() => source.outlook(scope)),
    waitingMs: () => {
      const [oldest] = open;
      return oldest === undefined ? 0 : clock.monotonic() - oldest;
    },
  };
}
