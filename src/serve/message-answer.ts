/** The answer of `POST /v1/messages`: made of what the store counted and of a memo, so that a repeat gets the same text. */
import type { AcceptCounts, AcceptMessage } from "../store/rows.ts";
import { goDuration } from "./go-duration.ts";

/** What an answer says beyond the counts. */
interface Memo {
  duration_ms: number;
  elapsed: string;
  scheduled_at: string | null;
}

/** What has to be kept of a request to answer its repeat letter for letter. `ms`: how long it took so far. */
export function answerMemo(messages: readonly AcceptMessage[], ms: number): string {
  const times = messages.map(({ notBefore }) => notBefore).filter((at) => at > 0);
  const first = times.reduce((a, b) => Math.min(a, b), Infinity);
  return JSON.stringify({
    duration_ms: Math.round(ms),
    elapsed: goDuration(ms),
    scheduled_at: times.length > 0 ? new Date(first).toISOString() : null,
  } satisfies Memo);
}

/**
 * JSON with everything that clients of the older services look for, each thing under every name it had. `memo` is that of
 * `answerMemo`, or the whole text of an answer that version 0.1.0 kept: that one is given back as it is.
 */
export function answerText({ added, suppressed, duplicates }: AcceptCounts, memo: string): string {
  const kept = JSON.parse(memo) as Memo | { total: number };
  if ("total" in kept) return memo;
  const stored = added + suppressed;
  return JSON.stringify({
    total: stored + duplicates,
    success: stored,
    errors: 0,
    duration_ms: kept.duration_ms,
    scheduled: kept.scheduled_at !== null,
    count: stored,
    elapsed: kept.elapsed,
    duplicates,
    suppressed,
    scheduled_at: kept.scheduled_at,
  });
}
