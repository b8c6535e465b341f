/** Counts outcomes by span of time. */
import { zeros } from "../message.ts";
import type { Outcomes, TimeCounts } from "./breakdown.ts";
import { OUTCOMES } from "./rules/event-counters.ts";

/** Counts by span. Span `n` begins at `n * spanMs` (ms since the epoch). */
export interface Spans {
  add(span: number, name: keyof Outcomes, count: number): void;
  /** The spans in which something happened, earliest first. */
  all(): TimeCounts[];
}

/** Makes empty counts of spans of `spanMs`. */
export function createSpans(spanMs: number): Spans {
  const spans = new Map<number, TimeCounts>();
  return {
    add(span, name, count) {
      let counts = spans.get(span);
      if (!counts) spans.set(span, (counts = { at: span * spanMs, ...zeros(["sent", ...OUTCOMES]) }));
      counts[name] += count;
    },
    all: () => [...spans.values()].sort((a, b) => a.at - b.at),
  };
}
