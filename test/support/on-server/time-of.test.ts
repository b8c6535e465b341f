/** Stores of one test that have different clocks agree about the time that does not jump. */
import { expect, it } from "vitest";
import { systemClock } from "../../../src/time/clock.ts";
import { ManualClock } from "../manual-clock.ts";
import { ahead } from "../run.ts";
import { timeOf } from "./time-of.ts";

const HOUR_MS = 3_600_000;

it("is the database's with the machine's clock", () => {
  expect(timeOf(systemClock)).toEqual({ clock: systemClock });
});

it("is that of a clock of a test's own", () => {
  const clock = new ManualClock();
  expect(timeOf(clock)).toEqual({ clock, time: "clock" });
});

it("is ahead of the database's as a clock is ahead, but for the time that does not jump", () => {
  const { clock, time } = timeOf(ahead(24 * HOUR_MS));
  expect(time).toBe("clock");
  expect(Math.round((clock.now() - Date.now()) / HOUR_MS)).toBe(24);
  expect(Math.round((clock.monotonic() - Date.now()) / HOUR_MS)).toBe(0);
});
