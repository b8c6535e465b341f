import { open, type FileHandle } from "node:fs/promises";

import { fileProblem } from "../read-file.ts";
import type { NotificationSink, SnsNotification } from "./event-feed.ts";

/** Writes events to an NDJSON file (mode 0600), each in the envelope in which SNS would deliver it, unsigned. */
export class EventFile implements NotificationSink {
  readonly #file: FileHandle;
  #writing: Promise<void> = Promise.resolve();
  #failure: unknown = null;

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  /**
   * Opens the file to append to it.
   * @throws UserError when it cannot be opened.
   */
  static async open(path: string): Promise<EventFile> {
    try {
      return new EventFile(await open(path, "a", 0o600));
    } catch (error) {
      throw fileProblem(error, "the events file", path, "write");
    }
  }

  take(notifications: readonly SnsNotification[]): void {
    const lines = notifications.map((notification) => `${JSON.stringify(notification)}\n`).join("");
    this.#writing = this.#writing
      .then(() => this.#file.appendFile(lines))
      .catch((error: unknown) => {
        this.#failure ??= error;
      });
  }

  /** Resolves when everything is written. Rejects with the first error of writing. */
  async close(): Promise<void> {
    await this.#writing;
    await this.#file.close();
    if (this.#failure !== null) throw this.#failure;
  }
}
