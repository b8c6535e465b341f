/** A mail to look at: what it says as JSON, and its HTML as a page of its own. */
import type { FastifyReply } from "fastify";
import { readWords } from "../compose/address/encoded-word.ts";
import type { RenderedMail } from "../message.ts";
import type { PreviewFacts } from "./dashboard/wire.ts";
import { standalone } from "./mail-parts.ts";

/** What a mail says, as its reader sees it, without its HTML. */
export function mailFacts(
  mail: RenderedMail,
): Pick<PreviewFacts, "from" | "reply_to" | "subject" | "headers" | "attachments" | "text"> {
  const files = [...mail.attachments, ...(mail.files ?? [])].filter(({ contentId }) => contentId == null);
  return {
    from: readWords(mail.from),
    reply_to: mail.replyTo.map(readWords),
    subject: mail.subject,
    headers: mail.headers.map(({ name, value }) => ({ name, value: readWords(value) })),
    attachments: files.map(({ fileName: name, contentType: type }) => ({ name, type })),
    text: mail.text,
  };
}

/**
 * The page runs no script and has no origin, wherever it is opened. It loads nothing, unless pictures were asked for:
 * their servers then learn that somebody looks.
 */
const policyOf = (images: boolean): string =>
  [
    "sandbox",
    "default-src 'none'",
    "style-src 'unsafe-inline'",
    `img-src data:${images ? " https: http:" : ""}`,
    ...(images ? ["font-src https: data:"] : []),
    "form-action 'none'",
    "base-uri 'none'",
    "frame-ancestors 'self'",
  ].join("; ");

/** Sends the HTML of a mail as a page. `images`: pictures may be loaded from the web. */
export function sendMailPage(reply: FastifyReply, mail: RenderedMail, { images }: { images: boolean }): FastifyReply {
  // The page has no origin, and browsers would complain that it cannot have a process of its own.
  reply.removeHeader("origin-agent-cluster");
  return reply
    .headers({
      "content-security-policy": policyOf(images),
      "x-frame-options": "SAMEORIGIN",
      "referrer-policy": "no-referrer",
      "cache-control": "no-store",
    })
    .type("text/html; charset=utf-8")
    .send(standalone(mail));
}
