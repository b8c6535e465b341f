import { expect, test } from "vitest";
import { inlineStyles } from "../../../src/compose/css/inline-styles.ts";

/** The document with `css` in its head and `body` in its body, inlined: what is left in the style element, and the body. */
function inline(css: string, body: string, head = ""): { css: string; body: string } {
  const html = inlineStyles(
    `<!doctype html><html><head>${head}<style>${css}</style></head><body>${body}</body></html>`,
  );
  return { css: /<style>([^]*)<\/style>/.exec(html)?.[1] ?? "", body: /<body>([^]*)<\/body>/.exec(html)?.[1] ?? html };
}

test("a rule moves into the elements it fits, and an empty sheet goes with its tags", () => {
  const html = `<html><head>\n<style type="text/css">\n<!--\n.a { color: red; margin: 0 }\np { top: 1px }\n-->\n</style></head><body><p class="a b">x</p></body></html>`;
  expect(inlineStyles(html)).toBe(
    `<html><head>\n</head><body><p class="a b" style="top: 1px; color: red; margin: 0;">x</p></body></html>`,
  );
});

test("a sheet with media holds for that medium only", () => {
  const sheets = `<style media="print">.a { display: none }</style><style media="screen and (max-width: 480px)">.b { width: 100% }</style>`;
  const html = `<html><head>${sheets}<style media=" ALL ">.a { color: red }</style></head><body><p class=a>x<p class="b" style="">y</body></html>`;
  expect(inlineStyles(html)).toBe(
    `<html><head>${sheets}</head><body><p class=a style="color: red;">x<p class="b" style="">y</body></html>`,
  );
});

test("rules for single mail programs stay, and win where they won", () => {
  const css = [
    "[data-ogsc] .card { color: #eee !important }",
    "u + .body .card { width: 100vw !important }",
    "#outlook a { padding: 0 }",
    ".ExternalClass { width: 100% }",
    ".ExternalClass p { line-height: 100% }",
    ".moz-text-html .col { width: 50% !important }",
  ];
  const { css: left, body } = inline(
    [".card { color: #222; width: 9px } p { line-height: 2 }", ...css].join("\n"),
    `<p class="card">x</p>`,
  );
  expect(body).toBe(`<p class="card" style="line-height: 2; color: #222; width: 9px;">x</p>`);
  expect(left.split("\n").map((line) => line.trim())).toEqual(
    css.map((rule) => rule.replace("100% }", rule.includes(" p ") ? "100% !important }" : "100% }")),
  );
});

test("the author's attributes stay, and none is made", () => {
  const { body } = inline(
    "img { width: auto; height: auto; max-width: 100% }",
    `<img src="a.png" width="300" height="200">`,
  );
  expect(body).toBe(`<img src="a.png" width="300" height="200" style="width: auto; height: auto; max-width: 100%;">`);
});

test("a media query and a state that won get !important", () => {
  const { css, body } = inline(
    ".col { width: 50%; color: #000 } @media (max-width: 480px) { .col { width: 100%; top: 0 } } .col:hover { color: red }",
    `<div class="col">x</div>`,
  );
  expect(body).toBe(`<div class="col" style="width: 50%; color: #000;">x</div>`);
  expect(css).toBe(
    "@media (max-width: 480px) { .col { width: 100% !important; top: 0 } } .col:hover { color: red !important }",
  );
});

test("one that lost gets none", () => {
  const { css, body } = inline("@media print { p { color: red } } .a { color: blue }", `<p class="a">x`);
  expect(css).toBe("@media print { p { color: red } } ");
  expect(body).toBe(`<p class="a" style="color: blue;">x`);
});

test("one that won in one place and lost in another", () => {
  const { css, body } = inline(
    "p { color: red } p.a.b { color: blue } p:hover { color: lime }",
    `<p>x<p class="a b">y<p style="color:gold">z`,
  );
  expect(css).toBe("p:hover { color: lime !important }");
  expect(body).toBe(
    `<p style="color: red;">x<p class="a b" style="color: blue !important;">y<p style="color: gold !important; color:gold">z`,
  );
});

test("one that had !important from the start still beats one that got it", () => {
  const { css } = inline(
    "p { color: red } @media print { .a { color: black !important } } p.a:hover { color: lime }",
    `<p class="a">x`,
  );
  expect(css).toBe(
    "@media print { .a { color: black !important } .a.a.a { color: black !important } } p.a:hover { color: lime !important }",
  );
});

