/** A job in a schema of its own, on the server that all test files share. */
import { expect, onTestFinished } from "vitest";
import { NO_TOPIC, STATES } from "../../../src/message.ts";
import { EVENT_COUNTERS, type EventCounter, MARK_OF } from "../../../src/store/rules/event-counters.ts";
import { type Moves, textOfMoves } from "../../../src/store/move.ts";
import { openStore } from "../../../src/store/postgres/store.ts";
import type { Opened, Store } from "../../../src/store/store.ts";
import { type DatabaseProxy, databaseProxy } from "../../support/database-proxy.ts";
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
  const open = async () => {
    const store = await openStore(url, clock, { schema, time: "clock" });
    handles.push(store);
    return store;
  };
  const bench = {
    schema,
    clock,
    open,
    openToWork: open,
    inspect: () => expectSoundSchema(schema),
    dump: () => dump(schema),
    async leaveClosed() {
      await rows(
        schema,
        "update sm.topic set cancelled_at = $1::bigint, cancelling_at = $1 where name = 'june'",
        clock.now(),
      );
    },
    async leaveMoving(moves: Moves) {
      await rows(
        schema,
        `update sm.topic set not_before = coalesce($1::bigint, not_before), content_id = coalesce($2::bigint, content_id),
           moving_at = $3::bigint, moving_to = $4 where name = 'june'`,
        moves.time?.notBefore ?? null,
        moves.content?.id ?? null,
        clock.now(),
        textOfMoves(moves),
      );
    },
    async dispose() {
      for (const store of handles.splice(0)) await store.close();
      await dropSchema(schema);
    },
  };
  onTestFinished(() => bench.dispose());
  return bench;
}

/** Another handle, whose connections go through a proxy. Both are closed with the test. */
export async function behindProxy({ schema, clock }: PostgresBench): Promise<{ store: Opened; proxy: DatabaseProxy }> {
  const proxy = await databaseProxy((await sharedServer()).url);
  const store = await openStore(proxy.url, clock, { schema, time: "clock" });
  onTestFinished(async () => {
    await store.close();
    await proxy.close();
  });
  return { store, proxy };
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
  "topics without their counters": `select t.id, c.topic_id from sm.topic t full join sm.topic_count c on c.topic_id = t.id
    where t.id is null or c.topic_id is null`,
  "topics whose counters are no counts": `select topic_id from sm.topic_count c where (${STATES.join(", ")}) <>
    (${STATES.map(
      (state) => `(select count(*) from sm.message m where m.topic_id = c.topic_id and state = '${state}')
      + coalesce((select messages from sm.removed r where r.topic_id = c.topic_id and state = '${state}'), 0)`,
    ).join(", ")})`,
  ...Object.fromEntries(EVENT_COUNTERS.map((counter) => [`topics with wrong ${counter}`, wrongMark(counter)])),
  "ranges that overlap": `select a.id, b.id from sm.ingest a join sm.ingest b
    on a.id < b.id and a.first_id <= b.last_id and b.first_id <= a.last_id`,
  "messages outside their range": `select m.id from sm.message m left join sm.ingest i on i.id = m.ingest_id
    where i.id is null or i.topic_id <> m.topic_id or m.id not between i.first_id and i.last_id`,
  "messages that are not with their recipient once": `select m.id from sm.message m
    left join (select message_id, count(*) as times, min(address) as address, min(topic_id) as topic_id
      from sm.recipient group by message_id) r on r.message_id = m.id
    where r.times is distinct from 1 or r.address <> lower(m.email) or r.topic_id <> m.topic_id`,
  "mails that are there twice": `select min(m.id) from sm.message m join sm.topic t on t.id = m.topic_id
    where t.name <> '${NO_TOPIC}' group by m.topic_id, m.content_id, lower(m.email), case when m.fields like '{%' then m.fields end having count(*) > 1`,
  "messages without a content":
    "select id from sm.message m where not exists (select 1 from sm.content where id = m.content_id)",
  "topics without a content":
    "select id from sm.topic t where not exists (select 1 from sm.content where id = t.content_id)",
  "recipients without a message":
    "select message_id from sm.recipient r where not exists (select 1 from sm.message where id = r.message_id)",
  "feedback without a message":
    "select message_id from sm.feedback f where not exists (select 1 from sm.message where id = f.message_id)",
  "events without a message":
    "select message_id from sm.event e where not exists (select 1 from sm.message where id = e.message_id)",
  "messages handed over that are not noted, and the other way around": `select id from sm.message where claimed_by = 0
    and id not in (select message_id from sm.handed)
    union all select message_id from sm.handed where message_id not in (select id from sm.message where claimed_by = 0)`,
  ...Object.fromEntries(
    ["reported", "report", "handed"].map((table) => [
      `rows of ${table} without a message`,
      `select message_id from sm.${table} r where not exists (select 1 from sm.message where id = r.message_id)`,
    ]),
  ),
  "reports that are not told, or of another state": `select r.message_id from sm.report r
    left join sm.reported d on d.message_id = r.message_id and d.via = r.via join sm.message m on m.id = r.message_id
    where d.message_id is null or m.state <> r.state`,
  "pending messages of cancelled topics": `select m.id from sm.message m join sm.topic t on t.id = m.topic_id
    where m.state = 'pending' and t.cancelled_at is not null`,
};

function wrongMark(counter: EventCounter): string {
  return `select topic_id from sm.topic_count c
    where not exists (select 1 from sm.removed r where r.topic_id = c.topic_id) and ${counter} <>
    (select count(f.${MARK_OF[counter]}) from sm.message m join sm.feedback f on f.message_id = m.id
      where m.topic_id = c.topic_id)`;
}

async function expectSoundSchema(schema: string): Promise<void> {
  for (const [wrong, sql] of Object.entries(WRONGS))
    expect(await rows(schema, sql), `in the schema: ${wrong}`).toEqual([]);
}
