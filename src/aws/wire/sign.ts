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

const ALGORITHM = "AWS4-HMAC-SHA256";

/** Signs the requests of one target. */
export class Signer {
  readonly #target: Target;
  /** The canonical request up to the headers. */
  readonly #start: string;
  /** Its last lines but the hash of the body: the names of the headers. */
  readonly #names: string;
  /** Of the signed headers, by name: the line, or null for one that each request has for itself. */
  readonly #lines: readonly (readonly [name: string, line: string | null])[];
  readonly #namesWithToken: string;
  #key: { keys: Keys; day: string; bytes: Buffer; scope: string } | null = null;

  constructor(target: Target) {
    this.#target = target;
    this.#start = `POST\n${encodedPath(target.path)}\n\n`;
    const withToken = [...target.signed, "x-amz-security-token"].sort();
    this.#lines = withToken.map((name) => [name, lineOf(name, target.headers)] as const);
    this.#names = target.signed.join(";");
    this.#namesWithToken = withToken.join(";");
  }

  /**
   * All headers of a request with this body, signed. `at`: the instant for SES, ms since the epoch.
   */
  headers(body: Uint8Array, keys: Keys, at: number): Record<string, string> {
    const { sessionToken } = keys;
    const time = timeText(at);
    const digest = hash("sha256", body, "hex");
    const own: Record<string, string> = {
      "content-length": String(body.byteLength),
      "x-amz-date": time,
      "x-amz-content-sha256": digest,
      ...(sessionToken && { "x-amz-security-token": sessionToken }),
    };
    const names = sessionToken ? this.#namesWithToken : this.#names;
    const canonical = `${this.#start}${this.#canonicalHeaders(own)}\n${names}\n${digest}`;
    const { bytes, scope } = this.#keyFor(keys, time.slice(0, 8));
    const text = `${ALGORITHM}\n${time}\n${scope}\n${hash("sha256", canonical, "hex")}`;
    const signature = createHmac("sha256", bytes).update(text).digest("hex");
    const authorization = `${ALGORITHM} Credential=${keys.accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
    return { ...this.#target.headers, ...own, authorization };
  }

  #canonicalHeaders(own: Record<string, string>): string {
    let lines = "";
    for (const [name, line] of this.#lines) {
      if (line !== null) lines += line;
      else if (own[name] !== undefined) lines += `${name}:${own[name]}\n`;
    }
    return lines;
  }

  #keyFor(keys: Keys, day: string): { bytes: Buffer; scope: string } {
    const kept = this.#key;
    if (kept !== null && kept.day === day && kept.keys.secretAccessKey === keys.secretAccessKey) return kept;
    const { region, service } = this.#target;
    const sign = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();
    const steps = [day, region, service, "aws4_request"];
    const bytes = steps.reduce<string | Buffer>(sign, `AWS4${keys.secretAccessKey}`) as Buffer;
    this.#key = { keys, day, bytes, scope: steps.join("/") };
    return this.#key;
  }
}

/** Null: each request has it for itself. White space within a value counts once. */
function lineOf(name: string, headers: Target["headers"]): string | null {
  const value = headers[name];
  return value === undefined ? null : `${name}:${value.trim().replaceAll(/\s+/g, " ")}\n`;
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
