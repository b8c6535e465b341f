/** Compiles a template for programs: which data it needs, which data it can be filled with, and the mail it makes of them. */
import { UserError } from "../../errors.ts";
import type { Content, RenderedMail } from "../../message.ts";
import { type MessageLinks, sampleLinks } from "../../tracking/message-links.ts";
import { splitMailbox } from "../address/mailbox.ts";
import { dataNames, type TemplateVariable } from "../liquid/data-names.ts";
import { Origins } from "../liquid/origins.ts";
import type { PartOptions } from "../liquid/part.ts";
import { type DataProblem, Findings, type LoopBudget } from "../liquid/strict.ts";
import { parseStrict, type StrictPart } from "../liquid/strict-part.ts";
import { RenderProblem } from "../problem.ts";
import { addressFor, lookUpFor } from "./columns.ts";
import { isValues, shapeProblems } from "./data.ts";
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
   * because nothing else runs meanwhile: a million rounds take some seconds.
   */
  check(to: string, data: unknown, budget?: LoopBudget): DataProblem[];
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
  let isComposed = false;

  const check = (to: string, data: unknown, budget: LoopBudget = { rounds: Infinity }): DataProblem[] => {
    const problems = shapeProblems(data);
    if (!isValues(data, problems)) return problems;
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
    ...texts.filter((text) => /\{[{%]/.test(text)).map((text) => part(text, { name: "text", language: "text" })),
  ];
}

/** The address is there anyway. */
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
