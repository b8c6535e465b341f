/** What is in a dead letter, for people who have to find out what is wrong with it. */
import { utf8Text } from "../../json.ts";
import type { DeadSource } from "../../store/rows.ts";
import { shortened } from "../../printable.ts";

/** Characters of all fields together. A verification code or a newsletter is shorter. */
const MOST_CHARACTERS = 100_000;
const MOST_FIELDS = 100;
const MOST_NAME = 200;
/** Bytes that are listed when the body is no text. */
const MOST_DUMPED = 4_096;
/** Characters of JSON that are parsed. A longer one is shown as text: parsing it could take a second, in which no mail leaves. So is one with numbers that parsing would round. */
const MOST_JSON = 1_000_000;
const BYTES_IN_LINE = 16;
const MAIL = ["uuid", "email", "subject", "body"];

/** A body taken apart. */
export interface ReadableBody {
  /** `bytes`: it is nothing that can be read, and its field is a list of its first bytes. */
  format: "MessagePack" | "JSON" | "text" | "bytes";
  /** The fields of a map, the items of an array, or the whole. Names are empty where there is none. */
  fields: { name: string; text: string }[];
  /** The fields do not hold all of it. */
  isCut: boolean;
}

/**
 * Takes the body of a dead letter apart, whatever it is: at most 100 fields with 100,000 characters together. Nothing in it is made safe:
 * what shows it has to escape control characters and markup.
 */
export async function readableBody(letter: { source: DeadSource; body: Uint8Array }): Promise<ReadableBody> {
  const { source, body } = letter;
  const text = utf8Text(body);
  const packed = source === "nats" ? await packedIn(body) : null;
  if (packed !== null) return fieldsOf("MessagePack", packed.value);
  if (text === null)
    return { format: "bytes", fields: [{ name: "", text: dump(body) }], isCut: body.length > MOST_DUMPED };
  const json = jsonIn(text);
  return json === null ? fieldsOf("text", text) : fieldsOf("JSON", json.value);
}

/** Only an array or a map is meant as MessagePack: the first letter of any text is a number there. */
async function packedIn(body: Uint8Array): Promise<{ value: unknown } | null> {
  const { messagePackValue } = await import("../../queue/nats/message-pack.ts");
  const found = messagePackValue(body);
  return typeof found?.value === "object" && found.value !== null ? found : null;
}

function jsonIn(text: string): { value: unknown } | null {
  if (text.length > MOST_JSON) return null;
  try {
    let isExact = true;
    const value: unknown = JSON.parse(text, (_key, each: unknown) => {
      isExact &&= !Number.isInteger(each) || Number.isSafeInteger(each);
      return each;
    });
    return isExact && typeof value === "object" && value !== null ? { value } : null;
  } catch {
    return null;
  }
}

function fieldsOf(format: ReadableBody["format"], value: unknown): ReadableBody {
  const entries = entriesOf(value);
  const fields: ReadableBody["fields"] = [];
  let isCut = entries.length > MOST_FIELDS;
  const texts = entries.slice(0, MOST_FIELDS).map(([, each]) => shown(each));
  const most = fairShare(texts.map(({ length }) => length));
  for (const [index, text] of texts.entries()) {
    const [name] = entries[index] ?? [""];
    isCut ||= text.length > most || name.length > MOST_NAME;
    fields.push({ name: shortened(name, MOST_NAME), text: shortened(text, most) });
  }
  return { format, fields, isCut };
}

/** The most characters of a field with which all fit: short fields leave what they do not need to long ones. */
function fairShare(lengths: readonly number[]): number {
  let left = MOST_CHARACTERS;
  let others = lengths.length;
  for (const length of lengths.toSorted((a, b) => a - b)) {
    if (length * others > left) return Math.floor(left / others);
    left -= length;
    others--;
  }
  return MOST_CHARACTERS;
}

function entriesOf(value: unknown): [string, unknown][] {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return [["", value]];
  if (!Array.isArray(value)) return Object.entries(value);
  const names = value.length === MAIL.length ? MAIL : [];
  return value.slice(0, MOST_FIELDS + 1).map((each: unknown, index) => [names[index] ?? String(index), each]);
}

function shown(value: unknown): string {
  if (typeof value === "string" || typeof value === "bigint") return String(value);
  try {
    return JSON.stringify(value, asJson, 2) ?? "";
  } catch {
    // It is nested too deeply to be written.
    return "…";
  }
}

function asJson(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  return value instanceof Uint8Array ? Buffer.from(value.subarray(0, MOST_DUMPED)).toString("base64") : value;
}

/** Lines of 16 bytes: where they are, in hexadecimal, and those that are ASCII. */
function dump(body: Uint8Array): string {
  const lines: string[] = [];
  for (let at = 0; at < Math.min(body.length, MOST_DUMPED); at += BYTES_IN_LINE) {
    const bytes = [...body.subarray(at, Math.min(at + BYTES_IN_LINE, MOST_DUMPED))];
    const digits = bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    const letters = bytes.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : ".")).join("");
    lines.push(`${at.toString(16).padStart(6, "0")}  ${digits.padEnd(3 * BYTES_IN_LINE - 1)}  ${letters}`);
  }
  return lines.join("\n");
}
