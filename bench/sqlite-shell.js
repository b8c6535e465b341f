// What import is compared with: the shell of SQLite reads the same list with .import and puts it into the tables of a job file.
import { spawnSync } from "node:child_process";
import { timed } from "./support.js";

const SHELL = "sqlite3";

/** Null where the shell is installed, otherwise a line that says what is missing and how to get it. */
export function whyNoShell() {
  const { status } = spawnSync(SHELL, ["-version"]);
  return status === 0 ? null : `there is no ${SHELL} in PATH (apt-get install ${SHELL})`;
}

/** The statements that make the tables, indexes and triggers of the job file at `path`, and its first rows. */
export function schemaOf(path) {
  const { stdout } = spawnSync(SHELL, [path, ".dump"], { encoding: "utf8", maxBuffer: 1e8 });
  // SQLite makes the tables of its own itself, and a shell does not write to them.
  return stdout.replace(/^[^\n]*sqlite_sequence[^\n]*\n/gm, "");
}

/** As the program opens its file. The shell may keep as many pages of it as the program does. */
const SETTINGS = `.bail on
pragma journal_mode = wal;
pragma synchronous = full;
pragma foreign_keys = off;
pragma cache_size = -8192;
`;

/** Makes a file with the tables of `schema`. */
export async function makeFile(file, schema) {
  await shell(file, SETTINGS + schema);
}

/** Puts the list into a new topic. Resolves as `timed` does. */
export function importFirst(file, { csv, columns }) {
  const fields = columns.join(", ");
  return shell(
    file,
    `${readList(csv, columns)}
begin immediate;
insert into content (id, hash, body, created_at) values (1, 'bench', '{}', 0);
insert into topic (id, name, content_id, created_at) values (1, 'bench', 1, 0);
insert into ingest (id, topic_id, file, columns, first_id, last_id, created_at)
  select 1, 1, 'bench.csv', '["${columns.join('","')}"]', 1, count(*), 0 from list;
${ADD_RECIPIENTS}
insert into message (id, topic_id, content_id, ingest_id, email, fields)
  select rowid, 1, 1, 1, email, json_array(${fields}) from list order by rowid;
update topic set pending = (select count(*) from list) where id = 1;
commit;
`,
  );
}

/** Puts the same list into the same topic, which has everybody already. Resolves as `timed` does. */
export function importAgain(file, { csv, columns }) {
  return shell(file, `${readList(csv, columns)}begin immediate;\n${ADD_RECIPIENTS}commit;\n`);
}

// In the order of the tree, as the program does it.
const ADD_RECIPIENTS = `insert into recipient (address, topic_id, message_id)
  select lower(email), 1, rowid from list where true order by 1, 3 on conflict do nothing;
`;

function readList(csv, columns) {
  return `${SETTINGS}create temp table list (${columns.join(", ")});
.mode csv
.import --schema temp --skip 1 "${csv}" list
`;
}

async function shell(file, input) {
  const done = await timed(SHELL, [file], { input });
  if (done.code !== 0) throw new Error(`${SHELL}: ${done.stderr}`);
  return done;
}
