/**
 * The HTTP of the AWS clients. It differs from the SDK's own in three things that decide what becomes of a mail: an answer is
 * handed on only when its last byte is there, so a time limit covers all of it; a request is written only when its connection
 * stands, and may be kept back until then; and it is known for sure whether anything was written.
 */
import type { IncomingHttpHeaders } from "node:http";
import type { Dispatcher } from "undici";
import { withinLimit } from "../time/time-limit.ts";
import { type Connection, Connections } from "./connections.ts";

/**
 * Bytes of an answer. That of SendEmail has a hundred, a page of 1,000 suppressed addresses some 200 KB, and ten messages of SQS
 * have 1 MB, which JSON may make several times as long (SQS quotas, batched message size).
 */
const MOST_BYTES = 8 * 1024 * 1024;

/** The status of an answer to a request that is not read to its end (RFC 9110, 15.5.14). */
const TOO_LARGE = 413;

/** The status of an answer after which the server speaks something else than HTTP. Nobody asks for it here. */
const SWITCHING = 101;

/** What a call wants to know of its request. */
export interface Departing {
  /** Asked when the request is ready and its connection stands. False: it is not written, and the call rejects with `WithheldError`. */
  mayLeave(): boolean;
  /** Called right before the first byte is written: from now on the request may have arrived. */
  onLeaving(): void;
  /** Called when the request has been handed to the operating system: nobody reads its body any more. */
  onDeparted(): void;
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

/** A request that nobody could send, as with a line break in a header. */
class RequestError extends Error {
  override name = "RequestError";
}

/** What follows is no HTTP, so no answer can come any more. */
class ProtocolError extends Error {
  override name = "ProtocolError";
}

/** Where a request goes. */
export interface Server {
  protocol: string;
  hostname: string;
  port?: number;
}

/** What is sent to a server. */
export interface Message {
  method: string;
  path: string;
  query?: Record<string, string | string[] | null>;
  /** By name, or names and values in turn, which is faster. */
  headers: Record<string, string> | readonly string[];
  body?: string | Uint8Array;
}

/** A request as the SDK hands it over (HttpRequest of @smithy/types). */
interface Request extends Server, Message {}

/** A request that is made when its connection stands, so that none waits for one with a body in its hands. */
export interface Errand extends Departing {
  /** Called at most once. */
  message(): Message;
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
  /** The same for a request that is not the SDK's. @throws EndpointError and TypeError for what is no address of a server. */
  exchange(server: Server, errand: Errand): Exchange;
  destroy(): void;
  /** Part of the SDK's contract; there is nothing to configure. */
  updateHttpClientConfig(): void;
  httpHandlerConfigs(): Record<string, never>;
  metadata: { handlerProtocol: string };
}

/** A request on its way. */
interface Exchange {
  /** Rejects when no whole answer comes. */
  answer: Promise<Response>;
  /** Ends it, unless it is over: `answer` rejects with `reason`. */
  cancel(reason: unknown): void;
}

const departings = new WeakMap<object, Departing>();

/** A request of the SDK, and who wants to know what becomes of it. */
class Prepared implements Errand {
  readonly #request: Request;
  readonly #departing: Departing | undefined;

  constructor(request: Request) {
    this.#request = request;
    this.#departing = departings.get(request);
  }

  message(): Message {
    return this.#request;
  }

  mayLeave(): boolean {
    return this.#departing === undefined || this.#departing.mayLeave();
  }

  onLeaving(): void {
    this.#departing?.onLeaving();
  }

  onDeparted(): void {
    this.#departing?.onDeparted();
  }
}

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
  const servers = new Servers(maxSockets);
  const exchange = (server: Server, errand: Errand) => new OneExchange(servers.of(server), errand);
  const within = async (request: Request, signal: AbortSignal | undefined) => {
    if (signal?.aborted) throw signal.reason as Error;
    const { answer, cancel } = exchange(request, new Prepared(request));
    const abort = () => cancel(signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      return { response: await answer };
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  };
  return {
    metadata: { handlerProtocol: "http/1.1" },
    updateHttpClientConfig: () => undefined,
    httpHandlerConfigs: () => ({}),
    destroy: () => servers.destroy(),
    handle(request, { abortSignal } = {}) {
      const signal = abortSignal as AbortSignal | undefined;
      if (exchangeMs === undefined) return within(request, signal);
      const limits = { ms: exchangeMs, ...(signal && { signal }) };
      return withinLimit(limits, (limited) => within(request, limited));
    },
    exchange,
  };
}

/** The connections to each server that was asked for. Mostly it is the same one. */
class Servers {
  readonly #maxSockets: number;
  readonly #all: { protocol: string; hostname: string; port: number | null; connections: Connections }[] = [];

  constructor(maxSockets: number) {
    this.#maxSockets = maxSockets;
  }

