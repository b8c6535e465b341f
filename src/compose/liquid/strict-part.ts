/** Checks posted data against one template, by executing it strictly. */
import {
  AssignTag,
  type Context,
  type Emitter,
  evalToken,
  type Filter,
  ForTag,
  type Output,
  type Template,
  toValue,
  Value,
} from "liquidjs";
import { engine } from "./engine.ts";
import {
  barePath,
  describe,
  type Described,
  ESCAPE_FILTER,
  isMissing,
  isSafe,
  isVariableToken,
  outputsOf,
  pathOf,
  type Scope,
  valueAt,
} from "./outputs.ts";
import { isTag, parse, type PartOptions } from "./part.ts";
import { type Demand, type Findings, typeName, StrictContext } from "./strict.ts";
import { ENCODING_FILTERS } from "./texts.ts";
import { current, Tracer } from "./tracer.ts";
import { usesIn } from "./uses.ts";
import { everyTemplate } from "./walk.ts";

/** A template that tells what is wrong with data. It does not write mails. */
export interface StrictPart {
  /** The names of its variables, without paths. */
  names: string[];
  templates: Template[];
  /** Notes in `findings` everything in the data of `scope` that the template cannot be filled with. */
  check(scope: Scope, findings: Findings): void;
}

/** Filters that look into the items of a list without writing them: what they look for may be empty. */
const LOOKING = new Set(
  `where where_exp reject reject_exp sort sort_natural sum group_by group_by_exp find find_exp find_index find_index_exp has
   has_exp`.split(/\s+/),
);

/** Parses a template to check data. Throws `UserError` as `parsePart` does. */
export function parseStrict(source: string, options: PartOptions): StrictPart {
  const templates = parse(source, options);
  const names = [...new Set(usesIn(templates).map(({ name }) => name))];
  const outputs = new Map(
    [...outputsOf(templates)].map((output) => [output as Template, describe(output, new Set(names))]),
  );
  const quick = new Map([...outputs].map(([output, described]) => [output, quickTest(described)]));
  const every = [...everyTemplate(templates)];
  for (const template of every) watchFilters(template);
  for (const template of every) {
    const described = outputs.get(template);
    if (described !== undefined) watchOutput(described, options.allowEmpty);
    else if (template instanceof ForTag) watchLoop(template, options.allowEmpty);
    else if (isTag(template)) watchTag(template, options.allowEmpty);
  }
  const run = (some: Template[], scope: Scope, findings: Findings) => {
    const context = new StrictContext(scope, findings);
    new Tracer(options).during(() => engine().renderSync(some, context) as unknown);
  };
  const isFlat = !every.some(isTag);
  return {
    names,
    templates,
    check(scope, findings) {
      if (!isFlat) return run(templates, scope, findings);
      for (const output of outputs.keys()) if (!quick.get(output)?.(scope)) run([output], scope, findings);
    },
  };
}

/** A test that is fast, and true only for data with which this output surely can be written. */
function quickTest({ output, hasDefault }: Described): (scope: Scope) => boolean {
  const path = pathOf(output);
  if (path === null || !isSafe(output)) return () => false;
  return (scope) => {
    const value = valueAt(scope, path);
    return typeof value === "string"
      ? hasDefault || value !== ""
      : typeof value === "number" || typeof value === "boolean";
  };
}

/** Makes an output report what it cannot write. */
function watchOutput({ output, hasDefault, variableDefault }: Described, allowEmpty: boolean): void {
  const { value } = output;
  const text = output.token.getText();
  const bare = barePath(output);
  const last = value.filters.at(-1);
  if (last?.name === ESCAPE_FILTER) value.filters.pop();
  const isEncoded = value.filters.some(({ name }) => ENCODING_FILTERS.has(name));
  const demand: Demand = allowEmpty || hasDefault ? "nothing" : "filled";
  const write = (findings: Findings, context: Context, emitter: Emitter) =>
    findings.attempt(text, demand, function* () {
      const known = findings.problems.length;
      const written: unknown = yield* value.value(context, false);
      if (findings.problems.length === known) refuseWhole(written, findings);
      if (findings.problems.length === known && !allowEmpty) refuseEmpty(written, findings, variableDefault);
      const plain = typeof written === "object" && typeName(written) !== "a text" ? "" : written;
      emitter.write(
        last?.name === "raw" ? current().markup(plain) : current().emit(isEncoded ? "encoded" : "value", plain),
      );
    });
  output.render = (context: Context, emitter: Emitter): ReturnType<Output["render"]> => {
    const strict = context as StrictContext;
    const plain = bare === null ? undefined : strict.plainAt(bare);
    if (plain === undefined) return write(strict.findings, context, emitter);
    emitter.write(current().emit("value", plain));
    // LiquidJS waits only for what it can wait for.
    return undefined as unknown as ReturnType<Output["render"]>;
  };
}

