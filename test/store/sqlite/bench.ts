/** A job file in a folder of its own. */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { STATES } from "../../../src/message.ts";
import { type Connection, Database } from "../../../src/store/sqlite/driver.ts";
import { type Moves, textOfMoves } from "../../../src/store/move.ts";
import { openStore, type SqliteStore } from "../../../src/store/sqlite/store.ts";
import type { Opened, Store } from "../../../src/store/store.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { NO_TOPIC } from "../../../src/message.ts";
import type { Bench } from "../bench.ts";

export interface SqliteBench extends Bench {
  path: string;
  open(): Promise<Opened<SqliteStore>>;
}

/** A disk in memory where there is one: the contract is about what is written, not about how durable it is. */
const FAST_FOLDER = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

export const prepareSqlite = (): Promise<SqliteBench> => prepareIn(FAST_FOLDER);

/** With handles that were opened to read, whose parts are loaded late. On a file that can be written to they do everything. */
export const prepareToRead = (): Promise<SqliteBench> => prepareIn(FAST_FOLDER, { toRead: true });

/** For what is about the file itself. */
export const prepareOnDisk = (): Promise<SqliteBench> => prepareIn(tmpdir());

async function prepareIn(parent: string, options: { toRead?: boolean } = {}): Promise<SqliteBench> {
  const folder = await mkdtemp(join(parent, "ses-mail-store-"));
  const path = join(folder, "job.db");
  const clock = new ManualClock();
  const handles: Store[] = [];
  const bench = {
    path,
    clock,
    async open() {
      const store = await openStore(path, clock, options);
      handles.push(store);
      return store;
    },
    async openToWork() {
      const store = await openStore(path, clock);
      handles.push(store);
      return store;
    },
    inspect: async () => expectSoundFile(path),
    dump: async () => dump(path),
    async leaveClosed() {
      inspect(path, (db) =>
        db
          .prepare("update topic set cancelled_at = @now, cancelling_at = @now where name = 'june'")
          .run({ now: clock.now() }),
      );
    },
    async leaveMoving(moves: Moves) {
      inspect(path, (db) =>
        db
          .prepare(
            `update topic set not_before = ifnull(?, not_before), content_id = ifnull(?, content_id), moving_at = ?, moving_to = ?
             where name = 'june'`,
          )
          .run(moves.time?.notBefore ?? null, moves.content?.id ?? null, clock.now(), textOfMoves(moves)),
      );
    },
    async dispose() {
      for (const store of handles.splice(0)) await store.close();
      await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    },
  };
  onTestFinished(() => bench.dispose());
  return bench;
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

/** Every table that says what became of the messages. */
const TOLD = ["topic", "message", "feedback", "event", "unmatched", "suppression"];

const dump = (path: string): Record<string, unknown[]> =>
  Object.fromEntries(TOLD.map((table) => [table, rows(path, `select * from ${table}`)]));

/** Each finds what no job file has, whatever was done to it. */
const WRONGS: Record<string, string> = {
  "topics whose counters are no counts": `select name from topic t where (${STATES.join(", ")}) <>
    (${STATES.map(
      (state) => `(select count(*) from message where topic_id = t.id and state = '${state}')
      + ifnull((select messages from removed where topic_id = t.id and state = '${state}'), 0)`,
    ).join(", ")})`,
  "topics with wrong opened": wrongMark("opened", "opened_at"),
  "topics with wrong clicked": wrongMark("clicked", "clicked_at"),
  "ranges that overlap": `select a.id, b.id from ingest a join ingest b
    on a.id < b.id and a.first_id <= b.last_id and b.first_id <= a.last_id`,
  "messages outside their range": `select m.id from message m left join ingest i on i.id = m.ingest_id
    where i.id is null or i.topic_id <> m.topic_id or m.id not between i.first_id and i.last_id`,
  "messages that are not with their recipient once": `select m.id from message m
    left join (select message_id, count(*) as times, min(address) as address, min(topic_id) as topic_id
      from recipient group by message_id) r on r.message_id = m.id
    where r.times is not 1 or r.address <> lower(m.email) or r.topic_id <> m.topic_id`,
  "mails that are there twice": `select min(m.id) from message m join topic t on t.id = m.topic_id where t.name <> '${NO_TOPIC}'
    group by m.topic_id, m.content_id, lower(m.email), iif(m.fields like '{%', m.fields, '') having count(*) > 1`,
  "messages without a content":
    "select id from message m where not exists (select 1 from content where id = m.content_id)",
  "topics without a content": "select id from topic t where not exists (select 1 from content where id = t.content_id)",
  "recipients without a message":
    "select message_id from recipient r where not exists (select 1 from message where id = r.message_id)",
  "feedback without a message":
    "select message_id from feedback f where not exists (select 1 from message where id = f.message_id)",
  "events without a message":
    "select message_id from event e where not exists (select 1 from message where id = e.message_id)",
  "messages handed over that are not noted, and the other way around": `select id from message where claimed_by = 0
    and id not in (select message_id from handed)
    union all select message_id from handed where message_id not in (select id from message where claimed_by = 0)`,
  ...Object.fromEntries(
    ["reported", "report", "handed"].map((table) => [
      `rows of ${table} without a message`,
      `select message_id from ${table} r where not exists (select 1 from message where id = r.message_id)`,
    ]),
  ),
  "reports that are not told, or of another state": `select r.message_id from report r
    left join reported d on d.message_id = r.message_id and d.via = r.via join message m on m.id = r.message_id
    where d.message_id is null or m.state <> r.state`,
  "messages of no topic": "select id from message m where not exists (select 1 from topic where id = m.topic_id)",
  "lists that are on their way for ever": "select topic from arriving",
  "pending messages of cancelled topics": `select m.id from message m join topic t on t.id = m.topic_id
    where m.state = 'pending' and t.cancelled_at is not null`,
};

function wrongMark(counter: string, mark: string): string {
  return `select name from topic t where not exists (select 1 from removed where topic_id = t.id) and ${counter} <>
    (select count(f.${mark}) from message m join feedback f on f.message_id = m.id where m.topic_id = t.id)`;
}

export function expectSoundFile(path: string): void {
  inspect(path, (db) => {
    for (const [wrong, sql] of Object.entries(WRONGS))
      expect(db.prepare(sql).all(), `in the file: ${wrong}`).toEqual([]);
  });
}
