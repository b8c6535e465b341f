import { describe, expect, test } from "vitest";

import { UserError } from "../../src/errors.ts";
import { FaultPlan, parseFault } from "../../src/sandbox/faults.ts";

describe("parseFault refuses", () => {
  test.each([
    ["", /"" is no kind of fault/],
    ["Throttle", /"Throttle" is no kind/],
    ["throtle:0.2", /"throtle" is no kind/],
    ["throttle:", /"" is no setting/],
    ["throttle:0", /more than 0 and at most 1/],
    ["throttle:20", /more than 0 and at most 1/],
    ["throttle:101%", /more than 0 and at most 1/],
    ["throttle:-0.2", /"-0.2" is no setting/],
    ["throttle:often", /"often" is no setting/],
    ["throttle:0.2,0.3", /share is given twice/],
    ["throttle:0.2,every=3", /exclude each other/],
    ["reject:every=0", /every expects a whole number of 1 or more, got "0"/],
    ["reject:every=2.5", /every expects a whole number/],
    ["reject:every=", /"every=" is no setting/],
    ["reject:first=0", /first expects a whole number of 1 or more/],
    ["reject:after=-1", /after expects a whole number of 0 or more/],
    ["reject:until=4", /"until=4" is no setting/],
    ["reject:to=ann", /to expects an address/],
    ["slow", /slow needs a time/],
    ["slow:0.5", /slow needs a time/],
    ["throttle:500ms", /"500ms" is no setting/],
  ])("%s", (text, problem) => {
    expect(() => parseFault(text)).toThrow(UserError);
    expect(() => parseFault(text)).toThrow(problem);
  });

  test("and its hint names every kind", () => {
    expect(() => parseFault("x")).toThrow(
      expect.objectContaining({ hint: expect.stringContaining("accept-then-drop") }),
    );
  });
});

const plain = { share: 1, every: null, after: 0, first: null, to: null, delayMs: 0, seed: 1 };

test.each([
  ["drop", { kind: "drop" }],
  ["throttle:0.2", { kind: "throttle", share: 0.2 }],
  ["5xx:10%", { kind: "5xx", share: 0.1 }],
  ["hang,every=100", { kind: "hang", every: 100 }],
  ["accept-then-drop:0.05,seed=7", { kind: "accept-then-drop", share: 0.05, seed: 7 }],
  ["reject:every=7, after=3, first=9", { kind: "reject", every: 7, after: 3, first: 9 }],
  ["reject:to=*@Example.NET", { kind: "reject", to: "*@example.net" }],
  ["slow:1.5s,10%", { kind: "slow", delayMs: 1500, share: 0.1 }],
])("parseFault reads %s", (text, expected) => {
  expect(parseFault(text)).toEqual({ ...plain, ...expected });
});

function hitsOf(texts: string[], calls: number, recipients = ["ann@example.net"]): number[] {
  const plan = new FaultPlan(texts.map(parseFault));
  return Array.from({ length: calls }, (_, index) => index + 1).filter(() => plan.next(recipients).kind !== null);
}

describe("a plan hits", () => {
  test("every nth call", () => expect(hitsOf(["reject:every=3"], 10)).toEqual([3, 6, 9]));
  test("only behind after, and only first of them", () =>
    expect(hitsOf(["drop:after=2,first=3"], 10)).toEqual([3, 4, 5]));
  test("only the address it is meant for, whatever its case and name", () => {
    expect(hitsOf(["drop:to=ann@example.net"], 1, ["bob@example.net"])).toEqual([]);
    expect(hitsOf(["drop:to=ann@example.net"], 1, ["bob@example.net", "Ann <ANN@example.net>"])).toEqual([1]);
    expect(hitsOf(["drop:to=*@example.net"], 1, ["x@sub.example.net"])).toEqual([]);
    expect(hitsOf(["drop:to=*@example.net"], 1, ["x@EXAMPLE.net"])).toEqual([1]);
  });

  test("a share of the calls, the same in every run, another with another seed", () => {
    const hits = hitsOf(["throttle:0.2"], 10_000);
    expect(hits.length).toBeGreaterThan(1_900);
    expect(hits.length).toBeLessThan(2_100);
    expect(hitsOf(["throttle:0.2"], 10_000)).toEqual(hits);
    expect(hitsOf(["throttle:0.2,seed=2"], 10_000)).not.toEqual(hits);
  });

  test("with the first fault that was written, and adds up the times of slow", () => {
    const plan = new FaultPlan(["slow:1s", "slow:5ms", "reject", "drop"].map(parseFault));
    expect(plan.next([])).toEqual({ kind: "reject", nth: 1, delayMs: 1005 });
  });
});