  /** @throws EndpointError and TypeError for what is no address of a server. */
  of({ protocol, hostname, port: given }: Server): Connections {
    const port = given ?? null;
    const known = this.#all.find((one) => one.hostname === hostname && one.port === port && one.protocol === protocol);
    if (known !== undefined) return known.connections;
    if (protocol !== "https:" && protocol !== "http:") throw new EndpointError("the endpoint is no http or https URL");
    const origin = new URL(`${protocol}//${hostname}${port === null ? "" : `:${port}`}`);
    const connections = new Connections(origin, this.#maxSockets);
    this.#all.push({ protocol, hostname, port, connections });
    return connections;
  }

  destroy(): void {
    for (const { connections } of this.#all) connections.destroy();
  }
}

/** One request and its answer. undici calls its methods, from `onRequestStart` on. */
class OneExchange implements Exchange, Dispatcher.DispatchHandler {
  readonly answer: Promise<Response>;
  readonly #errand: Errand;
  readonly #connections: Connections;
  #resolve: (response: Response) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;
  /** Null: none stands yet, or it is given back. */
  #connection: Connection | null = null;
  #controller: Dispatcher.DispatchController | null = null;
  #head: { status: number; reason: string; headers: IncomingHttpHeaders } | null = null;
  #chunks: Buffer[] = [];
  #bytes = 0;
  #isOver = false;

  constructor(connections: Connections, errand: Errand) {
    this.#connections = connections;
    this.#errand = errand;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    if (errand.mayLeave()) connections.take((error, connection) => this.#begin(error, connection));
    else this.#fail(WITHHELD);
  }

  readonly cancel = (reason: unknown): void => {
    this.#fail(reason);
    // This closes the connection. Without a controller nothing is written yet, and nothing will be.
    this.#controller?.abort(reason as Error);
  };

  #fail(error: unknown): void {
    this.#isOver = true;
    this.#reject(error);
  }

  #mayLeave(): boolean {
    return !this.#isOver && this.#errand.mayLeave();
  }

  #begin(error: Error | null, connection: Connection | undefined): void {
    if (connection === undefined) return this.#fail(error);
    try {
      if (!this.#mayLeave()) throw WITHHELD;
      const { method, path, query, headers, body = null } = this.#errand.message();
      const target = query === undefined ? path : path + queryText(query);
      this.#connection = connection;
      connection.client.dispatch({ method, path: target, headers: headers as string[], body }, this);
    } catch (failure) {
      this.#fail(failure);
      this.#connection = null;
      this.#connections.give(connection);
    }
  }

  /** The request is written when this returns. When it throws, it is not, and the connection serves the next one. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    // A client begins again with a request whose connection was lost in some ways. It may have arrived.
    if (this.#controller !== null) throw lost();
    if (!this.#mayLeave()) throw WITHHELD;
    this.#controller = controller;
    this.#errand.onLeaving();
    queueMicrotask(() => this.#tellDeparture());
  }

  #tellDeparture(): void {
    const { socket } = this.#connection ?? {};
    if (socket === undefined || socket.destroyed) return;
    if (socket.writableLength === 0) this.#errand.onDeparted();
    // Called when all that was written before has been handed over.
    else socket.write("", (error) => void (error || this.#errand.onDeparted()));
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: IncomingHttpHeaders,
    reason = "",
  ): void {
    // Others are only hints that come before the answer.
    if (status >= 200) this.#head = { status, reason, headers };
    else if (status === SWITCHING) this.#breakOff(controller, switched());
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes <= MOST_BYTES) return void this.#chunks.push(chunk);
    this.#breakOff(controller, new Error(`the answer is longer than ${MOST_BYTES} bytes`));
  }

  #breakOff(controller: Dispatcher.DispatchController, error: Error): void {
    this.#fail(error);
    controller.abort(lost());
  }

  onResponseEnd(): void {
    this.#giveBack();
    this.#isOver = true;
    this.#resolve(new Answer(this.#head, this.#chunks));
  }

  onResponseError(_: unknown, error: Error & { code?: string }): void {
    this.#giveBack();
    this.#fail(understood(error));
  }

  /** undici closes the connection right after the end of an answer that says so, and it must be given to nobody else then. */
  #giveBack(): void {
    const connection = this.#connection;
    this.#connection = null;
    if (connection === null) return;
    // It need not have read the rest, and may not read what follows either.
    if (this.#head?.status === TOO_LARGE) connection.socket.destroy();
    queueMicrotask(() => this.#connections.give(connection));
  }
}

class Answer implements Response {
  readonly statusCode: number;
  readonly reason: string;
  readonly body: Uint8Array;
  readonly #headers: IncomingHttpHeaders;

  constructor(
    head: { status: number; reason: string; headers: IncomingHttpHeaders } | null,
    chunks: readonly Buffer[],
  ) {
    this.statusCode = head?.status ?? -1;
    this.reason = head?.reason ?? "";
    this.#headers = head?.headers ?? {};
    this.body = chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
  }

  get headers(): Record<string, string> {
    return flat(this.#headers);
  }
}

function lost(): Error {
  return Object.assign(new Error("the connection was closed before the answer was there"), { code: "ECONNRESET" });
}

function switched(): ProtocolError {
  return new ProtocolError("the server wants to speak another protocol (HTTP 101) instead of answering");
}

/** undici's codes for answers that are no good HTTP. */
const BROKEN = new Map([
  ["UND_ERR_HEADERS_OVERFLOW", "its headers are too long"],
  ["UND_ERR_RES_CONTENT_LENGTH_MISMATCH", "its body is not as long as it says"],
]);

/** In the words that Node has for it: those of undici say less about whether the network is at fault. */
function understood(error: Error & { code?: string }): Error {
  if (error.message === "bad upgrade") return switched();
  if (error.code === "UND_ERR_SOCKET" || error.code === "UND_ERR_INFO") return lost();
  // What the request is made of cannot be sent by anybody.
  if (error.code === "UND_ERR_INVALID_ARG") return new RequestError(error.message);
  const text = error.name === "HTTPParserError" ? error.message : BROKEN.get(error.code ?? "");
  if (text !== undefined) return new ProtocolError(`the answer breaks the rules of HTTP: ${text}`);
  return error;
}

function flat(headers: IncomingHttpHeaders): Record<string, string> {
  const all = Object.create(null) as Record<string, string>;
  for (const [name, value] of Object.entries(headers))
    all[name] = Array.isArray(value) ? value.join(", ") : (value ?? "");
  return all;
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
