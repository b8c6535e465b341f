/**
 * Signed links. Only the message contains them, so a visit proves that the message was sent.
 *
 * A token is 32 characters of base64url: 6 bytes of message id, 18 bytes (144 bits) of HMAC-SHA-256. Each kind of link
 * has its own key, derived for the job file, so a token is valid for one kind and one job file only. The token of a
 * click is also bound to the address it leads to. Verifying a token needs no look-up.
 */
import { createHmac, type Hmac, hkdfSync, timingSafeEqual } from "node:crypto";
import type { Clock } from "../time/clock.ts";
import { UserError } from "../errors.ts";

/** Makes and reads the tokens of a job file. */
export interface Links {
  /** The three that make a token throw `RangeError` when `messageId` is not an integer from 1 to 2^48 - 1. */
  open(messageId: number): string;
  /** `url` is the address the link leads to; the same one is needed to read the token. */
  click(messageId: number, url: string): string;
  unsubscribe(messageId: number): string;
  /** The three that read a token resolve to its message id, or to null when the token is not valid. They never reject. */
  readOpen(token: string): Promise<number | null>;
  readClick(token: string, url: string): Promise<number | null>;
  readUnsubscribe(token: string): Promise<number | null>;
}

/** What the links of a job file are made with. */
export interface LinksOptions {
  /** The random id of the job file. */
  jobId: string;
  /**
   * The secrets, newest first: the first signs, all of them verify. Read again about once a minute while links are
   * made, and when a token is not valid (at most every two seconds).
   */
  keys: () => Promise<readonly Buffer[]>;
  clock: Clock;
}

type Kind = "open" | "click" | "unsubscribe";
type Key = Record<Kind, Buffer>;

const ID_BYTES = 6;
const MAC_BYTES = 18;
const TOKEN = /^[A-Za-z0-9_-]{32}$/;
const MAX_ID = 2 ** (8 * ID_BYTES) - 1;

/**
 * Another process may have added a key, so an invalid token makes us read the keys again, but no more often than this.
 */
const UNKNOWN_TOKEN_MS = 2_000;
/** After this time the keys are read again, so that a new key is soon used for signing. */
const SIGNING_MS = 60_000;

const MIN_SECRET = 16;

/**
 * The links of a job file. They are signed with `SES_MAIL_SECRET` when it is set, else with a key from the job file
 * (`signingKeys` makes one when there is none). Throws `UserError` for a secret that is too short; rejects when the job
 * file cannot be read.
 */
export function openLinks(
  store: { jobId: string; signingKeys(): Promise<Buffer[]> },
  env: Record<string, string | undefined>,
  clock: Clock,
): Promise<Links> {
  const secrets = readSecrets(env);
  // The keys of the job file verify too: links of mails that were sent before there was a secret must stay valid.
  const keys = async () => [...secrets, ...(await store.signingKeys())];
  return createLinks({ jobId: store.jobId, keys, clock });
}

/** The links for these keys. Resolves when the keys have been read; rejects when that fails. */
export async function createLinks(options: LinksOptions): Promise<Links> {
  const ring = new KeyRing(options);
  await ring.read();
  const make = (kind: Kind, id: number, url = "") => tokenOf(ring.newest()[kind], id, url);
  const read = async (kind: Kind, token: string, url = ""): Promise<number | null> => {
    const bytes = bytesOf(token);
    if (bytes === null) return null;
    const id = verified(ring.all(), kind, bytes, url);
    if (id !== null || !(await ring.hasNews())) return id;
    return verified(ring.all(), kind, bytes, url);
  };
  return {
    open: (id) => make("open", id),
    click: (id, url) => make("click", id, url),
    unsubscribe: (id) => make("unsubscribe", id),
    readOpen: (token) => read("open", token),
    readClick: (token, url) => read("click", token, url),
    readUnsubscribe: (token) => read("unsubscribe", token),
  };
}

