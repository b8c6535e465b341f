import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { folderProblem } from "../read-file.ts";
import type { Mail } from "./mail.ts";
import { composeMime } from "./mime.ts";

/**
 * Stores each accepted message as a file `<milliseconds since the epoch>-<message id>.eml`, mode 0600, in one folder.
 */
export class Outbox {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Opens the folder, and creates it when it is missing.
   * @throws UserError when that cannot be done.
   */
  static async open(folder: string): Promise<Outbox> {
    try {
      await mkdir(folder, { recursive: true });
    } catch (error) {
      throw folderProblem(error, "the outbox", folder);
    }
    return new Outbox(folder);
  }

  /**
   * Stores one mail. The file gets its final name when it is complete, so no reader sees a part of it. Rejects when it
   * cannot be written.
   */
  async store(mail: Mail, messageId: string, messageIdHeader: string, acceptedAt: number): Promise<void> {
    const message = await composeMime(mail, messageIdHeader, new Date(acceptedAt));
    const name = `${String(acceptedAt).padStart(13, "0")}-${messageId}.eml`;
    const unfinished = join(this.#folder, `.${name}.tmp`);
    try {
      await writeFile(unfinished, message, { mode: 0o600, flag: "wx" });
      await rename(unfinished, join(this.#folder, name));
    } catch (error) {
      await rm(unfinished, { force: true });
      throw error;
    }
  }
}
