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

/** How many messages one step reads. */
const STEP = 20_000;
/** How many contents one transaction removes at most: each may have megabytes of attachments. */
const FEW = 50;

/** Removes every content that no message, topic or template uses. Rejects with InterruptedError when the signal aborts. */
export async function removeUnusedContents(job: Job, inParts: RunPart, signal: AbortSignal): Promise<void> {
  const { db } = job;
  const used = createUsedIds(db.prepare<[], number>("select ifnull(max(id), 0) from content").pluck().get() ?? 0);
  const mark = createMarker(db, used);
  const remove = createContentRemover(db, used);
  /** Runs `work` in a transaction when it is known what all messages use, also those that were added since. */
  const part = async <T>(work: () => T): Promise<T> => {
    while (mark.messages()) {
      if (signal.aborted) throw new InterruptedError();
      await setImmediate();
    }
    return inParts((_rows, begun) =>
      transaction(job, () => {
        begun();
        while (mark.messages());
        return work();
      }),
    );
  };
  await part(() => replaceInTopics(job, used));
  for (let after: number | null = 0; after !== null;) {
    const from: number = after;
    after = await part(() => {
      mark.others();
      return remove(from);
    });
  }
}

/** Makes what notes the contents that are in use. */
function createMarker(db: Connection, used: UsedIds) {
  const others = ["topic", "template"].map((table) =>
    db.prepare<[], number>(`select content_id from ${table}`).pluck(),
  );
  const read = db.prepare<[number], { contentId: number; last: number }>(
    `select content_id as contentId, max(id) as last from (select id, content_id from message where id > ? order by id limit ${STEP})
     group by 1`,
  );
  let after = 0;
  return {
    /** Reads the next messages. False: there are none for now. A message takes another content only from its topic. */
    messages(): boolean {
      const rows = read.all(after);
      used.add(rows.map(({ contentId }) => contentId));
      for (const { last } of rows) after = Math.max(after, last);
      return rows.length > 0;
    },
    others(): void {
      for (const other of others) used.add(other.all());
    },
  };
}

/** Takes the own contents of topics away that no message has any more, where only programs wrote to the topic. */
function replaceInTopics({ db, clock }: Job, used: UsedIds): void {
  const topics = db.prepare<[], { id: number; contentId: number }>(
    `select id, content_id as contentId from topic t where exists (select 1 from removed where topic_id = t.id)
       and not exists (select 1 from ingest where topic_id = t.id and columns <> '[]')`,
  );
  const replace = db.prepare<[number, number]>("update topic set content_id = ? where id = ?");
  const unused = topics.all().filter(({ contentId }) => !used.has(contentId));
  if (unused.length === 0) return;
  const removed = createContentTable(db, clock).store(REMOVED_CONTENT);
  for (const { id } of unused) replace.run(removed, id);
}

/** Makes a function that removes some contents behind an id, inside a transaction. It returns the last id; null: that was all. */
function createContentRemover(db: Connection, used: UsedIds): (after: number) => number | null {
  const page = db.prepare<[number], number>("select id from content where id > ? order by id limit 5000").pluck();
  const highest = db.prepare<[], number>("select max(id) from content").pluck();
  const remove = db.prepare<[number]>("delete from content where id = ?");
  // Ids are counted from the highest, and processes remember contents by their ids: none may come twice.
  const empty = db.prepare<[number]>(
    "update content set hash = 'removed ' || id, body = '{}', list = null where id = ?",
  );
  return (after) => {
    const newest = highest.get();
    let removed = 0;
    let last: number | null = null;
    for (const id of page.all(after)) {
      last = id;
      if (used.has(id)) continue;
      (id === newest ? empty : remove).run(id);
      if (++removed === FEW) break;
    }
    return last;
  };
}
