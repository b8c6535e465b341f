/** Composes mails as MIME messages. */
import type MailComposer from "nodemailer/lib/mail-composer";

import { encodeText } from "../compose/address/encoded-word.ts";
import { foldHeader } from "./fold.ts";
import type { AttachedFile, Mail } from "./mail.ts";

type ComposerClass = typeof MailComposer;

let composer: Promise<ComposerClass> | null = null;

/** Loaded for the first mail, so that a run without an outbox does not pay for it. */
function loadComposer(): Promise<ComposerClass> {
  composer ??= import("nodemailer/lib/mail-composer").then((module) => module.default);
  return composer;
}

/**
 * Writes the RFC 5322 message that SES would send: with a Date and Message-ID of its own and without Bcc. Addresses and
 * extra headers stay as they were given.
 */
export async function composeMime(mail: Mail, messageIdHeader: string, date: Date): Promise<Buffer> {
  if (mail.raw) {
    const dateText = date.toUTCString().replace("GMT", "+0000");
    return Buffer.concat([Buffer.from(`Date: ${dateText}\r\nMessage-ID: ${messageIdHeader}\r\n`), mail.raw]);
  }
  const Composer = await loadComposer();
  const message = await new Composer({
    ...(mail.text === null ? {} : { text: mail.text }),
    ...(mail.html === null ? {} : { html: mail.html }),
    attachments: mail.attachments.map(composerAttachment),
    messageId: messageIdHeader,
    date,
    newline: "windows",
    disableFileAccess: true,
    disableUrlAccess: true,
  })
    .compile()
    .build();
  return Buffer.concat([Buffer.from(givenHeaders(mail)), message]);
}

/**
 * Written by hand, because the composer would quote encoded-words in names, change the case of header names and fold
 * within runs of spaces. All of it is ASCII: the subject is encoded here, and the rest was checked on arrival.
 */
function givenHeaders(mail: Mail): string {
  const lists: [string, string[]][] = [
    ["From", [mail.from]],
    ["To", mail.to],
    ["Cc", mail.cc],
    ["Reply-To", mail.replyTo],
  ];
  const addresses = lists
    .filter(([, list]) => list.length > 0)
    .map(([name, list]) => foldHeader(name, list.join(", ")));
  const subject = foldHeader("Subject", encodeText(mail.subject));
  return [...addresses, subject, ...mail.headers.map(({ name, value }) => foldHeader(name, value))].join("");
}

function composerAttachment(file: AttachedFile) {
  return {
    filename: file.fileName,
    contentType: file.contentType,
    content: Buffer.from(file.data, "base64"),
    contentDisposition: file.inline ? "inline" : "attachment",
    ...(file.contentId === null ? {} : { cid: file.contentId }),
  };
}
