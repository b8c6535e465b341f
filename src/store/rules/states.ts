/** The states of a message: which state may follow which, and why. */
import type { State } from "../../message.ts";

/**
 * What moves a message.
 *
 * - `add`: a list or a request adds it.
 * - `adopt`: a request adds it as another program left it (`AcceptMessage.past`).
 * - `claim`: a process takes it, to hand it to SES now.
 * - `answer`: its call has ended in the process that made it: SES accepted or refused the message, the answer was lost, or the
 *   message is put back.
 * - `process died`: the process that made the call is gone, or has been silent for longer than its lease.
 * - `late answer`: that process was only asleep, and says now how the call ended.
 * - `result`: whoever took it from a broker says what became of it. `no result`: nobody did in time.
 * - `event`: SES sent an event of it. `visit`: somebody followed a link of the mail. `prove.ts` says what either proves.
 * - `suppress`: its address was suppressed.
 * - `expire`: nothing handed it to SES before the instant at which it expires.
 * - `cancel`, `retry`: a person decided so.
 * - `start afresh`: its topic was only rehearsed, and is to be sent for real now.
 */
export type Cause =
  | "add"
  | "adopt"
  | "claim"
  | "answer"
  | "process died"
  | "late answer"
  | "result"
  | "no result"
  | "event"
  | "visit"
  | "suppress"
  | "expire"
  | "cancel"
  | "retry"
  | "start afresh";

/** One arrow of the diagram of states in docs/architecture.md. `from` null: the message is new. */
export interface Transition {
  from: State | null;
  to: State;
  by: readonly Cause[];
}

/** All transitions. A store makes no other one. */
export const TRANSITIONS: readonly Transition[] = [
  { from: null, to: "pending", by: ["add"] },
  { from: null, to: "suppressed", by: ["add"] },
  { from: null, to: "sent", by: ["adopt"] },
  { from: null, to: "in_doubt", by: ["adopt"] },
  { from: null, to: "failed", by: ["adopt"] },
  { from: null, to: "cancelled", by: ["adopt"] },

  { from: "pending", to: "sending", by: ["claim"] },
  { from: "pending", to: "sent", by: ["event"] },
  { from: "pending", to: "cancelled", by: ["expire", "cancel"] },
  { from: "pending", to: "suppressed", by: ["suppress"] },

  { from: "sending", to: "sent", by: ["answer", "process died", "result", "event", "visit"] },
  { from: "sending", to: "failed", by: ["answer", "result"] },
  { from: "sending", to: "in_doubt", by: ["answer", "process died", "result", "no result"] },
  { from: "sending", to: "pending", by: ["answer"] },
  { from: "sending", to: "cancelled", by: ["answer", "result"] },
  { from: "sending", to: "suppressed", by: ["answer", "result"] },

  { from: "in_doubt", to: "sent", by: ["late answer", "result", "event", "visit"] },
  { from: "in_doubt", to: "failed", by: ["late answer", "result"] },
  { from: "in_doubt", to: "pending", by: ["retry", "start afresh"] },
  { from: "in_doubt", to: "cancelled", by: ["result"] },
  { from: "in_doubt", to: "suppressed", by: ["result", "retry", "start afresh"] },

  { from: "failed", to: "sent", by: ["result", "event"] },
  { from: "failed", to: "pending", by: ["retry", "start afresh"] },
  { from: "failed", to: "suppressed", by: ["retry", "start afresh"] },

  { from: "cancelled", to: "sent", by: ["result", "event"] },
  { from: "cancelled", to: "pending", by: ["retry", "start afresh"] },
  { from: "cancelled", to: "suppressed", by: ["retry", "start afresh"] },

  { from: "suppressed", to: "sent", by: ["result", "event"] },
  { from: "suppressed", to: "pending", by: ["retry", "start afresh"] },

  { from: "sent", to: "pending", by: ["start afresh"] },
  { from: "sent", to: "suppressed", by: ["start afresh"] },
];

/** The states of a message that was handed to SES, or may have been. */
export const HANDED_OUT: readonly State[] = ["sending", "sent", "in_doubt"];

/** The states that a person may retry. `sent` is not among them, so that nobody gets a mail twice. */
export const RETRIABLE: readonly State[] = ["failed", "in_doubt", "cancelled", "suppressed"];

/** The states in which a rehearsal may leave a message, except for those that it never touched. */
export const PLAYED: readonly State[] = ["sent", "in_doubt", "failed", "suppressed"];
