import { afterAll, beforeAll, expect, test } from "vitest";
import { inlineStyles } from "../../../src/compose/css/inline-styles.ts";
import { foreignMails } from "../../support/foreign-mails.ts";
import { Looker } from "../../support/same-look.ts";

let looker: Looker;

beforeAll(async () => {
  looker = await Looker.open();
});
afterAll(() => looker.close());

test("mails of other people look the same with their styles inlined", async () => {
  const mails = await foreignMails();
  const pairs = mails.map(({ name, html }) => ({ name, before: html, after: inlineStyles(html) }));
  expect(await looker.differences(pairs, ["none", "[data-ogsc]", "all hovered"])).toEqual([]);
  const changed = pairs.filter(({ before, after }) => before !== after).map(({ name }) => name);
  expect(changed.length).toBeGreaterThan(20);
});
