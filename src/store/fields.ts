/** The values of one recipient, as they are kept. */

/** The fields of a message (a JSON array) by column name; a field that is missing is empty. */
export function fieldsOf(columns: readonly string[], fields: string): Record<string, string> {
  const values = JSON.parse(fields) as string[];
  return Object.fromEntries(columns.map((column, index) => [column, values[index] ?? ""]));
}