test("where nothing can make it win, the rule stays as it is", () => {
  // The animation has to win over both, which it would not over !important.
  const animated = "@keyframes k { from { color: lime } } p { color: red } p:hover { color: blue }";
  expect(inline(animated, "<p>x")).toEqual({ css: animated, body: "<p>x" });
  const fixed = `<style data-embed>p:hover { color: blue }</style>`;
  expect(inlineStyles(`<style>p { color: red; top: 0 }</style>${fixed}<p>x`)).toBe(
    `<style>p { color: red; top: 0 }</style>${fixed}<p style="top: 0;">x`,
  );
  const layered = "p { color: red } @layer x { p { color: blue !important } }";
  expect(inline(layered, "<p>x").css).toBe(layered);
});

test("a list is divided where only some of its selectors have to win", () => {
  const { css, body } = inline(
    "p { color: red } p:hover, .b::before, .none { color: blue } .b { color: lime }",
    `<p class="b">x</p>`,
  );
  expect(css).toBe("p:hover { color: blue !important } .b::before, .none { color: blue } ");
  expect(body).toBe(`<p class="b" style="color: lime;">x</p>`);
});

test("what cannot be inlined stays, in order", () => {
  const css = `@charset "x";@import url(a.css);@namespace x url(y);@font-face { font-family: F; src: url(f) } @supports (display: grid) { .x { display: grid } } .y::before { content: "* " } .y:nth-child(odd) { color: red } @page { margin: 0 } .n { b { left: 0 } }`;
  const { css: left, body } = inline(css.replace("@namespace x url(y);", ""), `<p class="x y">x</p>`);
  expect(left).toBe(css.replace("@namespace x url(y);", ""));
  expect(body).toBe(`<p class="x y" style="color: red;">x</p>`);
  expect(inline(`${css} p { top: 0 }`, "<p>x").body).toBe("<p>x");
});

test("an @import behind rules stays void", () => {
  expect(inline("p { color: red } @import 'a.css'; p { top: 0 }", "<p>x")).toEqual({
    css: "p { color: red } @import 'a.css'; ",
    body: `<p style="color: red; top: 0;">x`,
  });
});

test.each([
  ["of a type that is no CSS", "<style type=text/less>", "</style>"],
  ["with data-embed", "<style data-embed>", "</style>"],
  ["in SVG", "<svg><style>", "</style></svg>"],
  ["in <template>", "<template><style>", "</style></template>"],
  ["in <noscript>", "<noscript><style>", "</style></noscript>"],
  ["for Outlook", "<!--[if mso]><style>", "</style><![endif]-->"],
  ["for all but Outlook", "<!--[if !mso]><!--><style>", "</style><!--<![endif]-->"],
  ["for all but Outlook, otherwise written", "<![if !mso]><style>", "</style><![endif]>"],
])("a sheet %s stays", (_what, before, behind) => {
  const html = `<body>${before}p { color: red }${behind}<p>x`;
  expect(inlineStyles(html)).toBe(html);
});

test("a rule that Outlook needs for what only it sees stays beside what is inlined", () => {
  const ghost = `<!--[if mso]><table class="g"><tr><td><![endif]-->`;
  const { css, body } = inline(
    "td { padding: 0 } .g { width: 9px } p { top: 0 }",
    `${ghost}<p>x</p><table class="g"><td>y</table>`,
  );
  expect(css).toBe("td { padding: 0 } .g { width: 9px } ");
  expect(body).toBe(
    `${ghost}<p style="top: 0;">x</p><table class="g" style="width: 9px;"><td style="padding: 0;">y</table>`,
  );
});

test("the tree is the browser's", () => {
  const { body } = inline(
    "table > tr { top: 1px } tbody > tr { top: 2px } p + div { top: 3px } li + li { top: 4px }",
    "<table><tr><td>x</table><p>x<div>y</div><ul><li>a<li>b</ul>",
  );
  expect(body).toBe(
    `<table><tr style="top: 2px;"><td>x</table><p>x<div style="top: 3px;">y</div><ul><li>a<li style="top: 4px;">b</ul>`,
  );
});

test("of one tag the parser makes two elements: they are written to when both get the same", () => {
  expect(inline("b { color: red }", "<p><b>x<p>y").body).toBe(`<p><b style="color: red;">x<p>y`);
  const css = "p + p b { color: red }";
  expect(inline(css, "<p><b>x<p>y</b>")).toEqual({ css, body: "<p><b>x<p>y</b>" });
});

