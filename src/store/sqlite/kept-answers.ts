import type { Clock } from "../../time/clock.ts";
import { type Connection, transaction } from "./connection.ts";
import type { AcceptCounts, AcceptResult, Repeat } from "../rows.ts";

/** Rows deleted in one transaction: others want to write, too. */
const STEP = 5_000;

/** What a request came to, and what its caller wants to know again. */
export interface Kept {
  counts: AcceptCounts;
  memo: string;
}

/** What requests with an Idempotency-Key came to, one row for each key of each caller. */
export function createKeptAnswers(db: Connection, clock: Clock) {
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
    /** What the request was answered, or that its key was used for another; null: never seen. */
    find({ caller, key, fingerprint }: Repeat): Extract<AcceptResult, { kind: "repeated" | "conflict" }> | null {
      const kept = find.get(caller, key);
      if (!kept) return null;
      return kept.fingerprint === fingerprint ? { kind: "repeated", ...readKept(kept.body) } : { kind: "conflict" };
    },
    /** In the transaction that is open. */
    keep({ caller, key, fingerprint }: Repeat, { counts, memo }: Kept): void {
      insert.run(caller, key, fingerprint, JSON.stringify({ counts, memo }), clock.now());
    },
    /** In transactions of some thousand rows. */
    async forgetOlderThan(ms: number, onWait: (waitedMs: number) => void): Promise<void> {
      const before = clock.now() - ms;
      while ((await transaction(db, clock, () => remove.run(before).changes, onWait)) === STEP);
    },
  };
}

/**
 * Rows written up to version 0.1.0 hold the whole text of the answer (`{"total":…}`) instead of counts and memo. That text
 * becomes the memo, so that whoever makes answers can give it back letter for letter.
 */
function readKept(body: string): Kept {
  const kept = JSON.parse(body) as Kept | { success: number; duplicates: number; suppressed: number };
  if ("counts" in kept) return { counts: kept.counts, memo: kept.memo };
  const { success, duplicates, suppressed } = kept;
  return { counts: { added: success - suppressed, duplicates, suppressed }, memo: body };
}
