import { expect, it } from "vitest";
import { priorityOf } from "../../../src/store/rules/priority.ts";

it("transactional mail is above all bulk mail that is not high, and in the order that was asked for", () => {
  const asked = [1, 5, 10];
  expect(asked.map((priority) => priorityOf(priority, "bulk"))).toEqual([1, 5, 10]);
  expect(asked.map((priority) => priorityOf(priority, "transactional"))).toEqual([6, 7, 10]);
});
