import { expect, it } from "vitest";
import type { Scope } from "../../../src/deliver/source.ts";
import { bulkRoom, later } from "../../../src/store/rules/reserve.ts";

const scope: Scope = { topic: null, endpoint: "ses", maxLateMs: null };

it.each([
  ["nothing was used", 0, 4],
  ["a part was used", 3, 1],
  ["all was used", 4, 0],
  ["more was used, by others", 9, 0],
])("bulk mail may use what is left beyond the reserve: %s", (_name, used, room) => {
  expect(bulkRoom({ keep: 10, left: 14, ageMs: 0 }, used)).toBe(room);
});

it("a request that waited knows that its account was asked longer ago", () => {
  const reserve = { keep: 10, left: 14, ageMs: 500 };
  expect(later({ ...scope, reserve }, 250)).toEqual({ ...scope, reserve: { ...reserve, ageMs: 750 } });
  expect(later(scope, 250)).toEqual(scope);
});
