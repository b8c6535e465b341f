/** How long work in parts leaves the store to others, by a clock that only the parts move. */
import { afterEach, expect, it, vi } from "vitest";
import { createParts } from "../../src/store/parts.ts";

const SIZES = { partMs: 25, most: 1_000, restShare: 0 };
const PARTS = 40;

afterEach(() => void vi.restoreAllMocks());

/** Runs parts of 25 ms each. Returns before which of them there was a rest. */
async function restsOf(haveOthersWritten: (rest: number) => boolean): Promise<number[]> {
  let nowMs = 0;
  vi.spyOn(performance, "now").mockImplementation(() => nowMs);
  const rests: number[] = [];
  let done = 0;
  const inParts = createParts(new AbortController().signal, SIZES, () => haveOthersWritten(rests.push(done)));
  for (; done < PARTS; done++) await inParts(async () => void (nowMs += 25));
  return rests;
}

const each = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => from + at);

it("rests after each part while others write", async () => {
  expect(await restsOf(() => true)).toEqual(each(1, PARTS));
});

it("rests once in 100 ms when nobody has written in the first rests", async () => {
  expect(await restsOf(() => false)).toEqual([...each(1, 9), 12, 16, 20, 24, 28, 32, 36]);
});

it("rests after each part again from the first rest in which somebody wrote", async () => {
  expect(await restsOf((rest) => rest === 9)).toEqual([...each(1, 9), 12, ...each(13, 33), 36]);
});
