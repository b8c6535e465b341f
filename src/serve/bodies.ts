/**
 * Reads the bodies of requests. Each has a limit, and so has what all of them hold together: strangers share a little, and
 * callers with a key share what the machine can spare, so that strangers never keep callers out.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Readable } from "node:stream";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { Refusal } from "./errors.ts";

/** What bodies may hold together, and how long they may take. */
export interface BodyLimits {
  /** Bytes of all bodies from strangers: hundreds of SNS messages of the usual size, or a dozen of the largest. */
  strangersBytes: number;
  /** Bytes of all bodies from callers with a key: four of the largest. */
  callersBytes: number;
  /** A stranger's body that is not here by then is refused, ms. All bodies end with the request (`Timeouts`). */
  strangersMs: number;
  /** When there is no room, the body that has been on its way for longest is given up for it, if that is longer than this, ms. */
  patienceMs: number;
}

/** Sums that fit into a machine with 512 MB. */
export const BODY_LIMITS: BodyLimits = {
  strangersBytes: 4 * 1024 * 1024,
  callersBytes: 64 * 1024 * 1024,
  strangersMs: 10_000,
  patienceMs: 1_000,
};

declare module "fastify" {
  interface FastifyInstance {
    bodies: Bodies;
  }
}

/** Reads bodies within the limits. */
interface Bodies {
  /**
   * The whole body. Rejects with Refusal: 413 when it is larger than the route takes, 503 when all bodies together would be
   * too large, 408 when it comes too slowly, 400 when it is not as long as was said. Its bytes count until the answer is
   * sent or the connection has ended.
   */
  read(request: FastifyRequest, payload: Readable): Promise<Buffer>;
}

/** A body that is here or on its way. */
interface Body {
  since: number;
  bytes: number;
  /** Gives the body up; null: it is here. */
  giveUp: ((reason: Refusal) => void) | null;
}

/** What bodies hold together. */
class Pool {
  readonly #most: number;
  readonly #patienceMs: number;
  /** In the order in which they began. */
  readonly #bodies = new Set<Body>();
  #bytes = 0;

  constructor(most: number, patienceMs: number) {
    this.#most = most;
    this.#patienceMs = patienceMs;
  }

  open(giveUp: Body["giveUp"]): Body {
    const body = { since: performance.now(), bytes: 0, giveUp };
    this.#bodies.add(body);
    return body;
  }

  /** Adds bytes to a body. False: there is no room for them. */
  grow(body: Body, bytes: number): boolean {
    while (this.#bytes + bytes > this.#most) {
      const slowest = this.#slowest(body);
      if (slowest === undefined) return false;
      this.close(slowest);
      slowest.giveUp?.(noRoom());
    }
    body.bytes += bytes;
    this.#bytes += bytes;
    return true;
  }

  /** Forgets a body. May be called again. */
  close(body: Body): void {
    if (this.#bodies.delete(body)) this.#bytes -= body.bytes;
  }

  #slowest(but: Body): Body | undefined {
    const before = performance.now() - this.#patienceMs;
    for (const body of this.#bodies) {
      if (body.since > before) return undefined;
      if (body.giveUp !== null && body !== but) return body;
    }
    return undefined;
  }
}

function noRoom(): Refusal {
  return new Refusal(503, "too much is being received at once: try again");
}

/** Makes the server read bodies within these limits, and leave unread what it answers without. */
export function limitBodies(app: FastifyInstance, limits: BodyLimits): void {
  const strangers = new Pool(limits.strangersBytes, limits.patienceMs);
  const callers = new Pool(limits.callersBytes, limits.patienceMs);
  const proceed = continueWhenRead(app);
  app.decorate("bodies", {
    read(request, payload) {
      proceed(request.raw);
      return request.caller
        ? read(request, payload, callers, null)
        : read(request, payload, strangers, limits.strangersMs);
    },
  });
  closeUnread(app);
}

