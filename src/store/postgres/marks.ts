/** Reads where the job of a database goes on, when it was copied to another store. */
import type { Marks, Place } from "../moved.ts";

/** The schema that holds the job when `SES_MAIL_DB_SCHEMA` does not name another. */
export const DEFAULT_SCHEMA = "ses_mail";

/** The columns of `sm.job` that make `Marks`. */
export const MARKS = 'moved_to as "movedTo", moved_at as "movedAt", copy_of as "copyOf", copy_id as "copyId"';

/** The marks, by way of a connection that is open. */
export async function readMarks(ask: (sql: string) => Promise<unknown[]>): Promise<Marks> {
  const [marks] = (await ask(`select ${MARKS} from sm.job`)) as Marks[];
  return marks ?? { movedTo: null, movedAt: null, copyOf: null, copyId: null };
}

/** The job as messages call it. */
export function placeOf({ name }: { name: string }): Place {
  return { name: `the database ${name}`, location: name };
}
