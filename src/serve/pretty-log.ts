/** The log for a person at a terminal: a line of text for each line of JSON. */
import { Writable } from "node:stream";
import { printable } from "../printable.ts";

/** Names of pino's levels. */
const LEVELS = new Map([
  [10, "TRACE"],
  [20, "DEBUG"],
  [30, "INFO"],
  [40, "WARN"],
  [50, "ERROR"],
  [60, "FATAL"],
]);

/**
 * A stream for pino that writes `09:00:00 WARN  text  key=value …` to `output`, in local time. Foreign text cannot control the
 * terminal. A line that is no JSON is written as it is, made harmless.
 */
export function prettyStream(output: NodeJS.WritableStream): Writable {
  let rest = "";
  return new Writable({
    decodeStrings: false,
    write(chunk: string | Buffer, _encoding, done) {
      const lines = (rest + chunk.toString()).split("\n");
      rest = lines.pop() ?? "";
      output.write(lines.map((line) => `${prettyLine(line)}\n`).join(""), done);
    },
  });
}

function prettyLine(line: string): string {
  const entry = parsed(line);
  if (entry === null) return printable(line);
  const { level, time, msg, err, ...facts } = entry;
  const at = new Date(String(time));
  const clock = Number.isNaN(at.getTime()) ? "" : at.toTimeString().slice(0, 8);
  const name = (LEVELS.get(Number(level)) ?? "INFO").padEnd(5);
  const pairs = Object.entries(facts).flatMap(([key, value]) => (value === null ? [] : [`${key}=${valueText(value)}`]));
  const text = [`${clock} ${name} ${textOf(msg)}`, ...pairs].join("  ");
  return err === undefined ? printable(text) : `${printable(text)}${errorText(err)}`;
}

function parsed(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? { ...value } : null;
  } catch {
    return null;
  }
}

function valueText(value: unknown): string {
  if (typeof value === "string") return /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);
  return JSON.stringify(value) ?? "";
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : valueText(value);
}

/** Its stack, each line indented; without one its text. */
function errorText(error: unknown): string {
  const { message = "", stack = "" } = Object(error) as { message?: string; stack?: string };
  return (stack || message)
    .split("\n")
    .map((line) => `\n    ${printable(line.trim())}`)
    .join("");
}
