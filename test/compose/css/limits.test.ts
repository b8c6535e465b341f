import { expect, test } from "vitest";
import { inlineStyles } from "../../../src/compose/css/inline-styles.ts";
import { UserError } from "../../../src/errors.ts";

function many(count: number, one: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => one(index)).join("");
}

/** What it throws. */
function refusalOf(html: string): unknown {
  try {
    return inlineStyles(html);
  } catch (error) {
    return error;
  }
}

test.each([
  [
    "4,000 rules for one of 4,000 elements each",
    many(4000, (i) => `.c${i}{top:${i}px}`),
    many(4000, (i) => `<p class=c${i}>x`),
  ],
  ["50,000 elements inside each other", "p{top:0}", `<p>x</p>${"<div>".repeat(50_000)}`],
  [
    "2,000 of them, and a rule that looks at all",
    "div div div p{top:0}",
    `${"<div>".repeat(400)}<p>x${"<div>".repeat(1600)}`,
  ],
  ["20,000 siblings that are counted", "p:nth-last-child(3n+1){top:0}", "<p>x".repeat(20_000)],
  ["half a million open brackets", `p{top:0}i{left:${"(".repeat(500_000)}}`, "<p>x"],
  ["a value with brackets inside each other", `p{top:0;--x:${"[".repeat(9000)}${"]".repeat(9000)}}`, "<p>x"],
  ["900,000 open blocks", `p{top:0}${"{".repeat(900_000)}`, "<p>x"],
  ["50,000 media queries inside each other", `p{top:0}${"@media x{".repeat(50_000)}`, "<p>x"],
  ["400,000 open comments", `p{top:0}${"/*".repeat(400_000)}`, "<p>x"],
])("%s are inlined", (_what, css, body) => {
  expect(/<p[^>]* style="top: /.test(inlineStyles(`<style>${css}</style>${body}`))).toBe(true);
});

test.each([
  [
    "4,000 rules for all of 4,000 elements",
    many(4000, (i) => `p{top:${i}px}`),
    "<p>x".repeat(4000),
    "selector and an element",
  ],
  [
    "media queries for all of them",
    `p{top:0}${many(2000, (i) => `@media (width:${i}px){p{top:0}}`)}`,
    "<p>x".repeat(4000),
    "selector and an element",
  ],
  [
    "long chains in a deep tree",
    "* * * * * * p > p + p ~ p p{top:0} i * * * * *{top:1px}",
    "<div>".repeat(9000),
    "comparisons",
  ],
  ["a look at all siblings before each", "i ~ p{top:0}", "<p>x".repeat(20_000), "comparisons"],
  [":not inside :not", `${":not(".repeat(5000)}p${")".repeat(5000)}{top:0}`, "<p>x", "brackets"],
  ["a selector of 100,000 classes", `${".a".repeat(100_000)}{top:0}`, "<p>x", "parts in a selector"],
  ["100,000 selectors", `${"p,".repeat(100_000)}i{top:0}`, "<p>x", "selectors"],
  ["a megabyte of CSS", `p{--x:${"x".repeat(1_000_000)}}`, "<p>x", "characters of CSS"],
  [
    "a long value for each of many elements",
    `p{--x:${"x".repeat(50_000)}}`,
    "<p>x".repeat(4000),
    "characters of inlined styles",
  ],
  [
    "tags that make the parser repeat a thousand elements in each paragraph",
    "p{top:0}",
    `<p>${many(1000, (i) => `<font color=${i}>`)}</p>${"<p>x</p>".repeat(1000)}`,
    "elements",
  ],
  [
    "100,000 elements that all have another style",
    "p{top:0}",
    many(100_000, (i) => `<p style=left:${i}px>x`),
    "elements with different styles",
  ],
  ["six million characters", "p{top:0}", `<p>${"x".repeat(6_000_000)}`, "characters of HTML"],
])("%s are refused", (_what, css, body, words) => {
  const refusal = refusalOf(`<style>${css}</style>${body}`);
  expect(refusal).toBeInstanceOf(UserError);
  expect(refusal).toMatchObject({ message: expect.stringContaining(words) });
});

test("a document without a style sheet has no limits", () => {
  const html = "<div>".repeat(200_000);
  expect(inlineStyles(html) === html).toBe(true);
});
