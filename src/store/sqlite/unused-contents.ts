/**
 * Removes contents that nothing uses any more. All messages are read for it, in steps that hold nobody up, because no index says who
 * uses a content.
 */
import { setImmediate } from "node:timers/promises";
import { InterruptedError } from "../../errors.ts";
import type { RunPart } from "../parts.ts";
import { createUsedIds, REMOVED_CONTENT, type UsedIds } from "../unused-contents.ts";
import { type Connection, type Job, transaction } from "./connection.ts";
import { createContentTable } from "./contents.ts";

/** How many messages one step reads, and how many contents. */
const [STEP, PAGE] = [20_000, 2_000];
/** Of contents with attachments one transaction removes no more than this: each may have megabytes. */
const MOST_BYTES = 4_000_000;

/** Does `work`, which gets the number of rows that it may work on, in a transaction that knows what all messages use. */
type Part = <T>(work: (rows: number) => T) => Promise<T>;

/** Removes every content that no message, topic or template uses. Rejects with InterruptedError when the signal aborts. */
export async function removeUnusedContents(job: Job, inParts: RunPart, signal: AbortSignal): Promise<void> {
  const { db } = job;
  const used = createUsedIds(db.prepare<[], number>("select ifnull(max(id), 0) from content").pluck().get() ?? 0);
  const markMessages = createMarker(db, used);
  // What is read before it is given one of these is not read again.
  used.add(db.prepare<[], number>("select content_id from topic where moving_at is not null").pluck().all());
  const part: Part = async (work) => {
    while (markMessages()) {
      if (signal.aborted) throw new InterruptedError();
      await setImmediate();
    }
    return inParts((rows, begun) =>
      transaction(job, () => {
        begun();
        // Also those that were added since.
        while (markMessages());
        return work(rows);
      }),
    );
  };
  await replaceInTopics(job, used, part);
  const remove = createContentRemover(db);
  const next = createPages(db);
  for (let page = next(0); page.length > 0; page = next(page.at(-1)?.id ?? 0)) {
    for (let left = page.filter(({ id }) => !used.has(id)); left.length > 0;) {
      const some = left;
      left = some.slice(await part((rows) => remove(some.slice(0, rows), used)));
    }
    await setImmediate();
    if (signal.aborted) throw new InterruptedError();
  }
}

/**
 * Makes a function that notes which contents the next messages use. False: there are none for now. A message takes another content
 * only from its topic. The messages of a long list have ids that were kept for them, so they may come behind what was read: what is on
 * its way is noted together with what is read.
 */
function createMarker(db: Connection, used: UsedIds): () => boolean {
  const read = db.prepare<[number], { contentId: number; last: number }>(
    `select content_id as contentId, max(id) as last from (select id, content_id from message where id > ? order by id limit ${STEP})
     group by 1 union all select content_id, 0 from arriving`,
  );
  let after = 0;
  return () => {
    const before = after;
    const rows = read.all(after);
    used.add(rows.map(({ contentId }) => contentId));
    for (const { last } of rows) after = Math.max(after, last);
    return after > before;
  };
}

const ONLY_WRITTEN_BY_PROGRAMS = "not exists (select 1 from ingest where topic_id = t.id and columns <> '[]')";

/**
 * Takes the own contents of topics away that no message has any more, where only programs wrote to the topic. One that a topic got since
 * this began, or that its messages were being given then, may have been read too late.
 */
async function replaceInTopics({ db, clock }: Job, used: UsedIds, part: Part): Promise<void> {
  const topics = db
    .prepare<[], { id: number; contentId: number }>(
      `select t.id, t.content_id as contentId from (select distinct topic_id from removed) r join topic t on t.id = r.topic_id
       where t.moving_at is null and ${ONLY_WRITTEN_BY_PROGRAMS} order by t.id`,
    )
    .all();
  const contentOf = db
    .prepare<[number], number>(`select content_id from topic t where id = ? and ${ONLY_WRITTEN_BY_PROGRAMS}`)
    .pluck();
  const replace = db.prepare<[number, number]>("update topic set content_id = ? where id = ?");
  const contents = createContentTable(db, clock);
  const replaceSome = (some: typeof topics): void => {
    const unused = some.filter(({ id, contentId }) => contentOf.get(id) === contentId && !used.has(contentId));
    if (unused.length === 0) return;
    const removed = contents.store(REMOVED_CONTENT);
    for (const { id } of unused) replace.run(removed, id);
  };
  for (let at = 0; at < topics.length;)
    at += await part((rows) => {
      const some = topics.slice(at, at + rows);
      replaceSome(some);
      return some.length;
    });
}

interface Sized {
  id: number;
  bytes: number;
}

/** Makes a function that reads the next contents behind an id, without a lock. */
function createPages(db: Connection): (after: number) => Sized[] {
  const page = db.prepare<[number], Sized>(
    `select id, octet_length(body) as bytes from content where id > ? order by id limit ${PAGE}`,
  );
  return (after) => page.all(after);
}

/**
 * Makes a function that removes contents that no message uses, inside a transaction, unless something else does. It returns how many
 * of them it has done.
 */
function createContentRemover(db: Connection): (unused: readonly Sized[], used: UsedIds) => number {
  // Few are asked about, so that the topics are passed over fast.
  const others = ["topic", "arriving", "template"].map((table) =>
    db
      .prepare<[string], number>(`select content_id from ${table} where content_id in (select value from json_each(?))`)
      .pluck(),
  );
  const highest = db.prepare<[], number>("select max(id) from content").pluck();
  const remove = db.prepare<[number]>("delete from content where id = ?");
  // Ids are counted from the highest, and processes remember contents by their ids: none may come twice.
  const empty = db.prepare<[number]>(
    "update content set hash = 'removed ' || id, body = '{}', list = null where id = ?",
  );
  return (unused, used) => {
    let bytes = 0;
    const some = unused.filter((content, at) => (bytes += content.bytes) <= MOST_BYTES || at === 0);
    const ids = some.map(({ id }) => id);
    for (const other of others) used.add(other.all(JSON.stringify(ids)));
    const newest = highest.get();
    for (const id of ids) if (!used.has(id)) (id === newest ? empty : remove).run(id);
    return ids.length;
  };
}
