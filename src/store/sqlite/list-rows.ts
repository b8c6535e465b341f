/** Writes the recipients and the messages of staged rows, inside a transaction. */
import { expiresAtSql } from "../common-sql.ts";
import { type Content, type Kind, kindOf } from "../../message.ts";
import { priorityOf } from "../rules/priority.ts";
import { OWN_VARIANT } from "../rules/variant.ts";
import type { Endpoint, ListTarget } from "../rows.ts";
import type { Connection } from "./connection.ts";
import { suppressedSql } from "./suppressed.ts";
import type { Source } from "./unknown-rows.ts";

/** What decides whom suppressions keep from getting a list, as parameters. */
export interface Stoppable {
  endpoint: Endpoint | null;
  list: string | null;
  kind: Kind;
}

/** What of a content decides it. */
export function stoppable(content: Pick<Content, "list" | "kind">, endpoint: Endpoint | null = null): Stoppable {
  return { endpoint, list: content.list ?? null, kind: kindOf(content) };
}

/** True in SQL for staged row `s` whose address is suppressed. `Stoppable` are its parameters. */
export const IS_SUPPRESSED = suppressedSql("s.address", "@endpoint", { list: "@list", kind: "@kind" });

/** Where staged rows go: their messages get ids from `base + 1` on. */
export interface Destination {
  topicId: number;
  contentId: number;
  ingestId: number;
  base: number;
}

/** What all messages of a list have in common. */
export type ListRows = Destination &
  Stoppable & {
    priority: number;
    expiresIn: number | null;
    now: number;
  };

/** The messages of a list that is put in at `now` (ms since the epoch). */
export function listRowsOf(target: ListTarget, destination: Destination, now: number): ListRows {
  const { content, endpoint, priority, expiresInMs = null } = target;
  const kept = priorityOf(priority, kindOf(content));
  return { ...destination, ...stoppable(content, endpoint), priority: kept, expiresIn: expiresInMs, now };
}

/** Notes a list in `ingest`. Returns its id. */
export function addIngest(
  db: Connection,
  { file, columns }: ListTarget,
  { topicId, first, last }: { topicId: number; first: number; last: number },
  now: number,
): number {
  const insert = db.prepare(
    "insert into ingest (topic_id, file, columns, first_id, last_id, created_at) values (?, ?, ?, ?, ?, ?)",
  );
  return Number(insert.run(topicId, file, JSON.stringify(columns), first, last, now).lastInsertRowid);
}

/** Some of the staged rows, both ends included. */
export interface StagedRange {
  table: Source["table"];
  from: number;
  to: number;
  /** True: each of them has a recipient of its own. */
  areAllNew: boolean;
}

/** Adds a message for each of these rows whose recipient is new. Returns how many those are, and how many of them are suppressed. */
export function addMessages(
  db: Connection,
  list: ListRows,
  { table, areAllNew, from, to }: StagedRange,
): { added: number; suppressed: number } {
  const isNew = areAllNew
    ? ""
    : `and (select message_id from recipient
            where address = s.address and topic_id = @topicId and variant = ${OWN_VARIANT}) = @base + s.id`;
  const anySuppressed = db.prepare("select 1 from suppression limit 1").get() !== undefined;
  const state = anySuppressed ? `case when ${IS_SUPPRESSED} then 'suppressed' else 'pending' end` : "'pending'";
  const insert = db.prepare(
    `insert into message (id, topic_id, content_id, ingest_id, email, fields, priority, not_before, expires_in, expires_at, state)
     select @base + s.id, @topicId, @contentId, @ingestId, ifnull(s.email, s.address), s.fields, @priority, s.not_before, @expiresIn, ${expiresAtSql("s.not_before", "@expiresIn", "@now")}, ${state}
     from ${table} s where s.id between @from and @to ${isNew} order by s.id`,
  );
  let added = 0;
  withoutChecks(db, () => (added = insert.run({ ...list, from, to }).changes));
  if (!anySuppressed || added === 0) return { added, suppressed: 0 };
  const suppressed = db
    .prepare<[number, number], number>("select count(*) from message where id between ? and ? and state = 'suppressed'")
    .pluck();
  return { added, suppressed: suppressed.get(list.base + from, list.base + to) ?? 0 };
}

/**
 * Runs work whose rows cannot break a CHECK, because what is checked are constants in its SQL and a priority from the rules. That
 * takes a quarter of the time of a long list. Types are checked all the same.
 */
function withoutChecks(db: Connection, work: () => void): void {
  db.pragma("ignore_check_constraints = on");
  try {
    work();
  } finally {
    db.pragma("ignore_check_constraints = off");
  }
}
