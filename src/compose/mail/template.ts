/** Compiles a content: which columns it needs, which rows can be sent, and the mail of each recipient. */
import {
  type ComposedMail,
  type Content,
  type ContentFiles,
  type Datum,
  type MailFile,
  type Pieces,
  type RenderedMail,
  type Tracking,
  type Values,
  wholeMail,
  wholeText,
} from "../../message.ts";
import { trackHtml } from "../../tracking/html.ts";
import { leavesBy } from "../../tracking/leaving.ts";
import { type MessageLinks, sampleLinks } from "../../tracking/message-links.ts";
import { checkKind } from "../content/kind.ts";
import { addressFor, columnOf, lookUpFor, refuseUnknown, scopeOf, SOME_ADDRESS } from "./columns.ts";
import { type CompiledHead, compileHead } from "./head.ts";
import { emptyReason, type Scope } from "../liquid/outputs.ts";
import { parsePart, type Part, type Variable } from "../liquid/part.ts";
import { attachmentAt, pictureAt } from "./mail-file.ts";
import { embeddedInliner } from "./embedded-pictures.ts";
import { inlinePictures as inlineFiles } from "./pictures.ts";
import { RenderProblem } from "../problem.ts";
import { Composer, type Draft, type Shape, type Tools } from "./shape.ts";
import { ANYWHERE, createWriter, RUNNING_TEXT } from "./text-writer.ts";
import { isUnsubscribeUrl, literalPart } from "./unsubscribe-variable.ts";

/**
 * Returns null when the row can be sent, else the reason why not. `fields` are in the order of the columns given to
 * `check`. `isPlain`: they have no control characters or line separators.
 */
type RowCheck = (fields: string[], isPlain?: boolean) => string | null;

/** A content whose templates are parsed and checked. */
export interface CompiledContent {
  /** Every variable of the templates, sorted, as it is written there. */
  columns: string[];
  /**
   * Returns the check for rows with these columns. Throws `UserError` at once when a variable is no column and has no
   * default (unless `allowEmpty`), because then no row could pass. The returned check throws `UserError` when the
   * content cannot be made into a mail for any recipient.
   */
  check(columns: string[]): RowCheck;
  /** True: mails may have `files`, and `Examiner` has to look at them before a row is accepted. */
  hasFiles: boolean;
  /** The links of each message that lead back to a `serve`; null: none. */
  tracking: Tracking | null;
  /**
   * The mail of one recipient; `values` by column name, or the data that a program posted. Without `links`, a content with tracking
   * gets sample links, which are not valid. Throws `RenderProblem` when `check` would have refused the row.
   */
  render(to: string, values: Values, links?: MessageLinks | null): RenderedMail;
  /** The same mail, with HTML and text in pieces where most recipients share them. */
  compose(to: string, values: Values, links?: MessageLinks | null): ComposedMail;
  /** The headers of one mail, without its bodies. Throws as `render` does for them. */
  headOf(to: string, values: Values): Pick<RenderedMail, "from" | "replyTo" | "subject" | "headers">;
  /**
   * The HTML and text of this recipient, cut at the values and before tracking: the pieces that most recipients share.
   */
  shapeOf(to: string, values: Values): Shape;
  /** HTML and text without shapes: slow, and correct by definition. Tests compare `render` with it. */
  renderPlainly(to: string, values: Values): Pick<RenderedMail, "html" | "text">;
}

/** The tools for contents that are final: nothing is inlined or derived. */
export const NO_TOOLS: Tools = {
  markdown: null,
  inlineStyles: null,
  textOf: null,
  writeLink: (text) => text,
  inlinePictures: null,
};

/** The templates of a content. */
interface Parts {
  head: CompiledHead;
  body: Part;
  preheader: Part | null;
  /** The subject, when it is also the title of the page (Markdown). */
  title: Part | null;
  /** Null: the text part is derived from the HTML. */
  text: Part | null;
  /** The paths of attachments that each message has for itself. */
  attachments: Part[];
}

/**
 * Compiles the Liquid templates of a content: subject, HTML, text, header values, display names, unsubscribe URL,
 * preheader, paths of attachments. `prepareContent` chooses the `tools`.
 *
 * A variable is the name of a column: an exact match, else one that differs only in upper and lower case. `{{ First
 * Name }}` works too. A name that Liquid would read as something else (dots, `and`, quotes) is written `{{ ["a.b"] }}`.
 * `{{ email }}` is the address when no column has that name. A cell of only white space is empty, and empty is false in
 * `{% if %}`.
 *
 * Values are escaped for their place: as HTML in HTML, percent-encoded in addresses, unchanged elsewhere. `| raw` turns
 * that off, for a column that has HTML or a part of an address.
 *
 * With tracking, the pixel and the links are put into the finished HTML, and `{{ unsubscribe_url }}` is the link of the
 * message. Subject, HTML and text of a literal content are not templates.
 *
 * Throws `UserError` for every problem that does not depend on the recipient: syntax, From, header names and limits.
 */
