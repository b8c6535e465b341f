/** What a call to SES comes to, and the contract of what makes the calls. */
import type { Claim } from "./source.ts";

/**
 * What became of one attempt to hand a message to SES. `aws/` makes it from the answer of SES, and the mailer from what stopped
 * it before a call. `steer.ts` says what each kind means.
 */
export type Outcome =
  | { kind: "sent"; sesMessageId: string }
  /** A broker has it durably, for others to send. `subject`: that of the mail. `name`: under which it is there. */
  | { kind: "handed_over"; subject: string; name: string }
  /** SES says that we send too fast. It does not count as an attempt. */
  | { kind: "throttled"; reason: string }
  /**
   * The failure may pass: try again later, up to the attempts allowed. `unreachable`: the call never reached SES, or the `server` that takes
   * mail in its place. `isForeign`: something that is not SES refused it (a proxy, a login page), so it may concern every message.
   */
  | { kind: "transient"; reason: string; unreachable: boolean; server?: string; isForeign?: true }
  /**
   * This message is refused. `unknown`: the error is one we do not know, so it may concern every message. `isOurs`: it was refused here,
   * and nothing left.
   */
  | { kind: "rejected"; reason: string; unknown: boolean; isOurs?: true }
  /** The message may have reached SES, and the answer was lost. `name`: a broker may have it under this name. */
  | { kind: "in_doubt"; reason: string; name?: string }
  /** The account has used up its 24-hour quota. */
  | { kind: "quota"; reason: string }
  /** Something is wrong with the account, identity, credentials or configuration: nothing can be sent until a person mends it. */
  | { kind: "halted"; reason: string; hint: string }
  /** No call was made, because the claim had run out or sending had stopped. */
  | { kind: "withheld"; reason: string };

/** What became of one call to SES. */
export type SesOutcome = Exclude<Outcome, { kind: "handed_over" }>;

/** The outcome of a claim that ran out, or whose message expired, before its call. */
export const WITHHELD: SesOutcome = {
  kind: "withheld",
  reason: "not handed to SES: this process stood still for too long",
};

/** The outcome of a claim that came when sending had stopped. */
export const STOPPED: Outcome = { kind: "withheld", reason: "not handed to SES: sending was stopped" };

/** The outcome of a claim whose mail could not be made, because the store went away. */
export const UNREAD: Outcome = { kind: "withheld", reason: "not handed to SES: its content could not be read" };

/** The outcome of a call that a bug of ours ended before it left. */
export const BROKEN: Outcome = { kind: "withheld", reason: "not handed to SES: ses-mail failed" };

/** Makes the calls. */
export interface Deliver {
  /**
   * Hands one message to SES, and calls `onDeparted` when the request goes on the wire. It asks `isValid` right before the call,
   * after everything that may have to wait; when that says false, no call is made and the outcome is `WITHHELD`. Rejects
   * with AwayError or InterruptedError when the store cannot be asked for the mail, and else only for a bug.
   */
  (claim: Claim, onDeparted: () => void, isValid: () => boolean): Promise<Outcome>;
  /** True while messages wait for memory, so that claiming more is useless. Not set: messages never wait for memory. */
  isFull?: () => boolean;
}
