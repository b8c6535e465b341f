/** The topics that lists go into: whether one takes a list, and opening it with the list's content. */
import { prioritySql } from "../common-sql.ts";
import type { Kind } from "../../message.ts";
import type { Clock } from "../../time/clock.ts";
import type { Connection } from "./connection.ts";
import { createContentTable } from "./contents.ts";
import { createTrackingNotes, type TrackedTopic } from "./tracked-topics.ts";
import { admit, type AdmittingTopic, TopicRefusedError } from "../rules/admit.ts";
import { timeWithSql } from "../rules/topic-time.ts";
import { OWN_VARIANT } from "../rules/variant.ts";
import type { ListTarget } from "../rows.ts";
import { createCounters } from "./state-counters.ts";
import { mailWith, suppressedSql } from "./suppressed.ts";
import { NEXT_TOPIC } from "./topic-ids.ts";

/** The part of a list's target that decides whether the topic takes it. */
export type ListTopic = Pick<ListTarget, "topic" | "content" | "replaceContent">;

interface TopicRecord extends AdmittingTopic, TrackedTopic {
  contentId: number;
}

/** The columns of a topic that `admit` needs, in SQL. */
export const ADMITTING =
  "cancelled_at as cancelledAt, endpoint, called_at as calledAt, afresh_at as afreshAt, pruned_at as prunedAt, sending";

/** Checks and opens topics for lists. */
export interface ListTopics {
  /** Throws TopicRefusedError when `open` would. */
  check(target: ListTopic): void;
  /** The id of the topic; null: there is none of this name. Throws TopicRefusedError when `open` would. */
  find(target: ListTopic): number | null;
  /** Keeps the content of a list, and takes an id for its new topic. To be called in a transaction. */
  reserve(target: ListTarget): TopicPlace;
  /** Makes the new topic in this place. To be called in a transaction. */
  create(target: ListTarget, place: TopicPlace): void;
  /**
   * Makes the topic when there is none, and gives it the content of the list. To be called in a transaction. Throws
   * TopicRefusedError when the topic may not take the list.
   */
  open(target: ListTarget): TopicPlace;
  /** Notes when the topic is due now that mail of the list is about to be counted in it. To be called in a transaction. */
  retime(target: ListTarget, topicId: number): void;
}

/** The ids of a topic and its content. */
interface TopicPlace {
  topicId: number;
  contentId: number;
}

/** Makes what checks and opens topics for lists. */
export function createListTopics(db: Connection, clock: Clock): ListTopics {
  const find = db.prepare<[string], TopicRecord>(
    `select id, content_id as contentId, ${ADMITTING}, tracks_opens as tracksOpens, tracks_clicks as tracksClicks
     from topic where name = ?`,
  );
  const contents = createContentTable(db, clock);
  const noteTracking = createTrackingNotes(db);

  /** The topic as it is now; undefined: there is none yet. Throws when it refuses. */
  const admitted = ({ topic: name, content, replaceContent }: ListTopic): TopicRecord | undefined => {
    const topic = find.get(name);
    const contentId = topic && contents.find(content);
    const admission = admit(topic, {
      adds: true,
      endpoint: null,
      content: {
        isOwn: contentId === topic?.contentId,
        mayReplace: replaceContent,
        isVariant: () => topic !== undefined && contentId !== undefined && hasVariant(db, topic.id, contentId),
      },
    });
    if (admission !== "fine") throw new TopicRefusedError({ topic: name, refusal: admission, endpoint: null });
    return topic;
  };

  const nextId = db.prepare<[], number>(`select ${NEXT_TOPIC}`).pluck();
  const reserve = ({ content }: ListTarget): TopicPlace => ({
    topicId: nextId.get() ?? 1,
    contentId: contents.store(content),
  });
  const create = ({ topic: name, notBefore, content }: ListTarget, { topicId, contentId }: TopicPlace): void => {
    const insert = db.prepare(
      "insert into topic (id, name, content_id, created_at, not_before) values (?, ?, ?, ?, ?)",
    );
    insert.run(topicId, name, contentId, clock.now(), notBefore);
    noteTracking({ id: topicId, tracksOpens: 0, tracksClicks: 0 }, content);
  };

  const time = timeWithSql("pending + sending", "not_before", "@notBefore");
  const retime = db.prepare<[{ topicId: number; notBefore: number | null }]>(
    `update topic set not_before = ${time} where id = @topicId and not_before is not ${time}`,
  );

  return {
    retime: ({ notBefore }, topicId) => void retime.run({ topicId, notBefore }),
    check: (target) => void admitted(target),
    find: (target) => admitted(target)?.id ?? null,
    reserve,
    create,
    open(target) {
      const topic = admitted(target);
      if (!topic) {
        const place = reserve(target);
        create(target, place);
        return place;
      }
      const contentId = contents.store(target.content);
      noteTracking(topic, target.content);
      if (topic.contentId !== contentId) replaceContent(db, topic, contentId);
      return { topicId: topic.id, contentId };
    },
  };
}

