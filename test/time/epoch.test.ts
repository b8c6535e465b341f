import { expect, it } from "vitest";
import { epochMs } from "../../src/time/epoch.ts";

it.each([
  [1_790_000_000, 1_790_000_000_000],
  [1_790_000_000.5, 1_790_000_000_500],
  [1_790_000_000_000, 1_790_000_000_000],
  [1e11, 1e11],
  [-5, -5_000],
])("takes %d for %d ms", (number, ms) => {
  expect(epochMs(number)).toBe(ms);
});
