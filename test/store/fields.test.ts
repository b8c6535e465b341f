import { expect, test } from "vitest";
import { columnsOf } from "../../src/store/fields.ts";
import fc from "../support/properties.ts";

/** The same, read as JSON in any case. */
function readPlainly(columns: readonly string[], fields: string): Record<string, string> {
  const kept: unknown = JSON.parse(fields);
  if (!Array.isArray(kept)) return {};
  return Object.fromEntries(columns.map((column, place) => [column, kept[place] ?? ""]));
}

const odd = fc.constantFrom(
  '"',
  '","',
  "\\",
  "'",
  "[",
  "]",
  '"]',
  '["',
  ",",
  "\n",
  "\u0000",
  "\u001f",
  "\ud800",
  "😀",
  "",
);
const text = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.array(odd).map((parts) => parts.join("")),
  fc.string(),
);
// What was recorded of a row's files stands behind its texts.
const record = fc.oneof(fc.dictionary(text, text), fc.array(text), fc.integer(), fc.constant(null));
const row = fc.oneof(
  fc.array(text),
  fc.tuple(fc.array(text), record).map(([texts, last]) => [...texts, last]),
);

test("the values of a row are those of its JSON, however they are read", () => {
  fc.assert(
    fc.property(fc.oneof(row, fc.dictionary(text, text)), fc.boolean(), (kept, isSpaced) => {
      const fields = JSON.stringify(kept, null, isSpaced ? 1 : 0);
      const columns = ["email", "name", "__proto__", "city"].slice(0, Array.isArray(kept) ? kept.length + 1 : 4);
      expect(columnsOf(columns, fields)).toEqual(readPlainly(columns, fields));
    }),
    { numRuns: 3_000 },
  );
});

test.each([
  "[]",
  '[""]',
  '["",""]',
  '["a","b"]',
  '["a","\\"b\\"","c"]',
  '["a",["b"],"c"]',
  '["a",1,"c"]',
  "{}",
  '{"email":"x"}',
])("%s is read as JSON", (fields) => {
  expect(columnsOf(["email", "name", "city"], fields)).toEqual(readPlainly(["email", "name", "city"], fields));
});
