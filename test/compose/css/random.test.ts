import fc from "../../support/properties.ts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { inlineStyles } from "../../../src/compose/css/inline-styles.ts";
import { anyMail, steadyMail } from "../../support/random-mail.ts";
import { type Change, Looker, type Pair } from "../../support/same-look.ts";

let looker: Looker;

beforeAll(async () => {
  looker = await Looker.open();
  // Long, in case the browser has to be installed first.
}, 300_000);
afterAll(() => looker.close());

/** Many at once: asking the browser takes longer than what it does. */
function pairsOf(mails: fc.Arbitrary<string>, seed: number, numRuns: number): Pair[] {
  return fc.sample(mails, { seed, numRuns }).map((html) => {
    const after = inlineStyles(html);
    return { name: JSON.stringify({ html, after }), before: html, after };
  });
}

test.each<[string, fc.Arbitrary<string>, Change[]]>([
  ["any mail, in all media and states", anyMail, ["none", "all hovered", "some hovered"]],
  [
    "rules for mail programs, in such mail programs",
    steadyMail,
    ["none", "[data-ogsc]", ".ExternalClass", "u + .body"],
  ],
])(
  "%s looks the same with its styles inlined",
  async (_name, mails, changes) => {
    const pairs = pairsOf(mails, 20_260_301, 150);
    expect((await looker.differences(pairs, changes)).slice(0, 3)).toEqual([]);
    const inlined = pairs.filter(({ before, after }) => before !== after);
    expect(inlined.length).toBeGreaterThan(50);
  },
  300_000,
);
