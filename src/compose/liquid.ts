import {
  analyzeSync,
  CaptureTag,
  Drop,
  Filter,
  Liquid,
  LiquidError,
  Output,
  Parser,
  Tokenizer,
  TypeGuards,
} from "liquidjs";
import type { Context, Template, Token } from "liquidjs";
import { UserError } from "../errors.ts";
import { escapeHtml } from "./escape.ts";
import { RenderProblem } from "./problem.ts";
import { markOf, type PartName, type Value, type ValueKind } from "./value-mark.ts";

export interface PartOptions {
  /** What it is called in messages: subject, HTML, … */
  label: string;
  /** The numbers of its values belong to this template of the mail. */
  name: PartName;
  /** The language around the tags. In HTML what `{% capture %}` holds is HTML; in Markdown a line of tags alone is no line. */
  language: "html" | "markdown" | "text";
  allowEmpty: boolean;
  /** The line of the file on which the source starts: messages speak of the file as the author sees it. */
  firstLine?: number;
}

/** A template with its control flow carried out. The author's text stands there as it is, a mark (`markOf`) for each of `values`. */
export interface Traced {
  skeleton: string;
  values: Value[];
}

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
  /** True: no outputs, no tags; every recipient gets the same. */
  constant: boolean;
  /** Throws `RenderProblem`. The skeleton of a part without tags is one and the same string for (nearly) everybody. */
  trace(scope: Scope): Traced;
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
  ].concat(["url_encode", "newline_to_br", "truncate", "date"]),
);

/** Against templates that never end. The units are LiquidJS's own: characters, nodes, and (a last resort) milliseconds. */
const LIMITS = { parseLimit: 20_000_000, memoryLimit: 20_000_000, templateLimit: 200_000, renderLimit: 10_000 };

/**
 * Liquid names are words; `{{ First Name }}` or `{{ e-mail (work) }}` is rewritten to the `{{ ["First Name"] }}` Liquid has
 * for such columns. Left alone: what reads as Liquid already (words, paths, literals, ranges, comparisons).
 */
