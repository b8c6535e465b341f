/**
 * The HTTP of the AWS clients. It differs from the SDK's own in three things that decide what becomes of a mail: an answer is
 * handed on only when its last byte is there, so a time limit covers all of it; a request is written only when its connection
 * stands, and may be kept back until then; and it is known for sure whether anything was written.
 */
import { type ClientRequest, type IncomingMessage, request as httpRequest, type RequestOptions } from "node:http";
import { request as httpsRequest } from "node:https";
import { withinLimit } from "../time/time-limit.ts";
import { createReadyAgents, type ReadyAgents, type ReadyOptions } from "./ready-agent.ts";

/**
 * Bytes of an answer. That of SendEmail has a hundred, a page of 1,000 suppressed addresses some 200 KB, and ten messages of SQS
 * have 1 MB, which JSON may make several times as long (SQS quotas, batched message size).
 */
const MOST_BYTES = 8 * 1024 * 1024;

/** What a call wants to know of its request. */
export interface Departing {
  /** Asked when the request is ready and its connection stands. False: it is not written, and the call rejects with `WithheldError`. */
  mayLeave: () => boolean;
  /** Called right before the first byte is written: from now on the request may have arrived. */
  onLeaving: () => void;
  /** Called when the request has been handed to the operating system. */
  onDeparted: () => void;
}

/** The request was not written, because the call was no longer allowed to leave. */
export class WithheldError extends Error {
  override name = "WithheldError";
}

/** A stack would take longer to write than a call that is withheld takes. */
const WITHHELD = new WithheldError();

/** The endpoint that somebody configured is none. */
class EndpointError extends Error {
  override name = "EndpointError";
}

/** A request as the SDK hands it over (HttpRequest of @smithy/types). */
export interface Request {
  protocol: string;
  hostname: string;
  port?: number;
  method: string;
  path: string;
  query?: Record<string, string | string[] | null>;
  /** By name, or names and values in turn, which is faster. */
  headers: Record<string, string> | readonly string[];
  body?: string | Uint8Array;
}

/** An answer as the SDK takes it. */
export interface Response {
  statusCode: number;
  reason: string;
  /** Made when they are asked for. Names in lower case. */
  readonly headers: Record<string, string>;
  body: Uint8Array;
}

/** A request handler for the configuration of an AWS client. */
export interface Handler {
  /** Rejects when no whole answer comes; with the reason of `abortSignal`, which must be one of Node's, when that aborts. */
  handle(request: Request, options?: { abortSignal?: object }): Promise<{ response: Response }>;
  /** The same for a request that is not the SDK's. */
  exchange(request: Request, departing: Departing): Exchange;
  destroy(): void;
  /** Part of the SDK's contract; there is nothing to configure. */
  updateHttpClientConfig(): void;
  httpHandlerConfigs(): Record<string, never>;
  metadata: { handlerProtocol: string };
}

/** What became of a request that was answered. */
export interface Exchanged {
  response: Response;
  /** The operating system has all of the request, and nobody reads its body any more. */
  isFinished: boolean;
}

/** A request on its way. */
interface Exchange {
  /** Rejects when no whole answer comes. */
  answer: Promise<Exchanged>;
  /** Ends it, unless it is over: `answer` rejects with `reason`. */
  cancel(reason: unknown): void;
}

const departings = new WeakMap<object, Departing>();

/** Makes the handler tell `departing` what becomes of this request of the SDK. */
export function watchRequest(request: object, departing: Departing): void {
  departings.set(request, departing);
}

/** What a handler keeps to. */
interface HandlerOptions {
  /** Connections in use at once. */
  maxSockets: number;
  /** Milliseconds for each exchange, from the look-up of the name to the last byte. Not set: the caller has its own limit. */
  exchangeMs?: number;
}

