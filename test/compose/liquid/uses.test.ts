import { analyzeSync, Token } from "liquidjs";
import { afterEach, expect, test, vi } from "vitest";
import { engine } from "../../../src/compose/liquid/engine.ts";
import { parsePart } from "../../../src/compose/liquid/part.ts";
import { usesIn } from "../../../src/compose/liquid/uses.ts";

afterEach(() => vi.restoreAllMocks());

test.each([
  "{{ name }} {{ a.b.c }} {{ a.size }} {{ first | default: last, x | append: tail }}",
  '{% if plan == "gold" and orders > min %}{{ name }}{% elsif vip %}{{ coupon }}{% else %}{{ other }}{% endif %}',
  "{{ later }}{% assign later = name | upcase %}{{ later }}{% capture text %}{{ city }}{% endcapture %}{{ text }}",
  "{% for item in list %}{{ item }}{{ forloop.index }}{{ name }}{% assign in = item %}{% endfor %}{{ item }}{{ in }}",
  "{% for i in (from..to) limit: most offset: skip %}{{ i }}{% endfor %}",
  "{% case plan %}{% when gold, 'x' %}{{ a }}{% else %}{{ b }}{% endcase %}{% unless off %}{{ c }}{% endunless %}",
  '{{ a[b] }} {{ a[b.c].d }} {{ ["First Name"] }} {{ [x] }} {{ [x.y].z }} {{ a[0] }} {{ a["b"] }} {{ 5 }} {{ "text" }}',
  "{% comment %}{{ no }}{% endcomment %}{% raw %}{{ no }}{% endraw %}{{ true }}{{ empty }}{{ nil }}",
])("what a template asks for is what LiquidJS finds: %s", (source) => {
  const templates = engine().parse(source);
  const { globals } = analyzeSync(templates, { partials: false });
  const found = new Map<string, string[][]>();
  for (const { name, segments } of usesIn(templates)) found.set(name, [...(found.get(name) ?? []), segments]);
  expect([...found.keys()]).toEqual(Object.keys(globals));
  for (const [name, uses] of Object.entries(globals)) {
    expect(found.get(name)?.map((segments) => [segments[0], segments.length])).toEqual(
      uses.map(({ segments }) => [segments[0], segments.length]),
    );
  }
});

/** Each counts lines from the beginning of the source. */
function positionsAskedFor(outputs: number): number {
  const spy = vi.spyOn(Token.prototype, "getPosition");
  parsePart("<p>{{ name }} {{ city | upcase }}</p>\n".repeat(outputs), {
    label: "HTML",
    name: "body",
    language: "html",
    allowEmpty: false,
  });
  const calls = spy.mock.calls.length;
  spy.mockRestore();
  return calls;
}

test("the work for a long template is that of its length: nothing counts the lines before each variable", () => {
  expect(positionsAskedFor(100)).toBe(positionsAskedFor(1));
});
