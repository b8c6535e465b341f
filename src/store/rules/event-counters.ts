/** Marks and counters: which marks an event leaves on its message, and which counter of the topic counts each mark. */
import type { SesEvent } from "../../feedback/ses-event.ts";
import { isComplaint } from "../../feedback/suppression-policy.ts";

/**
 * Everything that is counted about events, in the order of every output. Scripts rely on the names and their order.
 *
 * - `name`: its name in outputs and as a counter of the topic.
 * - `toldBy`: who can tell that it happened: only SES (`ses`), our own links too (`opens` and `clicks`, in mail that carries them),
 *   or always we (`us`).
 * - `mark`: the column of `feedback` with the time when it first happened to a message.
 * - `counted`: the topic has a counter for it.
 * - `followed`: it is also shown over time and by domain (`breakdown.ts`).
 */
const TABLE = [
  { name: "delivered", toldBy: "ses", mark: "delivered_at", counted: true, followed: true },
  { name: "bounced_permanent", toldBy: "ses", mark: "bounced_at", counted: true, followed: true },
  { name: "bounced_transient", toldBy: "ses", mark: "soft_bounced_at", counted: true, followed: true },
  { name: "complained", toldBy: "ses", mark: "complained_at", counted: true, followed: true },
  { name: "opened", toldBy: "opens", mark: "opened_at", counted: true, followed: true },
  { name: "opened_by_reader", toldBy: "opens", mark: "reader_opened_at", counted: false, followed: true },
  { name: "clicked", toldBy: "clicks", mark: "clicked_at", counted: true, followed: true },
  { name: "rejected", toldBy: "ses", mark: "rejected_at", counted: true, followed: false },
  { name: "delayed", toldBy: "ses", mark: "delayed_at", counted: true, followed: false },
  { name: "unsubscribed", toldBy: "us", mark: "unsubscribed_at", counted: true, followed: true },
] as const;

type Row = (typeof TABLE)[number];
type Counted = Extract<Row, { counted: true }>;
type Followed = Extract<Row, { followed: true }>;

/** A column of `feedback` with the time when something first happened to a message. */
export type Mark = Row["mark"];

/** A counter of a topic. It counts the messages to which something happened at least once. */
export type EventCounter = Counted["name"];

/** What is shown of a topic over time and by domain. */
export type EventOutcome = Followed["name"];

/** How many messages had each kind of event. Five opens of one mail count as 1. */
export type EventCounts = Record<EventCounter, number>;

/** Every mark there is. */
export const MARKS: readonly Mark[] = TABLE.map(({ mark }) => mark);

/** The event counters in the order of every output. */
export const EVENT_COUNTERS: readonly EventCounter[] = TABLE.filter((row) => row.counted).map(({ name }) => name);

/** The outcomes in the order of every output. */
export const OUTCOMES: readonly EventOutcome[] = TABLE.filter((row) => row.followed).map(({ name }) => name);

/** The mark of each counter and outcome. */
export const MARK_OF = Object.fromEntries(TABLE.map(({ name, mark }) => [name, mark])) as {
  readonly [Each in Row as Each["name"]]: Each["mark"];
};

const COUNTERS = new Map<Mark, EventCounter>(TABLE.filter((row) => row.counted).map(({ name, mark }) => [mark, name]));

/** The counter that counts a mark; null: none does. */
export function counterOf(mark: Mark): EventCounter | null {
  return COUNTERS.get(mark) ?? null;
}

/** What a topic is known by: events of SES, or links of ours. */
export interface Knowledge {
  /** When the first event of SES was taken in; null: none was. */
  reportedAt: number | null;
  tracksOpens: boolean;
  tracksClicks: boolean;
}

const TOLD_BY = new Map<string, Row["toldBy"]>(TABLE.map(({ name, toldBy }) => [name, toldBy]));

