// Loaded into the program (`node --import`): the file FULL_DISK_FILE is there as soon as SQLite has found its disk full.
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import process from "node:process";

const { Database } = createRequire(import.meta.url)("../../dist/store/sqlite/driver.js");
const { exec } = Database.prototype;

Database.prototype.exec = function (sql) {
  try {
    return exec.call(this, sql);
  } catch (error) {
    if (error.code === "SQLITE_FULL") writeFileSync(process.env.FULL_DISK_FILE, "");
    throw error;
  }
};
