/** The values of one recipient, and the mail that they are for, as they are kept. */
import type { Content } from "../message.ts";

/** The fields of a message (a JSON array) by column name; a field that is missing is empty. */
export function fieldsOf(columns: readonly string[], fields: string): Record<string, string> {
  const values = JSON.parse(fields) as string[];
  return Object.fromEntries(columns.map((column, index) => [column, values[index] ?? ""]));
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
}: Row): Omit<Row, keyof KeptMail> & { content: Content; fields: Record<string, string> } {
  const content = JSON.parse(body) as Content;
  return { ...rest, content, fields: fieldsOf(JSON.parse(columns) as string[], fields) };
}
