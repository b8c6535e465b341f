import fc from "../support/properties.ts";
import { expect, test } from "vitest";
import { ByteBudget } from "../../src/deliver/byte-budget.ts";

test("never gives out more than there is, leaves nobody waiting, and keeps the order", async () => {
  const work = fc.record({
    bytes: fc.integer({ min: 0, max: 150 }),
    turns: fc.integer({ min: 0, max: 5 }),
    fails: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(work, { maxLength: 30 }), async (jobs) => {
      const budget = new ByteBudget(100);
      let taken = 0;
      const started: number[] = [];
      const done = jobs.map(({ bytes, turns, fails }, index) =>
        budget.within(bytes, async () => {
          // What is larger than the whole goes alone.
          const share = Math.min(bytes, 100);
          expect((taken += share)).toBeLessThanOrEqual(100);
          started.push(index);
          for (let turn = 0; turn < turns; turn++) await Promise.resolve();
          taken -= share;
          if (fails) throw new Error("failed");
        }),
      );
      const results = await Promise.allSettled(done);
      expect(results.map(({ status }) => status === "rejected")).toEqual(jobs.map(({ fails }) => fails));
      expect(started).toEqual([...jobs.keys()]);
      expect(budget.isFull()).toBe(false);
    }),
  );
});

test("says when somebody waits", async () => {
  const budget = new ByteBudget(10);
  let end: () => void = () => undefined;
  const first = budget.within(10, () => new Promise<void>((resolve) => (end = resolve)));
  expect(budget.isFull()).toBe(false);
  const second = budget.within(1, async () => undefined);
  expect(budget.isFull()).toBe(true);
  end();
  await Promise.all([first, second]);
  expect(budget.isFull()).toBe(false);
});
