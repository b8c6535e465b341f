import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { folderProblem } from "../read-file.ts";
import type { Mail } from "./mail.ts";
import { composeMime } from "./mime.ts";

/** A folder of `.eml` files, one for each accepted message: `<milliseconds since the epoch>-<message id>.eml`, mode 0600. */
export class Outbox {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Creates the folder when it is missing. Throws UserError when that cannot be done. */
  static async open(folder: string): Promise<Outbox> {
    try {
      await mkdir(folder, { recursive: true });
    } catch (error) {
      throw folderProblem(error, "the outbox", folder);
    }
    return new Outbox(folder);
  }

  /** The file is complete under its final name when this resolves; a reader never sees a part of it. */
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
