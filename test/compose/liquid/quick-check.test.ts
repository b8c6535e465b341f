/** The quick check says yes only where the whole one finds nothing, and it does say yes to what programs usually post. */
import { describe, expect, test } from "vitest";
import { parse } from "../../../src/compose/liquid/part.ts";
import { quickCheckOf } from "../../../src/compose/liquid/quick-check.ts";
import { prepareTemplate } from "../../../src/compose/mail/tools.ts";
import type { Content, Values } from "../../../src/message.ts";
import fc from "../../support/properties.ts";
import { templateContent } from "../../support/templates.ts";

const quick = (source: string) =>
  quickCheckOf(parse(source, { label: "HTML", name: "body", language: "html", allowEmpty: false }), new Set(["email"]));

describe("data", () => {
  test.each<[string, Values, boolean]>([
    ["{{ code }}", { code: "1" }, true],
    ["{{ code }}", { code: 0 }, true],
    ["{{ code }}", { code: false }, true],
    ["{{ code }}", { code: " " }, false],
    ["{{ code }}", { Code: "1" }, false],
    ["{{ code }}", { code: ["1"] }, false],
    ["{{ code }}", {}, false],
    ['{{ code | default: "x" }}', {}, true],
    ['{{ code | default: "x" }}', { code: "" }, true],
    ['{{ code | default: "x" }}', { CODE: [] }, false],
    ['{{ a.b | default: "x" }}', { a: {} }, false],
    ["{{ email }}", {}, true],
    ["{{ a.b.c | upcase }}", { a: { b: { c: "x" } } }, true],
    ["{{ a.b.c }}", { a: { b: "x" } }, false],
    ["{{ a.size }}", { a: [1] }, false],
    ["{% for i in list %}{{ i.name }}{{ code }}{% endfor %}", { list: [{ name: "a" }, { name: "b" }], code: 1 }, true],
    ["{% for i in list %}{{ i.name }}{% endfor %}", { list: [{ name: "a" }, {}] }, false],
    ["{% for i in list %}{{ i }}{% endfor %}", { list: [] }, true],
    ["{% for i in list %}{{ i }}{% else %}{{ none }}{% endfor %}", { list: [] }, false],
    ["{% for i in list %}{{ i }}{% endfor %}", { list: "abc" }, false],
    ["{% for i in list %}{{ i }}{% endfor %}", { list: Array.from({ length: 201 }, () => 1) }, false],
    ["{% for i in a %}{% for j in i.b %}{{ j }}{{ i.c }}{% endfor %}{% endfor %}", { a: [{ b: [1, 2], c: 3 }] }, true],
    ["{% for code in list %}{{ code }}{% endfor %}{{ code }}", { list: [1] }, false],
    ["{% if vip %}{{ code }}{% endif %}", { vip: true, code: 1 }, true],
    ["{% if vip %}{{ code }}{% endif %}", { vip: false }, false],
    ["{% if vip %}a{% endif %}", { vip: "no" }, false],
    ["{% if vip and new %}a{% else %}b{% endif %}", { vip: false, new: true }, true],
    ["{% unless n > 3 %}a{% endunless %}", { n: 4 }, true],
    ["{% if n > 3 %}a{% endif %}", { n: "4" }, false],
  ])("%s with %j: %s", (source, data, expected) => {
    expect(typeof quick(source)?.(data)).toBe(expected ? "number" : "object");
  });

  test.each([
    "{{ a | date: '%Y' }}",
    "{{ a | append: b }}",
    "{{ a[b] }}",
    "{{ a.first }}{{ a[0] }}",
    "{% assign x = 1 %}",
    "{% capture x %}{% endcapture %}",
    "{% case a %}{% when 1 %}{% endcase %}",
    "{% for i in list limit: 2 %}{% endfor %}",
    "{% for i in (1..3) %}{% endfor %}",
    "{% for i in list %}{{ forloop.index }}{% endfor %}",
    "{% if a contains 'x' %}{% endif %}",
    "{% if a == 'x' and b %}{% endif %}",
  ])("%s is left to its execution", (source) => {
    expect(quick(source)).toBe(null);
  });
});

const TEMPLATES: Partial<Content>[] = [
  { html: "<p>{{ a }}</p>", subject: "{{ b }} for you" },
  { html: '{{ a | default: "x" }}{% for i in list %}{{ i.a }}{% else %}{{ b }}{% endfor %}', subject: "s" },
  { html: "{% if a %}{{ b }}{% endif %}{% unless b > 3 %}{{ a }}{% endunless %}", text: "{{ a }}" },
  { html: "x", headers: [{ name: "X-A", value: "{{ a }} {{ b }}" }], preheader: "{{ a }}" },
];

test("whatever the data are, the answer is the same with and without it", async () => {
  const leaf = fc.oneof(
    fc.string({ maxLength: 4, unit: "binary" }),
    fc.constantFrom("", " ", "a", "\n", "한", "no", "x".repeat(120), 0, 4, true, false, null, 1.5),
  );
  const item = fc.oneof(leaf, fc.record({ a: leaf }, { requiredKeys: [] }));
  const value = fc.oneof(leaf, fc.array(item, { maxLength: 3 }), fc.record({ a: leaf }));
  const data = fc.record(
    { a: value, b: value, list: fc.oneof(value, fc.array(item, { maxLength: 3 })), A: value },
    { requiredKeys: [] },
  );
  const warm = { a: "a", b: 4, list: [{ a: "a" }] };
  for (const fields of TEMPLATES) {
    const content = templateContent(fields);
    const seasoned = await prepareTemplate(content);
    seasoned.check("ann@example.com", fields.html?.includes("{% if a") ? { a: true, b: 4 } : warm);
    await fc.assert(
      fc.asyncProperty(data, async (given) => {
        const fresh = await prepareTemplate(content);
        expect(seasoned.check("ann@example.com", given)).toEqual(fresh.check("ann@example.com", given));
      }),
    );
  }
});
