/**
 * What a style sheet may cost, in one place. Honest mails stay far below every figure; beyond one the answer is a single clear refusal, because
 * half an inlining would show some readers another mail. Each limit holds for the whole document, not for a part of it.
 */
import { UserError } from "../../errors.ts";

export const LIMITS = {
  /** Characters of HTML. Gmail cuts a mail off at 102 KB; newsletters with everything in them reach a few hundred. */
  html: 5_000_000,
  /** Elements of the tree. Unclosed `<b>`, `<font>` make the parser repeat them in each paragraph, so a short text can ask for millions. */
  elements: 200_000,
  /** Characters of all `<style>` together; the largest mail frameworks have 60,000. */
  css: 1_000_000,
  /** Selectors of all rules together. */
  selectors: 20_000,
  /** Compounds and arguments in one selector, which is read and compared by calls inside calls. */
  selectorParts: 200,
  /** How deep `:not(:is(…))` may be nested, for the same reason. */
  selectorDepth: 10,
  /** How deep conditional blocks (`@media`, `@supports`) may be nested. What is deeper is left as it is. */
  blockDepth: 20,
  /** Comparisons of one compound with one element: about half a second. */
  comparisons: 4_000_000,
  /** Pairs of a selector and an element it fits; a long mail of 4,000 elements has 100,000. */
  hits: 500_000,
  /** Kinds of elements (cascade.ts): each may have a style of its own, which has to be read. A long mail of 4,000 elements has some hundred. */
  kinds: 40_000,
  /** Declarations weighed against each other, over all kinds of elements: about a second. */
  weighed: 3_000_000,
  /** Characters that inlining may add. */
  growth: 10_000_000,
} as const;

const SIMPLER =
  "use fewer rules or simpler selectors, or give the <style> the attribute data-embed to have it sent as it is";
const SHORTER = "make the mail shorter, or close the tags that were left open";

/** Throws when `count` of `what` is beyond `limit`. */
export function refuseBeyond(limit: number, count: number, what: string, hint = SIMPLER): void {
  if (count > limit) throw tooMuch(limit, what, String(count), hint);
}

/** The same for the document as such. */
export function refuseLongerThan(limit: number, count: number, what: string): void {
  refuseBeyond(limit, count, what, SHORTER);
}

/** Counts what is spent and throws when it is more than `limit`: work is refused while it grows, not after it is done. */
export class Allowance {
  #spent = 0;
  readonly #limit: number;
  readonly #what: string;
  readonly #hint: string;

  constructor(limit: number, what: string, of: "sheets" | "document" = "sheets") {
    this.#limit = limit;
    this.#what = what;
    this.#hint = of === "sheets" ? SIMPLER : SHORTER;
  }

  spend(count = 1): void {
    this.#spent += count;
    if (this.#spent > this.#limit) throw tooMuch(this.#limit, this.#what, "more", this.#hint);
  }
}

function tooMuch(limit: number, what: string, got: string, hint: string): UserError {
  return new UserError(`cannot inline <style>: expected at most ${limit} ${what}, got ${got}`, hint);
}