const SPACED_NAME = /(\{\{-?[ \t]*)([^\s|{}"'[\]][^|{}"'[\]\r\n]*?)([ \t]*(?:\||-?\}\}))/g;
const LIQUID_EXPRESSION = /^[\p{L}\p{N}_?.-]+$|[=<>]|\.\.|[\s](?:and|or|contains)\s|^not\s/u;

/** What LiquidJS calls the escaping it puts behind every output. */
const ESCAPE_FILTER = "[object Function]";

/** Filters behind which a value is percent-encoded: that is not done twice. */
const ENCODING_FILTERS = new Set(["url_encode", "cgi_escape", "uri_escape"]);

/**
 * Parses one template. Own properties only, no files, no tags that would output around the escaping, limits on size, loops
 * and time. Throws `UserError` with the part's label and line for anything Liquid cannot read.
 */
export function parsePart(source: string, options: PartOptions): Part {
  const templates = parse(source, options);
  const { globals } = analyzeSync(templates, { partials: false });
  const outputs = [...outputsOf(templates)].map((output) => describe(output, globals));
  const flat = templates.every((template) => template instanceof Output || !isTag(template));
  const simple = flat && outputs.every((output) => output.simple);
  if (!simple && !options.allowEmpty) outputs.forEach((output) => guard(output));
  outputs.forEach(({ output }) => emitting(output));
  return {
    variables: variablesOf(globals, outputs),
    required: options.allowEmpty || !flat ? [] : outputs.flatMap((output) => (output.hasDefault ? [] : output.names)),
    simple,
    constant: flat && outputs.length === 0,
    trace: flat ? flatTracer(templates, options) : (scope) => new Tracer(options).trace(templates, scope),
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

let theEngine: Liquid | undefined;

function engine(): Liquid {
  return (theEngine ??= createEngine());
}

function createEngine(): Liquid {
  const created = new Liquid({
    ...LIMITS,
    ownPropertyOnly: true,
    strictFilters: true,
    // An empty cell is false: {% if coupon %} asks whether there is one.
    jsTruthy: true,
    dynamicPartials: false,
    templates: {},
    outputEscape: (value: unknown) => current().emit("value", value),
  });
  for (const tag of Object.keys(created.tags)) if (!ALLOWED_TAGS.includes(tag)) delete created.tags[tag];
  created.registerTag("capture", MarkupCapture);
  // Every value is escaped where it ends up: by hand as well would be once too often.
  for (const name of ["escape", "escape_once", "xml_escape"]) created.registerFilter(name, text);
  return created;
}

/** What `{% capture %}` holds in HTML: the author's markup, with the values in it escaped. Not escaped again when it is written. */
class Markup extends Drop {
  readonly html: string;

  constructor(html: string) {
    super();
    this.html = html;
  }

  override valueOf(): string {
    return this.html;
  }
}

class MarkupCapture extends CaptureTag {
  override *render(context: Context): Generator<unknown, void, string> {
    const tracer = current();
    tracer.captures++;
    try {
      const captured = yield this.liquid.renderer.renderTemplates(this.templates, context);
      context.bottom()[this.variable] = tracer.language === "text" ? captured : new Markup(captured);
    } finally {
      tracer.captures--;
    }
  }
}

/** The one whose template is being rendered: LiquidJS renders without interruption. */
let rendering: Tracer | null = null;

function current(): Tracer {
  if (rendering === null) throw new Error("nothing is being rendered");
  return rendering;
}

/** Texts that mean nothing but themselves. `&b=2` is no entity, in an address (HTML, character reference in an attribute). */
const INERT = {
  html: /^[^&<>"'`\s]+(?:&\w+=[^&<>"'`\s]*)*$/,
  markdown: /^[\p{L}\p{N}]+$/u,
  text: /^/,
};

/** A value inside `{% capture %}`, so that it means itself wherever the captured text ends up. */
const CAPTURED: Record<PartOptions["language"], (written: string) => string> = {
  html: escapeHtml,
  // Markdown takes an entity for text, never for a sign of its own; a line break could begin a block.
  markdown: (written) =>
    written.replace(/[!-/:-@[-`{-~]/g, (sign) => `&#${sign.charCodeAt(0)};`).replace(/\s*\n\s*/g, " "),
  text: (written) => written,
};

/** Collects the values that a template writes, and writes marks in their place. */
class Tracer {
  readonly values: Value[] = [];
  readonly language: PartOptions["language"];
  readonly #name: PartName;
  /** How many `{% capture %}` are open: what is written in them may be compared, cut and counted, so it is the value itself. */
  captures = 0;

  constructor({ name, language }: Pick<PartOptions, "name" | "language">) {
    this.#name = name;
    this.language = language;
  }

  trace(templates: Template[], scope: Scope): Traced {
    return { skeleton: this.render(templates, scope), values: this.values };
  }

  render(templates: Template[], scope: Scope): string {
    const outer = rendering;
    // oxlint-disable-next-line typescript/no-this-alias
    rendering = this;
    try {
      return render(templates, scope);
    } finally {
      rendering = outer;
    }
  }

  emit(kind: ValueKind, value: unknown): string {
    if (value instanceof Markup) return this.markup(value.html);
    const written = text(value);
    if (this.captures > 0) return kind === "markup" ? written : CAPTURED[this.language](written);
    return markOf(this.#name, kind, this.values.push({ kind, text: written }) - 1);
  }

  /** Written with `| raw`. Without a sign of the language around it is a value like any other, else it is part of the author's text. */
  markup(written: string): string {
    return this.captures === 0 && INERT[this.language].test(written) ? this.emit("markup", written) : written;
  }

  lines(value: unknown): string {
    return text(value)
      .split(/\r?\n/)
      .map((line) => (line === "" ? "" : this.emit("value", line)))
      .join("<br>\n");
  }
}

/** Makes the last filter of an output the one that writes the mark. */
function emitting({ value: { filters } }: Output): void {
  const last = filters.at(-1);
  const write = (handler: (value: unknown) => string) => filters.push(filter([], handler));
  if (last?.name === "raw") write((value) => current().markup(value instanceof Markup ? value.html : text(value)));
  else if (last?.name === ESCAPE_FILTER && filters.some(({ name }) => ENCODING_FILTERS.has(name))) {
    filters.pop();
    write((value) => current().emit("encoded", value));
  } else if (last?.name === ESCAPE_FILTER && filters.at(-2)?.name === "newline_to_br") {
    filters.splice(-2);
    write((value) => (current().language === "text" ? current().emit("value", value) : current().lines(value)));
  }
}

/** A filter may have cut an emoji in two; half of one is not Unicode and has no bytes. */
function text(value: unknown): string {
  if (Array.isArray(value)) return value.map(text).join("");
  if (typeof value === "string") return value.isWellFormed() ? value : value.toWellFormed();
  if (value instanceof Markup) return value.html;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : "";
}

function parse(source: string, { label, language, firstLine = 1 }: PartOptions): Template[] {
  try {
    const tokens = tokensOf(source.replace(SPACED_NAME, spacedName));
    if (language === "markdown") dropTagLines(tokens);
    return new Parser(engine()).parseTokens(tokens);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const line = firstLine - 1 + lineOf(error);
    throw new UserError(`${label}, line ${line}: ${plainMessage(error)}`, hintFor(error));
  }
}

function spacedName(whole: string, open: string, name: string, close: string): string {
  return LIQUID_EXPRESSION.test(name) ? whole : `${open}["${name}"]${close}`;
}

function lineOf(error: Error): number {
  return Number(/, line:(\d+)/.exec(error.message)?.[1] ?? 1);
}

function plainMessage(error: Error): string {
  return (
    error.message
      .split("\n", 1)[0]
      ?.replace(/, line:\d+, col:\d+$/, "")
      .replace(/^ENOENT: /, "") ?? ""
  );
}

function hintFor(error: Error): string | null {
  if (/^tag .* not found/.test(error.message))
    return `the tags are ${ALLOWED_TAGS.filter((tag) => tag !== "#").join(", ")}`;
  if (/not closed/.test(error.message)) return "every {{ needs its }}, every {% if %} its {% endif %}";
  return null;
}

type Tokens = ReturnType<Tokenizer["readTopLevelTokens"]>;

function tokensOf(source: string): Tokens {
  const { options } = engine();
  if (source.length > LIMITS.parseLimit) throw new Error("too long");
  return new Tokenizer(source, options.operators).readTopLevelTokens(options);
}

/** A line of nothing but tags is no line of Markdown: left blank, it would end a list or a table. */
function dropTagLines(tokens: Tokens): void {
  tokens.forEach((token, at) => {
    if (!TypeGuards.isHTMLToken(token)) return;
    const lineEnd = /^[ \t]*\r?\n/.exec(token.getContent());
    const first = lineEnd ? firstOfTagLine(tokens, at) : at;
    if (lineEnd === null || first === at) return;
    const before = tokens[first - 1];
    if (before !== undefined && TypeGuards.isHTMLToken(before)) {
      before.trimRight += /[ \t]*$/.exec(before.getContent())?.[0].length ?? 0;
    }
    token.trimLeft += lineEnd[0].length;
  });
}

/** The first tag of a line that has nothing but tags before the token at `end`; `end` when there is none, or something else. */
function firstOfTagLine(tokens: Tokens, end: number): number {
  let first = end;
  for (let at = end - 1; at >= 0; at--) {
    const token = tokens[at];
    if (TypeGuards.isTagToken(token)) first = at;
    else if (!TypeGuards.isHTMLToken(token)) return end;
    else if (!/^[ \t]+$/.test(token.getContent()) || at === 0)
      return /(?:^|\n)[ \t]*$/.test(token.getContent()) ? first : end;
  }
  return first;
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

/** LiquidJS gives children through a generator because partials may have to be loaded; here there are none. */
function childrenOf(template: Template): Template[] {
  const steps = template.children?.(false, true);
  let step = steps?.next();
  while (step && !step.done) step = steps?.next(step.value);
  return step?.value ?? [];
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
function guard({ output, hasDefault, variableDefault }: Described): void {
  const { filters, initial } = output.value;
  const label = `{{ ${output.token.getText().replace(/^\{\{-?\s*|\s*-?\}\}$/g, "")} }}`;
  const refuse = (values: unknown[]): void => {
    if (values.some((value) => text(value).trim() === "")) throw new RenderProblem(emptyReason(label));
  };
  if (hasDefault) {
    if (variableDefault)
      filters.splice(
        -1,
        0,
        filter([], (value) => (refuse([value]), value)),
      );
    return;
  }
  const variables = [...initial.postfix, ...filters.flatMap((each) => each.args)].filter(isVariableToken);
  filters.unshift(filter(variables, (value, ...values) => (refuse(values), value)));
}

function filter(args: Token[], handler: (value: unknown, ...values: unknown[]) => unknown): Filter {
  const token = { name: "required", args } as unknown as ConstructorParameters<typeof Filter>[0];
  return new Filter(token, handler, engine());
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
 * For templates without tags: the text between the outputs is fixed, and `{{ name }}` is a look-up. Only outputs with filters need LiquidJS,
 * and only `| raw` and its like change the skeleton. Three times as fast as interpreting the whole for each recipient.
 */
function flatTracer(templates: Template[], options: PartOptions): Part["trace"] {
  const pieces = templates.map((template) => pieceOf(template, options));
  const outputs = pieces.filter((piece) => typeof piece !== "string");
  if (outputs.every((output) => output.single)) {
    const skeleton = fixedSkeleton(pieces, options);
    return (scope) => ({ skeleton, values: outputs.map((output) => onlyValue(output, scope, options)) });
  }
  return (scope) => {
    const tracer = new Tracer(options);
    const written = pieces.map((piece) => (typeof piece === "string" ? piece : tracer.render([piece.template], scope)));
    return { skeleton: written.join(""), values: tracer.values };
  };
}

/** An output of a template without tags. */
interface FlatOutput {
  template: Output;
  /** Whatever the value, it is one value and nothing else. */
  single: boolean;
  /** The variable, when it is nothing else. */
  name: string | null;
}

function pieceOf(template: Template, options: PartOptions): string | FlatOutput {
  if (!(template instanceof Output)) return new Tracer(options).render([template], {});
  const single = template.value.filters.at(-1)?.name === ESCAPE_FILTER;
  return { template, single, name: bareName(template) };
}

function onlyValue({ template, name }: FlatOutput, scope: Scope, options: PartOptions): Value {
  if (name !== null) return { kind: "value", text: text(scope[name]) };
  const { values } = new Tracer(options).trace([template], scope);
  return values[0] ?? { kind: "value", text: "" };
}

function fixedSkeleton(pieces: (string | FlatOutput)[], { name }: PartOptions): string {
  let values = 0;
  return pieces.map((piece) => (typeof piece === "string" ? piece : markOf(name, "value", values++))).join("");
}

/** The variable of an output that is nothing else, or null. */
function bareName(output: Output): string | null {
  const { filters, initial } = output.value;
  const [variable] = Object.values(analyzeSync([output], { partials: false }).globals).flat();
  const bare = initial.postfix.length === 1 && filters.length === 1 && filters[0]?.name === ESCAPE_FILTER;
  return bare && variable?.segments.length === 1 ? String(variable.segments[0]) : null;
}

function render(templates: Template[], scope: Scope): string {
  try {
    return String(engine().renderSync(templates, scope, { templateLimit: LIMITS.templateLimit }));
  } catch (error) {
    if (!LiquidError.is(error)) throw error;
    const { originalError } = error as LiquidError & { originalError?: unknown };
    if (originalError instanceof RenderProblem) throw originalError;
    throw new RenderProblem(plainMessage(error));
  }
}
