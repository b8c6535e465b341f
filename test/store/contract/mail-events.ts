/** Events that SES would publish of a message of the store, made with test/feedback/events.ts. */
import type { Claim, Settlement } from "../../../src/deliver/source.ts";
import { readEvent, type SesEvent } from "../../../src/feedback/ses-event.ts";
import type { Applied } from "../../../src/feedback/event-sink.ts";
import type { Store } from "../../../src/store/store.ts";
import { type Json, type MailOptions, sesId } from "../../feedback/events.ts";
import { ingest, putBack, sent, settle, turn } from "../../support/store-actions.ts";

export const PEOPLE = ["one", "two", "three", "four", "five", "six"].map((name) => `${name}@x.example`);

/** When SES took each of these mails in. */
export const MAILED_AT = Date.parse("2026-03-02T09:00:00.000Z");

export function eventOf(json: Json): SesEvent {
  const event = readEvent(json);
  if ("malformed" in event) throw new Error(event.malformed);
  return event;
}

/** What an event says of the message's mail. */
export const of = (store: Store, claim: Claim | undefined, options: MailOptions = {}): MailOptions => {
  if (!claim) throw new Error("there is no such claim");
  return { id: claim.id, to: [claim.email], job: store.jobId, ...options };
};

/** An answer with the SES message id that events of the message speak of. */
export const accepted = (claim: Claim | undefined): Settlement => sent(claim, sesId(claim?.id ?? 0));

export const apply = (store: Store, ...events: Json[]): Promise<Applied> => store.applyEvents(events.map(eventOf));

/** Six messages of the topic, in flight. */
export async function claimPeople(store: Store, topic = "june"): Promise<Claim[]> {
  await ingest(store, PEOPLE, { topic });
  return (await turn(store, PEOPLE.length, { scope: { topic, endpoint: "ses", maxLateMs: null } })).claims;
}

/** Six messages of the topic that wait, as if they had never been handed out. */
export async function waitingPeople(store: Store, topic = "june"): Promise<Claim[]> {
  const claims = await claimPeople(store, topic);
  await settle(store, ...claims.map((claim) => putBack(claim, { error: null })));
  return claims;
}
