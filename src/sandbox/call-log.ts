import { closeSync, openSync, writeSync } from "node:fs";

import { fileProblem } from "../read-file.ts";

/** One send call as the sandbox saw it. */
export interface LoggedCall {
  /** Wall clock when the request was complete, milliseconds since the epoch. */
  at: number;
  /** The same instant on the monotonic clock, milliseconds with fraction: what the rate is measured by. */
  monotonic: number;
  operation: "SendEmail" | "SendBulkEmail";
  /** HTTP status of the answer; null when there was none. */
  status: number | null;
  /** Type of the SES error, null for an accepted call. */
  error: string | null;
  /** The fault that was played, if any; `slow` is not noted. */
  fault: string | null;
  /** How many recipients were accepted, also when the answer was withheld: what the rate counts. */
  accepted: number;
  /** How many addresses the call named, and which. */
  recipients: number;
  to: string[];
  tags: Record<string, string>;
  /** The ids of the accepted messages. */
  message_ids: string[];
}

/** An NDJSON file with one line for each send call, in the order they were decided. */
export class CallLog {
  readonly #file: number;

  /** Appends to the file; creates it with mode 0600. Throws UserError when it cannot be opened. */
  constructor(path: string) {
    try {
      this.#file = openSync(path, "a", 0o600);
    } catch (error) {
      throw fileProblem(error, "the log file", path, "write");
    }
  }

  /** Written before the answer leaves, synchronously: whatever a caller saw is in the file. */
  add(call: LoggedCall): void {
    writeSync(this.#file, `${JSON.stringify(call)}\n`);
  }

  close(): void {
    closeSync(this.#file);
  }
}
