/** Reads JSON that we do not trust. */
import { isObject } from "../../json.ts";

/** A JSON object that we do not trust: read it only by names we know, and check every value. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** The JSON value of a text; undefined when it is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** The value if it is an object, else an empty object. */
export function asObject(value: unknown): JsonObject {
  return isObject(value) ? value : NONE;
}

/** The value if it is an array, else an empty array. */
export function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The value if it is a text that is not empty, cut to `limit` characters; else null. */
export function asText(value: unknown, limit = 1_000): string | null {
  if (typeof value !== "string" || value === "") return null;
  return value.length > limit ? value.slice(0, limit) : value;
}

/** Without a prototype, so that no name is found in `Object.prototype`. */
const NONE: JsonObject = Object.create(null) as JsonObject;
