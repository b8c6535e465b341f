/** Compiles a template for programs: which data it needs, which data it can be filled with, and the mail it makes of them. */
import { UserError } from "../../errors.ts";
import type { Content, Header, RenderedMail } from "../../message.ts";
import { type MessageLinks, sampleLinks } from "../../tracking/message-links.ts";
import { hasVariables } from "../content/no-variables.ts";
import { splitMailbox } from "../address/mailbox.ts";
import { dataNames, type TemplateVariable } from "../liquid/data-names.ts";
import { Origins } from "../liquid/origins.ts";
import { parse, type PartOptions } from "../liquid/part.ts";
import { type QuickCheck, quickCheckOf, quickLineOf } from "../liquid/quick-check.ts";
import { type DataProblem, Findings, type LoopBudget } from "../liquid/strict.ts";
import { parseStrict, type StrictPart } from "../liquid/strict-part.ts";
import { RenderProblem } from "../problem.ts";
import { hasControl } from "../shown.ts";
import { addressFor, lookUpFor } from "./columns.ts";
import { isValues, type ShapeOfData, shapeOf } from "./data.ts";
import { type CompiledContent, compileContent } from "./template.ts";
import type { Tools } from "./shape.ts";

/** A template whose Liquid is parsed and checked. */
export interface CompiledTemplate {
  /** It renders any data that `check` finds no problem in. */
  content: CompiledContent;
  /** The names that the template reads, sorted, with their paths. */
  variables: TemplateVariable[];
  /** True: the mail depends on the address (`{{ email }}`), so the same data have to be checked for each address. */
  usesAddress: boolean;
  /**
   * Everything that is wrong with the data of one recipient, at most a hundred problems; empty: they make a mail. Names
   * that the template does not read are allowed. Whoever checks many recipients at once gives all of them one `budget`,
   * because nothing else runs meanwhile: a million rounds take some seconds. `shape` is given by whoever has it already.
   */
  check(to: string, data: unknown, budget?: LoopBudget, shape?: ShapeOfData): DataProblem[];
  /** The mail of one recipient. Throws `RenderProblem`, with path and message, exactly when `check` finds a problem. */
  render(to: string, data: unknown, links?: MessageLinks | null): RenderedMail;
}

/** Compiles a content as a template. Throws `UserError` as `compileContent` does; `prepareTemplate` chooses the `tools`. */
export function compileTemplate(content: Content, tools: Tools): CompiledTemplate {
  const compiled = compileContent(content, tools);
  const parts = strictParts(content);
  const names = [...new Set(parts.flatMap((part) => part.names))];
  const lookUp = lookUpFor(names.map((name) => ({ name })));
  const { tracking = null } = content;
  const unsubscribeUrl = tracking?.unsubscribe ? sampleLinks(tracking).unsubscribe() : null;
  const quick = quickFor(content, unsubscribeUrl !== null);
  let isComposed = false;

  const check = (
    to: string,
    data: unknown,
    budget: LoopBudget = { rounds: Infinity },
    { problems, text }: ShapeOfData = shapeOf(data),
  ): DataProblem[] => {
    budget.text = text;
    if (!isValues(data, problems)) return problems;
    const rounds = isComposed && quick !== null ? quick(data) : null;
    if (rounds !== null && rounds <= budget.rounds) {
      budget.rounds -= rounds;
      return [];
    }
    const origins = new Origins();
    const findings = new Findings(origins, budget);
    const scope = lookUp({ to, values: data, unsubscribeUrl }, (value, name) => origins.copy(value, name));
    for (const part of parts) part.check(scope, findings);
    if (findings.problems.length > 0) return findings.problems;
    const isWhole = !isComposed || compiled.hasFiles || findings.isLarge;
    const problem = problemOf(() => void (isWhole ? compiled.render(to, data) : compiled.headOf(to, data)));
    isComposed ||= problem === null;
    return problem === null ? [] : [problem];
  };
  return {
    content: compiled,
    variables: dataNames(parts.map((part) => part.templates)).map(withoutAddress),
    usesAddress: names.some((name) => addressFor(name) !== undefined),
    check,
    render(to, data, links) {
      const [problem] = check(to, data);
      if (problem !== undefined) throw new RenderProblem(`${problem.path} ${problem.message}`.trim());
      return compiled.render(to, data as Parameters<CompiledContent["render"]>[1], links);
    },
  };
}

