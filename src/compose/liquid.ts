import { analyzeSync, Filter, Liquid, Output, TypeGuards } from "liquidjs";
import type { Template, Token } from "liquidjs";
import { checkMistakes, renderProblem, unreadable } from "./liquid/mistakes.ts";
import { bracketNames } from "./liquid/names.ts";
import { plainNumber } from "./liquid/numbers.ts";
import { withoutComments } from "./liquid/tags.ts";
import { readConditions, teachValues } from "./liquid/values.ts";
import { childrenOf } from "./liquid/walk.ts";
import { RenderProblem } from "./problem.ts";

/** What a value becomes where it stands: HTML-escaped, percent-encoded, or as it is. */
export type Escape = "html" | "url" | "none";

/** The value of each variable of a template; blank ones are "". An object without a prototype. */
export type Scope = Record<string, string | undefined>;

/** A column the template uses. */
export interface Variable {
  name: string;
  /** `a.b.c` when more than the value itself is asked for, which a column cannot answer (`.size` it can). */
  path: string | null;
  /** True when it stands only where a `default` filter speaks for it. */
  optional: boolean;
}

/** One Liquid template, parsed. */
export interface Part {
  variables: Variable[];
  /** Variables whose emptiness refuses the recipient wherever the template goes. Empty with `allowEmpty`. */
  required: string[];
  /** True: outputs only, with filters that cannot fail: when `required` is there, `render` succeeds. */
  simple: boolean;
  /** True: no variables, no tags; `render` always gives the same. */
  constant: boolean;
  /** Throws `RenderProblem`. */
  render(scope: Scope): string;
}

const ALLOWED_TAGS = ["assign", "break", "capture", "case", "comment", "continue", "for", "if", "raw", "unless", "#"];

/** Give a text for any text, and something for something, as far as a recipient's values go. */
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

/** Against templates that never end. The units are LiquidJS's own: characters, nodes, and (a last resort) milliseconds. */
const LIMITS = { parseLimit: 20_000_000, memoryLimit: 20_000_000, templateLimit: 200_000, renderLimit: 10_000 };

/** What LiquidJS calls the escaping it puts behind every output. */
const ESCAPE_FILTER = "[object Function]";

const engines = new Map<Escape, Liquid>();

/**
 * Parses one template. Own properties only, no files, no tags that would output around the escaping, limits on size, loops
 * and time. Throws `UserError` with `label` (subject, HTML, …) and line for anything Liquid cannot read.
 */
export function parsePart(label: string, source: string, escape: Escape, allowEmpty: boolean, firstLine = 1): Part {
  const engine = engineFor(escape);
  const templates = parse(engine, label, source, firstLine);
  const { globals } = analyzeSync(templates, { partials: false });
  const outputs = [...outputsOf(templates)].map((output) => describe(output, globals));
  const flat = templates.every((template) => template instanceof Output || !isTag(template));
  const simple = flat && outputs.every((output) => output.simple);
  if (!simple && !allowEmpty) outputs.forEach((output) => guard(output, engine));
  const constant = flat && outputs.length === 0;
  return {
    variables: variablesOf(globals, outputs),
    required: allowEmpty || !flat ? [] : outputs.flatMap((output) => (output.hasDefault ? [] : output.names)),
    simple,
    constant,
    render: flat ? flatRenderer(engine, templates, ESCAPES[escape]) : (scope) => render(engine, templates, scope),
  };
}

type Globals = ReturnType<typeof analyzeSync>["globals"];

/** An `{{ output }}` anywhere in a template, as far as empty values concern it. */
interface Described {
  output: Output;
  /** The columns it names, one entry for each place. */
  names: string[];
  hasDefault: boolean;
  /** A default taken from another column may be empty too. */
  variableDefault: boolean;
  simple: boolean;
}

function engineFor(escape: Escape): Liquid {
  const known = engines.get(escape);
  if (known) return known;
  const engine = new Liquid({
    ...LIMITS,
    ownPropertyOnly: true,
    strictFilters: true,
    // An empty cell is false: {% if coupon %} asks whether there is one.
    jsTruthy: true,
    dynamicPartials: false,
    templates: {},
    outputEscape: ESCAPES[escape],
  });
  for (const tag of Object.keys(engine.tags)) if (!ALLOWED_TAGS.includes(tag)) delete engine.tags[tag];
  teachValues(engine);
  // Escaped by hand is escaped once, and not at all where nothing has to be escaped.
  for (const name of ["escape", "escape_once", "xml_escape"]) {
    engine.registerFilter(name, { raw: true, handler: escape === "html" ? escapeHtml : text });
  }
  if (escape !== "html") engine.registerFilter("newline_to_br", text);
  else
    engine.registerFilter("newline_to_br", {
      raw: true,
      handler: (value) => escapeHtml(value).replace(/\r?\n/g, "<br>\n"),
    });
  engines.set(escape, engine);
  return engine;
}

