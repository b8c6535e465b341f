import { expect, it } from "vitest";
import { expiryOf, listOfIds } from "../../../src/store/rules/accepted.ts";

it("no ids are listed for more than a thousand addresses, of however many messages", () => {
  const emails = (count: number) => ({ emails: Array.from({ length: count }, (_, n) => `p${n}@x.example`) });
  expect(listOfIds([emails(1_001)])).toBeNull();
  expect(listOfIds([emails(600), emails(401)])).toBeNull();
  expect(listOfIds([emails(600), emails(400)])).toEqual([]);
  expect(listOfIds([])).toEqual([]);
});

it("a span begins when the message is due, or now; an instant is what it is", () => {
  const now = 1_000_000;
  const of = (notBefore: number, expiresAt: number | null, expiresIn: number | null) =>
    expiryOf({ notBefore, expiresAt, expiresIn }, now);
  expect(of(0, null, null)).toBeNull();
  expect(of(0, null, 500)).toBe(now + 500);
  expect(of(now + 60, null, 500)).toBe(now + 560);
  expect(of(now - 60, null, 500)).toBe(now + 440);
  expect(of(0, 77, null)).toBe(77);
  expect(of(0, 77, 500)).toBe(now + 500);
});
