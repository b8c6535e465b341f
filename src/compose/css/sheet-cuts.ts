/**
 * Removes inlined rules from the sheets, and adds `!important` to conditional declarations that have to beat inlined
 * ones.
 */
import type { Cut } from "./attribute.ts";
import type { SheetMoves } from "./cascade.ts";
import type { SheetPlace } from "./document.ts";
import type { Aim } from "./hits.ts";
import type { Rule } from "./sheets.ts";
import { isBlank, type Span } from "./syntax.ts";

const IMPORTANT = " !important";

/** The changes to all sheets, in the order of the source within each sheet. */
export function cutSheets(html: string, places: SheetPlace[], aims: Aim[], moves: Map<Aim, SheetMoves>): Cut[] {
  const byRule = new Map<Rule, Aim[]>();
  for (const aim of aims) {
    const its = byRule.get(aim.rule);
    if (its) its.push(aim);
    else byRule.set(aim.rule, [aim]);
  }
  const bySheet = new Map<SheetPlace, Cut[]>(places.map((place) => [place, []]));
  for (const [rule, its] of byRule) bySheet.get(rule.sheet)?.push(...cutRule(html, rule, its, moves));
  return [...bySheet].flatMap(([place, cuts]) => withoutEmpty(html, place, cuts));
}

function cutRule(html: string, rule: Rule, aims: Aim[], moves: Map<Aim, SheetMoves>): Cut[] {
  const needed = aims.filter((aim) => !aim.isStatic || aim.stays);
  if (needed.length === 0) return [{ start: rule.written.start, end: endOfSpace(html, rule), text: "" }];
  const cuts = liftIn(html, rule, aims, needed, moves);
  const echoes = needed.flatMap((aim) => echo(html, aim, moves.get(aim)?.echoed));
  const end = rule.written.end;
  return echoes.length > 0 ? [...cuts, { start: end, end, text: echoes.map((text) => ` ${text}`).join("") }] : cuts;
}

function liftIn(html: string, rule: Rule, aims: Aim[], needed: Aim[], moves: Map<Aim, SheetMoves>): Cut[] {
  const versions = new Map<string, { aims: Aim[]; lifted: Set<number> }>();
  for (const aim of needed) {
    const lifted = moves.get(aim)?.lifted ?? new Set<number>();
    const key = [...lifted].join();
    const version = versions.get(key);
    if (version) version.aims.push(aim);
    else versions.set(key, { aims: [aim], lifted });
  }
  const [first, ...others] = versions.values();
  if (!first || (others.length === 0 && first.lifted.size === 0)) return [];
  if (others.length === 0 && first.aims.length === aims.length) {
    return placesIn(rule, first.lifted).map((at) => ({ start: at, end: at, text: IMPORTANT }));
  }
  // Some of the selectors need `!important` and others must not have it, so the rule is split.
  const text = [...versions.values()].map((version) => write(html, rule, version.aims, version.lifted)).join(" ");
  return [{ start: rule.written.start, end: rule.written.end, text }];
}

function placesIn(rule: Rule, lifted: Set<number>): number[] {
  return [...lifted].sort((a, b) => a - b).map((index) => rule.declarations[index]?.end ?? rule.written.end);
}

function write(html: string, rule: Rule, aims: Aim[], lifted: Set<number>): string {
  const selectors = aims.map(({ selector }) => html.slice(selector.start, selector.end)).join(", ");
  const places = placesIn(rule, lifted);
  const pieces = [rule.written.prelude.end, ...places].map((at, index) =>
    html.slice(at, places[index] ?? rule.written.end),
  );
  return `${selectors} ${pieces.join(IMPORTANT)}`;
}

/** Rules that repeat the declarations with heavier selectors. */
function echo(html: string, { rule, selector }: Aim, echoed: Map<number, number> = new Map()): string[] {
  const { repeatable, start, end } = selector;
  if (!repeatable) return [];
  return [...echoed].map(([index, times]) => {
    const heavier = html.slice(start, repeatable.end) + repeatable.text.repeat(times) + html.slice(repeatable.end, end);
    const { property, value } = rule.declarations[index] ?? { property: "", value: "" };
    return `${heavier} { ${property}: ${value}${IMPORTANT} }`;
  });
}

function endOfSpace(html: string, { written, sheet }: Rule): number {
  let end = written.end;
  while (end < sheet.end && /\s/.test(html.charAt(end))) end++;
  return end;
}

/** Removes a sheet with its tags when nothing is left in it. */
function withoutEmpty(html: string, place: SheetPlace, cuts: Cut[]): Cut[] {
  if (!place.whole || cuts.length === 0 || cuts.some(({ text }) => text !== "")) return cuts;
  const span: Span = { start: place.start, end: place.end };
  return isBlank(applyCuts(html, cuts, span)) ? [{ ...place.whole, text: "" }] : cuts;
}

/** The part of `html` in `span` with the cuts applied. The cuts must be in order and must not overlap. */
export function applyCuts(html: string, cuts: Cut[], span: Span = { start: 0, end: html.length }): string {
  const pieces: string[] = [];
  let done = span.start;
  for (const { start, end, text } of cuts) {
    pieces.push(html.slice(done, start), text);
    done = end;
  }
  pieces.push(html.slice(done, span.end));
  return pieces.join("");
}
