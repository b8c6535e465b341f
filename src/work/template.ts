/** The `template` commands at work: contents with variables, kept for mail that programs post. */
import { leftOverReport } from "../compose/content/left-over.ts";
import { readTemplateFile } from "../compose/content/template-source.ts";
import { checkName } from "../compose/list/name.ts";
import { prepareTemplate } from "../compose/mail/tools.ts";
import { printable } from "../printable.ts";
import type { TemplateVariable } from "../compose/liquid/data-names.ts";
import { type ContentFlags, overridesOf } from "./campaign.ts";
import type { Context } from "./context.ts";
import { readData } from "./data-file.ts";
import { EXIT, UserError } from "../errors.ts";
import { dataProblems } from "../intake/data.ts";
import { summary } from "../intake/problems.ts";
import { unknownTemplate } from "../intake/templates.ts";
import type { RenderedMail, Values } from "../message.ts";
import { templateFacts } from "../serve/template-facts.ts";
import type { Template } from "../store/rows.ts";
import type { Templates } from "../store/store.ts";
import { parseAddress } from "../compose/address/address.ts";
import { showMail, type ShowFlags } from "./show-mail.ts";
import { isoTime } from "../time/iso.ts";
import { shortTime } from "../time/short.ts";

/** Options of `template add`. */
export type TemplateAddFlags = ContentFlags;

/** Options of `template list`. */
export interface TemplateListFlags {
  /** True: print names only. */
  names?: boolean;
}

/** Options of `template preview`. */
export interface TemplatePreviewFlags extends ShowFlags {
  /** A file with a JSON object, or `-` for stdin. */
  data?: string;
  to: string;
}

/** `template add`: checks a content and keeps it under this name. Throws `UserError`, and keeps nothing, when it cannot be sent. */
export async function addTemplate(
  context: Context,
  { name: given, file }: { name: string; file: string },
  flags: TemplateAddFlags,
): Promise<number> {
  const { io, terminal, globals } = context;
  const name = checkName("a template's name", given);
  const { content, template } = await readTemplateFile({
    file,
    cwd: io.cwd,
    ...(flags.text !== undefined && { textFile: flags.text }),
    overrides: overridesOf(flags),
  });
  const { variables } = template;
  const leftOver = leftOverReport(content);
  if (leftOver !== null) terminal.warn(leftOver);
  const store = await context.openStore();
  const { version, isNew } = await store.putTemplate(name, content);
  if (globals.json) terminal.json({ name, version, new: isNew, subject: content.subject, variables });
  else if (isNew) terminal.done(`template "${name}" is kept in version ${version}; ${listed(variables)}`);
  else terminal.done(`template "${name}" has this content already, in version ${version}`);
  return EXIT.done;
}

/** `template list`: prints the current version of each template, in order of name. */
export async function listTemplates(context: Context, flags: TemplateListFlags): Promise<number> {
  const { io, terminal, globals } = context;
  const store = await context.openStore({ ifMissing: "refuse", toRead: true });
  const rows = await store.templates();
  if (flags.names && globals.json) terminal.json({ templates: rows.map(({ name }) => name) });
  else if (flags.names) for (const { name } of rows) terminal.result(name);
  else if (globals.json) {
    const templates = rows.map(({ createdAt, ...row }) => ({ ...row, created_at: isoTime(createdAt) }));
    terminal.json({ templates });
  } else if (rows.length === 0)
    terminal.result("there are no templates; add one with: ses-mail template add <name> <file>");
  else {
    const now = io.clock.now();
    const cells = rows.map(({ name, version, createdAt, subject }) => [
      name,
      version,
      shortTime(createdAt, { now }),
      subject,
    ]);
    terminal.result(await terminal.table(["name", "version", "added", "subject"], cells));
  }
  return EXIT.done;
}

/** `template show`: prints a template as it was written. Throws `UserError` when there is none of this name. */
export async function showTemplate({ openStore, terminal, globals }: Context, name: string): Promise<number> {
  const store = await openStore({ ifMissing: "refuse", toRead: true });
  const facts = await templateFacts(await requireTemplate(store, name));
  if (globals.json) terminal.json(facts);
  else terminal.result(asText(facts));
  return EXIT.done;
}

/**
 * `template preview`: shows the mail that a template makes of data. Throws `UserError` when there is no such template, or the data do
 * not fit it.
 */
export async function previewTemplate(context: Context, name: string, flags: TemplatePreviewFlags): Promise<number> {
  const to = parseAddress(flags.to);
  if ("problem" in to) throw new UserError(`--to expects an address: ${to.problem}`);
  const data = flags.data === undefined ? {} : await readData(context.io, flags.data);
  const store = await context.openStore({ ifMissing: "refuse", toRead: true });
  const template = await requireTemplate(store, name);
  const mail = await render(template, data, to.address);
  return showMail(context, mail, flags, { template: template.name, version: template.version });
}

/** `template remove`: removes a template from further use. Throws `UserError` when there is none of this name. */
export async function removeTemplate({ openStore, terminal, globals }: Context, given: string): Promise<number> {
  const store = await openStore({ ifMissing: "refuse" });
  const name = given.normalize("NFC");
  if (!(await store.removeTemplate(name))) throw await unknown(store, name);
  if (globals.json) terminal.json({ name, removed: true });
  else terminal.done(`template "${name}" is removed; mail that was accepted with it is still sent`);
  return EXIT.done;
}

async function requireTemplate(store: Templates, name: string): Promise<Template> {
  const found = await store.template(name.normalize("NFC"));
  if (found === null) throw await unknown(store, name);
  return found;
}

async function unknown(store: Templates, name: string): Promise<UserError> {
  return new UserError(await unknownTemplate(store, name), "ses-mail template list shows what there is");
}

async function render({ content }: Template, data: Values, to: string): Promise<RenderedMail> {
  const compiled = await prepareTemplate(content);
  const problems = dataProblems(compiled, { address: to, data, at: "data" });
  if (problems.length > 0)
    throw new UserError(`the data do not fit the template: ${summary(problems)}`, "give them with --data <file.json>");
  return compiled.content.render(to, data);
}

function asText(facts: Awaited<ReturnType<typeof templateFacts>>): string {
  const {
    name,
    version,
    created_at: added,
    variables,
    from,
    reply_to,
    subject,
    list,
    kind,
    headers,
    attachments,
  } = facts;
  const lines: [string, string][] = [
    ["Template", `${name}, version ${version}, added ${added}`],
    ["From", from],
    ...reply_to.map((mailbox): [string, string] => ["Reply-To", mailbox]),
    ["Subject", subject],
    ...(list === null ? [] : [["List", list] satisfies [string, string]]),
    ["Kind", kind],
    ...headers.map((header): [string, string] => [header.name, header.value]),
    ...attachments.map((file): [string, string] => ["Attachment", `${file.name} (${file.type})`]),
    ["Variables", variables.length === 0 ? "none" : names(variables)],
  ];
  const head = lines.map(([label, value]) => printable(`${label}: ${value}`)).join("\n");
  return `${head}\n\n${facts.content}${facts.text === null ? "" : `\n\n-- text --\n${facts.text}`}`;
}

function listed(variables: readonly TemplateVariable[]): string {
  return variables.length === 0 ? "it has no variables" : `its variables: ${names(variables)}`;
}

function names(variables: readonly TemplateVariable[]): string {
  return variables.map(({ name, required }) => (required ? name : `${name} (optional)`)).join(", ");
}
