/** Recipients on their way into the job file. */
import { createHash } from "node:crypto";
import type { Clock } from "../clock.ts";
import { UserError } from "../errors.ts";
import type { Content } from "../message.ts";
import { type Connection, explain, transaction } from "./connection.ts";
import { createCounters } from "./counters.ts";
import type { IngestCounts, IngestTarget, StagedRow, Staging } from "./store.ts";

/** Rows of one multi-row insert: fewer statements, 3 parameters each. */
const CHUNK = 50;

interface TopicRecord {
  id: number;
  content_id: number;
  cancelled_at: number | null;
}

export function ingests(job: { db: Connection; clock: Clock; onWait: (waitedMs: number) => void }) {
  const { db, clock } = job;
  const topicOf = db.prepare<[string], TopicRecord>("select id, content_id, cancelled_at from topic where name = ?");
  const contentOf = db.prepare<[string], number>("select id from content where hash = ?").pluck();

  /** The topic as it stands, or undefined when new; throws when it may not take this content. */
  const admit = (target: Pick<IngestTarget, "topic" | "content" | "replaceContent">): TopicRecord | undefined => {
    const topic = topicOf.get(target.topic);
    if (!topic) return undefined;
    if (topic.cancelled_at !== null) {
      throw new UserError(
        `topic "${target.topic}" is cancelled and takes no further recipients`,
        `reopen it with: ses-mail retry "${target.topic}" --state cancelled, or name a new one with --topic`,
      );
    }
    if (!target.replaceContent && topic.content_id !== contentOf.get(hashOf(target.content))) {
      throw new UserError(
        `topic "${target.topic}" already has a different content`,
        "use --topic for a new topic, or --replace-content to change what has not been sent yet",
      );
    }
    return topic;
  };

  const storeContent = (content: Content): number => {
    const hash = hashOf(content);
    const known = contentOf.get(hash);
    if (known !== undefined) return known;
    const body = JSON.stringify(content);
    const insert = db.prepare("insert into content (hash, body, created_at) values (?, ?, ?)");
    return Number(insert.run(hash, body, clock.now()).lastInsertRowid);
  };

  const openTopic = (target: IngestTarget): { topicId: number; contentId: number } => {
    const topic = admit(target);
    const contentId = storeContent(target.content);
    if (!topic) {
      const insert = db.prepare("insert into topic (name, content_id, created_at, not_before) values (?, ?, ?, ?)");
      const topicId = Number(insert.run(target.topic, contentId, clock.now(), target.notBefore).lastInsertRowid);
      return { topicId, contentId };
    }
    if (topic.content_id !== contentId) replaceContent(db, topic.id, contentId);
    if (target.notBefore !== null)
      db.prepare("update topic set not_before = ? where id = ?").run(target.notBefore, topic.id);
    return { topicId: topic.id, contentId };
  };

  const merge = (target: IngestTarget, staged: number): IngestCounts => {
    const { topicId, contentId } = openTopic(target);
    const base = Number(db.prepare("select ifnull(max(id), 0) from message").pluck().get());
    // Sorted, so that the tree is filled from left to right instead of at random.
    const added = db
      .prepare(
        `insert into recipient (address, topic_id, message_id)
         select address, ?, ? + id from staged.row where true order by address, id on conflict do nothing`,
      )
      .run(topicId, base).changes;
    const counts = { added: 0, duplicates: staged - added, suppressed: 0 };
    if (added === 0) return counts;

    const ingestId = Number(
      db
        .prepare(
          "insert into ingest (topic_id, file, columns, first_id, last_id, created_at) values (?, ?, ?, ?, ?, ?)",
        )
        .run(topicId, target.file, JSON.stringify(target.columns), base + 1, base + staged, clock.now())
        .lastInsertRowid,
    );
    const isNew =
      added === staged
        ? ""
        : "and (select message_id from recipient where address = s.address and topic_id = @topicId) = @base + s.id";
    const anySuppressed = db.prepare("select 1 from suppression limit 1").get() !== undefined;
    const state = anySuppressed
      ? "case when exists (select 1 from suppression where address = s.address) then 'suppressed' else 'pending' end"
      : "'pending'";
    db.prepare(
      `insert into message (id, topic_id, content_id, ingest_id, email, fields, priority, not_before, state)
       select @base + s.id, @topicId, @contentId, @ingestId, ifnull(s.email, s.address), s.fields, @priority, s.not_before, ${state}
       from staged.row s where true ${isNew} order by s.id`,
    ).run({ base, topicId, contentId, ingestId, priority: target.priority });
    // Duplicates at the end of the list have no message: their ids are given to the next list, and ranges must not overlap.
    if (added < staged)
      db.prepare("update ingest set last_id = (select max(id) from message) where id = ?").run(ingestId);

    counts.suppressed = anySuppressed
      ? Number(
          db
            .prepare("select count(*) from message where id between ? and ? and state = 'suppressed'")
            .pluck()
            .get(base + 1, base + staged),
        )
      : 0;
    counts.added = added - counts.suppressed;
    const counters = createCounters(db);
    counters.add(topicId, "pending", counts.added);
    counters.add(topicId, "suppressed", counts.suppressed);
    counters.write();
    return counts;
  };

  const stage = (): Staging => {
    // A nameless database: a temporary file that is gone when we are, however we end.
    db.exec("attach '' as staged");
    db.pragma("staged.journal_mode = off");
    db.pragma("staged.synchronous = off");
    db.pragma("staged.cache_size = -4096");
    db.exec(
      "create table staged.row (id integer primary key, address text not null, email text, fields text not null, not_before integer not null)",
    );
    const insertChunk = db.prepare(rowsSql(CHUNK));
    const insertOne = db.prepare(rowsSql(1));
    let staged = 0;
    let open = true;
    const discard = () => {
      if (!open) return;
      open = false;
      db.exec("detach staged");
    };
    const add = (rows: StagedRow[]) => {
      try {
        db.exec("begin");
        let from = 0;
        for (; from + CHUNK <= rows.length; from += CHUNK) insertChunk.run(parameters(rows, from, CHUNK));
        for (; from < rows.length; from++) insertOne.run(parameters(rows, from, 1));
        db.exec("commit");
        staged += rows.length;
      } catch (error) {
        if (db.inTransaction) db.exec("rollback");
        throw explain(error, "the temporary folder");
      }
    };
    const commit = async (target: IngestTarget) => {
      const counts = target.rehearse
        ? await rehearse(target)
        : await transaction(db, clock, () => merge(target, staged), job.onWait);
      discard();
      // A big list leaves a big write-ahead log; give the space back. Skipped silently when others are reading.
      if (staged > 10_000) db.pragma("wal_checkpoint(truncate)");
      return counts;
    };
    /** Does it all and takes it back. */
    const rehearse = async (target: IngestTarget): Promise<IngestCounts> => {
      const takenBack = new Error("taken back");
      let counts: IngestCounts | null = null;
      const work = () => {
        counts = merge(target, staged);
        throw takenBack;
      };
      await transaction(db, clock, work, job.onWait).catch((error: unknown) => {
        if (error !== takenBack) throw error;
      });
      return counts ?? { added: 0, duplicates: 0, suppressed: 0 };
    };
    return { add, commit, discard };
  };

  return {
    stage,
    checkIngest: async (target: Pick<IngestTarget, "topic" | "content" | "replaceContent">) => {
      admit(target);
    },
  };
}

