/**
 * Renders the headers of a mail by the rules of SES: From, Reply-To, Subject, the author's own headers,
 * List-Unsubscribe.
 */
import { UserError } from "../../errors.ts";
import type { Content, Header, RenderedMail } from "../../message.ts";
import type { AddressProblem } from "../address/address.ts";
import { holdsUris, oneClickProblem } from "../content/header-value.ts";
import { listIdHeader } from "../content/list-id.ts";
import { checkHeaderNames, mailtoUri, unsubscribeHeaders, unsubscribeUri, wireHeader } from "../content/headers.ts";
import { displayNameProblem, formatMailbox, splitMailbox } from "../address/mailbox.ts";
import type { Scope } from "../liquid/outputs.ts";
import { parsePart, type Part } from "../liquid/part.ts";
import { RenderProblem } from "../problem.ts";
import { hasControl } from "../shown.ts";
import { AN_ADDRESS, ANYWHERE, BRACKETED_ADDRESSES, createWriter } from "./text-writer.ts";

type Head = Pick<RenderedMail, "from" | "replyTo" | "subject" | "headers">;

/** The headers of a content whose templates are parsed. */
export interface CompiledHead {
  /** The templates in the headers. */
  parts: Part[];
  /** True: the headers are the same for everybody and have been checked. */
  constant: boolean;
  /**
   * True: when one mail has them, every mail has whose required values are there and have no control characters or line
   * separators. Only the subject differs, and it has nothing but texts and variables.
   */
  plain: boolean;
  /** The headers of one mail. `ownUrl` is the unsubscribe link of the message itself, or null. Throws `RenderProblem`. */
  render(scope: Scope, ownUrl: string | null): Head;
}

interface Written {
  part: Part;
  write(scope: Scope): string;
}

/**
 * Compiles the headers of a content. The caller parses the subject, because it may also be the title of the page.
 * Throws `UserError` for every problem that does not depend on the recipient: syntax, addresses, header names and
 * limits.
 */
export function compileHead(content: Content, subject: Part): CompiledHead {
  const written = (label: string, source: string, rule = ANYWHERE): Written => {
    const part = textPart(label, source, content.allowEmpty);
    const write = createWriter(rule);
    return { part, write: (scope) => write(part.trace(scope)) };
  };
  const title = { part: subject, write: writerOf(subject) };
  const headers = content.headers.map(({ name, value }) => {
    return { name, value: written(`header ${name}`, value, holdsUris(name) ? BRACKETED_ADDRESSES : ANYWHERE) };
  });
  const external =
    content.unsubscribeUrl === null ? null : written("unsubscribe URL", content.unsubscribeUrl, AN_ADDRESS);
  const from = compileMailbox("from", content.from, written);
  const replyTo = content.replyTo.map((mailbox) => compileMailbox("reply_to", mailbox, written));
  const listId = listIdHeader(content);
  const ofList = listId === null ? [] : [listId];
  const mailto = content.unsubscribeMailto === null ? null : mailtoUri(content.unsubscribeMailto);
  const parts = [subject, ...headers.map(({ value }) => value.part)]
    .concat(external === null ? [] : [external.part])
    .concat([from, ...replyTo].flatMap(({ name }) => (name === null ? [] : [name.part])));

  const render = (scope: Scope, ownUrl: string | null): Head => {
    const line = title.write(scope);
    refuse(subjectProblem(line));
    const own = headers.map(({ name, value }) => ({ name, value: value.write(scope) }));
    const leaving = external === null ? null : leavingAt(external.write(scope));
    const present = own.filter(({ value }) => !content.allowEmpty || value.trim() !== "");
    const all = [...present.map(wired), ...ofList, ...unsubscribeHeaders(leaving ?? ownUrl, mailto).map(wired)];
    // Our own link need not be https: with a base URL on this machine, where people try things out, it is http.
    if (ownUrl === null) refuse(oneClickProblem(all));
    return {
      from: from.write(scope),
      replyTo: replyTo.map((mailbox) => mailbox.write(scope)),
      subject: line,
      headers: all,
    };
  };

  checkUnsubscribe(content);
  const hasUrl = external !== null || content.tracking?.unsubscribe === true;
  const made = [...ofList, ...unsubscribeHeaders(hasUrl ? "https://…" : null, mailto)];
  checkHeaderNames([...headers, ...made].map(({ name }) => name));
  const constant = parts.every((part) => part.constant);
  const plain = parts.every((part) => part.constant || (part === subject && part.bare));
  checkConstant({ title, headers, external });
  return { parts, constant, plain, render };
}

