/**
 * The one connection to NATS of this process. It is made in the background, and again for ever. The library could do that
 * itself, but it keeps what was said while no connection was there, which may then be sent or not; and nobody could end it
 * before the first connection. Here every connection is a new one: what was asked on the old one fails at once.
 */
import { setMaxListeners } from "node:events";
import { connect as connectTcp } from "node:net";
import { type ConnectionOptions, connect, credsAuthenticator, type NatsConnection } from "@nats-io/transport-node";
import { UserError } from "../../errors.ts";
import { systemClock } from "../../time/clock.ts";
import { startLimit, withinLimit } from "../../time/time-limit.ts";
import { QueueUnreachable } from "../queue.ts";
import { bracketed, type NatsAddress, type NatsPlace } from "./settings.ts";
import { isLoginRefused, reasonOf } from "./trouble.ts";
import { Waiting } from "./waiting.ts";

/** For one server to let us in. */
const CONNECT_MS = 5_000;
/** From one attempt to the next: this, and up to half of it more, so that a thousand clients do not come at once. */
const AGAIN_MS = 1_000;
/** A connection on which nothing comes back is given up after three of these. */
const PING_MS = 4_000;
/** For what was said to arrive, before it is given up. */
const FLUSH_MS = 5_000;
/** The same at the end, when somebody waits for the process to go. */
const LAST_FLUSH_MS = 2_000;

/** Who we are, as it is read for each connection. */
export interface LinkOptions {
  place: NatsPlace;
  /** The bytes of a creds file; null without one. */
  creds: (() => Uint8Array) | null;
  /** Told one line for each change: the connection is lost, cannot be made, is there again. */
  tell(text: string): void;
}

/** A connection that was made. */
export interface Connection {
  nats: NatsConnection;
  /** Aborts when it is lost or ended. */
  lost: AbortSignal;
}

/** The connection that is there, or the way to it. */
export class Link {
  readonly where: string;
  readonly #options: LinkOptions;
  readonly #ending = new AbortController();
  readonly #waiting = new Waiting();
  readonly #running: Promise<void>;
  #current: Connection | null = null;
  /** Why there will be none: at the first connection the server did not take who we are. */
  #refused: UserError | null = null;
  #wasTried = false;
  #wasConnected = false;
  /** Why there is no connection, as it was told last; null: it is there, or was not tried yet. */
  #told: string | null = null;
  #toldRefused = false;

  /** Begins to connect. */
  constructor(options: LinkOptions) {
    this.#options = options;
    this.where = options.place.where;
    this.#running = this.#run();
  }

  /** Null while there is none. */
  get current(): Connection | null {
    return this.#current;
  }

