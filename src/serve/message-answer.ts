/**
 * The answer of `POST /v1/messages`. It is made of the store's counts and a memo, so that a repeat gets the same text.
 */
import type { AcceptCounts, AcceptedIds, AcceptMessage } from "../store/rows.ts";
import { goDuration } from "./go-duration.ts";

/** What an answer says beyond the counts. */
interface Memo {
  duration_ms: number;
  elapsed: string;
  scheduled_at: string | null;
}

/**
 * What has to be stored with a request to answer its repeat with the same text. `ms`: how long the request took so far.
 */
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
 * The answer as JSON. It has each field that clients of the older services read, under every name it had, and the message of each
 * address where they are few enough. `memo` is
 * from `answerMemo`, or the whole answer as version 0.1.0 stored it: that one is returned as it is.
 */
export function answerText({ counts, ids }: { counts: AcceptCounts; ids: AcceptedIds }, memo: string): string {
  const { added, suppressed, duplicates } = counts;
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
    ...(ids !== null && { ids }),
  });
}
