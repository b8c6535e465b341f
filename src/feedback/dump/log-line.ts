/** A line of a dump that does not start as JSON does. */
import { parseJson } from "../envelopes/json-value.ts";
import { cutOut } from "../envelopes/text-layers.ts";
import { hasTrace } from "../envelopes/traces.ts";

/**
 * What the time stamp of a log line looks like: exports (`…Z message`), `aws logs tail` (`…+00:00 stream message`), the
 * loggers of most languages (`2026-03-02 09:00:00,123 INFO message`).
 */
const STAMP = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?[ \t]+/;
/** The names in the first line of a CSV file of CloudWatch Logs Insights, and the end of a cell whose text had a line end. */
const CSV = /^(?=.*@message\b)"?[@\w.]+"?(?:,"?[@\w.]+"?)*$|^"[^"{}[\]\\]*$/;
/** Nothing that could be a piece of JSON, or packed. */
const WORDS = /^(?!.*[\w+/-]{60})[^{}[\]"\\]*$/;

/**
 * - `value`: what the record of this line is: its JSON, the line itself, or `{message}` of a log line.
 * - `jsonAt`: JSON begins at this byte of the line, and goes on behind the line or is broken.
 * - `words`: what stands around records, and is none.
 * - `broken`: what is left of a broken record, perhaps with good ones behind it in the same line.
 */
export type Line = { value: unknown } | { jsonAt: number } | "words" | "broken";

/** Reads a line without its end. `isRest`: a record stands before it in the same line. */
export function readLine(text: string, isRest: boolean): Line {
  const stamp = STAMP.exec(text)?.[0].length;
  const brace = text.indexOf("{");
  if (stamp !== undefined) return readLogLine(text, stamp, brace);
  // To fail costs `JSON.parse` more than all the rest.
  const value = /^["\d\-tfn[{]/.test(text) ? parseJson(text) : undefined;
  if (value !== undefined) return { value };
  if (brace < 0) {
    const isNothing = (isRest && WORDS.test(text)) || CSV.test(text);
    return isNothing && !hasTrace(text) ? "words" : { value: text };
  }
  if (brace === text.length - 1 && brace > 0) return { jsonAt: Buffer.byteLength(text) - 1 };
  const { values, broken, isJson } = cutOut(text);
  const isReadable = broken === null ? values.length > 0 : !isJson;
  return isReadable ? { value: text } : "broken";
}

/** The message of a log line: JSON, or JSON behind some words (`aws logs tail`, `console.log` of Lambda), or words. */
function readLogLine(text: string, stamp: number, brace: number): Line {
  const value = brace < 0 ? undefined : parseJson(text.slice(brace));
  if (value !== undefined) return { value };
  // Printed over several lines, or several in a line, or broken.
  const goesOn = brace === stamp || (brace >= 0 && brace === text.length - 1);
  return goesOn ? { jsonAt: Buffer.byteLength(text.slice(0, brace)) } : { value: { message: text.slice(stamp) } };
}
