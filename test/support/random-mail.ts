/** Small mails with everything in them that makes inlining hard. */
import fc from "./properties.ts";

const declaration = fc.oneof(
  {
    weight: 60,
    arbitrary: fc.constantFrom(
      "color: red",
      "color: red",
      "color: maroon",
      "color: navy",
      "color: #123456",
      "background: #ccc",
      "background: none",
      "padding: 1px",
      "padding-left: 6px",
      "margin: 0",
      "font-size: 11px",
      "font-size: 12px",
      "color: #00f",
      "color:green",
      "color: inherit",
      "color: oklch(60% 0.2 30)",
      "color: nonsense",
      "background: #eee",
      "background-color: yellow",
      "background: linear-gradient(red, blue)",
      "margin: 1px 2px",
      "margin-left: 7px",
      "margin-inline-start: 9px",
      "padding: 3px",
      "padding-top: 4px",
      "border: 1px solid red",
      "border-color: blue",
      "border-left: 2px dotted",
      "border-radius: 3px",
      "border-collapse: collapse",
      "font: bold 13px/2 serif",
      "font-size: 15px",
      'font-family: "Segoe UI", Arial',
      "line-height: 1.5",
      "text-decoration: underline",
      "text-decoration-color: red",
      "display: inline-block",
      "display: none",
      "width: 50%",
      "max-width: 200px",
      "text-align: center",
      "--x: 5px",
      "--x: blue",
      "color: var(--x)",
      "padding: var(--x)",
      "mso-line-height-rule: exactly",
      "*zoom: 1",
      "-webkit-box-shadow: 0 0 1px red",
      "box-shadow: none",
      "background-image: url(data:,a&b)",
      "color: revert",
      "animation: k 9s -4s paused",
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "all: unset",
      "color: revert-layer",
      "foo",
      "color",
      ": red",
      "color:",
      "b { color: red }",
      "color: red)",
      "@x y",
      "\\",
    ),
  },
);

const declarations = fc
  .array(
    fc.tuple(
      declaration,
      fc.oneof(
        { weight: 5, arbitrary: fc.constant("") },
        { weight: 1, arbitrary: fc.constantFrom(" !important", "! IMPORTANT", "/* x */") },
      ),
    ),
    {
      minLength: 1,
      maxLength: 3,
    },
  )
  .map((list) => list.map(([text, end]) => text + end).join("; "));

const simple = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(".a", ".b", ".c") },
  { weight: 1, arbitrary: fc.constantFrom("#i", "[title]", "[title=X]", ".A", ".none", ":root", "*") },
);
const state = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.constantFrom(":hover", ":hover", ":first-child", ":nth-child(2)", ":not(.a)", ":is(.a, p)"),
  },
  {
    weight: 3,
    arbitrary: fc.constantFrom(":last-of-type", ":not(:hover)", "::before", ":before", ":empty", ":where(.a)"),
  },
  { weight: 1, arbitrary: fc.constantFrom(":foo", "::-webkit-x", ":has(p)", ":is(.a:hover, .b)") },
);
const type = fc.constantFrom("", "", "", "", "", "p", "div", "td", "table", "b", "li", "a", "tr", "body");

const compound = fc
  .tuple(type, fc.array(simple, { maxLength: 1 }), fc.option(state, { freq: 2, nil: "" }))
  .map(([name, parts, end]) =>
    name === "" && parts.length === 0 && end === "" ? ".a" : name + parts.filter((part) => part !== "*").join("") + end,
  );
const selector = fc
  .tuple(fc.array(fc.tuple(compound, fc.constantFrom(" ", " ", " > ", "+", "~")), { maxLength: 1 }), compound)
  .map(([before, last]) => before.flat().join("") + last);
/** Of names that mail programs do not change: what is put around changes nothing for what fits now. */
const steadySelector = fc
  .tuple(
    fc.option(fc.constantFrom("[data-ogsc] ", ".ExternalClass ", "u + .body ", ".a ", ".b ", "#i ", "u + #i "), {
      nil: "",
    }),
    fc.constantFrom("", "p", "b", "td", "li"),
    fc.constantFrom(".a", ".b", ".c", "#i"),
    fc.constantFrom("", "", ":hover", "[data-ogsc]"),
  )
  .map((parts) => parts.join(""));

const media = fc.constantFrom(
  "(max-width: 480px)",
  "(prefers-color-scheme: dark)",
  "print",
  "screen and (min-width: 500px)",
);

