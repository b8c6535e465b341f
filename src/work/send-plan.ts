/** What a `send` is about to do: its numbers, and the lines that show them. */
import { leftToday } from "../aws/quota.ts";
import { readWords } from "../compose/address/encoded-word.ts";
import { count, counted } from "../counted.ts";
import type { Outlook } from "../deliver/source.ts";
import type { SesConnection } from "./endpoint.ts";
import { type ListFacts, leftOut, listText } from "./list-facts.ts";
import type { Totals } from "../message.ts";
import type { SendFlags } from "./send-flags.ts";
import { roughDuration } from "../time/duration.ts";
import { localWhen } from "../time/local.ts";

/** The mail by which people recognise the campaign. */
export interface FirstMail {
  to: string;
  from: string;
  subject: string;
}

/** The numbers of a send before it begins. */
export interface SendPlan {
  /** Null: every topic. */
  topic: string | null;
  list: ListFacts | null;
  /** Why rows were rejected, for the first of them. */
  reasons: string[];
  /** How many messages are due, with those of the list, before `--max`. */
  due: number;
  /** How many of `due` are in doubt and would leave a second time. */
  doubtful: number;
  /** What of a rehearsal is removed first; null: there is none. */
  removes: string | null;
  /** What is in the topic besides `due`; null: there are many topics, and their sums say nothing. */
  before: Omit<Totals, "total" | "pending"> | null;
  /** How many messages of the topic wait for later; null: of all topics nobody asks. */
  later: number | null;
  /** Milliseconds until the next of those is due; null: there are none. */
  nextDueInMs: number | null;
}

/** What a plan is made of. `added`: how many messages of the list are not in `totals` and `outlook` yet. */
interface Numbers extends Pick<SendPlan, "list" | "reasons" | "doubtful" | "removes"> {
  totals: Totals;
  outlook: Outlook;
  added: number;
}

/** Adds up a plan. */
export function planOf(
  topic: string | null,
  { totals, outlook, added, doubtful, removes, list, reasons }: Numbers,
): SendPlan {
  return {
    topic,
    list,
    reasons,
    due: outlook.due + added + doubtful,
    doubtful,
    removes,
    before: topic === null ? null : { ...totals, in_doubt: totals.in_doubt - doubtful },
    later: topic === null ? null : totals.pending - outlook.due - outlook.late,
    nextDueInMs: outlook.nextDueInMs,
  };
}

/** The lines of the summary, for a terminal. */
export function planTable(
  plan: SendPlan,
  {
    first,
    connection,
    flags,
    now,
  }: { first: FirstMail | null; connection: SesConnection; flags: SendFlags; now: number },
): string[] {
  const sending = toSend(plan, flags);
  const others = sending > 1 ? ` and ${counted(sending - 1, "other")}` : "";
  return rows([
    ["From", first && readWords(first.from)],
    ["Subject", first && first.subject],
    ["To", first && `${first.to}${others}`],
    ["Topic", plan.topic ?? "all topics"],
    ["List", plan.list && listText(plan.list, "new")],
    ...plan.reasons.map((reason): [string, string] => ["", reason]),
    ["Messages", [dueText(plan, flags), ...beforeParts(plan)].join(" · ")],
    ["", plan.doubtful > 0 ? `${count(plan.doubtful)} of them are in doubt and may get a second copy` : null],
    ["", laterText(plan, now)],
    ["Rehearsal", plan.removes && `it is removed first: ${plan.removes}`],
    ["Rate", rateText(sending, connection)],
    ["Quota", quotaText(connection)],
  ]);
}

/** The same in one line, where nobody is asked. */
export function planLine(plan: SendPlan, connection: SesConnection, flags: SendFlags, now: number): string {
  const facts = [
    dueText(plan, flags),
    ...beforeParts(plan),
    ...(laterText(plan, now) === null ? [] : [laterText(plan, now)]),
  ];
  const { list, reasons } = plan;
  const more = (list?.rejected ?? 0) > 1 ? ", …" : "";
  const why = reasons[0] === undefined ? "" : ` (${reasons[0]}${more})`;
  const about = `${plan.topic ?? "all topics"}: ${list ? `${listText(list, "added")}${why}; ` : ""}`;
  return `${about}${facts.join(", ")}; ${rateText(toSend(plan, flags), connection)}; quota: ${quotaText(connection)}`;
}

/** The one line of a send that has nothing to do: `12 rows: 0 to send, 12 sent before`. */
export function nothingLine(plan: SendPlan, now: number): string {
  const { list, topic } = plan;
  const left = list ? leftOut({ ...list, known: 0 }) : [];
  const facts = ["0 to send", ...beforeParts(plan), ...left];
  const later = laterText(plan, now);
  return `${list ? counted(list.rows, "row") : (topic ?? "all topics")}: ${[...facts, ...(later === null ? [] : [later])].join(", ")}`;
}

/** How many messages leave at most: what is due, up to `--max`. */
export function toSend({ due }: SendPlan, { max }: Pick<SendFlags, "max">): number {
  return Math.min(due, max ?? due);
}

/** What is left of today's quota; null: it is unlimited or not known. */
export function quotaLeft({ account }: SesConnection): number | null {
  return account === null || account.quota === 0 ? null : leftToday(account);
}

function dueText(plan: SendPlan, flags: SendFlags): string {
  const now = toSend(plan, flags);
  return now === plan.due ? `${count(now)} to send` : `${count(now)} to send (--max) of ${count(plan.due)}`;
}

const BEFORE = [
  ["sent", "sent before"],
  ["failed", "failed before"],
  ["in_doubt", "in doubt"],
  ["sending", "being sent now"],
  ["cancelled", "cancelled"],
] as const;

/** What became of the topic's other messages. That nothing was sent before is worth saying; other zeros are not. */
function beforeParts({ before }: SendPlan): string[] {
  if (before === null) return [];
  return BEFORE.flatMap(([state, text]) =>
    before[state] > 0 || state === "sent" ? [`${count(before[state])} ${text}`] : [],
  );
}

function laterText({ later, nextDueInMs }: SendPlan, now: number): string | null {
  if (nextDueInMs === null) return null;
  // The store counts by its own clock, some milliseconds after ours, and people schedule to the second: round to it.
  const at = Math.round((now + nextDueInMs) / 1000) * 1000;
  return `${later === null ? "others" : count(later)} for later (the next ${localWhen(at, now)})`;
}

function rateText(messages: number, { perSecond }: SesConnection): string {
  const time = roughDuration((messages * 1000) / perSecond);
  return `${count(perSecond)} per second, ${messages * 1000 < perSecond * 1000 ? time : `about ${time}`}`;
}

function quotaText(connection: SesConnection): string {
  const { account } = connection;
  const left = quotaLeft(connection);
  if (account === null) return "unknown";
  return left === null ? "unlimited" : `${count(left)} of ${count(account.quota ?? 0)} left today`;
}

const INDENT = "  ";

function rows(all: [name: string, text: string | null][]): string[] {
  return all.flatMap(([name, text]) => (text === null ? [] : [`${INDENT}${name.padEnd(10)}${text}`]));
}
