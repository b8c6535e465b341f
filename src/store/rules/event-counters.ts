/** What came back of a message: which marks an event leaves on it, and which counter of its topic each mark is counted in. */
import type { SesEvent } from "../../feedback/ses-event.ts";
import { isComplaint } from "../../feedback/suppression-policy.ts";

/**
 * Everything that is counted of what came back, in the order of every output; scripts rely on names and order.
 *
 * - `name`: what it is called in outputs, and as a counter of the topic.
 * - `mark`: the column of `feedback` that holds when it first happened to a message.
 * - `counted`: the topic has a counter of it.
 * - `followed`: it is told along other lines, too: over time, by domain (`breakdown.ts`).
 */
const TABLE = [
  { name: "delivered", mark: "delivered_at", counted: true, followed: true },
  { name: "bounced_permanent", mark: "bounced_at", counted: true, followed: true },
  { name: "bounced_transient", mark: "soft_bounced_at", counted: true, followed: true },
  { name: "complained", mark: "complained_at", counted: true, followed: true },
  { name: "opened", mark: "opened_at", counted: true, followed: true },
  { name: "opened_by_reader", mark: "reader_opened_at", counted: false, followed: true },
  { name: "clicked", mark: "clicked_at", counted: true, followed: true },
  { name: "rejected", mark: "rejected_at", counted: true, followed: false },
  { name: "delayed", mark: "delayed_at", counted: true, followed: false },
] as const;

type Row = (typeof TABLE)[number];
type Counted = Extract<Row, { counted: true }>;
type Followed = Extract<Row, { followed: true }>;

/** A column of `feedback` that holds when a thing first happened to a message. */
export type Mark = Row["mark"];

/** A counter of a topic: messages to which a thing happened, once or more often. */
export type EventCounter = Counted["name"];

/** What is told of a topic over time and by domain. */
export type EventOutcome = Followed["name"];

/** Messages by what came back. Five opens of one mail are 1. */
export type EventCounts = Record<EventCounter, number>;

/** Every mark there is. */
export const MARKS: readonly Mark[] = TABLE.map(({ mark }) => mark);

/** The event counters in the order of every output. */
export const EVENT_COUNTERS: readonly EventCounter[] = TABLE.filter((row) => row.counted).map(({ name }) => name);

/** The outcomes in the order of every output. */
export const OUTCOMES: readonly EventOutcome[] = TABLE.filter((row) => row.followed).map(({ name }) => name);

/** The mark behind each counter and outcome. */
export const MARK_OF = Object.fromEntries(TABLE.map(({ name, mark }) => [name, mark])) as {
  readonly [Each in Row as Each["name"]]: Each["mark"];
};

const COUNTERS = new Map<Mark, EventCounter>(TABLE.filter((row) => row.counted).map(({ name, mark }) => [mark, name]));

/** The counter a mark is counted in; null: it has none. */
export function counterOf(mark: Mark): EventCounter | null {
  return COUNTERS.get(mark) ?? null;
}

/** What of an event decides about its marks. */
export type Marking = Pick<SesEvent, "type" | "bounceType" | "complaintType" | "machine">;

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
const NONE: readonly Mark[] = [];

/** The marks an event leaves on its message: none for what changes nothing for anybody (`send`, a `not-spam` report). */
export function marksOf({ type, bounceType, complaintType, machine }: Marking): readonly Mark[] {
  if (type === "bounce") return bounceType === "Permanent" ? HARD : SOFT;
  if (type === "open" && machine) return OPENED_BY_MACHINE;
  if (type === "complaint" && !isComplaint(complaintType)) return NONE;
  return OF_TYPE[type] ?? NONE;
}

/** What is known of a message's bounces: when the first of each kind was, and the one that is shown. */
export interface Bounces {
  bounced_at: number | null;
  soft_bounced_at: number | null;
  bounce_type: string | null;
  bounce_subtype: string | null;
}

/** A bounce that came at `at` (ms). */
export interface Bounce {
  at: number;
  bounceType: string | null;
  bounceSubType: string | null;
}

/**
 * Whether this bounce is the one to show of its message: a permanent one before any other, then the earliest, then any rule
 * that does not depend on the order in which they came. `known` is what is known without it.
 */
export function isVerdict(known: Bounces, { at, bounceType, bounceSubType }: Bounce): boolean {
  const isPermanent = bounceType === "Permanent";
  if (!isPermanent && known.bounced_at !== null) return false;
  const shown = isPermanent ? known.bounced_at : known.soft_bounced_at;
  if (shown === null || at !== shown) return shown === null || at < shown;
  return `${bounceType} ${bounceSubType}` < `${known.bounce_type} ${known.bounce_subtype}`;
}
