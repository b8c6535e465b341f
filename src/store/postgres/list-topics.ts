/** The topics that lists go into: whether one takes a list, and opening it with the list's content. */
import { prioritySql } from "../common-sql.ts";
import type { Kind } from "../../message.ts";
import { admit, type AdmittingTopic, TopicRefusedError } from "../rules/admit.ts";
import { timeWithSql } from "../rules/topic-time.ts";
import { OWN_VARIANT } from "../rules/variant.ts";
import type { ListTarget } from "../rows.ts";
import { ADMITTING, TOPIC } from "./admitting.ts";
import type { Tx } from "./transaction.ts";
import { type Part, partsOf, rangesOf } from "./ranges.ts";
import { createCounters } from "./state-counters.ts";
import { lowerSql, mailWith, suppressedSql } from "./suppressed.ts";
import { track, type TrackedTopic, writeTracking } from "./tracked-topics.ts";

/** The part of a list's target that decides whether the topic takes it. */
type ListTopic = Pick<ListTarget, "topic" | "content" | "replaceContent">;

/** A topic that may be there before a list. */
export interface TopicRecord extends AdmittingTopic, TrackedTopic {
  contentId: number;
}

/** True in SQL when the gateway gave message `m` another content than the topic's own. */
export const IS_VARIANT = `not exists (select 1 from sm.recipient r
  where r.address = ${lowerSql("m.email")} and r.topic_id = m.topic_id and r.variant = ${OWN_VARIANT} and r.message_id = m.id)`;

/**
 * The topic as it is now; null: there is none yet. `contentId` is the id of the list's content; null: it is not in the database.
 * @throws TopicRefusedError when the topic may not take the list.
 */
export async function admittedTopic(
  query: Tx["query"],
  { topic: name, replaceContent }: ListTopic,
  contentId: number | null,
): Promise<TopicRecord | null> {
  const [topic] = await query<TopicRecord>(
    `select t.id, t.content_id as "contentId", ${ADMITTING}, t.tracks_opens as "tracksOpens", t.tracks_clicks as "tracksClicks"
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
  if (asksForVariants && topic !== undefined && contentId !== null) {
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

/** So many ids one statement looks at. */
const SIZE = 20_000;

/** True when the topic has messages with this content beside its own. */
async function hasVariant(query: Tx["query"], topicId: number, contentId: number): Promise<boolean> {
  for (const part of partsOf(await rangesOf(query, [topicId]), SIZE)) {
    const [row] = await query<{ found: boolean }>(
      `select exists (select 1 from sm.message m
         where ${part.has("m.id")} and m.topic_id = $3 and m.content_id = $4 and ${IS_VARIANT}) as found`,
      [...part.values, topicId, contentId],
    );
    if (row?.found === true) return true;
  }
  return false;
}

/** Gives a topic another content, and all of it that was not sent. */
async function replaceContent(tx: Tx, { id, contentId: before }: TopicRecord, contentId: number): Promise<void> {
  await tx.run("update sm.topic set content_id = $2 where id = $1", [id, contentId]);
  const [change] = await tx.query<{ kind: Kind; isOfKind: boolean; isOfList: boolean }>(
    `select a.kind, a.kind = b.kind as "isOfKind", a.list is not distinct from b.list as "isOfList"
     from sm.content a, sm.content b where a.id = $1 and b.id = $2`,
    [contentId, before],
  );
  const { kind = "bulk", isOfKind = true, isOfList = true } = change ?? {};
  const priority = isOfKind ? "" : `, priority = ${prioritySql("m.priority", `'${kind}'`)}`;
  for (const part of partsOf(await rangesOf(tx.query, [id]), SIZE)) {
    // A message that may have arrived, also one in doubt, keeps the content that it was sent with.
    await tx.run(
      `update sm.message m set content_id = $4${priority} where ${part.has("m.id")} and m.topic_id = $3
       and m.state in ('pending', 'failed', 'cancelled', 'suppressed') and not ${IS_VARIANT}`,
      [...part.values, id, contentId],
    );
    if (!isOfKind || !isOfList) await suppressPending(tx, id, part);
  }
}

/** Suppresses what waits in a part of a topic for addresses that it may not be sent to. */
async function suppressPending(tx: Tx, topicId: number, part: Part): Promise<void> {
  const stopped = suppressedSql(lowerSql("m.email"), "t.endpoint", mailWith("m.content_id"));
  const suppressed = await tx.run(
    `update sm.message m set state = 'suppressed' from sm.topic t
     where ${part.has("m.id")} and m.topic_id = $3 and t.id = m.topic_id and m.state = 'pending' and ${stopped}`,
    [...part.values, topicId],
  );
  const counters = createCounters();
  counters.move(topicId, "pending", "suppressed", suppressed);
  await counters.write(tx);
}
