/** A job file as one side of a copy. */
import { existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { StoppedError, UserError } from "../../errors.ts";
import type { Clock } from "../../time/clock.ts";
import {
  type Archive,
  difference,
  type Figures,
  type Key,
  type Kind,
  type Origin,
  PAGE_BYTES,
  PAGE_ROWS,
  type Row,
  type TableFacts,
  TABLES,
  type Value,
} from "../archive.ts";
import { NOBODY } from "../rules/handed.ts";
import { atTheEdge } from "../edge.ts";
import type { Waiting } from "../store.ts";
import { type Job, openPlace, transaction } from "./connection.ts";
import { type Connection, Database } from "./driver.ts";
import { readMarks } from "./marks.ts";
import { createLastIdReader } from "./numbering.ts";
import { MESSAGES_LEFT } from "./remover.ts";
import { createReportNotes } from "./reports.ts";
import { openStore } from "./store.ts";
import { explain } from "./trouble.ts";

/** Makes one side of a copy of the job file at `path`, which need not exist. Nothing is opened or made yet. */
export function openArchive(path: string, clock: Clock, waiting: Waiting): Archive {
  let opened: Job | null = null;
  const open = async (onCreate?: (db: Connection) => void): Promise<Job> =>
    (opened ??= { ...(await openPlace(path, clock, waiting, onCreate)), clock, isImage: false, waiting });
  const write = async <T>(work: (db: Connection) => T): Promise<T> => {
    const job = await open();
    return transaction(job, () => work(job.db), { evenWhenMoved: true });
  };
  const archive: Archive = {
    location: path,

    async look() {
      if (opened === null && isBlank(path)) return null;
      const { db } = await open();
      return { ...readMarks(db), jobId: originOf(db).id };
    },

    async moveTo(location, copyId) {
      if (opened !== null) opened.db.close();
      opened = null;
      // It puts in doubt what dead processes left.
      await (await openStore(path, clock, waiting)).close();
      await write((db) => {
        refuseWhenAtWork(db, path);
        db.prepare("update job set moved_to = ?, moved_at = null, copy_of = null, copy_id = ?").run(location, copyId);
      });
    },

    moved: (copyId) =>
      write((db) => {
        const mark = db.prepare(
          "update job set moved_at = ifnull(moved_at, ?) where copy_id = ? and moved_to is not null",
        );
        return mark.run(clock.now(), copyId).changes > 0;
      }),

    comeBack: (copyId) =>
      write((db) => {
        db.prepare("update job set moved_to = null, moved_at = null, copy_id = null where copy_id = ?").run(copyId);
      }),

    origin: async () => originOf((await open()).db),
    figures: async () => figuresOf((await open()).db),
    rows: async (table, after) => readPage((await open()).db, table, after),

    async create({ id, createdAt, lastId }, copy) {
      checkFolder(path);
      const { db } = await open((made) => {
        made
          .prepare("update job set id = ?, created_at = ?, ids_after = ?, copy_of = ?, copy_id = ?")
          .run(id, createdAt, lastId, copy.from, copy.id);
      });
      if (readMarks(db).copyId !== copy.id) throw new UserError(`${path} was made by another program just now`);
    },

    state: async () => (await open()).db.prepare<[], string | null>("select copy_state from job").pluck().get() ?? null,

    add: (table, rows, { copyId, was, next }) =>
      write((db) => {
        expectUnfinished(db, path, copyId);
        const move = db.prepare("update job set copy_state = ? where copy_state is ?");
        if (move.run(next, was).changes === 0) throw beside(path);
        insertAll(db, table, rows);
      }),

    finish: ({ lastId }, copyId) =>
      write((db) => {
        expectUnfinished(db, path, copyId);
        db.prepare("update job set copy_of = null, copy_state = null, ids_after = max(ids_after, ?)").run(lastId);
        createReportNotes(db).watchCopied();
      }),

    withdraw: (copy, expected) =>
      write((db) => {
        const differs = expected === null ? null : difference(expected, figuresOf(db));
        if (differs === null)
          db.prepare("update job set copy_of = ?, copy_id = null where copy_id = ?").run(copy.from, copy.id);
        return differs;
      }),

    async close() {
      opened?.db.close();
      opened = null;
    },
  };
  return atTheEdge(archive, (error) => explain(error, path, opened === null ? "open" : "work"));
}

/** True when there is no file, or one in which SQLite has nothing yet. */
function isBlank(path: string): boolean {
  if (!existsSync(path)) return true;
  const found = statSync(path);
  if (found.isDirectory()) throw new UserError(`expected a job file, got the folder ${path}`, "name a file in it");
  if (found.size === 0) return true;
  const db = new Database(path, { fileMustExist: true });
  try {
    return db.prepare("select count(*) from sqlite_schema").pluck().get() === 0;
  } finally {
    db.close();
  }
}

function checkFolder(path: string): void {
  if (existsSync(dirname(path))) return;
  throw new UserError(`cannot write ${path}: there is no folder ${dirname(path)}`, "create it first, or name another");
}

function refuseWhenAtWork(db: Connection, path: string): void {
  const { movedTo, copyOf } = readMarks(db);
  if (movedTo !== null || copyOf !== null)
    throw new UserError(`${path} is part of another copy`, "run the same command again");
  const working = db
    .prepare<[], string>("select distinct 'process ' || pid || ' on ' || host from process")
    .pluck()
    .all();
  if (working.length > 0) throw atWork(path, working);
  // What is left of it is pending, in a topic that nobody would send.
  const cancelling = db
    .prepare<[], string>("select name from topic where cancelling_at is not null limit 1")
    .pluck()
    .get();
  if (cancelling !== undefined)
    throw new UserError(`topic ${cancelling} of ${path} is being cancelled`, "run the same command again in a minute");
  const moving = db.prepare<[], string>("select name from topic where moving_at is not null limit 1").pluck().get();
  if (moving !== undefined)
    throw new UserError(
      `topic ${moving} of ${path} is being given another time or content`,
      "run the same command again in a minute",
    );
  const arriving = db.prepare<[], string>("select topic from arriving limit 1").pluck().get();
  if (arriving !== undefined)
    throw new UserError(
      `a list is being put into topic ${arriving} of ${path}`,
      "run the same command again when it is there",
    );
  // The recipients of messages that are gone are still there, and no other store looks for them.
  const pruning = db
    .prepare<[], string>(
      `select name from topic t where pruned_at is not null
         and (id in (select topic_id from leaving) or ${MESSAGES_LEFT} > 0) limit 1`,
    )
    .pluck()
    .get();
  if (pruning !== undefined)
    throw new UserError(
      `topic ${pruning} of ${path} is pruned in part`,
      "end it with ses-mail prune, and run the same command again",
    );
  // What was handed over to a broker goes on there, whichever place the job is in.
  const flying = db
    .prepare(`select count(*) from message where state = 'sending' and claimed_by <> ${NOBODY}`)
    .pluck()
    .get();
  if (flying !== 0)
    throw new UserError(`${path} has ${String(flying)} messages in flight`, "run the same command again in a minute");
}

function atWork(path: string, working: readonly string[]): UserError {
  const named = working.slice(0, 5).join(", ") + (working.length > 5 ? `, and ${working.length - 5} more` : "");
  return new UserError(
    `${named} ${working.length === 1 ? "is" : "are"} at work on ${path}, and would send what the copy sends`,
    "stop it first, and what starts it: cron, systemd",
  );
}

function expectUnfinished(db: Connection, path: string, copyId: string): void {
  const marks = readMarks(db);
  if (marks.copyOf !== null && marks.copyId === copyId) return;
  throw new StoppedError(
    `the copy ${path} was taken back, or another process has finished it`,
    "nothing more is written to it",
  );
}

const beside = (path: string) => new StoppedError(`another process is copying to ${path}, too`, "let it finish");

function originOf(db: Connection): Origin {
  const job = db.prepare<[], Omit<Origin, "lastId">>("select id, created_at as createdAt from job").get();
  if (job === undefined) throw new Error("the job has no row");
  return { ...job, lastId: createLastIdReader(db)() };
}

function figuresOf(db: Connection): Figures {
  const count = (sql: string) => Number(db.prepare(sql).pluck().get());
  const states = db
    .prepare<[], [string, number]>(
      `select topic_id || ' ' || state, count(*) from message group by topic_id, state
       union all select topic_id || ' removed-' || state, messages from removed`,
    )
    .raw()
    .all();
  return {
    tables: Object.fromEntries(TABLES.map(({ name }) => [name, count(`select count(*) from ${name}`)])),
    states: Object.fromEntries(states),
  };
}

/** Which columns hold 0 or 1 here, and true or false elsewhere. */
function flagsOf({ columns }: TableFacts): number[] {
  return Object.values(columns).flatMap((kind: Kind, at) => (kind === "bool" ? [at] : []));
}

function readPage(db: Connection, table: TableFacts, after: Key | null): Row[] {
  const columns = Object.keys(table.columns);
  const key = table.key.join(", ");
  const behind = after === null ? "" : `where (${key}) > (${table.key.map(() => "?").join(", ")})`;
  const found = db
    .prepare<unknown[], Row>(
      `select ${columns.join(", ")} from ${table.name} ${behind} order by ${key} limit ${PAGE_ROWS}`,
    )
    .raw();
  const flags = flagsOf(table);
  const bulky = table.bulky === undefined ? -1 : columns.indexOf(table.bulky);
  const rows: Row[] = [];
  let bytes = 0;
  for (const row of found.iterate(...(after ?? []))) {
    for (const at of flags) row[at] = row[at] === 1;
    rows.push(row);
    const value = row[bulky];
    if ((typeof value === "string" || Buffer.isBuffer(value)) && (bytes += value.length) >= PAGE_BYTES) break;
  }
  return rows;
}

function insertAll(db: Connection, table: TableFacts, rows: readonly Row[]): void {
  const columns = Object.keys(table.columns);
  const insert = db.prepare<Value[]>(
    `insert into ${table.name} (${columns.join(", ")}) values (${columns.map(() => "?").join(", ")})`,
  );
  const flags = flagsOf(table);
  for (const row of rows) {
    const stored = [...row];
    for (const at of flags) stored[at] = row[at] === true ? 1 : 0;
    insert.run(...stored);
  }
}
