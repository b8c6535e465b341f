/** The rule that asks for docstrings. */
import { expect, test } from "vitest";
import { lint } from "./lint.ts";

const missing = async (text: string): Promise<number[]> =>
  (await lint({ "src/work/planted.ts": text }))
    .filter(({ rule }) => rule === "house(docstrings)")
    .map(({ line }) => line)
    .toSorted((a, b) => a - b);

test("an export without a docstring right above it is found", async () => {
  const text = `/** What the file is for. */
import { a } from "./a.ts";

export const b = a;
// A remark.
export function c(): void {}
/* A remark. */
export interface D { x: number }
export type E = D;
const f = 1, g = 2;
class H {}
export { f, H };
export default g;
`;
  expect(await missing(text)).toEqual([4, 6, 8, 9, 10, 11]);
});

test("one that has a docstring is not, nor what is only passed on or not exported", async () => {
  const text = `/** One line. */
export const a = 1;

/**
 * More
 * lines.
 */
export async function b(): Promise<void> {}

/** A type. */
export interface C { x: number }
/** Listed below. */
const d = 1;
const e = 2;
export { d };
export { f } from "./f.ts";
export * from "./g.ts";
export const { h } = { h: e };
`;
  expect(await missing(text)).toEqual([18]);
});