/**
 * A fast check of all templates of a content. It gives a number only for data in which `check` finds no problem, once a mail has been
 * composed. Null: this content has no such check.
 */
function quickFor(content: Content, hasUnsubscribe: boolean): QuickCheck | null {
  const { allowEmpty, literal, files, from, replyTo, headers, unsubscribeUrl } = content;
  if (allowEmpty || literal || files !== undefined) return null;
  // Addresses and names have rules of their own.
  if ([from, ...replyTo, unsubscribeUrl ?? ""].some(hasVariables)) return null;
  const given = new Set(["email", ...(hasUnsubscribe ? ["unsubscribe_url"] : [])]);
  const language = content.format === "markdown" ? "markdown" : "html";
  const parsed = (source: string, options: Pick<PartOptions, "name" | "language">) =>
    parse(source, { ...options, label: "template", allowEmpty });
  const text = { name: "text", language: "text" } as const;
  const checks = [
    quickCheckOf(parsed(content.html, { name: "body", language }), given),
    ...[content.text, content.preheader ?? ""]
      .filter(hasVariables)
      .map((source) => quickCheckOf(parsed(source, text), given)),
    ...[content.subject].filter(hasVariables).map((source) => quickLineOf(parsed(source, text), given, isLine)),
    ...headers
      .filter(({ value }) => hasVariables(value))
      .map((header) => (isFree(header) ? quickLineOf(parsed(header.value, text), given, isShortAscii) : null)),
  ];
  if (!checks.every((each) => each !== null)) return null;
  return (data) => {
    let sum = 0;
    for (const check of checks) {
      const rounds = check(data);
      if (rounds === null) return null;
      sum += rounds;
    }
    return sum;
  };
}

function isLine(text: string): boolean {
  return /\S/.test(text) && !hasControl(text);
}

/** A header of the author's own that has room for all its values, of a hundred characters each. */
function isFree({ name, value }: Header): boolean {
  return /^x-/i.test(name) && value.length < 300 && value.split("{{").length <= 5;
}

function isShortAscii(text: string): boolean {
  return /^[!-~](?:[ -~]{0,98}[!-~])?$/.test(text);
}

/** The templates of a content, for checking data. Its syntax has been checked. */
function strictParts(content: Content): StrictPart[] {
  if (content.literal) return [];
  const { allowEmpty, preheader = "", unsubscribeUrl, files } = content;
  const language = content.format === "markdown" ? "markdown" : "html";
  const texts = [content.subject, content.text, preheader, unsubscribeUrl ?? ""]
    .concat(content.headers.map(({ value }) => value))
    .concat([content.from, ...content.replyTo].map(nameIn))
    .concat(files?.attachments ?? []);
  const part = (source: string, options: Pick<PartOptions, "name" | "language">): StrictPart =>
    parseStrict(source, { ...options, label: "template", allowEmpty });
  return [
    part(content.html, { name: "body", language }),
    ...texts.filter(hasVariables).map((text) => part(text, { name: "text", language: "text" })),
  ];
}

/** A variable that stands for the address is never required, because each mail has one. */
function withoutAddress(variable: TemplateVariable): TemplateVariable {
  return addressFor(variable.name) === undefined ? variable : { ...variable, required: false };
}

function nameIn(mailbox: string): string {
  const split = splitMailbox(mailbox);
  return "problem" in split ? "" : (split.name ?? "");
}

function problemOf(work: () => void): DataProblem | null {
  try {
    work();
    return null;
  } catch (error) {
    // A `UserError` is about the limits of HTML and styles: with other data the mail may be within them.
    if (error instanceof RenderProblem || error instanceof UserError) return { path: "", message: error.message };
    throw error;
  }
}
