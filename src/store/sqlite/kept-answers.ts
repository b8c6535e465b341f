/** Keeps what requests with an Idempotency-Key came to, so that a repeat gets the same answer. */
import { type Job, transaction } from "./connection.ts";
import type { AcceptCounts, AcceptedIds, AcceptResult, Repeat } from "../rows.ts";

/** How many rows one transaction deletes, so that others can write in between. */
const STEP = 5_000;

/** What a request came to, and the memo of its caller (`AcceptRequest.memo`). */
export interface Kept {
  counts: AcceptCounts;
  ids: AcceptedIds;
  memo: string;
}

/** Makes what keeps answers, with one row for each key of each caller. */
export function createKeptAnswers(job: Job) {
  const { db, clock } = job;
  const find = db.prepare<[string, string], { fingerprint: string; body: string }>(
    "select fingerprint, body from answer where caller = ? and key = ?",
  );
  const insert = db.prepare<[string, string, string, string, number]>(
    "insert into answer (caller, key, fingerprint, body, created_at) values (?, ?, ?, ?, ?)",
  );
  const remove = db.prepare<[number]>(
    `delete from answer where id in (select id from answer where created_at < ? limit ${STEP})`,
  );
  return {
    /** What the request came to, or that its key was used for another one; null: the key is new. */
    find({ caller, key, fingerprint }: Repeat): Extract<AcceptResult, { kind: "repeated" | "conflict" }> | null {
      const kept = find.get(caller, key);
      if (!kept) return null;
      return kept.fingerprint === fingerprint ? { kind: "repeated", ...readKept(kept.body) } : { kind: "conflict" };
    },
    /** Keeps an answer. To be called in a transaction. */
    keep({ caller, key, fingerprint }: Repeat, { counts, ids, memo }: Kept): void {
      insert.run(caller, key, fingerprint, JSON.stringify({ counts, ids, memo }), clock.now());
    },
    /** Forgets answers that are older than `ms`, in transactions of some thousand rows. */
    async forgetOlderThan(ms: number): Promise<void> {
      const before = clock.now() - ms;
      while ((await transaction(job, () => remove.run(before).changes)) === STEP);
    },
  };
}

/**
 * Reads a kept answer. Older programs kept no ids. Up to version 0.1.0 rows hold the whole text of the answer (`{"total":…}`). That
 * text becomes the memo, so that a repeat gets it letter for letter.
 */
function readKept(body: string): Kept {
  type Old = { success: number; duplicates: number; suppressed: number };
  const kept = JSON.parse(body) as (Omit<Kept, "ids"> & Partial<Kept>) | Old;
  if ("counts" in kept) return { counts: kept.counts, ids: kept.ids ?? null, memo: kept.memo };
  const { success, duplicates, suppressed } = kept;
  return { counts: { added: success - suppressed, duplicates, suppressed }, ids: null, memo: body };
}