/**
 * The secrets in `SES_MAIL_SECRET`, newest first: they are separated by commas and have at least 16 characters each.
 * Empty when the variable is not set. Throws `UserError` for a shorter one.
 */
export function readSecrets(env: Record<string, string | undefined>): Buffer[] {
  const value = env["SES_MAIL_SECRET"];
  if (value === undefined || value === "") return [];
  const secrets = value.split(",").map((secret) => secret.trim());
  const short = secrets.find((secret) => secret.length < MIN_SECRET);
  if (short === undefined) return secrets.map((secret) => Buffer.from(secret));
  throw new UserError(
    `SES_MAIL_SECRET expects secrets of at least ${MIN_SECRET} characters, separated by commas, got one of ${short.length}`,
    "make one with: openssl rand -hex 32",
  );
}

/** The current keys, and when to read them again. */
class KeyRing {
  readonly #options: LinksOptions;
  #keys: Key[] = [];
  #sources = "";
  #readAt = -Infinity;
  #reading: Promise<boolean> | null = null;

  constructor(options: LinksOptions) {
    this.#options = options;
  }

  all(): Key[] {
    return this.#keys;
  }

  newest(): Key {
    // The old key signs until the new ones have been read.
    if (this.#age() > SIGNING_MS) void this.#readQuietly();
    const [newest] = this.#keys;
    if (newest === undefined) throw new Error("there is no key to sign links with");
    return newest;
  }

  /** Reads the keys unless they are fresh. True when they have changed. */
  async hasNews(): Promise<boolean> {
    if (this.#reading !== null) return this.#reading;
    return this.#age() > UNKNOWN_TOKEN_MS && (await this.#readQuietly());
  }

  async read(): Promise<boolean> {
    this.#readAt = this.#options.clock.monotonic();
    const sources = await this.#options.keys();
    const found = sources.map((source) => source.toString("hex")).join();
    if (found === this.#sources) return false;
    this.#sources = found;
    this.#keys = sources.map((source) => derive(source, this.#options.jobId));
    return true;
  }

  #age(): number {
    return this.#options.clock.monotonic() - this.#readAt;
  }

  /** Keeps the keys it has when the job file cannot be read. */
  #readQuietly(): Promise<boolean> {
    this.#reading ??= this.read()
      .catch(() => false)
      .finally(() => (this.#reading = null));
    return this.#reading;
  }
}

function derive(source: Buffer, jobId: string): Key {
  const key = (kind: Kind) => Buffer.from(hkdfSync("sha256", source, "", `ses-mail ${kind} ${jobId}`, 32));
  return { open: key("open"), click: key("click"), unsubscribe: key("unsubscribe") };
}

function tokenOf(key: Buffer, id: number, url: string): string {
  if (!Number.isInteger(id) || id < 1 || id > MAX_ID) throw new RangeError(`expected a message id, got ${id}`);
  const idBytes = Buffer.allocUnsafe(ID_BYTES);
  idBytes.writeUIntBE(id, 0, ID_BYTES);
  return (
    idBytes.toString("base64url") +
    signing(key, id, url)
      .digest("base64url")
      .slice(0, (MAC_BYTES / 3) * 4)
  );
}

/** 6 and 18 bytes are exactly 8 and 24 characters, so the same bytes always give the same token. */
function bytesOf(token: string): Buffer | null {
  return TOKEN.test(token) ? Buffer.from(token, "base64url") : null;
}

function verified(keys: readonly Key[], kind: Kind, bytes: Buffer, url: string): number | null {
  const id = bytes.readUIntBE(0, ID_BYTES);
  const given = bytes.subarray(ID_BYTES);
  const good = (key: Key) => timingSafeEqual(signing(key[kind], id, url).digest().subarray(0, MAC_BYTES), given);
  return id > 0 && keys.some(good) ? id : null;
}

function signing(key: Buffer, id: number, url: string): Hmac {
  return createHmac("sha256", key).update(`${id}\n${url}`);
}