function rowsSql(count: number): string {
  return `insert into staged.row (address, email, fields, not_before) values ${Array(count).fill("(?, ?, ?, ?)").join(", ")}`;
}

function parameters(rows: StagedRow[], from: number, count: number): (string | number | null)[] {
  const values: (string | number | null)[] = [];
  for (let i = from; i < from + count; i++) {
    const row = rows[i];
    if (!row) continue;
    const address = row.email.toLowerCase();
    // Kept twice only when it differs: most lists are lower-case already.
    values.push(address, address === row.email ? null : row.email, row.fields, row.notBefore);
  }
  return values;
}

function replaceContent(db: Connection, topicId: number, contentId: number): void {
  const ranges = db.prepare<[number], { first_id: number; last_id: number }>(
    "select first_id, last_id from ingest where topic_id = ?",
  );
  // What may have arrived keeps the content it was sent with, also in doubt.
  const update = db.prepare(
    `update message set content_id = ? where id between ? and ? and topic_id = ?
     and state in ('pending', 'failed', 'cancelled', 'suppressed')`,
  );
  for (const range of ranges.all(topicId)) update.run(contentId, range.first_id, range.last_id, topicId);
  db.prepare("update topic set content_id = ? where id = ?").run(contentId, topicId);
}

function hashOf(content: Content): string {
  return createHash("sha256").update(JSON.stringify(content)).digest("hex");
}
