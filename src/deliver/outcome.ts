/** What one SES call came to. Made in ses.ts only, read in send.ts only. */
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
  | { kind: "halted"; reason: string; hint: string };
