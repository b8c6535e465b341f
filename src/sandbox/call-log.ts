/** Logs the send calls that the sandbox gets. */
import { closeSync, openSync, writeSync } from "node:fs";

import { fileProblem } from "../read-file.ts";

/** One send call as the sandbox saw it: one line of the log. */
export interface LoggedCall {
  /** When the request was complete: milliseconds since the epoch. */
  at: number;
  /** The same instant on the monotonic clock: milliseconds with fraction. The rate is measured by it. */
  monotonic: number;
  operation: "SendEmail" | "SendBulkEmail";
  /** The HTTP status of the answer; null when there was no answer. */
  status: number | null;
  /** The type of the SES error; null for an accepted call and when there was no answer. */
  error: string | null;
  /** The fault that was played, null without one. `slow` is not noted. */
  fault: string | null;
  /** How many recipients were accepted, also when the answer was held back. The rate counts these. */
  accepted: number;
  /** How many addresses the call named; `to` lists them, bare. */
  recipients: number;
  to: string[];
  tags: Record<string, string>;
  /** The ids of the accepted messages. */
  message_ids: string[];
}

/** An NDJSON file with one line for each send call, in the order in which they were decided. */
export class CallLog {
  readonly #file: number;

  /**
   * Opens the file to append to it, and creates it with mode 0600.
   * @throws UserError when it cannot be opened.
   */
  constructor(path: string) {
    try {
      this.#file = openSync(path, "a", 0o600);
    } catch (error) {
      throw fileProblem(error, "the log file", path, "write");
    }
  }

  /** Writes synchronously, before the answer leaves: what a caller saw is in the file. */
  add(call: LoggedCall): void {
    writeSync(this.#file, `${JSON.stringify(call)}\n`);
  }

  close(): void {
    closeSync(this.#file);
  }
}
