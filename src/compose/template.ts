import { UserError } from "../errors.ts";
import type { Content, RenderedMail, Tracking } from "../message.ts";
import { trackHtml } from "../tracking/html.ts";
import { type MessageLinks, sampleLinks } from "../tracking/message-links.ts";
import { formatMailbox, parseMailbox } from "./address.ts";
import {
  checkHeaderNames,
  mailtoUri,
  unsubscribeHeaders,
  unsubscribeUrlProblem,
  valueProblem,
  wireValue,
} from "./headers.ts";
import { emptyReason, parsePart, type Part, type Scope, type Variable } from "./liquid.ts";
import { meantByName } from "./liquid/mistakes.ts";
import { nearest } from "./nearest.ts";
import { RenderProblem } from "./problem.ts";
import { isUnsubscribeUrl, literalPart } from "./unsubscribe-variable.ts";

/** Null when the row can be sent, else the reason why not. `fields` are in the order of the columns given to `check`. */
export type RowCheck = (fields: string[]) => string | null;

export interface CompiledContent {
  /** Every variable used, sorted, as written in the templates. */
  columns: string[];
  /**
   * The check for rows with these columns. Throws `UserError` at once when a template uses a variable that is no column
   * and has no default (unless `allowEmpty`): no row could ever pass.
   */
  check(columns: string[]): RowCheck;
  /** What each message carries of links back to us; null: nothing. */
  tracking: Tracking | null;
  /**
   * One recipient's mail; `values` by column name. Without `links` a content with tracking is given a sample's, which lead nowhere. Throws
   * `RenderProblem` when `check` would have refused the row.
   */
  render(to: string, values: Record<string, string>, links?: MessageLinks | null): RenderedMail;
}

/** The templates of a content and what becomes of them. */
interface Parts {
  subject: Part;
  html: Part;
  text: Part;
  headers: { name: string; part: Part }[];
  unsubscribeUrl: Part | null;
}

interface Head extends Pick<RenderedMail, "subject" | "headers"> {
  unsubscribeUrl: string | null;
}

/** What stands in for the columns of a recipient. `unsubscribeUrl`: null unless the message has a link of its own for it. */
interface Recipient {
  to: string;
  values: Record<string, string>;
  unsubscribeUrl: string | null;
}

/** Stands for the address while rows are checked, where it decides nothing. */
const SOME_ADDRESS = "recipient@example.com";

/**
 * Compiles the Liquid templates of a content: subject, HTML, text, header values, unsubscribe URL.
 *
 * A variable is a column name: exactly, else with upper and lower case taken as one. `{{ First Name }}` is understood too;
 * a name that would read as Liquid (dots, `and`, quotes) is written `{{ ["a.b"] }}`. `{{ email }}` is the address when no
 * column is called so. A cell of nothing but white space is empty, and empty is false in `{% if %}`.
 *
 * Values are escaped for where they stand: HTML in HTML, percent-encoded in the unsubscribe URL, as they are elsewhere.
 * `| raw` turns that off for a column that holds HTML, or a whole URL: the content is the sender's own word.
 *
 * With tracking, pixel and links are put into the HTML that is ready, and `{{ unsubscribe_url }}` is the message's own link. Subject, HTML and
 * text of a literal content are no templates.
 *
 * Throws `UserError` for everything that does not depend on the recipient: syntax, From, header names and limits.
 */
export function compileContent(content: Content): CompiledContent {
  const parts = parseParts(content);
  const variables = variablesOf(parts);
  checkFixedParts(parts, content);
  const mailto = content.unsubscribeMailto === null ? null : mailtoUri(content.unsubscribeMailto);
  const lookUp = lookUpFor(variables);
  const tracking = content.tracking ?? null;
  const sample = tracking && sampleLinks(tracking);
  const ownUrl = (links: MessageLinks | null) => (tracking?.unsubscribe && links ? links.unsubscribe() : null);
  const head = (scope: Scope, own: string | null): Head =>
    renderHead(parts, { own, mailto }, scope, content.allowEmpty);
  const envelope = {
    from: wireMailbox("from", content.from),
    replyTo: content.replyTo.map((mailbox) => wireMailbox("reply_to", mailbox)),
    tags: content.tags,
    attachments: content.attachments,
    configurationSet: content.configurationSet,
  };
  return {
    columns: variables.map((variable) => variable.name),
    tracking,
    check: (columns) => rowCheck(parts, variables, columns, content.allowEmpty, ownUrl(sample), head),
    render(to, values, links = sample) {
      const own = ownUrl(links);
      const scope = lookUp({ to, values, unsubscribeUrl: own });
      for (const part of allParts(parts)) refuseEmpty(part, scope);
      const { subject, headers, unsubscribeUrl } = head(scope, own);
      const html = parts.html.render(scope);
      const tracked = tracking && links ? withLinks(html, tracking, links, unsubscribeUrl) : html;
      return { ...envelope, to, subject, headers, html: tracked, text: parts.text.render(scope) };
    },
  };
}