function read(request: FastifyRequest, payload: Readable, pool: Pool, withinMs: number | null): Promise<Buffer> {
  const said = request.headers["content-length"];
  const { bodyLimit } = request.routeOptions;
  if (said !== undefined && Number(said) > bodyLimit) return Promise.reject(tooLarge());
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const end = (refusal: Error | null) => {
      if (body.giveUp === null) return;
      body.giveUp = null;
      clearTimeout(timer);
      payload.off("data", take).off("end", done).off("error", end).off("close", gone);
      if (refusal === null) return resolve(Buffer.concat(chunks, body.bytes));
      pool.close(body);
      // What still comes is thrown away until the connection ends.
      payload.on("error", () => undefined).resume();
      reject(refusal);
    };
    const body = pool.open(end);
    const take = (chunk: Buffer) => {
      if (body.bytes + chunk.length > bodyLimit) end(tooLarge());
      else if (!pool.grow(body, chunk.length)) end(noRoom());
      else chunks.push(chunk);
    };
    const done = () => {
      const isWhole = said === undefined || Number(said) === body.bytes;
      end(isWhole ? null : new Refusal(400, "the body is not as long as its content-length says"));
    };
    const gone = () => end(new Refusal(400, "the connection ended before the body"));
    const timer = withinMs === null ? undefined : setTimeout(() => end(tooSlow()), withinMs);
    payload.on("data", take).on("end", done).on("error", end).on("close", gone).resume();
    whenAnswered(request, () => pool.close(body));
  });
}

function tooLarge(): Refusal {
  return new Refusal(413, "the body is larger than this route takes");
}

function tooSlow(): Refusal {
  return new Refusal(408, "the body came too slowly");
}

// Answers ------------------------------------------------------------------------------------------------------------

const answered = Symbol("called when the answer is sent or cannot be sent any more");

declare module "fastify" {
  interface FastifyRequest {
    [answered]: (() => void)[] | null;
  }
}

function whenAnswered(request: FastifyRequest, call: () => void): void {
  (request[answered] ??= []).push(call);
}

/** A body of this many bytes is received and thrown away, so that the connection can be used again. */
const WORTH_RECEIVING = 65_536;
/** A client that is still sending gets so long to read its answer, and may send so many bytes meanwhile. */
const LINGER_MS = 2_000;
const LINGER_BYTES = 1024 * 1024;
const LINGER_LOOK_MS = 100;

/**
 * An answer that comes before the body, because there is no such path, no right key or no room, ends the connection when the
 * body is long. It does not end it at once: the answer would be lost with it.
 */
function closeUnread(app: FastifyInstance): void {
  app.decorateRequest(answered, null);
  app.addHook("onRequest", async (request, reply) => {
    reply.raw.once("close", () => release(request));
  });
  app.addHook("onResponse", async (request) => release(request));
  app.addHook("onSend", async ({ raw }, reply) => {
    if (raw.complete || !isWorthClosing(raw, reply.statusCode)) return;
    reply.header("connection", "close");
    linger(raw);
  });
}

function release(request: FastifyRequest): void {
  for (const call of request[answered] ?? []) call();
  request[answered] = null;
}

function isWorthClosing({ headers }: IncomingMessage, status: number): boolean {
  const length = headers["content-length"];
  if (headers["transfer-encoding"] !== undefined) return true;
  return Number(length ?? 0) > WORTH_RECEIVING || (length !== undefined && ENDING.has(status));
}

/** With these answers the client has taken too much or too long already. */
const ENDING = new Set([408, 413, 503]);

/** Lets the connection end a moment after its answer instead of at once, which is what Node does. */
function linger({ socket }: IncomingMessage): void {
  if (typeof socket.destroySoon !== "function") return;
  socket.destroySoon = () => {
    socket.end();
    const from = socket.bytesRead;
    const until = performance.now() + LINGER_MS;
    const timer = setInterval(() => {
      if (performance.now() > until || socket.bytesRead - from > LINGER_BYTES) socket.destroy();
    }, LINGER_LOOK_MS);
    socket.once("close", () => clearInterval(timer));
  };
}

/** Tells a client that asks (`Expect: 100-continue`) to send its body only when somebody wants to read it. */
function continueWhenRead(app: FastifyInstance): (raw: IncomingMessage) => void {
  const asking = new WeakMap<IncomingMessage, ServerResponse>();
  app.server.on("checkContinue", (raw: IncomingMessage, response: ServerResponse) => {
    asking.set(raw, response);
    app.server.emit("request", raw, response);
  });
  return (raw) => {
    asking.get(raw)?.writeContinue();
    asking.delete(raw);
  };
}
