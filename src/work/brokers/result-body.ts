/**
 * What is told over NATS of a mail that somebody else handed over: JSON `{"uuid", "state", "ses_message_id"?, "error"?, "at"}`. Our own
 * inlet has it written (`teller.ts`), and so may any other sender; the outlet reads it (`results.ts`).
 */
import { jsonObject } from "../../json.ts";
import type { Report } from "../../store/rows.ts";
import type { Result } from "../../store/rules/handed.ts";
import { epochMs } from "../../time/epoch.ts";
import { isoTime } from "../../time/iso.ts";

/** The states that a result may name. */
const STATES: ReadonlySet<unknown> = new Set<Result["state"]>([
  "sent",
  "failed",
  "in_doubt",
  "suppressed",
  "cancelled",
]);
/** Most bytes of a result. */
const MOST_BYTES = 64 * 1024;
/** Texts are cut to so many characters: SES has ids of 60. */
const LONGEST_ID = 200;
const LONGEST_ERROR = 1_000;

/** A result, and the name that the mail was handed over under. */
export type NamedResult = Result & { uuid: string };

/** The body of a result about the mail that came as `report.name`. `now`: ms since the epoch. */
export function encodeResult({ name, state, sesMessageId, error, at }: Report, now: number): Uint8Array {
  const result = {
    uuid: name,
    state,
    ...(sesMessageId !== null && { ses_message_id: sesMessageId }),
    ...(error !== null && { error }),
    at: isoTime(at ?? now),
  };
  return new TextEncoder().encode(JSON.stringify(result));
}

/**
 * Reads a result. Members that it does not know are left to their authors. `wrong` says in one line what is missing or not what it
 * must be. Never throws.
 */
export function readResult(body: Uint8Array): NamedResult | { wrong: string } {
  if (body.length > MOST_BYTES) return { wrong: `it has ${body.length} bytes; expected ${MOST_BYTES} at most` };
  const json = jsonObject(body);
  if (json === null) return { wrong: 'it is no JSON object such as {"uuid": "…", "state": "sent"}' };
  const { uuid, state } = json;
  if (typeof uuid !== "string" || uuid === "") return { wrong: "uuid is not a text" };
  if (!STATES.has(state)) return { wrong: `state is none of ${[...STATES].join(", ")}` };
  return {
    uuid,
    state: state as Result["state"],
    sesMessageId: idIn(json["ses_message_id"]),
    error: textIn(json["error"], LONGEST_ERROR),
    at: instantIn(json["at"]),
  };
}

function textIn(value: unknown, most: number): string | null {
  return typeof value === "string" && value.trim() !== "" ? value.slice(0, most).toWellFormed() : null;
}

/** Events are matched by it, so only what can be one is kept. */
function idIn(value: unknown): string | null {
  const text = textIn(value, LONGEST_ID + 1);
  return text !== null && text.length <= LONGEST_ID && /^[\x21-\x7e]+$/.test(text) ? text : null;
}

/** An instant in ISO 8601, or in seconds or milliseconds since the epoch. Null: it is none of these. */
function instantIn(value: unknown): number | null {
  if (typeof value === "number" && Number.isFinite(value) && value > 0) return Math.round(epochMs(value));
  if (typeof value !== "string") return null;
  const at = Date.parse(value);
  return Number.isNaN(at) ? null : at;
}
