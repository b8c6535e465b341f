/** Reads the style sheets of a document in the order of the cascade, and tells which rules can be inlined. */
import type { SheetPlace, SheetUse } from "./document.ts";
import { LIMITS, refuseBeyond } from "./limits.ts";
import type { Properties } from "./properties.ts";
import { readSelectors, type Selector } from "./selector.ts";
import { type AtRule, cutRules, type Declaration, namesBeforeColons, type StyleRule } from "./syntax.ts";

/** A style rule of a sheet. */
export interface Rule {
  /** The rule in the source. */
  written: StyleRule;
  sheet: SheetPlace;
  /** It always applies and every browser reads it, so its declarations can be inlined. */
  canInline: boolean;
  /** It can be removed from the sheet once it is inlined. */
  canGo: boolean;
  /** Its declarations may get `!important`, or a heavier selector. */
  canRaise: boolean;
  declarations: Declaration[];
  /** The position of its first declaration among all declarations. */
  order: number;
  selectors: Selector[];
}

/** All style sheets of a document. */
export interface Sheets {
  /** In the order of the source. */
  rules: Rule[];
  /** Slots that are set in layers, scopes or nested rules, whose weight in the cascade only the browser knows. */
  opaque: Set<string>;
  /** Slots that animations set. Animations beat everything but `!important`. */
  animated: Set<string>;
}

/** At-rules around style rules that apply under a condition. */
const CONDITIONS = new Set(["media", "supports", "container", "document"]);
/** At-rules that set nothing on an element. An imported sheet cannot be read, and usually has fonts only. */
const HARMLESS = new Set(
  (
    "charset import namespace font-face page viewport counter-style property font-feature-values font-palette-values color-profile " +
    "view-transition"
  ).split(" "),
);

/** Reads the sheets at `places`. Throws `UserError` beyond `LIMITS`. */
export function readSheets(html: string, places: SheetPlace[], properties: Properties): Sheets {
  const size = places.reduce((sum, { start, end }) => sum + end - start, 0);
  refuseBeyond(LIMITS.css, size, "characters of CSS");
  const reader = new Reader(html, properties);
  for (const place of places) reader.sheet(place);
  return { rules: reader.rules, opaque: reader.opaque, animated: reader.animated };
}

class Reader {
  readonly rules: Rule[] = [];
  readonly opaque = new Set<string>();
  readonly animated = new Set<string>();
  readonly #html: string;
  readonly #properties: Properties;
  #order = 0;
  #selectors = 0;

  constructor(html: string, properties: Properties) {
    this.#html = html;
    this.#properties = properties;
  }

  sheet(place: SheetPlace): void {
    const items = cutRules(this.#html, place);
    const statements = items.filter((item) => item.kind === "at-rule");
    // A namespace changes the meaning of type selectors.
    const use = statements.some(({ name }) => name === "namespace") ? "fixed" : place.use;
    // An @import after a rule has no effect; without the rule it would have one.
    const lastImport = statements.findLast(({ name }) => name === "import" || name === "namespace")?.start ?? 0;
    for (const item of items) {
      if (item.kind === "rule") this.#rule(item, place, use, item.start > lastImport);
      else this.#atRule(item, place, use, 1);
    }
  }

  #atRule(item: AtRule, place: SheetPlace, use: SheetUse, depth: number): void {
    if (!item.body || HARMLESS.has(item.name)) return;
    if (item.name === "keyframes") this.#note(this.animated, item);
    else if (!CONDITIONS.has(item.name) || depth > LIMITS.blockDepth) this.#note(this.opaque, item);
    else
      for (const inner of cutRules(this.#html, item.body)) {
        if (inner.kind === "rule") this.#rule(inner, place, use === "plain" ? "conditional" : use, false);
        else this.#atRule(inner, place, use === "plain" ? "conditional" : use, depth + 1);
      }
  }

  #rule(written: StyleRule, sheet: SheetPlace, use: SheetUse, canGo: boolean): void {
    if (written.block.isOpaque) return this.#note(this.opaque, written);
    const selectors = readSelectors(this.#html, written.prelude);
    if (!selectors) return;
    this.#selectors += selectors.length;
    refuseBeyond(LIMITS.selectors, this.#selectors, "selectors");
    const isSure = !selectors.some(({ isDoubtful }) => isDoubtful);
    const { declarations, hasJunk } = written.block;
    this.rules.push({
      written,
      sheet,
      canInline: use === "plain" && isSure && !declarations.some(({ value }) => /revert-layer/i.test(value)),
      canGo: canGo && !hasJunk,
      canRaise: use !== "fixed" && isSure,
      declarations,
      order: this.#order,
      selectors,
    });
    this.#order += declarations.length;
  }

  #note(properties: Set<string>, { start, end }: { start: number; end: number }): void {
    for (const name of namesBeforeColons(this.#html, { start, end })) {
      if (name === "all") properties.add(name);
      else for (const slot of this.#properties.slotsOf(name)) properties.add(slot);
    }
  }
}
