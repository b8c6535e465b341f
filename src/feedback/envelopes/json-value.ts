/** A JSON object nobody vouches for: read it only by names we know, and check every value. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** The JSON value of a text; undefined when it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value as an object; an empty one when it is none. */
export function asObject(value: unknown): JsonObject {
  return isObject(value) ? value : NONE;
}

/** The value as an array; an empty one when it is none. */
export function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** A text with something in it, cut to `limit` characters; null for everything else. */
export function asText(value: unknown, limit = 1_000): string | null {
  if (typeof value !== "string" || value === "") return null;
  return value.length > limit ? value.slice(0, limit) : value;
}

/** Without a prototype: a name it does not have is never found in `Object.prototype`. */
const NONE: JsonObject = Object.create(null) as JsonObject;
