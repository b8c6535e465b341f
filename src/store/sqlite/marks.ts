/** Reads where a job file's job goes on, when it was copied to another store. */
import type { StoppedError } from "../../errors.ts";
import { type Marks, type Place, whyClosed } from "../moved.ts";
import type { Connection } from "./driver.ts";
import { fileOf } from "./image.ts";

const MARKS = "select moved_to as movedTo, moved_at as movedAt, copy_of as copyOf, copy_id as copyId from job";

/** The marks of an open job file. */
export function readMarks(db: Connection): Marks {
  return db.prepare<[], Marks>(MARKS).get() ?? { movedTo: null, movedAt: null, copyOf: null, copyId: null };
}

/** The job file as messages call it. */
export function placeOf(db: Connection): Place {
  const path = fileOf(db);
  return { name: `the job file ${path}`, location: path };
}

/** Asked in every transaction, so the statement is prepared once. */
const looks = new WeakMap<Connection, { get(): unknown }>();

/** Why nothing may be written to the file now; null: it may. It costs a few microseconds. */
export function whyFileIsClosed(db: Connection): StoppedError | null {
  let look = looks.get(db);
  if (look === undefined) {
    look = db.prepare("select 1 from job where moved_to is not null or copy_of is not null");
    looks.set(db, look);
  }
  return look.get() === undefined ? null : whyClosed(placeOf(db), readMarks(db));
}
