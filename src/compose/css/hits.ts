/**
 * Finds which selectors match which elements, and which could match in a mail program that adds elements and attributes
 * of its own.
 */
import { type Document, type HiddenElement, lower } from "./document.ts";
import { Allowance, LIMITS } from "./limits.ts";
import { Matcher } from "./match.ts";
import type { Selector } from "./selector.ts";
import type { Rule } from "./sheets.ts";

/** One selector of a rule. */
export interface Aim {
  /** The position among all selectors of the document, from 0. */
  index: number;
  rule: Rule;
  selector: Selector;
  /** The document alone decides what it matches, and it matches something: its rule can be inlined there. */
  isStatic: boolean;
  /** Its rule is also needed in the sheet. */
  stays: boolean;
}

/** The selectors of a document, and the elements they match. */
export interface Hits {
  aims: Aim[];
  /** For each element of `Document.elements`, the selectors that match it or could, in the order of the sheets. */
  byElement: Aim[][];
}

/** Elements that mail programs add: links for telephone numbers and dates, and elements around or before the mail. */
const MADE_BY_MAIL_PROGRAMS: HiddenElement[] = ["a", "span", "div", "u"].map((tag) => ({
  tag,
  isHtml: true,
  id: null,
  classes: new Set(),
}));

/**
 * Compares all selectors with all elements. Throws `UserError` when that would take too long (`LIMITS.comparisons`,
 * `LIMITS.hits`).
 */
export function findHits(document: Document, rules: Rule[]): Hits {
  const aims: Aim[] = [];
  for (const rule of rules) {
    for (const selector of rule.selectors) {
      aims.push({
        index: aims.length,
        rule,
        selector,
        isStatic: rule.canInline && selector.isStatic,
        stays: !rule.canGo,
      });
    }
  }
  const matcher = new Matcher(document, new Allowance(LIMITS.comparisons, "comparisons of selectors with elements"));
  const hits = new Allowance(LIMITS.hits, "pairs of a selector and an element it fits");
  const byElement: Aim[][] = document.elements.map(() => []);
  // A selector for a part of an element (`::before`) does not compete with style attributes.
  const wanted = aims.filter(({ selector }) => !selector.isOfPart);
  const missed = new Set(wanted);
  spread(wanted, document.elements, (aim, element, index) => {
    if (!matcher.fits(aim.selector, element)) return;
    hits.spend();
    byElement[index]?.push(aim);
    missed.delete(aim);
    // Mail programs replace <html> by an element of their own.
    if (element.parent === null) aim.stays = true;
  });
  for (const aim of missed) aim.isStatic = false;
  spread(missed, document.elements, (aim, element, index) => {
    if (!matcher.couldFit(aim.selector, element)) return;
    hits.spend();
    byElement[index]?.push(aim);
  });
  for (const aim of wanted) aim.stays ||= aim.selector.isStructural;
  // We cannot write attributes to elements that only Outlook sees, or that mail programs add.
  spread(wanted, [...document.hidden, ...MADE_BY_MAIL_PROGRAMS], (aim, element) => {
    aim.stays ||= matcher.namesFit(aim.selector, element);
  });
  for (const list of byElement) list.sort((a, b) => a.index - b.index);
  return { aims, byElement };
}

/** Calls `visit` for the pairs that can match by a name in the last compound of the selector. */
function spread<T extends HiddenElement>(
  aims: Iterable<Aim>,
  elements: readonly T[],
  visit: (aim: Aim, element: T, index: number) => void,
): void {
  const byName = new Map<string, Aim[]>();
  for (const aim of aims) {
    const name = nameOf(aim.selector);
    const list = byName.get(name);
    if (list) list.push(aim);
    else byName.set(name, [aim]);
  }
  elements.forEach((element, index) => {
    const names = new Set(["", lower(element.tag), ...[...element.classes].map((name) => `.${lower(name)}`)]);
    if (element.id !== null) names.add(`#${lower(element.id)}`);
    for (const name of names) for (const aim of byName.get(name) ?? []) visit(aim, element, index);
  });
}

/** The rarest kind of name in the last compound. It only narrows the search, so lower case is enough. */
function nameOf(selector: Selector): string {
  const tests = selector.compounds.at(-1)?.tests ?? [];
  for (const [kind, mark] of [
    ["id", "#"],
    ["class", "."],
    ["type", ""],
  ] as const) {
    const found = tests.find((test) => test.kind === kind);
    if (found && "name" in found) return mark + lower(found.name);
  }
  return "";
}
