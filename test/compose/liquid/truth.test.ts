import fc from "../../support/properties.ts";
import { describe, expect, test } from "vitest";
import { readTruth } from "../../../src/compose/liquid/truth.ts";
import { refusal, rendered } from "./support.ts";

const ask = (condition: string, a: string) =>
  rendered(`{% if ${condition} %}yes{% else %}no{% endif %}`, { a, b: "x" });

const YES = [
  "TRUE",
  "True",
  "true",
  "yes",
  "Y",
  "1",
  "1.0",
  "ja",
  "WAHR",
  "wahr",
  "VRAI",
  "oui",
  "sí",
  "예",
  "はい",
  "да",
  " true ",
];
const NO = [
  "FALSE",
  "False",
  "no",
  "N",
  "0",
  "0.0",
  "nein",
  "FALSCH",
  "falsch",
  "FAUX",
  "아니요",
  "거짓",
  "ONWAAR",
  "нет",
  "off",
];

describe("asked for with true or false", () => {
  test.each(YES)("%j is true", (a) => {
    expect([ask("a == true", a), ask("a == false", a), ask("a != true", a), ask("true == a", a)]).toEqual([
      "yes",
      "no",
      "no",
      "yes",
    ]);
  });

  test.each(NO)("%j is false", (a) => {
    expect([ask("a == true", a), ask("a == false", a), ask("a != true", a)]).toEqual(["no", "yes", "yes"]);
  });

  test("an empty cell is neither", () => {
    expect([ask("a == true", ""), ask("a == false", ""), ask("a != true", "")]).toEqual(["no", "no", "yes"]);
  });

  test.each(["maybe", "2", "gold", "Anna"])("%j is refused with its place", (a) => {
    const found = refusal("{% if a == true %}x{% endif %}", { a });
    expect(found).toBe(
      `{% if a == true %}: "${a}" is neither true nor false; write yes or no in the list, or compare it with a text in quotes`,
    );
  });
});

describe("a bare condition", () => {
  test.each(["", " ", "FALSE", "false", "False", "FALSCH", "FAUX", "FALSO", "ONWAAR", "거짓", "0", "0.0", "0,00"])(
    "%j is false",
    (a) => {
      expect([ask("a", a), ask("not a", a), ask("a and b", a), ask("a or b", a), ask("b and a", a)]).toEqual([
        "no",
        "yes",
        "no",
        "yes",
        "no",
      ]);
      expect(rendered("{% unless a %}un{% endunless %}", { a })).toBe("un");
      expect(rendered("{% if b == nil %}{% elsif a %}y{% else %}n{% endif %}", { a, b: "" })).toBe("n");
    },
  );

  test.each(["TRUE", "yes", "x", "Ann", "Faux-Martin", "00", "000", "00501", "Noah", "f", "false positive", "5", "-1"])(
    "%j is true",
    (a) => {
      expect([ask("a", a), ask("not a", a), ask("a and b", a)]).toEqual(["yes", "no", "yes"]);
    },
  );

  test.each(["no", "No", "n", "off", "nein", "non", "Faux", "falsch", "아니요"])(
    "%j is refused: it may be a name",
    (a) => {
      for (const template of [
        "{% if a %}x{% endif %}",
        "{% unless a %}x{% endunless %}",
        "{% if b and a %}x{% endif %}",
      ]) {
        const found = refusal(template, { a, b: "x" });
        expect(found).toMatch(/^\{% (?:if|unless) .*: ".*" may mean no or be a value; write == true .*, or != ""/);
      }
      expect(ask('a != ""', a)).toBe("yes");
      expect(ask("a == true", a)).toBe("no");
    },
  );

  test("what the left side has decided is not asked again", () => {
    expect(ask("c and a", "no")).toBe("no");
    expect(ask("b or a", "no")).toBe("yes");
  });

  test("a value from elsewhere follows the same rules", () => {
    expect(rendered("{% assign v = a %}{% if v %}y{% else %}n{% endif %}", { a: "FALSE" })).toBe("n");
    expect(rendered("{% capture v %}{{ a }}{% endcapture %}{% if v %}y{% else %}n{% endif %}", { a: "0" })).toBe("n");
  });
});

test("output and default stay as they are", () => {
  expect(rendered("{{ a }} {{ a | upcase }} {{ a | default: 'x' }}", { a: "False" })).toBe("False FALSE False");
  expect(rendered("{{ a }}", { a: "no" })).toBe("no");
});

test("no text is yes and no at once, nor changed by its case", () => {
  fc.assert(
    fc.property(fc.constantFrom(...YES, ...NO), (text) => {
      expect(readTruth(text.toUpperCase())).toBe(readTruth(text));
    }),
  );
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      expect(() => readTruth(text)).not.toThrow();
    }),
  );
});
