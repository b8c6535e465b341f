import { expect, test } from "vitest";
import { createGroupCommit } from "../../src/intake/group-commit.ts";

/** Keeps what it was given, and answers when told to. */
function recorder() {
  const groups: number[][] = [];
  const gates: (() => void)[] = [];
  const apply = async (items: number[]): Promise<number[]> => {
    groups.push(items);
    await new Promise<void>((resolve) => gates.push(resolve));
    return items.map((item) => item * 2);
  };
  const open = async () => {
    await expect.poll(() => gates.length).toBeGreaterThan(0);
    gates.shift()?.();
  };
  return { groups, apply, open };
}

test("one alone goes at once, and those that come meanwhile go together, each with its own result", async () => {
  const { groups, apply, open } = recorder();
  const commits = createGroupCommit(apply, { maxItems: 10, waitMs: 0 });
  const first = commits.add(1);
  await expect.poll(() => groups).toEqual([[1]]);
  const others = Promise.all([2, 3, 4].map((item) => commits.add(item)));
  await open();
  expect(await first).toBe(2);
  await open();
  expect(await others).toEqual([4, 6, 8]);
  expect(groups).toEqual([[1], [2, 3, 4]]);
});

test("a group holds no more than the most, in the order they came", async () => {
  const groups: number[][] = [];
  const apply = async (items: number[]) => (groups.push(items), items);
  const commits = createGroupCommit(apply, { maxItems: 2, waitMs: 0 });
  const results = await Promise.all([1, 2, 3, 4, 5].map((item) => commits.add(item)));
  expect(results).toEqual([1, 2, 3, 4, 5]);
  expect(groups).toEqual([[1, 2], [3, 4], [5]]);
});

test("heavy items go alone", async () => {
  const groups: number[][] = [];
  const apply = async (items: number[]) => (groups.push(items), items);
  const commits = createGroupCommit(apply, { maxItems: 10, waitMs: 0, weigh: (item) => item });
  await Promise.all([4, 6, 50, 1, 9, 1].map((item) => commits.add(item)));
  expect(groups).toEqual([[4, 6], [50], [1, 9], [1]]);
});

test("a group that is complete does not wait for its time", async () => {
  const groups: number[][] = [];
  const apply = async (items: number[]) => (groups.push(items), items);
  const commits = createGroupCommit(apply, { maxItems: 3, waitMs: 3_600_000 });
  await Promise.all([1, 2, 3].map((item) => commits.add(item)));
  expect(groups).toEqual([[1, 2, 3]]);
});

test("a failure reaches everybody of the group and nobody of the next", async () => {
  let broken = true;
  const apply = async (items: number[]) => {
    if (broken) throw new Error("disk full");
    return items;
  };
  const commits = createGroupCommit(apply, { maxItems: 10, waitMs: 0 });
  const results = await Promise.allSettled([commits.add(1), commits.add(2)]);
  expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  broken = false;
  expect(await commits.add(3)).toBe(3);
});

test("answers that are missing are a failure, not undefined", async () => {
  const commits = createGroupCommit(async (items: number[]) => items.slice(1), { maxItems: 10, waitMs: 0 });
  await expect(commits.add(1)).rejects.toThrow("expected 1 results of a group, got 0");
});

test("apply is never called twice at a time", async () => {
  let atOnce = 0;
  let most = 0;
  const apply = async (items: number[]) => {
    most = Math.max(most, ++atOnce);
    await new Promise((resolve) => setTimeout(resolve, 1));
    atOnce--;
    return items;
  };
  const commits = createGroupCommit(apply, { maxItems: 3, waitMs: 0 });
  const all: Promise<number>[] = [];
  for (let i = 0; i < 50; i++) {
    all.push(commits.add(i));
    if (i % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(all);
  expect(most).toBe(1);
});

test("drain waits for what is under way and what waits, and for nothing when there is nothing", async () => {
  const { groups, apply, open } = recorder();
  const commits = createGroupCommit(apply, { maxItems: 1, waitMs: 0 });
  await commits.drain();
  const added = [commits.add(1), commits.add(2)];
  let drained = false;
  const drain = commits.drain().then(() => (drained = true));
  await open();
  await added[0];
  expect(drained).toBe(false);
  await open();
  await drain;
  expect(groups).toEqual([[1], [2]]);
  expect(await Promise.all(added)).toEqual([2, 4]);
});
