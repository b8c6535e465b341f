import fc from "../../support/properties.ts";
import { describe, expect, test } from "vitest";
import { plainNumber, readNumber } from "../../../src/compose/liquid/numbers.ts";
import { refusal, rendered } from "./support.ts";

describe("a text that reads as a number", () => {
  test.each<[string, number]>([
    ["1", 1],
    ["1.0", 1],
    [" 1 ", 1],
    ["\u00a01\u00a0", 1],
    ["+1", 1],
    ["-0.5", -0.5],
    ["-.5", -0.5],
    ["0,125", 0.125],
    ["12,50", 12.5],
    ["1,000.50", 1000.5],
    ["1.000,50", 1000.5],
    ["1 000", 1000],
    ["1\u202f000,5", 1000.5],
    ["1'000", 1000],
    ["1’000.25", 1000.25],
    ["1,234,567", 1234567],
    ["1.234.567", 1234567],
    ["12,34,567.00", 1234567],
    ["1234.567", 1234.567],
    ["0.1", 0.1],
    ["-0", 0],
    ["−5", -5],
    ["１２", 12],
    ["٣٫٥", 3.5],
    ["007", 7],
    ["999999999999999", 999_999_999_999_999],
  ])("%j is %d", (text, number) => {
    expect(readNumber(text)).toMatchObject({ kind: "number", number });
  });

  test.each(["1,234", "1.234", "-1,234", "+123.456", "12345678901234567", "0.1234567890123456"])(
    "%j is not clear",
    (text) => {
      expect(readNumber(text)).toMatchObject({ kind: "unclear" });
    },
  );

  test.each([
    "",
    " ",
    "soon",
    "1 apple",
    "€12",
    "12%",
    "1e5",
    "1E+05",
    "0x10",
    "Infinity",
    "NaN",
    "1,00.50",
    "1.2.3",
    "1,2,3",
    "1 00",
    "--1",
    "1.",
    ".",
    "-",
    "1-2",
    "2026-03-01",
    "01.03.2026",
    "constructor",
    "²",
  ])("%j is none", (text) => {
    expect(readNumber(text)).toBeNull();
  });

  test("is read back however it is grouped, unless it may be two numbers", () => {
    const cents = fc.integer({ min: -99_999_999, max: 99_999_999 });
    const marks = fc.constantFrom([",", "."], [".", ","], [" ", ","], ["'", "."]);
    fc.assert(
      fc.property(cents, marks, (value, [group = "", decimal = ""]) => {
        const english = (value / 100).toLocaleString("en-US", { minimumFractionDigits: 2 });
        const text = english.replace(/[,.]/g, (mark) => (mark === "," ? group : decimal));
        expect(readNumber(text)).toMatchObject({ kind: "number", number: value / 100 });
      }),
    );
  });

  test("never throws, whatever the text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (text) => {
        expect(() => readNumber(text)).not.toThrow();
      }),
    );
  });
});

test.each([
  [1e21, "1000000000000000000000"],
  [1e-7, "0.0000001"],
  [12.5, "12.5"],
  [-1.5e-10, "-0.00000000015"],
])("%d is shown as %s", (number, text) => {
  expect(plainNumber(number)).toBe(text);
});

