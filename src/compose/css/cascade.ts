/**
 * Decides which declarations are inlined. An inlined declaration beats every rule of the sheets. A conditional rule (a
 * media query, `:hover`, a selector for one mail program) that beat it before must be lifted by `!important`, or the
 * declaration must not be inlined. This file finds a set of moves after which the same declaration wins as before, for
 * every element and property and under all conditions.
 *
 * Elements with the same matching selectors and the same style attribute are one kind. In a kind, declarations that
 * share properties (a shorthand and its longhands) form a group, which moves as a whole or stays:
 *
 *   inline      into the attribute, as written
 *   important   into the attribute with `!important`, and the author's own declarations are repeated with it, because a
 *               rule that was lifted for other elements must not win here
 *   stay        left in the sheet
 *
 * A conditional declaration is lifted for all elements it can match, or for none. One that has had `!important` all
 * along may have to beat a lifted one of more weight. Then it is echoed: repeated with a selector of more weight.
 */
import type { Aim } from "./hits.ts";
import { Allowance, LIMITS } from "./limits.ts";
import type { Properties } from "./properties.ts";
import type { Rule, Sheets } from "./sheets.ts";
import type { Declaration } from "./syntax.ts";

/** Elements that no rule can tell apart. */
export interface Kind {
  /** The selectors that match them, in the order of the sheets. */
  aims: Aim[];
  /** The author's declarations in the style attribute. */
  own: Declaration[];
  /** They have start tags of their own, which can be written to. */
  hasTag: boolean;
}

/** The declarations that a style attribute gets before the author's own, in order. */
export type Inlined = Pick<Declaration, "property" | "value" | "important">[];

/** The changes to the declarations of a rule for one of its selectors. A number is the index of a declaration. */
export interface SheetMoves {
  /** These get `!important`. */
  lifted: Set<number>;
  /** These are repeated with a heavier selector; the value tells how often a part of the selector is repeated in it. */
  echoed: Map<number, number>;
}

/** Everything that inlining changes: in style attributes by kind, in style sheets by selector. */
export interface Moves {
  inlined: Map<Kind, Inlined>;
  inSheets: Map<Aim, SheetMoves>;
}

/** A declaration in the cascade of the elements it reaches. */
interface Candidate {
  /** Null for a declaration in a style attribute. */
  rule: Rule | null;
  property: string;
  value: string;
  important: boolean;
  slots: readonly string[];
  /** Every browser accepts it. */
  isSure: boolean;
  from: "rule" | "condition" | "author";
  /** The weight among the declarations of its level. */
  weight: number;
  canLift: boolean;
  /** The weight that one repetition in its selector adds; 0 when it cannot be echoed. */
  echoWeight: number;
}

const MOVES = ["inline", "important", "stay"] as const;
type Move = (typeof MOVES)[number];

/** From the weakest to the strongest. Inlined declarations come before the author's own in the same attribute. */
const LEVEL = {
  sheet: 0,
  inlined: 1,
  author: 2,
  importantSheet: 3,
  strengthened: 4,
  strengthenedAuthor: 5,
  importantInlined: 6,
  importantAuthor: 7,
};
/** The rounds in which declarations that cannot be lifted are given up. Hand-written mails need two or three. */
const MOST_ROUNDS = 20;
/** The most repetitions of a part in a selector. Nobody could read a selector with more. */
const MOST_REPEATED = 4;
/**
 * A weight is specificity (below 2^28) times `ORDERS` plus order (below 2^21). A rank is a level times `WEIGHTS` plus a
 * weight.
 */
const ORDERS = 2 ** 21;
const WEIGHTS = 2 ** 49;

/** The candidates for one slot. */
interface Contest {
  /** Those that can win, weakest first: the strongest that always applies, and everything above it. */
  contenders: Candidate[];
  /** Conditional ones that never win, and the one they must not beat. */
  losers: Candidate[];
  winner: Candidate | null;
}

interface Group {
  statics: Candidate[];
  contests: Contest[];
  moves: readonly Move[];
  /** Index into `moves`. */
  move: number;
}

/**
 * Decides the moves for all kinds. Sets `stays` of the aims whose rules are still needed in the sheet. Throws
 * `UserError` when weighing would take too long (`LIMITS.weighed`).
 */
