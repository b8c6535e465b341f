import fc from "../../support/properties.ts";
import { Liquid } from "liquidjs";
import { describe, expect, test } from "vitest";
import { readConditions, teachValues } from "../../../src/compose/liquid/values.ts";
import { refusal, rendered } from "./support.ts";

const ask = (condition: string, values: Record<string, string>) =>
  rendered(`{% if ${condition} %}yes{% else %}no{% endif %}`, values);
const why = (condition: string, values: Record<string, string>) =>
  refusal(`{% if ${condition} %}yes{% endif %}`, values);

describe("conditions", () => {
  test.each<[string, Record<string, string>, "yes" | "no"]>([
    ["a == 1", { a: "1" }, "yes"],
    ["a == 1", { a: "1.0" }, "yes"],
    ["a == 1", { a: " +1 " }, "yes"],
    ["a == 1", { a: "10" }, "no"],
    ["a == 1", { a: "" }, "no"],
    ["a == 1", { a: "one" }, "no"],
    ["a != 1", { a: "1" }, "no"],
    ["a != 1", { a: "2" }, "yes"],
    ["a != 1", { a: "" }, "yes"],
    ["1 == a", { a: "1,0" }, "yes"],
    ["a == 12.5", { a: "12,50" }, "yes"],
    ["a > 50", { a: "9" }, "no"],
    ["a > 50", { a: "100" }, "yes"],
    ["a >= 1000.5", { a: "1.000,50" }, "yes"],
    ["a < 5", { a: "" }, "no"],
    ["a > 5", { a: "" }, "no"],
    ["5 > a", { a: "4" }, "yes"],
    ["a <= 7", { a: "007" }, "yes"],
    // A text in quotes is exactly that text.
    ['a == "1"', { a: "1" }, "yes"],
    ['a == "1"', { a: "1.0" }, "no"],
    ['a == "01234"', { a: "01234" }, "yes"],
    ['a == "01234"', { a: "1234" }, "no"],
    ['a != "01234"', { a: "1234" }, "yes"],
    ['a == "gold"', { a: "gold" }, "yes"],
    ['a == ""', { a: "" }, "yes"],
    ['a == "true"', { a: "TRUE" }, "no"],
    ['a == "1,234"', { a: "1,234" }, "yes"],
    // Columns with each other.
    ["a > b", { a: "100", b: "20" }, "yes"],
    ["a > b", { a: "9", b: "10" }, "no"],
    ["a == b", { a: "1.0", b: "1" }, "yes"],
    ["a == b", { a: "01234", b: "1234" }, "no"],
    ["a == b", { a: "+49301", b: "49301" }, "no"],
    ["a == b", { a: "gold", b: "gold" }, "yes"],
    ["a == b", { a: "gold", b: "Gold" }, "no"],
    ["a == b", { a: "1,234", b: "1,234" }, "yes"],
    ["a == b", { a: "", b: "0" }, "no"],
    ["a == b", { a: "01.03.2026", b: "2026-03-01" }, "yes"],
    ["a == b", { a: "2026-03-01", b: "2026-03-02" }, "no"],
    ["a == b", { a: "2026-03-01T10:00:00+01:00", b: "2026-03-01T09:00:00Z" }, "yes"],
    ["a == b", { a: "2026-03-01 10:00", b: "2026-03-01T10:00:00Z" }, "no"],
    ["a < b", { a: "", b: "5" }, "no"],
    ["a < b", { a: "2026-03-01", b: "2026-03-02" }, "yes"],
    ["a < b", { a: "2026-03-01", b: "2026-03-01 10:00" }, "yes"],
    ["a < b", { a: "31.12.2025", b: "2026-03-01" }, "yes"],
    ['a >= "2026-03-01"', { a: "2026-03-01" }, "yes"],
    ["a < b", { a: "2026-03-01T10:00:00+02:00", b: "2026-03-01T09:00:00Z" }, "yes"],
    // contains
    ['a contains "b"', { a: "abc" }, "yes"],
    ["a contains 5", { a: "x5y" }, "yes"],
    ["a contains b", { a: "abc", b: "" }, "no"],
    ['a contains "b"', { a: "" }, "no"],
    // nil, empty, blank
    ["a == empty", { a: "" }, "yes"],
    ["a == blank", { a: "" }, "yes"],
    ["a != blank", { a: "x" }, "yes"],
    ['"" == empty', { a: "" }, "yes"],
    ["a.size == 3", { a: "abc" }, "yes"],
    ["a == 1 and b == 2", { a: "1", b: "2.0" }, "yes"],
    ["a == 1 or b == 2", { a: "3", b: "2" }, "yes"],
    ["not a == 1", { a: "1" }, "no"],
  ])("%s with %j: %s", (condition, values, expected) => {
    expect(ask(condition, values)).toBe(expected);
  });

  test.each<[string, Record<string, string>, RegExp]>([
    ["a == 1", { a: "1,234" }, /^\{% if a == 1 %\}: "1,234" may be 1234 or 1\.234; write 1234 or 1\.2340 in the list$/],
    ["a > 1", { a: "1.234" }, /"1\.234" may be 1234 or 1\.234/],
    ["a > 50", { a: "n/a" }, /^\{% if a > 50 %\}: "n\/a" is not a number/],
    ["a == b", { a: "1,234", b: "1234" }, /may be 1234 or 1\.234/],
    ["a < b", { a: "apple", b: "pear" }, /"apple" and "pear" are not both numbers or both dates/],
    ["a < b", { a: "03/04/2026", b: "2026-01-01" }, /may be 2026-04-03 or 2026-03-04/],
    ["a < b", { a: "2026-03-01T10:00:00Z", b: "2026-03-01" }, /only one has an offset/],
    ["a == 12345678901234567", { a: "12345678901234568" }, /more than 15 digits.*in quotes/],
  ])("%s with %j is refused", (condition, values, expected) => {
    expect(why(condition, values)).toMatch(expected);
  });

  test("an elsif is named itself, not its if", () => {
    const template = '{% if a == "x" %}1{% elsif a > 5 %}2{% endif %}';
    expect(refusal(template, { a: "soon" })).toMatch(/^\{% elsif a > 5 %\}: "soon"/);
    expect(rendered(template, { a: "6" })).toBe("2");
  });

  test("calculated values compare as numbers", () => {
    expect(rendered("{% assign t = a | plus: b %}{% if t > 10 %}many{% endif %}", { a: "9", b: "2" })).toBe("many");
    expect(rendered('{% assign p = a | split: ";" %}{% if p[1] == 7 %}y{% endif %}', { a: "1;7.0" })).toBe("y");
  });
});