/** Makes a handler. A connection has to stand within 5 s. */
export function createHandler({ maxSockets, exchangeMs }: HandlerOptions): Handler {
  const agents = createReadyAgents(maxSockets);
  const exchange = (request: Request, departing: Departing | undefined) => new OneExchange(request, agents, departing);
  const within = async (request: Request, signal: AbortSignal | undefined) => {
    if (signal?.aborted) throw signal.reason as Error;
    const { answer, cancel } = exchange(request, departings.get(request));
    const abort = () => cancel(signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      return await answer;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  };
  return {
    metadata: { handlerProtocol: "http/1.1" },
    updateHttpClientConfig: () => undefined,
    httpHandlerConfigs: () => ({}),
    destroy: () => agents.destroy(),
    handle(request, { abortSignal } = {}) {
      const signal = abortSignal as AbortSignal | undefined;
      if (exchangeMs === undefined) return within(request, signal);
      const limits = { ms: exchangeMs, ...(signal && { signal }) };
      return withinLimit(limits, (limited) => within(request, limited));
    },
    exchange,
  };
}

/** One request and its answer. */
class OneExchange implements Exchange {
  readonly answer: Promise<Exchanged>;
  readonly #departing: Departing | undefined;
  readonly #body: Request["body"];
  #resolve: (exchanged: Exchanged) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;
  #sent: ClientRequest | null = null;
  #isWhole = false;

  constructor(request: Request, agents: ReadyAgents, departing: Departing | undefined) {
    this.#departing = departing;
    this.#body = request.body;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    try {
      this.#begin(request, agents);
    } catch (error) {
      this.#reject(error);
    }
  }

  readonly cancel = (reason: unknown): void => {
    this.#reject(reason);
    this.#sent?.destroy(reason as Error);
  };

  #begin(request: Request, agents: ReadyAgents): void {
    const isTls = request.protocol === "https:";
    if (!isTls && request.protocol !== "http:") throw new EndpointError(`the endpoint is no http or https URL`);
    if (!this.#mayLeave()) throw WITHHELD;
    const options: RequestOptions & ReadyOptions = addressOf(request);
    options.headers = request.headers;
    options.agent = isTls ? agents.https : agents.http;
    options.refusal = () => (this.#mayLeave() ? null : WITHHELD);
    const sent = isTls ? httpsRequest(options) : httpRequest(options);
    this.#sent = sent;
    // Node is still busy with giving it the connection, and would finish the request a second time.
    sent.on("socket", () => queueMicrotask(() => this.#leave(sent)));
    if (this.#departing) sent.on("finish", this.#departing.onDeparted);
    sent.on("error", this.#reject);
    // An error is dear to make, and most requests close because all is well.
    sent.on("close", () => void (this.#isWhole || this.#reject(lost())));
    sent.on("response", (answer) => this.#read(answer, sent));
  }

  #mayLeave(): boolean {
    return this.#departing === undefined || this.#departing.mayLeave();
  }

  #leave(sent: ClientRequest): void {
    if (sent.destroyed) return;
    if (!this.#mayLeave()) return void sent.destroy(WITHHELD);
    this.#departing?.onLeaving();
    sent.end(this.#body);
  }

  #read(answer: IncomingMessage, sent: ClientRequest): void {
    const chunks: Buffer[] = [];
    let bytes = 0;
    answer.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= MOST_BYTES) return void chunks.push(chunk);
      this.#reject(new Error(`the answer is longer than ${MOST_BYTES} bytes`));
      answer.destroy();
    });
    answer.on("error", this.#reject);
    answer.on("aborted", () => this.#reject(lost()));
    answer.on("end", () => {
      this.#isWhole = true;
      this.#resolve({ response: new Answer(answer, chunks), isFinished: sent.writableFinished });
    });
  }
}

class Answer implements Response {
  readonly statusCode: number;
  readonly reason: string;
  readonly body: Uint8Array;
  readonly #message: IncomingMessage;

  constructor(message: IncomingMessage, chunks: readonly Buffer[]) {
    this.#message = message;
    this.statusCode = message.statusCode ?? -1;
    this.reason = message.statusMessage ?? "";
    this.body = chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
  }

  get headers(): Record<string, string> {
    return headersOf(this.#message);
  }
}

function lost(): Error {
  return Object.assign(new Error("the connection was closed before the answer was there"), { code: "ECONNRESET" });
}

function headersOf({ headers }: IncomingMessage): Record<string, string> {
  const flat = Object.create(null) as Record<string, string>;
  for (const [name, value] of Object.entries(headers))
    flat[name] = Array.isArray(value) ? value.join(", ") : (value ?? "");
  return flat;
}

function addressOf({ hostname, port, method, path, query }: Request): RequestOptions {
  const host = hostname.startsWith("[") && hostname.endsWith("]") ? hostname.slice(1, -1) : hostname;
  const options: RequestOptions = { host, method, path: query === undefined ? path : path + queryText(query) };
  if (port !== undefined) options.port = port;
  return options;
}

function queryText(query: NonNullable<Request["query"]>): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((one) =>
      one === null ? encode(name) : `${encode(name)}=${encode(one)}`,
    ),
  );
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}

/** As the signature has it: RFC 3986 reserves these, too. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}