/** True in SQL when the gateway gave message `m` another content than the topic's own. */
export const IS_VARIANT = `not exists (select 1 from recipient r
  where r.address = lower(m.email) and r.topic_id = m.topic_id and r.variant = ${OWN_VARIANT} and r.message_id = m.id)`;

interface Range {
  first_id: number;
  last_id: number;
}

function rangesOf(db: Connection, topicId: number): Range[] {
  return db.prepare<[number], Range>("select first_id, last_id from ingest where topic_id = ?").all(topicId);
}

/** True when the topic has messages with this content beside its own. */
function hasVariant(db: Connection, topicId: number, contentId: number): boolean {
  const some = db.prepare(
    `select 1 from message m where m.id between ? and ? and m.topic_id = ? and m.content_id = ? and ${IS_VARIANT} limit 1`,
  );
  return rangesOf(db, topicId).some(
    ({ first_id, last_id }) => some.get(first_id, last_id, topicId, contentId) !== undefined,
  );
}

/** Gives a topic another content, and all of it that was not sent. */
function replaceContent(db: Connection, topic: Pick<TopicRecord, "id" | "contentId">, contentId: number): void {
  const facts = db.prepare<[number], { list: string | null; kind: Kind }>(
    "select list, kind from content where id = ?",
  );
  const [before, after] = [facts.get(topic.contentId), facts.get(contentId)];
  const isOfKind = before?.kind === after?.kind;
  const priority = isOfKind ? "" : `, priority = ${prioritySql("priority", `'${after?.kind}'`)}`;
  // A message that may have arrived, also one in doubt, keeps the content that it was sent with.
  const update = db.prepare(
    `update message as m set content_id = ?${priority} where id between ? and ? and topic_id = ?
     and state in ('pending', 'failed', 'cancelled', 'suppressed') and not ${IS_VARIANT}`,
  );
  for (const { first_id, last_id } of rangesOf(db, topic.id)) update.run(contentId, first_id, last_id, topic.id);
  db.prepare("update topic set content_id = ? where id = ?").run(contentId, topic.id);
  if (!isOfKind || before?.list !== after?.list) suppressPending(db, topic.id);
}

/** Suppresses what waits in a topic for addresses that it may not be sent to. */
function suppressPending(db: Connection, topicId: number): void {
  const stopped = suppressedSql("lower(m.email)", "t.endpoint", mailWith("m.content_id"));
  const suppress = db.prepare(
    `update message set state = 'suppressed' where state = 'pending' and id in (
       select m.id from message m join topic t on t.id = m.topic_id
       where m.id between ? and ? and m.topic_id = ? and m.state = 'pending' and ${stopped})`,
  );
  const counters = createCounters(db);
  for (const { first_id, last_id } of rangesOf(db, topicId))
    counters.move(topicId, "pending", "suppressed", suppress.run(first_id, last_id, topicId).changes);
  counters.write();
}
