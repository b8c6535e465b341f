import { readFileSync } from "node:fs";
import { Liquid } from "liquidjs";
import fc from "../../support/properties.ts";
import { describe, expect, test } from "vitest";
import { RenderProblem } from "../../../src/compose/problem.ts";
import { prepareTemplate } from "../../../src/compose/mail/tools.ts";
import type { CompiledTemplate } from "../../../src/compose/mail/posted-template.ts";
import type { Content, Values } from "../../../src/message.ts";
import { CONTENT } from "../../support/store-actions.ts";

const ANN = "ann@example.com";

const template = (html: string, change: Partial<Content> = {}): Promise<CompiledTemplate> =>
  prepareTemplate({ ...CONTENT, subject: "s", format: "html", html, text: "", headers: [], ...change });

/** What a template makes of data; `render` of the template and of its content, and the plain way, have to agree. */
async function made(html: string, data: unknown, change: Partial<Content> = {}): Promise<string> {
  const compiled = await template(html, change);
  expect(compiled.check(ANN, data)).toEqual([]);
  const mail = compiled.render(ANN, data);
  expect(compiled.content.render(ANN, data as Values)).toEqual(mail);
  expect(compiled.content.renderPlainly(ANN, data as Values)).toEqual({ html: mail.html, text: mail.text });
  return mail.html;
}

/** The problems of data as `path message`; `render` has to refuse them, too. */
async function problems(html: string, data: unknown, change: Partial<Content> = {}): Promise<string[]> {
  const compiled = await template(html, change);
  const found = compiled.check(ANN, data).map(({ path, message }) => `${path}: ${message}`);
  expect(isRefused(() => compiled.render(ANN, data))).toBe(found.length > 0);
  return found;
}

function isRefused(work: () => unknown): boolean {
  try {
    work();
    return false;
  } catch (error) {
    if (error instanceof RenderProblem) return true;
    throw error;
  }
}

const ORDER = {
  code: "1234",
  vip: true,
  order: {
    total: 1234.5,
    paid: false,
    count: 0,
    note: null,
    items: [
      { name: "Chair & Co", price: 100, tags: ["a", "b"] },
      { name: "Lamp", price: 9.99, tags: [] },
    ],
  },
};

