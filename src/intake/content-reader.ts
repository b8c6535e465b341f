/** Makes the contents of a request: each of what its message says, or of the template that it names. */
import { MAX_MESSAGE_BYTES } from "../compose/content/attachment.ts";
import { checkKind } from "../compose/content/kind.ts";
import type { CompiledTemplate } from "../compose/mail/posted-template.ts";
import type { Content } from "../message.ts";
import type { Template } from "../store/rows.ts";
import { AttachmentReader, encodedLength } from "./attachments.ts";
import { type Extras, readExtras } from "./extras.ts";
import { type Place, reasonOf } from "./place.ts";
import { checkAllHeaders, literalContent, type Surrounding, templateBase, templatedContent } from "./posted-content.ts";
import { MOST_CONTENTS, MOST_TEMPLATES } from "./schema.ts";
import type { TemplateShelf } from "./templates.ts";

/** A content, and the template that takes the data of its readers. */
interface Prepared {
  content: Content;
  /** Null: there is none. `unknown`: it cannot be used, and that is reported, so data are not looked at. */
  template: CompiledTemplate | "unknown" | null;
}

/** A template as one or many messages of a request use it; `problem` is why nobody can. */
type Resolved = { base: Content; compiled: CompiledTemplate } | { problem: string };

/** Reads the contents of one request. */
export class ContentReader {
  readonly #around: Surrounding;
  readonly #shelf: TemplateShelf;
  readonly #attachments = new AttachmentReader();
  /** The templates that were named, by name: each is looked up once, so that all messages have the same version. */
  readonly #templates = new Map<string, Template | { problem: string }>();
  /** They are shared by all messages that use a template in the same way. */
  readonly #resolved = new Map<string, Resolved>();
  /** Those for messages that say nothing themselves, by the name of the template. */
  readonly #resolvedAlone = new Map<string, Resolved>();
  readonly #counted = new Set<Content>();
  /** What the last message without a template and without anything but words was made into. Many mails of a broker are the same. */
  #last: Content | null = null;
  /** Characters of all contents so far. */
  #size = 0;

  constructor(surrounding: Surrounding, shelf: TemplateShelf) {
    this.#around = surrounding;
    this.#shelf = shelf;
  }

