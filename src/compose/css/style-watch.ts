/**
 * Watches selectors that test the `style` attribute (`[style]`, `div[style*="margin: 16px 0"]`). Where a new style
 * would change what they match, nothing may be written.
 */
import { styleWith } from "./attribute.ts";
import type { Inlined, Kind } from "./cascade.ts";
import type { Document, Element } from "./document.ts";
import type { Aim } from "./hits.ts";
import { Allowance, LIMITS } from "./limits.ts";
import { Matcher } from "./match.ts";
import type { Compound } from "./selector.ts";

/** The selectors of a document that test the `style` attribute. */
export class StyleWatch {
  readonly #html: string;
  readonly #compounds: Compound[];
  readonly #matcher: Matcher;

  constructor(html: string, document: Document, aims: Aim[]) {
    this.#html = html;
    this.#compounds = [...new Set(aims.flatMap(({ selector }) => selector.onStyle))];
    this.#matcher = new Matcher(document, new Allowance(LIMITS.comparisons, "comparisons of selectors with styles"));
  }

  /**
   * The elements whose new style would change what some selector matches; for twins, the first one. Throws `UserError`
   * beyond `LIMITS.comparisons`.
   */
  noticed(kinds: Map<Element, Kind>, inlined: Map<Kind, Inlined>): Element[] {
    if (this.#compounds.length === 0) return [];
    return [...kinds].flatMap(([element, kind]) => {
      const written = inlined.get(kind) ?? [];
      return written.length > 0 && this.#notices(element, written) ? [element.twin ?? element] : [];
    });
  }

  #notices(element: Element, written: Inlined): boolean {
    const place = (element.twin ?? element).tagAt;
    if (!place) return false;
    const before = element.attributes.get("style");
    const after = styleWith(this.#html, place, before ?? "", written);
    const fits = (style: string | undefined, compound: Compound) =>
      this.#matcher.couldFitWith(style, compound, element);
    return this.#compounds.some((compound) => fits(before, compound) !== fits(after, compound));
  }
}
