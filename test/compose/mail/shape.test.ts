import fc from "../../support/properties.ts";
import { describe, expect, test } from "vitest";
import { pictureAt } from "../../../src/compose/mail/mail-file.ts";
import { inlinePictures } from "../../../src/compose/mail/pictures.ts";
import { RenderProblem } from "../../../src/compose/problem.ts";
import { prepareContent } from "../../../src/compose/mail/tools.ts";
import type { Content } from "../../../src/message.ts";
import { CONTENT } from "../../support/store-actions.ts";

const html = (body: string, change: Partial<Content> = {}): Content => ({
  ...CONTENT,
  format: "html",
  html: body,
  text: "",
  ...change,
});

async function mails(content: Content, rows: Record<string, string>[]) {
  const compiled = await prepareContent(content);
  return rows.map((values) => compiled.render("ann@example.com", values));
}

const ANN = { name: "Ann", plan: "gold" };
const BOB = { name: "Bob", plan: "free" };

describe("each reader gets the mail that his values make", () => {
  test("attributes written by a tag", async () => {
    const body = `<style>p { margin: 0 }</style>
<p {% if plan == "gold" %} style="color:gold" {% else %} style="color:gray" {% endif %}>Hello {{ name }}</p>
<p><a {% if plan == "gold" %} href="https://example.com/gold" {% else %} href="https://example.com/upgrade" {% endif %}>Your page</a></p>`;
    const [ann, bob] = await mails(html(body), [ANN, BOB]);
    expect(ann?.html).toMatch(/<p +style="margin: ?0;? ?color: ?gold;?" *>Hello Ann/);
    expect(bob?.html).toMatch(/<p +style="margin: ?0;? ?color: ?gray;?" *>Hello Bob/);
    expect(ann?.text).toContain("Your page [https://example.com/gold]");
    expect(bob?.text).toContain("Your page [https://example.com/upgrade]");
  });

  test("a tag inside style", async () => {
    const body = `<style>p { margin: 0 }</style><p style="{% if plan == "gold" %}color:red;{% else %}color:blue;{% endif %}">{{ name }}</p>`;
    const [ann, bob] = await mails(html(body), [ANN, BOB]);
    expect(ann?.html).toMatch(/<p style="margin: ?0;? ?color: ?red;?">Ann/);
    expect(bob?.html).toMatch(/<p style="margin: ?0;? ?color: ?blue;?">Bob/);
  });

  test("a value inside class", async () => {
    const body = `<style>.gold { color: gold } .free { color: gray }</style><p class="{{ plan }}">{{ name }}</p>`;
    const [ann, bob] = await mails(html(body), [ANN, BOB]);
    expect(ann?.html).toMatch(/<p class="gold" style="color: ?gold;?">Ann/);
    expect(bob?.html).toMatch(/<p class="free" style="color: ?gray;?">Bob/);
  });

  test("a tag inside <style>", async () => {
    const body = `<style>{% if plan == "gold" %}.hd { color: gold }{% endif %} .box { border: 1px solid #ccc }</style><h1 class="hd">{{ name }}</h1><div class="box">x</div>`;
    const [ann, bob] = await mails(html(body), [ANN, BOB]);
    expect(ann?.html).toMatch(/<h1 class="hd" style="color: ?gold;?">Ann/);
    expect(bob?.html).toMatch(/<h1 class="hd">Bob/);
    for (const mail of [ann, bob]) expect(mail?.html).toMatch(/<div class="box" style="border: ?1px solid #ccc;?">/);
  });

  test("a link whose tag stands in a branch", async () => {
    const body = `<p>{% if plan == "gold" %}<a href="https://example.com/gold">{% else %}<a href="https://example.com/free">{% endif %}Open</a></p>`;
    const [ann, bob] = await mails(html(body), [ANN, BOB]);
    expect(ann?.text).toBe("Open [https://example.com/gold]\n");
    expect(bob?.text).toBe("Open [https://example.com/free]\n");
  });

  test("escaped braces stay braces", async () => {
    const [mail] = await mails(html("<p>Write &#123;&#123; first_name &#125;&#125;, {{ name }}.</p>"), [ANN]);
    expect(mail?.text).toBe("Write {{ first_name }}, Ann.\n");
  });

  test("what {% capture %} holds is HTML, and its values are escaped once", async () => {
    const body = `{% capture hello %}<b>Hi {{ name }}</b>{% endcapture %}<p>{{ hello }}</p>{% if hello contains "&lt;" %}odd{% endif %}`;
    const [mail] = await mails(html(body), [{ name: "A<b" }]);
    expect(mail?.html).toContain("<p><b>Hi A&lt;b</b></p>odd");
  });
});