/** `unsubscribeUrl` stays as it is: who wants to leave is not to be counted as a reader. */
function withLinks(
  html: string,
  { opens, clicks }: Tracking,
  links: MessageLinks,
  unsubscribeUrl: string | null,
): string {
  if (!opens && !clicks) return html;
  return trackHtml(html, {
    click: clicks ? (url) => (url === unsubscribeUrl ? null : links.click(url)) : null,
    pixel: opens ? links.open() : null,
  });
}

/**
 * Throws `UserError` when `source` is no Liquid template. `line` is the file's line on which it starts, so that the message
 * speaks of the file as the author sees it.
 */
export function checkSyntax(label: string, source: string, line: number): void {
  parsePart(label, source, "none", true, line);
}

function parseParts(content: Content): Parts {
  const part = (label: string, source: string, escape: "html" | "url" | "none"): Part =>
    parsePart(label, source, escape, content.allowEmpty);
  const hasLink = content.tracking?.unsubscribe ?? false;
  const body = content.literal ? (_label: string, source: string): Part => literalPart(source, hasLink) : part;
  return {
    subject: body("subject", content.subject, "none"),
    html: body("HTML", content.html, "html"),
    text: body("text", content.text, "none"),
    headers: content.headers.map(({ name, value }) => ({ name, part: part(`header ${name}`, value, "none") })),
    unsubscribeUrl: content.unsubscribeUrl === null ? null : part("unsubscribe URL", content.unsubscribeUrl, "url"),
  };
}

function allParts({ subject, html, text, headers, unsubscribeUrl }: Parts): Part[] {
  const all = [subject, html, text, ...headers.map((header) => header.part)];
  return unsubscribeUrl === null ? all : [...all, unsubscribeUrl];
}

