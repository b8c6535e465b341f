/** The topics that lists go into: whether one takes a list, and opening it with the list's content. */
import { STATES } from "../../message.ts";
import type { Clock } from "../../time/clock.ts";
import { FEW, UNSENT } from "../move.ts";
import type { Connection, Job } from "./connection.ts";
import { createContentPart } from "./content-part.ts";
import { createContentTable } from "./contents.ts";
import { noteMove, underWay } from "./moving.ts";
import { createLastIdReader } from "./numbering.ts";
import { createRangeWalk } from "./ranges.ts";
import { createCounters } from "./state-counters.ts";
import { createTrackingNotes, type TrackedTopic } from "./tracked-topics.ts";
import { admit, type AdmittingTopic, TopicRefusedError } from "../rules/admit.ts";
import { timeWithSql } from "../rules/topic-time.ts";
import type { ListTarget } from "../rows.ts";
import { NEXT_TOPIC } from "./topic-ids.ts";
import { createVariantCheck } from "./variants.ts";

/** The part of a list's target that decides whether the topic takes it. */
export type ListTopic = Pick<ListTarget, "topic" | "content" | "replaceContent">;

interface TopicRecord extends AdmittingTopic, TrackedTopic {
  contentId: number;
  /** How many messages it has had. */
  total: number;
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
   * Makes the topic when there is none, and gives it the content of the list. To be called in a transaction; `finishContent` is to be
   * called after it. Throws TopicRefusedError when the topic may not take the list.
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
    `select id, content_id as contentId, ${STATES.join(" + ")} as total, ${ADMITTING}, tracks_opens as tracksOpens, tracks_clicks as tracksClicks
     from topic where name = ?`,
  );
  const contents = createContentTable(db, clock);
  const noteTracking = createTrackingNotes(db);
  const hasVariant = createVariantCheck(db);

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
        isVariant: () => topic !== undefined && contentId !== undefined && hasVariant(topic.id, contentId),
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
      if (topic.contentId !== contentId) replaceContent({ db, clock }, topic, contentId);
      return { topicId: topic.id, contentId };
    },
  };
}

/**
 * Gives a topic another content, and all of it that was not sent: a short topic at once, a long one in parts (./moving.ts). Nothing of
 * it is claimed from here on until all have the content.
 */
function replaceContent(
  job: Pick<Job, "db" | "clock">,
  { id, total, contentId: before }: TopicRecord,
  contentId: number,
): void {
  const { db } = job;
  const isAlike = db
    .prepare<[number, number], 0 | 1>(
      "select a.list is b.list and a.kind = b.kind from content a, content b where a.id = ? and b.id = ?",
    )
    .pluck();
  const content = { id: contentId, sifts: isAlike.get(before, contentId) === 0 };
  db.prepare("update topic set content_id = ? where id = ?").run(contentId, id);
  const last = createLastIdReader(db)();
  // What is under way already would bring the content back that it began with.
  if (total > FEW || underWay(db, id) !== null) {
    noteMove(job, id, { content: { ...content, last } });
    return;
  }
  const counters = createCounters(db);
  createContentPart(db, counters)(content, createRangeWalk(db, [id], UNSENT, last).take(Infinity));
  counters.write();
}