function sheet(one: fc.Arbitrary<string>): fc.Arbitrary<string> {
  const rule = fc
    .tuple(fc.array(one, { minLength: 1, maxLength: 3 }), declarations, fc.boolean())
    .map(([list, body, semicolon]) => `${list.join(", ")} { ${body}${semicolon ? ";" : ""} }`);
  const special = fc.oneof(
    rule.map((inner) => `@supports (display: grid) { ${inner} }`),
    rule.map((inner) => `@layer x { ${inner} }`),
    rule.map((inner) => `.b { color: teal; ${inner} }`),
    fc.constantFrom(
      "}",
      ".a { color: ",
      ".a, , .b { color: red }",
      ".a[ { color: red }",
      "@import 'x.css';",
      "<!-- ",
      "-->",
      "/* } */",
      "@font-face { font-family: F; src: url(x) }",
      "@keyframes k { from { color: lime; margin-left: 1px } }",
      "@foo { .a { color: red } }",
      "; .a { color: gold }",
      '.a { content: "',
    ),
  );
  return fc
    .array(
      fc.oneof(
        { weight: 24, arbitrary: rule },
        { weight: 6, arbitrary: fc.tuple(media, rule).map(([query, inner]) => `@media ${query} { ${inner} }`) },
        { weight: 1, arbitrary: special },
      ),
      { minLength: 1, maxLength: 7 },
    )
    .map((items) => items.join("\n"));
}

const attributes = fc
  .tuple(
    fc.constantFrom(["a"], ["b"], ["c"], ["a", "b"], ["b", "c"], ["a", "b", "c"], []),
    fc.option(declarations, { freq: 3, nil: null }),
    fc.constantFrom("", "", ' id="i"', " title=X", ' align="center"'),
    fc.constantFrom('"', '"', "'", ""),
  )
  .map(([classes, style, other, quote]) => {
    const plain = style?.replaceAll('"', "") ?? "";
    const value =
      quote === "" ? plain.replace(/[\s"'=<>`]/g, "") : quote === '"' ? plain.replaceAll("&", "&amp;") : plain;
    return `${classes.length > 0 ? ` class="${classes.join(" ")}"` : ""}${other}${style === null ? "" : ` style=${quote}${value}${quote}`}`;
  });

const { node } = fc.letrec<{ node: string; nodes: string }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, depthSize: "medium" },
    fc.constantFrom(
      "text",
      "text",
      "<br>",
      "<img alt=x />",
      "<!-- c -->",
      "&amp;",
      "<!--[if mso]><td class='b'><![endif]-->",
    ),
    fc
      .tuple(fc.constantFrom("div", "p", "b", "span", "a", "ul", "li", "font"), attributes, tie("nodes"), fc.boolean())
      .map(([tag, its, inner, close]) => `<${tag}${its}>${inner}${close || tag === "a" ? `</${tag}>` : ""}`),
    fc
      .tuple(attributes, attributes, tie("nodes"), fc.boolean())
      .map(
        ([table, cell, inner, close]) => `<table${table}><tr><td${cell}>${inner}${close ? "</td></tr>" : ""}</table>`,
      ),
  ),
  nodes: fc.array(tie("node"), { minLength: 1, maxLength: 3 }).map((list) => list.join("")),
}));
const content = fc.array(node, { minLength: 3, maxLength: 6 }).map((list) => list.join("\n"));

const styleTag = fc.constantFrom(
  "<style>",
  "<style>",
  "<style>",
  '<style media="print">',
  "<style media='(max-width: 480px)'>",
  "<style data-embed>",
  '<style type="text/css">',
  '<style type="text/x">',
);

function mail(one: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .record({
      doctype: fc.constantFrom("<!DOCTYPE html>", "<!doctype html>\r\n", ""),
      sheets: fc.array(fc.tuple(styleTag, sheet(one)), { minLength: 1, maxLength: 2 }),
      late: fc.option(fc.tuple(styleTag, sheet(one)), { freq: 4, nil: null }),
      body: attributes,
      content,
    })
    .map(({ doctype, sheets, late, body, content: inner }) => {
      const write = ([tag, css]: [string, string]) => `${tag}${css}</style>`;
      const root = `<div class="root">${late ? write(late) : ""}${inner}</div>`;
      return `${doctype}<html><head><title>T</title>${sheets.map(write).join("\n")}</head><body${body.replace('class="', 'class="body ')}>${root}</body></html>`;
    });
}

/** Anything goes. */
export const anyMail = mail(selector);
/** With rules for mail programs, and none that would fit other elements just because a mail program put one around. */
export const steadyMail = mail(steadySelector);
