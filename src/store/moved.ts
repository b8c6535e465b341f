/** Says where a job goes on that was copied to another store, and which copies cannot be used. */
import { StoppedError, UserError } from "../errors.ts";
import { shellWord } from "../shell.ts";
import { isServer } from "./address.ts";
import { shortTime } from "../time/short.ts";

/** What a store keeps of copies of its job. */
export interface Marks {
  /** Where the job goes on, as it is displayed; null: here. Nothing is written here any more when it is set. */
  movedTo: string | null;
  /** When everything was found there (ms since the epoch); null: the copy is not finished, or there is none. */
  movedAt: number | null;
  /** Of what this is a copy that cannot be used, as it is displayed; null: it can. */
  copyOf: string | null;
  /** Random, the same on both sides of a copy. Null: none was ever made, or it was taken back. */
  copyId: string | null;
}

/** A store as messages call it. */
export interface Place {
  /** `the job file /srv/june.db`, `the database postgres://mail@db/mail`. */
  name: string;
  /** What is given to `--db`, without secrets. */
  location: string;
}

/** Why nothing may be written to a store now, as an error to throw; null: it may. */
export function whyClosed(place: Place, marks: Marks): StoppedError | null {
  const [message, hint] = reason(place, marks) ?? [];
  return message === undefined ? null : new StoppedError(message, hint);
}

/**
 * For a store that was just opened. Returns what people should know who only read it; null: nothing.
 * @throws UserError when the store must not be opened: something would be written to a job that goes on elsewhere, or the store is
 * a copy that is not finished.
 */
export function checkOpened(place: Place, marks: Marks, toRead: boolean): string | null {
  const [message, hint] = reason(place, marks) ?? [];
  if (message === undefined) return null;
  if (marks.copyOf !== null || !toRead) throw new UserError(message, hint);
  return `${message}; ${hint}`;
}

function reason({ name, location }: Place, marks: Marks): [message: string, hint: string] | null {
  const { movedTo, movedAt, copyOf, copyId } = marks;
  if (copyOf === null && movedTo === null) return null;
  const here = shellPlace(location);
  if (copyOf !== null && copyId === null)
    return [`${name} is a copy of ${copyOf} that was taken back`, `work on ${copyOf}, and remove this copy`];
  if (copyOf !== null)
    return [
      `${name} is a copy of ${copyOf} that is not finished`,
      `finish it: ses-mail copy ${shellPlace(copyOf)} ${here}; or take it back: ses-mail copy --undo ${shellPlace(copyOf)}`,
    ];
  if (movedTo === null) return null;
  const there = shellPlace(movedTo);
  if (movedAt === null)
    return [
      `${name} is being copied to ${movedTo}, and can only be read`,
      `finish that: ses-mail copy ${here} ${there}; or take it back: ses-mail copy --undo ${here}`,
    ];
  const when = shortTime(movedAt, { now: Date.now() });
  return [
    `${name} was copied to ${movedTo} (${when}), and can only be read here`,
    `go on there: ${dbOption(movedTo)}; to go on here after all: ses-mail copy --undo ${here}`,
  ];
}

/** The schema of a database stands behind its address when it is not the usual one. */
const SCHEMA = / \(schema (\w+)\)$/;

/** How a database is displayed when its job is in `schema`; null: in the usual one. */
export function withSchema(address: string, schema: string | null): string {
  return schema === null ? address : `${address} (schema ${schema})`;
}

/** The address or path of a store that was displayed. */
export function openable(location: string): string {
  return location.replace(SCHEMA, "");
}

/** True when both are the same store. How it is connected to does not count. */
export function isSamePlace(one: string, other: string): boolean {
  const bare = (location: string) => location.replace(/\?[^ ]*/, "");
  return one === other || (isServer(one) && isServer(other) && bare(one) === bare(other));
}

/** The store as one word of a command. */
export function shellPlace(location: string): string {
  return shellWord(openable(location));
}

/** How commands are told to work on the store. */
export function dbOption(location: string): string {
  const [, schema] = SCHEMA.exec(location) ?? [];
  return `--db ${shellPlace(location)}${schema === undefined ? "" : ` with SES_MAIL_DB_SCHEMA=${schema}`}`;
}
