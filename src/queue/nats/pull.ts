/** One request for messages of a consumer (JetStream API, CONSUMER.MSG.NEXT), and all that comes in answer to it. */
import { createInbox, type Msg, type Subscription } from "@nats-io/transport-node";
import { printable } from "../../printable.ts";
import { startLimit } from "../../time/time-limit.ts";
import type { Connection } from "./link.ts";

/** The server says at least this often that it is there. */
const HEARTBEAT_MS = 5_000;
/** A server that was silent for so long has forgotten the request: two heartbeats, and time for a busy machine. */
const SILENT_MS = 15_000;
/** A request that is shorter than this has no heartbeats. */
const SHORT_MS = 4 * HEARTBEAT_MS;
/** How much later than it said a server may say that the time is over. */
const GRACE_MS = 5_000;

/** What is asked for. */
export interface PullOptions {
  stream: string;
  consumer: string;
  /** Most messages. */
  batch: number;
  /** Most bytes of them all. At least twice what the server takes for one message, or that one would never come. */
  maxBytes: number;
  /** After how long the server stops to answer. At least a second. */
  expiresMs: number;
}

/** How a request ended. */
export type PullEnd =
  /** All of it came, or its time is over. */
  | { kind: "over" }
  /** The stream, the consumer or the connection may be gone. */
  | { kind: "lost"; reason: string }
  /** The server does not do it now. */
  | { kind: "refused"; reason: string };

/** A request that is under way. */
export interface Pull {
  /** Ends it without a word to `onEnd`. What the server has sent by then goes to `onLate`. */
  stop(onLate: (message: Msg) => void): void;
}

/** Asks, and calls `onMessage` for each message until it calls `onEnd`, once. */
export function startPull(
  connection: Connection,
  options: PullOptions,
  onMessage: (message: Msg) => void,
  onEnd: (end: PullEnd) => void,
): Pull {
  return new OpenPull(connection, options, { onMessage, onEnd });
}

/** Who hears what comes, and how it ends. */
interface Heard {
  onMessage(message: Msg): void;
  onEnd(end: PullEnd): void;
}

class OpenPull implements Pull {
  readonly #connection: Connection;
  readonly #options: PullOptions;
  readonly #heard: Heard;
  readonly #inbox = createInbox();
  readonly #subscription: Subscription;
  readonly #onLost = () => this.#end({ kind: "lost", reason: "the connection was lost" });
  #left: number;
  #isOver = false;
  #stopWatching: () => void = () => undefined;
  #onLate: (message: Msg) => void = () => undefined;

  constructor(connection: Connection, options: PullOptions, heard: Heard) {
    this.#connection = connection;
    this.#options = options;
    this.#heard = heard;
    this.#left = options.batch;
    const { nats, lost } = connection;
    this.#subscription = nats.subscribe(this.#inbox, { callback: (error, message) => this.#came(error, message) });
    lost.addEventListener("abort", this.#onLost);
    this.#watch();
    const subject = `$JS.API.CONSUMER.MSG.NEXT.${options.stream}.${options.consumer}`;
    nats.publish(subject, JSON.stringify(request(options)), { reply: this.#inbox });
  }

  stop(onLate: (message: Msg) => void): void {
    if (this.#isOver) return;
    this.#finish();
    this.#onLate = onLate;
    // It hears what is on its way; a connection that is lost meanwhile has no more to say.
    if (!this.#connection.nats.isClosed()) void this.#subscription.drain().catch(() => undefined);
  }

  #came(error: Error | null, message: Msg): void {
    if (this.#isOver) {
      if (error === null && message.subject !== this.#inbox) this.#onLate(message);
      return;
    }
    if (error !== null) return this.#end({ kind: "lost", reason: printable(error.message) });
    this.#watch();
    if (message.subject === this.#inbox) return said(message, (end) => this.#end(end));
    this.#heard.onMessage(message);
    this.#left--;
    if (this.#left === 0) this.#end({ kind: "over" });
  }

  #watch(): void {
    this.#stopWatching();
    const { expiresMs } = this.#options;
    const silentMs = expiresMs < SHORT_MS ? expiresMs + GRACE_MS : SILENT_MS;
    this.#stopWatching = startLimit(silentMs, () =>
      this.#end({ kind: "lost", reason: "it said nothing for too long" }),
    );
  }

  #end(how: PullEnd): void {
    if (this.#isOver) return;
    this.#finish();
    if (!this.#connection.nats.isClosed()) this.#subscription.unsubscribe();
    this.#heard.onEnd(how);
  }

  #finish(): void {
    this.#isOver = true;
    this.#stopWatching();
    this.#connection.lost.removeEventListener("abort", this.#onLost);
  }
}

function request({ batch, maxBytes, expiresMs }: PullOptions): Record<string, number> {
  const heartbeat = expiresMs < SHORT_MS ? {} : { idle_heartbeat: nanos(HEARTBEAT_MS) };
  return { batch, max_bytes: maxBytes, expires: nanos(expiresMs), ...heartbeat };
}

const nanos = (ms: number): number => Math.round(ms) * 1_000_000;

/** Codes of status messages: ADR-13 of NATS, and server/consumer.go. */
function said(message: Msg, end: (how: PullEnd) => void): void {
  const { code = 0, description = "" } = message.headers ?? {};
  const reason = printable(description).toLowerCase();
  if (code === 100) return;
  if (code === 404 || code === 408) return end({ kind: "over" });
  if (code === 503) return end({ kind: "lost", reason: "nobody answers" });
  if (code !== 409) return end({ kind: "refused", reason: reason || `status ${code}` });
  if (/batch completed|maxbytes/.test(reason)) return end({ kind: "over" });
  if (/deleted|leadership|shutdown/.test(reason)) return end({ kind: "lost", reason });
  end({ kind: "refused", reason });
}
