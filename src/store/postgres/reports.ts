/** Keeps what is still to be told of messages to those who brought them. */
import { isToldSql } from "../common-sql.ts";
import { isToldAtOnce } from "../reporting.ts";
import type { State } from "../../message.ts";
import type { Report, Reporting } from "../rows.ts";
import type { Reports } from "../store.ts";
import { numbers } from "./arrays.ts";
import { byIndex } from "./by-index.ts";
import { type Job, read, snapshot } from "./connection.ts";
import { storable } from "./storable.ts";
import { ListUnderWay, transaction, type Tx } from "./transaction.ts";
import type { Patience } from "./waits.ts";

const FIND = `select r.message_id as "messageId", r.via, d.name, r.state, m.ses_message_id as "sesMessageId", m.error,
    m.sent_at as at, t.name as topic
  from (select via, message_id, state from sm.report where via = $1 order by message_id limit $2) r
  cross join lateral (select name from sm.reported where message_id = r.message_id limit 1) d
  cross join lateral (select topic_id, ses_message_id, error, sent_at from sm.message where id = r.message_id limit 1) m
  join sm.topic t on t.id = m.topic_id
  order by r.message_id`;

// Who told is not given, but a message has one broker only.
const TOLD = `delete from sm.report r using unnest($1::bigint[], $2::text[]) w (id, state)
    cross join lateral (select via from sm.reported where message_id = w.id limit 1) d
  where r.via = d.via and r.message_id = w.id and r.state = w.state`;

const COUNT = "select count(*)::int as count from (select 1 from sm.report limit $1) r";

/** Makes the part of the store that says what is to be told. */
export function createReports(job: Job): Reports {
  return {
    async countReports(limit) {
      const [row] = await read<{ count: number }>(job, COUNT, [Math.max(0, limit)]);
      return row?.count ?? 0;
    },
    async reports(via, limit) {
      const values = [via, Math.max(0, limit)];
      const [, found] = await snapshot(job, (ask) => Promise.all([byIndex(ask), ask<Report>(FIND, values)]));
      return found;
    },
    async told(reports) {
      if (reports.length === 0) return;
      const given = [numbers(reports.map(({ messageId }) => messageId)), reports.map(({ state }) => state)];
      await transaction(job, (tx) => Promise.all([byIndex(tx.query), tx.run(TOLD, given)]));
    },
  };
}

const TRIGGER = "report_state";
const IS_MADE = `select 1 from pg_trigger where tgrelid = 'sm.message'::regclass and tgname = '${TRIGGER}'`;

/**
 * Fills `report`, whoever changes messages. It is not part of the schema, so that a job that tells nobody does not pay for it. Once for
 * each statement, because a call for each row takes three times as long. Its plans are kept, and may come from a time when the
 * tables were empty: so it compares rows in a way that no guess makes slow, and reads by index only.
 */
const FUNCTION = `create or replace function sm.${TRIGGER}() returns trigger language plpgsql
  set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $body$
  begin
    if not exists (select from news) then return null; end if;
    with moved as materialized (
      select n.id, n.state, r.via from (select id, state from news except select id, state from olds) n
      cross join lateral (select via from sm.reported where message_id = n.id limit 1) r),
    over as (
      delete from sm.report r using moved m
      where r.via = m.via and r.message_id = m.id and not ${isToldSql("m.via", "m.state")})
    insert into sm.report (via, message_id, state)
      select via, id, state from moved where ${isToldSql("via", "state")}
      on conflict (via, message_id) do update set state = excluded.state;
    return null;
  end $body$`;
const MAKE = `create trigger ${TRIGGER} after update on sm.message referencing old table as olds new table as news
  for each statement execute function sm.${TRIGGER}()`;

/** Who writes rows without the writer lock puts a list in, and has it for as long as that takes. */
const LIST = `select 1 from pg_locks where relation = 'sm.message'::regclass and mode = 'RowExclusiveLock' and granted
  and database = (select oid from pg_database where datname = current_database()) and pid <> pg_backend_pid()`;
/**
 * How long to wait for the table (ms). A vacuum is cancelled by the server after a second. Less than two, so that a list that came in
 * between, and waits for our lock, is never taken for the one to be ended.
 */
const TABLE_MS = 1_900;

/**
 * Has every change of a reported message noted from now on. To be called before the first is added; costs one question when that is
 * so already.
 */
export async function watchReports(job: Job, patience: Patience): Promise<void> {
  if ((await read(job, IS_MADE)).length > 0) return;
  await transaction(
    job,
    async (tx) => {
      if ((await tx.query(LIST)).length > 0) throw new ListUnderWay();
      await makeTrigger(tx);
    },
    patience,
  );
}

/** The same inside a transaction, when messages of that kind were copied from elsewhere. */
export async function watchCopied(tx: Tx): Promise<void> {
  if ((await tx.query("select 1 from sm.reported limit 1")).length > 0) await makeTrigger(tx);
}

async function makeTrigger(tx: Tx): Promise<void> {
  // Another process may have made it while we waited for the lock.
  if ((await tx.query(IS_MADE)).length > 0) return;
  await tx.run(`set local lock_timeout = ${TABLE_MS}`);
  await tx.run(FUNCTION);
  await tx.run(MAKE);
}

/** A message that is reported, and the state in which it was just added. */
export interface NewReport extends Reporting {
  messageId: number;
  state: State;
}

/** Notes whom messages are reported to that were just added. */
export async function insertReports(tx: Tx, reports: readonly NewReport[]): Promise<void> {
  if (reports.length === 0) return;
  const told = reports.filter(({ via, state }) => isToldAtOnce(via, state));
  const columns = (rows: readonly NewReport[]) => [numbers(rows.map(({ messageId }) => messageId)), rows.map(viaOf)];
  await Promise.all([
    tx.run(
      "insert into sm.reported (message_id, via, name) select * from unnest($1::bigint[], $2::text[], $3::text[])",
      [...columns(reports), reports.map(({ name }) => storable(name))],
    ),
    told.length > 0 &&
      tx.run(
        "insert into sm.report (message_id, via, state) select * from unnest($1::bigint[], $2::text[], $3::text[])",
        [...columns(told), told.map(({ state }) => state)],
      ),
  ]);
}

const viaOf = ({ via }: Reporting): string => via;
