// The pipeline everybody writes first: csv-parse with columns, one insert a row, 1,000 rows a transaction, unique index live.
import { createReadStream } from "node:fs";
import { Database } from "../dist/store/sqlite/driver.js";
import { parse } from "csv-parse";
import process from "node:process";

const [csv, file] = process.argv.slice(2);
const started = performance.now();
const db = new Database(file);
db.pragma("journal_mode = wal");
db.exec(
  "create table if not exists message (id integer primary key, topic text, email text, fields text, state text, unique (topic, email))",
);
const insert = db.prepare("insert or ignore into message (topic, email, fields, state) values (?, ?, ?, 'pending')");
let rows = 0;
let pending = [];
const flush = db.transaction((batch) => {
  for (const row of batch) insert.run("t", row.email, JSON.stringify(row));
});
for await (const row of createReadStream(csv).pipe(parse({ columns: true }))) {
  pending.push(row);
  rows++;
  if (pending.length === 1000) {
    flush(pending);
    pending = [];
  }
}
flush(pending);
console.log(JSON.stringify({ rows, rows_per_second: (rows * 1000) / (performance.now() - started) }));
