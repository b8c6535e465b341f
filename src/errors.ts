/**
 * The errors that `main` knows. `UserError` is one line for the user. `StoppedError` is too, and the work can be
 * resumed; `AwayError` and `LostError` are two of them. `InterruptedError` comes from a signal. Any other error is a bug, shown with its stack trace and a request
 * to report it.
 */

/** Exit codes of every command; scripts rely on them. */
export const EXIT = {
  done: 0,
  /** Done, but some messages failed or are in doubt, or some input records were refused. */
  partial: 1,
  /** Usage, configuration or input error; nothing was sent and nothing was changed. */
  usage: 2,
  /** Stopped early and resumable. */
  stopped: 3,
  bug: 70,
  sigint: 130,
  sigterm: 143,
} as const;

/** A text of somebody that is in an error may have any length. So many characters of it are shown. */
export const MOST_SAID = 4_000;

/** The user typed or configured something that cannot be done. `hint` says what to do about it. Exit code 2. */
export class UserError extends Error {
  override name = "UserError";
  readonly hint: string | null;

  constructor(message: string, hint: string | null = null) {
    super(message);
    this.hint = hint;
  }
}

/** Stopped early for a reason outside the command line (credentials, account, disk full); resumable. Exit code 3. */
export class StoppedError extends Error {
  override name = "StoppedError";
  readonly hint: string | null;

  constructor(message: string, hint: string | null = null) {
    super(message);
    this.hint = hint;
  }
}

/**
 * The store cannot be reached for now, and may be back by itself: a server that restarts, a network that is down. Nothing was
 * changed. Who can wait tries again; for all others it is a `StoppedError`.
 */
export class AwayError extends StoppedError {
  override name = "AwayError";
}

/**
 * The store does not have what it said it had written: it was restored, or failed over to a copy that lagged. Nothing can be written
 * by this process any more, because nobody knows what left meanwhile. A person has to decide what happens next.
 */
export class LostError extends StoppedError {
  override name = "LostError";
}

/** A signal came before anything was changed. Exit code 130 or 143. */
export class InterruptedError extends Error {
  override name = "InterruptedError";

  constructor() {
    super("interrupted");
  }
}

/** 143 when the reason of `signal` is `SIGTERM`, else 130. */
export function exitCodeOf(signal: AbortSignal): number {
  return signal.reason === "SIGTERM" ? EXIT.sigterm : EXIT.sigint;
}
