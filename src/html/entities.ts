import { tokenize } from "./tokens.ts";

/** The value of an attribute with its entities decoded, as a browser reads it. */
export function decodeEntities(value: string): string {
  if (!value.includes("&")) return value;
  let decoded = "";
  const source = `<a a="${value.replaceAll('"', "&quot;")}">`;
  tokenize(
    source,
    {
      onattribdata: (start, end) => (decoded += source.slice(start, end)),
      onattribentity: (codepoint) => (decoded += String.fromCodePoint(codepoint)),
    },
    { decodeEntities: true },
  );
  return decoded;
}
