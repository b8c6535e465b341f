/**
 * Short words for what tests do to a store. Calls whose form may change with the contract are made here and nowhere else in
 * tests of the store: those that tell an age or a delay, and those that stage a list.
 */
import type { Claim, Scope, Settlement, Turn, TurnRequest } from "../../src/deliver/source.ts";
import { UserError } from "../../src/errors.ts";
import type { Applied } from "../../src/store/store.ts";
import type { AcceptResult } from "../../src/store/store.ts";
import type { Content, State } from "../../src/message.ts";
import type {
  ExportedMessage,
  IngestCounts,
  IngestTarget,
  SentCounts,
  StagedRow,
  Staging,
  Store,
  Trouble,
} from "../../src/store/store.ts";
import type { Clock } from "../../src/time/clock.ts";

export { NO_TOPIC } from "../../src/store/store.ts";

export const CONTENT: Content = {
  from: "news@example.com",
  replyTo: [],
  subject: "Hello",
  html: "<p>Hello</p>",
  text: "Hello",
  headers: [],
  tags: [],
  attachments: [],
  configurationSet: null,
  unsubscribeUrl: null,
  unsubscribeMailto: null,
  allowEmpty: false,
};

export const EVERYTHING: Scope = { topic: null, endpoint: "ses", maxLateMs: null };

/** What tells instants to tests. */
type Time = Pick<Clock, "now" | "monotonic">;

// Lists --------------------------------------------------------------------------------------------------------------

/** `at`: when its rows and its topic are due. */
export type Target = Partial<IngestTarget> & { at?: number };

/** A list of one column, `email`, that goes into topic june at once unless told otherwise. */
export function ingest(store: Store, emails: string[], target: Target = {}): Promise<IngestCounts> {
  const rows = emails.map((email) => ({ email, fields: JSON.stringify([email]), notBefore: target.at ?? 0 }));
  return addList(store, rows, target);
}

export async function addList(store: Store, rows: StagedRow[], target: Target = {}): Promise<IngestCounts> {
  const staging = await stage(store);
  try {
    await addRows(staging, rows);
    return await commit(staging, target);
  } finally {
    await discard(staging);
  }
}

export const stage = async (store: Store): Promise<Staging> => store.stage();
export const addRows = async (staging: Staging, rows: StagedRow[]): Promise<void> => staging.add(rows);
export const discard = async (staging: Staging): Promise<void> => staging.discard();

export function commit(staging: Staging, { at = 0, ...target }: Target = {}): Promise<IngestCounts> {
  return staging.commit({
    topic: "june",
    content: CONTENT,
    file: "june.csv",
    columns: ["email"],
    priority: 5,
    notBefore: at || null,
    replaceContent: false,
    rehearse: false,
    ...target,
  });
}

export const checkList = (store: Store, target: Partial<IngestTarget> = {}): Promise<void> =>
  store.checkIngest({ topic: "june", content: CONTENT, replaceContent: false, ...target });

export const listColumns = (store: Store, claim: Pick<Claim, "ingestId">): Promise<string[]> =>
  store.ingestColumns(claim.ingestId);

const REFUSALS = {
  "is cancelled": "cancelled",
  "different content": "other-content",
  "were sent this content through the gateway already": "sent-already",
  "it cannot go on to Amazon SES": "other-endpoint",
  "it cannot go on to the sandbox": "other-endpoint",
};
const kindOf = (text: string): string =>
  Object.entries(REFUSALS).find(([words]) => text.includes(words))?.[1] ?? `unknown: ${text}`;

/** Why a list was not taken: a UserError, whose kind is told; "taken" when there was none. */
export async function refusalOf(taking: Promise<unknown>): Promise<string> {
  try {
    await taking;
    return "taken";
  } catch (error) {
    if (error instanceof UserError) return kindOf(error.message);
    throw error;
  }
}

/** Which messages of a request were not taken, and why. */
export function refusalsOf(result: AcceptResult): [message: number, why: string][] {
  if (result.kind !== "refused") throw new Error(`the request was ${result.kind}`);
  return result.problems.map(({ message, reason }) => [message, kindOf(reason)]);
}

// Turns --------------------------------------------------------------------------------------------------------------

/** Turns at a rate that is in nobody's way, until there are `room` claims or nothing is due. */
export async function turn(store: Store, room: number, request: Partial<TurnRequest> = {}): Promise<Turn> {
  const given = { settlements: [], perSecond: 1e9, scope: EVERYTHING, departed: [], throttledAt: null, ...request };
  let last = await store.turn({ ...given, room });
  const { claims } = last;
  while (request.perSecond === undefined && claims.length < room && !last.drained) {
    last = await store.turn({ ...given, settlements: [], room: room - claims.length });
    claims.push(...last.claims);
  }
  return { ...last, claims };
}

