import fc from "../../support/properties.ts";
import { Liquid } from "liquidjs";
import { describe, expect, test } from "vitest";
import { UserError } from "../../../src/errors.ts";
import { rendered, told } from "./support.ts";

/** Words of LiquidJS's own messages. */
const LIBRARY =
  /ENOENT|unexpected token|expected "\|"|not found|undefined filter|value expression|snapshot|undefined variable|illegal tag|TokenizationError|, line:/i;

describe("a mistake is told in one line: what came, where, and what to write", () => {
  test.each<[string, RegExp]>([
    // Editors
    [
      "{% if plan == “gold” %}y{% endif %}",
      /typographic quotes in \{% if plan == “gold” %\}; write .*\{% if plan == "gold" %\}$/,
    ],
    ["{% if plan == ‘gold’ %}y{% endif %}", /typographic quotes.*\{% if plan == 'gold' %\}$/],
    ["{% if plan == „gold“ %}y{% endif %}", /typographic quotes.*\{% if plan == "gold" %\}$/],
    ["{% if plan == «gold» %}y{% endif %}", /typographic quotes.*\{% if plan == "gold" %\}$/],
    ["{{ name | default: “friend” }}", /typographic quotes.*\{\{ name \| default: "friend" \}\}$/],
    ["{{ “name” }}", /typographic quotes/],
    ["{% if plan == &quot;gold&quot; %}y{% endif %}", /unexpected &quot;.*\{% if plan == "gold" %\}$/],
    ["{% if plan == &#39;gold&#39; %}y{% endif %}", /unexpected &#39;.*\{% if plan == 'gold' %\}$/],
    ["{% if orders &gt; 5 %}y{% endif %}", /unexpected &gt;.*\{% if orders > 5 %\}$/],
    ["{% if orders &lt;= 5 %}y{% endif %}", /unexpected &lt;.*\{% if orders <= 5 %\}$/],
    ['{% if plan == "a" &amp;&amp; name %}y{% endif %}', /unexpected &amp;.*\{% if plan == "a" and name %\}$/],
    ["{{&nbsp;name&nbsp;}}", /unexpected &nbsp;.*\{\{ name \}\}$/],
    [
      String.raw`{{ "\uD83D" }}`,
      /a text that holds half of a character \(a lone surrogate\) in .*write the character itself/,
    ],
    [String.raw`{{ name | default: 'a\uDE00b' }}`, /a text that holds half of a character/],
    [String.raw`{% if name == "\ud83d" %}y{% endif %}`, /a text that holds half of a character/],
    [String.raw`{% assign a = "x\0y" %}`, /a text that holds a NUL character/],
    ["{{ na\u200bme }}", /invisible character \(U\+200B\).*type it anew/],
    ["{% if \ufeffplan %}y{% endif %}", /invisible character \(U\+FEFF\)/],
    ["{{ <b>name</b> }}", /unexpected HTML <b>.*\{\{ name \}\}$/],
    ["{% if <span style='x'>plan</span> %}y{% endif %}", /unexpected HTML/],
    // Signs of other languages
    ['{% if plan = "gold" %}y{% endif %}', /unexpected = in .*write ==: \{% if plan == "gold" %\}$/],
    ['{% if plan === "gold" %}y{% endif %}', /unexpected ===.*\{% if plan == "gold" %\}$/],
    ['{% if plan !== "gold" %}y{% endif %}', /unexpected !==.*\{% if plan != "gold" %\}$/],
    ['{% if plan <> "gold" %}y{% endif %}', /unexpected <>.*\{% if plan != "gold" %\}$/],
    ['{% if plan == "gold" && name == "Ann" %}y{% endif %}', /unexpected &&.*"gold" and name == "Ann" %\}$/],
    ['{% if plan == "gold" || name == "Ann" %}y{% endif %}', /unexpected \|\|.*"gold" or name == "Ann" %\}$/],
    ["{% if !plan %}y{% endif %}", /unexpected !.*\{% if not plan %\}$/],
    ['{% if plan eq "gold" %}y{% endif %}', /unexpected eq.*write ==/],
    ['{% if plan == "gold" AND name %}y{% endif %}', /unexpected AND.*small letters/],
    ["{% if plan == True %}y{% endif %}", /unexpected True.*write true/],
    ['{% if (plan == "gold") %}y{% endif %}', /unexpected parenthesis.*no parentheses/],
    ["{% if len(name) > 3 %}y{% endif %}", /unexpected len\(…\).*no functions.*\| size/],
    ["{% if name.upper() == 1 %}y{% endif %}", /no functions.*\| upcase/],
    ['{{ "Hi " + name }}', /unexpected \+.*plus/],
    ["{% if orders + 1 > 2 %}y{% endif %}", /unexpected \+.*plus/],
    ["{% if orders -1 > 2 %}y{% endif %}", /unexpected -.*minus/],
    ['{{ name ? "a" : "b" }}', /unexpected \?.*\{% if/],
    ['{{ name || "friend" }}', /unexpected \|\|.*default: "friend"/],
    ['{{ name or "friend" }}', /unexpected "or".*default: "friend"/],
    ["{% if name｜size %}y{% endif %}", /unexpected ｜.*write \|/],
    // Braces
    ["{{{name}}}", /three braces in \{\{\{name\}\}\}; write \{\{ name \| raw \}\}/],
    ["{{ name }", /\{\{ name \} begins with \{\{ and ends with \}; write \{\{ name \}\}/],
    ["{{ name } }", /ends with \}; write \{\{ name \}\}/],
    ["{{ name %}", /ends with %\}; write \{\{ name \}\}/],
    ["{% if name }}y{% endif %}", /ends with \}\}; write \{% if name %\}/],
    ["{% if name %}y{% endif }", /ends with \}; write \{% endif %\}/],
    ["{{ name", /\{\{ name is not closed: \{\{ has no \}\}/],
    ["{{ name, dear {{ plan }}", /is not closed/],
    ["{% if name\ny", /line 1: \{% if name is not closed: \{% has no %\}/],
    ['{% if {{ name }} == "x" %}y{% endif %}', /inside of another.*\{% if name == "x" %\}$/],
    ['{{ name | default: "friend }} <b>', /a text that begins with " does not end/],
    ["{% if plan == 'it's' %}y{% endif %}", /a text that begins with ' does not end/],
    ["{{ }}", /no column in \{\{ \}\}/],
    ["{% %}", /no name of a tag/],
    // Blocks
    ["a\n{% if name %}y", /line 2: \{% if name %\} is not closed; write \{% endif %\}/],
    ["{% if name %}y{{ endif }}", /braces of a column around a tag.*\{% endif %\}/],
    ["{% if name %}y{% end %}", /no tag "end".*\{% endif %\}/],
    ["{% if name %}y{% endfor %}", /unexpected \{% endfor %\} while \{% if name %\} is open; write \{% endif %\}/],
    ["{% endif %}", /no \{% if %\} is open/],
    ["{% else %}", /unexpected \{% else %\}: no \{% if %\} is open/],
    ["{% if name %}a{% else %}b{% else %}c{% endif %}", /behind the \{% else %\}/],
    ["{% unless name %}a{% else %}b{% elsif plan %}c{% endunless %}", /behind the \{% else %\}/],
    ["{% if name %}a{% elseif plan %}b{% endif %}", /no tag "elseif".*\{% elsif/],
    ['{% if name %}a{% else if plan == "x" %}b{% endif %}', /a condition behind else.*\{% elsif plan == "x" %\}/],
    ["{% if name %}a{% endif name %}", /unexpected name behind endif/],
    ["<!-- {% if name %} -->", /not closed.*HTML comments count/],
    ["{% break %}", /no \{% for %\} around/],
    // Tags
    ["{% iff name %}y{% endif %}", /no tag "iff".*did you mean \{% if %\}/],
    ["{% IF name %}y{% endif %}", /no tag "IF".*small letters/],
    ['{% include "header" %}', /no tag "include".*copy its text/],
    ['{% set x = "y" %}', /no tag "set".*assign/],
    ["{{ if name }}", /braces of a column around a tag.*\{% if name %\}/],
    ["{{#if name}}y{{/if}}", /Handlebars.*\{% if name %\}/],
    ["{{#each tags}}y{{/each}}", /Handlebars.*\{% for item in tags %\}/],
    ["{% /if %}", /unexpected \/.*\{% endif %\}/],
    ["{{! note }}", /unexpected !.*comment/],
    ["{{> header }}", /unexpected >.*copy its text/],
    ["{{& name }}", /unexpected &.*\| raw/],
    ["{% assign x == 1 %}", /unexpected == instead of =/],
    ["{% assign x %}", /no =/],
    ["{% for t of tags %}y{% endfor %}", /\{% for item in items %\}/],
    ["{% for i in 1..3 %}y{% endfor %}", /\{% for i in \(1\.\.3\) %\}/],
    ['{% for t in tags | split: "," %}y{% endfor %}', /a filter behind the list.*assign/],
    ["{% for t in tags limit=3 %}y{% endfor %}", /no colon behind limit/],
    ["{% case plan %}{% when > 5 %}y{% endcase %}", /unexpected > behind when/],
    // Conditions of which LiquidJS reads only a part
    ['{% if plan == "a" name %}y{% endif %}', /nothing between "a" and name/],
    ["{% if First Name %}y{% endif %}", /nothing between First and Name.*\["First Name"\]/],
    ["{% if plan == %}y{% endif %}", /no value behind ==/],
    ["{% if == 1 %}y{% endif %}", /unexpected ==/],
    ["{% if %}y{% endif %}", /no condition/],
    ["{% if 1 < orders < 5 %}y{% endif %}", /two comparisons in a row/],
    ['{% if tags == "gold" or "silver" %}y{% endif %}', /"silver" alone is always true.*tags == "silver"/],
    ['{% if "silver" or plan == "gold" %}y{% endif %}', /"silver" alone is always true.*plan == "silver"/],
    ["{% if orders == 1 or 2 %}y{% endif %}", /2 alone is always true.*orders == 2/],
    ["{% if name | size > 3 %}y{% endif %}", /\{% assign value = name \| size %\}\{% if value > 3 %\}/],
    ['{% if plan == "a" | upcase %}y{% endif %}', /a filter behind a comparison/],
    ['{% if tags in "a" %}y{% endif %}', /contains/],
    ['{% if tags not contains "a" %}y{% endif %}', /unexpected not.*not tags contains/],
    ["{% if plan constructor %}y{% endif %}", /nothing between/],
    // Filters
    ["{{ name | upper }}", /no filter "upper".*write upcase/],
    ["{{ name | uppcase }}", /no filter "uppcase".*did you mean upcase/],
    ["{{ orders | number_format: 2 }}", /no filter "number_format".*round: 2/],
    ["{{ name | constructor }}", /no filter "constructor"/],
    ["{{ day | date: 'd.m.Y' }}", /'d\.m\.Y' has no %.*date: "%d\.%m\.%Y"/],
    ['{{ day | date: "DD/MM/YYYY" }}', /date: "%d\/%m\/%Y"/],
    ['{{ day | date: "MMMM D, YYYY" }}', /date: "%B %-d, %Y"/],
    ["{{ day | date('d.m.Y') }}", /a parenthesis behind a filter/],
    ['{{ name | default "x" }}', /no colon before "x".*default: "x"/],
    ['{{ name | default="x" }}', /unexpected =/],
    ['{{ name | replace: "a" "b" }}', /no comma before "b"/],
    ["{{ name | append }}", /no value behind append.*append: "!"/],
    ["{{ name | default: }}", /no value behind default:/],
    ["{{ name | }}", /no filter behind \|/],
    ["{{ | upcase }}", /no value before \|/],
    // Names
    ["{{ len(name) }}", /no such column; .*\{\{ name \| size \}\}/],
    ["{{ name.length }}", /no such column; write name\.size/],
    ["{{ name + plan }}", /no such column; .*plus/],
    ["{{ end }}", /no such column; .*\{% endif %\}/],
    ["{{ .name }}", /unexpected \.; write \{\{ name \}\}|unexpected \. in .*\{\{ name \}\}/],
  ])("%s", (template, expected) => {
    const said = told(template);
    expect(said).toMatch(expected);
    expect(said).not.toMatch(LIBRARY);
    expect(said).not.toContain("\n");
    expect(said.length).toBeLessThan(400);
  });
});

describe("what is right is left alone", () => {
  test.each([
    "{{ name }}{{name}}{{- name -}}{{\u00a0name\u00a0}}{{\nname\n}}",
    '{{ name | default: "the “best” &amp; <b>only</b> {friend} = && ||" }}',
    "{{ name | default: 'don\\'t' | append: \"'\" }}",
    '{{ "}}" }}{{ "a" | append: "%" }}',
    '{{ name | truncate: 3, "" | upcase | strip }}',
    '{{ tags | split: "," | first }}{{ tags | split: "," | join: " " }}',
    '{% if plan == "gold" and orders > 1 or not name contains "x" %}a{% elsif orders <= -1.5 %}b{% else %}c{% endif %}',
    "{% if name %}{% endif %}{%- if name -%}{%- endif -%}{%if name%}{%endif%}",
    "{% unless name == blank %}a{% else %}b{% endunless %}",
    '{% case plan %}{% when "a", "b" or "c" %}1{% when 2 %}2{% else %}3{% endcase %}',
    "{% for i in (1..3) reversed limit:2 offset:1 %}{{ i }}{{ forloop.index }}{% break %}{% else %}none{% endfor %}",
    '{% assign parts = tags | split: "," %}{% for part in parts limit: 2, offset: 0 %}{{ part }}{% continue %}{% endfor %}',
    "{% assign vip = true %}{% assign both = name and plan %}{% if vip == true and both %}y{% endif %}",
    "{% capture hello %}Hi {{ name }}{% endcapture %}{{ hello }}",
    "{% raw %}{{{ x }}} {% nope %} {{ }}{% endraw %}",
    "{% comment %} {{ don't }} {% if %} “ ” {% nope %} {% endcomment %}",
    "{% # don't mind “this” = && %}",
    '{% if name == "O\'Brien" %}{% endif %}',
    "<style>@media print{.a{width:100%}}@keyframes x{0%{top:0%}100%{top:9%}}</style>",
    "<script>if (a) {b = {c: {d}}} // {x}} </script> { { } } 100% }} %} { name }",
    '{{ day | date: "%d.%m.%Y" }}{{ day | date: "" }}{{ day | date: plan }}{{ day | date: "%H", "Asia/Seoul" }}',
    '{{ ["name"] }}{{ tags.size }}{{ ["name"].size }}',
    "{% if name == nil or name == empty %}{% endif %}",
    "{% if orders == +5 or orders == 5. %}{% endif %}",
    '{{ name | default: "x", allow_false: true }}',
    "<!-- {% if name %} --><!-- {% endif %} -->",
    "{% if name %}{{ name }}{% if plan %}{% for i in (1..2) %}{% if plan %}{% endif %}{% endfor %}{% endif %}{% endif %}",
  ])("%s", (template) => {
    expect(told(template)).toBe("nothing");
  });

  test("columns by odd names", () => {
    const columns = [
      "email",
      "First Name",
      "What’s your name?",
      "이름",
      "for sale",
      "Case Number",
      "price (EUR)",
      "a-b",
      "2nd",
      "R & D",
      "Vor + Nach",
      "氏名（漢字）",
    ];
    expect(
      told("{{ First Name }}{{ What’s your name? | upcase }}{{ 이름 }}{{ for sale }}{{ Case Number }}", columns),
    ).toBe("nothing");
    expect(told("{{ price (EUR) }}{{ a-b }}{{ 2nd }}{{ R & D }}{{ Vor + Nach }}{{ 氏名（漢字） }}", columns)).toBe(
      "nothing",
    );
    expect(told('{% if 이름 == "x" and ["First Name"] and a-b and 2nd and 氏名（漢字） %}{% endif %}', columns)).toBe(
      "nothing",
    );
  });

  test("joiners inside a word are letters of their script", () => {
    expect(told("{{ می\u200cخواهم }}", ["email", "می\u200cخواهم"])).toBe("nothing");
  });
});

const path = fc.constantFrom("name", "plan", "tags.size", '["name"]', "orders");
const literal = fc.constantFrom('"gold"', "'a b'", "5", "-1.5", '"“x” = &amp;"', "nil", "blank", "empty");
const operand = fc.oneof(path, literal);
const comparison = fc
  .oneof(
    fc.tuple(path, fc.constantFrom("==", "!="), operand),
    // An empty value is contained in nothing here, and in everything there.
    fc.tuple(path, fc.constant("contains"), fc.constantFrom('"gold"', "5", "plan")),
  )
  .map((parts) => parts.join(" "));
const term = fc.oneof(
  path,
  comparison,
  comparison.map((text) => `not ${text}`),
);
const condition = fc
  .tuple(term, fc.array(fc.tuple(fc.constantFrom("and", "or"), term), { maxLength: 2 }))
  .map(([first, rest]) => [first, ...rest.flat()].join(" "));
const filters = fc
  .array(
    fc.constantFrom(
      "upcase",
      "default: 'x'",
      "append: plan",
      'replace: "a", "b"',
      "truncate: 5",
      "strip",
      'split: "," | join: " "',
    ),
    { maxLength: 3 },
  )
  .map((names) => names.map((name) => ` | ${name}`).join(""));
const output = fc.tuple(operand, filters).map(([value, chain]) => `{{ ${value}${chain} }}`);
const { template } = fc.letrec<{ template: string }>((tie) => ({
  template: fc
    .array(
      fc.oneof(
        { depthSize: "small", maxDepth: 3 },
        fc.constantFrom(
          "text ",
          "<p>",
          "}",
          "%",
          " { ",
          "\n",
          "“ ”",
          "&quot;",
          "{% assign t = true %}{% if t == true %}y{% endif %}",
        ),
        output,
        fc
          .tuple(condition, tie("template"), tie("template"))
          .map(([test, yes, no]) => `{% if ${test} %}${yes}{% else %}${no}{% endif %}`),
        fc.tuple(condition, tie("template")).map(([test, yes]) => `{%- unless ${test} -%}${yes}{%- endunless -%}`),
        fc
          .tuple(literal, tie("template"))
          .map(([value, yes]) => `{% case plan %}{% when ${value}, "z" %}${yes}{% endcase %}`),
        fc.tuple(tie("template")).map(([inner]) => `{% for i in (1..2) %}${inner}{{ i }}{% endfor %}`),
        fc.tuple(operand, filters).map(([value, chain]) => `{% assign v = ${value}${chain} %}{{ v }}`),
      ),
      { maxLength: 4 },
    )
    .map((parts) => parts.join("")),
}));

test("no template that is Liquid is refused", () => {
  const liquid = new Liquid({ strictFilters: true });
  fc.assert(
    fc.property(template, (source) => {
      expect(() => liquid.parse(source)).not.toThrow();
      expect(told(source)).toBe("nothing");
    }),
    { numRuns: 500 },
  );
});

test("texts that are exact come out as LiquidJS itself writes them", () => {
  const liquid = new Liquid({ jsTruthy: true, ownPropertyOnly: true });
  const values = { name: "Ann", plan: "gold", tags: "a,b", orders: "five", day: "soon" };
  fc.assert(
    fc.property(template, (source) => {
      expect(rendered(source, values, true)).toBe(liquid.parseAndRenderSync(source, values));
    }),
    { numRuns: 300 },
  );
});

test("whatever is typed, the answer is a UserError or none", () => {
  const piece = fc.constantFrom(
    "{{",
    "}}",
    "{%",
    "%}",
    "{",
    "}",
    '"',
    "'",
    "|",
    ":",
    "=",
    "==",
    "(",
    ")",
    "[",
    "]",
    ".",
    "..",
    ",",
    " ",
    "\n",
    "-",
    "#",
    "/",
    "&",
    "<b>",

    "if",
    "else",
    "endif",
    "for",
    "in",
    "case",
    "when",
    "assign",
    "raw",
    "endraw",
    "comment",
    "endcomment",
    "name",
    "1",
    "and",
    "not",
    "date",
    "“",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 15 }), (pieces) => {
      for (const source of [
        pieces.join(""),
        pieces.join(" "),
        `{{ ${pieces.join(" ")} }}`,
        `{% if ${pieces.join(" ")} %}{% endif %}`,
      ]) {
        const said = told(source);
        expect(said).not.toMatch(LIBRARY);
        expect(said).not.toContain("\n");
      }
    }),
    { numRuns: 1_000 },
  );
});

test("the error is the author's, with the line of his file", () => {
  expect(() => rendered("a\nb\n{{ name | upper }}")).toThrow(UserError);
  expect(told("a\r\nb\r\n{% if x = 1 %}{% endif %}")).toMatch(/^text, line 3: /);
});

test("of many columns a message names the first", () => {
  const columns = Array.from({ length: 500 }, (_, index) => `c${index}`);
  expect(told("{{ nobody }}", columns)).toMatch(/the columns are c0, c1, .*, c29 and 470 more; or write/);
});
