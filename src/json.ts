/** Bytes and values from outside, read as text and as JSON. Nothing here throws. */

/** Whether a parsed JSON value is an object: neither null nor an array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const STRICT = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The text that the bytes are, with its byte order mark, if any; null: they are not UTF-8. */
export function utf8Text(bytes: Uint8Array): string | null {
  try {
    return STRICT.decode(bytes);
  } catch {
    return null;
  }
}

/** The text without the byte order mark that it may begin with. */
export function withoutMark(text: string): string {
  return text.replace(/^\uFEFF/, "");
}

/** The JSON object that the bytes hold, in UTF-8, with or without a byte order mark; null: they hold anything else. */
export function jsonObject(bytes: Uint8Array): Record<string, unknown> | null {
  const text = utf8Text(bytes);
  if (text === null) return null;
  try {
    const value: unknown = JSON.parse(withoutMark(text));
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}