const ESCAPES: Record<Escape, (value: unknown) => string> = {
  html: escapeHtml,
  url: (value) => encodeURIComponent(text(value)),
  none: text,
};

const HTML_ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;" };

function escapeHtml(value: unknown): string {
  return text(value).replace(/[&<>"']/g, (character) => HTML_ENTITIES[character] ?? character);
}

/** A filter may have cut an emoji in two; half of one is not Unicode and has no bytes. */
function text(value: unknown): string {
  if (Array.isArray(value)) return value.map(text).join("");
  if (typeof value === "string") return value.replace(/\p{Surrogate}/gu, "\uFFFD");
  if (typeof value === "number") return plainNumber(value);
  return typeof value === "boolean" ? String(value) : "";
}

function parse(engine: Liquid, label: string, source: string, firstLine: number): Template[] {
  checkMistakes(label, source, firstLine, { tags: ALLOWED_TAGS, filters: Object.keys(engine.filters) });
  try {
    const templates = engine.parse(bracketNames(withoutComments(source)));
    readConditions(templates);
    return templates;
  } catch (error) {
    throw error instanceof Error ? unreadable(error, label, firstLine) : error;
  }
}

function isTag(template: Template): boolean {
  return TypeGuards.isTagToken(template.token);
}

function* outputsOf(templates: Template[]): Generator<Output> {
  for (const template of templates) {
    if (template instanceof Output) yield template;
    else yield* outputsOf(childrenOf(template));
  }
}

function describe(output: Output, globals: Globals): Described {
  const { filters, initial } = output.value;
  const used = Object.values(analyzeSync([output], { partials: false }).globals).flat();
  const names = used.map((variable) => String(variable.segments[0])).filter((name) => Object.hasOwn(globals, name));
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

function isVariableToken(token: unknown): token is Token {
  return TypeGuards.isPropertyAccessToken(token);
}

/** Puts a check into the output itself, for templates in which only rendering tells whether it is reached. */
function guard({ output, hasDefault, variableDefault }: Described, engine: Liquid): void {
  const { filters, initial } = output.value;
  const label = `{{ ${output.token.getText().replace(/^\{\{-?\s*|\s*-?\}\}$/g, "")} }}`;
  const refuse = (values: unknown[]): void => {
    if (values.some((value) => text(value).trim() === "")) throw new RenderProblem(emptyReason(label));
  };
  if (hasDefault) {
    if (variableDefault) filters.push(filter(engine, [], (value) => (refuse([value]), value)));
    return;
  }
  const variables = [...initial.postfix, ...filters.flatMap((each) => each.args)].filter(isVariableToken);
  filters.unshift(filter(engine, variables, (value, ...values) => (refuse(values), value)));
}

function filter(engine: Liquid, args: Token[], handler: (value: unknown, ...values: unknown[]) => unknown): Filter {
  const token = { name: "required", args } as unknown as ConstructorParameters<typeof Filter>[0];
  return new Filter(token, handler, engine);
}

/** The reason of a row refused because `output` came out empty. */
export function emptyReason(output: string): string {
  return `${output} is empty and has no default`;
}

function variablesOf(globals: Globals, outputs: Described[]): Variable[] {
  return Object.entries(globals).map(([name, uses]) => {
    const long = uses.find(({ segments }) => segments.length > 1 && !(segments.length === 2 && segments[1] === "size"));
    const spokenFor = outputs
      .filter((output) => output.hasDefault)
      .flatMap((output) => output.names.filter((used) => used === name));
    return {
      name,
      path: long === undefined ? null : long.segments.map(String).join("."),
      optional: spokenFor.length === uses.length,
    };
  });
}

/**
 * For templates without tags: the text between the outputs is fixed, and `{{ name }}` is a look-up and its escaping. Only outputs
 * with filters need LiquidJS. Three times as fast as interpreting the whole for each recipient.
 */
function flatRenderer(engine: Liquid, templates: Template[], escape: (value: unknown) => string): Part["render"] {
  const pieces = templates.map((template): string | ((scope: Scope) => string) => {
    if (!(template instanceof Output)) return render(engine, [template], {});
    const name = bareName(template);
    return name === null ? (scope) => render(engine, [template], scope) : (scope) => escape(scope[name]);
  });
  return (scope) => pieces.map((piece) => (typeof piece === "string" ? piece : piece(scope))).join("");
}

/** The variable of an output that is nothing else, or null. */
function bareName(output: Output): string | null {
  const { filters, initial } = output.value;
  const [variable] = Object.values(analyzeSync([output], { partials: false }).globals).flat();
  const bare = initial.postfix.length === 1 && filters.length === 1 && filters[0]?.name === ESCAPE_FILTER;
  return bare && variable?.segments.length === 1 ? String(variable.segments[0]) : null;
}

function render(engine: Liquid, templates: Template[], scope: Scope): string {
  try {
    return String(engine.renderSync(templates, scope, { templateLimit: LIMITS.templateLimit }));
  } catch (error) {
    throw renderProblem(error);
  }
}
