/**
 * Agents that hand out a connection only when it stands, so that a request is written to one that can take it at once. Node's
 * own agents hand it out at once, and a request waits in its buffer for the name, the connection and the TLS handshake.
 */
import { Agent as HttpAgent, type AgentOptions } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { startLimit } from "../time/time-limit.ts";

/** For looking up the name, the connection and the TLS handshake together. */
const CONNECT_MS = 5_000;

/** No connection came to stand in time. */
class ConnectTimeoutError extends Error {
  override name = "ConnectTimeoutError";
  readonly code = "ETIMEDOUT";
}

/** What a request may say to its agent. */
export interface ReadyOptions {
  /** Asked when a new connection stands. An error is what the request gets instead; the connection is kept for the next one. */
  refusal?: () => Error | null;
}

type Ready = (error: Error | null, socket?: Socket) => void;
type Create = (options: object) => Socket;
type ReadyEvent = "connect" | "secureConnect";

/** One agent for each protocol, each with at most `maxSockets` connections in use. */
export interface ReadyAgents {
  http: HttpAgent;
  https: HttpsAgent;
  /** Closes all connections, also those that do not stand yet. */
  destroy(): void;
}

/** Makes the agents, for requests to one server. They keep connections for later requests. */
export function createReadyAgents(maxSockets: number): ReadyAgents {
  const options: AgentOptions = { keepAlive: true, maxSockets };
  const http = new ReadyConnections("connect");
  const https = new ReadyConnections("secureConnect");
  const agents = { http: http.of(new HttpAgent(options)), https: https.of(new HttpsAgent(options)) };
  return {
    ...agents,
    destroy() {
      agents.http.destroy();
      agents.https.destroy();
      http.destroy();
      https.destroy();
    },
  };
}

/** The connections of one agent that no request has. */
class ReadyConnections {
  readonly #event: ReadyEvent;
  readonly #connecting = new Set<Socket>();
  /** They stand. An agent takes back only connections that a request had, so these are kept here. */
  readonly #spare = new Set<Socket>();

  constructor(event: ReadyEvent) {
    this.#event = event;
  }

  /** Makes the agent hand out connections when they stand. */
  of<A extends HttpAgent>(agent: A): A {
    // Documented, but missing from the types: a connection may be handed to the callback later.
    const patched = agent as unknown as { createConnection: (options: object, ready: Ready) => Socket | undefined };
    const create = patched.createConnection.bind(agent) as Create;
    patched.createConnection = (options, ready) => {
      this.#connect(create, options, ready);
      return undefined;
    };
    return agent;
  }

  destroy(): void {
    for (const socket of [...this.#connecting, ...this.#spare]) socket.destroy();
  }

  #connect(create: Create, options: object, ready: Ready): void {
    const [spare] = this.#spare;
    if (spare !== undefined) {
      this.#spare.delete(spare);
      return this.#give(spare, options, ready);
    }
    const socket = create(options);
    this.#connecting.add(socket);
    whenReady(socket, this.#event, (error) => {
      this.#connecting.delete(socket);
      if (error !== null) return ready(error);
      this.#give(socket, options, ready);
    });
  }

  #give(socket: Socket, options: ReadyOptions, ready: Ready): void {
    const refusal = options.refusal?.() ?? null;
    if (refusal === null) return ready(null, socket);
    this.#spare.add(socket);
    const gone = () => this.#spare.delete(socket);
    // A server closes a connection that is not used. Until a request has it, nobody else listens for errors.
    socket.once("close", gone).once("error", gone);
    ready(refusal);
  }
}

function whenReady(socket: Socket | TLSSocket, event: ReadyEvent, done: (error: Error | null) => void): void {
  const cancel = startLimit(CONNECT_MS, () =>
    socket.destroy(new ConnectTimeoutError(`no connection within ${CONNECT_MS / 1_000} s`)),
  );
  const end = (error: Error | null) => {
    cancel();
    socket.off(event, onReady).off("error", end).off("close", onClose);
    done(error);
  };
  const onReady = () => end(null);
  const onClose = () => end(Object.assign(new Error("the connection was closed at once"), { code: "ECONNRESET" }));
  socket.once(event, onReady).once("error", end).once("close", onClose);
}
