/** One message that a consumer of JetStream brought, and what can be said about it. */
import type { Msg } from "@nats-io/transport-node";
import type { Delivery } from "../queue.ts";
import { shortened } from "../../printable.ts";

/** The header for what a mail has beyond the four texts of its body; its value is read by whoever reads the body. */
export const EXTRAS_HEADER = "Ses-Mail-Extras";
/** Most bytes of what is in it, before base64. */
export const MOST_EXTRAS = 64 * 1024;

/** One message of a stream. */
export interface NatsDelivery extends Delivery {
  /**
   * `<stream>#<sequence>@<when it was stored>`. A sequence alone names no message for good: a stream that was deleted and made
   * again begins anew, and a server that was killed may give the sequence of a message that was done to the next one.
   */
  readonly id: string;
  readonly body: Uint8Array;
  /** The header `Ses-Mail-Extras`; null without one. */
  readonly extras: string | null;
}

/** With what is needed to answer. */
export interface Loan extends NatsDelivery {
  /** Where answers go. It is good on any connection. */
  readonly reply: string;
  /** When the stream was made, and which run of which server brought it: elsewhere its answer might hit another message. */
  readonly streamMade: string;
  readonly server: string;
  /** When it came, by `performance.now()`. */
  readonly cameAt: number;
}

/**
 * Reads what a pull brought.
 * @throws Error when it is no message of a stream.
 */
export function loanOf(message: Msg, from: { stream: string; made: string; server: string }): Loan {
  const reply = message.reply ?? "";
  const { sequence, storedMs } = named(reply);
  return {
    id: `${from.stream}#${sequence}@${timeText(storedMs)}`,
    body: message.data,
    extras: message.headers?.get(EXTRAS_HEADER) || null,
    reply,
    streamMade: from.made,
    server: from.server,
    cameAt: performance.now(),
  };
}

/**
 * `$JS.ACK.<stream>.<consumer>.<deliveries>.<sequence>.<sequence of the consumer>.<ns>.<pending>` or, from servers that know
 * domains, with the domain and the account in front of the stream and a random part at the end (ADR-15 of NATS).
 */
function named(reply: string): { sequence: string; storedMs: number } {
  const parts = reply.split(".");
  const at = parts.length === 9 ? 5 : 7;
  const [sequence, ns] = [parts[at], parts[at + 2]];
  if (parts[1] !== "ACK" || sequence === undefined || ns === undefined || !/^\d+ \d+$/.test(`${sequence} ${ns}`))
    throw new Error(`expected the answer address of a message, got ${JSON.stringify(reply)}`);
  return { sequence, storedMs: Math.floor(Number(ns) / 1e6) };
}

let lastTime = { ms: 0, text: new Date(0).toISOString() };

/** Messages that come together were mostly stored together. */
function timeText(ms: number): string {
  if (ms !== lastTime.ms) lastTime = { ms, text: new Date(ms).toISOString() };
  return lastTime.text;
}

/** It is done. */
export const ACK = "+ACK";

/** A server would bring back what is given back without a delay at once, and use up its deliveries in milliseconds. */
const SHORTEST_DELAY_MS = 100;

/** It is given back, to come again after so long. */
export const laterAnswer = (afterMs: number): string =>
  `-NAK {"delay":${Math.round(Math.max(afterMs, SHORTEST_DELAY_MS) * 1e6)}}`;

/** The first server that takes a reason: older ones do not read an answer that has one, and bring the message again. */
const TERM_REASON_SINCE = [2, 10, 4] as const;
const MOST_REASON = 200;

/** It is never to come again. */
export function refusedAnswer(serverVersion: string, reason: string): string {
  const line = shortened(reason.replaceAll(/\s+/g, " ").trim(), MOST_REASON);
  return line !== "" && isSince(serverVersion) ? `+TERM ${line}` : "+TERM";
}

function isSince(version: string): boolean {
  const parts = version.split(/[.-]/).map(Number);
  for (const [index, least] of TERM_REASON_SINCE.entries()) {
    const part = parts[index] ?? NaN;
    if (part !== least) return part > least;
  }
  return true;
}
