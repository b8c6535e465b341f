/**
 * Signed links: who holds one was sent the mail.
 *
 * A token is 32 characters of base64url: 6 bytes of message id, 18 bytes (144 bits) of HMAC-SHA-256. The key of each kind
 * of link is derived for the job file, so that no token holds for another kind or another job file; that of a click is bound to the
 * address it leads to. Nothing is looked up to verify one.
 */
import { createHmac, type Hmac, hkdfSync, timingSafeEqual } from "node:crypto";
import type { Clock } from "../time/clock.ts";
import { UserError } from "../errors.ts";

export interface Links {
  /** Throw `RangeError` for what is no message id. */
  open(messageId: number): string;
  click(messageId: number, url: string): string;
  unsubscribe(messageId: number): string;
  /** The message a token was made for, or null for anything else. Never reject. */
  readOpen(token: string): Promise<number | null>;
  readClick(token: string, url: string): Promise<number | null>;
  readUnsubscribe(token: string): Promise<number | null>;
}

export interface LinksOptions {
  jobId: string;
  /** Newest first: the first signs, all of them verify. Asked again while links are made and when a token does not verify. */
  keys: () => Promise<readonly Buffer[]>;
  clock: Clock;
}

type Kind = "open" | "click" | "unsubscribe";
type Key = Record<Kind, Buffer>;

const ID_BYTES = 6;
const MAC_BYTES = 18;
const TOKEN = /^[A-Za-z0-9_-]{32}$/;
const MAX_ID = 2 ** (8 * ID_BYTES) - 1;

/** Another process may have made a key. A stranger's tokens do not make us read more often than this. */
const UNKNOWN_TOKEN_MS = 2_000;
/** And so that we sign with it before long. */
const SIGNING_MS = 60_000;

const MIN_SECRET = 16;

/**
 * The links of a job file: signed with SES_MAIL_SECRET when it is set, else with a key kept in the job file, which is made when there is none.
 * Throws `UserError` for a secret that is too short.
 */
export function openLinks(
  store: { jobId: string; signingKeys(): Promise<Buffer[]> },
  env: Record<string, string | undefined>,
  clock: Clock,
): Promise<Links> {
  const secrets = readSecrets(env);
  // The job file's keys verify, too: the links of mails that were sent before there was a secret stay good.
  const keys = async () => [...secrets, ...(await store.signingKeys())];
  return createLinks({ jobId: store.jobId, keys, clock });
}

/** Reads the keys for the first time; rejects when that fails. */
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

/** SES_MAIL_SECRET: secrets of at least 16 characters, newest first, separated by commas. None when it is not set. Throws `UserError`. */
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

/** The keys in force, and when to look for others. */
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
    // With the old one until then.
    if (this.#age() > SIGNING_MS) void this.#readQuietly();
    const [newest] = this.#keys;
    if (newest === undefined) throw new Error("there is no key to sign links with");
    return newest;
  }

  /** True: there are other keys than a moment ago. */
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

  /** A job file that cannot be read now leaves us with the keys we have. */
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

/** 6 and 18 bytes are 8 and 24 characters exactly: no two tokens are written for the same bytes. */
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
