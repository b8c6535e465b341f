/** Work that takes too long is given up, whether it listens or not. */
import { expect, test } from "vitest";
import { Deadline, TimeLimitError, withinTime } from "../../src/time/time-limit.ts";

const never = () => new Promise<never>(() => undefined);

test("work that ends in time has its result, or its error", async () => {
  expect(await withinTime(10_000, async () => 7)).toBe(7);
  await expect(withinTime(10_000, () => Promise.reject(new Error("lost")))).rejects.toThrow("lost");
});

test("work that takes no notice is given up, and hears of it when it looks", async () => {
  let given: Deadline | null = null;
  const work = withinTime(20, (deadline) => {
    given = deadline;
    return never();
  });
  await expect(work).rejects.toThrow(TimeLimitError);
  expect(() => given?.throwIfOver()).toThrow("nothing came to an end within 20 ms");
});

test("a listener is told, the last one only", async () => {
  const told: string[] = [];
  const work = withinTime(20, (deadline) => {
    deadline.watch(() => told.push("first"));
    deadline.watch(() => told.push("last"));
    return never();
  });
  await expect(work).rejects.toThrow(TimeLimitError);
  expect(told).toEqual(["last"]);
});

test("what has ended is not told any more", async () => {
  const told: unknown[] = [];
  const deadline = new Deadline(20, (error) => told.push(error));
  deadline.watch((error) => told.push(error));
  deadline.end();
  await new Promise((resolve) => setTimeout(resolve, 60));
  expect(told).toEqual([]);
  expect(() => deadline.throwIfOver()).not.toThrow();
});