export function compileContent(content: Content, tools: Tools = NO_TOOLS): CompiledContent {
  const parts = parseParts(content, tools);
  const variables = variablesOf(parts);
  checkKind(
    content,
    variables.map(({ name }) => name),
  );
  const { files = null } = content;
  const inlinePictures = files?.inlineImages ? pictureInliner(files) : embeddedInliner(content.attachments);
  const composer = new Composer({ ...tools, inlinePictures });
  const required = [...new Set(allParts(parts).flatMap((part) => part.required))];
  const writeText = createWriter(RUNNING_TEXT);
  const lookUp = lookUpFor(variables);
  const tracking = content.tracking ?? null;
  const sample = tracking && sampleLinks(tracking);
  const ownUrl = (links: MessageLinks | null) => (tracking?.unsubscribe && links ? links.unsubscribe() : null);
  const { tags, attachments, configurationSet, tenant } = content;
  const attachmentsOf = files === null ? null : attachmentWriter(files, parts.attachments);
  const sampleScope = (to: string, values: Values) => lookUp({ to, values, unsubscribeUrl: ownUrl(sample) });
  const compose: CompiledContent["compose"] = (to, values, links = sample) => {
    const own = ownUrl(links);
    const scope = lookUp({ to, values, unsubscribeUrl: own });
    refuseEmpty(required, scope);
    const head = parts.head.render(scope, own);
    const composed = composer.compose(draftOf(parts, scope));
    const html = tracking && links ? withLinks(composed.html, tracking, links, head) : composed.html;
    const text = parts.text === null ? (composed.text ?? "") : writeText(parts.text.trace(scope));
    const { from, replyTo, subject, headers } = head;
    // The fields are named one by one, because spreading the head would take as long as all the rest.
    const mail: ComposedMail = { from, to, replyTo, subject, html, text, headers, tags, attachments, configurationSet };
    if (tenant !== undefined) mail.tenant = tenant;
    if (attachmentsOf === null) return mail;
    const enclosed = [...attachmentsOf(scope), ...composed.files];
    return enclosed.length > 0 ? { ...mail, files: enclosed } : mail;
  };
  const render: CompiledContent["render"] = (to, values, links) => wholeMail(compose(to, values, links));
  return {
    columns: variables.map((variable) => variable.name),
    hasFiles: files !== null,
    tracking,
    check(columns) {
      const check = rowCheck(parts, variables, columns, content.allowEmpty, ownUrl(sample), composer);
      // Only the whole mail tells which files a row needs.
      return files === null ? check : (fields) => check(fields) ?? renderProblem(compose, columns, fields);
    },
    render,
    compose,
    headOf: (to, values) => parts.head.render(sampleScope(to, values), ownUrl(sample)),
    shapeOf: (to, values) => composer.shapeOf(draftOf(parts, sampleScope(to, values))),
    renderPlainly(to, values) {
      const scope = sampleScope(to, values);
      const { html, text } = composer.composePlainly(draftOf(parts, scope));
      return {
        html: typeof html === "string" ? html : wholeText(html),
        text: parts.text === null ? (text === null ? "" : wholeText(text)) : writeText(parts.text.trace(scope)),
      };
    },
  };
}

function draftOf({ body, preheader, title }: Parts, scope: Scope): Draft {
  return {
    body: body.trace(scope),
    preheader: preheader?.trace(scope) ?? null,
    title: title?.trace(scope) ?? null,
  };
}

/** Throws `RenderProblem` for a picture that must not be sent. */
function pictureInliner({ folder }: ContentFiles): NonNullable<Tools["inlinePictures"]> {
  return (html) => inlineFiles(html, (path) => pictureAt(folder, path));
}

/** The attachments of one message. Throws `RenderProblem` for a path that must not be sent. */
function attachmentWriter({ folder }: ContentFiles, attachments: Part[]): (scope: Scope) => MailFile[] {
  const paths = attachments.map((part) => ({ part, write: createWriter(ANYWHERE) }));
  return (scope) => {
    const written = paths.map(({ part, write }) => write(part.trace(scope)).trim()).filter((path) => path !== "");
    return written.map((path) => attachmentAt(folder, path));
  };
}

function renderProblem(compose: CompiledContent["compose"], columns: string[], fields: string[]): string | null {
  const values = Object.fromEntries(columns.map((column, index) => [column, fields[index] ?? ""]));
  return reasonOf(() => void compose(SOME_ADDRESS, values));
}

function withLinks(
  html: string | Pieces,
  { opens, clicks }: Tracking,
  links: MessageLinks,
  { headers }: Pick<RenderedMail, "headers">,
): string | Pieces {
  if (!opens && !clicks) return html;
  const leaves = leavesBy(headers.find(({ name }) => name.toLowerCase() === "list-unsubscribe")?.value ?? "");
  return trackHtml(typeof html === "string" ? html : wholeText(html), {
    click: clicks ? (url) => (leaves(url) ? null : links.click(url)) : null,
    pixel: opens ? links.open() : null,
  });
}

