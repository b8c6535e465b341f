/** The text part is derived once for a mail and filled in for each recipient, so no value may change what stands around it. */
import fc from "../../support/properties.ts";
import { expect, test } from "vitest";
import { textOf } from "../../../src/compose/text/html-to-text.ts";
import { writeLink } from "../../../src/compose/text/link.ts";

const WORDS = ["zqk0a1b2c0z", "zqk0a1b2c1z", "zqk0a1b2c2z"];

/** Without white space at its ends or twice, and without anything invisible. */
const value = fc
  .array(
    fc.string({ unit: fc.constantFrom(...Array.from("aZ09<>&\"'|*[]/#.:;%-_=?!ß김😀")), minLength: 1, maxLength: 30 }),
    {
      minLength: 1,
      maxLength: 4,
    },
  )
  .map((words) => words.join(" "));

const text = fc.oneof(
  { weight: 2, arbitrary: fc.constantFrom(...WORDS) },
  { weight: 2, arbitrary: fc.constantFrom(" ", "\n", "a", " b", "c ", ", ", "&nbsp;", "&shy;", "&zwnj;", "\ue123") },
);

const attributes: Record<string, fc.Arbitrary<string>> = {
  a: fc
    .tuple(fc.constantFrom("https://x.co/", "mailto:", ""), fc.constantFrom(...WORDS))
    .map(([start, word]) => ` href="${start}${word}"`),
  img: fc.constantFrom(...WORDS, "").map((word) => ` src="x" alt="${word}"`),
  table: fc.constantFrom("", ' role="presentation"', ' border="1"'),
  td: fc.constantFrom("", ' colspan="2"', ' rowspan="2"'),
  ol: fc.constantFrom("", ' type="a"', " reversed"),
  div: fc.constantFrom(
    "",
    ' style="padding:9px"',
    ' style="white-space:pre-wrap"',
    ' style="display:inline-block"',
    " hidden",
  ),
};
const NAMES =
  "a a img br hr p div span b h1 ul ol li blockquote pre q dl dt dd table tr td th caption tfoot select option".split(
    " ",
  );

const { html } = fc.letrec<{ html: string; element: string }>((tie) => ({
  html: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    text,
    fc.array(tie("html"), { maxLength: 5 }).map((all) => all.join("")),
    tie("element"),
  ),
  element: fc
    .constantFrom(...NAMES)
    .chain((name) =>
      fc
        .tuple(attributes[name] ?? fc.constant(""), tie("html"))
        .map(([written, inner]) => `<${name}${written}>${/^(?:img|br|hr)$/.test(name) ? "" : `${inner}</${name}>`}`),
    ),
}));

const row = fc
  .array(html, { minLength: 1, maxLength: 3 })
  .map((cells) => `<tr>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`);
const page = fc.oneof(
  html,
  fc.array(row, { maxLength: 4 }).map((rows) => `<table>${rows.join("")}</table>`),
);

const escaped = (plain: string): string =>
  plain
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
const filled = (template: string, values: string[]): string =>
  template.replace(/zqk0a1b2c(\d)z/g, (_, index: string) => values[Number(index)] ?? "");

const deferred = (words: string, address: string): string => `\ue000${words}\ue001${address}\ue002`;

const values = fc.tuple(value, value, value);

test("a value in place of a word gives the text of the HTML with the value", () => {
  fc.assert(
    fc.property(page, values, (template, plain) => {
      const whole = textOf(filled(template, plain.map(escaped)), deferred);
      expect(filled(textOf(template, deferred), plain)).toBe(whole);
    }),
    { numRuns: 2000 },
  );
});

test("how a link is written can be decided when its values are known", () => {
  fc.assert(
    fc.property(page, values, (template, plain) => {
      fc.pre(plain.every((each) => writeLink("", each) !== ""));
      const late = filled(textOf(template, deferred), plain).replace(
        /\ue000([^\ue000-\ue002]*)\ue001([^\ue000-\ue002]*)\ue002/g,
        (_, words: string, address: string) => writeLink(words, address),
      );
      expect(late).toBe(textOf(filled(template, plain.map(escaped))));
    }),
    { numRuns: 1000 },
  );
});
