/** Reads a line of a dump that does not start like JSON. */
import { parseJson } from "../envelopes/json-value.ts";
import { cutOut } from "../envelopes/text-layers.ts";
import { hasTrace } from "../envelopes/traces.ts";

/**
 * The time stamp of a log line: of exports (`…Z message`), `aws logs tail` (`…+00:00 stream message`), and the loggers
 * of most languages (`2026-03-02 09:00:00,123 INFO message`).
 */
const STAMP = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?[ \t]+/;
/** The heading of a CSV file of CloudWatch Logs Insights, and the end of a cell whose text had a line end. */
const CSV = /^(?=.*@message\b)"?[@\w.]+"?(?:,"?[@\w.]+"?)*$|^"[^"{}[\]\\]*$/;
/** Only words: nothing that could be a part of JSON or packed data. */
const WORDS = /^(?!.*[\w+/-]{60})[^{}[\]"\\]*$/;

/**
 * What a line is:
 * - `value`: a record: its JSON, the line itself, or `{message}` for a line of a log.
 * - `jsonAt`: JSON begins at this byte of the line, and either continues after the line or is broken.
 * - `words`: text around records, and no record.
 * - `broken`: the rest of a broken record, perhaps with good ones after it in the same line.
 */
export type Line = { value: unknown } | { jsonAt: number } | "words" | "broken";

/** Reads a line, given without its line end. `isRest`: a record comes before it in the same line. Never throws. */
export function readLine(text: string, isRest: boolean): Line {
  const stamp = STAMP.exec(text)?.[0].length;
  const brace = text.indexOf("{");
  if (stamp !== undefined) return readLogLine(text, stamp, brace);
  // When `JSON.parse` fails, it costs more than everything else here.
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

/**
 * Reads a line with a time stamp. Its message is JSON, JSON after some words (`aws logs tail`, `console.log` of
 * Lambda), or only words.
 */
function readLogLine(text: string, stamp: number, brace: number): Line {
  const value = brace < 0 ? undefined : parseJson(text.slice(brace));
  if (value !== undefined) return { value };
  // The JSON goes on in the next lines, is one of several in this line, or is broken.
  const goesOn = brace === stamp || (brace >= 0 && brace === text.length - 1);
  return goesOn ? { jsonAt: Buffer.byteLength(text.slice(0, brace)) } : { value: { message: text.slice(stamp) } };
}
