/** Counts opens and clicks through our own links. */
import { type Connection, type Job, transaction } from "./connection.ts";
import { createCounters } from "./state-counters.ts";
import { visitKey } from "../hash.ts";
import type { Visit } from "../rows.ts";
import { createProver, type Provable } from "./prove.ts";
import { HANDED_OUT } from "../rules/states.ts";

interface Visited extends Provable {
  unopened: 0 | 1;
  unclicked: 0 | 1;
}

/** Makes the part of the store that counts visits. */
export function createVisitSink(job: Job) {
  const { db, clock } = job;
  const counters = createCounters(db);
  const find = db.prepare<[number], Visited>(
    `select m.id, m.topic_id as topicId, m.state, m.attempts, m.claimed_by as claimedBy,
       f.opened_at is null as unopened, f.clicked_at is null as unclicked
     from message m left join feedback f on f.message_id = m.id where m.id = ?`,
  );
  const write = createVisitWriter(db);
  const { prove } = createProver(db, counters);
  const count = {
    reader_opens: db.prepare<[number, number]>(
      "update topic set opened = opened + ?, reader_opens = reader_opens + 1 where id = ?",
    ),
    machine_opens: db.prepare<[number, number]>(
      "update topic set opened = opened + ?, machine_opens = machine_opens + 1 where id = ?",
    ),
    clicks: db.prepare<[number, number]>("update topic set clicked = clicked + ?, clicks = clicks + 1 where id = ?"),
  };

  /** Counts one visit. Returns true when it is the first to its message. */
  const applyOne = (visit: Visit): boolean => {
    const message = find.get(visit.messageId);
    // Nobody can visit a message that never left, so somebody made up the id.
    if (!message || !HANDED_OUT.includes(message.state)) return false;
    const isFirst = write(visit);
    if (visit.kind === "click") count.clicks.run(message.unclicked, message.topicId);
    else count[visit.machine ? "machine_opens" : "reader_opens"].run(message.unopened, message.topicId);
    prove(message, { kind: "visit", at: visit.at }, clock.now());
    return isFirst;
  };

  return {
    applyVisits: (batch: readonly Visit[]): Promise<number> =>
      transaction(job, () => {
        counters.begin();
        const first = batch.filter(applyOne).length;
        counters.write();
        return first;
      }),
  };
}

/**
 * Makes a function that writes a visit down and returns true when it is the first to its message. The SES message id is '' until
 * an event brings it.
 */
function createVisitWriter(db: Connection): (visit: Visit) => boolean {
  const open = db
    .prepare<[{ id: number; at: number; readerAt: number | null; byReader: 0 | 1; byMachine: 0 | 1 }], 0 | 1>(
      `insert into feedback (message_id, ses_message_id, opened_at, reader_opened_at, opens, machine_opens)
       values (@id, '', @at, @readerAt, @byReader, @byMachine)
       on conflict (message_id) do update set
         opened_at = min(ifnull(opened_at, @at), @at),
         reader_opened_at = coalesce(min(reader_opened_at, @readerAt), reader_opened_at, @readerAt),
         opens = opens + @byReader, machine_opens = machine_opens + @byMachine
       returning opens + machine_opens + clicks = 1`,
    )
    .pluck();
  const click = db
    .prepare<[{ id: number; at: number }], 0 | 1>(
      `insert into feedback (message_id, ses_message_id, clicked_at, clicks) values (@id, '', @at, 1)
       on conflict (message_id) do update set clicked_at = min(ifnull(clicked_at, @at), @at), clicks = clicks + 1
       returning opens + machine_opens + clicks = 1`,
    )
    .pluck();
  // Reports read the links of clicks from the events.
  const event = db.prepare<[number, number, number, number, string | null]>(
    `insert into event (message_id, key, type, at, machine, detail) values (?, ?, 'click', ?, ?, ?)
     on conflict do update set times = times + 1`,
  );
  return ({ kind, messageId: id, at, machine, link }) => {
    if (kind === "open") {
      const [byReader, byMachine] = machine ? ([0, 1] as const) : ([1, 0] as const);
      return open.get({ id, at, readerAt: machine ? null : at, byReader, byMachine }) === 1;
    }
    event.run(id, visitKey(machine, link), at, machine ? 1 : 0, link);
    return click.get({ id, at }) === 1;
  };
}
