/** The topics that lists go into: whether one takes a list, and opening it with the list's content. */
import { STATES } from "../../message.ts";
import { FEW } from "../move.ts";
import { admit, type AdmittingTopic, TopicRefusedError } from "../rules/admit.ts";
import { timeWithSql } from "../rules/topic-time.ts";
import type { ListTarget } from "../rows.ts";
import { ADMITTING, TOPIC } from "./admitting.ts";
import { giveContent } from "./content-part.ts";
import { lastIdOf, noteMove, PAGE, underWay } from "./moving.ts";
import { partsOf, rangesOf } from "./ranges.ts";
import { createCounters } from "./state-counters.ts";
import { track, type TrackedTopic, writeTracking } from "./tracked-topics.ts";
import type { Tx } from "./transaction.ts";
import { hasVariant } from "./variants.ts";

/** The part of a list's target that decides whether the topic takes it. */
type ListTopic = Pick<ListTarget, "topic" | "content" | "replaceContent">;

const TOTAL = STATES.map((state) => `c.${state}`).join(" + ");

/** A topic that may be there before a list. */
export interface TopicRecord extends AdmittingTopic, TrackedTopic {
  contentId: number;
  /** How many messages it has had. */
  total: number;
}

/**
 * The topic as it is now; null: there is none yet. `contentId` is the id of the list's content; null: it is not in the database.
 * `plain`: a topic that is known to have no message with this content beside its own.
 * @throws TopicRefusedError when the topic may not take the list.
 */
export async function admittedTopic(
  query: Tx["query"],
  { topic: name, replaceContent }: ListTopic,
  contentId: number | null,
  plain: TopicRecord | null = null,
): Promise<TopicRecord | null> {
  const [topic] = await query<TopicRecord>(
    `select t.id, t.content_id as "contentId", ${TOTAL} as total, ${ADMITTING}, t.tracks_opens as "tracksOpens", t.tracks_clicks as "tracksClicks"
     from ${TOPIC} where t.name = $1`,
    [name],
  );
  const answer = (isVariant: () => boolean) =>
    admit(topic, {
      adds: true,
      endpoint: null,
      content: { isOwn: contentId === topic?.contentId, mayReplace: replaceContent, isVariant },
    });
  // The rule asks last whether it is a variant, and only when that matters.
  let asksForVariants = false;
  let admission = answer(() => ((asksForVariants = true), false));
  if (asksForVariants && topic !== undefined && contentId !== null && topic.id !== plain?.id) {
    const is = await hasVariant(query, topic.id, contentId);
    admission = answer(() => is);
  }
  if (admission !== "fine") throw new TopicRefusedError({ topic: name, refusal: admission, endpoint: null });
  return topic ?? null;
}

/** Makes a topic under an id that was reserved for it. */
export async function createTopic(
  tx: Tx,
  { topic: name, content, notBefore }: ListTarget,
  { id, contentId }: { id: number; contentId: number },
): Promise<void> {
  const tracks = { id, tracksOpens: false, tracksClicks: false };
  track(tracks, content);
  await Promise.all([
    tx.run(
      `insert into sm.topic (id, name, content_id, created_at, not_before, tracks_opens, tracks_clicks)
       overriding system value values ($1, $2, $3, $4, $5, $6, $7)`,
      [id, name, contentId, tx.now.wall, notBefore, tracks.tracksOpens, tracks.tracksClicks],
    ),
    tx.run("insert into sm.topic_count (topic_id) values ($1)", [id]),
  ]);
}

/** Gives a topic that is there already what the list brings: its content, and what its mail tracks. */
export async function updateTopic(
  tx: Tx,
  topic: TopicRecord,
  { content }: ListTarget,
  contentId: number,
): Promise<void> {
  const writes: Promise<unknown>[] = [];
  if (track(topic, content)) writes.push(writeTracking(tx, [topic]));
  if (topic.contentId !== contentId) writes.push(replaceContent(tx, topic, contentId));
  await Promise.all(writes);
}

/** Notes when the topic is due, before mail of the list is counted in it. */
export function retimeTopic(tx: Tx, topicId: number, { notBefore }: ListTarget): Promise<number> {
  const time = timeWithSql("c.pending + c.sending", "t.not_before", "$2::bigint");
  return tx.run(
    `update sm.topic t set not_before = ${time} from sm.topic_count c
     where t.id = $1 and c.topic_id = t.id and t.not_before is distinct from ${time}`,
    [topicId, notBefore],
  );
}

/**
 * Gives a topic another content, and all of it that was not sent: a short topic at once, a long one in parts (./moving.ts). Nothing of
 * it is claimed from here on until all have the content.
 */
async function replaceContent(tx: Tx, { id, total, contentId: before }: TopicRecord, contentId: number): Promise<void> {
  await tx.run("update sm.topic set content_id = $2 where id = $1", [id, contentId]);
  const [change] = await tx.query<{ sifts: boolean }>(
    `select a.list is distinct from b.list or a.kind <> b.kind as sifts from sm.content a, sm.content b
     where a.id = $1 and b.id = $2`,
    [before, contentId],
  );
  const content = { id: contentId, sifts: change?.sifts === true };
  // What is under way already would bring the content back that it began with.
  if (total > FEW || (await underWay(tx.query, id)) !== null) {
    await noteMove(tx, id, { content: { ...content, last: await lastIdOf(tx.query, id) } });
    return;
  }
  const counters = createCounters();
  for (const part of partsOf(await rangesOf(tx.query, [id]), PAGE)) await giveContent(tx, counters, part, id, content);
  await counters.write(tx);
}
