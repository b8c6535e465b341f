/**
 * Reads posted data for a template, and finds everything in it that the template cannot be filled with. A name that the
 * template reads has to be there, and what it writes has to have a text.
 */
import { count } from "../../counted.ts";
import { Context, Drop, toValue } from "liquidjs";
import type { Datum } from "../../message.ts";
import { engine } from "./engine.ts";
import type { Origins } from "./origins.ts";
import { pathTo } from "./origins.ts";
import { follow, isMissing, type Scope } from "./outputs.ts";
import { renderProblemOf } from "./mistakes.ts";
import { shown } from "./value-problem.ts";

/** How many more rounds the loops of several checks may go together. Each check takes its rounds off. */
export interface LoopBudget {
  rounds: number;
  /** The data of the last check as JSON, so that nobody has to write them again; null, or not set: they had no shape of data. */
  text?: string | null;
}

/** One thing that is wrong with posted data. */
export interface DataProblem {
  /** Where: `order.items[2].name`. "": in the data as a whole. */
  path: string;
  /** What is wrong, in one clause: `is missing`, `expected a list, got a text`. */
  message: string;
}

/**
 * How much of a value there has to be: `present` is anything, also null; `filled` is a text or whatever can be made one;
 * `nothing` need not be there.
 */
export type Demand = "present" | "filled" | "nothing";

/** How many problems are told at most. */
const MOST_PROBLEMS = 100;

/** All loops of a mail together. Each round takes some microseconds, and nothing else runs meanwhile. */
const MOST_ROUNDS = 100_000;

/** With fewer rounds, a mail stays far below the limits of HTML and styles. */
const LARGE_ROUNDS = 1_000;

/** Characters that LiquidJS may make on the way, as it counts them. */
const MEMORY_LIMIT = 4_000_000;

/** A value that a tag has read, and where it stands in the data; null: it was made by the template. */
interface Read {
  path: string | null;
  value: unknown;
}

/** A loop that is being executed. `indexOf` tells the place in the list from the number of the round, from 0. */
interface Loop {
  variable: string;
  list: unknown;
  indexOf(round: number, rounds: number): number;
}

/** What is known while the data of one recipient are checked. */
export class Findings {
  readonly problems: DataProblem[] = [];
  readonly origins: Origins;
  /** Where the values of `assign` come from. */
  readonly assigned = new Map<string, string | null>();
  readonly loops: Loop[] = [];
  /** The tag that is being executed, what it demands of the values it reads, and those it has read. */
  tag = "";
  demand: Demand = "present";
  reads: Read[] = [];
  /** True: nothing more is looked at. */
  isOver = false;
  readonly #budget: LoopBudget;
  #rounds = 0;

  /** True: loops may have made the mail so large that it has to be made as a whole to know whether it can be sent. */
  get isLarge(): boolean {
    return this.#rounds > LARGE_ROUNDS;
  }

  constructor(origins: Origins, budget: LoopBudget) {
    this.origins = origins;
    this.#budget = budget;
  }

  /** Notes a problem at a path; with null, at the first value that the tag has read. */
  report(path: string | null, message: string): void {
    const at = path ?? this.reads.find((read) => read.path !== null)?.path ?? null;
    const problem = at === null ? { path: "", message: `${shown(this.tag)} ${message}` } : { path: at, message };
    if (this.problems.some((known) => known.path === problem.path && known.message === problem.message)) return;
    if (this.problems.push(problem) >= MOST_PROBLEMS) this.isOver = true;
  }

  /** Counts the rounds of a loop before it begins. False: there are too many. */
  mayGoRound(rounds: number): boolean {
    this.#rounds += rounds;
    this.#budget.rounds -= rounds;
    const most = count(MOST_ROUNDS);
    if (this.#rounds > MOST_ROUNDS) this.report(null, `makes the loops go round more than ${most} times`);
    else if (this.#budget.rounds < 0) this.report(null, "makes the loops of all messages together go round too often");
    else return true;
    this.isOver = true;
    return false;
  }

  /**
   * Executes one tag or output. An error in it is a problem of the data, unless it comes from one that has been noted
   * already.
   */
  *attempt(
    tag: string,
    demand: Demand,
    work: () => Generator<unknown, void, unknown>,
  ): Generator<unknown, void, unknown> {
    if (this.isOver) return;
    const { tag: outerTag, demand: outerDemand, reads: outerReads } = this;
    const known = this.problems.length;
    this.#enter(tag, demand, []);
    try {
      yield* work();
    } catch (error) {
      const { message } = renderProblemOf(error, tag);
      if (this.problems.length === known) this.report(null, message.replaceAll(" in the list", ""));
    } finally {
      this.#enter(outerTag, outerDemand, outerReads);
    }
  }

  #enter(tag: string, demand: Demand, reads: Read[]): void {
    this.tag = tag;
    this.demand = demand;
    this.reads = reads;
  }
}

/** The type of a value in the words of messages, such as `a text`. */
export function typeName(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "string" || value instanceof Drop) return "a text";
  return typeof value === "object" ? "an object" : typeof value === "boolean" ? "true or false" : "a number";
}

/**
 * A context of LiquidJS that reports what it does not find, and reads own properties of data only. For the item of a
 * list that a filter looks into, LiquidJS makes another one (`spawn`).
 */
export class StrictContext extends Context {
  readonly findings: Findings;
  readonly #root: unknown;
  readonly #isItem: boolean;
  readonly #scopes: Record<string, unknown>[] = [];

