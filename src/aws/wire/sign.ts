/**
 * Signs requests with Signature Version 4 (AWS General Reference, "Create a signed AWS API request"), for one target. What the mails of
 * a day share is worked out once.
 */
import { createHmac, hash } from "node:crypto";
import type { Target } from "./target.ts";

/** Who signs. */
export interface Keys {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string | undefined;
}

/** What each request has for itself. */
interface Own {
  "content-length": string;
  "x-amz-date": string;
  "x-amz-content-sha256": string;
  "x-amz-security-token"?: string;
}

const ALGORITHM = "AWS4-HMAC-SHA256";

/** Signs the requests of one target. */
export class Signer {
  readonly #target: Target;
  /** Names and values in turn. */
  readonly #fixed: readonly string[];
  /** The canonical request up to the headers. */
  readonly #start: string;
  /** Its last lines but the hash of the body: the names of the headers. */
  readonly #names: string;
  /** Of the signed headers, by name: the line, or null for one that each request has for itself. */
  readonly #lines: readonly (readonly [name: string, line: string | null])[];
  readonly #namesWithToken: string;
  #key: { keys: Keys; day: string; mac: Mac; scope: string } | null = null;

  constructor(target: Target) {
    this.#target = target;
    this.#fixed = Object.entries(target.headers).flat();
    this.#start = `POST\n${encodedPath(target.path)}\n\n`;
    const withToken = [...target.signed, "x-amz-security-token"].sort();
    this.#lines = withToken.map((name) => [name, lineOf(name, target.headers)] as const);
    this.#names = target.signed.join(";");
    this.#namesWithToken = withToken.join(";");
  }

  /**
   * All headers of a request with this body, signed: names and values in turn. `at`: the instant for SES, ms since the epoch.
   */
  headers(body: Uint8Array, keys: Keys, at: number): string[] {
    const token = keys.sessionToken ?? "";
    const time = timeText(at);
    const digest = hash("sha256", body, "hex");
    const own: Own = { "content-length": String(body.byteLength), "x-amz-date": time, "x-amz-content-sha256": digest };
    if (token !== "") own["x-amz-security-token"] = token;
    const names = token === "" ? this.#names : this.#namesWithToken;
    const canonical = `${this.#start}${this.#canonicalHeaders(own)}\n${names}\n${digest}`;
    const { mac, scope } = this.#keyFor(keys, time.slice(0, 8));
    const signature = mac.hex(`${ALGORITHM}\n${time}\n${scope}\n${hash("sha256", canonical, "hex")}`);
    const authorization = `${ALGORITHM} Credential=${keys.accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
    const all = [...this.#fixed];
    for (const name in own) all.push(name, own[name as keyof Own] ?? "");
    all.push("authorization", authorization);
    return all;
  }

  #canonicalHeaders(own: Own): string {
    let lines = "";
    for (const [name, line] of this.#lines) {
      if (line !== null) lines += line;
      else {
        const value = own[name as keyof Own];
        if (value !== undefined) lines += lineWith(name, value);
      }
    }
    return lines;
  }

  #keyFor(keys: Keys, day: string): { mac: Mac; scope: string } {
    const kept = this.#key;
    if (kept !== null && kept.day === day && kept.keys.secretAccessKey === keys.secretAccessKey) return kept;
    const { region, service } = this.#target;
    const sign = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();
    const steps = [day, region, service, "aws4_request"];
    const key = steps.reduce<string | Buffer>(sign, `AWS4${keys.secretAccessKey}`) as Buffer;
    this.#key = { keys, day, mac: new Mac(key), scope: steps.join("/") };
    return this.#key;
  }
}

/** Bytes of a block of SHA-256, and of its result. */
const [BLOCK, DIGEST] = [64, 32];
/** A text to be signed is much shorter: algorithm, instant, scope and a hash. */
const LONGEST_TEXT = 1_024;

/** HMAC-SHA256 (RFC 2104) with one key. An object of Node's for each text would take three times as long. */
class Mac {
  readonly #inner = Buffer.alloc(BLOCK + LONGEST_TEXT, 0x36);
  readonly #outer = Buffer.alloc(BLOCK + DIGEST, 0x5c);

  /** `key`: at most 64 bytes. */
  constructor(key: Buffer) {
    for (const [at, byte] of key.entries()) {
      this.#inner[at] = byte ^ 0x36;
      this.#outer[at] = byte ^ 0x5c;
    }
  }

  /** Of a text of ASCII, at most 1,024 characters. In hexadecimal. */
  hex(text: string): string {
    const end = BLOCK + this.#inner.write(text, BLOCK, "latin1");
    this.#outer.write(hash("sha256", this.#inner.subarray(0, end), "binary"), BLOCK, "latin1");
    return hash("sha256", this.#outer, "hex");
  }
}

/** Null: each request has it for itself. */
function lineOf(name: string, headers: Target["headers"]): string | null {
  const value = headers[name];
  return value === undefined ? null : lineWith(name, value);
}

/** White space within a value counts once. */
function lineWith(name: string, value: string): string {
  return `${name}:${value.trim().replaceAll(/\s+/g, " ")}\n`;
}

/** As the canonical request has it: each segment is encoded once more than it is sent. */
function encodedPath(path: string): string {
  const segments = path.split("/").filter((segment) => segment !== "" && segment !== ".");
  const kept = segments.reduce<string[]>(
    (all, segment) => (segment === ".." ? all.slice(0, -1) : [...all, segment]),
    [],
  );
  const joined = `/${kept.join("/")}${kept.length > 0 && path.endsWith("/") ? "/" : ""}`;
  return encodeURIComponent(joined)
    .replaceAll("%2F", "/")
    .replaceAll(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

let lastTime = { second: -1, text: "" };

/** `20261127T095645Z` */
function timeText(at: number): string {
  const second = Math.floor(at / 1_000);
  if (second !== lastTime.second) {
    const iso = new Date(second * 1_000).toISOString();
    lastTime = { second, text: iso.replace(/\.\d+/, "").replaceAll(/[-:]/g, "") };
  }
  return lastTime.text;
}