describe("data of any kind", () => {
  test.each<[string, string]>([
    ["{{ code }}", "1234"],
    ["{{ order.total }} {{ order.count }} {{ order.paid }} {{ vip }}", "1234.5 0 false true"],
    ["{% for item in order.items %}{{ forloop.index }}. {{ item.name }} {% endfor %}", "1. Chair &amp; Co 2. Lamp "],
    [
      "{% for i in order.items %}{% for t in i.tags %}{{ i.name }}:{{ t }} {% else %}- {% endfor %}{% endfor %}",
      "Chair &amp; Co:a Chair &amp; Co:b - ",
    ],
    ["{% if vip %}V{% endif %}{% unless order.paid %}U{% endunless %}{% if order.note %}N{% endif %}", "VU"],
    ["{{ order.items | size }} {{ order.items.size }}", "2 2"],
    ["{{ order.items[0].name }} {{ order.items[-1].name }} {{ order.items.last.name }}", "Chair &amp; Co Lamp Lamp"],
    ['{{ order["total"] }} {{ ["order"].total }}', "1234.5 1234.5"],
    ['{{ order.items | map: "name" | join: ", " }}', "Chair &amp; Co, Lamp"],
    ['{% assign some = order.items | where: "price", 100 %}{{ some | size }} {{ some[0].name }}', "1 Chair &amp; Co"],
    ['{% assign none = order.items | where: "price", 5 %}{{ none | size }}{% for n in none %}x{% endfor %}', "0"],
    ['{{ order.items | sum: "price" }}', "109.99"],
    ['{{ order.items | sort: "price" | map: "name" | first }}', "Lamp"],
    ["{% assign first = order.items | first %}{{ first.name }}", "Chair &amp; Co"],
    ["{{ order.total | times: 2 | round: 1 }} {{ order.total | plus: 0.25 }}", "2469 1234.75"],
    ["{% if order.total > 1000 and order.items.size == 2 %}y{% endif %}", "y"],
    ['{{ order.note | default: "none" }} {{ order.count | default: 7 }} {{ gone.deep.er | default: "d" }}', "none 0 d"],
    ['<a href="https://x.co/?q={{ order.items[0].name }}">x</a>', '<a href="https://x.co/?q=Chair%20%26%20Co">x</a>'],
    [
      '<script type="application/ld+json">{"n": {{ order.total }}, "c": {{ code }}}</script>',
      '<script type="application/ld+json">{"n": 1234.5, "c": 1234}</script>',
    ],
    ["{{ email }} {{ code.size }}", "ann@example.com 4"],
    ["{% capture k %}{{ order.items[1].name }}!{% endcapture %}{{ k }}", "Lamp!"],
    [
      "{% for i in (1..2) %}{{ i }}{% endfor %}{% for i in order.items reversed %}{{ i.name | size }}{% endfor %}",
      "12410",
    ],
    ["{% case order.items.size %}{% when 2 %}two{% endcase %}", "two"],
    ["{{ Code }}{{ ORDER.total }}", "12341234.5"],
  ])("%s", async (html, expected) => {
    expect(await made(html, ORDER)).toBe(expected);
  });

  test("in every template of a mail", async () => {
    const compiled = await template("<p>x</p>", {
      subject: "{{ order.total }} for {{ order.items[0].name }}",
      from: "{{ order.items[1].name }} <a@example.com>",
      preheader: "{{ code }}",
      text: "{% for i in order.items %}{{ i.name }}\n{% endfor %}",
      headers: [{ name: "X-Paid", value: "{{ order.paid }}" }],
    });
    const mail = compiled.render(ANN, ORDER);
    expect(mail.subject).toBe("1234.5 for Chair & Co");
    expect(mail.from).toBe("Lamp <a@example.com>");
    expect(mail.headers[0]?.value).toBe("false");
    expect(mail.text).toBe("Chair & Co\nLamp\n");
    expect(mail.html).toContain("1234");
  });

  test("a date may be a number of seconds", async () => {
    expect(await made('{{ at | date: "%Y-%m-%d" }}', { at: 1_772_323_200 })).toBe("2026-03-01");
  });

  test("with allowEmpty what is not there is nothing", async () => {
    const html = "a{{ x }}{{ order.gone.x }}{% if y.z %}n{% endif %}{% for i in list %}{{ i.name }}{% endfor %}";
    expect(await made(html, { order: {}, list: [{}, { name: "n" }] }, { allowEmpty: true })).toBe("an");
  });
});

