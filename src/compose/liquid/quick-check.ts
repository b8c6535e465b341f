/**
 * A check of posted data that takes a hundredth of the time that it takes to execute a template. It knows the most common tags and the most
 * common data. It may refuse data that are fine, and never accepts others. After a refusal the template has to be executed.
 */
import { ForTag, IfTag, Output, type Template, type Token, TypeGuards, UnlessTag, type Value } from "liquidjs";
import type { Datum, Values } from "../../message.ts";
import { columnName } from "../list/name.ts";
import { isTag } from "./part.ts";
import { describe, follow, isSafe, pathOf } from "./outputs.ts";

/**
 * A number means that the template can surely be filled with these data, whose shape has been checked: it is how many rounds the loops
 * go. Null: they may not fit the template.
 */
export type QuickCheck = (data: Values) => number | null;

/** Data with more rounds of loops are left to the whole check, which has limits for them. */
const MOST_ROUNDS = 200;

/** The items of the loops around a tag, outer first, and how many rounds there were so far. */
interface State {
  data: Values;
  items: (Datum | undefined)[];
  rounds: number;
}

type Test = (state: State) => boolean;

/** The names of items, and where in `State.items` they are. */
type Locals = ReadonlyMap<string, number>;

/** Thrown for a template that does what this check does not know. */
class TooMuch extends Error {}

/**
 * Makes the check of templates that were parsed. `given` are the names, in lower case, that have a value without data. Null: a template
 * has a tag, a filter or a value that only its execution can judge.
 */
export function quickCheckOf(templates: readonly Template[], given: ReadonlySet<string>): QuickCheck | null {
  try {
    const tests = testsOf(templates, new Map(), given);
    return (data) => {
      const state: State = { data, items: [], rounds: 0 };
      return holds(tests, state) ? state.rounds : null;
    };
  } catch (error) {
    if (error instanceof TooMuch) return null;
    throw error;
  }
}

/**
 * The same for a line, such as a subject, whose values must fit into a line, too. `isFine` says which texts do. Only plain outputs are
 * judged.
 */
export function quickLineOf(
  templates: readonly Template[],
  given: ReadonlySet<string>,
  isFine: (text: string) => boolean,
): QuickCheck | null {
  const quick = quickCheckOf(templates, given);
  if (quick === null || templates.some(isTag)) return null;
  const paths = templates.filter((template) => template instanceof Output).map(pathOf);
  const fits = (data: Values) =>
    paths.every((path) => {
      const value = path === null ? null : follow(data, path);
      return typeof value === "number" || (typeof value === "string" && isFine(value));
    });
  return (data) => (fits(data) ? quick(data) : null);
}

function holds(tests: readonly Test[], state: State): boolean {
  for (const test of tests) if (!test(state)) return false;
  return true;
}

function testsOf(templates: readonly Template[], locals: Locals, given: ReadonlySet<string>): Test[] {
  return templates.flatMap((template) => {
    if (template instanceof Output) return [outputTest(template, locals, given)];
    if (template instanceof ForTag) return [loopTest(template, locals, given)];
    if (template instanceof IfTag || template instanceof UnlessTag) return conditionTests(template, locals, given);
    if (isTag(template)) throw new TooMuch();
    return [];
  });
}

/** Fixed names, and nothing but filters that accept any text. */
function outputTest(output: Output, locals: Locals, given: ReadonlySet<string>): Test {
  const path = pathOf(output);
  if (path === null || !isSafe(output)) throw new TooMuch();
  const { hasDefault } = describe(output, new Set());
  const valueOf = getter(path, locals);
  const [root = ""] = path;
  const isOwn = path.length === 1 && !locals.has(root) && given.has(root.toLowerCase());
  return (state) => {
    const value = valueOf(state);
    if (typeof value === "string") return hasDefault || /\S/.test(value);
    if (typeof value === "number" || typeof value === "boolean") return true;
    return (
      value === undefined && path.length === 1 && !locals.has(root) && (isOwn || hasDefault) && isUnknown(root, state)
    );
  };
}

/** Whether no name of the data can be meant, also not in another spelling. */
function isUnknown(name: string, { data }: State): boolean {
  const wanted = columnName(name).toLowerCase();
  return Object.keys(data).every((key) => key.normalize("NFC").toLowerCase() !== wanted);
}

/** A loop over a list, without limit, offset and the like. */
function loopTest(loop: ForTag, locals: Locals, given: ReadonlySet<string>): Test {
  if (Object.keys(loop.hash.hash).length > 0) throw new TooMuch();
  const valueOf = getter(fixedPath(loop.collection), locals);
  const at = locals.size;
  const inside = testsOf(loop.templates, new Map([...locals, [loop.variable, at]]), given);
  const otherwise = testsOf(loop.elseTemplates, locals, given);
  return (state) => {
    const list = valueOf(state);
    if (!Array.isArray(list)) return false;
    state.rounds += list.length;
    if (state.rounds > MOST_ROUNDS) return false;
    for (const item of list as readonly Datum[]) {
      state.items[at] = item;
      if (!holds(inside, state)) return false;
    }
    return list.length > 0 || holds(otherwise, state);
  };
}

/** All branches have to hold, whichever is taken, and the conditions may be values that mean one thing. */
function conditionTests(tag: IfTag | UnlessTag, locals: Locals, given: ReadonlySet<string>): Test[] {
  return [
    ...tag.branches.map(({ value }) => conditionTest(value, locals)),
    ...tag.branches.flatMap(({ templates }) => testsOf(templates, locals, given)),
    ...testsOf(tag.elseTemplates ?? [], locals, given),
  ];
}

const LOGIC = new Set(["and", "or", "not"]);
const ORDER = new Set(["<", ">", "<=", ">=", "==", "!="]);

/** True or false alone or joined, or numbers beside numbers. */
function conditionTest({ initial: { postfix }, filters }: Value, locals: Locals): Test {
  if (filters.length > 0) throw new TooMuch();
  const operators = postfix.filter(TypeGuards.isOperatorToken).map(({ operator }) => operator);
  const compares = operators.some((operator) => ORDER.has(operator));
  if (operators.some((operator) => !ORDER.has(operator) && (compares || !LOGIC.has(operator)))) throw new TooMuch();
  const values = postfix.filter((token) => !TypeGuards.isOperatorToken(token));
  if (compares && postfix.length !== 3) throw new TooMuch();
  const getters = values.flatMap((token) => {
    if (TypeGuards.isNumberToken(token) && compares) return [];
    return [getter(fixedPath(token), locals)];
  });
  const expected = compares ? "number" : "boolean";
  return (state) => getters.every((valueOf) => typeof valueOf(state) === expected);
}

function fixedPath(token: Token): string[] {
  if (!TypeGuards.isPropertyAccessToken(token) || token.variable !== undefined) throw new TooMuch();
  return token.props.map((prop) => {
    if (TypeGuards.isQuotedToken(prop) || TypeGuards.isWordToken(prop)) return prop.content;
    throw new TooMuch();
  });
}

/** Reads what is at a path of names that are own fields of objects. */
function getter(path: readonly string[], locals: Locals): (state: State) => Datum | undefined {
  const [root = ""] = path;
  const at = locals.get(root);
  // What a loop tells of itself.
  if (root === "forloop" || root === "tablerowloop") throw new TooMuch();
  if (at === undefined) return ({ data }) => follow(data, path);
  return ({ items }) => follow(items[at], path, 1);
}