describe("arithmetic", () => {
  test.each<[string, Record<string, string>, string]>([
    ["{{ a | plus: b }}", { a: "100", b: "20" }, "120"],
    ["{{ a | plus: b }}", { a: "0.1", b: "0,2" }, "0.3"],
    ["{{ a | minus: 0.1 }}", { a: "0.3" }, "0.2"],
    ["{{ a | times: 3 }}", { a: "1,000.50" }, "3001.5"],
    ["{{ a | divided_by: 4 }}", { a: "10" }, "2.5"],
    ["{{ a | divided_by: 4, true }}", { a: "10" }, "2"],
    ["{{ a | divided_by: 3 | round: 2 }}", { a: "10" }, "3.33"],
    ["{{ a | modulo: 3 }}", { a: "-1" }, "2"],
    ["{{ a | abs }}", { a: "-1.50" }, "1.5"],
    ["{{ a | ceil }} {{ a | floor }} {{ a | round }}", { a: "1,5" }, "2 1 2"],
    ["{{ a | at_least: 5 }} {{ a | at_most: 5 }}", { a: "10" }, "10 5"],
    ["{{ a | divided_by: 10000000 }}", { a: "1" }, "0.0000001"],
    ["{{ a | divided_by: 10000000 | times: 2 }}", { a: "1" }, "0.0000002"],
    ["{{ a | to_integer }}", { a: "12,50" }, "12.5"],
    ['{{ a | split: ";" | sum }}', { a: "1,50;2;" }, "3.5"],
    ["{{ a | times: 0 | minus: 0 }}", { a: "-5" }, "0"],
  ])("%s of %j is %s", (template, values, expected) => {
    expect(rendered(template, values)).toBe(expected);
    expect(refusal(template, values)).toBe(`not refused: ${expected}`);
  });

  test.each<[string, string, RegExp]>([
    ["{{ a | plus: 1 }}", "soon", /^\{\{ a \| plus: 1 \}\}: "soon" is not a number; write the figure alone/],
    ["{{ a | times: 2 }}", "€12", /"€12" is not a number/],
    ["{{ 5 | plus: a }}", "x", /"x" is not a number/],
    ["{{ a | plus: 1 }}", "1,234", /"1,234" may be 1234 or 1\.234; write 1234 or 1\.2340/],
    ["{{ 5 | divided_by: a }}", "0", /5 cannot be divided by 0/],
    ["{{ 5 | modulo: a }}", "0,0", /cannot be divided by 0/],
    ["{{ a | times: a }}", "999999999", /more than 15 digits/],
    ["{% assign b = a | plus: 1 %}{{ b }}", "soon", /^\{% assign b = a \| plus: 1 %\}: "soon"/],
    ['{{ a | split: ";" | sum }}', "1;soon", /"soon" is not a number/],
    ["{{ a | to_integer }}", "soon", /"soon" is not a number/],
    ["{% if true %}{{ a | round }}{% endif %}", "n/a", /"n\/a" is not a number/],
  ])("%s of %j is refused with its place", (template, a, expected) => {
    expect(refusal(template, { a })).toMatch(expected);
  });

  test("nothing stays nothing, and a default speaks for it", () => {
    expect(refusal("{{ a | plus: 1 }}", { a: "" })).toBe("{{ a }} is empty and has no default");
    expect(rendered('{{ a | times: 2 | default: "none" }}', { a: "" })).toBe("none");
    expect(rendered("{{ a | default: 0 | plus: 1 }}", { a: "" })).toBe("1");
    expect(rendered("[{{ a | plus: 1 }}]", { a: "" }, true)).toBe("[]");
    expect(rendered("{% assign b = a | plus: 1 %}{% if b > 5 %}x{% else %}y{% endif %}", { a: "" })).toBe("y");
  });

  test("never mails NaN, Infinity, exponents or the dust of binary fractions", () => {
    const filter = fc.constantFrom("plus", "minus", "times", "divided_by", "modulo", "at_least", "at_most", "round");
    const value = fc.oneof(
      fc.double().map(String),
      fc.integer().map(String),
      fc.constantFrom("", "x", "1,5", "1.000,50", "0"),
    );
    fc.assert(
      fc.property(filter, value, value, (name, a, b) => {
        const found = refusal(`{{ a | ${name}: b }}`, { a, b });
        const came = /^not refused: (.*)$/.exec(found)?.[1];
        expect(came ?? found).toMatch(
          came === undefined ? / is empty| is not a number| may be | divided by 0|15 digits/ : /^-?\d+(?:\.\d{1,20})?$/,
        );
      }),
    );
  });
});
