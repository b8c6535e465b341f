/** Reads the content of a template for programs: from a file when a person adds it, or from a request. */
import { realpath } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { UserError } from "../../errors.ts";
import type { Attachment, Content } from "../../message.ts";
import { readText } from "../../read-file.ts";
import type { CompiledTemplate } from "../mail/posted-template.ts";
import { RenderProblem } from "../problem.ts";
import { readAttachments } from "./attachment.ts";
import { attachedTo, checkSize, type ContentOverrides, type Envelope, headOf, isMarkdown } from "./content.ts";
import { type FrontMatter, splitFrontMatter } from "./front-matter.ts";
import { hasVariables } from "./no-variables.ts";

/** A template that has been read and checked. */
export interface TemplateSource {
  /** Everything is in it: nothing is read from a disk any more. */
  content: Content;
  /** The same, compiled; it names the variables. */
  template: CompiledTemplate;
}

/** A template in a file. */
export interface TemplateFile {
  /** `.html`, `.htm` or `.md`. */
  file: string;
  /** Where relative paths start; the working directory of the process when not given. */
  cwd?: string;
  /** The path of the text part. Not set: the text part is derived from the HTML. */
  textFile?: string;
  /** Options of the command line. They beat the front matter. */
  overrides?: Omit<ContentOverrides, "topic">;
  /** What holds where neither the options nor the front matter say anything. */
  envelope?: Envelope | null;
}

/** A template in a request. */
export interface TemplateText {
  /** The body; front matter may stand before it. */
  content: string;
  format: "html" | "md";
  /** Not set or "": the text part is derived from the HTML. */
  text?: string;
  /** They beat the front matter. */
  overrides?: Pick<ContentOverrides, "subject">;
  /** What holds where the front matter says nothing, the sender above all. */
  envelope?: Envelope | null;
}

/** The name of a request's content in messages. */
const IN_REQUEST = "content";

/**
 * Reads a template with its front matter, text and attachments. Local pictures go into the content when `inline_images`
 * says so. Throws `UserError` as `readContent` does, and for a topic, and for files with variables in their paths: there
 * is no folder to read them from when a program sends data.
 */
export async function readTemplateFile(options: TemplateFile): Promise<TemplateSource> {
  const { file, cwd = "", textFile, overrides = {}, envelope = null } = options;
  const markdown = isMarkdown(file, "a template");
  const source = await readText(file, "the template", cwd);
  const { front, body } = await split(source, file, markdown);
  const varied = (overrides.attachments ?? front.attachments ?? []).find(hasVariables);
  if (varied !== undefined)
    throw new UserError(
      `${overrides.attachments === undefined ? `${at(file, source, "attachments")}: ` : ""}the attachment ${varied} of a template has a variable in its path, and other machines do not have the files`,
      "attach a fixed file, or post the attachment with each message",
    );
  const text = textFile === undefined ? "" : await readText(textFile, "the text", cwd);
  const { fixed } = await attachedTo(file, { ...front, inline_images: false }, overrides, cwd);
  const pictures = front.inline_images ? await picturesOf(body, markdown, resolve(cwd, file)) : [];
  const attachments = [...(await readAttachments(fixed, cwd)), ...pictures];
  return compiled({ front, overrides, envelope, body, text, markdown, attachments });
}

/**
 * Reads a template from a request. Nothing is read from the disk, so attachments and local pictures are refused. Throws
 * `UserError` as `readTemplateFile` does; messages name the text `content`.
 */
export async function readTemplateText(given: TemplateText): Promise<TemplateSource> {
  const { format, text = "", overrides = {}, envelope = null } = given;
  const source = given.content.replace(/^\uFEFF/, "").toWellFormed();
  if (source.trim() === "") throw new UserError(`${IN_REQUEST} is empty`);
  const markdown = format === "md";
  const { front, body } = await split(source, IN_REQUEST, markdown);
  if ((front.attachments ?? []).length > 0)
    throw new UserError(
      `${at(IN_REQUEST, source, "attachments")}: a template in a request cannot attach files`,
      "add it with ses-mail template add, which reads them, or post attachments with each message",
    );
  if (front.inline_images)
    throw new UserError(
      `${at(IN_REQUEST, source, "inline_images")}: a template in a request has no files, so no pictures to send along`,
      "add it with ses-mail template add, which reads them, or write https addresses",
    );
  checkHead({ ...front, ...overrides }, envelope);
  return compiled({ front, overrides, envelope, body, text: text.toWellFormed(), markdown, attachments: [] });
}

