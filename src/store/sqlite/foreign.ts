/** The SQLite files of aws-ses-sender and aws-ses-sender-go, read only. */
import { existsSync, statSync } from "node:fs";
import { StoppedError, UserError } from "../../errors.ts";
import type * as foreign from "../foreign.ts";
import { foreignOf, NOT_FOREIGN_HINT, stateSql } from "../foreign.ts";
import { type Connection, Database } from "./driver.ts";
import { isBusy } from "./trouble.ts";

/** What is different between the two programs, and between versions of one of them. */
interface Layout {
  program: foreign.ForeignProgram;
  /** The column with the address. */
  email: string;
  /** False: subject and HTML stand in each row, as in aws-ses-sender before it had contents. */
  hasContents: boolean;
  /** True: rows that are deleted stay, with a mark. */
  marksDeleted: { requests: boolean; results: boolean };
}

/**
 * Opens the file at `path`, and reads it as it is now.
 * @throws UserError when it is missing, cannot be read, or was not made by one of the two; StoppedError when somebody holds it.
 */
export function openForeign(path: string): foreign.Foreign {
  if (!existsSync(path)) throw new UserError(`there is no file ${path}`, NOT_FOREIGN_HINT);
  if (!statSync(path).isFile()) throw new UserError(`${path} is no file`, NOT_FOREIGN_HINT);
  // Before we open it: we may make these files ourselves.
  const use = signOfUse(path);
  return attempt(path, () => {
    const db = new Database(path, { readonly: true, fileMustExist: true });
    try {
      const layout = layoutOf(db, path);
      const version = () => db.pragma("data_version", { simple: true }) as number;
      const before = version();
      db.exec("begin");
      // The transaction begins with its first question.
      db.prepare("select 1 from email_requests limit 1").get();
      return reader({ db, path, layout, use, changed: () => (db.exec("commit"), version() !== before) });
    } catch (error) {
      db.close();
      throw error;
    }
  });
}

