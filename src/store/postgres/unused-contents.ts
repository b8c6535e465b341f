/**
 * Removes contents that nothing uses any more. All messages are read for it, in steps, because no index says who uses a content. A
 * list that is being put in may use one whose messages nobody sees yet: it keeps its content again at its end (./lists.ts).
 */
import { InterruptedError } from "../../errors.ts";
import type { RunPart } from "../parts.ts";
import { createUsedIds, REMOVED_CONTENT, type UsedIds } from "../unused-contents.ts";
import { numbers } from "./arrays.ts";
import { byIndex } from "./by-index.ts";
import { type Job, read, snapshot } from "./connection.ts";
import { keepContent, written } from "./contents.ts";
import { transaction, type Tx } from "./transaction.ts";

/** How many messages one step reads. */
const STEP = 20_000;
/** How many contents one transaction removes at most: each may have megabytes of attachments. */
const FEW = 50;

/** Removes every content that no message, topic or template uses. Rejects with InterruptedError when the signal aborts. */
export async function removeUnusedContents(job: Job, inParts: RunPart, signal: AbortSignal): Promise<void> {
  const [highest] = await read<{ id: number }>(job, "select coalesce(max(id), 0) as id from sm.content");
  const used = createUsedIds(highest?.id ?? 0);
  const markMessages = createMarker(used);
  const topics = await read<TopicContent>(job, WRITTEN_BY_PROGRAMS);
  // What is read before it is given one of these is not read again.
  const moving = await read<{ id: number }>(job, "select content_id as id from sm.topic where moving_at is not null");
  used.add(moving.map(({ id }) => id));
  /** Runs `work` in a transaction when it is known what all messages use, also those that were added since. */
  const part = async (work: (tx: Tx) => Promise<void>): Promise<void> => {
    const step = () => snapshot(job, async (ask) => (await byIndex(ask), markMessages(ask)));
    while (await step()) if (signal.aborted) throw new InterruptedError();
    await inParts((_rows, begun) =>
      transaction(job, async (tx) => {
        begun();
        await byIndex(tx.query);
        while (await markMessages(tx.query));
        await work(tx);
      }),
    );
  };
  await part((tx) => replaceInTopics(tx, used, topics));
  await markOthers((sql) => read(job, sql), used);
  for (let after: number | null = 0; after !== null;) {
    const page: { id: number }[] = await read(job, "select id from sm.content where id > $1 order by id limit 5000", [
      after,
    ]);
    const unused = page.filter(({ id }) => !used.has(id)).map(({ id }) => id);
    for (let at = 0; at < unused.length; at += FEW) await part((tx) => remove(tx, used, unused.slice(at, at + FEW)));
    after = page.at(-1)?.id ?? null;
  }
}

/**
 * Makes a function that notes which contents the next messages use. False: there are none for now. A message takes another content only
 * from its topic.
 */
function createMarker(used: UsedIds): (ask: Tx["query"]) => Promise<boolean> {
  let after = 0;
  return async (ask) => {
    const rows = await ask<{ contentId: number; last: number }>(
      `select content_id as "contentId", max(id) as last
       from (select id, content_id from sm.message where id > $1 order by id limit ${STEP}) part group by 1`,
      [after],
    );
    used.add(rows.map(({ contentId }) => contentId));
    for (const { last } of rows) after = Math.max(after, last);
    return rows.length > 0;
  };
}

async function markOthers(ask: Tx["query"], used: UsedIds): Promise<void> {
  const others = await ask<{ id: number }>(
    "select content_id as id from sm.topic union select content_id from sm.template",
  );
  used.add(others.map(({ id }) => id));
}

/** A topic and its own content. */
interface TopicContent {
  id: number;
  contentId: number;
}

/** Topics that only programs wrote to, with some messages gone and none that are being given another content. */
const WRITTEN_BY_PROGRAMS = `select t.id, t.content_id as "contentId" from sm.topic t
  where t.moving_at is null and exists (select 1 from sm.removed where topic_id = t.id)
    and not exists (select 1 from sm.ingest where topic_id = t.id and columns <> '[]')`;

/**
 * Takes the own contents of topics away that no message has any more, where only programs wrote to the topic. `before`: as they were
 * when this began. A content that a topic got since may have been read too late.
 */
async function replaceInTopics(tx: Tx, used: UsedIds, before: readonly TopicContent[]): Promise<void> {
  const known = new Map(before.map(({ id, contentId }) => [id, contentId]));
  const topics = await tx.query<TopicContent>(WRITTEN_BY_PROGRAMS);
  const unused = topics
    .filter(({ id, contentId }) => known.get(id) === contentId && !used.has(contentId))
    .map(({ id }) => id);
  if (unused.length === 0) return;
  const removed = await keepContent(tx, written(REMOVED_CONTENT));
  await tx.run("update sm.topic set content_id = $2 where id = any($1::int[])", [numbers(unused), removed]);
}

async function remove(tx: Tx, used: UsedIds, ids: readonly number[]): Promise<void> {
  await markOthers(tx.query, used);
  const unused = ids.filter((id) => !used.has(id));
  await tx.run("delete from sm.content where id = any($1::bigint[])", [numbers(unused)]);
}
