/**
 * Moves the rules of `<style>` into `style` attributes, for mail programs without style sheets. Every element looks as
 * before, on every screen and in every mail program. The HTML is not written anew but cut: outside of style attributes
 * and style sheets every byte stays.
 */
import { applyCuts, cutSheets } from "./sheet-cuts.ts";
import { type Cut, insertStyle } from "./attribute.ts";
import { decideMoves, type Inlined, type Kind } from "./cascade.ts";
import { type Document, type Element, readDocument } from "./document.ts";
import { type Aim, findHits } from "./hits.ts";
import { Allowance, LIMITS } from "./limits.ts";
import { StyleWatch } from "./style-watch.ts";
import { Properties } from "./properties.ts";
import { readSheets } from "./sheets.ts";
import { cutDeclarations } from "./syntax.ts";

/**
 * The rounds in which elements are left out because a selector would notice their new style. One or two are enough;
 * after the last one nothing is changed.
 */
const MOST_ROUNDS = 4;

/**
 * The rendered HTML with its styles inlined. Rules that depend on more than the document stay in their `<style>` and
 * still win where they won: media queries, states, selectors that match nothing yet, sheets with `media`. A `<style
 * data-embed>` is not changed.
 *
 * Takes some seconds at most. Throws `UserError` when the HTML or CSS is beyond `LIMITS`.
 */
export function inlineStyles(html: string): string {
  if (!/<style[\s/>]/i.test(html)) return html;
  const document = readDocument(html);
  if (document.sheets.every(({ use }) => use !== "plain")) return html;
  const properties = new Properties();
  const sheets = readSheets(html, document.sheets, properties);
  const { aims, byElement } = findHits(document, sheets.rules);
  const watch = new StyleWatch(html, document, aims);
  const untouched = new Set<Element>();
  for (let round = 1; round <= MOST_ROUNDS; round++) {
    const kinds = kindsOf(document, byElement, untouched);
    const moves = decideMoves([...new Set(kinds.values())], sheets, properties);
    const noticed = watch.noticed(kinds, moves.inlined);
    for (const element of noticed) untouched.add(element);
    if (noticed.length > 0) continue;
    const cuts = [
      ...cutAttributes(html, kinds, moves.inlined),
      ...cutSheets(html, document.sheets, aims, moves.inSheets),
    ];
    return applyCuts(
      html,
      cuts.sort((a, b) => a.start - b.start),
    );
  }
  return html;
}

/** The kind of each element: elements that no rule can tell apart share one. Nothing is written to the `untouched`. */
function kindsOf(document: Document, byElement: Aim[][], untouched: Set<Element>): Map<Element, Kind> {
  const aimsOf = new Map(document.elements.map((element, index) => [element, byElement[index] ?? []]));
  const keyOf = (element: Element) =>
    `${(aimsOf.get(element) ?? []).map(({ index }) => index).join()} ${element.attributes.get("style") ?? ""}`;
  // Several elements can come from one tag. It is only written to when all of them are of one kind.
  const unequal = new Set(untouched);
  for (const element of document.elements) {
    if (element.twin && keyOf(element) !== keyOf(element.twin)) unequal.add(element.twin);
  }
  const kinds = new Map<string, Kind>();
  const different = new Allowance(LIMITS.kinds, "elements with different styles", "document");
  return new Map(
    document.elements.map((element) => {
      const hasTag = element.tagAt !== null && !unequal.has(element.twin ?? element);
      const key = `${hasTag} ${keyOf(element)}`;
      const known = kinds.get(key);
      if (known) return [element, known];
      different.spend();
      const kind = kindOf(element, aimsOf.get(element) ?? [], hasTag);
      kinds.set(key, kind);
      return [element, kind];
    }),
  );
}

function kindOf(element: Element, aims: Aim[], hasTag: boolean): Kind {
  const { declarations, isOpaque } = cutDeclarations(element.attributes.get("style") ?? "");
  return { aims, own: declarations, hasTag: hasTag && !isOpaque };
}

function cutAttributes(html: string, kinds: Map<Element, Kind>, inlined: Map<Kind, Inlined>): Cut[] {
  const growth = new Allowance(LIMITS.growth, "characters of inlined styles");
  const cuts: Cut[] = [];
  for (const [element, kind] of kinds) {
    const declarations = inlined.get(kind) ?? [];
    if (declarations.length === 0 || element.twin || !element.tagAt) continue;
    const its = insertStyle(html, element.tagAt, declarations);
    for (const { text } of its) growth.spend(text.length);
    cuts.push(...its);
  }
  return cuts;
}
