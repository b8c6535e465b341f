import type { Claim } from "./source.ts";

/**
 * What became of one attempt to hand a message to SES. Made by `aws/` of what SES answers, and by the mailer of what never got as far
 * as a call; `steer.ts` says what each means.
 */
export type Outcome =
  | { kind: "sent"; sesMessageId: string }
  /** Too fast: slow down; not an attempt. */
  | { kind: "throttled"; reason: string }
  /** May pass: try again later, up to the attempts allowed. `unreachable`: SES was never reached. */
  | { kind: "transient"; reason: string; unreachable: boolean }
  /** Refused for this recipient. `unknown`: an error we do not know, which may concern every recipient. */
  | { kind: "rejected"; reason: string; unknown: boolean }
  /** Handed over, and the answer was lost. */
  | { kind: "in_doubt"; reason: string }
  /** The account has sent what it may in 24 hours. */
  | { kind: "quota"; reason: string }
  /** Account, identity, credentials or configuration: nothing more can be sent until somebody acts. */
  | { kind: "halted"; reason: string; hint: string }
  /** No call was made, because the claim was no longer ours. */
  | { kind: "withheld"; reason: string };

/** Of a claim that ran out before its call. */
export const WITHHELD: Outcome = {
  kind: "withheld",
  reason: "not handed to SES: this process stood still for too long",
};

/** What makes the calls. */
export interface Deliver {
  /**
   * Hands one message to SES; calls `onDeparted` when the request goes on the wire. It asks `isValid` right before that, after
   * everything that may have to wait: false, and no call is made (`WITHHELD`). Rejects for a bug only.
   */
  (claim: Claim, onDeparted: () => void, isValid: () => boolean): Promise<Outcome>;
  /** True: messages wait for memory, and more of them would only wait, too. Not set: they never do. */
  isFull?: () => boolean;
}
