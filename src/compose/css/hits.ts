/** Which selectors hit which elements now, and which could in a mail program that puts elements and attributes of its own around. */
import { type Document, type HiddenElement, lower } from "./document.ts";
import { Allowance, LIMITS } from "./limits.ts";
import { Matcher } from "./match.ts";
import type { Selector } from "./selector.ts";
import type { Rule } from "./sheets.ts";

/** A selector of a rule. */
export interface Aim {
  index: number;
  rule: Rule;
  selector: Selector;
  /** It is decided, and hits something: its rule goes into attributes there. Otherwise what it hits depends on something. */
  isStatic: boolean;
  /** Its rule is needed in the sheet, too. */
  stays: boolean;
}

export interface Hits {
  aims: Aim[];
  /** By the index of an element. */
  byElement: Aim[][];
}

/** Links where there was a telephone number or a date, and what is put around or before the mail. */
const MADE_BY_MAIL_PROGRAMS: HiddenElement[] = ["a", "span", "div", "u"].map((tag) => ({
  tag,
  isHtml: true,
  id: null,
  classes: new Set(),
}));

/** Throws `UserError` when it would take too long. */
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
  // What styles a part of an element (::before) is in nobody's way.
  const wanted = aims.filter(({ selector }) => !selector.isOfPart);
  const missed = new Set(wanted);
  spread(wanted, document.elements, (aim, element, index) => {
    if (!matcher.fits(aim.selector, element)) return;
    hits.spend();
    byElement[index]?.push(aim);
    missed.delete(aim);
    // Mail programs take <html> away and put a root of their own in its place.
    if (element.parent === null) aim.stays = true;
  });
  for (const aim of missed) aim.isStatic = false;
  spread(missed, document.elements, (aim, element, index) => {
    if (!matcher.couldFit(aim.selector, element)) return;
    hits.spend();
    byElement[index]?.push(aim);
  });
  for (const aim of wanted) aim.stays ||= aim.selector.isStructural;
  // These get no attributes from us: what only Outlook sees, and what mail programs make of the mail.
  spread(wanted, [...document.hidden, ...MADE_BY_MAIL_PROGRAMS], (aim, element) => {
    aim.stays ||= matcher.namesFit(aim.selector, element);
  });
  for (const list of byElement) list.sort((a, b) => a.index - b.index);
  return { aims, byElement };
}

/** Asks `visit` about the pairs that can be right by the first name of the last compound. */
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

/** In lower case, because it only narrows the search: the rarest kind of name first. */
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
