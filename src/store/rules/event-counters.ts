/** Marks and counters: what is kept of the events of a message, and which counter of the topic counts each mark. */

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