export function decideMoves(kinds: Kind[], sheets: Sheets, properties: Properties): Moves {
  const cascade = new Cascade(kinds, sheets, properties);
  const groups = new Map(kinds.map((kind) => [kind, cascade.groupsOf(kind)]));
  cascade.settle([...groups.values()].flat());
  const inlined = new Map<Kind, Inlined>();
  for (const [kind, its] of groups) {
    cascade.markStaying(kind, its);
    inlined.set(kind, cascade.inlinedOf(its));
  }
  return { inlined, inSheets: cascade.inSheets() };
}

class Cascade {
  readonly #sheets: Sheets;
  readonly #properties: Properties;
  readonly #weighed = new Allowance(LIMITS.weighed, "declarations weighed against each other");
  readonly #candidates = new Map<Aim, Candidate[]>();
  readonly #everySlot = new Set<string>();
  #lifted = new Set<Candidate>();
  #echoed = new Map<Candidate, number>();

  constructor(kinds: Kind[], sheets: Sheets, properties: Properties) {
    this.#sheets = sheets;
    this.#properties = properties;
    for (const { declarations } of sheets.rules) this.#noteSlots(declarations);
    for (const { own } of kinds) this.#noteSlots(own);
  }

  groupsOf(kind: Kind): Group[] {
    const statics = this.#staticsOf(kind);
    const conditions = kind.aims.filter(({ isStatic }) => !isStatic).flatMap((aim) => this.#candidatesOf(aim));
    const bySlot = new Map<string, Candidate[]>();
    for (const candidate of [...statics, ...conditions]) {
      this.#weighed.spend(candidate.slots.length);
      for (const slot of candidate.slots) push(bySlot, slot, candidate);
    }
    for (const list of bySlot.values()) list.sort((a, b) => before(a) - before(b));
    return joined(statics, [...bySlot.keys()]).map(({ members, slots }) => ({
      statics: members,
      contests: slots.map((slot) => contestOf(bySlot.get(slot) ?? [])),
      moves: this.#movesOf(kind, members, slots),
      move: 0,
    }));
  }

  /** Reduces the moves until all of them fit. */
  settle(groups: Group[]): void {
    for (let round = 1; ; round++) {
      for (const group of groups) group.move = 0;
      const blamed = this.#tryAll(groups);
      if (blamed.size === 0) break;
      for (const one of blamed) one.canLift = false;
      // Each round gives up what failed. After the last one nothing is lifted, and what depends on that stays.
      if (round === MOST_ROUNDS)
        for (const list of this.#candidates.values()) for (const one of list) one.canLift = false;
    }
    // A declaration that was lifted for a group that stays in the end need not be lifted.
    this.#tryAll(groups);
  }

  markStaying(kind: Kind, groups: Group[]): void {
    const staying = groups.filter((group) => moveOf(group) === "stay");
    const rules = new Set(staying.flatMap(({ statics }) => statics.map(({ rule }) => rule)));
    for (const aim of kind.aims) if (rules.has(aim.rule)) aim.stays = true;
  }

  inlinedOf(groups: Group[]): Inlined {
    const written: { candidate: Candidate; rank: number }[] = [];
    const own: { candidate: Candidate; rank: number }[] = [];
    for (const group of groups) {
      const move = moveOf(group);
      for (const candidate of group.statics) {
        const rank = this.#after(candidate, move);
        if (candidate.from === "author") own.push({ candidate, rank: before(candidate) });
        if (candidate.from === "author" ? move === "important" && !candidate.important : move !== "stay")
          written.push({ candidate, rank });
      }
    }
    return withoutBeaten(written, own).map(({ candidate: { property, value }, rank }) => ({
      property,
      value,
      important: rank >= LEVEL.importantSheet * WEIGHTS,
    }));
  }

  inSheets(): Map<Aim, SheetMoves> {
    const moves = new Map<Aim, SheetMoves>();
    for (const [aim, list] of this.#candidates) {
      const its: SheetMoves = { lifted: new Set(), echoed: new Map() };
      list.forEach((candidate, index) => {
        const times = this.#echoed.get(candidate);
        if (this.#lifted.has(candidate)) its.lifted.add(index);
        if (times !== undefined) its.echoed.set(index, times);
      });
      if (its.lifted.size + its.echoed.size > 0) moves.set(aim, its);
    }
    return moves;
  }

  /**
   * Moves groups down and lifts conditional declarations until nothing changes. Returns those that must not be lifted.
   */
  #tryAll(groups: Group[]): Set<Candidate> {
    const blamed = new Set<Candidate>();
    this.#lifted = new Set();
    this.#echoed = new Map();
    for (let changed = true; changed && blamed.size === 0;) {
      changed = false;
      for (const group of groups) changed = this.#tryGroup(group, blamed) || changed;
    }
    return blamed;
  }

  #tryGroup(group: Group, blamed: Set<Candidate>): boolean {
    let changed = false;
    for (let at = 0; at < group.contests.length; at++) {
      const clash = this.#clashIn(group.contests[at], moveOf(group));
      if (!clash) continue;
      changed = true;
      const { weaker, stronger } = clash;
      if (this.#strengthen(stronger, weaker)) {
        at--;
      } else if (group.move < group.moves.length - 1) {
        group.move++;
        at = -1;
      } else {
        blamed.add(weaker);
      }
    }
    return changed;
  }

  /** Lifts or echoes the candidate. False when that is impossible or does not help. */
  #strengthen(candidate: Candidate, against: Candidate): boolean {
    if (candidate.canLift && !this.#lifted.has(candidate)) {
      this.#lifted.add(candidate);
      return true;
    }
    if (candidate.echoWeight === 0 || (!this.#lifted.has(against) && !this.#echoed.has(against))) return false;
    const lacking = this.#after(against, "stay") - before(candidate);
    const times = Math.floor(lacking / candidate.echoWeight) + 1;
    if (times > MOST_REPEATED) return false;
    this.#echoed.set(candidate, times);
    return true;
  }

  /** Two candidates whose order would change: `weaker` lost to `stronger` before. Null when there are none. */
  #clashIn(contest: Contest | undefined, move: Move): { weaker: Candidate; stronger: Candidate } | null {
    if (!contest) return null;
    const { contenders, losers, winner } = contest;
    this.#weighed.spend(contenders.length + losers.length);
    let highest: Candidate | null = null;
    for (const candidate of contenders) {
      if (highest && this.#after(candidate, move) < this.#after(highest, move))
        return { weaker: highest, stronger: candidate };
      highest = candidate;
    }
    for (const weaker of losers) {
      if (winner && this.#after(weaker, move) > this.#after(winner, move)) return { weaker, stronger: winner };
    }
    return null;
  }

  /** The rank in the document with the moves. */
  #after(candidate: Candidate, move: Move): number {
    const { from, important, weight } = candidate;
    if (from === "condition" && this.#lifted.has(candidate)) return LEVEL.importantSheet * WEIGHTS + weight;
    const times = this.#echoed.get(candidate);
    if (times !== undefined) return before(candidate) + times * candidate.echoWeight;
    if (from === "condition" || (from === "rule" && move === "stay") || (from === "author" && important))
      return before(candidate);
    if (from === "author") return (move === "important" ? LEVEL.strengthenedAuthor : LEVEL.author) * WEIGHTS + weight;
    const level = important ? LEVEL.importantInlined : move === "important" ? LEVEL.strengthened : LEVEL.inlined;
    return level * WEIGHTS + weight;
  }

  /** The moves a group may make. `!important` would beat an animation, which nothing did before. */
  #movesOf(kind: Kind, members: Candidate[], slots: readonly string[]): readonly Move[] {
    const isOpaque = slots.some((slot) => this.#isIn(this.#sheets.opaque, slot));
    const isWritable = kind.hasTag && members.length > 0 && !isOpaque;
    if (!isWritable) return ["stay"];
    return slots.some((slot) => this.#isIn(this.#sheets.animated, slot)) ? ["inline", "stay"] : MOVES;
  }

  #staticsOf(kind: Kind): Candidate[] {
    // When several selectors of a rule match, the most specific one counts.
    const strongest = new Map<Rule, Aim>();
    for (const aim of kind.aims) {
      if (aim.isStatic && aim.selector.specificity >= (strongest.get(aim.rule)?.selector.specificity ?? 0))
        strongest.set(aim.rule, aim);
    }
    const own = kind.own.map((declaration, order) => this.#candidate(declaration, "author", order, null));
    return [...[...strongest.values()].flatMap((aim) => this.#candidatesOf(aim)), ...own];
  }

  #candidatesOf(aim: Aim): Candidate[] {
    const known = this.#candidates.get(aim);
    if (known) return known;
    const { rule, selector } = aim;
    const list = rule.declarations.map((declaration, at) =>
      this.#candidate(
        declaration,
        aim.isStatic ? "rule" : "condition",
        selector.specificity * ORDERS + rule.order + at,
        aim,
      ),
    );
    this.#candidates.set(aim, list);
    return list;
  }

  #candidate(declaration: Declaration, from: Candidate["from"], weight: number, aim: Aim | null): Candidate {
    const { property, value, important } = declaration;
    const rule = aim?.rule ?? null;
    const slots = property === "all" ? [...this.#everySlot] : this.#properties.slotsOf(property);
    const isFree = !slots.some(
      (slot) => this.#isIn(this.#sheets.opaque, slot) || this.#isIn(this.#sheets.animated, slot),
    );
    const isSure = this.#properties.isSure(property, value);
    const canMove = from === "condition" && rule !== null && rule.canRaise && isFree;
    const canLift = canMove && !important;
    const echoWeight = canMove && important ? (aim?.selector.repeatable?.specificity ?? 0) * ORDERS : 0;
    return { rule, property, value, important, slots, isSure, from, weight, canLift, echoWeight };
  }

  #noteSlots(declarations: Declaration[]): void {
    for (const { property } of declarations) {
      if (property.startsWith("--") || property === "direction" || property === "unicode-bidi") continue;
      for (const slot of this.#properties.slotsOf(property)) this.#everySlot.add(slot);
    }
  }

  #isIn(slots: Set<string>, slot: string): boolean {
    return slots.has(slot) || (slots.has("all") && !slot.startsWith("--"));
  }
}

function moveOf(group: Group): Move {
  return group.moves[group.move] ?? "stay";
}

/** The rank in the original document. */
function before({ from, important, weight }: Candidate): number {
  if (from === "author") return (important ? LEVEL.importantAuthor : LEVEL.author) * WEIGHTS + weight;
  return (important ? LEVEL.importantSheet : LEVEL.sheet) * WEIGHTS + weight;
}

function contestOf(candidates: Candidate[]): Contest {
  const winner = candidates.findLastIndex(({ from, isSure }) => from !== "condition" && isSure);
  return {
    contenders: candidates.slice(Math.max(winner, 0)),
    losers: candidates.slice(0, Math.max(winner, 0)).filter(({ from }) => from === "condition"),
    winner: candidates[winner] ?? null,
  };
}

/**
 * Groups the statics that share a slot, directly or through others, with their slots. A slot of conditional candidates
 * only is a group of its own.
 */
function joined(statics: Candidate[], slots: string[]): { members: Candidate[]; slots: string[] }[] {
  const leader = new Map<string, string>();
  const find = (slot: string): string => {
    let at = slot;
    for (let next = leader.get(at); next !== undefined; next = leader.get(at)) at = next;
    return at;
  };
  for (const { slots: its } of statics) {
    const first = find(its[0] ?? "");
    for (const slot of its) {
      const other = find(slot);
      if (other !== first) leader.set(other, first);
    }
  }
  const groups = new Map<string, { members: Candidate[]; slots: string[] }>();
  for (const slot of slots) {
    const group = groups.get(find(slot));
    if (group) group.slots.push(slot);
    else groups.set(find(slot), { members: [], slots: [slot] });
  }
  for (const one of statics) groups.get(find(one.slots[0] ?? ""))?.members.push(one);
  return [...groups.values()];
}

interface Ranked {
  candidate: Candidate;
  rank: number;
}

/**
 * The declarations, weakest first, without those that a later one replaces for sure: one of the same property and
 * importance in the same attribute.
 */
function withoutBeaten(written: Ranked[], own: Ranked[]): Ranked[] {
  const replaced = new Set<string>();
  const isNeeded = ({ candidate: { property, isSure }, rank }: Ranked): boolean => {
    const key = `${rank >= LEVEL.importantSheet * WEIGHTS} ${property}`;
    if (replaced.has(key)) return false;
    if (isSure) replaced.add(key);
    return true;
  };
  const strongestFirst = (list: Ranked[]) => list.sort((a, b) => b.rank - a.rank);
  for (const one of own) isNeeded(one);
  return strongestFirst(written).filter(isNeeded).reverse();
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
