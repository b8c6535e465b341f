/** What a kind of store brings so that its promises can be tried, and short words for requests. */
import type { Content } from "../../src/message.ts";
import type { Moves } from "../../src/store/move.ts";
import type { AcceptMessage, AcceptRequest, AcceptResult } from "../../src/store/rows.ts";
import type { Opened, Store } from "../../src/store/store.ts";
import type { ManualClock } from "../support/manual-clock.ts";
import { CONTENT } from "../support/store-actions.ts";

export type Handle = Opened;

/** A new job, with time of its own. */
export interface Bench {
  clock: ManualClock;
  /** Another handle on the job, as another process has it. */
  open(): Promise<Handle>;
  /** The same of a process that means to change something: it goes on with what others left. */
  openToWork(): Promise<Handle>;
  /** Looks beneath the contract at how the job is kept; rejects when something is wrong there. */
  inspect(): Promise<void>;
  /** All that is kept of messages, events and suppressions, read beneath the contract: equal after equal histories. */
  dump(): Promise<unknown>;
  /** Makes of topic june what a process leaves of it that is killed right after it began to cancel it. */
  leaveClosed(): Promise<void>;
  /** The same of one that is killed right after it began to give it another time or content. */
  leaveMoving(moves: Moves): Promise<void>;
  /** Closes every handle and removes the job. Safe to call twice. */
  dispose(): Promise<void>;
}

/** Makes a bench that is disposed of with the test. */
export type Prepare = () => Promise<Bench>;

export const content = (subject: string): Content => ({ ...CONTENT, subject });

export function message(emails: string[], given: Partial<AcceptMessage> = {}): AcceptMessage {
  const usual = {
    topic: "june",
    content: CONTENT,
    priority: 5,
    notBefore: 0,
    uuid: null,
    expiresAt: null,
    expiresIn: null,
  };
  return { ...usual, emails, ...given };
}

export function request(messages: AcceptMessage[], given: Partial<AcceptRequest> = {}): AcceptRequest {
  return { messages, endpoint: "ses", repeat: null, memo: "", ...given };
}

export async function accept(
  store: Store,
  messages: AcceptMessage[],
  given: Partial<AcceptRequest> = {},
): Promise<AcceptResult> {
  const [result] = await store.accept([request(messages, given)]);
  if (!result) throw new Error("no result");
  return result;
}

/** What was stored of one message: `[added, duplicates, suppressed]`. */
export async function counts(store: Store, emails: string[], given: Partial<AcceptMessage> = {}): Promise<number[]> {
  const result = await accept(store, [message(emails, given)]);
  if (result.kind !== "stored") throw new Error(JSON.stringify(result));
  return [result.counts.added, result.counts.duplicates, result.counts.suppressed];
}