describe("a value is escaped for where it stands", () => {
  const place = async (body: string, value: string) => (await mails(html(body), [{ v: value }]))[0]?.html;

  test.each([
    ['<a href="https://x.co/?e={{ v }}">', "ann+x@y.co", '<a href="https://x.co/?e=ann%2Bx%40y.co">'],
    ['<a href="https://x.co/{{ v }}/z?q=1">', "a/b ?", '<a href="https://x.co/a%2Fb%20%3F/z?q=1">'],
    [
      "<a href='https://x.co/?q={{ v }}&b=1'>",
      "Tom & Jerry's #1",
      "<a href='https://x.co/?q=Tom%20%26%20Jerry&#39;s%20%231&b=1'>",
    ],
    ['<a href="{{ v }}">', "https://x.co/?a=1&b=ü", '<a href="https://x.co/?a=1&amp;b=%C3%BC">'],
    ['<a href="{{ v }}">', " JavaScript:alert(1)", '<a href="unsafe:%20JavaScript:alert(1)">'],
    ['<a href="mailto:{{ v }}?subject={{ v }}">', "a+b@y.co", '<a href="mailto:a+b@y.co?subject=a%2Bb%40y.co">'],
    ['<a href="tel:{{ v }}">', "+49 30 1", '<a href="tel:+49%2030%201">'],
    ['<a href="https://x.co/?q={{ v | url_encode }}">', "a b&c", '<a href="https://x.co/?q=a+b%26c">'],
    ['<a href="https://x.co/{{ v | raw }}">', "a/b?c=1&d=2", '<a href="https://x.co/a/b?c=1&d=2">'],
    [
      "<a href=https://x.co/?q={{ v }}>",
      "a b>c",
      "<a href=https:&#47;&#47;x.co&#47;?q=a%20b%3Ec>".replaceAll("&#47;", "/"),
    ],
    ["<p title={{ v }}>", "a b>c=d", "<p title=a&#32;b&gt;c&#61;d>"],
    [
      '<img alt="{{ v }}" src="https://x.co/{{ v }}.png">',
      'a "b"',
      '<img alt="a &#34;b&#34;" src="https://x.co/a%20%22b%22.png">',
    ],
    [
      '<!--[if mso]><v:rect href="https://x.co/?e={{ v }}"/><![endif]-->',
      "a+b",
      '<!--[if mso]><v:rect href="https://x.co/?e=a%2Bb"/><![endif]-->',
    ],
    ["<p>https://x.co/?e={{ v }} {{ v }}</p>", "a+b", "<p>https://x.co/?e=a%2Bb a+b</p>"],
    [
      '<script type="application/ld+json">{"name": "{{ v }}"}</script>',
      'a"</script>\\',
      '<script type="application/ld+json">{"name": "a\\"\\u003c/script\\u003e\\\\"}</script>',
    ],
  ])("%s", async (body, value, expected) => {
    expect(await place(body, value)).toBe(expected);
  });

  test("in a text of its own, too", async () => {
    const text = "Hi {{ v }}: https://x.co/?e={{ v }}, <mailto:{{ v }}>";
    const [mail] = await mails(html("x", { text }), [{ v: "a+b@y.co" }]);
    expect(mail?.text).toBe("Hi a+b@y.co: https://x.co/?e=a%2Bb%40y.co, <mailto:a+b@y.co>");
  });

  test("in unsubscribe_url and in List- headers", async () => {
    const change = {
      unsubscribeUrl: "{{ u }}",
      headers: [{ name: "List-Help", value: "<https://x.co/?q={{ v }}> ({{ v }})" }],
    };
    const [mail] = await mails(html("x", change), [{ v: "a&b c", u: "https://x.co/u?id=1&t=abc" }]);
    expect(mail?.headers.slice(0, 2)).toEqual([
      { name: "List-Help", value: "<https://x.co/?q=a%26b%20c> (a&b c)" },
      { name: "List-Unsubscribe", value: "<https://x.co/u?id=1&t=abc>" },
    ]);
  });
});

