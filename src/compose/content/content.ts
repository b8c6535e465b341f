/** Reads a content file and the options around it into a `Content`. */
import { existsSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { basename, dirname, extname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { UserError } from "../../errors.ts";
import type { Content, ContentFiles, Header, Tag } from "../../message.ts";
import { MAX_MESSAGE_BYTES, readAttachments } from "./attachment.ts";
import { type FrontMatter, splitFrontMatter } from "./front-matter.ts";
import { checkHeaderNames, mailtoUri, parseHeader } from "./headers.ts";
import { mailboxesIn, splitMailbox } from "../address/mailbox.ts";
import { checkListName, checkName } from "../list/name.ts";
import { hasVariables, refuseVariables } from "./no-variables.ts";
import { readText } from "../../read-file.ts";

/** The extensions of a content that is found beside a recipient list of the same name. */
const BESIDE = [".html", ".htm", ".md"];
const HTML = [".html", ".htm"];
const MARKDOWN = [".md", ".markdown"];

/** ses-mail finds the message of an event by these tags, so the user must not set them. */
const OWN_TAGS = new Set(["ses-mail-job", "ses-mail-message"]);

/** Options of the command line and environment. They beat the front matter. */
export interface ContentOverrides {
  subject?: string;
  from?: string;
  replyTo?: string[];
  /** `Name: value`, as typed. They replace headers of the same name in the front matter, and add others. */
  headers?: string[];
  /**
   * Paths from the working directory. A path with variables is a file for each recipient and has to be inside the
   * content's folder.
   */
  attachments?: string[];
  /** `name=value`, as typed. They replace tags of the same name in the front matter, and add others. */
  tags?: string[];
  configurationSet?: string;
  tenant?: string;
  unsubscribeUrl?: string;
  unsubscribeMailto?: string;
  topic?: string;
  list?: string;
  transactional?: boolean;
  allowEmpty?: boolean;
  /**
   * The names of those options above that the environment gave. It speaks for all mail, so transactional mail goes
   * without its ways to unsubscribe.
   */
  fromEnvironment?: ReadonlySet<string>;
}

/** Which files a content is read from. */
export interface ContentOptions {
  /** Where relative paths start; the working directory of the process when not given. */
  cwd?: string;
  /** `.html`, `.htm` or `.md`. Null: the file beside `recipientsFile` with the same base name. */
  contentFile: string | null;
  /** The path of the recipient list; null or `-` when there is no file. */
  recipientsFile: string | null;
  /** The path of the text part. Not set: the text part is derived from the HTML. */
  textFile?: string;
  overrides: ContentOverrides;
}

/**
 * Reads a content file, its front matter, text and attachments into a `Content`. `topic` is the one named by the
 * options or the front matter, or null. Only the syntax of the body is checked here; `compileContent` checks all
 * templates. Throws `UserError` for everything else that cannot be sent.
 */
export async function readContent(options: ContentOptions): Promise<{ content: Content; topic: string | null }> {
  const { cwd = "" } = options;
  const file = options.contentFile ?? contentBeside(options.recipientsFile, cwd);
  const markdown = isMarkdown(file);
  const source = await readText(file, "the content", cwd);
  const { front, body, bodyLine } = await splitFrontMatter(source, file);
  if (body.trim() === "") throw new UserError(`the content ${file} has front matter and nothing else`);
  const { checkSyntax } = await import("../mail/template.ts");
  checkSyntax(file, body, { line: bodyLine, markdown });
  const head = headOf(front, options.overrides);
  const text = options.textFile === undefined ? "" : await readText(options.textFile, "the text", cwd);
  const { fixed, files } = await attachedTo(file, front, options.overrides, cwd);
  const attachments = await readAttachments(fixed, cwd);
  const content: Content = {
    ...head,
    format: markdown ? "markdown" : "html",
    ...(front.preheader !== undefined && { preheader: front.preheader }),
    html: body,
    text,
    attachments,
    ...(files !== null && { files }),
  };
  checkSize(content);
  refuseVariables("--topic", options.overrides.topic ?? "");
  const topic = options.overrides.topic ?? front.topic;
  return { content, topic: topic === undefined ? null : checkTopic(topic) };
}

/**
 * The name of a topic in NFC. Throws `UserError` unless it has 1–100 characters and no `/`, control or invisible
 * characters.
 */
export function checkTopic(name: string): string {
  return checkName("a topic name", name);
}

function contentBeside(recipientsFile: string | null, cwd: string): string {
  if (recipientsFile === null || recipientsFile === "-") {
    throw new UserError("there is no content", "name the file with --content <file.html or file.md>");
  }
  const base = join(dirname(recipientsFile), basename(recipientsFile, extname(recipientsFile)));
  const found = BESIDE.map((extension) => base + extension).filter((path) => existsSync(resolve(cwd, path)));
  const [only] = found;
  if (only === undefined)
    throw new UserError(
      `expected the content in ${base}.html or ${base}.md, found neither`,
      "name it with --content <file>",
    );
  if (found.length > 1)
    throw new UserError(`the content may be ${found.join(" or ")}`, "name it with --content <file>");
  return only;
}

/** Whether a content file is Markdown by its extension. Throws `UserError`, which begins with `what`, for others than HTML and Markdown. */
export function isMarkdown(file: string, what = "--content"): boolean {
  const extension = extname(file).toLowerCase();
  if (MARKDOWN.includes(extension)) return true;
  if (HTML.includes(extension)) return false;
  throw new UserError(`${what} expects a .html or .md file, got ${file}`);
}

/** Everything of a content except bodies, preheader and attachments. Throws `UserError`, also when there is no subject or sender. */
export function headOf(
  front: FrontMatter,
  overrides: ContentOverrides,
): Omit<Content, "html" | "format" | "preheader" | "text" | "attachments" | "files"> {
  const subject = (overrides.subject ?? front.subject ?? "").trim();
  if (subject === "")
    throw new UserError("the mail has no subject", "give it with --subject, or as subject: in the front matter");
  return { subject, ...envelopeOf(front, overrides), allowEmpty: overrides.allowEmpty ?? false };
}

/** The parts of a content that are no text for the reader: addresses, headers, tags, configuration set, tenant, unsubscribing. */
export type Envelope = Omit<
  Content,
  "subject" | "html" | "format" | "preheader" | "text" | "attachments" | "files" | "allowEmpty" | "literal" | "tracking"
>;

/**
 * The envelope for posted mail, made of options alone, without a content file. Throws `UserError`, also for variables
 * in `from` and `replyTo`.
 */
export function readEnvelope(overrides: ContentOverrides): Envelope {
  // Posted mail has no columns that a name could come from.
  for (const text of [overrides.from ?? "", ...(overrides.replyTo ?? [])])
    refuseVariables("the sender of posted mail", text);
  // It has no front matter that could say it, either.
  if ((overrides.from ?? "").trim() === "") throw noSender("give it with --from, or SES_MAIL_FROM");
  return envelopeOf({}, overrides);
}

const noSender = (hint: string) => new UserError("the mail has no sender", hint);

function envelopeOf(front: FrontMatter, overrides: ContentOverrides): Envelope {
  refuseVariables("--configuration-set", overrides.configurationSet ?? "");
  refuseVariables("--tenant", overrides.tenant ?? "");
  const from = (overrides.from ?? front.from ?? "").trim();
  if (from === "") throw noSender("give it with --from, SES_MAIL_FROM, or as from: in the front matter");
  const isTransactional = overrides.transactional ?? front.kind === "transactional";
  const list = listOf(front, overrides);
  const tenant = overrides.tenant ?? front.tenant;
  const { unsubscribeUrl, unsubscribeMailto } = unsubscribingOf(front, overrides, isTransactional);
  return {
    from: checkMailbox(overrides.from === undefined ? "from" : "--from", from),
    replyTo:
      overrides.replyTo?.flatMap(mailboxesIn).map((each) => checkMailbox("--reply-to", each)) ?? front.reply_to ?? [],
    headers: headersOf(front, overrides),
    tags: tagsOf(front, overrides),
    configurationSet: checkConfigurationSet(overrides.configurationSet ?? front.configuration_set ?? null),
    unsubscribeUrl,
    unsubscribeMailto,
    // Set only when asked for, so that other contents keep the hash they had before.
    ...(list !== undefined && { list }),
    ...(isTransactional && { kind: "transactional" }),
    ...(tenant !== undefined && { tenant: checkTenant(tenant) }),
  };
}

function listOf(front: FrontMatter, overrides: ContentOverrides): string | undefined {
  refuseVariables("--list", overrides.list ?? "");
  const name = overrides.list ?? front.list;
  return name === undefined ? undefined : checkListName(name);
}

function unsubscribingOf(
  front: FrontMatter,
  { unsubscribeUrl, unsubscribeMailto, fromEnvironment }: ContentOverrides,
  isTransactional: boolean,
): Pick<Content, "unsubscribeUrl" | "unsubscribeMailto"> {
  const isLeftOut = (option: string) => isTransactional && fromEnvironment?.has(option);
  const url = isLeftOut("unsubscribeUrl") ? undefined : unsubscribeUrl;
  const mailto = (isLeftOut("unsubscribeMailto") ? undefined : unsubscribeMailto) ?? front.unsubscribe_mailto ?? null;
  if (mailto !== null) mailtoUri(mailto);
  return { unsubscribeUrl: url ?? front.unsubscribe_url ?? null, unsubscribeMailto: mailto };
}

function checkMailbox(what: string, written: string): string {
  const mailbox = splitMailbox(written);
  if ("problem" in mailbox) throw new UserError(`${what} expects an address or Name <address>: ${mailbox.problem}`);
  return written;
}

function headersOf(front: FrontMatter, overrides: ContentOverrides): Header[] {
  const typed = (overrides.headers ?? []).map(parseHeader);
  const beaten = new Set(typed.map((header) => header.name.toLowerCase()));
  const written = Object.entries(front.headers ?? {}).map(([name, value]) => ({ name, value }));
  const headers = [...written.filter((header) => !beaten.has(header.name.toLowerCase())), ...typed];
  checkHeaderNames(headers.map((header) => header.name));
  return headers;
}

function tagsOf(front: FrontMatter, overrides: ContentOverrides): Tag[] {
  const tags = new Map(Object.entries(front.tags ?? {}));
  for (const typed of overrides.tags ?? []) {
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(typed) ?? [];
    if (name === undefined || value === undefined)
      throw new UserError(`--tag expects name=value, got ${JSON.stringify(typed)}`);
    refuseVariables("--tag", typed);
    tags.set(name, value);
  }
  return [...tags].map(([name, value]) => checkTag({ name, value }));
}

/** SES API, MessageTag. */
function checkTag(tag: Tag): Tag {
  const wrong = [tag.name, tag.value].find((each) => !/^[A-Za-z0-9_-]{1,256}$/.test(each));
  if (wrong !== undefined)
    throw new UserError(`a tag expects 1–256 letters, digits, _ and - in name and value, got ${JSON.stringify(wrong)}`);
  if (OWN_TAGS.has(tag.name))
    throw new UserError(`the tag ${tag.name} is written by ses-mail itself`, "choose another name");
  return tag;
}

/** SES API, ConfigurationSetName and TenantName. */
const SES_NAME = /^[A-Za-z0-9_-]{1,64}$/;

function checkConfigurationSet(name: string | null): string | null {
  if (name === null || SES_NAME.test(name)) return name;
  throw new UserError(`a configuration set's name expects 1–64 letters, digits, _ and -, got ${JSON.stringify(name)}`);
}

function checkTenant(name: string): string {
  if (SES_NAME.test(name)) return name;
  throw new UserError(`a tenant's name expects 1–64 letters, digits, _ and -, got ${JSON.stringify(name)}`);
}

/**
 * `fixed`: the attachments that are the same for everybody. `files`: those that are a file for each recipient, and
 * local pictures; null when there are none. Throws `UserError` for an address, and for a file outside of the content's
 * folder.
 */
export async function attachedTo(
  file: string,
  front: FrontMatter,
  overrides: ContentOverrides,
  cwd: string,
): Promise<{ fixed: string[]; files: ContentFiles | null }> {
  // Paths in a content file start in its folder, those of an option in the working directory.
  const base = overrides.attachments === undefined ? dirname(file) : ".";
  const paths = overrides.attachments ?? front.attachments ?? [];
  paths.forEach(refuseAddress);
  const fixed = paths.filter((path) => !hasVariables(path)).map((path) => (isAbsolute(path) ? path : join(base, path)));
  const varied = paths.filter(hasVariables);
  const inlineImages = front.inline_images ?? false;
  if (overrides.attachments === undefined) await refuseOutside(file, fixed, cwd);
  if (varied.length === 0 && !inlineImages) return { fixed, files: null };
  const folder = await realpath(dirname(resolve(cwd, file)));
  const attachments = await Promise.all(varied.map((path) => fromFolder(folder, resolve(cwd, base), path)));
  return { fixed, files: { folder, attachments, inlineImages } };
}

/**
 * Somebody else may have written the content, and must not get at files of ours: what a content attaches by itself lies in
 * its folder or below, after links are followed. A person may attach anything with --attach.
 */
async function refuseOutside(file: string, paths: readonly string[], cwd: string): Promise<void> {
  if (paths.length === 0) return;
  const folder = await realpath(dirname(resolve(cwd, file)));
  for (const path of paths) {
    const written = resolve(cwd, path);
    if (isInside(folder, await realpath(written).catch(() => written))) continue;
    throw new UserError(
      `the attachment ${path} is not in the content's folder, ${folder}`,
      `put it there, or attach it yourself: --attach ${path}`,
    );
  }
}

function isInside(folder: string, path: string): boolean {
  const from = relative(folder, path);
  return !isAbsolute(from) && from.split(sep)[0] !== "..";
}

function refuseAddress(path: string): void {
  if (!/^[a-z][a-z0-9+.-]+:\/\//i.test(path)) return;
  throw new UserError(`an attachment is a file, got the address ${path}`, "download it first, or write a link to it");
}

/**
 * A path with variables, relative to the content's folder. The folders before the first variable have to be inside of
 * it.
 */
async function fromFolder(folder: string, base: string, path: string): Promise<string> {
  const start = path.lastIndexOf("/", path.search(/\{[{%]/)) + 1;
  const written = resolve(base, path.slice(0, start));
  const real = await realpath(written).catch(() => written);
  const from = relative(folder, real);
  if (!isInside(folder, real)) {
    throw new UserError(
      `the attachment ${path} is a file for each recipient, and these have to be in the content's folder, ${folder}`,
      "put them there, or put the content beside them",
    );
  }
  const inside = from === "" ? "" : `${from.split(sep).join("/")}/`;
  return inside + path.slice(start);
}

/** Throws `UserError` when the bodies and attachments of a content are larger than SES takes. */
export function checkSize({ html, text, attachments }: Pick<Content, "html" | "text" | "attachments">): void {
  const parts = [html, text, ...attachments.map((attachment) => attachment.data)];
  const bytes = parts.reduce((sum, part) => sum + Buffer.byteLength(part), 0);
  if (bytes <= MAX_MESSAGE_BYTES) return;
  throw new UserError(
    `the mail is ${(bytes / 1024 / 1024).toFixed(1)} MB, SES takes 40 MB`,
    "send a link instead of attachments",
  );
}