test("without a doctype classes are compared without regard to case, with one they are not", () => {
  expect(inlineStyles("<style>.A { top: 0 }</style><p class=a>x")).toContain(`style="top: 0;"`);
  expect(inlineStyles("<!doctype html><style>.A { top: 0 }</style><p class=a>x")).not.toContain("style=");
});

test("fallbacks stay, and what is surely beaten goes", () => {
  const css =
    "p { background: #fff; background: linear-gradient(red, blue); color: red; color: blue; *zoom: 1; mso-line-height-rule: exactly }";
  expect(inline(css, "<p>x").body).toBe(
    `<p style="background: #fff; background: linear-gradient(red, blue); color: blue; *zoom: 1; mso-line-height-rule: exactly;">x`,
  );
  expect(inline("p { color: red }", `<p style="color: blue">x`)).toEqual({ css: "", body: `<p style="color: blue">x` });
  expect(inline("p { color: red !important }", `<p style="color: blue">x`).body).toBe(
    `<p style="color: red !important; color: blue">x`,
  );
});

test("rules that fit links and blocks of a mail program's own making stay beside what is inlined", () => {
  const css = "a { color: red } .f a { top: 0 } div { margin: 0 } * { left: 0 } ";
  const { css: left, body } = inline(
    `${css}a.b { color: blue } p { right: 0 }`,
    `<p class="f"><a class="b" href="x">x</a></p>`,
  );
  expect(left).toBe(css);
  expect(body).toContain(`<a class="b" href="x" style="left: 0; top: 0; color: blue;">`);
});

test("the root's rules are inlined and stay: mail programs have a root of their own", () => {
  const html = "<html><head><style>:root { color-scheme: light dark }</style></head><body>x</body></html>";
  expect(inlineStyles(html)).toBe(html.replace("<html", `<html style="color-scheme: light dark;"`));
});

test("comments stay where they are, a rule with something unreadable in it, too", () => {
  const { css, body } = inline(
    "/* one */ p { color: red } /* two */ b { top: 0; what } i { top: 0 }",
    "<p>x<b>y</b><i>z</i>",
  );
  expect(css).toBe("/* one */ /* two */ b { top: 0; what } ");
  expect(body).toContain(`<b style="top: 0;">`);
});

test.each([
  ".a, { top: 0 }",
  ".a > > b { top: 0 }",
  ".a, .1 { top: 0 }",
  ".a:nonsense, .a { top: 0 }",
  "#1 { top: 0 }",
  "} .a { top: 0 }",
  "; .a { top: 0 }",
  ".a[b { top: 0 } .a { top: 0 }",
])("%s is no rule for a browser, and none here", (css) => {
  expect(inline(css, `<p class="a" id="1">x`)).toEqual({ css, body: `<p class="a" id="1">x` });
});

test("a rule that looks at the style attribute fits what it fitted", () => {
  const centred = `div[style*="margin: 16px 0"] { margin: 0 !important }`;
  const { css, body } = inline(
    `.gap { margin: 16px 0 } .plain { margin: 1px } ${centred}`,
    `<div class="gap">x</div><div class="plain">y</div>`,
  );
  expect(body).toBe(`<div class="gap">x</div><div class="plain" style="margin: 1px;">y</div>`);
  expect(css).toBe(`.gap { margin: 16px 0 } ${centred}`);
});

test.each([
  ["[style]", "p[style] { color: red }", `<p>x</p>`],
  [":not([style])", "@media print { p:not(p[style]) { color: red } }", `<p>x</p>`],
  ["an empty style", `@media print { p[style=""] { color: red } }`, `<p style="">x</p>`],
  [
    "a style that ends so",
    `@media print { p[style$="0"] { color: red } } p[style^="margin"] { left: 0 }`,
    `<p style="margin:0">x</p>`,
  ],
])("nothing is written where a selector would notice it: %s", (_what, rule, element) => {
  expect(inline(`p { top: 1px } i { top: 2px } ${rule}`, `${element}<i>y</i>`).body).toBe(
    `${element}<i style="top: 2px;">y</i>`,
  );
});

test("of sheets with titles the first title counts, the others are alternatives", () => {
  const alternative = `<style title="dark">p { color: white; left: 0 }</style>`;
  const html = `<html><head><style title="Light">p { color: black }</style>${alternative}<style title="Light">p { top: 0 }</style></head><body><p>x</body></html>`;
  const after = inlineStyles(html);
  expect(after).toContain(`<p style="color: black; top: 0;">x`);
  expect(after).toMatch(/<style title="dark">p \{ color: white !important; left: 0 \}<\/style>/);
});
