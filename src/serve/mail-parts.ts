/** Makes the mail of one recipient, to look at or to be sent as a test. Nothing in it counts as an open or a click. */
import { readWords } from "../compose/address/encoded-word.ts";
import { withFiles } from "../compose/mail/folder-files.ts";
import { prepareContent } from "../compose/mail/tools.ts";
import { RenderProblem } from "../compose/problem.ts";
import { StoppedError, UserError } from "../errors.ts";
import type { Content, Datum, RenderedMail } from "../message.ts";
import type { MailParts } from "../store/rows.ts";
import type { MessageLinks } from "../tracking/message-links.ts";

/** The recipient of a mail that has none. */
export const NOBODY = "someone@example.com";

/** A mail, or why it cannot be made. */
export type Made<T> = T | { problem: string };

/** The mail as its recipient gets it, without opens and clicks being counted. Pictures that cannot be read are left out. */
export async function previewMail(parts: MailParts): Promise<Made<RenderedMail>> {
  const mail = await rendered(parts);
  if ("problem" in mail) return mail;
  const pictures = (mail.files ?? []).filter(({ contentId }) => contentId !== null);
  const shown = await orProblem(() => withFiles({ ...mail, files: pictures }));
  return "problem" in shown ? mail : { ...shown, files: (mail.files ?? []).filter((file) => !pictures.includes(file)) };
}

/** Stands for the link to unsubscribe until the test has one of its own. */
const OWN_LINK = "https://unsubscribe.invalid/";

/**
 * The mail as a content that is final, to be sent to anybody. Its links count for the test, and its link to unsubscribe
 * is that of the test.
 */
export async function testContent(parts: MailParts): Promise<Made<Content>> {
  const mail = await rendered(parts, { open: () => "", click: (url) => url, unsubscribe: () => OWN_LINK });
  if ("problem" in mail) return mail;
  const whole = await orProblem(() => withFiles(mail));
  if ("problem" in whole) return whole;
  const { content } = parts;
  const withLink = (text: string) => text.replaceAll(OWN_LINK, "{{ unsubscribe_url }}");
  return {
    from: readWords(whole.from),
    replyTo: whole.replyTo.map(readWords),
    subject: whole.subject,
    html: withLink(whole.html),
    text: withLink(whole.text),
    headers: whole.headers
      .filter(({ value }) => !value.includes(OWN_LINK) && !isOneClick(value))
      .map(({ name, value }) => ({ name, value: readWords(value) })),
    tags: whole.tags,
    attachments: whole.attachments,
    configurationSet: whole.configurationSet,
    ...(whole.tenant !== undefined && { tenant: whole.tenant }),
    // With `tracking`, the test gets a link of its own. A link to another service stands in the headers.
    unsubscribeUrl: null,
    unsubscribeMailto: null,
    allowEmpty: false,
    literal: true,
    ...(content.tracking !== undefined && { tracking: content.tracking }),
  };

  function isOneClick(value: string): boolean {
    return content.tracking?.unsubscribe === true && value === "List-Unsubscribe=One-Click";
  }
}

function rendered(parts: MailParts, links?: MessageLinks): Promise<Made<RenderedMail>> {
  const { email, content, fields } = parts;
  const { tracking, ...rest } = content;
  const quiet = tracking === undefined ? rest : { ...rest, tracking: { ...tracking, opens: false, clicks: false } };
  return orProblem(async () => {
    const compiled = await prepareContent(quiet);
    // Without a prototype, so that a column may have any name.
    const values = Object.assign(Object.create(null) as Record<string, Datum>, fields);
    return compiled.render(email ?? NOBODY, values, links);
  });
}

async function orProblem<T extends object>(work: () => Promise<T>): Promise<Made<T>> {
  try {
    return await work();
  } catch (error) {
    // Errors of the system have a code: a file cannot be read.
    if (!(error instanceof Error)) throw error;
    const isKnown = error instanceof RenderProblem || error instanceof UserError || error instanceof StoppedError;
    if (isKnown || "code" in error) return { problem: error.message };
    throw error;
  }
}

/** The HTML as one page: a browser knows nothing of a mail's parts, so its pictures are put into it. */
export function standalone({ html, attachments }: RenderedMail): string {
  return attachments.reduce(
    (page, { contentId, contentType, data }) =>
      contentId === undefined ? page : page.replaceAll(`cid:${contentId}`, `data:${contentType};base64,${data}`),
    html,
  );
}