test("a display name may have variables", async () => {
  const content = html("x", {
    from: "{{ rep }} of Example <news@example.com>",
    replyTo: ["{{ rep }} <help@example.com>"],
  });
  const [plain, odd] = await mails(content, [{ rep: "Carla" }, { rep: 'Ann" <evil@x.co>, ü' }]);
  expect(plain?.from).toBe("Carla of Example <news@example.com>");
  expect(plain?.replyTo).toEqual(["Carla <help@example.com>"]);
  expect(odd?.from).toMatch(/^=\?UTF-8\?B\?[^<>"]*\?= <news@example\.com>$/);
});

// The shapes are an optimisation: the mail has to be the one that rendering everything first would give.

const VALUES = [
  "Ann",
  "gold",
  "free",
  " x ",
  "a  b",
  "",
  "<b>&\"'",
  "Zoë 김",
  "a\u200bb",
  "https://x.co/?a=1&b=2",
  "#top",
  "mailto:a@b.co",
  "&",
  "amp;",
  "🎉",
  "1",
  "a\nb",
  "x;color:red",
  "*|*",
];
const value = fc.oneof(fc.constantFrom(...VALUES), fc.string({ unit: "grapheme", maxLength: 8 }));
const row = fc.record({ a: value, b: value, c: fc.constantFrom("gold", "free", "x y", "") });

const text = fc.constantFrom("Hi ", "x", " ", "\n", "&amp;", "a &", "&#123;&#123;", "https://x.co/?e=", "<br>", "김 ");
const output = fc.constantFrom(
  "{{ a }}",
  "{{ b }}",
  "{{ c }}",
  "{{ a | upcase }}",
  '{{ b | default: "none" }}',
  "{{ a | raw }}",
  "{{ b | newline_to_br }}",
  "{{ a | url_encode }}",
  "{{ a | size }}",
);
const attribute = fc.constantFrom(
  ' class="{{ c }}"',
  ' class="gold"',
  ' id="i"',
  ' style="color: {{ c }}"',
  " title={{ a }}",
  ' title="{{ b }}"',
  ' {% if c == "gold" %}class="gold"{% else %}class=free{% endif %}',
  ' data-x="{{ a }}"',
  ' id="{{ a }}" class="x {{ b }}"',
  " hidden",
  ' style="display:none"',
);
const { node } = fc.letrec<{ node: string; nodes: string }>((tie) => ({
  nodes: fc.array(tie("node"), { maxLength: 4 }).map((all) => all.join("")),
  node: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    text,
    output,
    fc
      .tuple(fc.constantFrom("p", "div", "b", "td", "li", "h1"), attribute, tie("nodes"))
      .map(([tag, attrs, inside]) => `<${tag}${attrs}>${inside}</${tag}>`),
    fc
      .tuple(
        fc.constantFrom(
          '"{{ a }}"',
          '"https://x.co/?e={{ b }}&c={{ c }}"',
          "'{{ b | raw }}'",
          '"https://x.co/{{ a | url_encode }}"',
          "{{ a }}",
        ),
        tie("nodes"),
      )
      .map(([href, inside]) => `<a href=${href}>${inside}</a>`),
    fc.constantFrom('<img src="{{ a }}" alt="{{ b }}">', '<img alt="x {{ c }}" src=y.png width=3>'),
    tie("nodes").map((inside) => `<table><tr><td>${inside}</td><td>{{ b }}</td></tr></table>`),
    tie("nodes").map((inside) => `<ol><li>${inside}</li><li>{{ a }}</li></ol>`),
    tie("nodes").map((inside) => `{% if c == "gold" %}${inside}{% else %}{{ a }}{% endif %}`),
    tie("nodes").map((inside) => `{% for i in (1..2) %}${inside}{{ i }}{% endfor %}`),
    fc.constantFrom(
      "<!-- {{ a }} -->",
      "<!--[if mso]><p title='{{ b }}'>{{ a }}</p><![endif]-->",
      "<title>{{ a }}</title>",
      "<textarea>{{ a }}</textarea><xmp>{{ b }}</xmp>",
      "<pre>\n{{ a }}\n {{ b }}</pre>",
      "<b>Ann <{{ a }}></b>",
      "<select><option>{{ a }}<option selected>{{ b }}</select>",
      '<img srcset="{{ a }} 1x, https://x.co/{{ b }} 2x" alt={{ b }}>',
      "<div>unclosed <i>{{ a }}</div>{{ b }}",
      '<a href="https://{{ a }}">{{ a }}</a>',
      "{% assign d = a | append: b | url_encode %}{{ d }}",
    ),
    tie("nodes").map((inside) => `{% capture k %}${inside}{% endcapture %}{{ k }}`),
  ),
}));
const sheet = fc.array(
  fc.constantFrom(
    "p { margin: 0 }",
    ".gold { color: gold }",
    ".free { color: gray }",
    "#i { padding: 1px }",
    "#Ann { padding: 2px }",
    ".x.y { margin: 2px }",
    "[id$=n] { top: 2px }",
    "a[href] { color: red }",
    'a[href^="mailto:"] { color: blue }',
    "[data-x=Ann] { top: 1px }",
    "@media (max-width: 9px) { .gold { color: black } }",
    '{% if c == "gold" %}b { color: gold }{% endif %}',
    ".{{ c }} { left: 1px }",
    "p:first-child { margin: 1px }",
    ".free { display: none }",
  ),
  { maxLength: 5 },
);
const styled = fc
  .tuple(sheet, fc.array(node, { minLength: 1, maxLength: 5 }))
  .map(
    ([rules, nodes]) => `${rules.length > 0 ? `<style>${rules.join("\n")}</style>` : ""}<body>${nodes.join("")}</body>`,
  );

test("every mail equals the one made by rendering everything first", { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(styled, fc.array(row, { minLength: 1, maxLength: 4 }), async (body, rows) => {
      const compiled = await prepareContent(html(body, { allowEmpty: true, preheader: "{{ a }} < {{ c }}" }));
      for (const values of rows) {
        const { html: made, text: said } = compiled.render("x@y.co", values);
        expect({ html: made, text: said }).toEqual(compiled.renderPlainly("x@y.co", values));
      }
    }),
    { numRuns: 1_000 },
  );
});