/** Each variable once; optional only when it is so in every part. */
function variablesOf(parts: Parts): Variable[] {
  const found = new Map<string, Variable>();
  for (const variable of allParts(parts).flatMap((part) => part.variables)) {
    const known = found.get(variable.name);
    const optional = variable.optional && (known?.optional ?? true);
    found.set(variable.name, { name: variable.name, path: known?.path ?? variable.path, optional });
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** What is the same for everybody is refused before the first row is read. */
function checkFixedParts({ subject, headers, unsubscribeUrl }: Parts, content: Content): void {
  const hasLink = content.tracking?.unsubscribe ?? false;
  if (hasLink && unsubscribeUrl !== null) {
    throw new UserError(
      "--unsubscribe and an unsubscribe URL exclude each other",
      "leave out --unsubscribe-url (SES_MAIL_UNSUBSCRIBE_URL, unsubscribe_url in the front matter), or --unsubscribe",
    );
  }
  const links = unsubscribeHeaders(unsubscribeUrl || hasLink ? "https://…" : null, content.unsubscribeMailto);
  checkHeaderNames([...headers, ...links].map((header) => header.name));
  const problems = [
    subject.constant ? subjectProblem(subject.render({})) : null,
    ...headers.map(({ name, part }) => (part.constant ? valueProblem(name, part.render({})) : null)),
    unsubscribeUrl?.constant ? unsubscribeUrlProblem(unsubscribeUrl.render({})) : null,
    /^http:/i.test(content.unsubscribeUrl ?? "") ? unsubscribeUrlProblem(content.unsubscribeUrl ?? "") : null,
  ];
  const problem = problems.find((each) => each !== null);
  if (problem) throw new UserError(problem);
}

function subjectProblem(subject: string): string | null {
  if (subject.trim() === "") return "the subject is empty";
  // oxlint-disable-next-line no-control-regex
  return /[\x00-\x1f\x7f-\x9f\u2028\u2029]/.test(subject)
    ? "the subject contains a line break or control character"
    : null;
}

function wireMailbox(label: string, written: string): string {
  const mailbox = parseMailbox(written);
  if ("problem" in mailbox) throw new UserError(`${label} expects an address or Name <address>: ${mailbox.problem}`);
  return formatMailbox(mailbox);
}

/** Everything that goes into mail headers: rendered and held to the rules of SES. Throws `RenderProblem`. */
function renderHead(
  parts: Parts,
  unsubscribe: { own: string | null; mailto: string | null },
  scope: Scope,
  allowEmpty: boolean,
): Head {
  const subject = parts.subject.render(scope);
  refuse(subjectProblem(subject));
  const written = parts.headers.map(({ name, part }) => ({ name, value: part.render(scope) }));
  const external = parts.unsubscribeUrl?.render(scope) ?? null;
  refuse(external === null ? null : unsubscribeUrlProblem(external));
  const unsubscribeUrl = external ?? unsubscribe.own;
  const present = written.filter(({ value }) => !allowEmpty || value.trim() !== "");
  const headers = [...present, ...unsubscribeHeaders(unsubscribeUrl, unsubscribe.mailto)];
  for (const { name, value } of headers) refuse(valueProblem(name, value));
  return { subject, headers: headers.map(({ name, value }) => ({ name, value: wireValue(value) })), unsubscribeUrl };
}

function refuse(problem: string | null): void {
  if (problem !== null) throw new RenderProblem(problem);
}

function refuseEmpty(part: Part, scope: Scope): void {
  const empty = part.required.find((name) => !scope[name]);
  if (empty !== undefined) throw new RenderProblem(emptyReason(`{{ ${empty} }}`));
}

function rowCheck(
  parts: Parts,
  variables: Variable[],
  columns: string[],
  allowEmpty: boolean,
  unsubscribeUrl: string | null,
  head: (scope: Scope, unsubscribeUrl: string | null) => Head,
): RowCheck {
  const isOurs = (name: string) => unsubscribeUrl !== null && isUnsubscribeUrl(name);
  for (const variable of variables) if (!isOurs(variable.name)) refuseUnknown(variable, columns, allowEmpty);
  const places = variables.map(({ name }) => ({ name, index: isOurs(name) ? -1 : columnOf(name, columns) }));
  const given = (name: string) => (isOurs(name) && unsubscribeUrl !== null ? unsubscribeUrl : addressFor(name));
  const required = new Set(allParts(parts).flatMap((part) => part.required));
  const needed = places.filter(({ name, index }) => index >= 0 && required.has(name));
  const headParts = [parts.subject, ...parts.headers.map((header) => header.part), parts.unsubscribeUrl];
  const headVaries = headParts.some((part) => part?.constant === false);
  const bodies = [parts.html, parts.text].filter((part) => !part.simple);
  return (fields) => {
    for (const { name, index } of needed) {
      if (!/\S/.test(fields[index] ?? "")) return emptyReason(`{{ ${name} }}`);
    }
    if (!headVaries && bodies.length === 0) return null;
    const scope = scopeOf(places.map(({ name, index }) => [name, index >= 0 ? fields[index] : given(name)]));
    return reasonOf(() => {
      head(scope, unsubscribeUrl);
      for (const body of bodies) body.render(scope);
    });
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

function refuseUnknown({ name, path, optional }: Variable, columns: string[], allowEmpty: boolean): void {
  const known = columnOf(name, columns) >= 0 || addressFor(name) !== undefined;
  if (path === null && (known || optional || allowEmpty)) return;
  const unknown = path ?? name;
  const meant = columns.includes(unknown)
    ? `["${unknown}"]`
    : nearest(
        unknown,
        columns.filter((column) => column !== name),
      );
  const suggestion = isUnsubscribeUrl(name)
    ? "--unsubscribe with --base-url makes it; "
    : meant === null
      ? ""
      : `did you mean {{ ${meant} }}? `;
  throw new UserError(
    `the content uses {{ ${unknown} }}, and there is no such column`,
    meantByName(unknown) ??
      `${suggestion}the columns are ${columns.join(", ")}; or write {{ ${name} | default: "…" }}, or "${name}" in quotes for a text`,
  );
}

function addressFor(name: string): string | undefined {
  return name.toLowerCase() === "email" ? SOME_ADDRESS : undefined;
}

/** The column a variable means, or -1. */
function columnOf(name: string, columns: string[]): number {
  const exact = columns.indexOf(name);
  return exact >= 0 ? exact : columns.findIndex((column) => column.toLowerCase() === name.toLowerCase());
}

/** Own properties of an object without a prototype: `{{ constructor }}` is just a column that is not there. */
function scopeOf(entries: (readonly [string, string | undefined])[]): Scope {
  const scope = Object.create(null) as Scope;
  for (const [name, value] of entries) scope[name] = value?.trim() === "" ? "" : value;
  return scope;
}

/** Recipients of one list have the same columns: where a variable was found the last time is looked at first. */
function lookUpFor(variables: Variable[]): (recipient: Recipient) => Scope {
  const found = new Map<string, string>();
  const valueOf = (name: string, values: Record<string, string>): string | undefined => {
    if (Object.hasOwn(values, name)) return values[name];
    const known = found.get(name);
    if (known !== undefined && Object.hasOwn(values, known)) return values[known];
    const columns = Object.keys(values);
    const column = columns[columnOf(name, columns)];
    if (column === undefined) return undefined;
    found.set(name, column);
    return values[column];
  };
  return ({ to, values, unsubscribeUrl }) =>
    scopeOf(
      variables.map(({ name }) => {
        if (unsubscribeUrl !== null && isUnsubscribeUrl(name)) return [name, unsubscribeUrl];
        return [name, valueOf(name, values) ?? (addressFor(name) === undefined ? undefined : to)];
      }),
    );
}
