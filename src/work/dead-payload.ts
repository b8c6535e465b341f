/** What is in a dead letter, for people and programs. */
import { decodeMail } from "../queue/nats/payload.ts";
import type { DeadLetter } from "../store/rows.ts";

/** What was read of a letter's bytes. */
export interface Payload {
  /** For a program: a mail of NATS by its fields, else the JSON that it is; null: it can be read as neither. */
  value: unknown;
  /** For people: lines. Control characters are still in it. */
  text: string;
}

/** How many bytes that cannot be read are shown. */
const MOST_DUMPED = 1_024;
const IN_A_LINE = 16;

/** Reads what is in a dead letter, as far as it can be read. Never throws. */
export function payloadOf({ source, body }: Pick<DeadLetter, "source" | "body">): Payload {
  const mail = source === "nats" ? decodeMail(body) : null;
  if (mail !== null && !("wrong" in mail)) {
    const { uuid, email, subject, body: html } = mail;
    return { value: mail, text: `uuid: ${uuid}\nemail: ${email}\nsubject: ${subject}\n\n${html}` };
  }
  const text = textOf(body);
  if (text === null) return { value: null, text: dump(body) };
  const value = parsed(text);
  return { value, text: value === null ? text : JSON.stringify(value, null, 2) };
}

function textOf(body: Uint8Array): string | null {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(body);
    return text.includes("\0") ? null : text;
  } catch {
    return null;
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Bytes in hexadecimal, and beside them those that are characters of ASCII. */
function dump(body: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < Math.min(body.length, MOST_DUMPED); at += IN_A_LINE) {
    const bytes = [...body.subarray(at, at + IN_A_LINE)];
    const hex = bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const letters = bytes.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".")).join("");
    lines.push(`${at.toString(16).padStart(6, "0")}  ${hex.padEnd(3 * IN_A_LINE)} ${letters}`);
  }
  const more = body.length - MOST_DUMPED;
  return [...lines, ...(more > 0 ? [`… and ${more} more bytes; --json has all`] : [])].join("\n");
}