/** Whether a count of this name says anything. */
function isKnown(name: EventCounter | EventOutcome, topic: Knowledge): boolean {
  const toldBy = TOLD_BY.get(name);
  if (topic.reportedAt !== null || toldBy === "us") return true;
  return (toldBy === "opens" && topic.tracksOpens) || (toldBy === "clicks" && topic.tracksClicks);
}

/** Counts in which null stands for what nobody knows. */
export type Known<Counts> = {
  [Name in keyof Counts]: Name extends Exclude<Row, { toldBy: "us" }>["name"] ? Counts[Name] | null : Counts[Name];
};

/**
 * The counts of a topic, with null for those that nobody can know: where SES has reported nothing and no link of ours can tell, a 0
 * would be a guess. Other fields stay as they are.
 */
export function knownCounts<Counts extends object>(counts: Counts, topic: Knowledge): Known<Counts> {
  const unknown = [...TOLD_BY.keys()].filter(
    (name) => name in counts && !isKnown(name as EventCounter | EventOutcome, topic),
  );
  return { ...counts, ...Object.fromEntries(unknown.map((name) => [name, null])) } as Known<Counts>;
}

/** The fields of an event that decide which marks it leaves. */
export type Marking = Pick<SesEvent, "type" | "bounceType" | "complaintType" | "machine" | "unsubscribes">;

const OF_TYPE: Partial<Record<SesEvent["type"], readonly Mark[]>> = {
  delivery: ["delivered_at"],
  complaint: ["complained_at"],
  open: ["opened_at", "reader_opened_at"],
  click: ["clicked_at"],
  reject: ["rejected_at"],
  rendering_failure: ["rejected_at"],
  delivery_delay: ["delayed_at"],
};
const HARD: readonly Mark[] = ["bounced_at"];
const SOFT: readonly Mark[] = ["soft_bounced_at"];
const OPENED_BY_MACHINE: readonly Mark[] = ["opened_at"];
const UNSUBSCRIBED: readonly Mark[] = ["unsubscribed_at"];
const NONE: readonly Mark[] = [];

/** The marks that an event leaves on its message. Events that say nothing new (`send`, a `not-spam` report) leave none. */
export function marksOf({ type, bounceType, complaintType, machine, unsubscribes }: Marking): readonly Mark[] {
  if (type === "bounce") return bounceType === "Permanent" ? HARD : SOFT;
  if (type === "open" && machine) return OPENED_BY_MACHINE;
  if (type === "complaint" && !isComplaint(complaintType)) return NONE;
  if (type === "subscription" && unsubscribes) return UNSUBSCRIBED;
  return OF_TYPE[type] ?? NONE;
}

/**
 * What is known about the bounces of a message: when the first of each kind came (ms since the epoch), and type and subtype of the
 * one that is shown.
 */
export interface Bounces {
  /** Of the first hard bounce; null: there was none. */
  bounced_at: number | null;
  /** Of the first soft bounce; null: there was none. */
  soft_bounced_at: number | null;
  bounce_type: string | null;
  bounce_subtype: string | null;
}

/** One bounce. */
export interface Bounce {
  /** Milliseconds since the epoch. */
  at: number;
  bounceType: string | null;
  bounceSubType: string | null;
}

/**
 * True when this bounce is the one to show of its message. A permanent bounce goes before any other, then the earlier one. Equal
 * times are decided by type and subtype, so that the order in which bounces come does not matter. `known` leaves this bounce out.
 */
export function isVerdict(known: Bounces, { at, bounceType, bounceSubType }: Bounce): boolean {
  const isPermanent = bounceType === "Permanent";
  if (!isPermanent && known.bounced_at !== null) return false;
  const shown = isPermanent ? known.bounced_at : known.soft_bounced_at;
  if (shown === null || at !== shown) return shown === null || at < shown;
  return `${bounceType} ${bounceSubType}` < `${known.bounce_type} ${known.bounce_subtype}`;
}
