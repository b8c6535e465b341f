/** Reads the jobs that Redis brings: JSON objects with an address, the name of a template and its data. */
import { isObject, utf8Text } from "../../json.ts";
import { isPrintable, shortened } from "../../printable.ts";
import type { Fields } from "../fields.ts";
import { isSameJson } from "../repeat.ts";
import { MOST_SUBJECT, MOST_UUID } from "../schema.ts";
import { type Asked, type AskedMail, renamed } from "./asked.ts";
import { JOB_SUBJECT, withJobSubject } from "./job-templates.ts";

/** So much of a name is shown in a reason. */
const MOST_SHOWN = 60;

/** The fields of a job. Those without a use here were for the workers of older programs. */
const FIELDS: ReadonlySet<string> = new Set([
  "id",
  "type",
  "to",
  "subject",
  "template",
  "templateData",
  "priority",
  "delay",
  "attempts",
  "maxAttempts",
  "createdAt",
]);

/** One person waits for mail of these types. */
const AWAITED = /^(?:verification_code|subscription_(?:confirm|cancel)\w*)$/i;

/** From these numbers on a job has the priority of that name (10 high, 5 medium, 1 low). */
const HIGH = 8;
const MEDIUM = 3;
const USUAL = 5;

/** Most bytes of a job. */
const MOST_BYTES = 10 * 1024 * 1024;

const NAMES = [
  ["emails[0]", "to"],
  ["emails", "to"],
  [`data.${JOB_SUBJECT}`, "subject"],
  ["data", "templateData"],
  ["topic_id", "templateData.issueId"],
  ["scheduled_at", "delay"],
  ["uuid", "id"],
  ["kind", "type"],
] as const;

/** A job's id may have at least so many characters, whatever its stream is called: a UUID. */
const ROOM_FOR_ID = 36;
/** Most characters of the name of a stream, which is in the uuid of each of its mails. */
export const MOST_STREAM = MOST_UUID - uuidOf("", "").length - ROOM_FOR_ID;

/** A delivery of Redis. */
interface Delivered {
  readonly body: Uint8Array;
  /** When the job was added, ms since the epoch. */
  readonly at: number;
  /** Why it is too late to take it; not set: it is not. */
  readonly overdue?: string;
}

/** Why a job cannot be read; it is caught where reading begins. */
class Unreadable extends Error {}

/**
 * Makes the reader of a stream's jobs. A job's `uuid` is `redis:<stream>:<id>`; its delay counts from when it was added (`at`), however
 * often it comes. Its template is one of the shelf that `createJobTemplates` makes. The reader never throws.
 */
export function createRedisReader({ stream }: { stream: string }): (delivery: Delivered) => Asked {
  return ({ body, at, overdue }) => {
    if (overdue !== undefined) return { kind: "wrong", reason: overdue };
    try {
      return mailOf(jobIn(body), { stream, at });
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error;
      return { kind: "wrong", reason: error.message };
    }
  };
}

/** The fields of a job that is a JSON object with known fields only: a misspelt delay must not send at once. */
function jobIn(body: Uint8Array): Fields {
  if (body.byteLength > MOST_BYTES) throw new Unreadable(`expected at most ${MOST_BYTES / 1024 / 1024} MB`);
  const text = utf8Text(body);
  if (text === null) throw new Unreadable("expected JSON in UTF-8");
  const parsed = parse(text);
  if (!isObject(parsed)) throw new Unreadable("expected a JSON object");
  const unknown = Object.keys(parsed).find((name) => !FIELDS.has(name));
  if (unknown !== undefined) throw new Unreadable(`${shortened(unknown, MOST_SHOWN)}: unknown field`);
  return parsed;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Unreadable("expected JSON");
  }
}

/** Names a mail for good. */
function uuidOf(stream: string, id: string): string {
  return `redis:${stream}:${id}`;
}

function mailOf(job: Fields, { stream, at }: { stream: string; at: number }): AskedMail {
  const id = idOf(job, stream);
  const to = textOf(job, "to");
  if (to === null) throw new Unreadable("to: is missing");
  const { data, issue, subject } = dataOf(job);
  const uuid = uuidOf(stream, id);
  const template = templateOf(job, subject !== null);
  // Spreads of what is mostly not there would take longer than all the rest.
  const message: Fields = { uuid, emails: [to], template, data, priority: priorityOf(job) };
  if (issue !== null) message["topic_id"] = `issue-${issue}`;
  const due = dueOf(job, at);
  if (due !== null) message["scheduled_at"] = due;
  if (AWAITED.test(textOf(job, "type") ?? "")) message["kind"] = "transactional";
  return {
    kind: "asked",
    via: "redis",
    message,
    uuid,
    reports: { via: "redis", name: id },
    placeOf: (path) => renamed(path, NAMES),
    isSame: (stored) => isSameJson(data, stored.fields),
  };
}

