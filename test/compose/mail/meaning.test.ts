/** A value means itself wherever it stands, and nothing but itself: what a reader sees or follows is what the list says. */
import fc from "../../support/properties.ts";
import { parseDocument } from "htmlparser2";
import { Liquid } from "liquidjs";
import { describe, expect, test } from "vitest";
import { inlineStyles } from "../../../src/compose/css/inline-styles.ts";
import { escapeHtml } from "../../../src/compose/mail/escape.ts";
import { pageOf } from "../../../src/compose/mail/markdown.ts";
import { textOf } from "../../../src/compose/text/html-to-text.ts";
import { prepareContent } from "../../../src/compose/mail/tools.ts";
import type { Content } from "../../../src/message.ts";
import { CONTENT } from "../../support/store-actions.ts";

const content = (body: string, change: Partial<Content> = {}): Content => ({
  ...CONTENT,
  format: "html",
  html: body,
  text: "",
  allowEmpty: true,
  ...change,
});

async function htmlOf(body: string, v: string, change: Partial<Content> = {}): Promise<string> {
  return (await prepareContent(content(body, change))).render("ann@example.com", { v }).html;
}

/** An element, by what a parser says of it. */
interface Node {
  name: string;
  attributes: Record<string, string>;
  text: string;
}

type Parsed = ReturnType<typeof parseDocument>["children"][number];

function elementsOf(html: string): Node[] {
  const walk = (node: Parsed): Node[] => {
    if (!("attribs" in node)) return [];
    const text = node.children.map((child) => ("data" in child && child.nodeType === 3 ? child.data : "")).join("");
    const own = { name: node.name, attributes: node.attribs, text };
    return [own, ...node.children.flatMap((child) => walk(child))];
  };
  return parseDocument(html).children.flatMap((node) => walk(node));
}

const structure = (html: string) => elementsOf(html).map(({ name, attributes }) => [name, Object.keys(attributes)]);

const SIGNS =
  "< > \" ' & &amp &lt; ; ` = / {{x}} {%if%} * _ javascript: https://x.co x é 👨‍👩‍👧 \u202e %41 % # ? , ) ( \\ + | ]]> --> </style> </script> </title> <img/src=x/onerror=1> [a](b) ${x} { } url( /* 0 12.5 onclick=x : @import !important \u200b <!-- data:text/html,".split(
    " ",
  );
const nasty = fc
  .array(
    fc.oneof(fc.constantFrom(" ", "\t", "\n", "\u00a0", ...SIGNS), fc.string({ unit: "grapheme", maxLength: 4 })),
    {
      maxLength: 5,
    },
  )
  // The parser changes these, as browsers do.
  .map((pieces) => pieces.join("").replace(/[\0\r\f]/g, ""));
/** A cell of nothing but white space is empty. */
const meant = (v: string) => (v.trim() === "" ? "" : v);

const query = (address: string) => new URL(address).searchParams.get("q");
const first = (html: string, name: string): Node => {
  const found = elementsOf(html).find((each) => each.name === name);
  if (found === undefined) throw new Error(`there is no <${name}> in ${html}`);
  return found;
};

