/** How counts are written. */
import { expect, it } from "vitest";
import { count, counted } from "../src/counted.ts";

const POWERS = Array.from({ length: 15 }, (_, power) => 10 ** power).flatMap((power) => [power - 1, power, power + 1]);

it.each([...POWERS, -1, -1_234_567, 0.5, 14.25, 1234.5678, 99.9996, -0.25, Number.MAX_SAFE_INTEGER])(
  "%d is written as everywhere in English",
  (value) => {
    expect(count(value)).toBe(value.toLocaleString("en-US"));
  },
);

it("has a noun, and a sign for what nobody knows", () => {
  expect([counted(1, "message"), counted(1_200, "message"), counted(2, "address", "addresses"), count(null)]).toEqual([
    "1 message",
    "1,200 messages",
    "2 addresses",
    "–",
  ]);
});
