/** Short words for what tests do to a store. */
import type { Claim, Scope, Settlement, Turn, TurnRequest } from "../../src/deliver/source.ts";
import type { Content, State } from "../../src/message.ts";
import type { AcceptResult, ExportedMessage, ListCounts, ListTarget, StagedRow } from "../../src/store/rows.ts";
import { type TopicRefusal, TopicRefusedError } from "../../src/store/rules/admit.ts";
import type { Staging, Store } from "../../src/store/store.ts";

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

// Lists --------------------------------------------------------------------------------------------------------------

/** `at`: when its rows and its topic are due. */
export type Target = Partial<ListTarget> & { at?: number };

/** A list of one column, `email`, that goes into topic june at once unless told otherwise. */
export function ingest(store: Store, emails: string[], target: Target = {}): Promise<ListCounts> {
  const rows = emails.map((email) => ({ email, fields: JSON.stringify([email]), notBefore: target.at ?? 0 }));
  return addList(store, rows, target);
}

export async function addList(store: Store, rows: StagedRow[], target: Target = {}): Promise<ListCounts> {
  const staging = await store.stage();
  try {
    await staging.add(rows);
    return await commit(staging, target);
  } finally {
    await staging.discard();
  }
}

/** What `ingest` would come to; changes nothing. */
export async function foresee(store: Store, people: readonly string[], topic = "june"): Promise<ListCounts> {
  const staging = await store.stage();
  try {
    await staging.add(people.map((email) => ({ email, fields: JSON.stringify([email]), notBefore: 0 })));
    const { added, known, repeated, suppressed } = await staging.forecast(topic);
    return { added, duplicates: known + repeated, suppressed };
  } finally {
    await staging.discard();
  }
}

export function commit(staging: Staging, { at = 0, ...target }: Target = {}): Promise<ListCounts> {
  return staging.commit({
    topic: "june",
    content: CONTENT,
    file: "june.csv",
    columns: ["email"],
    priority: 5,
    notBefore: at || null,
    replaceContent: false,
    ...target,
  });
}

export const checkList = (store: Store, target: Partial<ListTarget> = {}): Promise<void> =>
  store.checkList({ topic: "june", content: CONTENT, replaceContent: false, ...target });

/** Why a list was not taken; "taken" when it was. */
export async function refusalOf(taking: Promise<unknown>): Promise<TopicRefusal | "taken"> {
  try {
    await taking;
    return "taken";
  } catch (error) {
    if (error instanceof TopicRefusedError) return error.refused.refusal;
    throw error;
  }
}

/** Which messages of a request were not taken, and why. */
export function refusalsOf(result: AcceptResult): [message: number, why: TopicRefusal][] {
  if (result.kind !== "refused") throw new Error(`the request was ${result.kind}`);
  return result.problems.map(({ message, refusal }) => [message, refusal]);
}

// Turns --------------------------------------------------------------------------------------------------------------

/** Turns at a rate that is in nobody's way, until there are `room` claims or nothing is due. */
export async function turn(store: Store, room: number, request: Partial<TurnRequest> = {}): Promise<Turn> {
  const given = {
    settlements: [],
    perSecond: 1e9,
    withinMs: 0,
    scope: EVERYTHING,
    departed: [],
    throttledAgoMs: null,
    ...request,
  };
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
export const departed = ({ number }: Turn, leftAgoMs: number, count: number): Partial<TurnRequest> => ({
  departed: [{ turn: number, leftAgoMs, count, unused: 0 }],
});

/** For a turn: SES throttled a call that left so long ago. */
export const throttled = (agoMs: number): Partial<TurnRequest> => ({ throttledAgoMs: agoMs });

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

/** Sends what is due, at most a thousand messages. Resolves to the claims. */
export async function sendAll(store: Store): Promise<Turn["claims"]> {
  const { claims } = await turn(store, 1_000);
  await settle(store, ...claims.map((claim) => sent(claim)));
  return claims;
}

export const failed = (claim: Held, error = "refused"): Settlement => ({ kind: "failed", id: idOf(claim), error });
export const inDoubt = (claim: Held, error = "no answer"): Settlement => ({
  kind: "in_doubt",
  id: idOf(claim),
  error,
});

export const handedOver = (claim: Held, subject = "Hello"): Settlement => ({
  kind: "handed_over",
  id: idOf(claim),
  subject,
  name: `name-of-${idOf(claim)}`,
});

interface PutBack {
  attempted?: boolean;
  error?: string | null;
}

/** Back to pending, due as it was. */
export const putBack = (claim: Held, { attempted = false, error = "later" }: PutBack = {}): Settlement => ({
  kind: "put_back",
  id: idOf(claim),
  delayMs: null,
  attempted,
  error,
});

/** Back to pending, due in so many milliseconds, after a failed attempt. */
export const putBackFor = (
  claim: Held,
  delayMs: number,
  { attempted = true, error = "later" }: PutBack = {},
): Settlement => ({ kind: "put_back", id: idOf(claim), delayMs, attempted, error });

// Looking ------------------------------------------------------------------------------------------------------------

/** The topic's messages, in order. */
export async function messagesOf(
  store: Store,
  topic = "june",
  only: State[] | null = null,
): Promise<ExportedMessage[]> {
  const found: ExportedMessage[] = [];
  for await (const page of store.messages(topic, only)) found.push(...page);
  return found;
}

/** Email and state of every message of the topic, in order. */
export async function states(store: Store, topic = "june"): Promise<Record<string, string>> {
  return Object.fromEntries((await messagesOf(store, topic)).map(({ email, state }) => [email, state]));
}