  /** The content of a message. What is wrong is reported, and then the content may not be used. */
  async read(message: Place): Promise<Prepared> {
    const extras = readExtras(message, this.#attachments);
    const prepared = message.has("template")
      ? await this.#fromTemplate(message, extras)
      : { content: this.#literal(message, extras), template: null };
    if (prepared.content !== null) this.#count(message, prepared.content);
    return { content: prepared.content ?? this.#nothing(extras), template: prepared.template };
  }

  #literal(message: Place, extras: Extras): Content {
    const html = htmlOf(message);
    const subject = subjectOf(message);
    const isPlain = hasOnlyWords(extras);
    const last = this.#last;
    if (isPlain && last !== null && last.subject === subject && last.html === html) {
      // Whoever posts it twice posts as many characters.
      this.#counted.delete(last);
      return last;
    }
    const content = literalContent({ subject, html, extras }, this.#around);
    if (isPlain) this.#last = content;
    if (extras.headers.length > 0) checkTogether(message, content);
    // Without tracking the words would stand in the mail.
    if (extras.kind === "transactional" && this.#around.tracking?.unsubscribe === true && OWN_LINK.test(html))
      message.problem("content", "transactional mail has no way to unsubscribe, got {{ unsubscribe_url }}");
    return content;
  }

  async #fromTemplate(
    message: Place,
    extras: Extras,
  ): Promise<{ content: Content | null; template: Prepared["template"] }> {
    for (const field of ["subject", "content"].filter((each) => message.has(each)))
      message.problem(field, "excludes template, which has its own: give one of them");
    const name = message.text("template");
    // The schema has reported what is no text.
    const resolved = name === null ? null : await this.#resolvedFor(name, extras);
    if (resolved === null || "problem" in resolved) {
      if (resolved !== null) message.problem("template", resolved.problem);
      return { content: null, template: "unknown" };
    }
    const { base, compiled } = resolved;
    const content = templatedContent(base, extras);
    if (extras.headers.length > 0) checkTogether(message, content);
    return { content, template: compiled };
  }

  async #resolvedFor(name: string, extras: Extras): Promise<Resolved> {
    if (!hasOnlyWords(extras)) return this.#resolve(name, extras);
    const known = this.#resolvedAlone.get(name);
    if (known !== undefined) return known;
    const resolved = await this.#resolve(name, extras);
    this.#resolvedAlone.set(name, resolved);
    return resolved;
  }

  async #resolve(name: string, extras: Extras): Promise<Resolved> {
    const template = await this.#template(name);
    if ("problem" in template) return template;
    const key = JSON.stringify([name, ...usageOf(template.content, extras)]);
    const known = this.#resolved.get(key);
    if (known !== undefined) return known;
    if (this.#resolved.size >= MOST_TEMPLATES)
      return {
        problem: `a request may use templates in ${MOST_TEMPLATES} ways: post the other messages in another request`,
      };
    const resolved = await this.#compile(template, templateBase(template.content, extras, this.#around));
    this.#resolved.set(key, resolved);
    return resolved;
  }

  async #compile(template: Template, base: Content): Promise<Resolved> {
    try {
      return { base, compiled: await this.#shelf.compiled(template, base) };
    } catch (error) {
      return { problem: reasonOf(error) };
    }
  }

  async #template(name: string): Promise<Template | { problem: string }> {
    const known = this.#templates.get(name);
    if (known !== undefined) return known;
    if (this.#templates.size >= MOST_TEMPLATES)
      return { problem: `a request may name ${MOST_TEMPLATES} templates: post the other messages in another request` };
    const found = await this.#shelf.find(name);
    this.#templates.set(name, found);
    return found;
  }

  /** Adds a content up. One that many messages share counts once. */
  #count(message: Place, content: Content): void {
    if (this.#counted.has(content)) return;
    this.#counted.add(content);
    const attached = encodedLength(content.attachments);
    if (attached > MAX_MESSAGE_BYTES)
      message.problem("attachments", "with those of the template they are more than SES takes for a mail, 40 MB");
    const before = this.#size;
    this.#size += content.html.length + content.text.length + attached;
    if (before <= MOST_CONTENTS && this.#size > MOST_CONTENTS)
      message.problem(message.has("template") ? "template" : "content", TOO_MUCH);
  }

  /** Stands for a content that could not be made. */
  #nothing(extras: Extras): Content {
    return literalContent({ subject: "", html: "", extras }, this.#around);
  }
}

/** Whether a message says nothing beyond its subject and its HTML. */
function hasOnlyWords({ text, replyTo, headers, attachments, list, kind }: Extras): boolean {
  const hasParts = replyTo.length > 0 || headers.length > 0 || attachments.length > 0;
  return !hasParts && text === null && list === null && kind === null;
}

const TOO_MUCH = `with this the contents of the request are more than ${MOST_CONTENTS / 1024 / 1024} MB: post the other messages in another request`;

const OWN_LINK = /\{\{ ?unsubscribe_url ?\}\}/;

/** Everything in what a message says that changes the base of its template. */
function usageOf({ headers }: Content, extras: Extras): unknown[] {
  const posted = new Set(extras.headers.map(({ name }) => name.toLowerCase()));
  const beaten = headers.map(({ name }) => name.toLowerCase()).filter((name) => posted.has(name));
  return [extras.list, extras.kind, extras.text !== null, extras.replyTo.length > 0, beaten];
}

/** Reports what SES or the kind of the mail refuses of several headers together. */
function checkTogether(message: Place, content: Content): void {
  message.try("headers", undefined, () => {
    checkAllHeaders(content);
    checkKind(content, []);
  });
}

function subjectOf(message: Place): string {
  const subject = message.text("subject") ?? "";
  if (/[\p{Cc}\u2028\u2029]/u.test(subject))
    message.problem("subject", "cannot hold line breaks or control characters");
  else message.checkText("subject", subject);
  return subject.trim();
}

function htmlOf(message: Place): string {
  const html = message.text("content") ?? "";
  message.checkText("content", html);
  return html;
}
