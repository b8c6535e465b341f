/** Keeps what is still to be told of messages to those who brought them. */
import type { State } from "../../message.ts";
import { isToldSql } from "../common-sql.ts";
import { isToldAtOnce } from "../reporting.ts";
import type { Report, Reporting } from "../rows.ts";
import type { Reports } from "../store.ts";
import { type Connection, type Job, transaction } from "./connection.ts";

/** Makes the part of the store that says what is to be told. */
export function createReports(job: Job): Reports {
  const { db } = job;
  const find = db.prepare<[Reporting["via"], number], Report>(
    `select r.message_id as messageId, r.via, d.name, r.state, m.ses_message_id as sesMessageId, m.error, m.sent_at as at,
       t.name as topic
     from report r join reported d on d.message_id = r.message_id join message m on m.id = r.message_id
       join topic t on t.id = m.topic_id
     where r.via = ? order by r.message_id limit ?`,
  );
  const told = db.prepare<[{ messageId: number; state: State }]>(
    `delete from report where message_id = @messageId and state = @state
       and via = (select via from reported where message_id = @messageId)`,
  );
  const count = db.prepare<[number], number>("select count(*) from (select 1 from report limit ?)").pluck();
  return {
    countReports: async (limit) => count.get(Math.max(0, limit)) ?? 0,
    reports: async (via, limit) => find.all(via, Math.max(0, limit)),
    told: (reports) =>
      reports.length === 0
        ? Promise.resolve()
        : transaction(job, () => {
            for (const { messageId, state } of reports) told.run({ messageId, state });
          }),
  };
}

/**
 * The trigger that fills `report`, whoever changes a message. It is not part of the schema, so that a job that tells nobody does not pay
 * for it.
 */
const TRIGGER = "report_state";
const MAKE = `create trigger if not exists ${TRIGGER} after update of state on message
  when new.state is not old.state and exists (select 1 from reported where message_id = new.id)
  begin
    insert into report (via, message_id, state)
      select via, message_id, new.state from reported
      where message_id = new.id and ${isToldSql("via", "new.state")}
      on conflict do update set state = excluded.state;
    delete from report where message_id = new.id and not ${isToldSql("via", "new.state")}
      and via = (select via from reported where message_id = new.id);
  end`;

/** Makes what notes whom messages are reported to, inside a transaction. */
export function createReportNotes(db: Connection) {
  const isMade = db.prepare<[]>(`select 1 from sqlite_schema where type = 'trigger' and name = '${TRIGGER}'`);
  const some = db.prepare<[]>("select 1 from reported limit 1");
  const insert = db.prepare<[number, string, string]>("insert into reported (message_id, via, name) values (?, ?, ?)");
  const report = db.prepare<[string, number, State]>("insert into report (via, message_id, state) values (?, ?, ?)");
  const watch = (): void => {
    if (isMade.get() === undefined) db.exec(MAKE);
  };
  return {
    /** Has every change of a reported message noted from now on. To be called before the first is added. */
    watch,
    /** The same, when there are such messages already: they were copied from elsewhere. */
    watchCopied: (): void => {
      if (some.get() !== undefined) watch();
    },
    /** Notes that a message, which was just added in this state, is reported. */
    note({ via, name }: Reporting, messageId: number, state: State): void {
      insert.run(messageId, via, name);
      if (isToldAtOnce(via, state)) report.run(via, messageId, state);
    },
  };
}