  constructor(root: unknown, findings: Findings, outer: Context | null = null) {
    const limits = outer === null ? {} : { memoryLimit: outer.memoryLimit, renderLimit: outer.renderLimit };
    const options = { sync: true, memoryLimit: MEMORY_LIMIT };
    super({}, engine().options, options, { ...limits, liquid: engine() });
    this.findings = findings;
    this.#root = root;
    this.#isItem = outer !== null;
  }

  override push(scope: object): number {
    this.#scopes.push(scope as Record<string, unknown>);
    return super.push(scope);
  }

  override pop(): ReturnType<Context["pop"]> {
    this.#scopes.pop();
    return super.pop();
  }

  override spawn(item: unknown = {}): Context {
    return new StrictContext(item, this.findings, this);
  }

  /**
   * The text, number or truth at a path of fixed names, found the fast way; undefined for anything else, and for what is
   * not there.
   */
  plainAt(path: string[]): string | number | boolean | undefined {
    const [name = ""] = path;
    const value = follow((this.#localScope(name) ?? (this.#root as Record<string, unknown>))[name] as Datum, path, 1);
    if (typeof value === "string") return value.trim() === "" ? undefined : value;
    return typeof value === "number" || typeof value === "boolean" ? value : undefined;
  }

  override *_get(paths: unknown[]): IterableIterator<unknown> {
    const [name = "", ...keys] = paths;
    const found = this.#found(String(toValue(name)));
    yield;
    return found === null ? undefined : this.#follow(found, keys);
  }

  override *_getFromScope(scope: unknown, paths: unknown): IterableIterator<unknown> {
    const value: unknown = toValue(scope);
    const keys: unknown[] = Array.isArray(paths) ? paths : String(paths).split(".");
    yield;
    return this.#follow({ path: this.findings.origins.pathOf(value), value }, keys);
  }

  /** The value of a name; null when there is none, which has been reported. */
  #found(name: string): Read | null {
    const local = this.#localScope(name);
    if (local !== null) return { path: this.#pathOfLocal(name, local), value: local[name] };
    const root = this.#root;
    if (this.#isItem) return this.#step({ path: this.findings.origins.pathOf(root), value: root }, name);
    // Other names are those of `assign` in a branch that was not taken.
    if (!Object.hasOwn(root as Scope, name)) return { path: null, value: undefined };
    const value = (root as Scope)[name];
    if (value === undefined) return this.#refuse(pathTo("", name), "is missing");
    return { path: pathTo("", name), value };
  }

  #localScope(name: string): Record<string, unknown> | null {
    const inner = this.#scopes.findLast((scope) => Object.hasOwn(scope, name));
    if (inner !== undefined) return inner;
    const bottom = this.bottom() as Record<string, unknown>;
    return Object.hasOwn(bottom, name) ? bottom : null;
  }

  #pathOfLocal(name: string, scope: Record<string, unknown>): string | null {
    const { origins, loops, assigned } = this.findings;
    const own = origins.pathOf(scope[name]);
    if (own !== null) return own;
    const loop = loops.findLast(({ variable }) => variable === name);
    const { forloop } = scope;
    if (loop === undefined || !(forloop instanceof Drop)) return assigned.get(name) ?? null;
    const list = origins.pathOf(loop.list);
    const { i, length } = forloop as unknown as { i: number; length: number };
    const index = loop.indexOf(i, length);
    return list === null || Number.isNaN(index) ? list : pathTo(list, index);
  }

  /** Reads on from a value by `keys`, and reports what its tag demands and is not there. */
  #follow(start: Read, keys: unknown[]): unknown {
    let found: Read | null = start;
    for (const key of keys) {
      found = this.#step(found, toValue(key));
      if (found === null) return undefined;
    }
    const { findings } = this;
    findings.reads.push(found);
    if (findings.demand === "filled" && isMissing(found.value))
      findings.report(found.path, found.value === undefined ? "is missing" : "is empty");
    return found.value;
  }

  #step({ path, value }: Read, key: unknown): Read | null {
    if (value instanceof Drop) return { path: null, value: this.readProperty(value, key as string) as unknown };
    const name = typeof key === "number" ? key : String(key);
    // Nothing has nothing in it: with null, a program says so on purpose.
    if (value === null || value === undefined || key === null || key === undefined)
      return { path: path === null ? null : pathTo(path, name), value: undefined };
    if (Array.isArray(value)) return this.#item(path, value, name);
    if (typeof value === "string" && name === "size") return { path, value: value.length };
    if (typeof value !== "object") return this.#refuse(path, `expected an object, got ${typeName(value)}`);
    const at = path === null ? null : pathTo(path, String(name));
    if (Object.hasOwn(value, name)) return { path: at, value: (value as Record<string, unknown>)[name] };
    if (name === "size") return { path, value: Object.keys(value).length };
    return this.#refuse(at, at === null ? `has no ${name}` : "is missing");
  }

  #item(path: string | null, list: unknown[], key: string | number): Read | null {
    if (key === "size") return { path, value: list.length };
    const given = key === "first" ? 0 : key === "last" ? -1 : Number(key);
    if (!Number.isInteger(given) || key === "") return this.#refuse(path, "expected an object, got a list");
    const index = given < 0 ? list.length + given : given;
    return { path: path === null ? null : pathTo(path, Math.max(0, index)), value: list[index] };
  }

  #refuse(path: string | null, message: string): null {
    this.findings.reads.push({ path, value: undefined });
    if (this.findings.demand !== "nothing") this.findings.report(path, message);
    return null;
  }
}
