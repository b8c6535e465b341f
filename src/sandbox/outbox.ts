/** Keeps the mails that the sandbox accepts as files. */
import { access, constants, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { folderProblem } from "../read-file.ts";
import type { Mail } from "./mail.ts";
import { composeMime } from "./mime.ts";
import { makeFolder, OutboxFolder, replace } from "./outbox-folder.ts";
import { fileNameOf } from "./outbox-names.ts";
import { outboxPage } from "./outbox-pages.ts";

/** So many folders are kept open, and so many are on the page. */
const MOST_FOLDERS = 1_000;
/** The pages are written at most this often. */
const PAGES_MS = 1_000;
/** Another process that goes on storing is not waited for: it writes the pages itself. */
const MOST_ROUNDS = 3;

/** Finds the topic that a mail belongs to; null: it has none, or nobody knows it. */
export type TopicOf = (mail: Mail) => Promise<string | null>;

/** How an outbox lays out its files. */
export interface OutboxOptions {
  /**
   * Set: each mail is a file `<topic>/<address>.eml`, the second one to an address `<address>-2.eml`, and there is an `index.html`
   * for each topic and one above. Not set, and for mails without a topic: `<milliseconds since the epoch>-<message id>.eml`.
   */
  topicOf?: TopicOf | undefined;
}

/** Stores each accepted message as a file, mode 0600. */
export class Outbox {
  readonly #path: string;
  readonly #topicOf: TopicOf | null;
  readonly #folders = new Map<string, Promise<OutboxFolder>>();
  readonly #changed = new Set<string>();
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> = Promise.resolve();

  private constructor(path: string, { topicOf }: OutboxOptions) {
    this.#path = path;
    this.#topicOf = topicOf ?? null;
  }

  /**
   * Opens the folder, and creates it when it is missing.
   * @throws UserError when that cannot be done, or nothing can be written into it.
   */
  static async open(path: string, options: OutboxOptions = {}): Promise<Outbox> {
    try {
      await makeFolder(path);
      await access(path, constants.W_OK);
    } catch (error) {
      throw folderProblem(error, "the outbox", path);
    }
    return new Outbox(path, options);
  }

  /**
   * Stores one mail. The file gets its final name when it is complete, so no reader sees a part of it. Rejects with UserError when
   * it cannot be written.
   */
  async store(mail: Mail, messageId: string, messageIdHeader: string, acceptedAt: number): Promise<void> {
    const message = await composeMime(mail, messageIdHeader, new Date(acceptedAt));
    try {
      const topic = (await this.#topicOf?.(mail)) ?? null;
      if (topic === null) await this.#storeFlat(message, messageId, acceptedAt);
      else await this.#storeIn(topic, mail, message, { id: messageId, at: acceptedAt });
    } catch (error) {
      throw folderProblem(error, "the outbox", this.#path);
    }
  }

  /** Writes the pages. A page that cannot be written is left out: the mails are what counts. */
  async close(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    await this.#writePages();
    // Who writes a page last may have looked first, so each looks again after it has written.
    for (let round = 0; round < MOST_ROUNDS && (await this.#takeUpOthers()); round++) await this.#writePages();
  }

  /** Takes up what other processes have stored in the folders of this one. Resolves to whether there was anything. */
  async #takeUpOthers(): Promise<boolean> {
    const before = this.#changed.size;
    for (const [name, opening] of this.#folders) {
      const isNew = await opening.then((folder) => folder.takeUpOthers()).catch(() => false);
      if (isNew) this.#changed.add(name);
    }
    return this.#changed.size > before;
  }

  async #storeFlat(message: Buffer, messageId: string, acceptedAt: number): Promise<void> {
    const name = `${String(acceptedAt).padStart(13, "0")}-${messageId}.eml`;
    const unfinished = join(this.#path, `.${name}.tmp`);
    try {
      await writeFile(unfinished, message, { mode: 0o600, flag: "wx" });
      await rename(unfinished, join(this.#path, name));
    } catch (error) {
      await rm(unfinished, { force: true });
      throw error;
    }
  }

  async #storeIn(topic: string, mail: Mail, message: Buffer, which: { id: string; at: number }): Promise<void> {
    const name = fileNameOf(topic);
    const folder = await this.#folder(name, topic);
    await folder.store(mail, message, which);
    this.#changed.add(name);
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      void this.#writePages();
    }, PAGES_MS).unref();
  }

  async #folder(name: string, topic: string): Promise<OutboxFolder> {
    const known = this.#folders.get(name);
    if (known) return known;
    if (this.#folders.size >= MOST_FOLDERS) await this.#writePages().then(() => this.#folders.clear());
    const opening = OutboxFolder.open(join(this.#path, name), topic);
    this.#folders.set(name, opening);
    // A folder that could not be opened is tried again with the next mail.
    opening.catch(() => this.#folders.delete(name));
    return opening;
  }

  #writePages(): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      if (this.#changed.size === 0) return;
      const changed = [...this.#changed];
      this.#changed.clear();
      for (const name of changed)
        await this.#folders
          .get(name)
          ?.then((folder) => folder.writeIndex())
          .catch(() => undefined);
      await this.#writeIndex().catch(() => undefined);
    });
    return this.#writing;
  }

  async #writeIndex(): Promise<void> {
    const entries = await readdir(this.#path, { withFileTypes: true });
    const names = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith(".")).map(({ name }) => name);
    const shown = names.sort().slice(0, MOST_FOLDERS);
    const topics = await Promise.all(
      shown.map(async (folder) => ({ folder, name: textOf(folder), mails: await this.#count(folder) })),
    );
    await replace(join(this.#path, "index.html"), outboxPage(topics, names.length - shown.length), "index");
  }

  async #count(name: string): Promise<number> {
    const open = await this.#folders.get(name)?.catch(() => null);
    if (open) return open.mails;
    return (await readdir(join(this.#path, name))).filter((file) => file.endsWith(".eml")).length;
  }
}

/** The name of a folder as people read it. */
function textOf(folder: string): string {
  try {
    return decodeURIComponent(folder);
  } catch {
    return folder;
  }
}
