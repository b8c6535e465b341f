/**
 * Shares the connections out: one client gets a part of them, and when all are taken, a newcomer gets the place of one that
 * is idle, or of the client that has most.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { FastifyInstance } from "fastify";
import { networkOf } from "./client-network.ts";

/** How many connections there may be. */
export interface ConnectionLimits {
  most: number;
  /** From one client: an IPv4 address, or an IPv6 network of 64 bits. A reverse proxy that is trusted has no limit of its own. */
  mostOfOne: number;
  /**
   * Requests under way on one connection. Who sends more at once, without waiting for answers, loses the connection: browsers
   * and proxies wait, and each answer that is not read yet holds up to 64 KB.
   */
  mostRequests: number;
}

/** Room for a day on which everybody looks, and for 16 KB of headers on each. */
export const CONNECTION_LIMITS: ConnectionLimits = { most: 4_096, mostOfOne: 1_024, mostRequests: 10 };

interface Connection {
  socket: Socket;
  client: string;
  /** Requests that are not answered yet. 0: it is idle. */
  requests: number;
  /** True while a request with a key is under way. */
  isKnown: boolean;
  /** Until then (ms, monotonic) it counts as busy although no request has come yet. */
  freshUntil: number;
}

/** A newcomer gets so long to send its first request before its place may be given to another client, ms. */
const FRESH_MS = 2_000;

/** All connections by client, each client's in the order in which they were last used. */
class Crowd {
  readonly #byClient = new Map<string, Set<Connection>>();
  size = 0;

  add(connection: Connection): void {
    const own = this.#byClient.get(connection.client) ?? new Set();
    this.#byClient.set(connection.client, own.add(connection));
    this.size++;
  }

  remove(connection: Connection): void {
    const own = this.#byClient.get(connection.client);
    if (own?.delete(connection) !== true) return;
    if (own.size === 0) this.#byClient.delete(connection.client);
    this.size--;
  }

  countOf(client: string): number {
    return this.#byClient.get(client)?.size ?? 0;
  }

  /** The connection of this client that is idle `at` this instant and was used least lately. */
  idleOf(client: string, at = Infinity): Connection | undefined {
    return first(this.#byClient.get(client) ?? [], ({ requests, freshUntil }) => requests === 0 && freshUntil <= at);
  }

  /** The connection to end in favour of a newcomer; undefined: all others have a better right than he. */
  leastWorthy(newcomer: string): Connection | undefined {
    const greediest = [...this.#byClient].toSorted(([, a], [, b]) => b.size - a.size);
    for (const [client] of greediest) {
      const idle = this.idleOf(client, performance.now());
      if (idle !== undefined) return idle;
    }
    const [client, own] = greediest[0] ?? ["", new Set<Connection>()];
    if (client === newcomer || own.size <= this.countOf(newcomer) + 1) return undefined;
    return first(own, ({ isKnown }) => !isKnown) ?? first(own, () => true);
  }
}

function first(connections: Iterable<Connection>, test: (connection: Connection) => boolean): Connection | undefined {
  for (const connection of connections) if (test(connection)) return connection;
  return undefined;
}

/** Applies the limits to the server. `trustProxy`: the peers are proxies, and whom a request is from they say themselves. */
export function shareConnections(app: FastifyInstance, trustProxy: boolean, limits: ConnectionLimits): void {
  const crowd = new Crowd();
  const known = new WeakMap<Socket, Connection>();

  const end = (connection: Connection): void => {
    crowd.remove(connection);
    connection.socket.destroy();
  };

  const makeRoom = (client: string): boolean => {
    if (!trustProxy && crowd.countOf(client) >= limits.mostOfOne) {
      const own = crowd.idleOf(client);
      if (own === undefined) return false;
      end(own);
    }
    if (crowd.size < limits.most) return true;
    const other = crowd.leastWorthy(client);
    if (other !== undefined) end(other);
    return other !== undefined;
  };

  app.server.on("connection", (socket: Socket) => {
    const client = networkOf(socket.remoteAddress ?? "");
    if (!makeRoom(client)) return socket.destroy();
    const connection = { socket, client, requests: 0, isKnown: false, freshUntil: performance.now() + FRESH_MS };
    known.set(socket, connection);
    crowd.add(connection);
    socket.once("close", () => crowd.remove(connection));
  });

  // Before the routes hear of the request.
  app.server.prependListener("request", ({ socket }: IncomingMessage, response: ServerResponse) => {
    const connection = known.get(socket);
    if (connection === undefined) return;
    if (++connection.requests > limits.mostRequests) return end(connection);
    connection.freshUntil = -Infinity;
    response.once("close", () => {
      if (--connection.requests === 0) connection.isKnown = false;
      // It was used last of all now.
      if (!socket.destroyed) move(crowd, connection, connection.client);
    });
  });

  // One read of a socket may bring a thousand requests. Those after the end of the connection are still announced.
  app.addHook("onRequest", async ({ raw: { socket } }, reply) => {
    if (socket.destroyed && known.has(socket)) reply.hijack();
  });

  app.addHook("preParsing", async (request) => {
    const connection = known.get(request.raw.socket);
    if (connection === undefined || connection.socket.destroyed) return;
    connection.isKnown = request.caller !== null;
    if (trustProxy) move(crowd, connection, networkOf(request.ip));
  });
}

function move(crowd: Crowd, connection: Connection, client: string): void {
  crowd.remove(connection);
  connection.client = client;
  crowd.add(connection);
}