/**
 * Throws `UserError` when `source` is no Liquid template. `label` names the file in the message, and `line` is the
 * 1-based line of the file on which `source` starts.
 */
export function checkSyntax(
  label: string,
  source: string,
  { line, markdown }: { line: number; markdown: boolean },
): void {
  const language = markdown ? "markdown" : "html";
  parsePart(source, { label, name: "body", language, allowEmpty: true, firstLine: line });
}

function parseParts(content: Content, tools: Tools): Parts {
  const { allowEmpty, literal } = content;
  const hasLink = content.tracking?.unsubscribe ?? false;
  const markdown = content.format === "markdown";
  const text = content.text === "" && tools.textOf !== null ? null : content.text;
  if (literal) {
    const subject = literalPart("title", content.subject, hasLink);
    return {
      head: compileHead(content, subject),
      body: literalPart("body", content.html, hasLink),
      preheader: null,
      title: null,
      text: text === null ? null : literalPart("text", text, hasLink),
      attachments: [],
    };
  }
  const subject = parsePart(content.subject, { label: "subject", name: "title", language: "text", allowEmpty });
  const language = markdown ? "markdown" : "html";
  const preheader = content.preheader ?? null;
  return {
    head: compileHead(content, subject),
    body: parsePart(content.html, { label: markdown ? "Markdown" : "HTML", name: "body", language, allowEmpty }),
    preheader:
      preheader === null
        ? null
        : parsePart(preheader, { label: "preheader", name: "preheader", language: "text", allowEmpty }),
    title: markdown ? subject : null,
    text: text === null ? null : parsePart(text, { label: "text", name: "text", language: "text", allowEmpty }),
    attachments: (content.files?.attachments ?? []).map((path) =>
      parsePart(path, { label: "attachments", name: "text", language: "text", allowEmpty }),
    ),
  };
}

function allParts({ head, body, preheader, text, attachments }: Parts): Part[] {
  return [...head.parts, body, preheader, text, ...attachments].filter((part) => part !== null);
}

/** Each variable once; it is optional only when it is optional in every part. */
function variablesOf(parts: Parts): Variable[] {
  const found = new Map<string, Variable>();
  for (const variable of allParts(parts).flatMap((part) => part.variables)) {
    const known = found.get(variable.name);
    const optional = variable.optional && (known?.optional ?? true);
    found.set(variable.name, { name: variable.name, path: known?.path ?? variable.path, optional });
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function refuseEmpty(required: string[], scope: Scope): void {
  const empty = required.find((name) => isEmpty(scope[name]));
  if (empty !== undefined) throw new RenderProblem(emptyReason(`{{ ${empty} }}`));
}

/** 0 and false are values. */
function isEmpty(value: Datum | undefined): boolean {
  return value === "" || value === undefined || value === null;
}

function rowCheck(
  parts: Parts,
  variables: Variable[],
  columns: string[],
  allowEmpty: boolean,
  unsubscribeUrl: string | null,
  composer: Composer,
): RowCheck {
  const isOurs = (name: string) => unsubscribeUrl !== null && isUnsubscribeUrl(name);
  for (const variable of variables) if (!isOurs(variable.name)) refuseUnknown(variable, columns, allowEmpty);
  const places = variables.map(({ name }) => ({ name, index: isOurs(name) ? -1 : columnOf(name, columns) }));
  const given = (name: string) => (isOurs(name) && unsubscribeUrl !== null ? unsubscribeUrl : addressFor(name));
  const required = new Set(allParts(parts).flatMap((part) => part.required));
  const needed = places.filter(({ name, index }) => index >= 0 && required.has(name));
  const bodies = [parts.body, parts.preheader, parts.text].filter((part) => part !== null && !part.simple);
  const scopeFor = (fields: string[]) =>
    scopeOf(places, ({ name, index }) => (index >= 0 ? fields[index] : given(name)));
  let isComposed = false;
  return (fields, isPlain = false) => {
    for (const { name, index } of needed) {
      if ((fields[index] ?? "").trim() === "") return emptyReason(`{{ ${name} }}`);
    }
    const isKnown = parts.head.constant || (isPlain && parts.head.plain);
    if (isComposed && isKnown && bodies.length === 0) return null;
    const scope = scopeFor(fields);
    const reason = reasonOf(() => {
      parts.head.render(scope, unsubscribeUrl);
      for (const body of bodies) body?.trace(scope);
    });
    // One whole mail is composed, so that a content that cannot be made into a mail is refused before anything is stored.
    if (reason === null && !isComposed) {
      const problem = reasonOf(() => void composer.compose(draftOf(parts, scope)));
      isComposed = problem === null;
      return problem;
    }
    return reason;
  };
}

function reasonOf(work: () => void): string | null {
  try {
    work();
    return null;
  } catch (error) {
    if (error instanceof RenderProblem) return error.message;
    throw error;
  }
}