function textPart(label: string, source: string, allowEmpty: boolean): Part {
  return parsePart(source, { label, name: "text", language: "text", allowEmpty });
}

function writerOf(part: Part): (scope: Scope) => string {
  const write = createWriter(ANYWHERE);
  return (scope) => write(part.trace(scope));
}

/** The display name is a template, the address is the same for everybody. */
function compileMailbox(
  label: string,
  source: string,
  written: (label: string, source: string) => Written,
): { name: Written | null; write(scope: Scope): string } {
  const mailbox = splitMailbox(source);
  if ("problem" in mailbox) throw new UserError(`${label} expects an address or Name <address>: ${mailbox.problem}`);
  const { address } = mailbox;
  const name = mailbox.name === null ? null : written(`the name in ${label}`, mailbox.name);
  if (name === null || name.part.constant) {
    const fixed = formatMailbox(mailbox);
    return { name, write: () => fixed };
  }
  return {
    name,
    write(scope) {
      const rendered = { name: name.write(scope), address };
      refuse(displayNameProblem(rendered));
      return formatMailbox(rendered);
    },
  };
}

function checkUnsubscribe({ tracking, unsubscribeUrl }: Content): void {
  if (tracking?.unsubscribe && unsubscribeUrl !== null) {
    throw new UserError(
      "--unsubscribe and an unsubscribe URL exclude each other",
      "leave out --unsubscribe-url (SES_MAIL_UNSUBSCRIBE_URL, unsubscribe_url in the front matter), or --unsubscribe",
    );
  }
  // A URL that begins with a variable or a tag can only be checked with its values.
  const known = unsubscribeUrl === null || /^\s*(?:https:|\{[{%]|$)/i.test(unsubscribeUrl);
  const problem = known ? null : problemOf(unsubscribeUri(unsubscribeUrl));
  if (problem !== null) throw new UserError(problem);
}

/** Checks the headers that are the same for everybody, so that a problem is reported before the first row is read. */
function checkConstant({
  title,
  headers,
  external,
}: {
  title: Written;
  headers: { name: string; value: Written }[];
  external: Written | null;
}): void {
  const problems = [
    title.part.constant ? subjectProblem(title.write({})) : null,
    ...headers.map(({ name, value }) => (value.part.constant ? problemOf(wireHeader(name, value.write({}))) : null)),
    external?.part.constant ? problemOf(unsubscribeUri(external.write({}))) : null,
  ];
  const problem = problems.find((each) => each !== null);
  if (problem) throw new UserError(problem);
}

function subjectProblem(subject: string): string | null {
  if (subject.trim() === "") return "the subject is empty";
  return hasControl(subject) ? "the subject contains a line break or control character" : null;
}

function wired({ name, value }: Header): Header {
  const wire = wireHeader(name, value);
  if ("problem" in wire) throw new RenderProblem(wire.problem);
  return { name, value: wire.value };
}

function leavingAt(url: string): string {
  const found = unsubscribeUri(url);
  if ("problem" in found) throw new RenderProblem(found.problem);
  return found.uri;
}

function problemOf(made: object | AddressProblem): string | null {
  return "problem" in made ? made.problem : null;
}

function refuse(problem: string | null): void {
  if (problem !== null) throw new RenderProblem(problem);
}
