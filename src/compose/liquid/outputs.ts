/** The `{{ outputs }}` of a template: what they write, and how they handle empty values. */
import { Drop, Filter, Output, type Template, type Token, TypeGuards, Value } from "liquidjs";
import type { Datum } from "../../message.ts";
import { engine } from "./engine.ts";
import { Markup } from "./markup.ts";
import { isBlankSplit } from "./texts.ts";
import { text } from "./tracer.ts";
import { usesIn } from "./uses.ts";
import { childrenOf, everyTemplate } from "./walk.ts";

/**
 * The values of variables by name; blank texts are "". Use an object that inherits no name (`scopeOf`), and such objects
 * in it.
 */
export type Scope = Record<string, Datum | undefined>;

/** Filters that accept any text, and do not make a text empty. */
const SAFE_FILTERS = new Set(
  [
    "default",
    "append",
    "prepend",
    "capitalize",
    "upcase",
    "downcase",
    "escape",
    "escape_once",
    "raw",
    "strip",
    "lstrip",
    "rstrip",
  ].concat(["url_encode", "newline_to_br", "truncate"]),
);

/** LiquidJS's name for the escaping filter that it adds to every output. */
export const ESCAPE_FILTER = "[object Function]";

/** An `{{ output }}` anywhere in a template, and how it handles empty values. */
export interface Described {
  output: Output;
  /** The columns in it, one entry for each place. */
  names: string[];
  hasDefault: boolean;
  /** Its default comes from another column, which may be empty too. */
  variableDefault: boolean;
  simple: boolean;
}

/** Every output of the templates, at any depth, in order. */
export function* outputsOf(templates: Template[]): Generator<Output> {
  for (const template of templates) {
    if (template instanceof Output) yield template;
    else yield* outputsOf(childrenOf(template));
  }
}

/** How an output handles empty values. `columns` are the names that are not defined by tags of the template. */
export function describe(output: Output, columns: Set<string>): Described {
  const { filters, initial } = output.value;
  const used = usesIn([output]);
  const names = used.map(({ name }) => name).filter((name) => columns.has(name));
  const defaults = filters.filter((filter) => filter.name === "default");
  const fromInitial = initial.postfix.filter(isVariableToken).length;
  return {
    output,
    names,
    hasDefault: defaults.length > 0,
    variableDefault: defaults.some((filter) => filter.args.some(isVariableToken)),
    simple:
      initial.postfix.length === 1 &&
      used.length === fromInitial &&
      used.every((variable) => variable.segments.length === 1) &&
      filters.every((filter) => SAFE_FILTERS.has(filter.name) || filter.name === ESCAPE_FILTER),
  };
}

/** Whether a token is a variable, perhaps with a path. */
export function isVariableToken(token: unknown): token is Token {
  return TypeGuards.isPropertyAccessToken(token);
}

/**
 * Whether a value of an output is empty. A captured text without values is not missing when it is empty: its author
 * wanted it so. The columns in others are checked themselves. An empty list is not missing (its size is 0), unless it was
 * split from an empty text; nor is an object.
 */
export function isMissing(value: unknown): boolean {
  if (value instanceof Markup && value.pieces.every((piece) => typeof piece === "string")) return false;
  if (Array.isArray(value)) return value.length === 0 ? isBlankSplit(value) : value.every(isMissing);
  if (typeof value === "object" && value !== null && !(value instanceof Drop)) return false;
  return text(value).trim() === "";
}

/** A filter of our own, whose `args` are given to the handler behind the value. */
export function filter(args: Token[], handler: (value: unknown, ...values: unknown[]) => unknown): Filter {
  const token = { name: "required", args } as unknown as ConstructorParameters<typeof Filter>[0];
  return new Filter(token, handler, engine());
}

/** The reason for refusing a row because `output` is empty. */
export function emptyReason(output: string): string {
  return `${output} is empty and has no default`;
}

/**
 * Changes parsed templates, so that `default` leaves a number 0 of posted data as it is: it is no empty value. LiquidJS
 * takes it for one, and what a template calculates is left to that.
 */
export function keepZeros(templates: Template[]): void {
  const every = [...everyTemplate(templates)];
  const assigned = new Set(
    every.flatMap((template) => [...(template.localScope?.() ?? [])].map(({ content }) => content)),
  );
  for (const template of every)
    for (const argument of template.arguments?.() ?? [])
      if (argument instanceof Value && isOfData(argument, assigned)) keepZero(argument.filters[0]);
}

/** Whether the value is read from data alone: not assigned, and no size. */
function isOfData({ initial }: Value, assigned: Set<string>): boolean {
  const [token] = initial.postfix;
  if (initial.postfix.length !== 1 || !TypeGuards.isPropertyAccessToken(token)) return false;
  const names = token.props.map((prop) => ("content" in prop ? prop.content : null));
  return !assigned.has(String(names[0])) && names.at(-1) !== "size";
}

function keepZero(first: Filter | undefined): void {
  if (first?.name !== "default") return;
  const render = first.render.bind(first);
  first.render = (value, context) => (value === 0 ? zero() : render(value, context));
}

/** What LiquidJS takes for a value that it has to wait for. */
function* zero(): IterableIterator<unknown> {
  yield undefined;
  return 0;
}

/**
 * The path of the variable of an output, `["order", "total"]`, when the output has nothing else than fixed names.
 * Null: it has operators, a calculated key, or another value than a variable.
 */
export function pathOf(output: Output): string[] | null {
  const { initial } = output.value;
  const [token] = initial.postfix;
  if (initial.postfix.length !== 1 || !TypeGuards.isPropertyAccessToken(token) || token.variable !== undefined)
    return null;
  const names = token.props.map((prop) =>
    TypeGuards.isQuotedToken(prop) || TypeGuards.isWordToken(prop) ? prop.content : null,
  );
  return names.every((name) => typeof name === "string") ? names : null;
}

/** The path of an output that has no filters; else null. */
export function barePath(output: Output): string[] | null {
  const { filters } = output.value;
  return filters.length === 1 && filters[0]?.name === ESCAPE_FILTER ? pathOf(output) : null;
}

/**
 * The value at a path of fixed names. Undefined: nothing is there, or it takes LiquidJS to find it (`size`, or a name
 * inside of a list).
 */
export function valueAt(scope: Scope, path: readonly string[]): Datum | undefined {
  return follow(scope[path[0] ?? ""], path, 1);
}

/** Reads on from a value by the names of a path from number `start` on, each an own field of an object; else undefined. */
export function follow(from: Datum | undefined, path: readonly string[], start = 0): Datum | undefined {
  let value = from;
  for (let at = start; at < path.length; at++) {
    const key = path[at] ?? "";
    if (typeof value !== "object" || value === null || Array.isArray(value) || !Object.hasOwn(value, key))
      return undefined;
    value = (value as Readonly<Record<string, Datum>>)[key];
  }
  return value;
}

/** Whether an output has nothing but filters that accept any text, with fixed values. */
export function isSafe({ value: { filters } }: Output): boolean {
  return filters.every(
    ({ name, args }) => name === ESCAPE_FILTER || (SAFE_FILTERS.has(name) && !args.flat().some(isVariableToken)),
  );
}
