import type { Clock } from "../../time/clock.ts";
import { type Connection, transaction } from "./connection.ts";
import type { AcceptResult, Repeat } from "../store.ts";

/** Rows deleted in one transaction: others want to write, too. */
const STEP = 5_000;

/** What requests with an Idempotency-Key were answered. */
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
    find({ caller, key, fingerprint }: Repeat): Extract<AcceptResult, { kind: "repeated" | "conflict" }> | null {
      const kept = find.get(caller, key);
      if (!kept) return null;
      return kept.fingerprint === fingerprint ? { kind: "repeated", answer: kept.body } : { kind: "conflict" };
    },
    /** In the transaction that is open. */
    keep({ caller, key, fingerprint }: Repeat, body: string): void {
      insert.run(caller, key, fingerprint, body, clock.now());
    },
    async forget(before: number, onWait: (waitedMs: number) => void): Promise<void> {
      while ((await transaction(db, clock, () => remove.run(before).changes, onWait)) === STEP);
    },
  };
}