function refuseWhole(written: unknown, findings: Findings): void {
  const kind = typeName(written);
  if (kind === "a list")
    findings.report(findings.origins.pathOf(written), 'expected a text, got a list; a loop or join: ", " writes one');
  if (kind === "an object")
    findings.report(
      findings.origins.pathOf(written),
      "expected a text, got an object; name the field of it that is meant",
    );
}

/** What is made of a list may be empty although the list is there; and so may what a default comes from. */
function refuseEmpty(written: unknown, findings: Findings, hasVariableDefault: boolean): void {
  if (!isMissing(written)) return;
  const list = findings.reads.find(({ value }) => typeof value === "object" && value !== null);
  if (hasVariableDefault) findings.report(findings.reads.at(-1)?.path ?? null, "is empty");
  else if (findings.demand === "filled" && list !== undefined) findings.report(list.path, "is empty");
}

/** Makes a tag report what goes wrong in it. What its children report is theirs. */
function watchTag(template: Template, allowEmpty: boolean): void {
  const text = template.token.getText();
  const render = template.render.bind(template);
  template.render = function* (context: Context, emitter: Emitter): Generator<unknown, unknown, unknown> {
    const { findings } = context as StrictContext;
    let made: unknown;
    yield* findings.attempt(text, allowEmpty ? "nothing" : "present", function* () {
      made = yield render(context, emitter);
      if (!(template instanceof AssignTag)) return;
      for (const { content } of template.localScope()) findings.assigned.set(content, findings.reads[0]?.path ?? null);
    });
    return made;
  } as Template["render"];
}

/** Makes a loop report what is no list, and remember where its items stand. */
function watchLoop(loop: ForTag, allowEmpty: boolean): void {
  const text = loop.token.getText();
  const render = loop.render.bind(loop);
  loop.render = function* (context: Context, emitter: Emitter) {
    const { findings } = context as StrictContext;
    yield* findings.attempt(text, allowEmpty ? "nothing" : "present", function* () {
      const list: unknown = toValue(yield evalToken(loop.collection, context));
      if (!canLoop(list, findings)) return;
      const { offset = 0, reversed } = (yield loop.hash.render(context)) as { offset?: unknown; reversed?: unknown };
      const from = Number(offset);
      const indexOf = (round: number, rounds: number) => from + (reversed === undefined ? round : rounds - 1 - round);
      findings.loops.push({ variable: loop.variable, list, indexOf });
      try {
        yield render(context, emitter);
      } finally {
        findings.loops.pop();
      }
    });
  };
}

function canLoop(list: unknown, findings: Findings): boolean {
  if (Array.isArray(list)) return findings.mayGoRound(list.length);
  if (list === null || list === undefined || list === "") return true;
  findings.report(null, `expected a list, got ${typeName(list)}`);
  return false;
}

/** Lets filters that only look into a list look at what is empty. The values given to them have to be filled all the same. */
function watchFilters(template: Template): void {
  for (const argument of template.arguments?.() ?? [])
    if (argument instanceof Value)
      for (const filter of argument.filters) if (LOOKING.has(filter.name)) watchFilter(filter);
}

function watchFilter(filter: Filter): void {
  const render = filter.render.bind(filter);
  filter.render = function* (value: unknown, context: Context): IterableIterator<unknown> {
    const { findings } = context as StrictContext;
    const { demand } = findings;
    for (const arg of filter.args) if (isVariableToken(arg)) yield evalToken(arg, context);
    findings.demand = demand === "nothing" ? demand : "present";
    try {
      return yield render(value, context);
    } finally {
      findings.demand = demand;
    }
  } as Filter["render"];
}
