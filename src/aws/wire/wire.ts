/**
 * Calls of SendEmail without the SDK's machinery for each: a sixth of its processor time. All that is decided is still the SDK's: region,
 * endpoint, signing scope, credentials and their renewal, the clock's offset, and what an answer means.
 */
import type { SESv2Client } from "@aws-sdk/client-sesv2";
import type { Departing, Handler, Request, Response } from "../http-handler.ts";
import type { Deadline } from "../../time/time-limit.ts";
import type { AnswerReader } from "./answer.ts";
import type { Body } from "./body.ts";
import { type Keys, Signer } from "./sign.ts";
import { type Target, targetOf } from "./target.ts";

/** Credentials that end so soon are asked for again, as the SDK does. */
const RENEWED_BEFORE_MS = 300_000;

/** What a wire works with. */
export interface WireParts {
  handler: Handler;
  answers: AnswerReader;
}

/**
 * The wire of `client`. Null: its requests are signed in a way that only the SDK knows. Rejects as a call would that cannot be made.
 */
export async function wireOf(client: SESv2Client, parts: WireParts): Promise<OwnWire | null> {
  const target = await targetOf(client);
  return target && new OwnWire(client, parts, target);
}

/** Makes the calls of one client. */
export class OwnWire {
  readonly #client: SESv2Client;
  readonly #handler: Handler;
  readonly #answers: AnswerReader;
  readonly #place: Pick<Request, "protocol" | "hostname" | "port" | "method" | "path">;
  readonly #correctsClock: boolean;
  readonly #signer: Signer;
  #keys: (Keys & { expiration?: Date | undefined }) | null = null;
  /** When the clock of SES was looked at last. */
  #askedAt = -Infinity;

  constructor(client: SESv2Client, { handler, answers }: WireParts, target: Target) {
    this.#client = client;
    this.#handler = handler;
    this.#answers = answers;
    const { protocol, hostname, port, path, correctsClock } = target;
    this.#place = { protocol, hostname, ...(port !== undefined && { port }), method: "POST", path };
    this.#correctsClock = correctsClock;
    this.#signer = new Signer(target);
  }

  /**
   * Makes one call with this body. Resolves to the message id, which may be missing or no text. Rejects as the call of the SDK would: with
   * its error for an answer that is no good one, or with that of the network.
   */
  async send(body: Body, departing: Departing, deadline: Deadline): Promise<unknown> {
    const keys = this.#validKeys() ?? (await this.#fetchKeys());
    deadline.throwIfOver();
    const signedMs = this.#correctsClock ? this.#client.config.systemClockOffset : 0;
    const headers = this.#signer.headers(body.bytes, keys, Date.now() + signedMs);
    const wasRead = body.isRead;
    body.isRead = true;
    const exchange = this.#handler.exchange({ ...this.#place, headers, body: body.bytes }, departing);
    deadline.watch(exchange.cancel);
    const { response, isFinished } = await exchange.answer;
    // An answer may come before all of the request is written, as that to a request that is too large.
    body.isRead = wasRead || !isFinished;
    const clock = { signedMs, told: (ms: number) => this.#setOffset(ms) };
    if (response.statusCode !== 200) return this.#answers.messageId(response, clock);
    this.#noteDate(response);
    return messageIdIn(response) ?? this.#answers.messageId(response, clock);
  }

  #validKeys(): Keys | null {
    const expiresAt = this.#keys?.expiration?.getTime() ?? Infinity;
    return expiresAt - Date.now() > RENEWED_BEFORE_MS ? this.#keys : null;
  }

  async #fetchKeys(): Promise<Keys> {
    // The SDK keeps them, too, and asks for new ones by the same rule.
    const keys = await this.#client.config.credentials();
    if (this.#keys?.accessKeyId !== keys.accessKeyId || this.#keys.sessionToken !== keys.sessionToken)
      this.#keys = keys;
    return this.#keys ?? keys;
  }

  /** Once a second, because dates have no more of it. An answer from a cache is as old as it says, and tells nothing. */
  #noteDate(response: Response): void {
    const now = Date.now();
    if (now >= this.#askedAt && now < this.#askedAt + 1_000) return;
    this.#askedAt = now;
    const { date, age } = response.headers;
    const at = date === undefined || age !== undefined ? Number.NaN : Date.parse(date);
    if (!Number.isNaN(at)) this.#setOffset(at - now);
  }

  #setOffset(ms: number): void {
    if (this.#correctsClock) this.#client.config.systemClockOffset = ms;
  }
}

/** Undefined: the answer is not what SES writes when all is well. */
function messageIdIn({ body }: Response): string | undefined {
  try {
    const { MessageId: id } = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString()) as {
      MessageId?: unknown;
    };
    return typeof id === "string" ? id : undefined;
  } catch {
    return undefined;
  }
}
