import { afterAll, beforeAll, expect, test } from "vitest";
import { Properties } from "../../../src/compose/css/properties.ts";
import { Looker } from "../../support/same-look.ts";

let looker: Looker;

beforeAll(async () => {
  looker = await Looker.open();
  // Long, in case the browser has to be installed first.
}, 300_000);
afterAll(() => looker.close());

/** What each property sets, as Chromium tells it: for logical properties also what it sets where text runs from right to left or downwards. */
const LONGHANDS = `(() => {
  const probe = document.body.appendChild(document.createElement("p"));
  const names = [...new Set([...Object.keys(document.body.style), ...getComputedStyle(probe)])]
    .map((name) => name.replace(/[A-Z]/g, (letter) => "-" + letter.toLowerCase()).replace(/^(?=(webkit|moz|ms)-)/, "-"));
  const found = {};
  for (const name of names) {
    probe.style.cssText = name + ": inherit";
    if (probe.style.length > 0 && name !== "all") found[name] = [...probe.style];
  }
  return found;
})()`;

test("properties that set the same in Chromium have a slot in common", async () => {
  const longhands = Object.entries(await looker.page.evaluate<Record<string, string[]>>(LONGHANDS));
  expect(longhands.length).toBeGreaterThan(500);
  const properties = new Properties();
  const meet = (a: string, b: string) => properties.slotsOf(a).some((slot) => properties.slotsOf(b).includes(slot));
  const missing = longhands.flatMap(([name, sets]) =>
    longhands
      .filter(([other, itsSets]) => itsSets.some((one) => sets.includes(one)) && !meet(name, other))
      .map(([other]) => `${name} and ${other}`),
  );
  expect(missing).toEqual([]);
});

/** A logical property and the physical ones it stands for, whichever way text runs. */
test.each([
  ["margin-inline-start", "margin-left"],
  ["margin-block", "margin-bottom"],
  ["padding-inline", "padding"],
  ["inset-block-start", "top"],
  ["border-inline-end-color", "border-right"],
  ["border-block-style", "border-style"],
  ["border-start-start-radius", "border-radius"],
  ["inline-size", "width"],
  ["inline-size", "height"],
  ["max-block-size", "max-height"],
  ["overflow-inline", "overflow"],
  ["-webkit-margin-start", "margin-right"],
  ["-webkit-border-radius", "border-top-left-radius"],
  ["word-wrap", "overflow-wrap"],
  ["font", "line-height"],
  ["grid-gap", "column-gap"],
])("%s meets %s", (one, other) => {
  const properties = new Properties();
  expect(properties.slotsOf(one).filter((slot) => properties.slotsOf(other).includes(slot))).not.toEqual([]);
});

test("properties that only share a word do not meet", () => {
  const properties = new Properties();
  for (const [one, other] of [
    ["border", "border-collapse"],
    ["border", "border-radius"],
    ["font", "-webkit-font-smoothing"],
    ["color", "background-color"],
    ["--x", "--X"],
    ["padding", "mso-padding-alt"],
  ] as const) {
    expect(properties.slotsOf(one).filter((slot) => properties.slotsOf(other).includes(slot))).toEqual([]);
  }
});

test("what is sure to replace an earlier declaration, Chromium takes", async () => {
  const values =
    "red gold rebeccapurple #fff #ABCDEF 0 10px 1.5em 50% auto none inherit center bold 700 normal solid 1px,2px thin collapse hidden inline -5px large 100 middle Arial".split(
      " ",
    );
  const names =
    "color background-color border border-top-width border-collapse width max-width height font-size font-weight line-height margin padding text-align " +
    "vertical-align text-decoration font-family float z-index letter-spacing white-space overflow visibility position";
  const properties = new Properties();
  const sure = names
    .split(" ")
    .flatMap((name) =>
      [...values, "1px 2px", "0 auto", "1px solid red", '"Segoe UI", Arial'].map((value) => [name, value] as const),
    )
    .filter(([name, value]) => properties.isSure(name, value));
  expect(sure.length).toBeGreaterThan(100);
  const given = JSON.stringify(sure);
  const refused = await looker.page.evaluate(`${given}.filter(([name, value]) => !CSS.supports(name, value))`);
  expect(refused).toEqual([]);
  for (const [name, value] of [
    ["display", "flex"],
    ["color", "rgba(0,0,0,.5)"],
    ["color", "nonsense"],
    ["background", "#fff"],
    ["width", "min-content"],
  ] as const) {
    expect(properties.isSure(name, value)).toBe(false);
  }
});
