/** A template as the API tells of it. */
import type { CompiledContent } from "../compose/mail/template.ts";
import { UserError } from "../errors.ts";
import { NO_EXTRAS } from "../intake/extras.ts";
import { templateBase } from "../intake/posted-content.ts";
import type { TemplateShelf } from "../intake/templates.ts";
import type { Template } from "../store/rows.ts";
import { isoTime } from "../time/iso.ts";
import type { TemplateFacts } from "./dashboard/wire.ts";
import type { Settings } from "./gateway.ts";

/** What is needed to tell of a template. */
export interface FactParts {
  shelf: TemplateShelf;
  settings: Pick<Settings, "envelope" | "tracking">;
}

/** A template in a list. */
export async function templateRow(template: Template, parts: FactParts): Promise<TemplateFacts> {
  const { name, version, createdAt, content } = template;
  return {
    name,
    version,
    created_at: isoTime(createdAt),
    subject: content.subject,
    list: content.list ?? null,
    kind: content.kind ?? "bulk",
    variables: (await compiledFor(template, parts)).columns,
  };
}

/** A template with what its author wrote. */
export async function templateFacts(template: Template, parts: FactParts) {
  const { from, replyTo, headers, attachments, format, html, text } = template.content;
  return {
    ...(await templateRow(template, parts)),
    from,
    reply_to: replyTo,
    headers,
    attachments: attachments.map(({ fileName: name, contentType: type }) => ({ name, type })),
    format: format === "markdown" ? "md" : "html",
    content: html,
    text: text === "" ? null : text,
  };
}

/** As this gateway sends it. One that it cannot send, because of its own options, still has its own variables. */
async function compiledFor(template: Template, { shelf, settings }: FactParts): Promise<CompiledContent> {
  const { envelope, tracking } = settings;
  const { content } = template;
  if (envelope === null) return shelf.compiled(template, content);
  try {
    return await shelf.compiled(template, templateBase(content, NO_EXTRAS, { envelope, tracking }));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return shelf.compiled(template, content);
  }
}
