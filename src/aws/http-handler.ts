/**
 * The HTTP of the AWS clients. It differs from the SDK's own in three things that decide what becomes of a mail: an answer is
 * handed on only when its last byte is there, so a time limit covers all of it; a request is written only when its connection
 * stands, and may be kept back until then; and it is known for sure whether anything was written.
 */
import { type IncomingMessage, request as httpRequest, type RequestOptions } from "node:http";
import { request as httpsRequest } from "node:https";
import { withinLimit } from "../time/time-limit.ts";
import { createReadyAgents, type ReadyOptions } from "./ready-agent.ts";

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
  headers: Record<string, string>;
  body?: string | Uint8Array;
}

/** An answer as the SDK takes it. */
export interface Response {
  statusCode: number;
  reason: string;
  headers: Record<string, string>;
  body: Uint8Array;
}

/** A request handler for the configuration of an AWS client. */
export interface Handler {
  /** Rejects when no whole answer comes; with the reason of `abortSignal`, which must be one of Node's, when that aborts. */
  handle(request: Request, options?: { abortSignal?: object }): Promise<{ response: Response }>;
  /** The same for a request that is not the SDK's. `isFinished`: the operating system has all of it, and nobody reads the body any more. */
  exchange(request: Request, departing: Departing, signal: AbortSignal): Promise<Exchanged>;
  destroy(): void;
  /** Part of the SDK's contract; there is nothing to configure. */
  updateHttpClientConfig(): void;
  httpHandlerConfigs(): Record<string, never>;
  metadata: { handlerProtocol: string };
}

/** What became of a request that was answered. */
interface Exchanged {
  response: Response;
  isFinished: boolean;
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
  return {
    metadata: { handlerProtocol: "http/1.1" },
    updateHttpClientConfig: () => undefined,
    httpHandlerConfigs: () => ({}),
    destroy: () => agents.destroy(),
    handle(request, { abortSignal } = {}) {
      const signal = abortSignal as AbortSignal | undefined;
      const departing = departings.get(request);
      if (exchangeMs === undefined) return exchange(request, { agents, departing, signal });
      const limits = { ms: exchangeMs, ...(signal && { signal }) };
      return withinLimit(limits, (limited) => exchange(request, { agents, departing, signal: limited }));
    },
    exchange: (request, departing, signal) => exchange(request, { agents, departing, signal }),
  };
}

interface With {
  agents: ReturnType<typeof createReadyAgents>;
  departing: Departing | undefined;
  signal: AbortSignal | undefined;
}

async function exchange(request: Request, { agents, departing, signal }: With): Promise<Exchanged> {
  const isTls = request.protocol === "https:";
  if (!isTls && request.protocol !== "http:") throw new EndpointError(`the endpoint is no http or https URL`);
  const mayLeave = () => departing === undefined || departing.mayLeave();
  if (signal?.aborted) throw signal.reason as Error;
  if (!mayLeave()) throw new WithheldError();
  return new Promise((resolve, reject) => {
    const options: RequestOptions & ReadyOptions = {
      ...addressOf(request),
      headers: request.headers,
      agent: isTls ? agents.https : agents.http,
      refusal: () => (mayLeave() ? null : new WithheldError()),
    };
    const sent = (isTls ? httpsRequest : httpRequest)(options);
    const abort = () => sent.destroy(signal?.reason as Error);
    signal?.addEventListener("abort", abort, { once: true });
    const end = () => signal?.removeEventListener("abort", abort);
    const fail = (error: unknown) => {
      end();
      reject(error);
    };
    const leave = () => {
      if (sent.destroyed) return;
      if (!mayLeave()) return void sent.destroy(new WithheldError());
      departing?.onLeaving();
      sent.end(request.body);
    };
    // Node is still busy with giving it the connection, and would finish the request a second time.
    sent.once("socket", () => queueMicrotask(leave));
    if (departing) sent.once("finish", departing.onDeparted);
    sent.on("error", fail);
    let isWhole = false;
    const done = (response: Response) => {
      isWhole = true;
      end();
      resolve({ response, isFinished: sent.writableFinished });
    };
    // An error is dear to make, and most requests close because all is well.
    sent.once("close", () => void (isWhole || fail(lost())));
    sent.once("response", (answer) => readAll(answer, done, fail));
  });
}

function lost(): Error {
  return Object.assign(new Error("the connection was closed before the answer was there"), { code: "ECONNRESET" });
}

function readAll(answer: IncomingMessage, done: (response: Response) => void, fail: (error: unknown) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  answer.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= MOST_BYTES) return void chunks.push(chunk);
    fail(new Error(`the answer is longer than ${MOST_BYTES} bytes`));
    answer.destroy();
  });
  answer.on("error", fail);
  answer.on("aborted", () => fail(lost()));
  answer.on("end", () => {
    const { statusCode = -1, statusMessage: reason = "" } = answer;
    done({
      statusCode,
      reason,
      headers: headersOf(answer),
      body: chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks),
    });
  });
}

function headersOf({ headers }: IncomingMessage): Record<string, string> {
  const flat = Object.create(null) as Record<string, string>;
  for (const [name, value] of Object.entries(headers))
    flat[name] = Array.isArray(value) ? value.join(", ") : (value ?? "");
  return flat;
}

function addressOf({ hostname, port, method, path, query = {} }: Request): RequestOptions {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((one) =>
      one === null ? encode(name) : `${encode(name)}=${encode(one)}`,
    ),
  );
  const host = hostname.startsWith("[") && hostname.endsWith("]") ? hostname.slice(1, -1) : hostname;
  return {
    host,
    ...(port !== undefined && { port }),
    method,
    path: pairs.length === 0 ? path : `${path}?${pairs.join("&")}`,
  };
}

/** As the signature has it: RFC 3986 reserves these, too. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}
