/**
 * Matches selectors with elements as browsers do: from right to left, and giving up as soon as no other ancestor or
 * sibling can help.
 */
import { type Document, type Element, lower } from "./document.ts";
import type { Allowance } from "./limits.ts";
import type { Compound, Selector, Test } from "./selector.ts";

/** The reason of a mismatch tells whether another sibling or ancestor can still help. */
type Outcome = "fits" | "not here" | "no sibling" | "no ancestor";

type Named = Pick<Element, "tag" | "isHtml" | "id" | "classes">;

/** Elements that no mail program adds; only authors write them. */
const AUTHORS_OWN = new Set(
  "table caption colgroup col thead tbody tfoot tr td th ul ol li dl dt dd h1 h2 h3 h4 h5 h6 p center img br hr form button".split(
    " ",
  ),
);

/**
 * Matches selectors with the elements of one document. Its methods throw `UserError` when the `comparisons` are used
 * up.
 */
export class Matcher {
  readonly #quirks: boolean;
  readonly #comparisons: Allowance;
  /** All classes and ids of the document. An element that a mail program adds has others. */
  readonly #names = new Set<string>();

  constructor({ quirks, elements }: Document, comparisons: Allowance) {
    this.#quirks = quirks;
    this.#comparisons = comparisons;
    for (const { id, classes } of elements) {
      for (const name of classes) this.#names.add(`.${name}`);
      if (id !== null) this.#names.add(`#${id}`);
    }
  }

  /** Whether the selector matches when all states (`:hover`) and unknown conditions are true. */
  fits(selector: Selector, element: Element): boolean {
    return this.#from(selector, selector.compounds.length - 1, element, false) === "fits";
  }

  /** Whether the selector could match in a mail program that adds elements around and before, and attributes anywhere. */
  couldFit(selector: Selector, element: Element): boolean {
    return this.#from(selector, selector.compounds.length - 1, element, true) === "fits";
  }

  /** Whether the names in the last compound match, without looking at other elements. */
  namesFit(selector: Selector, element: Named): boolean {
    this.#comparisons.spend();
    return selector.compounds.at(-1)?.tests.every((test) => this.#name(test, element) ?? true) ?? false;
  }

  /**
   * Whether the element could match the compound with this `style`, by names and attributes, without looking at other
   * elements.
   */
  couldFitWith(style: string | undefined, compound: Compound, element: Element): boolean {
    this.#comparisons.spend(1 + Math.floor((style?.length ?? 0) / 100));
    return compound.tests.every((test) => {
      if (test.kind !== "attribute") return this.#name(test, element) ?? true;
      return attributeFits(test, lower(test.name) === "style" ? style : attributeOf(test, element));
    });
  }

  #from(selector: Selector, at: number, element: Element, isLoose: boolean): Outcome {
    if (!this.#compound(selector.compounds[at], element, isLoose)) return "not here";
    if (at === 0) return "fits";
    if (isLoose && this.#isForeign(selector.compounds[at - 1])) return "fits";
    const before = (other: Element) => this.#from(selector, at - 1, other, isLoose);
    switch (selector.combinators[at]) {
      case ">": {
        const outcome = element.parent ? before(element.parent) : "no ancestor";
        return outcome === "not here" ? "no sibling" : outcome;
      }
      case "+":
        return element.previous ? before(element.previous) : "no sibling";
      case "~":
        for (let other = element.previous; other; other = other.previous) {
          const outcome = before(other);
          if (outcome !== "not here") return outcome;
        }
        return "no sibling";
      default:
        for (let other = element.parent; other; other = other.parent) {
          const outcome = before(other);
          if (outcome === "fits" || outcome === "no ancestor") return outcome;
        }
        return "no ancestor";
    }
  }

  #compound(compound: Compound | undefined, element: Element, isLoose: boolean): boolean {
    this.#comparisons.spend();
    const fits = (test: Test) => (isLoose ? (this.#name(test, element) ?? true) : this.#test(test, element));
    return compound?.tests.every(fits) ?? false;
  }

  /** Whether an element that a mail program adds could match the compound. */
  #isForeign(compound: Compound | undefined): boolean {
    const tests = compound?.tests ?? [];
    if (tests.some((test) => test.kind === "type" && AUTHORS_OWN.has(lower(test.name)))) return false;
    const names = tests.flatMap((test) => (test.kind === "class" || test.kind === "id" ? [test] : []));
    const isOwn = ({ kind, name }: { kind: "class" | "id"; name: string }) =>
      this.#names.has((kind === "class" ? "." : "#") + this.#compared(name));
    return names.length === 0 || !names.every(isOwn);
  }

  #test(test: Test, element: Element): boolean {
    switch (test.kind) {
      case "attribute":
        // A long value takes longer.
        this.#comparisons.spend(Math.floor((element.attributes.get(lower(test.name))?.length ?? 0) / 100));
        return attributeFits(test, attributeOf(test, element));
      case "root":
        return element.parent === null;
      case "nth":
        return isAt(test, element);
      case "any":
        return test.of.some((selector) => this.fits(selector, element));
      case "none":
        return !test.of.some((selector) => this.fits(selector, element));
      default:
        return this.#name(test, element) ?? false;
    }
  }

  /** Whether a test for a name passes; null when the test is about something else. */
  #name(test: Test, element: Named): boolean | null {
    switch (test.kind) {
      case "type":
        return (element.isHtml ? lower(test.name) : test.name) === element.tag;
      case "class":
        return element.classes.has(this.#compared(test.name));
      case "id":
        return element.id === this.#compared(test.name);
      default:
        return null;
    }
  }

  #compared(name: string): string {
    return this.#quirks ? lower(name) : name;
  }
}

function isAt(test: Test & { kind: "nth" }, element: Element): boolean {
  const [before, behind] = test.ofType
    ? [element.typePosition, element.typeFollowing]
    : [element.position, element.following];
  const distance = (test.fromEnd ? behind + 1 : before) - test.offset;
  return test.step === 0 ? distance === 0 : distance % test.step === 0 && distance / test.step >= 0;
}

function attributeOf(test: Test & { kind: "attribute" }, element: Element): string | undefined {
  return element.attributes.get(element.isHtml ? lower(test.name) : test.name);
}

function attributeFits(test: Test & { kind: "attribute" }, written: string | undefined): boolean {
  if (written === undefined) return false;
  const [value, wanted] = test.ignoreCase ? [lower(written), lower(test.value)] : [written, test.value];
  switch (test.operator) {
    case null:
      return true;
    case "=":
      return value === wanted;
    case "~=":
      return wanted !== "" && value.split(/[ \t\n\f\r]+/).includes(wanted);
    case "|=":
      return value === wanted || value.startsWith(`${wanted}-`);
    case "^=":
      return wanted !== "" && value.startsWith(wanted);
    case "$=":
      return wanted !== "" && value.endsWith(wanted);
    case "*=":
      return wanted !== "" && value.includes(wanted);
    default:
      return false;
  }
}
