/** The way to SES: a client of the SDK with its credentials, and calls of SendEmail that are made without its machinery. */
import { SendEmailCommand, SESv2Client, type SESv2ClientConfig } from "@aws-sdk/client-sesv2";
import { wholeMail } from "../message.ts";
import { reportDepartures, watchDeparture } from "./departure.ts";
import { createHandler, type Handler } from "./http-handler.ts";
import { inputOf, useOwnBodies } from "./request-body.ts";
import { type AnswerReader, createAnswerReader } from "./wire/answer.ts";
import { BodyWriter, type Letter } from "./wire/body.ts";
import { type Call, OwnWire, wireOf } from "./wire/wire.ts";

/** Which SES a line leads to. */
export interface LineOptions {
  /** Undefined leaves it to the SDK's own chain. */
  region: string | undefined;
  /** The URL of the sandbox. Undefined leaves it to the SDK's own chain (AWS_ENDPOINT_URL_SESV2, profile, …). */
  endpoint: string | undefined;
  /** Fixed credentials for the sandbox. Undefined leaves them to the SDK's own chain. */
  credentials: { accessKeyId: string; secretAccessKey: string } | undefined;
  /** The most calls in flight. */
  concurrency: number;
  /** `sdk`: the SDK makes the calls of SendEmail, too. It takes six times as long, and is there to compare with. Default: `own`. */
  wire?: "own" | "sdk";
  /** The multi-region endpoint that mails go through. Its signatures are the SDK's alone. Not set: that of the region. */
  endpointId?: string;
}

/** A client and what follows from its settings. */
export class Line {
  readonly client: SESv2Client;
  readonly #options: LineOptions;
  readonly #handler: Handler;
  readonly #bodies: BodyWriter;
  readonly #answers: AnswerReader;
  /** Null: not asked for yet, or it could not be made. */
  #wire: OwnWire | Promise<OwnWire | null> | null = null;

  /** Makes a client. No call is made before the first use. `before`: the line that this one follows. */
  constructor(options: LineOptions, before: Line | null = null) {
    this.#options = options;
    // A little more than the calls in flight, so that no call waits in a queue we do not see: the rate would be kept there
    // instead of at SES.
    this.#handler = createHandler({ maxSockets: options.concurrency + 2 });
    this.client = createClient(options, this.#handler, { rereadFiles: before !== null });
    this.#bodies = before === null ? new BodyWriter() : before.#bodies;
    this.#answers = before === null ? createAnswerReader() : before.#answers;
    if (before !== null) this.client.config.systemClockOffset = before.client.config.systemClockOffset;
  }

  /** A new line whose credentials are read anew. Calls under way keep the old one. */
  renewed(): Line {
    return new Line(this.#options, this);
  }

  /**
   * Sends a letter with one request. Resolves to the id in the answer, if there is one; rejects with an error of the SDK or of the network,
   * or when the time is over.
   */
  send(letter: Letter, call: Call): Promise<unknown> {
    if (!this.#isCarried(letter)) return call.deadline.limit(this.#sendBySdk(letter, call));
    const wire = this.#wire;
    // In the same step as the mail was made: the next one finds memory that this one has left.
    if (wire instanceof OwnWire && wire.isReady) return wire.send(letter, call);
    return call.deadline.limit(this.#sendWhenReady(letter, call));
  }

  /** A mail with files is rare, and the SDK's way is as fast for it. */
  #isCarried({ mail }: Letter): boolean {
    const { wire, endpointId } = this.#options;
    return wire !== "sdk" && endpointId === undefined && mail.attachments.length === 0;
  }

  async #sendWhenReady(letter: Letter, call: Call): Promise<unknown> {
    const wire = await this.#ownWire();
    return wire === null ? this.#sendBySdk(letter, call) : wire.send(letter, call);
  }

  async #sendBySdk({ mail, tags }: Letter, { departing, deadline }: Call): Promise<unknown> {
    deadline.throwIfOver();
    const ending = new AbortController();
    deadline.watch((error) => ending.abort(error));
    const input = inputOf(wholeMail(mail), tags, this.#options.endpointId);
    if (input.EndpointId !== undefined) await import("@aws-sdk/signature-v4a");
    watchDeparture(input, departing);
    const answer = await this.client.send(new SendEmailCommand(input), { abortSignal: ending.signal });
    return answer.MessageId;
  }

  /** Null: the requests of this client are signed in a way that only the SDK knows. */
  async #ownWire(): Promise<OwnWire | null> {
    this.#wire ??= wireOf(this.client, {
      handler: this.#handler,
      answers: this.#answers,
      bodies: this.#bodies,
    });
    try {
      const wire = await this.#wire;
      if (wire !== null) this.#wire = wire;
      return wire;
    } catch (error) {
      // Credentials may come later.
      this.#wire = null;
      throw error;
    }
  }
}

function createClient(options: LineOptions, requestHandler: Handler, { rereadFiles = false } = {}): SESv2Client {
  const config: SESv2ClientConfig = {
    // The SDK's own retries would send a second copy when an answer was lost. We decide ourselves when to try again.
    maxAttempts: 1,
    requestHandler,
  };
  if (options.region) config.region = options.region;
  if (options.endpoint) config.endpoint = options.endpoint;
  if (options.credentials) config.credentials = options.credentials;
  // The SDK reads the shared credentials file once in the life of a process, so renewed keys would never be seen.
  // `ignoreCache` is not in the type of the options, but the SDK passes it on to its credential providers and their
  // file reader (@smithy/core, config).
  const client = new SESv2Client({ ...config, ...(rereadFiles && { ignoreCache: true }) });
  useOwnBodies(client);
  reportDepartures(client);
  return client;
}
