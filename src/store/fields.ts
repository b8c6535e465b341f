/** The values of one recipient, and the mail that they are for, as they are kept. */
import { readValues } from "../deliver/values.ts";
import type { Content, Values } from "../message.ts";

/** A JSON array of texts without escapes, as most rows are. To cut it takes less time than to read it. */
const PLAIN = /^\["[^"\\]*"(?:,"[^"\\]*")*\]$/;

/** The columns of a list's row (a JSON array) by name; a field that is missing is empty. Posted data (a JSON object) have none. */
export function columnsOf(columns: readonly string[], fields: string): Record<string, string> {
  const kept = PLAIN.test(fields) ? fields.slice(2, -2).split('","') : (JSON.parse(fields) as string[] | Values);
  if (!Array.isArray(kept)) return {};
  // Only so is a column of this name no prototype. It takes three times as long.
  if (columns.includes("__proto__"))
    return Object.fromEntries(columns.map((column, index) => [column, kept[index] ?? ""]));
  const named: Record<string, string> = {};
  for (let index = 0; index < columns.length; index++) named[columns[index] ?? ""] = kept[index] ?? "";
  return named;
}

/** What a mail is made of, as it is kept: a content, the names of columns and values, each as JSON. */
export interface KeptMail {
  body: string;
  columns: string;
  fields: string;
}

/** The same, read. What else the row has is kept. */
export function mailOf<Row extends KeptMail>({
  body,
  columns,
  fields,
  ...rest
}: Row): Omit<Row, keyof KeptMail> & { content: Content; fields: Values } {
  const content = JSON.parse(body) as Content;
  return { ...rest, content, fields: readValues(JSON.parse(columns) as string[], fields).values };
}