/** A template, and what its reader gets for the value. */
const PLACES: [string, (html: string, v: string) => unknown][] = [
  ["<p>{{ v }}</p>", (html) => first(html, "p").text],
  ["<pre>x{{ v }}</pre>", (html) => first(html, "pre").text.slice(1)],
  ["<title>{{ v }}</title>", (html) => first(html, "title").text],
  ['<img alt="{{ v }}">', (html) => first(html, "img").attributes["alt"]],
  ["<img alt='{{ v }}'>", (html) => first(html, "img").attributes["alt"]],
  ["<img alt={{ v }} src=x>", (html) => first(html, "img").attributes["alt"]],
  ['<p class="{{ v }}">x</p>', (html) => first(html, "p").attributes["class"]],
  ['<p data-x={{ v }} class="y">x</p>', (html) => first(html, "p").attributes["data-x"]],
  ['<a href="https://x.co/?q={{ v }}&b=1#c">x</a>', (html) => query(first(html, "a").attributes["href"] ?? "")],
  ["<a href=https://x.co/?q={{ v }} class=y>x</a>", (html) => query(first(html, "a").attributes["href"] ?? "")],
  [
    '{% capture k %}{{ v }}{% endcapture %}<a href="https://x.co/?q={{ k }}">x</a>',
    (html) => query(first(html, "a").attributes["href"] ?? ""),
  ],
  [
    '{% assign k = v | url_encode %}<a href="https://x.co/?q={{ k }}">x</a>',
    (html) => query(first(html, "a").attributes["href"] ?? ""),
  ],
  [
    '<a href="https://x.co/a{{ v }}/b">x</a>',
    (html) => decodeURIComponent(new URL(first(html, "a").attributes["href"] ?? "").pathname.slice(2, -2)),
  ],
  ['<script type="application/ld+json">{"a": "{{ v }}"}</script>', (html) => jsonOf(html)],
  ['<script type="application/ld+json">{"a": {{ v }}}</script>', (html, v) => asTyped(jsonOf(html), v)],
  [
    '<div style="background:url(https://x.co/?q={{ v }}) no-repeat">x</div>',
    (html) =>
      query(/url\((https:[^()'"\s]*)\) no-repeat$/.exec(first(html, "div").attributes["style"] ?? "")?.[1] ?? ""),
  ],
  [
    '<img srcset="https://x.co/?q={{ v }} 1x, https://x.co/b 2x">',
    (html) =>
      query(/^(\S*[^\s,]) 1x, https:\/\/x.co\/b 2x$/.exec(first(html, "img").attributes["srcset"] ?? "")?.[1] ?? ""),
  ],
];

function jsonOf(html: string): unknown {
  return (JSON.parse(first(html, "script").text) as { a: unknown }).a;
}

/** A number is a number however it was typed. */
function asTyped(found: unknown, v: string): unknown {
  if (typeof found === "number") return found === Number(v) ? v : found;
  return typeof found === "string" ? found : String(found);
}

describe("a reader gets the value itself", () => {
  test.each(PLACES)("%s", async (template, read) => {
    const compiled = await prepareContent(content(template));
    const plain = structure(compiled.render("ann@example.com", { v: "x" }).html);
    fc.assert(
      fc.property(nasty, (v) => {
        const { html } = compiled.render("ann@example.com", { v });
        expect(structure(html)).toEqual(plain);
        expect(read(html, meant(v))).toBe(meant(v));
      }),
      { numRuns: 300 },
    );
  });
});

describe("whatever a value holds, it adds nothing", () => {
  test.each([
    "<p {{ v }} class=y>x</p>",
    "<p a{{ v }}=1>x</p>",
    "<!-- {{ v }} --><b>x</b>",
    "<!--[if mso]><i title='{{ v }}'><![endif]--><b>x</b>",
    "<style>p { color: {{ v }} } .{{ v }} { top: 0 } {{ v }}</style><b>x</b>",
    "<style>p { font-family: '{{ v }}'; background: url({{ v }}) }</style><b>x</b>",
    '<b style="{{ v }}">x</b>',
    '<a href="{{ v }}">x</a>',
    '<a href="https://{{ v }}">x</a>',
    "<script>f({{ v }}, '{{ v }}')</script><b>x</b>",
  ])("%s", async (template) => {
    // Styles stay where they are: the rest of the mail is what is asked about.
    const compiled = await prepareContent(content(template.replace("<style>", '<style data-embed media="print">')));
    const names = (html: string) => elementsOf(html).map(({ name }) => name);
    const plain = names(compiled.render("ann@example.com", { v: "x" }).html);
    fc.assert(
      fc.property(nasty, (v) => {
        const { html } = compiled.render("ann@example.com", { v });
        expect(names(html)).toEqual(plain);
        const attributes = elementsOf(html).flatMap((each) => Object.keys(each.attributes));
        expect(attributes.filter((name) => /^on\w+$/.test(name) && name !== meant(v))).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  test("not a second declaration", async () => {
    const compiled = await prepareContent(content('<p style="margin:0;color:{{ v }};top:1px">x</p>'));
    fc.assert(
      fc.property(nasty, (v) => {
        const style = first(compiled.render("ann@example.com", { v }).html, "p").attributes["style"] ?? "";
        const bare = style.replace(/\\[0-9a-f]{1,6} |"[^"\\\n]*"|'[^'\\\n]*'/gi, "_");
        expect(bare.split(";").length).toBe(3);
        expect(bare).not.toMatch(/["'\\{}\n]|url\(|\/\*/i);
      }),
      { numRuns: 500 },
    );
  });
});

describe("where people put values", () => {
  test.each([
    ["Ann <{{ v }}>", "ann@x.co", "Ann &lt;ann@x.co>"],
    ["Ann <{{ v }}>", "img src=x onerror=alert(1)", "Ann &lt;img src=x onerror=alert(1)>"],
    ["<{{ v }}>x</{{ v }}>", "h2", "<h2>x</h2>"],
    ["<p style='color:{{ v }}'>", "rgb(1, 2, 3);", "<p style='color:rgb(1, 2, 3)'>"],
    ['<p style="font-family:{{ v }}">', "'Open Sans', Arial", '<p style="font-family:&#39;Open Sans&#39;, Arial">'],
    ['<p style="{{ v }}">', "color:red; top:0", '<p style="color:red; top:0">'],
    ['<p style="width:{{ v }}%">', "12.5", '<p style="width:12.5%">'],
    ['<a href="https://{{ v }}">', "example.com/shop?x=1", '<a href="https://example.com/shop?x=1">'],
    ['<a href="https://{{ v }}/u?e=1">', "https://example.com", '<a href="https://example.com/u?e=1">'],
    ['<a href="https://{{ v }}.example.com/">', "evil.com/", '<a href="https://evil.com%2F.example.com/">'],
    ['<a href="{{ v }}:alert(1)">', "javascript", '<a href="unsafe:javascript:alert(1)">'],
    ["<a href={{ v }} class=x>", "", '<a href="" class=x>'],
    ['<img src="{{ v }}">', "data:image/png;base64,AA+/", '<img src="data:image/png;base64,AA+/">'],
    ['<a href="{{ v }}">', "data:text/html,x", '<a href="unsafe:data:text/html,x">'],
  ])("%s", async (template, value, expected) => {
    expect(await htmlOf(template, value)).toBe(expected);
  });

  test("an address in brackets in Markdown", async () => {
    const compiled = await prepareContent(content("Ann <{{ v }}>", { format: "markdown" }));
    expect(compiled.render("ann@example.com", { v: "ann@x.co" }).text).toBe("Ann <ann@x.co>\n");
  });

  test("a host in a text and a header", async () => {
    const text = "see https://{{ v }}. {{ v }}";
    const change = { text, headers: [{ name: "List-Help", value: "<https://{{ v }}/help>" }] };
    const mail = (await prepareContent(content("x", change))).render("ann@example.com", { v: "x.co/a" });
    expect(mail.text).toBe("see https://x.co/a. x.co/a");
    expect(mail.headers).toEqual([{ name: "List-Help", value: "<https://x.co/a/help>" }]);
  });
});

test("texts whose signs are read otherwise than elsewhere", async () => {
  const compiled = await prepareContent(content("<textarea>a &lt; {{ v }}</textarea><xmp>{{ v }}</xmp>"));
  for (const v of ["b", "<b>&"]) {
    const { html, text } = compiled.render("ann@example.com", { v });
    expect({ html, text }).toEqual(compiled.renderPlainly("ann@example.com", { v }));
    expect(text).toContain(`a < ${v}`);
  }
});

test("no mail has anything of another recipient, whatever signs their values hold", async () => {
  const compiled = await prepareContent(content('<p class="{{ a }}">{{ b }}</p><i>{{ c }}</i>'));
  const tricky = fc.array(fc.constantFrom(" ", "\0", "=", "1", "2", "3", "4", ",", '"', "[", "\u200b", "a"), {
    maxLength: 6,
  });
  const row = fc.tuple(tricky, tricky, tricky).map((all) => all.map((signs) => signs.join("")));
  fc.assert(
    fc.property(fc.array(row, { maxLength: 5 }), (rows) => {
      for (const [a = "", b = "", c = ""] of rows) {
        const { html, text } = compiled.render("x@y.co", { a, b, c });
        expect({ html, text }).toEqual(compiled.renderPlainly("x@y.co", { a, b, c }));
      }
    }),
    { numRuns: 500 },
  );
  // Values that look like what stands between two values in the name of a shape.
  const hidden = { a: "x", b: "\u200by", c: "z" };
  compiled.render("x@y.co", hidden);
  for (let place = 10; place < 150; place++) {
    const row = { a: `x\0${place}=\u200by`, b: "plain", c: "z" };
    expect(compiled.render("x@y.co", row).html).toBe(compiled.renderPlainly("x@y.co", row).html);
  }
});

/**
 * Another way to the same mail: LiquidJS itself renders the template with words in place of the values, Markdown and styles are made of the
 * whole, and the words are replaced in what comes out.
 */
const WORDS = { a: "wwordaz", b: "wwordbz" };
const VALUES = [
  "Ann",
  "Bob Lee",
  "Zoë 김",
  "Tom & Jerry",
  "a<b",
  `"q" 'r'`,
  "🎉",
  "👨‍👩‍👧",
  "50%",
  "#1",
  "{{ x }}",
  "*|N|*",
  "_a_",
  "1.",
];
const BLOCKS = [
  "# Hi {{ a }}\n\n",
  "* {{ b }}\n  * nested {{ a }}\n",
  "1. x {{ a }}\n\n   para {{ b }}\n\n",
  "**{{ a }}** _{{ b }}_ ~~{{ a }}~~ ",
  "[ref {{ a }}][r]\n\n[r]: https://x.co/r '{{ b }}'\n\n",
  "`{{ a }}`\n\n",
  "```\n{{ a }}\nin {{ b }}\n```\n\n",
  "    code {{ a }}\n\n",
  "| a | b |\n|---|:-:|\n| {{ a }} | {{ b }} |\n\n",
  "> {{ b }}\n> > {{ a }}\n\n",
  "<div>\n{{ a }}\n\n**{{ b }}**\n</div>\n\n",
  "{{ a }}\n===\n\n",
  "{{ a }}  \nline {{ b }}\\\nx\n\n",
  '![{{ a }}](https://x.co/i.png "{{ b }}") ',
  "text{% if b %} and {{ b }}{% endif %}.\n\n",
  "* one{% if b %}\n* {{ b }}{% endif %}\n* three\n\n",
  "[{% if a == b %}{{ b }}{% else %}none{% endif %}](https://x.co/{% if b %}y{% else %}z{% endif %})\n\n",
  "{% capture k %}{{ a }} x{% endcapture %}{{ k }} {{ k }}\n\n",
  "{% unless b %}none{% endunless %}{{ a }}{{ b | default: a }}\n\n",
  "| {% for i in (1..2) %}{{ i }} {{ a }} {% endfor %} | x |\n|---|---|\n\n",
];

test("a mail is what the template itself, rendered and read as Markdown, says", async () => {
  const liquid = new Liquid({ jsTruthy: true, ownPropertyOnly: true });
  const value = fc.constantFrom(...VALUES);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom(...BLOCKS), { minLength: 1, maxLength: 5 }),
      value,
      value,
      async (blocks, a, b) => {
        const body = blocks.join("");
        // Where the template asks, the words answer as the values would.
        const words = { a: WORDS.a, b: a === b ? WORDS.a : WORDS.b };
        const page = inlineStyles(pageOf(liquid.parseAndRenderSync(body, words) as string, "S"));
        const filled = page.replaceAll(WORDS.a, escapeHtml(a)).replaceAll(WORDS.b, escapeHtml(b));
        const compiled = await prepareContent(content(body, { format: "markdown", subject: "S" }));
        const made = compiled.render("ann@example.com", { a, b });
        expect(made.html).toBe(filled);
        expect(made.text).toBe(textOf(filled));
      },
    ),
    { numRuns: 200 },
  );
}, 60_000);
