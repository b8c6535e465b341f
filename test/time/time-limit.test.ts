/** Work that takes too long is given up, whether it listens or not. */
import { expect, onTestFinished, test } from "vitest";
import { Deadline, TimeLimitError } from "../../src/time/time-limit.ts";

const never = () => new Promise<never>(() => undefined);

function deadlineOf(ms: number): Deadline {
  const deadline = new Deadline(ms);
  onTestFinished(() => deadline.end());
  return deadline;
}

test("work that ends in time has its result, or its error", async () => {
  const deadline = deadlineOf(10_000);
  expect(await deadline.limit(Promise.resolve(7))).toBe(7);
  await expect(deadline.limit(Promise.reject(new Error("lost")))).rejects.toThrow("lost");
});

test("work that takes no notice is given up, and hears of it when it looks", async () => {
  const deadline = deadlineOf(20);
  await expect(deadline.limit(never())).rejects.toThrow(TimeLimitError);
  expect(() => deadline.throwIfOver()).toThrow("nothing came to an end within 20 ms");
  await expect(deadline.limit(never())).rejects.toThrow(TimeLimitError);
});

test("a listener is told, the last one only", async () => {
  const told: string[] = [];
  const deadline = deadlineOf(20);
  deadline.watch(() => told.push("first"));
  deadline.watch(() => told.push("last"));
  await expect(deadline.limit(never())).rejects.toThrow(TimeLimitError);
  expect(told).toEqual(["last"]);
});

test("what has ended is not told any more", async () => {
  const told: unknown[] = [];
  const deadline = deadlineOf(20);
  deadline.watch((error) => told.push(error));
  deadline.end();
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(told).toEqual([]);
  expect(() => deadline.throwIfOver()).not.toThrow();
});
