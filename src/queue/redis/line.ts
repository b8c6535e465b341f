/**
 * One connection to Redis, from its beginning to its end. This is the only file that knows ioredis. What ioredis does by
 * itself is switched off: it would repeat commands after a reconnect, a blocked read among them, and nobody would know
 * that the connection had been away.
 */
import type { Redis as Client } from "ioredis";
import { startLimit } from "../../time/time-limit.ts";
import type { Address } from "./address.ts";
import { away, problemOf, type RedisProblem } from "./problem.ts";

/** A command and its arguments, as Redis documents them. */
export type Command = readonly [name: string, ...arguments: (string | number | Buffer)[]];

/** ioredis, loaded. */
export type ClientClass = typeof Client;

/** For the connection itself, with TLS. */
const CONNECT_MS = 5_000;
/** The system asks after a silent connection from then on, so that routers in between do not forget it. */
const KEEP_ALIVE_MS = 10_000;

/** Loads ioredis, which nobody needs who uses no Redis. */
export async function loadClient(): Promise<ClientClass> {
  return (await import("ioredis")).Redis;
}

/** A connection that was made. When it ends, it is over for good. */
export class Line {
  /** Resolves when the connection is over, to the reason. */
  readonly gone: Promise<RedisProblem>;
  readonly #client: Client;
  readonly #place: string;
  /** Called with the reason when the connection is over: those who wait for an answer. */
  readonly #waiting = new Set<(problem: RedisProblem) => void>();
  #over: RedisProblem | null = null;

  constructor(client: Client, place: string) {
    this.#client = client;
    this.#place = place;
    let heard: unknown = null;
    this.gone = new Promise((resolve) => this.#waiting.add(resolve));
    client.on("error", (error) => (heard ??= error));
    const reason = () => (heard === null ? away(place, "the connection was cut") : problemOf(heard, place));
    client.on("end", () => this.#fail(reason()));
  }

  #fail(problem: RedisProblem): void {
    this.#over ??= problem;
    for (const wake of this.#waiting) wake(this.#over);
    this.#waiting.clear();
  }

  /** @throws RedisProblem */
  async connect(): Promise<void> {
    try {
      await this.#client.connect();
    } catch {
      // What ioredis throws here says only that it did not work. The reason was an event.
      throw await this.gone;
    }
  }

  /**
   * Sends commands in one go and resolves to what Redis answers to each: its reply, or a RedisProblem. Texts come as
   * Buffers. `limitMs`: after so long without an answer the connection is given up.
   * @throws RedisProblem when the connection is over. Nobody knows then what Redis has done.
   */
  async exchange(commands: readonly Command[], limitMs: number): Promise<unknown[]> {
    if (this.#over !== null) throw this.#over;
    const sent = commands.map(([name, ...values]) => this.#client.callBuffer(name, ...values));
    const settled = await this.#unlessOver(Promise.allSettled(sent), limitMs);
    return settled.map((one) => (one.status === "fulfilled" ? one.value : problemOf(one.reason, this.#place)));
  }

  async #unlessOver<T>(answers: Promise<T>, limitMs: number): Promise<T> {
    const cancel = startLimit(limitMs, () => this.end(`no answer for ${Math.round(limitMs / 1_000)} s`));
    let wake: (problem: RedisProblem) => void = () => undefined;
    try {
      return await new Promise((resolve, reject) => {
        this.#waiting.add((wake = reject));
        void answers.then(resolve);
      });
    } finally {
      cancel();
      this.#waiting.delete(wake);
    }
  }

  /** Ends it at once, also when the other side does not hear of it. */
  end(reason: string): void {
    this.#fail(away(this.#place, reason));
    this.#client.disconnect();
    // `disconnect` says goodbye and waits for the answer, which a connection that leads nowhere never brings.
    this.#client.stream?.destroy();
  }
}

/** A line that is not connected yet. */
export function newLine(Class: ClientClass, address: Address): Line {
  const { host, port, tls } = address;
  const client = new Class({
    host,
    port,
    ...(tls && { tls: {} }),
    lazyConnect: true,
    retryStrategy: null,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: null,
    // It would ask with INFO, which may be forbidden, and complain on the console.
    enableReadyCheck: false,
    disableClientInfo: true,
    protocol: 2,
    connectTimeout: CONNECT_MS,
    keepAlive: KEEP_ALIVE_MS,
  });
  return new Line(client, address.shown);
}
