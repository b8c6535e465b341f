/** Recipients on their way into the job file. */
import type { Clock } from "../../time/clock.ts";
import { UserError } from "../../errors.ts";
import { type Connection, explain, transaction } from "./connection.ts";
import { createContentTable } from "./contents.ts";
import { createCounters } from "./counters.ts";
import { lastId } from "./numbering.ts";
import type { IngestCounts, IngestTarget, StagedRow, Staging } from "../store.ts";

/** Rows of one multi-row insert: fewer statements, 3 parameters each. */
const CHUNK = 50;

interface TopicRecord {
  id: number;
  content_id: number;
  cancelled_at: number | null;
}

export function createLists(job: { db: Connection; clock: Clock; onWait: (waitedMs: number) => void }) {
  const { db, clock } = job;
  const readLastId = lastId(db);
  const topicOf = db.prepare<[string], TopicRecord>("select id, content_id, cancelled_at from topic where name = ?");
  const contents = createContentTable(db, clock);

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
    const contentId = contents.find(target.content);
    if (contentId === topic.content_id) return topic;
    if (!target.replaceContent) {
      throw new UserError(
        `topic "${target.topic}" already has a different content`,
        "use --topic for a new topic, or --replace-content to change what has not been sent yet",
      );
    }
    if (contentId !== undefined && isVariant(db, topic.id, contentId)) {
      throw new UserError(
        `some of topic "${target.topic}" were sent this content through the gateway already, others would get it twice`,
        "use --topic for a new topic",
      );
    }
    return topic;
  };

  const openTopic = (target: IngestTarget): { topicId: number; contentId: number } => {
    const topic = admit(target);
    const contentId = contents.store(target.content);
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
    const base = readLastId();
    // Sorted, so that the tree is filled from left to right instead of at random.
    const added = db
      .prepare(
        `insert into recipient (address, topic_id, variant, message_id)
         select address, ?, 0, ? + id from staged.row where true order by address, id on conflict do nothing`,
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
        : "and (select message_id from recipient where address = s.address and topic_id = @topicId and variant = 0) = @base + s.id";
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

/** The message `m` has another content than the topic's own: the gateway put it there. */
const IS_VARIANT = `not exists (select 1 from recipient r
  where r.address = lower(m.email) and r.topic_id = m.topic_id and r.variant = 0 and r.message_id = m.id)`;

const RANGES = "select first_id, last_id from ingest where topic_id = ?";

interface Range {
  first_id: number;
  last_id: number;
}

function isVariant(db: Connection, topicId: number, contentId: number): boolean {
  const some = db.prepare(
    `select 1 from message m where m.id between ? and ? and m.topic_id = ? and m.content_id = ? and ${IS_VARIANT} limit 1`,
  );
  const ranges = db.prepare<[number], Range>(RANGES).all(topicId);
  return ranges.some(({ first_id, last_id }) => some.get(first_id, last_id, topicId, contentId) !== undefined);
}

function replaceContent(db: Connection, topicId: number, contentId: number): void {
  // What may have arrived keeps the content it was sent with, also in doubt.
  const update = db.prepare(
    `update message as m set content_id = ? where id between ? and ? and topic_id = ?
     and state in ('pending', 'failed', 'cancelled', 'suppressed') and not ${IS_VARIANT}`,
  );
  for (const range of db.prepare<[number], Range>(RANGES).all(topicId))
    update.run(contentId, range.first_id, range.last_id, topicId);
  db.prepare("update topic set content_id = ? where id = ?").run(contentId, topicId);
}
