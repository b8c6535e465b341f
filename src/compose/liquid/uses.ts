/** Finds the columns that a template uses. */
import { type Template, type Token, TypeGuards, Value } from "liquidjs";
import { childrenOf } from "./walk.ts";

/** One place where a template uses a column. */
export interface Use {
  name: string;
  /**
   * The path, with the name first: `["a", "b", "c"]` for `a.b["c"]`. A variable in brackets is one segment, as its own
   * path: `a.b`.
   */
  segments: string[];
}

/**
 * The columns that templates use, in order, once for each place: every variable that no earlier tag defines. LiquidJS
 * has `analyzeSync` for this, but it counts the line of each variable from the beginning of the source, so twice the
 * template takes four times as long, and we do not need the line.
 */
export function usesIn(templates: Template[]): Use[] {
  return [...uses(templates, new Set(), [])];
}

/**
 * `assigned` collects the names that tags assign on the way. `blocks` are the names that the blocks around define, such
 * as `item` and `forloop`.
 */
function* uses(templates: Template[], assigned: Set<string>, blocks: Set<string>[]): Generator<Use> {
  const isOwn = (name: string) => assigned.has(name) || blocks.some((block) => block.has(name));
  for (const template of templates) {
    for (const argument of template.arguments?.() ?? [])
      for (const path of pathsIn(argument)) yield* globalsOf(path, isOwn);
    for (const { content } of template.localScope?.() ?? []) assigned.add(content);
    const block = template.blockScope ? [new Set(template.blockScope())] : [];
    yield* uses(childrenOf(template), assigned, [...blocks, ...block]);
  }
}

function* globalsOf(path: Path, isOwn: (name: string) => boolean): Generator<Use> {
  const [root] = path;
  if (typeof root === "string" && !isOwn(root)) yield { name: root, segments: path.map(written) };
  for (const segment of path) if (Array.isArray(segment)) yield* globalsOf(segment, isOwn);
}

/** The segments of a path. A number at the root is no name. */
type Path = (string | number | Path)[];

function written(segment: Path[number]): string {
  return Array.isArray(segment) ? segment.map(written).join(".") : String(segment);
}

function* pathsIn(argument: unknown): Generator<Path> {
  if (argument instanceof Value || TypeGuards.isFilteredValueToken(argument)) {
    yield* argument.initial.postfix.flatMap((token) => [...pathsIn(token)]);
    for (const { args } of argument.filters)
      for (const each of args) yield* pathsIn(Array.isArray(each) ? each[1] : each);
  } else if (TypeGuards.isRangeToken(argument)) {
    yield* pathsIn(argument.lhs);
    yield* pathsIn(argument.rhs);
  } else if (TypeGuards.isPropertyAccessToken(argument)) {
    yield pathOf(argument.props);
  }
}

/** The first segment may be a path itself, in brackets: `[a.b].c`. */
function pathOf([root, ...rest]: Token[]): Path {
  return [
    ...segmentsOf(root).flatMap((segment) => (Array.isArray(segment) ? segment : [segment])),
    ...rest.flatMap(segmentsOf),
  ];
}

function segmentsOf(token: Token | undefined): Path {
  if (TypeGuards.isPropertyAccessToken(token)) return [pathOf(token.props)];
  const isNamed = TypeGuards.isQuotedToken(token) || TypeGuards.isNumberToken(token) || TypeGuards.isWordToken(token);
  return isNamed ? [token.content] : [];
}