/** Who posts a template has no command line on which to give what is missing. */
function checkHead(front: FrontMatter, envelope: Envelope | null): void {
  if ((front.subject ?? "").trim() === "")
    throw new UserError(
      `${IN_REQUEST} has no subject`,
      "write subject: in front matter at its head, between two lines of ---",
    );
  if ((front.from ?? envelope?.from ?? "").trim() === "")
    throw new UserError(
      `${IN_REQUEST} has no sender`,
      "write from: in its front matter, or start the gateway with --from",
    );
}

/** The front matter and the body, whose syntax has been checked. `name` begins messages. */
async function split(source: string, name: string, markdown: boolean): Promise<{ front: FrontMatter; body: string }> {
  const { front, body, bodyLine } = await splitFrontMatter(source, name);
  if (front.topic !== undefined)
    throw new UserError(
      `${at(name, source, "topic")}: a template has no topic, each message that is posted names its own`,
      "remove that line",
    );
  if (body.trim() === "") throw new UserError(`${name} has front matter and nothing else`);
  const { checkSyntax } = await import("../mail/template.ts");
  checkSyntax(name, body, { line: bodyLine, markdown });
  return { front, body };
}

/** `name` and the line of a setting of its front matter. */
function at(name: string, source: string, key: string): string {
  const before = new RegExp(`^[ \\t]*["']?${key}["']?[ \\t]*:`, "m").exec(source)?.index ?? 0;
  return `${name}, line ${source.slice(0, before).split("\n").length}`;
}

async function picturesOf(body: string, markdown: boolean, path: string): Promise<Attachment[]> {
  const { readPictures } = await import("../mail/embedded-pictures.ts");
  const html = markdown ? (await import("../mail/markdown.ts")).pageOf(body, "") : body;
  return readPictures(html, await realpath(dirname(path)));
}

interface Written {
  front: FrontMatter;
  overrides: ContentOverrides;
  envelope: Envelope | null;
  body: string;
  text: string;
  markdown: boolean;
  attachments: Attachment[];
}

async function compiled(written: Written): Promise<TemplateSource> {
  const { front, overrides, envelope, body, text, markdown, attachments } = written;
  const content: Content = {
    ...headOf(envelope === null ? front : withDefaults(front, envelope), overrides),
    format: markdown ? "markdown" : "html",
    ...(front.preheader !== undefined && { preheader: front.preheader }),
    html: body,
    text,
    attachments,
  };
  checkSize(content);
  const { prepareContent, prepareTemplate } = await import("../mail/tools.ts");
  const template = await prepareTemplate(content);
  checkComposed(await prepareContent({ ...content, allowEmpty: true }));
  return { content, template };
}

/** Refuses a content of which no data can make a mail, such as one beyond the limits of styles. */
function checkComposed({ render }: CompiledTemplate["content"]): void {
  try {
    render("recipient@example.com", {});
  } catch (error) {
    // Without data it cannot be a good mail, and need not be.
    if (!(error instanceof RenderProblem)) throw error;
  }
}

/** The settings of a template, and those of the envelope where it has none. */
function withDefaults(front: FrontMatter, envelope: Envelope): FrontMatter {
  const { configurationSet, tenant, unsubscribeUrl, unsubscribeMailto } = envelope;
  const own = new Set(Object.keys(front.headers ?? {}).map((name) => name.toLowerCase()));
  const headers = envelope.headers.filter(({ name }) => !own.has(name.toLowerCase()));
  return {
    from: envelope.from,
    reply_to: envelope.replyTo,
    ...(configurationSet !== null && { configuration_set: configurationSet }),
    ...(tenant !== undefined && { tenant }),
    ...(unsubscribeUrl !== null && { unsubscribe_url: unsubscribeUrl }),
    ...(unsubscribeMailto !== null && { unsubscribe_mailto: unsubscribeMailto }),
    ...front,
    headers: { ...Object.fromEntries(headers.map(({ name, value }) => [name, value])), ...front.headers },
    tags: { ...Object.fromEntries(envelope.tags.map(({ name, value }) => [name, value])), ...front.tags },
  };
}