  /**
   * Waits for a connection.
   * @throws QueueUnreachable when there is none after `waitMs`, and after `close`; UserError when the first connection was
   *   refused because of who we are.
   */
  async connection(waitMs: number): Promise<Connection> {
    const until = performance.now() + waitMs;
    for (;;) {
      if (this.#current !== null) return this.#current;
      if (this.#refused !== null) throw this.#refused;
      const leftMs = until - performance.now();
      if (this.#ending.signal.aborted || (leftMs <= 0 && this.#wasTried)) throw new QueueUnreachable(this.why());
      // The first attempt is waited for: it has only just begun, and ends by itself.
      await this.#waiting.wait(this.#wasTried ? leftMs : null);
    }
  }

  /** Why there is no connection, in one line. */
  why(): string {
    if (this.#refused !== null) return this.#refused.message;
    if (this.#ending.signal.aborted) return `nats: the connection to ${this.where} was closed`;
    return `nats: cannot reach ${this.where} (${this.#told ?? "not connected yet"})`;
  }

  /**
   * Resolves when the server has read all that was said on this connection so far.
   * @throws QueueUnreachable when that does not happen in time.
   */
  async flush({ nats, lost }: Connection, ms = FLUSH_MS): Promise<void> {
    try {
      await withinLimit({ ms, signal: lost }, () => nats.flush());
    } catch (error) {
      throw new QueueUnreachable(`nats: ${this.where} did not take what was said to it (${reasonOf(error)})`);
    }
  }

  /** Ends the connection after what was said has arrived, or two seconds. Safe to call twice. */
  async close(): Promise<void> {
    const connection = this.#current;
    if (connection !== null && !this.#ending.signal.aborted)
      await this.flush(connection, LAST_FLUSH_MS).catch(() => undefined);
    this.#ending.abort();
    this.#waiting.wake();
    if (this.#current !== null) void this.#current.nats.close();
    await withinLimit({ ms: LAST_FLUSH_MS }, () => this.#running).catch(() => undefined);
  }

  async #run(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      const connection = await this.#dial();
      this.#wasTried = true;
      this.#waiting.wake();
      if (connection !== null) await this.#use(connection);
      if (this.#refused !== null) return;
      await systemClock.sleep(AGAIN_MS * (1 + Math.random() / 2), signal);
    }
  }

  /** Tries each server once, in any order: clients have to spread over a cluster. */
  async #dial(): Promise<NatsConnection | null> {
    const { addresses } = this.#options.place;
    let failure: unknown = null;
    for (const address of shuffled(addresses)) {
      if (this.#ending.signal.aborted) return null;
      try {
        return await this.#connect(address);
      } catch (error) {
        // That a server knows us not says more than that another is down.
        if (!isLoginRefused(failure)) failure = error;
      }
    }
    this.#failed(failure);
    return null;
  }

  async #connect(address: NatsAddress): Promise<NatsConnection> {
    await speaks(address, this.#ending.signal);
    return connect({ ...this.#connectOptions(), servers: [`${bracketed(address.host)}:${address.port}`] });
  }

  #connectOptions(): ConnectionOptions {
    const { place, creds } = this.#options;
    return {
      name: "ses-mail",
      reconnect: false,
      timeout: CONNECT_MS,
      pingInterval: PING_MS,
      maxPingOut: 2,
      noAsyncTraces: true,
      ...place.login,
      ...(place.tls && { tls: {} }),
      ...(creds !== null && { authenticator: credsAuthenticator(creds) }),
    };
  }

  #failed(error: unknown): void {
    if (this.#ending.signal.aborted) return;
    if (isLoginRefused(error) && !this.#wasConnected) {
      this.#refused = new UserError(
        `nats: ${this.where} refuses who we are: ${reasonOf(error)}`,
        "put user:password@ or token@ into the address, or name a file of credentials",
      );
      return;
    }
    const isRefused = isLoginRefused(error);
    this.#away(
      reasonOf(error),
      isRefused ? `${this.where} refuses who we are` : `cannot reach ${this.where}`,
      isRefused,
    );
  }

  /** Told once, and once more when it turns out that the server is there and does not want us. */
  #away(reason: string, what: string, isRefused = false): void {
    const isNews = this.#told === null || (isRefused && !this.#toldRefused);
    this.#told = reason;
    this.#toldRefused = isRefused;
    if (isNews) this.#options.tell(`nats: ${what} (${reason}); trying on. What is in the database is sent meanwhile.`);
  }

  async #use(nats: NatsConnection): Promise<void> {
    if (this.#ending.signal.aborted) return nats.close();
    const lost = new AbortController();
    // Everything that is asked on the connection listens, and there may be hundreds at a time.
    setMaxListeners(0, lost.signal);
    this.#current = { nats, lost: lost.signal };
    const again = this.#wasConnected ? " again" : "";
    this.#wasConnected = true;
    if (this.#told !== null) this.#options.tell(`nats: connected to ${this.where}${again}`);
    this.#told = null;
    this.#waiting.wake();
    void this.#watch(nats);
    const error = await nats.closed();
    this.#current = null;
    if (!this.#ending.signal.aborted) this.#away(error ? reasonOf(error) : "connection lost", `lost ${this.where}`);
    lost.abort(error ?? new Error("connection lost"));
    this.#waiting.wake();
  }

  /** The library would wait until what it says to a silent server has left, which may take a quarter of an hour. */
  async #watch(nats: NatsConnection): Promise<void> {
    for await (const { type } of nats.status()) if (type === "staleConnection") void nats.close();
  }
}

/**
 * Reads credentials as they are read for each connection.
 * @throws UserError when they cannot be used.
 */
export function checkCreds(creds: () => Uint8Array): void {
  try {
    credsAuthenticator(creds)("nonce");
  } catch (error) {
    throw new UserError(
      `the NATS credentials cannot be used: ${reasonOf(error)}`,
      "nsc generate creds writes such a file",
    );
  }
}

function shuffled<T>(values: readonly T[]): T[] {
  return values
    .map((value) => ({ value, key: Math.random() }))
    .toSorted((a, b) => a.key - b.key)
    .map(({ value }) => value);
}

/**
 * Resolves when somebody at this address says something, as a NATS server does first. The library leaves a socket open for
 * each attempt on a server that accepts connections and stays silent.
 */
function speaks({ host, port }: NatsAddress, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connectTcp({ host, port });
    const end = (error: Error | null) => {
      cancel();
      signal.removeEventListener("abort", abort);
      socket.destroy();
      if (error === null) resolve();
      else reject(error);
    };
    const cancel = startLimit(CONNECT_MS, () => end(new Error("it does not answer")));
    const abort = () => end(new Error("closed"));
    signal.addEventListener("abort", abort);
    socket.once("data", () => end(null));
    socket.once("error", end);
    socket.once("close", () => end(new Error("it closes the connection")));
    if (signal.aborted) abort();
  });
}