describe("case", () => {
  const template = '{% case a %}{% when 1 %}one{% when 10, 12.5 %}ten{% when "07" %}code{% else %}other{% endcase %}';
  test.each([
    ["1", "one"],
    ["1.0", "one"],
    ["10", "ten"],
    ["12,50", "ten"],
    ["7", "other"],
  ])("%j is %s", (a, expected) => {
    expect(rendered(template, { a })).toBe(expected);
  });

  test("texts in quotes are exact, and a number that may be two is refused", () => {
    const codes = '{% case a %}{% when "07" or "08" %}code{% when 7 %}seven{% else %}other{% endcase %}';
    expect(["07", "08", "7", "7.0", "x", ""].map((a) => rendered(codes, { a }))).toEqual([
      "code",
      "code",
      "seven",
      "seven",
      "other",
      "other",
    ]);
    expect(refusal(codes, { a: "1,234" })).toMatch(/^\{% case a %\}: "1,234" may be/);
  });

  test("an empty value is none of them", () => {
    expect(rendered("{% case a %}{% when 0 %}zero{% when false %}f{% else %}other{% endcase %}", { a: "" })).toBe(
      "other",
    );
  });
});

describe("real values, as posted data will bring them", () => {
  const engine = new Liquid({ jsTruthy: true, ownPropertyOnly: true });
  teachValues(engine);
  const render = (template: string, scope: object) => {
    const templates = engine.parse(template);
    readConditions(templates);
    return engine.renderSync(templates, scope) as string;
  };

  test.each<[string, object, string]>([
    ["{% if n == 1 %}y{% endif %}", { n: 1 }, "y"],
    ['{% if n == "1" %}y{% endif %}', { n: 1 }, "y"],
    ["{% if n > 2 %}y{% else %}n{% endif %}", { n: 10 }, "y"],
    ["{% if b == true %}y{% endif %}", { b: true }, "y"],
    ["{% if b %}y{% else %}n{% endif %}", { b: false }, "n"],
    ["{% if b != true %}y{% endif %}", { b: false }, "y"],
    ["{% if n %}y{% else %}n{% endif %}", { n: 0 }, "n"],
    ["{% if list %}y{% endif %}", { list: [] }, "y"],
    ["{% if list == empty %}y{% endif %}", { list: [] }, "y"],
    ['{% if list contains "b" %}y{% endif %}', { list: ["a", "b"] }, "y"],
    ["{% if list contains 2 %}y{% endif %}", { list: ["1", "2.0"] }, "y"],
    ["{% if a == b %}y{% endif %}", { a: [1, "2"], b: ["1", 2] }, "y"],
    ["{% if x == nil %}y{% endif %}", {}, "y"],
    ["{% if x == 1 %}y{% else %}n{% endif %}", {}, "n"],
    ["{% if o.n < o.m %}y{% endif %}", { o: { n: 9, m: 10 } }, "y"],
    ["{% for i in list %}{% if forloop.last %}{{ i | plus: 1 }}{% endif %}{% endfor %}", { list: [1, 2] }, "3"],
    ["{% for i in list %}{% if forloop.index == 2 %}{{ i }}{% endif %}{% endfor %}", { list: ["a", "b"] }, "b"],
    ['{{ list | sum: "n" }}', { list: [{ n: 0.1 }, { n: "0.2" }, {}] }, "0.3"],
    ['{{ list | join: ", " }}', { list: ["a", null, "b"] }, "a, , b"],
    ["{{ list | array_to_sentence_string }}", { list: [null, "a"] }, " and a"],
  ])("%s of %j is %j", (template, scope, expected) => {
    expect(render(template, scope)).toBe(expected);
  });

  test.each(["append: 'x'", "join", "upcase", "truncate: 3", "split: ','", "url_encode"])(
    "an object has no text for %s",
    (filter) => {
      expect(() => render(`{{ o | ${filter} }}`, { o: { a: 1 } })).toThrow(/expects a text and got an object/);
      expect(() => render(`{{ list | ${filter} }}`, { list: [{ a: 1 }] })).toThrow(/expects a text and got an object/);
    },
  );
});

test("a filter that cannot read a value refuses the row in our words", () => {
  expect(refusal("{{ a | url_decode }}", { a: "100%" })).toMatch(
    /^\{\{ a \| url_decode \}\}: url_decode cannot read this value/,
  );
  expect(refusal("{{ a | base64_decode }}", { a: "§" })).toMatch(/base64_decode cannot read this value/);
});

test("equality of two columns is symmetric, and so is order", () => {
  const value = fc.constantFrom("", "1", "1.0", "01", "10", "9", "a", "b", "2026-03-01", "01.03.2026", "TRUE", "1,50");
  fc.assert(
    fc.property(value, value, (a, b) => {
      expect(ask("a == b", { a, b })).toBe(ask("b == a", { a, b }));
      expect(ask("a != b", { a, b })).not.toBe(ask("a == b", { a, b }));
      const [less, greater] = [why("a < b", { a, b }), why("b > a", { a, b })];
      // A reason names the values in the order they stand.
      const answer = (found: string) => (found.startsWith("not refused") ? found : "refused");
      expect(answer(less)).toBe(answer(greater));
    }),
  );
});