const MARKDOWN = [
  "# Hi {{ a }}\n\n",
  "* {{ b }}\n",
  "1. x {{ a }}\n",
  '{% if c == "gold" %}\n* {{ a }}\n{% endif %}\n',
  "**{{ a }}** _{{ b }}_ ",
  "[{{ a }}](https://x.co/?e={{ b }}) ",
  "https://x.co/?e={{ a }} ",
  "`{{ a }}`\n\n",
  "| a | b |\n|---|---|\n{% for i in (1..2) %}\n| {{ a }} | {{ i }} |\n{% endfor %}\n\n",
  "> {{ b }}\n\n",
  "{{ a | raw }}\n\n",
  '<p class="{{ c }}">{{ a }}</p>\n\n',
  "[ref {{ a }}][r]\n\n[r]: https://x.co/r '{{ a }}'\n\n",
  "```\n{{ a }}\n{% if b %}\nin {{ b }}\n{% endif %}\n```\n\n",
  "    code {{ a }}\n\n",
  "* one\n  * two {{ a }}\n* [x] {{ b }}\n",
  "<div>\n{{ a }}\n\n**{{ b }}**\n</div>\n\n",
  "{{ a }}\n===\n\n",
  '![{{ a }}](https://x.co/i.png "{{ b }}") <{{ a }}>\n\n',
  "<!-- {{ a }} --> &copy; &amp;\n\n",
  "{% capture k %}{{ a }} *x*{% endcapture %}{{ k }} `{{ k }}`\n\n",
  "[{% if b %}{{ b }}{% else %}none{% endif %}](https://x.co/{% if b %}y{% else %}z{% endif %})\n\n",
  "{{ b | newline_to_br }}\n",
];

