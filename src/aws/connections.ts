/**
 * Connections to one server. A request gets one only when it stands, so that what is written leaves at once; undici's own pool, like Node's
 * agents, takes a request before there is a connection, and then nobody knows whether it may still leave.
 */
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import buildConnector from "undici/lib/core/connect.js";
import symbols from "undici/lib/core/symbols.js";
import Client from "undici/lib/dispatcher/client.js";
import { startLimit } from "../time/time-limit.ts";

/** For looking up the name, the connection and the TLS handshake together. */
const CONNECT_MS = 5_000;
/** A connection that nobody uses for so long is closed, or earlier when the server says that it closes earlier. */
const IDLE_MS = 600_000;

/** Two answers that are none yet (RFC 9110, 15.2.1; RFC 2518, 10.1). */
const CONTINUE = 100;
const PROCESSING = 102;

/** No connection came to stand in time. */
class ConnectTimeoutError extends Error {
  override name = "ConnectTimeoutError";
  readonly code = "ETIMEDOUT";
}

/** A connection that stands. It carries one request at a time. */
export interface Connection {
  client: Client;
  socket: Socket;
}

/** A connection that a client reads answers from. */
type Read = Socket & { [symbols.kParser]?: symbols.Parser | null };

/** Called once: with a connection, to be given back, or with the reason why there is none. */
type Ready = (error: Error | null, connection?: Connection) => void;

/** The connections to one server. */
export class Connections {
  readonly #origin: URL;
  readonly #most: number;
  // Its own time limit blames the server for the time in which this process stood still.
  readonly #connect = buildConnector({ timeout: 0 });
  /** They stand, and nobody has them. The one that was used last is last. */
  readonly #free: Connection[] = [];
  readonly #waiting: Ready[] = [];
  readonly #connecting = new Set<Socket>();
  /** Those that stand, free or not. */
  readonly #standing = new Set<Connection>();
  #isClosed = false;

  /** At most `most` connections at once to `origin`. None is made before it is needed. */
  constructor(origin: URL, most: number) {
    this.#origin = origin;
    this.#most = most;
  }

  /** Hands a connection to `ready` when one stands: at once, when one is free. */
  take(ready: Ready): void {
    if (this.#isClosed) return ready(closedEarly());
    for (let free = this.#free.pop(); free !== undefined; free = this.#free.pop())
      if (isSound(free)) return ready(null, free);
    this.#waiting.push(ready);
    this.#connectMore();
  }

  /** Takes a connection back. One that is closed, or whose last request is still being written, is given to nobody else. */
  give(connection: Connection): void {
    if (!isSound(connection)) return void connection.socket.destroy();
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(connection);
    else next(null, connection);
  }

  /** Closes all connections, also those that do not stand yet. Whoever waits for one, now or later, gets an error. */
  destroy(): void {
    this.#isClosed = true;
    for (const ready of this.#waiting.splice(0)) ready(closedEarly());
    for (const socket of this.#connecting) socket.destroy();
    for (const { socket } of this.#standing) socket.destroy();
  }

  #connectMore(): void {
    while (this.#connecting.size < this.#waiting.length && this.#connecting.size + this.#standing.size < this.#most)
      this.#connectOne();
  }

  #connectOne(): void {
    const { protocol, hostname, host, port } = this.#origin;
    const to = { protocol, host, port, hostname: hostname.replace(/^\[(.*)\]$/, "$1") };
    const socket = this.#connect(to, () => undefined) as Socket;
    this.#connecting.add(socket);
    whenReady(socket, protocol === "https:" ? "secureConnect" : "connect", (error) => {
      this.#connecting.delete(socket);
      if (error === null) return this.#stand(socket);
      this.#waiting.shift()?.(error);
      this.#connectMore();
    });
  }

  #stand(socket: Socket): void {
    const connection = { socket, client: clientOf(this.#origin, socket) };
    this.#standing.add(connection);
    // Node does not close a connection for a TLS record that cannot be read; all that follows would be lost.
    socket.on("error", () => void socket.destroy());
    socket.on("close", () => this.#forget(connection));
    this.give(connection);
  }

  #forget(connection: Connection): void {
    this.#standing.delete(connection);
    const at = this.#free.indexOf(connection);
    if (at >= 0) this.#free.splice(at, 1);
    void connection.client.destroy(closedEarly());
    this.#connectMore();
  }
}

/** True: the next request may go over it. */
function isSound({ socket }: Connection): boolean {
  return !socket.destroyed && socket.writable && socket.readable && socket.writableLength === 0;
}

/** A client that has this connection and makes no other. Limits of time are the caller's. */
function clientOf(origin: URL, socket: Socket): Client {
  let isGiven = false;
  return new Client(origin, {
    pipelining: 1,
    headersTimeout: 0,
    bodyTimeout: 0,
    keepAliveTimeout: IDLE_MS,
    keepAliveMaxTimeout: IDLE_MS,
    connect(_, done) {
      const isLost = isGiven || socket.destroyed;
      isGiven = true;
      // The client is not ready for an answer before it has asked.
      queueMicrotask(() => {
        if (isLost) return done(closedEarly(), null);
        done(null, socket);
        passContinue(socket);
      });
    },
  });
}

/**
 * Makes a client pass over an unasked 100 Continue, as over the other answers that come before the real one (RFC 9110, 15.2). undici closes
 * the connection for it, so it is told that it is another one.
 */
function passContinue(socket: Read): void {
  const parser = socket[symbols.kParser];
  // It is gone when the connection was lost at once.
  if (parser === undefined || parser === null) return;
  const whole = parser.onHeadersComplete;
  parser.onHeadersComplete = function (status, isUpgrade, isKept) {
    return whole.call(this, status === CONTINUE ? PROCESSING : status, isUpgrade, isKept);
  };
}

function whenReady(
  socket: Socket | TLSSocket,
  event: "connect" | "secureConnect",
  done: (error: Error | null) => void,
): void {
  const cancel = startLimit(CONNECT_MS, () =>
    socket.destroy(new ConnectTimeoutError(`no connection within ${CONNECT_MS / 1_000} s`)),
  );
  const end = (error: Error | null) => {
    cancel();
    socket.off(event, onReady).off("error", end).off("close", onClose);
    done(error);
  };
  const onReady = () => end(null);
  const onClose = () => end(closedEarly());
  socket.once(event, onReady).once("error", end).once("close", onClose);
}

function closedEarly(): Error {
  return Object.assign(new Error("the connection was closed at once"), { code: "ECONNRESET" });
}