/** Whoever closes the file in order leaves none of these. Empty ones are left by readers, such as this one. */
function signOfUse(path: string): string | null {
  const left = ["-wal", "-journal"]
    .map((end) => path + end)
    .find((file) => (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0);
  return left === undefined ? null : `${left} shows that it is open, or was not closed in order`;
}

interface Opened {
  db: Connection;
  path: string;
  layout: Layout;
  use: string | null;
  changed: () => boolean;
}

function reader({ db, path, layout, use, changed }: Opened): foreign.Foreign {
  const ask = <T>(work: () => T): Promise<T> => Promise.resolve().then(() => attempt(path, work));
  const count = db.prepare<[], foreign.StatusCount>(countSql(layout));
  const content = db.prepare<[string, string], foreign.ForeignContent>(contentSql(layout));
  const results = db.prepare<[bigint, number], Placed<foreign.ForeignResult>>(resultSql(layout));
  const rowsIn = (state: foreign.ForeignState) =>
    db.prepare<[bigint, number], Placed<foreign.ForeignRow>>(rowSql(layout, state));
  // A column that is missing is found before anything is stored.
  rowsIn("created");
  return foreignOf({
    program: layout.program,
    location: path,
    counts: () => ask(() => count.all()),
    rows: (state, { after, most }: foreign.Slice<bigint>) => ask(() => rowsIn(state).all(after ?? BEFORE_ALL, most)),
    content: (id) => ask(() => content.get(id, id) ?? null),
    results: ({ after, most }: foreign.Slice<bigint>) => ask(() => results.all(after ?? BEFORE_ALL, most)),
    placeOf: ({ place }) => BigInt(place),
    use: () => Promise.resolve(use),
    changed: () => ask(changed),
    close: () => ask(() => void db.close()),
  });
}

/** With the place in its table. That is its id, as the programs make their tables; in others an id may be anything. */
type Placed<Row> = Row & { place: string };

/** Ids may be below 0, where somebody put them there by hand, and above what a double can tell apart. */
const BEFORE_ALL = -(2n ** 63n);

/** Finds out which program made the file. */
function layoutOf(db: Connection, path: string): Layout {
  const columnsOf = (table: string) =>
    new Set(db.prepare<[string], string>("select name from pragma_table_info(?)").pluck().all(table));
  const [requests, contents, results] = [
    columnsOf("email_requests"),
    columnsOf("email_contents"),
    columnsOf("email_results"),
  ];
  if (columnsOf("ingest").size > 0 && requests.size === 0)
    throw new UserError(`${path} is a job file of ses-mail`, "ses-mail copy moves one to another place");
  const hasContents = requests.has("content_id") && contents.has("content");
  const email = requests.has("email") ? "email" : requests.has("to") ? '"to"' : null;
  const knows = ["topic_id", "status", "scheduled_at", "message_id", "error", "created_at", "updated_at"];
  const isOurs = knows.every((column) => requests.has(column)) && (hasContents || requests.has("content"));
  if (email === null || !isOurs || !results.has("request_id"))
    throw new UserError(`${path} is not the database of a program that ses-mail carries on`, NOT_FOREIGN_HINT);
  const marksDeleted = { requests: requests.has("deleted_at"), results: results.has("deleted_at") };
  return { program: email === "email" ? "aws-ses-sender" : "aws-ses-sender-go", email, hasContents, marksDeleted };
}

const kept = (isMarked: boolean, alias: string) => (isMarked ? `${alias}.deleted_at is null` : "true");

/** As text: as a number, any junk would be 0, and 0 is sent. */
const STATUS = "iif(typeof(r.status) in ('integer', 'text'), cast(r.status as text), null)";

function countSql({ marksDeleted }: Layout): string {
  return `select ${STATUS} as status, count(*) as rows from email_requests r
    where ${kept(marksDeleted.requests, "r")} group by 1`;
}

function rowSql({ email, hasContents, marksDeleted }: Layout, state: foreign.ForeignState): string {
  const isSettled =
    state === "sent" ? "nullif(r.message_id, '') is not null" : state === "processing" ? "false" : "true";
  return `select cast(r.rowid as text) as place, ${shownSql("r.id")} as id, ${shownSql("r.topic_id")} as topic,
      ${shownSql(`r.${email}`)} as email, ${shownSql(hasContents ? "r.content_id" : "r.id")} as contentId,
      ${timeSql("r.created_at")} as createdAt, ${timeSql("r.scheduled_at")} as scheduledAt,
      ${timeSql("r.updated_at")} as updatedAt,
      nullif(${textSql("r.message_id")}, '') as sesMessageId, nullif(${shownSql("r.error")}, '') as error,
      iif(${isSettled}, null, (select cast(e.raw as text) from email_results e
        where e.request_id = r.id and e.status <> 'Open' and ${kept(marksDeleted.results, "e")} limit 1)) as proof
    from email_requests r
    where r.rowid > ? and ${kept(marksDeleted.requests, "r")} and ${stateSql(state, STATUS)}
    order by r.rowid limit ?`;
}

/** Null for bytes, which SQLite would take for text, whatever they are. */
const textSql = (column: string) => `iif(typeof(${column}) = 'blob', null, cast(${column} as text))`;

/** Bytes become `X'61'`: that can be shown, and is no address, no time and no id. Null becomes empty. */
const shownSql = (column: string) =>
  `ifnull(iif(typeof(${column}) = 'blob', quote(${column}), cast(${column} as text)), '')`;

/** A number is left one, so that nobody takes it for a year. Null is left null: no time is none that cannot be read. */
const timeSql = (column: string) =>
  `iif(typeof(${column}) in ('integer', 'real', 'null'), ${column}, ${shownSql(column)})`;

function contentSql({ hasContents }: Layout): string {
  const table = hasContents ? "email_contents" : "email_requests";
  // The first condition finds it by its index, the second takes nothing that is only equal as a number.
  return `select ${textSql("ifnull(subject, '')")} as subject, ${textSql("ifnull(content, '')")} as html
    from ${table} where id = ? and cast(id as text) = ?`;
}

function resultSql({ email, marksDeleted }: Layout): string {
  return `select cast(e.rowid as text) as place, ${shownSql("e.id")} as id, ${shownSql("e.status")} as status, cast(e.raw as text) as raw,
      ${timeSql("e.created_at")} as at, nullif(${textSql("r.message_id")}, '') as sesMessageId,
      ${textSql(`r.${email}`)} as email
    from email_results e left join email_requests r on r.id = e.request_id
    where e.rowid > ? and ${kept(marksDeleted.results, "e")} order by e.rowid limit ?`;
}

/** Runs `work`. What SQLite refuses is said in words. */
function attempt<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw inWords(error, path);
  }
}

function inWords(error: unknown, path: string): unknown {
  if (!(error instanceof Database.SqliteError)) return error;
  const { code } = error;
  if (isBusy(error)) return new StoppedError(`${path} is locked`, "stop the program that works on it, and try again");
  if (code === "SQLITE_NOTADB") return new UserError(`${path} is no SQLite database`, NOT_FOREIGN_HINT);
  if (code.startsWith("SQLITE_CORRUPT"))
    return new UserError(`${path} is damaged: ${error.message}`, "repair it first: sqlite3 <file> .recover");
  if (code.startsWith("SQLITE_CANTOPEN") || code.startsWith("SQLITE_READONLY") || code.startsWith("SQLITE_PERM"))
    return new UserError(
      `${path} cannot be opened (${code})`,
      "it needs a folder that can be written to: copy it there, with its -wal file",
    );
  // What is asked for is not there.
  if (code === "SQLITE_ERROR")
    return new UserError(`the tables of ${path} are not as they should be: ${error.message}`, NOT_FOREIGN_HINT);
  return new StoppedError(`${path} cannot be read: ${error.message} (${code})`, "check the disk, and try again");
}
