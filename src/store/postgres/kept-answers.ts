/** Keeps what requests with an Idempotency-Key came to, so that a repeat gets the same answer. */
import type { AcceptCounts, AcceptedIds, AcceptResult, Repeat } from "../rows.ts";
import type { Job } from "./connection.ts";
import { transaction, type Tx } from "./transaction.ts";

/** How many rows one transaction deletes, so that others can write in between. */
const STEP = 5_000;

/** What a request came to, and the memo of its caller (`AcceptRequest.memo`). */
interface Kept {
  counts: AcceptCounts;
  ids: AcceptedIds;
  memo: string;
}

/** An answer and the request that it is for. */
export interface Answer extends Repeat {
  kept: Kept;
}

/** The answers kept for these requests, whatever their fingerprints. */
export async function findAnswers(query: Tx["query"], repeats: readonly Repeat[]): Promise<Answer[]> {
  if (repeats.length === 0) return [];
  const rows = await query<Repeat & { body: string }>(
    `select w.caller, w.key, a.fingerprint, a.body from unnest($1::text[], $2::text[]) w (caller, key)
     cross join lateral (select fingerprint, body from sm.answer where caller = w.caller and key = w.key limit 1) a`,
    [repeats.map(({ caller }) => caller), repeats.map(({ key }) => key)],
  );
  // Older programs kept no ids.
  return rows.map(({ body, ...repeat }) => ({
    ...repeat,
    kept: { ids: null, ...(JSON.parse(body) as Omit<Kept, "ids">) },
  }));
}

/** What a request is told for which there is an answer: the same again, or that its key was used for another one. */
export function repeated(
  { kept, fingerprint }: Answer,
  repeat: Repeat,
): Extract<AcceptResult, { kind: "repeated" | "conflict" }> {
  return fingerprint === repeat.fingerprint ? { kind: "repeated", ...kept } : { kind: "conflict" };
}

/** Keeps answers. There must be none for their callers and keys. */
export async function keepAnswers(tx: Tx, answers: readonly Answer[]): Promise<void> {
  if (answers.length === 0) return;
  await tx.run(
    `insert into sm.answer (caller, key, fingerprint, body, created_at)
     select caller, key, fingerprint, body, $5::bigint
     from unnest($1::text[], $2::text[], $3::text[], $4::text[]) w (caller, key, fingerprint, body)`,
    [
      answers.map(({ caller }) => caller),
      answers.map(({ key }) => key),
      answers.map(({ fingerprint }) => fingerprint),
      // As JSON it holds neither NUL nor half a character, whatever a memo is.
      answers.map(({ kept }) => JSON.stringify(kept)),
      tx.now.wall,
    ],
  );
}

/** Forgets answers that are older than `ms`, in transactions of some thousand rows. */
export async function forgetAnswersOlderThan(job: Job, ms: number): Promise<void> {
  const before = job.time.now().wall - ms;
  const step = (tx: Tx) =>
    tx.run(
      `delete from sm.answer where id = any(array(select id from sm.answer where created_at < $1 order by created_at limit ${STEP}))`,
      [before],
    );
  while ((await transaction(job, step)) === STEP);
}
