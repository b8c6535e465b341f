/** The mails of one topic in an outbox: a file for each, named after its address, and pages to click through. */
import { randomUUID } from "node:crypto";
import { link, mkdir, open, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { readWords } from "../compose/address/encoded-word.ts";
import type { Mail } from "./mail.ts";
import { fileNameOf } from "./outbox-names.ts";
import { type Listed, listedIn, mailPage, topicPage } from "./outbox-pages.ts";

/** So many mails of a topic have a page. A browser takes long for a longer list, and nobody clicks through it. */
const MOST_PAGES = 1_000;
/** So many addresses at most are remembered with how often they got mail. */
const MOST_REMEMBERED = 10_000;
/** What is to be known of a page stands in its first bytes. */
const HEAD_BYTES = 16_384;
/** A file that is not finished after this time was left by a process that died. */
const STALE_MS = 60_000;

/** The folder of one topic. */
export class OutboxFolder {
  /** How many `.eml` files it has. */
  mails: number;
  readonly #path: string;
  readonly #topic: string;
  readonly #listed: Listed[];
  /** By address: the last number that was tried. */
  readonly #numbers = new Map<string, number>();

  private constructor(path: string, topic: string, found: { mails: number; listed: Listed[] }) {
    this.#path = path;
    this.#topic = topic;
    this.#listed = found.listed;
    this.mails = found.mails;
  }

  /** Opens the folder, and creates it when it is missing. Rejects with the error of the system when that fails. */
  static async open(path: string, topic: string): Promise<OutboxFolder> {
    await makeFolder(path);
    await makeFolder(join(path, "view"));
    const names = await readdir(path);
    await removeStale(path, names);
    const listed = await readListed(join(path, "view"));
    return new OutboxFolder(path, topic, { mails: names.filter((name) => name.endsWith(".eml")).length, listed });
  }

  /** Stores one mail, composed as `message`, under a name that no other has. Rejects when it cannot be written. */
  async store(mail: Mail, message: Buffer, { id, at }: { id: string; at: number }): Promise<void> {
    const [to = "nobody"] = mail.recipients;
    // File systems that do not tell upper from lower case would take two spellings for one file.
    const file = await this.#put(fileNameOf(to.toLowerCase()), message, id);
    this.mails++;
    if (this.#listed.length >= MOST_PAGES) return;
    const listed = { file, to, subject: readWords(mail.subject), at };
    this.#listed.push(listed);
    await replace(join(this.#path, "view", `${file}.html`), mailPage(listed, mail), id);
  }

  /** Writes the list of the mails that this process knows. */
  async writeIndex(): Promise<void> {
    const listed = this.#listed.toSorted((a, b) => a.at - b.at);
    await replace(join(this.#path, "index.html"), topicPage(this.#topic, listed, this.mails - listed.length), "index");
  }

  /** Takes up what other processes have stored since. Resolves to whether there was anything. */
  async takeUpOthers(): Promise<boolean> {
    const before = this.mails;
    this.mails = (await readdir(this.#path)).filter((name) => name.endsWith(".eml")).length;
    const known = new Set(this.#listed.map(({ file }) => `${file}.html`));
    const room = MOST_PAGES - this.#listed.length;
    const others = await readListed(join(this.#path, "view"), (name) => !known.has(name), room);
    this.#listed.push(...others);
    return others.length > 0 || this.mails !== before;
  }

  /** Gives the file its name when it is complete. Another process may write into the same folder. Returns the name. */
  async #put(base: string, message: Buffer, id: string): Promise<string> {
    const unfinished = join(this.#path, `.${id}.tmp`);
    try {
      await writeFile(unfinished, message, { mode: 0o600, flag: "wx" });
      for (;;) {
        const n = this.#nextNumber(base);
        const name = n === 1 ? base : `${base}-${n}`;
        if (await takeName(unfinished, join(this.#path, `${name}.eml`))) return name;
      }
    } finally {
      await rm(unfinished, { force: true });
    }
  }

  /** A number that no other call gets, so that mails to one address that are stored at once do not try each other's names. */
  #nextNumber(base: string): number {
    const n = (this.#numbers.get(base) ?? 0) + 1;
    if (n === 1 && this.#numbers.size >= MOST_REMEMBERED) this.#numbers.clear();
    this.#numbers.set(base, n);
    return n;
  }
}

/** Creates a folder with all that is missing above it. Node's own `recursive` never ends where a folder cannot be made (/proc). */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" && (await stat(path)).isDirectory()) return;
    const above = join(path, "..");
    if (code !== "ENOENT" || above === path) throw error;
    await makeFolder(above);
    await mkdir(path).catch((again: NodeJS.ErrnoException) => {
      if (again.code !== "EEXIST") throw again;
    });
  }
}

/** Writes a page, and gives it its name when it is complete. */
export async function replace(path: string, text: string, id: string): Promise<void> {
  // A name of its own, because two processes may write the same page.
  const unfinished = join(path, "..", `.${id}.${randomUUID()}.tmp`);
  try {
    await writeFile(unfinished, text, { mode: 0o600 });
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}

/** False: there is a file of this name. */
async function takeName(unfinished: string, path: string): Promise<boolean> {
  try {
    await link(unfinished, path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return false;
    if (code === "ENOSPC" || code === "EDQUOT" || code === "EIO" || code === "EROFS" || code === "ENOENT") throw error;
  }
  // Some file systems have no links.
  if (await stat(path).then(() => true, () => false)) return false; // prettier-ignore
  await rename(unfinished, path);
  return true;
}

async function removeStale(path: string, names: readonly string[]): Promise<void> {
  for (const name of names.filter((each) => /^\..*\.tmp$/.test(each))) {
    const file = join(path, name);
    const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: Infinity }));
    if (mtimeMs < Date.now() - STALE_MS) await rm(file, { force: true });
  }
}

/** What the pages of a folder say, of at most `most` whose names are `wanted`. */
async function readListed(
  path: string,
  wanted: (name: string) => boolean = () => true,
  most = MOST_PAGES,
): Promise<Listed[]> {
  const listed: Listed[] = [];
  const names = await readdir(path);
  await removeStale(path, names);
  for (const name of names.filter((each) => each.endsWith(".html") && wanted(each)).slice(0, Math.max(0, most))) {
    const found = listedIn(await readHead(join(path, name)).catch(() => ""));
    if (found) listed.push(found);
  }
  return listed;
}

async function readHead(path: string): Promise<string> {
  const file = await open(path, "r");
  try {
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(HEAD_BYTES), position: 0 });
    return buffer.subarray(0, bytesRead).toString("utf8");
  } finally {
    await file.close();
  }
}
