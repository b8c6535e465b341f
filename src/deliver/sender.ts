/** The send loop as the rest of the program sees it: its options, its results and its status. */
import type { Io } from "../io.ts";
import type { Reserve, Scope } from "./source.ts";

/** How fast to send, and with how many calls at once. */
export interface Rate {
  /** Recipients per second. */
  perSecond: number;
  /** The most calls in flight. */
  concurrency: number;
}

/** Why nothing is sent, and what to do about it. */
export interface Halt {
  reason: string;
  hint: string | null;
}

/** The account's daily quota, as far as bulk mail is concerned. */
export interface ReserveWatch {
  /** What bulk mail may use by what SES said last; null: any of it, because the quota is unlimited or not known. */
  now(): Reserve | null;
  /** Asks SES again, unless it was just asked. Never rejects. */
  refresh(): Promise<void>;
  /** Why bulk mail waits, for people: a sentence without a full stop. */
  reason(): string;
}

/** The options of both kinds of loop. */
interface CommonOptions {
  /** Its `held` may be replaced by another set at any time. */
  scope: Scope;
  /** Called at the beginning of each burst, because the account's rate may change. */
  rate: () => Rate;
  /** SES calls for one message before it fails. */
  maxAttempts: number;
  /**
   * Called before the first message and then about every two seconds; null: sending may go on. Otherwise sending is halted
   * after the calls in flight are answered. It may replace `scope.held`.
   */
  checkpoint: () => Promise<Halt | null>;
  /**
   * True: SES has answered a question, so what refuses a message on the way there may mean that message. Not set, or false: only the
   * outcomes of calls tell.
   */
  hasAnswered?: () => boolean;
  /** What bulk mail leaves of the daily quota. Not set: nothing. */
  reserve?: ReserveWatch;
  /** `signal` ends the making of calls, and answers are awaited. `hardSignal` puts what is in flight in doubt. */
  io: Pick<Io, "signal" | "hardSignal" | "clock">;
}

/** Options of a loop that ends when nothing is left. */
export interface EndingOptions extends CommonOptions {
  whenDrained: "end";
  /** Stop after this many messages; null: no limit. */
  max: number | null;
  /** What to do when the daily quota is used up. */
  onQuota: "stop" | "wait";
}

/**
 * Options of a loop that waits for more when nothing is left, for as long as the process lives. It also waits where the other loop
 * ends: for daily quota, after a halt or an outage, and while the source cannot be written to.
 */
export interface WaitingOptions extends CommonOptions {
  whenDrained: "wait";
}

/** What to send, and how. */
export type SendOptions = EndingOptions | WaitingOptions;

/** Hears what happens to the loop. Its methods must not throw. */
export interface SendListener {
  /** Something makes the loop wait, or nothing gets through. Called once for each such cause, with a sentence for people. */
  onNotice(text: string): void;
  /** Called after each turn. `run` is the live object, which goes on counting. */
  onProgress?(run: Readonly<Run>): void;
  /**
   * Of a loop that waits: called once when sending stops for something that a person has to mend. Of both: called with null when
   * sending goes on after that or after a notice.
   */
  onHalt?(halt: Halt | null): void;
  /** Called with how many messages dead processes left in doubt, when some are found while the loop runs. */
  onRecovered?(count: number): void;
}

/** What the loop has done since it was made. */
export interface Run {
  /** Attempts. Calls that SES throttled, and messages put back for quota or after a halt, are left out. */
  attempts: number;
  sent: number;
  /** Messages that a broker took, for others to send. */
  handedOver: number;
  failed: number;
  /** Messages that turns of this loop cancelled because they had expired. */
  expired: number;
  inDoubt: number;
  throttled: number;
  /** How often a message was put back after a passing failure. */
  retried: number;
  /** Time spent in bursts; the waiting between them is left out. */
  elapsedMs: number;
  /** Turns of the source that were taken, and how long they took in all. */
  turns: number;
  turnMs: number;
  /** How often the source came back after it had been away. */
  returns: number;
}

/** The counts of a loop that has done nothing yet. */
export function emptyRun(): Run {
  return {
    attempts: 0,
    sent: 0,
    handedOver: 0,
    failed: 0,
    expired: 0,
    inDoubt: 0,
    throttled: 0,
    retried: 0,
    elapsedMs: 0,
    turns: 0,
    turnMs: 0,
    returns: 0,
  };
}

/** How sending ended, as the JSON of `send` names it. */
export type SendOutcome = "finished" | "nothing_to_send" | "interrupted" | "quota" | "halted" | "limit";

/** How sending ended, with what it did. `reason` and `hint` are null when it was not stopped. */
export interface SendResult {
  outcome: SendOutcome;
  reason: string | null;
  hint: string | null;
  run: Run;
}

/** How sending goes now. */
export interface SenderStatus {
  /**
   * `halted`: nothing gets through; `reason` says what is wrong and `hint` what to do. The loop tries again by itself. In any other
   * state `reason` says why bulk mail waits while other mail leaves; null: it does not.
   */
  state: "idle" | "sending" | "halted" | "stopped";
  reason: string | null;
  hint: string | null;
  /** The rate in force, in recipients per second: less than asked for after throttling. */
  perSecond: number;
  /** A copy of the counts since the loop was made. */
  run: Run;
}

/** The loop as others see it while it runs. */
export interface Sender {
  status(): SenderStatus;
  /** Tells the loop that something may be due, so that it looks at once. */
  wake(): void;
}

/** The loop as its owner sees it, who may run it. */
export interface SendLoop extends Sender {
  /**
   * To be called once. Resolves when sending has ended. A loop that waits ends after the first signal, once everything in flight
   * is answered and written.
   * @throws StoppedError when answers could not be written for longer than `Source.patienceMs`, in a loop that ends.
   */
  run(listener: SendListener): Promise<SendResult>;
}
