/**
 * Limits the work of inlining. Real mails stay far below every limit. Beyond a limit the content is refused, because
 * inlining only a part would show some readers another mail. Each limit counts for the whole document.
 */
import { UserError } from "../../errors.ts";

/** The limits, with the reason for each. */
export const LIMITS = {
  /** Characters of HTML. Gmail cuts a mail off at 102 KB; newsletters with everything in them reach a few hundred KB. */
  html: 5_000_000,
  /**
   * Elements of the tree. The parser repeats an unclosed `<b>` or `<font>` in each paragraph, so a short text could
   * make millions.
   */
  elements: 200_000,
  /** Characters of all `<style>` together; the largest mail frameworks have 60,000. */
  css: 1_000_000,
  /** Selectors of all rules together. */
  selectors: 20_000,
  /** Compounds and arguments in one selector, because reading and matching it is recursive. */
  selectorParts: 200,
  /** The deepest nesting of `:not(:is(…))`, for the same reason. */
  selectorDepth: 10,
  /** The deepest nesting of conditional blocks (`@media`, `@supports`). Deeper ones are not changed. */
  blockDepth: 20,
  /** Comparisons of one compound with one element: about half a second. */
  comparisons: 4_000_000,
  /** Pairs of a selector and an element it matches; a long mail of 4,000 elements has 100,000. */
  hits: 500_000,
  /**
   * Kinds of elements (cascade.ts), because each may have a style of its own to read. A long mail of 4,000 elements has
   * some hundred.
   */
  kinds: 40_000,
  /** Declarations weighed against each other, over all kinds of elements: about a second. */
  weighed: 3_000_000,
  /** Characters that inlining may add. */
  growth: 10_000_000,
} as const;

const SIMPLER =
  "use fewer rules or simpler selectors, or give the <style> the attribute data-embed to have it sent as it is";
const SHORTER = "make the mail shorter, or close the tags that were left open";

/** Throws `UserError` when there are more than `limit` of `what`. `hint` says how to have less. */
export function refuseBeyond(limit: number, count: number, what: string, hint = SIMPLER): void {
  if (count > limit) throw tooMuch(limit, what, String(count), hint);
}

/** Like `refuseBeyond`, with a hint about the document instead of its style sheets. */
export function refuseLongerThan(limit: number, count: number, what: string): void {
  refuseBeyond(limit, count, what, SHORTER);
}

/** Counts work while it is done. `spend` throws `UserError` as soon as there is more than `limit` of `what`. */
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
