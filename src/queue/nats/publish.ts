/** Puts one message into a stream, and says whether it is there. */
import { headers, type MsgHdrs, type NatsConnection } from "@nats-io/transport-node";
import { jsonObject } from "../../json.ts";
import { printable } from "../../printable.ts";
import { TimeLimitError, withinLimit } from "../../time/time-limit.ts";
import { EXTRAS_HEADER } from "./delivery.ts";
import { reasonOf, requestTrouble } from "./trouble.ts";

/** What became of a message that was published. */
export type Published =
  | { kind: "stored" }
  /** It is certainly not stored. `why` is not set for any other reason, such as a stream that is full. */
  | { kind: "refused"; reason: string; why?: "away" | "no-stream" | "too-large" }
  /** No answer came in time, or the connection was lost meanwhile: it may be stored. */
  | { kind: "unknown"; reason: string };

/** One message to publish. */
export interface PublishOptions {
  /** Nats-Msg-Id: a stream that saw it within its duplicate window (two minutes) stores the message no second time. */
  id: string;
  /** Header Ses-Mail-Extras. */
  extras?: string;
  /** The name of the stream that is made when no stream takes the subject. Not set: none is made. */
  stream?: string;
  /** For the answer. */
  timeoutMs: number;
  /** Called right before it leaves. From then on it may be stored. */
  onDeparted?: () => void;
}

/** What the library's own limit is above ours, which does not blame the server for a time in which this process stood still. */
const SPARE_MS = 60_000;

/** Publishes on this connection. Never rejects because of the server. */
export async function publishOn(
  connection: NatsConnection,
  subject: string,
  body: Uint8Array,
  options: PublishOptions,
): Promise<Published> {
  const { timeoutMs } = options;
  const header = headersOf(options);
  const refusal = refusalOf(connection, subject, body, header);
  if (refusal !== null) return refusal;
  options.onDeparted?.();
  try {
    const request = { timeout: timeoutMs + SPARE_MS, headers: header };
    const answer = await withinLimit({ ms: timeoutMs }, () => connection.request(subject, body, request));
    return readAnswer(answer.data);
  } catch (error) {
    if (error instanceof TimeLimitError) return { kind: "unknown", reason: "the server did not answer in time" };
    return becauseOf(error, subject);
  }
}

function headersOf({ id, extras }: PublishOptions): MsgHdrs {
  const header = headers();
  header.set("Nats-Msg-Id", id);
  if (extras !== undefined) header.set(EXTRAS_HEADER, extras);
  return header;
}

/** The lines that a header adds: its version, its names and values with `: ` and line ends, and an empty line. */
function headerBytes(header: MsgHdrs): number {
  let bytes = "NATS/1.0\r\n\r\n".length;
  for (const [name, values] of header) for (const value of values) bytes += Buffer.byteLength(`${name}: ${value}\r\n`);
  return bytes;
}

/** What nobody has to ask the server for; null: it may take the message. */
function refusalOf(connection: NatsConnection, subject: string, body: Uint8Array, header: MsgHdrs): Published | null {
  if (connection.isClosed()) return { kind: "refused", reason: "there is no connection to NATS", why: "away" };
  if (subject === "" || /\s/.test(subject))
    return { kind: "refused", reason: `${JSON.stringify(subject)} is no subject` };
  const most = connection.info?.max_payload ?? Infinity;
  const bytes = body.length + headerBytes(header);
  if (bytes <= most) return null;
  const reason = `the message has ${bytes} bytes; the server takes ${most} (max_payload)`;
  return { kind: "refused", reason, why: "too-large" };
}

/** The code of an answer by which a stream says that the message is larger than its max_msg_size (server/errors.json). */
const TOO_LARGE = 10_054;

/** A PubAck (ADR-1 of NATS): where it is stored, also when it had been before, or why it is not. */
function readAnswer(data: Uint8Array): Published {
  const { stream, error } = (jsonObject(data) ?? {}) as {
    stream?: unknown;
    error?: { description?: string; err_code?: number };
  };
  if (typeof error === "object" && error !== null) {
    const reason = printable(error.description ?? "the stream does not take it");
    return { kind: "refused", reason, ...(error.err_code === TOO_LARGE && { why: "too-large" as const }) };
  }
  if (typeof stream === "string" && stream !== "") return { kind: "stored" };
  return { kind: "unknown", reason: "the answer did not come from a stream" };
}

function becauseOf(error: unknown, subject: string): Published {
  const trouble = requestTrouble(error);
  if (trouble === null) throw error;
  if (trouble.kind === "no-jetstream")
    return { kind: "refused", reason: `no stream takes the subject ${printable(subject)}`, why: "no-stream" };
  if (trouble.kind === "refused") return { kind: "refused", reason: trouble.reason };
  return { kind: "unknown", reason: reasonOf(error) };
}
