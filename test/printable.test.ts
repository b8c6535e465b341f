import fc from "./support/properties.ts";
import { describe, expect, test } from "vitest";
import { isPrintable, printable, printableLines, shortened } from "../src/printable.ts";

describe("printable", () => {
  test.each([
    ["\u001b[2J\u001b]0;title\u0007", "\\x1b[2J\\x1b]0;title\\x07"],
    ["line\nbreak\r\tand tab", "line\\nbreak\\r\\tand tab"],
    ["\u0000\u007f\u009b31m", "\\x00\\x7f\\x9b31m"],
    ["moc.elpmaxe\u202e@a", "moc.elpmaxe\\u202e@a"],
    ["\u2066a\u2069\u200b\ufeff\u2028", "\\u2066a\\u2069\\u200b\\ufeff\\u2028"],
    ["a\u00adb\u034f\u115f\u3164\u180e\u206a\uffa0\ufff9", "a\\xadb\\u034f\\u115f\\u3164\\u180e\\u206a\\uffa0\\ufff9"],
    ["\u{e0041}\u{e007f} \ud800", "\\u{e0041}\\u{e007f} \\ud800"],
  ])("shows %j", (text, expected) => {
    expect(printable(text)).toBe(expected);
  });

  test.each(["뉴스레터 1월", "naïve café", "👩‍👩‍👧 می‌خواهم", "❤\ufe0f", "a\\x1b"])("leaves %j alone", (text) => {
    expect(printable(text)).toBe(text);
  });

  test("isPrintable says whether all of a text is seen", () => {
    expect(["mail-1", "뉴스레터 1월", "👩‍👩‍👧 می‌خواهم"].map(isPrintable)).toEqual([true, true, true]);
    expect(["u\u202e26", "u\u200b1", "u\u00ad1", "a\nb", "\ud800", "\u{e0041}"].some(isPrintable)).toBe(false);
  });

  test("lets no control character through, whatever comes", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(/\p{Cc}/u.test(printable(text))).toBe(false);
        expect(/\p{Cc}/u.test(printableLines(text).replace(/[\n\t]/g, ""))).toBe(false);
      }),
    );
  });
});

test("whatever a text consists of, each of its characters is shown as it is by itself", () => {
  const each = fc.oneof(
    fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 1 }),
    fc.string({ unit: "binary", maxLength: 1 }),
  );
  fc.assert(
    fc.property(fc.array(each), (characters) => {
      // The letter keeps a lone half from joining the one beside it.
      const text = characters.join("a");
      expect(printable(text)).toBe(characters.map(printable).join("a"));
      expect(printableLines(text)).toBe(characters.map(printableLines).join("a"));
    }),
  );
});

test("printableLines keeps lines and tabs, and nothing else", () => {
  expect(printableLines("a\n\tb\r\n\u001b[m")).toBe("a\n\tb\\r\n\\x1b[m");
});

test.each([
  ["email:send#1-0", "email:send#1-0"],
  ["k".repeat(20), "k".repeat(20)],
  ["k".repeat(70_000), `${"k".repeat(20)}…`],
  ["🎉".repeat(21), `${"🎉".repeat(20)}…`],
])("a long text is cut between characters", (text, short) => {
  expect(shortened(text, 20)).toBe(short);
});
