import { expect, test } from "vitest";
import { createSpeedometer } from "../../src/work/speed.ts";

test("the speed is that of the last five seconds", () => {
  const speed = createSpeedometer();
  expect(speed(0, 0, 100)).toBe(0);
  expect(speed(10, 1_000, 100)).toBe(10);
  for (let second = 2; second <= 20; second++) speed(10 + 20 * (second - 1), second * 1_000, 100);
  expect(speed(410, 21_000, 100)).toBe(20);
});

test("a burst never looks faster than the rate", () => {
  const speed = createSpeedometer();
  speed(0, 0, 50);
  expect(speed(30, 10, 50)).toBe(50);
  expect(speed(60, 1_000, 50)).toBe(50);
  expect(speed(61, 1_100, 10)).toBe(10);
});

test("it starts again when messages are put back", () => {
  const speed = createSpeedometer();
  speed(0, 0, 50);
  speed(100, 4_000, 50);
  expect(speed(40, 5_000, 50)).toBe(0);
  expect(speed(60, 6_000, 50)).toBe(20);
});
