/** Reads the values of a message as they are kept: those of a list's row, or those that a program posted. */
import { nameless, type Values } from "../message.ts";

/**
 * The values of a message by name. `fields` is a JSON array of texts in the order of `columns`, where what is missing is empty; or the
 * JSON object that was posted. `record`: what `Examiner` recorded of a row's files; null: nothing. The values inherit no name, so that they
 * may have any.
 */
export function readValues(columns: readonly string[], fields: string): { values: Values; record: string | null } {
  const kept = JSON.parse(fields) as string[] | Values;
  // What is posted may have other names each time.
  if (!isRow(kept))
    return { values: Object.assign(Object.create(null) as Record<string, Values[string]>, kept), record: null };
  const values = nameless();
  for (let i = 0; i < columns.length; i++) values[columns[i] ?? ""] = kept[i] ?? "";
  return { values, record: kept[columns.length] ?? null };
}

const isRow = (kept: string[] | Values): kept is string[] => Array.isArray(kept);