function idOf(job: Fields, stream: string): string {
  const id = typeof job["id"] === "number" ? nameOf(job["id"], "id") : (textOf(job, "id") ?? "");
  const most = MOST_UUID - Array.from(uuidOf(stream, "")).length;
  if (id.trim() === "") throw new Unreadable("id: is missing");
  if (Array.from(id.slice(0, 2 * MOST_UUID)).length > most || !isPrintable(id))
    throw new Unreadable(`id: expected 1–${most} printable characters`);
  return id;
}

function templateOf(job: Fields, hasSubject: boolean): string {
  const name = textOf(job, "template") ?? "";
  if (name === "") throw new Unreadable("template: is missing");
  if (name.length > 200 || !isPrintable(name))
    throw new Unreadable("template: expected a name of at most 200 printable characters");
  return hasSubject ? withJobSubject(name) : name;
}

/**
 * The data of the template. The subject of a job is one of them, so that all jobs of an issue share one content, whatever their
 * subjects are.
 */
function dataOf(job: Fields): { data: Fields; issue: string | null; subject: string | null } {
  const given = objectOf(job["templateData"]);
  if (Object.hasOwn(given, JOB_SUBJECT))
    throw new Unreadable(`templateData.${JOB_SUBJECT}: stands for the subject of the job; use another name`);
  const subject = subjectOf(job);
  return { data: subject === null ? given : { ...given, [JOB_SUBJECT]: subject }, issue: issueIn(given), subject };
}

/** As a posted subject is read. */
function subjectOf(job: Fields): string | null {
  const subject = textOf(job, "subject");
  if (subject === null) return null;
  if (!/\S/.test(subject)) throw new Unreadable("subject: cannot be blank");
  if (/[\p{Cc}\u2028\u2029]/u.test(subject))
    throw new Unreadable("subject: cannot hold line breaks or control characters");
  if (/\p{Cs}/u.test(subject)) throw new Unreadable("subject: holds half of a character (a lone surrogate)");
  if (Array.from(subject).length > MOST_SUBJECT)
    throw new Unreadable(`subject: expected at most ${MOST_SUBJECT} characters`);
  return subject.trim();
}

function objectOf(given: unknown): Fields {
  if (given === undefined || given === null) return {};
  // Fields of a stream are texts.
  const value = typeof given === "string" ? parseData(given) : given;
  if (!isObject(value)) throw new Unreadable("templateData: expected an object");
  return value;
}

function parseData(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Unreadable("templateData: expected an object");
  }
}

function issueIn(data: Fields): string | null {
  const issue = Object.hasOwn(data, "issueId") ? data["issueId"] : null;
  if (issue === null || issue === "") return null;
  if (typeof issue === "string") return issue;
  if (typeof issue === "number") return nameOf(issue, "templateData.issueId");
  throw new Unreadable("templateData.issueId: expected text or a whole number");
}

/** A number as the name of something. Reading JSON rounds what is larger, or has a fraction, and two names would be one. */
function nameOf(number: number, field: string): string {
  if (Number.isSafeInteger(number)) return String(number);
  if (Number.isInteger(number))
    throw new Unreadable(`${field}: is a number with too many digits to be kept exactly; send it as a text`);
  throw new Unreadable(`${field}: expected text or a whole number`);
}

function priorityOf(job: Fields): string {
  const priority = wholeNumber(job, "priority") ?? USUAL;
  return priority >= HIGH ? "high" : priority >= MEDIUM ? "medium" : "low";
}

/** When the job is due; null: at once. */
function dueOf(job: Fields, at: number): string | null {
  const delay = wholeNumber(job, "delay") ?? 0;
  if (delay < 0) throw new Unreadable("delay: expected milliseconds, 0 or more");
  if (delay === 0) return null;
  const due = new Date(at + delay);
  if (Number.isNaN(due.getTime())) throw new Unreadable("delay: leads too far into the future");
  return due.toISOString();
}

/** The number of a field, which may be written as a text; null: it has none. */
function wholeNumber(job: Fields, field: string): number | null {
  const value = job[field] ?? null;
  const number = typeof value === "string" && /^[+-]?\d{1,15}$/.test(value.trim()) ? Number(value) : value;
  if (number === null || Number.isSafeInteger(number)) return number as number | null;
  throw new Unreadable(`${field}: expected a whole number`);
}

/** The text of a field; null: it has none. */
function textOf(job: Fields, field: string): string | null {
  const value = job[field] ?? null;
  if (value === null || typeof value === "string") return value;
  throw new Unreadable(`${field}: expected text`);
}
