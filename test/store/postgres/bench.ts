/** A job in a schema of its own, on the server that all test files share. */
import { expect, onTestFinished } from "vitest";
import { NO_TOPIC, STATES } from "../../../src/message.ts";
import { openStore } from "../../../src/store/postgres/store.ts";
import type { Opened, Store } from "../../../src/store/store.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { dropSchema, type LentName, newSchema, onServer, sharedServer } from "../../support/shared-postgres.ts";
import type { Bench } from "../bench.ts";

export interface PostgresBench extends Bench {
  schema: string;
  open(): Promise<Opened>;
}

export const preparePostgres = (): Promise<PostgresBench> => prepareOn("postgres");

/** By way of PgBouncer in transaction mode. */
export const preparePooled = (): Promise<PostgresBench> => prepareOn("pgbouncer");

async function prepareOn(name: LentName): Promise<PostgresBench> {
  const { url } = await sharedServer(name);
  const schema = newSchema();
  const clock = new ManualClock();
  const handles: Store[] = [];
  const bench = {
    schema,
    clock,
    async open() {
      const store = await openStore(url, clock, { schema, time: "clock" });
      handles.push(store);
      return store;
    },
    inspect: () => expectSoundSchema(schema),
    dump: () => dump(schema),
    async dispose() {
      for (const store of handles.splice(0)) await store.close();
      await dropSchema(schema);
    },
  };
  onTestFinished(() => bench.dispose());
  return bench;
}

/** Rows of a statement whose tables are written `sm.message`, read beside the store. */
export const rows = (schema: string, sql: string, ...parameters: unknown[]): Promise<unknown[]> =>
  onServer(sql.replace(/\bsm\./g, `"${schema}".`), parameters);

/** Every table that says what became of the messages. */
const TOLD = ["topic", "topic_count", "message", "feedback", "event", "unmatched", "suppression"];

async function dump(schema: string): Promise<Record<string, unknown[]>> {
  const told: Record<string, unknown[]> = {};
  for (const table of TOLD)
    told[table] = await rows(schema, `select told.* from sm.${table} told order by told::text collate "C"`);
  return told;
}

/** Each finds what no job has, whatever was done to it. */
const WRONGS: Record<string, string> = {
  "topics whose counters are no counts": `select name from sm.topic t join sm.topic_count c on c.topic_id = t.id where (${STATES.join(", ")}) <>
    (${STATES.map((state) => `(select count(*) from sm.message where topic_id = t.id and state = '${state}')`).join(", ")})`,
  "topics with wrong opened": wrongMark("opened", "opened_at"),
  "topics with wrong clicked": wrongMark("clicked", "clicked_at"),
  "topics with counters below 0": `select topic_id from sm.topic_count where least(${STATES.join(", ")}, delivered,
    bounced_permanent, bounced_transient, complained, opened, clicked, rejected, delayed, unsubscribed,
    reader_opens, machine_opens, clicks) < 0`,
  "ranges that overlap": `select a.id, b.id from sm.ingest a join sm.ingest b
    on a.id < b.id and a.first_id <= b.last_id and b.first_id <= a.last_id`,
  "messages outside their range": `select m.id from sm.message m left join sm.ingest i on i.id = m.ingest_id
    where i.id is null or i.topic_id <> m.topic_id or m.id not between i.first_id and i.last_id`,
  "messages that are not with their recipient once": `select m.id from sm.message m
    left join (select message_id, count(*) as times, min(address) as address, min(topic_id) as topic_id
      from sm.recipient group by message_id) r on r.message_id = m.id
    where r.times is distinct from 1 or r.address <> lower(m.email) or r.topic_id <> m.topic_id`,
  "mails that are there twice": `select min(m.id) from sm.message m join sm.topic t on t.id = m.topic_id
    where t.name <> '${NO_TOPIC}' group by m.topic_id, m.content_id, lower(m.email) having count(*) > 1`,
  "pending messages of cancelled topics": `select m.id from sm.message m join sm.topic t on t.id = m.topic_id
    where m.state = 'pending' and t.cancelled_at is not null`,
  "messages in a state that nothing stands for": `select id from sm.message
    where state <> all (array[${STATES.map((state) => `'${state}'`).join(", ")}])
      or (state = 'sending') <> (claimed_by is not null) or (state = 'sent') <> (sent_at is not null)
      or (state = 'failed' and error is null)`,
};

function wrongMark(counter: string, mark: string): string {
  return `select name from sm.topic t join sm.topic_count c on c.topic_id = t.id where ${counter} <>
    (select count(f.${mark}) from sm.message m join sm.feedback f on f.message_id = m.id where m.topic_id = t.id)`;
}

async function expectSoundSchema(schema: string): Promise<void> {
  for (const [wrong, sql] of Object.entries(WRONGS))
    expect(await rows(schema, sql), `in the schema: ${wrong}`).toEqual([]);
}
