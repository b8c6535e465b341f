/** Removes messages for good, with all that is kept of them. */
import { type State, STATES } from "../../message.ts";
import type { Removed } from "../rows.ts";
import type { Connection } from "./connection.ts";

/**
 * Removes these messages, inside a transaction. `withRecipients`: also their recipients; those of a pruned topic may stay until all
 * of its messages are gone (`leaving` in schema.ts). `withUuids`: also the uuids that name no other message.
 */
export type Remover = (ids: readonly number[], options: { withRecipients: boolean; withUuids: boolean }) => Removed;

/** In SQL, how many messages of topic `t` are still there. */
export const MESSAGES_LEFT = `${STATES.map((state) => `t.${state}`).join(" + ")}
  - (select ifnull(sum(messages), 0) from removed where topic_id = t.id)`;

/** Makes a remover. The counters of topics stay as they are; table `removed` says how many of the messages that they count are gone. */
export function createRemover(db: Connection): Remover {
  const note = db.prepare<[number, State, number]>(
    `insert into removed (topic_id, state, messages) values (?, ?, ?)
     on conflict do update set messages = messages + excluded.messages`,
  );
  const leaves = db.prepare<[number]>(
    `insert into leaving select id from topic t where id = ? and pruned_at is not null and ${MESSAGES_LEFT} = 0
     on conflict do nothing`,
  );
  // The highest id is what new ones are counted from, and none may come twice.
  const keepCount = db.prepare(
    "update job set ids_after = (select max(id) from message) where ids_after < (select max(id) from message)",
  );
  const statementsFor = createGiven(db);
  const removeUuids = createUuidRemover(db);
  return (ids, { withRecipients, withUuids }) => {
    const [{ count, recipients, events, others }, given] = statementsFor(ids);
    let messages = 0;
    for (const row of count.all(given)) {
      note.run(row.topicId, row.state, row.messages);
      leaves.run(row.topicId);
      messages += row.messages;
    }
    keepCount.run();
    if (withRecipients) recipients.run(given);
    const removed = { messages, events: events.run(given).changes };
    for (const other of others) other.run(given);
    if (withUuids) for (const id of ids) removeUuids(id);
    return removed;
  };
}

/** The messages that a statement is about: ids as a JSON array, or all ids between two, both included. */
type Given = { ids: string } | { first: number; last: number };

/** Makes a function that gives the statements for these ids, and what they need. */
function createGiven(db: Connection): (ids: readonly number[]) => [Statements, Given] {
  const some = createStatements(db, {
    condition: "in (select value from json_each(@ids))",
    messages: "json_each(@ids) j cross join message m on m.id = j.value",
  });
  const range = createStatements(db, {
    condition: "between @first and @last",
    messages: "message m where m.id between @first and @last",
  });
  return (ids) => {
    const [first = 0, last = -1] = [ids[0], ids.at(-1)];
    // Without gaps, as a topic has them, they take half of the time as a range.
    return ids.every((id, at) => id === first + at) ? [range, { first, last }] : [some, { ids: JSON.stringify(ids) }];
  };
}

type Statements = ReturnType<typeof createStatements>;

/** Prepares the statements about some messages. In SQL, `condition` follows an id, and `messages` are the rows `m` themselves. */
function createStatements(db: Connection, { condition, messages }: { condition: string; messages: string }) {
  const count = db.prepare<[Given], { topicId: number; state: State; messages: number }>(
    `select topic_id as topicId, state, count(*) as messages from message where id ${condition} group by 1, 2`,
  );
  // When a list joins a topic, the recipient is there before the message. What one address has in a topic is read once for all of its messages: where mail has no topic, it may have tens of thousands.
  const recipients = db.prepare<[Given]>(
    `delete from recipient where (address, topic_id, variant) in (
       select r.address, r.topic_id, r.variant from (
         select distinct lower(m.email) as address, m.topic_id from ${messages}) who
         cross join recipient r on r.address = who.address
           and r.topic_id in (who.topic_id, (select joins from arriving where arriving.topic_id = who.topic_id))
       where r.message_id ${condition})`,
  );
  const events = db.prepare<[Given]>(`delete from event where message_id ${condition}`);
  // A report has its broker in its key.
  const told = db.prepare<[Given]>(
    `delete from report where (via, message_id) in (
       select via, message_id from reported where message_id ${condition})`,
  );
  const rows = [
    "feedback where message_id",
    "reported where message_id",
    "handed where message_id",
    "message where id",
  ];
  const others = [told, ...rows.map((each) => db.prepare<[Given]>(`delete from ${each} ${condition}`))];
  return { count, recipients, events, others };
}

/** Makes a function that removes the uuid of a message that is gone, unless other messages have it. */
function createUuidRemover(db: Connection): (id: number) => void {
  const find = db.prepare<[number], { uuid: string; first: number; last: number }>(
    `select uuid, message_id as first, ifnull(last_message_id, message_id) as last from accepted_uuid
     where message_id <= ? order by message_id desc limit 1`,
  );
  const others = db.prepare<[number, number]>("select 1 from message where id between ? and ? limit 1");
  const remove = db.prepare<[string]>("delete from accepted_uuid where uuid = ?");
  return (id) => {
    const found = find.get(id);
    if (found === undefined || id > found.last || others.get(found.first, found.last) !== undefined) return;
    remove.run(found.uuid);
  };
}
