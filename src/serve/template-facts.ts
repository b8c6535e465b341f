/** A template as people and programs are told of it. */
import { prepareTemplate } from "../compose/mail/tools.ts";
import { kindOf } from "../message.ts";
import type { Template } from "../store/rows.ts";
import { isoTime } from "../time/iso.ts";
import type { TemplateFacts } from "./dashboard/wire.ts";

/** A template in a list. */
export async function templateRow({ name, version, createdAt, content }: Template): Promise<TemplateFacts> {
  const { variables } = await prepareTemplate(content);
  return {
    name,
    version,
    created_at: isoTime(createdAt),
    subject: content.subject,
    list: content.list ?? null,
    kind: kindOf(content),
    variables,
  };
}

/** A template with what its author wrote. `text` null: it is made from the HTML. */
export async function templateFacts(template: Template) {
  const { from, replyTo, headers, attachments, format, html, text } = template.content;
  return {
    ...(await templateRow(template)),
    from,
    reply_to: replyTo,
    headers,
    attachments: attachments.map(({ fileName: name, contentType: type }) => ({ name, type })),
    format: format === "markdown" ? "md" : "html",
    content: html,
    text: text === "" ? null : text,
  };
}
