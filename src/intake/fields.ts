/** A parsed JSON object. Nothing is known of its fields yet. */
export type Fields = Record<string, unknown>;

/** Whether a parsed JSON value is an object: neither null nor an array. */
export function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