export function settle(store: Store, ...settlements: Settlement[]): Promise<Turn> {
  return turn(store, 0, { settlements });
}

/** For a turn: calls of an earlier one left so long ago. */
export const departed = (clock: Time, { at }: Turn, leftAgoMs: number, count: number): Partial<TurnRequest> => ({
  departed: [{ planned: at, actual: clock.monotonic() - leftAgoMs, count }],
});

/** For a turn: SES throttled a call that left so long ago. */
export const throttled = (clock: Time, agoMs: number): Partial<TurnRequest> => ({
  throttledAt: clock.monotonic() - agoMs,
});

type Held = Pick<Claim, "id" | "topicId"> | undefined;

const idOf = (claim: Held): number => {
  if (!claim) throw new Error("there is no such claim");
  return claim.id;
};

export const sent = (claim: Held, sesMessageId = `ses-${idOf(claim)}`): Settlement => ({
  kind: "sent",
  id: idOf(claim),
  topicId: claim?.topicId ?? 0,
  sesMessageId,
});
export const failed = (claim: Held, error = "refused"): Settlement => ({ kind: "failed", id: idOf(claim), error });
export const inDoubt = (claim: Held, error = "no answer"): Settlement => ({
  kind: "in_doubt",
  id: idOf(claim),
  error,
});

interface PutBack {
  attempted?: boolean;
  error?: string | null;
}

/** Back to pending, due as it was. */
export const putBack = (claim: Held, { attempted = false, error = "later" }: PutBack = {}): Settlement => ({
  kind: "put_back",
  id: idOf(claim),
  notBefore: null,
  attempted,
  error,
});

/** Back to pending, due in so many milliseconds, after a failed attempt. */
export const putBackFor = (
  clock: Time,
  claim: Held,
  delayMs: number,
  { attempted = true, error = "later" }: PutBack = {},
): Settlement => ({ kind: "put_back", id: idOf(claim), notBefore: clock.now() + delayMs, attempted, error });

/** What waits in the scope, in one look. `nextDueInMs` is that of the first message that is not due yet. */
export async function outlook(
  store: Store,
  clock: Time,
  scope: Scope = EVERYTHING,
): Promise<{ due: number; late: number; nextDueInMs: number | null }> {
  const { due, nextDueAt } = await store.outlook(scope);
  const late = await store.countLate(scope);
  return { due, late, nextDueInMs: nextDueAt === null ? null : nextDueAt - clock.now() };
}

/** 0: something is due; null: nothing waits. */
export async function nextDueInMs(store: Store, clock: Time, scope: Scope = EVERYTHING): Promise<number | null> {
  const seen = await outlook(store, clock, scope);
  return seen.due > 0 ? 0 : seen.nextDueInMs;
}

// Looking ------------------------------------------------------------------------------------------------------------

/** The topic's messages, in order. */
export async function messagesOf(
  store: Store,
  topic = "june",
  only: State[] | null = null,
): Promise<ExportedMessage[]> {
  const found: ExportedMessage[] = [];
  for await (const message of store.messages(topic, only)) found.push(message);
  return found;
}

/** Email and state of every message of the topic, in order. */
export async function states(store: Store, topic = "june"): Promise<Record<string, string>> {
  return Object.fromEntries((await messagesOf(store, topic)).map(({ email, state }) => [email, state]));
}

export const failedMessages = (store: Store, topic: string | null, limit: number): Promise<Trouble[]> =>
  store.troubles(topic, limit);

export const sentWithin = (store: Store, clock: Time, ms: number): Promise<Map<string, SentCounts>> =>
  store.sentSince(clock.now() - ms);

export const countSentWithin = (store: Store, clock: Time, ms: number): Promise<number> =>
  store.countSentSince(clock.now() - ms);

// The rest -----------------------------------------------------------------------------------------------------------

export const matchKept = (store: Store, clock: Time, sentWithinMs: number | null = null): Promise<Applied> =>
  store.matchKeptEvents(sentWithinMs === null ? null : clock.now() - sentWithinMs);

export const forgetAnswersOlderThan = (store: Store, clock: Time, ms: number): Promise<void> =>
  store.forgetAnswers(clock.now() - ms);

export const close = async (store: Store): Promise<void> => store.close();