test("in Markdown, too: values are words, whatever signs they hold", { timeout: 120_000 }, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...MARKDOWN), { minLength: 1, maxLength: 6 }),
      fc.array(row, { minLength: 1, maxLength: 3 }),
      async (blocks, rows) => {
        const compiled = await prepareContent({
          ...html(blocks.join(""), { allowEmpty: true, subject: "S {{ a }}x" }),
          format: "markdown",
        });
        for (const values of rows.filter(({ a }) => !/[\p{Cc}\u2028\u2029]/u.test(a))) {
          const { html: made, text: said } = compiled.render("x@y.co", values);
          expect({ html: made, text: said }).toEqual(compiled.renderPlainly("x@y.co", values));
        }
      },
    ),
    { numRuns: 200 },
  );
});

const PICTURES = [
  '<img src="a.png">',
  '<img src="img/{{ a }}.png" alt="{{ a }}">',
  '<img src="{{ b }}">',
  "<img src={{ a }}.png>",
  '<td background="{{ a }}/b.png">',
  '<p style="background:url({{ a }}.png)">',
  '<p style="background:url(c.png)" class="{{ a }}">',
  '<img srcset="{{ a }}.png 1x, b.png 2x">',
  '{% if a == "x" %}<img src="x.png">{% endif %}',
  '<!--[if mso]><v:fill src="{{ a }}.png"/><![endif]-->',
  "<style>p { background: url({{ a }}.png) }</style>",
];

test("pictures are those of the mail made by rendering everything first", { timeout: 120_000 }, async () => {
  const value = fc.constantFrom(
    "x",
    "y z",
    "ü",
    "a&b",
    "../x",
    "/x",
    "https://x.co/a.png",
    "c.png",
    "",
    "a#b?c",
    '"><i>',
    "100%",
  );
  const folder = "/mail";
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom(...PICTURES), { maxLength: 4 }), value, value, async (pieces, a, b) => {
      const body = html(pieces.join(""), { allowEmpty: true });
      const without = (await prepareContent(body)).renderPlainly("x@y.co", { a, b });
      const withThem = await prepareContent({ ...body, files: { folder, attachments: [], inlineImages: true } });
      const expected = resultOf(() => inlinePictures(without.html, (path) => pictureAt(folder, path)));
      const made = resultOf(() => withThem.render("x@y.co", { a, b }));
      const paths = (files: { path: string }[] = []) => new Set(files.map(({ path }) => path));
      expect(made && { html: made.html, text: made.text, files: paths(made.files) }).toEqual(
        expected && { html: expected.html, text: without.text, files: paths(expected.files) },
      );
    }),
    { numRuns: 1_000 },
  );
});

/** Null: the row is refused. */
function resultOf<T>(work: () => T): T | null {
  try {
    return work();
  } catch (error) {
    if (error instanceof RenderProblem) return null;
    throw error;
  }
}

test("a class or id that no style sheet knows is a value like any other", async () => {
  const compiled = await prepareContent(
    html(
      `<style>.gold { color: gold } td { padding: 1px }</style><p class="x-{{ c }} y" id="{{ i }}" data-n="{{ i }}">x</p>`,
    ),
  );
  const shape = (c: string, i: string) => compiled.shapeOf("a@b.co", { c, i });
  expect(shape("r1", "u1")).toBe(shape("r2", "u2"));
  expect(shape("gold", "u1")).not.toBe(shape("r1", "u1"));
  expect(shape("r1 GOLD", "u1")).not.toBe(shape("r1", "u1"));
  // By a part of a name, or by how it is written, any may be meant.
  for (const selector of ["[class^=x]", ".a\\62 c", ".{{ c }}"]) {
    const open = await prepareContent(html(`<style>${selector} { color: gold }</style><p class="{{ c }}">x</p>`));
    expect(open.shapeOf("a@b.co", { c: "r1" })).not.toBe(open.shapeOf("a@b.co", { c: "r2" }));
  }
});

test("recipients with plain values share one shape", async () => {
  const compiled = await prepareContent(
    html(`<style>p { margin: 0 }</style><p>Hi {{ name }} <a href="https://x.co/?e={{ email }}">{{ name }}</a></p>`),
  );
  expect(compiled.shapeOf("a@b.co", ANN)).toBe(compiled.shapeOf("c@d.co", BOB));
  expect(compiled.shapeOf("a@b.co", { name: "x\u200by" })).not.toBe(compiled.shapeOf("a@b.co", ANN));
});
