/**
 * Calls of SendEmail without the SDK's machinery for each: a sixth of its processor time. All that is decided is still the SDK's: region,
 * endpoint, signing scope, credentials and their renewal, the clock's offset, and what an answer means.
 */
import type { SESv2Client } from "@aws-sdk/client-sesv2";
import type { Departing, Errand, Handler, Message, Response, Server } from "../http-handler.ts";
import type { Deadline } from "../../time/time-limit.ts";
import type { AnswerReader } from "./answer.ts";
import type { BodyWriter, Letter } from "./body.ts";
import { type Keys, Signer } from "./sign.ts";
import { type Target, targetOf } from "./target.ts";

/** Credentials that end so soon are asked for again, as the SDK does. */
const RENEWED_BEFORE_MS = 300_000;

/** What a wire works with. */
export interface WireParts {
  handler: Handler;
  answers: AnswerReader;
  bodies: BodyWriter;
}

/** What a call is made with. */
export interface Call {
  departing: Departing;
  deadline: Deadline;
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
  readonly #bodies: BodyWriter;
  readonly #server: Server;
  readonly #path: string;
  readonly #correctsClock: boolean;
  readonly #signer: Signer;
  #keys: (Keys & { expiration?: Date | undefined }) | null = null;
  /** When the clock of SES was looked at last. */
  #askedAt = -Infinity;

  constructor(client: SESv2Client, { handler, answers, bodies }: WireParts, target: Target) {
    this.#client = client;
    this.#handler = handler;
    this.#answers = answers;
    this.#bodies = bodies;
    const { protocol, hostname, port, path, correctsClock } = target;
    this.#server = { protocol, hostname, ...(port !== undefined && { port }) };
    this.#path = path;
    this.#correctsClock = correctsClock;
    this.#signer = new Signer(target);
  }

  /** True: a call needs to wait for nothing before its request is made. */
  get isReady(): boolean {
    return this.#validKeys() !== null;
  }

  /**
   * Makes one call. Resolves to the message id, which may be missing or no text. Rejects as the call of the SDK would: with its error for
   * an answer that is no good one, or with that of the network. Of the deadline it takes notice once it has credentials.
   */
  async send(letter: Letter, { departing, deadline }: Call): Promise<unknown> {
    const keys = this.#validKeys() ?? (await this.#fetchKeys());
    deadline.throwIfOver();
    const signedMs = this.#correctsClock ? this.#client.config.systemClockOffset : 0;
    const sign = (body: Buffer): Message => {
      const headers = this.#signer.headers(body, keys, Date.now() + signedMs);
      // Nothing is spread here: V8 makes an object with more than what is spread in the old space, and takes a microsecond for it.
      return { method: "POST", path: this.#path, headers, body };
    };
    const exchange = this.#handler.exchange(this.#server, new Carried(letter, departing, this.#bodies, sign));
    deadline.watch(exchange.cancel);
    const response = await exchange.answer;
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

/** One request. The buffer of its body serves others as soon as it has left; if it never leaves whole, nobody uses it again. */
class Carried implements Errand {
  readonly #letter: Letter;
  readonly #departing: Departing;
  readonly #bodies: BodyWriter;
  readonly #sign: (body: Buffer) => Message;
  #body: Buffer | null = null;

  constructor(letter: Letter, departing: Departing, bodies: BodyWriter, sign: (body: Buffer) => Message) {
    this.#letter = letter;
    this.#departing = departing;
    this.#bodies = bodies;
    this.#sign = sign;
  }

  message(): Message {
    this.#body = this.#bodies.write(this.#letter);
    return this.#sign(this.#body);
  }

  mayLeave(): boolean {
    return this.#departing.mayLeave();
  }

  onLeaving(): void {
    this.#departing.onLeaving();
  }

  onDeparted(): void {
    if (this.#body !== null) this.#bodies.release(this.#body);
    this.#body = null;
    this.#departing.onDeparted();
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