test("what docs/content.md shows can be written", async () => {
  const [, section = ""] = readFileSync("docs/content.md", "utf8").split("## Data of programs\n");
  const data = JSON.parse(/```json\n([\s\S]*?)```/.exec(section)?.[1] ?? "") as Values;
  const table = section.split("| you write | you get |")[1]?.split("\n\n")[0] ?? "";
  const written = [...table.matchAll(/`(\{[{%][^`]*)`/g)].map(([, code = ""]) => code.replaceAll("\\|", "|"));
  expect(written.length).toBeGreaterThan(12);
  for (const code of written) {
    const whole = code.startsWith("{% if") ? `${code}x{% endif %}` : code;
    const inLoop = code.includes("forloop") ? `{% for i in order.items %}${whole}{% endfor %}` : whole;
    expect(await made(inLoop, data)).toMatch(code.startsWith("{% assign") ? /^$/ : /./);
  }
});

describe("what is wrong with data is told with its path", () => {
  const items = [{ name: "a" }, { name: "b" }, {}];
  test.each<[string, unknown, string[]]>([
    ["{{ code }}", {}, ["code: is missing"]],
    ["{{ code }}", { code: "" }, ["code: is empty"]],
    ["{{ code }}", { code: "  " }, ["code: is empty"]],
    ["{{ code }}", { code: null }, ["code: is empty"]],
    ["{{ order.total }}", {}, ["order: is missing"]],
    ["{{ order.total }}", { order: {} }, ["order.total: is missing"]],
    ["{{ order.total }}", { order: null }, ["order.total: is missing"]],
    ["{{ order.total }}", { order: "x" }, ["order: expected an object, got a text"]],
    ["{{ order.total }}", { order: [1] }, ["order: expected an object, got a list"]],
    ["{{ a }}{{ b.c }}{{ d | upcase }}", { b: { c: "" } }, ["a: is missing", "b.c: is empty", "d: is missing"]],
    ["{% for i in order.items %}{{ i.name }}{% endfor %}", { order: { items } }, ["order.items[2].name: is missing"]],
    [
      "{% for i in order.items %}{{ i.name }}{% endfor %}",
      { order: { items: "x" } },
      ["order.items: expected a list, got a text"],
    ],
    [
      "{% for i in order.items %}{{ i.name }}{% endfor %}",
      { order: { items: {} } },
      ["order.items: expected a list, got an object"],
    ],
    [
      "{% for i in items %}{{ i.name }}{% endfor %}",
      { items: [{ name: "" }, 5, null] },
      ["items[0].name: is empty", "items[1]: expected an object, got a number", "items[2].name: is missing"],
    ],
    ["{% for t in tags %}{{ t }}{% endfor %}", { tags: ["a", "", null] }, ["tags[1]: is empty", "tags[2]: is empty"]],
    ["{% for t in tags reversed %}{{ t }}{% endfor %}", { tags: ["a", "b", ""] }, ["tags[2]: is empty"]],
    ["{% for t in tags offset: 1 limit: 1 %}{{ t }}{% endfor %}", { tags: ["", "", ""] }, ["tags[1]: is empty"]],
    [
      "{% for a in l %}{% for b in a.m %}{{ b }}{% endfor %}{% endfor %}",
      { l: [{ m: ["x"] }, { m: ["y", " "] }] },
      ["l[1].m[1]: is empty"],
    ],
    ["{% for a in l %}{% if a.x %}{% endif %}{% endfor %}", { l: [{ x: 1 }, {}] }, ["l[1].x: is missing"]],
    ["{{ items[0].name }}", { items: [] }, ["items[0].name: is missing"]],
    ["{{ items | first }}", { items: [] }, ["items: is empty"]],
    ['{{ items | map: "name" | join: ", " }}', { items }, ["items[2].name: is missing"]],
    ['{{ items | map: "name" | join: ", " }}', { items: [] }, ["items: is empty"]],
    [
      '{% assign s = items | where: "open" %}{{ s | size }}',
      { items: [{ open: 1 }, {}] },
      ["items[1].open: is missing"],
    ],
    [
      '{{ items | sum: "n" }}',
      { items: [{ n: 1 }, { n: "x" }] },
      ['items: {{ items | sum: "n" }}: "x" is not a number; write the figure alone, such as 12.50'],
    ],
    ["{{ order }}", { order: { a: 1 } }, ["order: expected a text, got an object; name the field of it that is meant"]],
    [
      "{{ order.items }}",
      { order: { items: [1] } },
      ['order.items: expected a text, got a list; a loop or join: ", " writes one'],
    ],
    [
      "{{ order | upcase }}",
      { order: { a: 1 } },
      ["order: {{ order | upcase }}: upcase expects a text and got an object; name the field of it that is meant"],
    ],
    ["{% if user.vip %}x{% endif %}", { user: {} }, ["user.vip: is missing"]],
    ["{% if user.vip %}x{% endif %}", { user: null }, []],
    ["{% if vip %}x{% endif %}", {}, ["vip: is missing"]],
    [
      "{% if n > 5 %}x{% endif %}",
      { n: "soon" },
      ['n: {% if n > 5 %}: "soon" is not a number; write the figure alone, such as 12.50'],
    ],
    [
      "{{ n | divided_by: m }}",
      { n: 5, m: 0 },
      ["n: {{ n | divided_by: m }}: 5 cannot be divided by 0; ask for 0 first, with {% if %}"],
    ],
    ["{{ nick | default: name }}", { nick: "", name: "" }, ["name: is empty"]],
    ["{{ nick | default: name }}", {}, ["name: is empty"]],
    ["{% assign n = order.note %}{{ n }}", { order: { note: null } }, ["order.note: is empty"]],
    ['{{ ["a b"].c }}', { "a b": {} }, ['["a b"].c: is missing']],
    ["{% if a %}{{ b }}{% else %}{{ c }}{% endif %}", { a: true, b: "x" }, []],
    ["{{ prices[item] }}", { prices: { a: 1 }, item: "b" }, ["prices.b: is missing"]],
    ["{{ a[b] }}", { a: {}, b: "k".repeat(2_000) }, [`a["${"k".repeat(99)}…"]: is missing`]],
    ["{{ items.length }}", { items: [1] }, ["items: expected an object, got a list"]],
    ["{{ email }}", {}, []],
    ["{{ code }}", { code: "x", unused: { any: [1, null] } }, []],
  ])("%s of %j", async (html, data, expected) => {
    expect(await problems(html, data)).toEqual(expected);
  });

  test.each<[unknown, string]>([
    [[], ": expected an object, got a list"],
    ["x", ": expected an object, got a text"],
    [null, ": expected an object, got nothing"],
    [{ a: Infinity }, "a: is a number with too many digits to be kept exactly; send it as a text"],
    [{ a: [2 ** 60] }, "a[0]: is a number with too many digits to be kept exactly; send it as a text"],
    [{ a: "x".repeat(65_536) }, ": are 65 KB of JSON, the limit is 64 KB for a recipient"],
    [{ a: [[[[[[[[[[1]]]]]]]]]] }, "a[0][0][0][0][0][0][0][0][0]: is nested more than 10 levels deep"],
    [{ a: new Date() }, "a: expected a value of JSON"],
    [{ a: () => 1 }, "a: expected a value of JSON"],
    [{ a: undefined }, "a: expected a value of JSON"],
  ])("%j is no data", async (data, expected) => {
    expect(await problems("x", data)).toEqual([expected]);
  });

  test("ten levels are fine", async () => {
    expect(await problems("x", { a: [[[[[[[[[1]]]]]]]]] })).toEqual([]);
  });

  test("in the headers", async () => {
    expect(await problems("x", { n: "a\r\nBcc: x@example.com" }, { subject: "Hi {{ n }}" })).toEqual([
      ": the subject contains a line break or control character",
    ]);
    expect(await problems("x", {}, { from: "{{ rep.name }} <a@example.com>" })).toEqual(["rep: is missing"]);
  });

  test("at most a hundred", async () => {
    const data = { l: Array.from({ length: 500 }, () => ({})) };
    expect(await problems("{% for i in l %}{{ i.n }}{% endfor %}", data)).toHaveLength(100);
  });

  test("loops end", async () => {
    const rounds = "{% for i in (1..n) %}{% for j in (1..n) %}x{% endfor %}{% endfor %}";
    expect(await problems(rounds, { n: 10 })).toEqual([]);
    expect(await problems(rounds, { n: 1000 })).toEqual([
      expect.stringMatching(/^n: makes the loops go round more than 100,000 times$/),
    ]);
    expect(await problems("{% for i in (1..n) %}x{% endfor %}", { n: 1e9 })).toEqual([
      expect.stringMatching(/^n: \{% for i in \(1\.\.n\) %\}: the mail takes too long or gets too large/),
    ]);
  });
});

test("checks that share a budget go round no more often than it says, together", async () => {
  const compiled = await template("{% for i in l %}{{ i }}{% endfor %}");
  const budget = { rounds: 25 };
  const check = () => compiled.check(ANN, { l: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] }, budget);
  expect([check(), check()]).toEqual([[], []]);
  expect(check()).toEqual([{ path: "l", message: "makes the loops of all messages together go round too often" }]);
  expect(compiled.check(ANN, { l: [1] })).toEqual([]);
});

describe("nothing but the data themselves is read", () => {
  test.each([
    "{{ constructor }}",
    "{{ a.constructor }}",
    "{{ a.__proto__ }}",
    "{{ __proto__.x }}",
    "{{ a.toString }}",
    "{{ list.map }}",
    "{{ list.constructor.name }}",
    "{{ text.length }}",
    '{{ list | map: "constructor" | join }}',
    '{{ list | where: "hasOwnProperty" | size }}',
    "{% for i in list %}{{ i.valueOf }}{% endfor %}",
  ])("%s", async (html) => {
    const data = { a: { b: 1 }, list: [{ b: 1 }], text: "x" };
    expect(await problems(html, data)).toHaveLength(1);
    const empty = await template(html, { allowEmpty: true });
    expect(empty.content.render(ANN, data).html).toMatch(/^[01]?$/);
  });

  test("a name of the language is a name like any other when it is in the data", async () => {
    const data = JSON.parse('{"__proto__": {"x": "own"}, "constructor": "c", "a": {"toString": "t"}}') as unknown;
    expect(await made("{{ __proto__.x }} {{ constructor }} {{ a.toString }}", data)).toBe("own c t");
  });
});

test("the variables of a template have paths", async () => {
  const { variables, usesAddress } = await template(
    `{{ code }} {{ nick | default: "x" }} {{ order.total }} {% if user.vip %}{% endif %}
     {% for item in order.items %}{{ item.name }}{% for t in item.tags %}{{ t }}{% endfor %}{{ forloop.index }}{% endfor %}
     {% assign open = tasks | where: "open", true %}{% for o in open %}{{ o.title }}{% endfor %}
     {{ people | map: "name" | join: ", " }} {{ rows[0].a }} {{ email }} {{ words | size }}
     {% assign o = order %}{{ o.id }}`,
    { subject: "{{ subject_line }}" },
  );
  const found = variables.map(
    ({ name, required, list }) => `${name}${list ? " list" : ""}${required ? "" : " optional"}`,
  );
  expect(found).toEqual([
    "code",
    "email optional",
    "nick optional",
    "order.id",
    "order.items list",
    "order.items[].name",
    "order.items[].tags list",
    "order.total",
    "people list",
    "people[].name",
    "rows list",
    "rows[].a",
    "subject_line",
    "tasks list",
    "tasks[].open",
    "tasks[].title",
    "user.vip",
    "words",
  ]);
  expect(usesAddress).toBe(true);
  expect((await template("{{ code }}")).usesAddress).toBe(false);
});

/** Pieces of templates over the names of `WHOLE`. Each reads something that may be missing, empty or of another kind. */
const PIECES = [
  "{{ a }}",
  "{{ o.t }}",
  "{{ o.t | upcase }}",
  '{{ o.t | default: "d" }}',
  "{{ a | default: o.t }}",
  "{{ l[0].n }}",
  "{{ l.first.n | append: a }}",
  "{{ l | size }}",
  "{{ l }}",
  "{{ o }}",
  "{% if a %}{{ o.t }}{% else %}{{ z }}{% endif %}",
  "{% if o.x and l %}y{% endif %}",
  "{% unless z %}{{ a }}{% endunless %}",
  "{% for i in l %}{{ i.n }}{% if i.m %}{% for k in i.m %}{{ k }}{{ forloop.index }}{% endfor %}{% endif %}{% endfor %}",
  "{% for i in l reversed %}{{ i.n | default: a }}{% endfor %}",
  "{% for i in l limit: 1 offset: 1 %}{{ i.m[0] }}{% else %}{{ z }}{% endfor %}",
  "{% assign w = l | where: 'n', a %}{{ w | size }}{% for i in w %}{{ i.n }}{% endfor %}",
  '{{ l | map: "n" | join: "-" }}',
  '{{ l | map: "n" | first }}',
  '{{ l | sort: "n" | map: "n" | last }}',
  '{{ l | sum: "q" }}',
  "{% assign v = o.t %}{{ v }}{% assign u = a | split: ',' %}{{ u | first }}{{ u | size }}",
  "{% assign s = ' ' %}{{ s }}",
  "{% capture c %}{{ a }}<b>{{ o.t }}</b>{% endcapture %}{{ c }}",
  "{% case a %}{% when 'x' %}{{ o.t }}{% when z %}q{% endcase %}",
  "{{ q | plus: 1 }}",
  "{{ q | times: o.t }}",
  "{{ o[a] }}",
  '<a href="https://x.co/{{ a }}?q={{ o.t }}" style="color:{{ z }}">{{ q }}</a>',
  "text",
];

const leaf = fc.constantFrom<unknown>(
  "x",
  "x,y",
  "5",
  "",
  " ",
  "<&>",
  0,
  7,
  1.5,
  true,
  false,
  null,
  [],
  {},
  ["x"],
  [""],
);
const item = fc.record({ n: leaf, m: fc.oneof(leaf, fc.array(leaf, { maxLength: 3 })), q: leaf }, { requiredKeys: [] });
const anyData = fc.record(
  {
    a: leaf,
    q: leaf,
    z: leaf,
    o: fc.oneof(
      { weight: 4, arbitrary: fc.record({ t: leaf, x: leaf }, { requiredKeys: [] }) },
      { weight: 1, arbitrary: leaf },
    ),
    l: fc.oneof(
      {
        weight: 4,
        arbitrary: fc.array(fc.oneof({ weight: 5, arbitrary: item }, { weight: 1, arbitrary: leaf }), { maxLength: 4 }),
      },
      { weight: 1, arbitrary: leaf },
    ),
  },
  { requiredKeys: [] },
);

test("data in which no problem is found make a mail, the same as the plain way; data that make none have a problem", async () => {
  const pieces = fc.array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 3 });
  const counts = { fine: 0, wrong: 0 };
  await fc.assert(
    fc.asyncProperty(
      pieces,
      fc.constantFrom("s", ...PIECES.slice(0, 6)),
      anyData,
      fc.boolean(),
      async (html, subject, data, allowEmpty) => {
        const compiled = await template(html.join(" "), { subject: `s ${subject}`, text: html.join("\n"), allowEmpty });
        const found = compiled.check(ANN, data);
        const { content } = compiled;
        expect(isRefused(() => compiled.render(ANN, data))).toBe(found.length > 0);
        // The content itself is not strict, but it must not refuse what the check lets pass.
        expect(isRefused(() => content.render(ANN, data as Values)) && found.length === 0).toBe(false);
        counts[found.length > 0 ? "wrong" : "fine"]++;
        if (found.length > 0) return;
        const { html: made, text } = content.render(ANN, data as Values);
        expect({ html: made, text }).toEqual(content.renderPlainly(ANN, data as Values));
      },
    ),
    { numRuns: 600 },
  );
  expect(Math.min(counts.fine, counts.wrong)).toBeGreaterThan(100);
}, 120_000);

/** Whole data for these pieces. A test takes names out of it at random. */
const WHOLE = {
  a: "x",
  q: 7,
  o: { t: "T&", x: true },
  l: [
    { n: "one", m: ["p", "q"] },
    { n: "<two>", m: ["r"] },
  ],
};
const READING = [
  "{{ a }}",
  "{{ o.t }}{{ q }}",
  "{% if a == 'x' %}{{ o.t }}{% else %}{{ q }}{% endif %}",
  "{% if o.x %}{{ l.size }}{% endif %}",
  "{% unless o.x %}{{ a }}{% endunless %}",
  "{% for i in l %}{{ i.n }}{% for k in i.m %}{{ k }}{{ forloop.index }}{% endfor %}{% endfor %}",
  "{% for i in l reversed %}{% if i.m contains 'r' %}{{ i.n }}{% endif %}{% endfor %}",
  "{{ l[1].n }}{{ l.first.m[0] }}",
  "{% assign v = o.t %}{{ v | upcase }}",
];

test("a name is missing exactly when LiquidJS itself misses it, and the mail is what LiquidJS makes", async () => {
  const liquid = new Liquid({ outputEscape: "escape", jsTruthy: true, ownPropertyOnly: true, strictVariables: true });
  const keys = ["a", "q", "o", "l", "t", "x", "n", "m"];
  const gone = fc.subarray(keys, { maxLength: 2 });
  const pieces = fc.array(fc.constantFrom(...READING), { minLength: 1, maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(pieces, gone, fc.boolean(), async (html, names, isFirst) => {
      let taken = 0;
      // Only of the second item, so that items differ.
      const data = JSON.parse(JSON.stringify(WHOLE), function (this: unknown, key, value: unknown) {
        const isTaken = names.includes(key) && !(isFirst && "nm".includes(key) && taken++ % 2 === 0);
        return isTaken ? undefined : value;
      }) as unknown;
      const source = html.join("");
      let expected: string | null = null;
      try {
        expected = liquid.parseAndRenderSync(source, data as object) as string;
      } catch {
        // A name is missing.
      }
      const compiled = await template(source);
      const found = compiled.check(ANN, data);
      expect(found.every(({ message }) => message === "is missing")).toBe(true);
      expect(found.length === 0 ? compiled.render(ANN, data).html : null).toBe(expected);
    }),
    { numRuns: 500 },
  );
}, 60_000);
