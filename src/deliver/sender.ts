/** What the rest of the program knows of the send loop: what it is told, and what it tells. */
import type { Io } from "../io.ts";
import type { Scope } from "./source.ts";

/** How fast, and with how many hands. */
export interface Rate {
  /** Recipients per second. */
  perSecond: number;
  /** Calls in flight at most. */
  concurrency: number;
}

/** Why nothing more is sent, and what to do about it. */
export interface Halt {
  reason: string;
  hint: string | null;
}

/** What to send, and how. */
interface CommonOptions {
  /** `held` may be replaced at any time, by a set that is whole. */
  scope: Scope;
  /** Asked each time sending begins: the account's rate may change while we live. */
  rate: () => Rate;
  /** SES calls for one message before it fails. */
  maxAttempts: number;
  /**
   * Asked before the first message and then every two seconds or so whether sending may go on; null: it may. What is in flight is
   * waited for, and sending is halted. It may replace `scope.held`.
   */
  checkpoint: () => Promise<Halt | null>;
  /** The first signal: no new calls, answers are awaited. The second: what is in flight is put in doubt. */
  io: Pick<Io, "signal" | "hardSignal" | "clock">;
}

/** With nothing left the loop ends. */
export interface EndingOptions extends CommonOptions {
  whenDrained: "end";
  /** Stop after this many messages; null: no limit. */
  max: number | null;
  /** When the daily quota is used up. */
  onQuota: "stop" | "wait";
}

/**
 * With nothing left the loop waits for more, for as long as the process lives. It also waits out what would end the other one (the
 * daily quota, a halt, a source that cannot be written to), and a call that never reached SES is no attempt: an outage is not to be
 * counted against the few messages it met.
 */
export interface WaitingOptions extends CommonOptions {
  whenDrained: "wait";
}

export type SendOptions = EndingOptions | WaitingOptions;

/** Who hears what the loop meets. None of it may throw. */
export interface SendListener {
  /** Something makes the loop wait; said once. */
  onNotice(text: string): void;
  /** After each turn. `run` is the live object: it goes on counting. */
  onProgress?(run: Readonly<Run>): void;
  /** Of a loop that waits: once each time sending stops for something a person has to mend, and with null when it goes on. */
  onHalt?(halt: Halt | null): void;
  /** Of a loop that waits: how many messages a process that died left in doubt. */
  onRecovered?(count: number): void;
}

/** What the loop did since it was made. */
export interface Run {
  /** SES calls that count: throttled ones do not. */
  attempts: number;
  sent: number;
  failed: number;
  inDoubt: number;
  throttled: number;
  retried: number;
  /** Time spent sending, without the waiting in between. */
  elapsedMs: number;
}

/** Nothing done yet. */
export function emptyRun(): Run {
  return { attempts: 0, sent: 0, failed: 0, inDoubt: 0, throttled: 0, retried: 0, elapsedMs: 0 };
}

export type SendOutcome = "finished" | "nothing_to_send" | "interrupted" | "quota" | "halted" | "limit";

/** How sending ended. `reason` and `hint` are null when nothing was in its way. */
export interface SendResult {
  outcome: SendOutcome;
  reason: string | null;
  hint: string | null;
  run: Run;
}

/** How sending goes. */
export interface SenderStatus {
  /** `halted`: something is to be fixed, `reason` and `hint` say what; it is tried again by itself. */
  state: "idle" | "sending" | "halted" | "stopped";
  reason: string | null;
  hint: string | null;
  /** The rate in force, recipients per second: less than asked for after throttling. */
  perSecond: number;
  /** Since the process started; a copy. */
  run: Run;
}

/** The loop as it is seen while it runs. */
export interface Sender {
  status(): SenderStatus;
  /** Something is due now: do not wait for the next look. */
  wake(): void;
}

/** The loop as its owner sees it. */
export interface SendLoop extends Sender {
  /**
   * To be called once. Resolves when sending has ended, or, of a loop that waits, when the first signal has come and everything in
   * flight is answered and written.
   * @throws StoppedError when answers could not be written for longer than the source asks us to keep them; of a loop that ends only.
   */
  run(listener: SendListener): Promise<SendResult>;
}
