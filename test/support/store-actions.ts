/** Short words for what tests do to a store. */
import type { Claim, Scope, Settlement, Turn, TurnRequest } from "../../src/deliver/source.ts";
import type { Content } from "../../src/message.ts";
import type { ListCounts, ListTarget } from "../../src/store/rows.ts";
import type { Store } from "../../src/store/store.ts";

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

export async function ingest(
  store: Store,
  emails: string[],
  target: Partial<ListTarget> & { at?: number } = {},
): Promise<ListCounts> {
  const { at = 0, ...rest } = target;
  const staging = await store.stage();
  try {
    await staging.add(emails.map((email) => ({ email, fields: JSON.stringify([email]), notBefore: at })));
    return await staging.commit({
      topic: "june",
      content: CONTENT,
      file: "june.csv",
      columns: ["email"],
      priority: 5,
      notBefore: at || null,
      replaceContent: false,
      rehearse: false,
      ...rest,
    });
  } finally {
    await staging.discard();
  }
}

/** Turns at a rate that is in nobody's way, until there are `room` claims or nothing is due. */
export async function turn(store: Store, room: number, request: Partial<TurnRequest> = {}): Promise<Turn> {
  const given = { settlements: [], perSecond: 1e9, scope: EVERYTHING, departed: [], throttledAgoMs: null, ...request };
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

type Held = Pick<Claim, "id" | "topicId"> | undefined;

const idOf = (claim: Held): number => {
  if (!claim) throw new Error("there is no such claim");
  return claim.id;
};

export const sent = (claim: Held): Settlement => ({
  kind: "sent",
  id: idOf(claim),
  topicId: claim?.topicId ?? 0,
  sesMessageId: `ses-${idOf(claim)}`,
});
export const failed = (claim: Held): Settlement => ({ kind: "failed", id: idOf(claim), error: "refused" });
export const inDoubt = (claim: Held): Settlement => ({ kind: "in_doubt", id: idOf(claim), error: "no answer" });
export const putBack = (claim: Held, delayMs: number | null = null, attempted = false): Settlement => ({
  kind: "put_back",
  id: idOf(claim),
  delayMs,
  attempted,
  error: "later",
});

/** Email and state of every message of the topic, in order. */
export async function states(store: Store, topic = "june"): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const message of store.messages(topic, null)) found[message.email] = message.state;
  return found;
}
