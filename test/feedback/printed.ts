/** Events as other programs write them: what nobody can read back, and nobody may ignore. */
import { isObject } from "../../src/json.ts";

/** As `print` of Python does. */
export function printedByPython(value: unknown): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "string") return `'${value.replaceAll("'", "\\'").replaceAll("\n", "\\n")}'`;
  if (Array.isArray(value)) return `[${value.map(printedByPython).join(", ")}]`;
  if (!isObject(value)) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([key, member]) => `'${key}': ${printedByPython(member)}`)
    .join(", ")}}`;
}

/** All names in lower case, as the tables of Athena have them. */
export function lowerCased(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(lowerCased);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key.toLowerCase(), lowerCased(member)]));
}

/** One level of names with dots, as log queries give them. */
export function flattened(value: unknown, path = ""): Record<string, unknown> {
  if (typeof value !== "object" || value === null) return { [path]: value };
  const parts = Object.entries(value).map(([key, member]) => flattened(member, path === "" ? key : `${path}.${key}`));
  return Object.assign({}, ...parts) as Record<string, unknown>;
}
