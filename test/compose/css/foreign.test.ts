import { afterAll, beforeAll, expect, test } from "vitest";
import { inlineStyles } from "../../../src/compose/css/inline-styles.ts";
import { foreignMails } from "../../support/foreign-mails.ts";
import { Looker } from "../../support/same-look.ts";

let looker: Looker;

beforeAll(async () => {
  looker = await Looker.open();
  // Long, in case the browser has to be installed first.
}, 300_000);
afterAll(() => looker.close());

test("a change of one property on one screen is seen", async () => {
  const page = (css: string) => `<!doctype html><style>${css}</style><p>a</p>`;
  const pair = (before: string, after: string) => [{ name: "p", before: page(before), after: page(after) }];
  expect(await looker.differences(pair("p { color: red }", "p { color: #ff0000 }"))).toEqual([]);
  const narrow = await looker.differences(pair("@media (max-width: 400px) { p { color: red } }", ""));
  expect(narrow).toContainEqual(expect.stringContaining("color: rgb(255, 0, 0) became rgb(0, 0, 0) (360 px)"));
  expect(await looker.differences(pair("p:hover { top: 1px }", ""))).toEqual([]);
  expect(await looker.differences(pair("p:hover { top: 1px }", ""), ["all hovered"])).not.toEqual([]);
  expect(await looker.differences(pair("@media print { p { top: 1px } }", ""))).toHaveLength(1);
  expect(await looker.differences(pair("p::after { content: 'x' }", ""))).not.toEqual([]);
});

test("mails of other people look the same with their styles inlined", async () => {
  const mails = await foreignMails();
  const pairs = mails.map(({ name, html }) => ({ name, before: html, after: inlineStyles(html) }));
  expect(await looker.differences(pairs, ["none", "[data-ogsc]", "all hovered"])).toEqual([]);
  const changed = pairs.filter(({ before, after }) => before !== after);
  expect(changed.length).toBeGreaterThanOrEqual(20);
}, 300_000);
