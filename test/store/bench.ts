/** A job file in a folder of its own, and what tests of the gateway's side of the store do to it. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Connection, Database } from "../../src/store/sqlite/driver.ts";
import { expect, onTestFinished } from "vitest";
import { type Content, STATES } from "../../src/message.ts";
import type { SqliteStore } from "../../src/store/open.ts";
import { openStore } from "../../src/store/sqlite/store.ts";
import type { AcceptMessage, AcceptRequest, AcceptResult } from "../../src/store/rows.ts";
import type { Opened, Store } from "../../src/store/store.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { CONTENT } from "../support/store-actions.ts";

export interface Bench {
  path: string;
  clock: ManualClock;
  /** Another handle on the same job file, as another process has. Closed with the test. */
  open(): Promise<Opened<SqliteStore>>;
}

export async function bench(): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), "ses-mail-gateway-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, "job.db");
  const clock = new ManualClock();
  return {
    path,
    clock,
    async open() {
      const store = await openStore(path, clock);
      onTestFinished(async () => {
        try {
          await store.close();
        } catch {
          // Closed by the test already.
        }
      });
      return store;
    },
  };
}

export const content = (subject: string): Content => ({ ...CONTENT, subject });

export function message(emails: string[], given: Partial<AcceptMessage> = {}): AcceptMessage {
  return { topic: "june", content: CONTENT, emails, priority: 5, notBefore: 0, uuid: null, ...given };
}

export function request(messages: AcceptMessage[], given: Partial<AcceptRequest> = {}): AcceptRequest {
  return { messages, endpoint: "ses", repeat: null, memo: "", ...given };
}

export async function accept(
  store: Store,
  messages: AcceptMessage[],
  given: Partial<AcceptRequest> = {},
): Promise<AcceptResult> {
  const [result] = await store.accept([request(messages, given)]);
  if (!result) throw new Error("no result");
  return result;
}

/** What was stored of one message: `[added, duplicates, suppressed]`. */
export async function counts(store: Store, emails: string[], given: Partial<AcceptMessage> = {}): Promise<number[]> {
  const result = await accept(store, [message(emails, given)]);
  if (result.kind !== "stored") throw new Error(JSON.stringify(result));
  return [result.counts.added, result.counts.duplicates, result.counts.suppressed];
}

/** Looks into the file beside the store. */
export function inspect<T>(path: string, look: (db: Connection) => T): T {
  const db = new Database(path);
  try {
    return look(db);
  } finally {
    db.close();
  }
}

export const rows = (path: string, sql: string, ...parameters: unknown[]): unknown[] =>
  inspect(path, (db) => db.prepare(sql).all(...parameters));

/** The promises every job file keeps, whatever was done to it. */
export function expectSound(path: string): void {
  inspect(path, (db) => {
    const counted = STATES.map(
      (state) => `(select count(*) from message where topic_id = t.id and state = '${state}')`,
    );
    const wrong = db.prepare(`select name from topic t where (${STATES.join(", ")}) <> (${counted.join(", ")})`).all();
    expect(wrong, "topics whose counters are no counts").toEqual([]);
    const marks = { opened: "opened_at", clicked: "clicked_at" };
    for (const [counter, mark] of Object.entries(marks)) {
      const of = `(select count(f.${mark}) from message m join feedback f on f.message_id = m.id where m.topic_id = t.id)`;
      expect(
        db.prepare(`select name from topic t where ${counter} <> ${of}`).all(),
        `topics with wrong ${counter}`,
      ).toEqual([]);
    }
    expect(
      db
        .prepare(
          "select a.id, b.id from ingest a join ingest b on a.id < b.id and a.first_id <= b.last_id and b.first_id <= a.last_id",
        )
        .all(),
      "ranges that overlap",
    ).toEqual([]);
    expect(
      db
        .prepare(
          `select m.id from message m left join ingest i on i.id = m.ingest_id
           where i.id is null or i.topic_id <> m.topic_id or m.id not between i.first_id and i.last_id`,
        )
        .all(),
      "messages outside their range",
    ).toEqual([]);
    expect(
      db
        .prepare(
          `select m.id from message m left join recipient r on r.message_id = m.id and r.topic_id = m.topic_id
             and r.address = lower(m.email) group by m.id having count(r.address) <> 1`,
        )
        .all(),
      "messages that are not with their recipient once",
    ).toEqual([]);
  });
}
