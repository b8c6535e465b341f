import { expect, it } from "vitest";
import { createSleeper } from "../../src/deliver/sleeper.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

it("sleeps until it is woken, or the time is over", async () => {
  const clock = new VirtualClock();
  const sleeper = createSleeper(clock);
  const from = clock.monotonic();
  await clock.play(sleeper.sleep(500));
  expect(clock.monotonic()).toBe(from + 500);
  await clock.play(Promise.all([sleeper.sleep(500), clock.sleep(10).then(() => sleeper.wake())]));
  expect(clock.monotonic()).toBe(from + 510);
});

it("a wake with nobody asleep is kept for the next sleep, until it is listened for anew", async () => {
  const clock = new VirtualClock();
  const sleeper = createSleeper(clock);
  const from = clock.monotonic();
  sleeper.listen();
  sleeper.wake();
  await clock.play(sleeper.sleep(500));
  expect(clock.monotonic()).toBe(from);
  sleeper.listen();
  await clock.play(sleeper.sleep(500));
  expect(clock.monotonic()).toBe(from + 500);
});
