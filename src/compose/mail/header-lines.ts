/** Shows the headers of a mail to people. */
import type { Attachment, MailFile, RenderedMail } from "../../message.ts";
import { printable } from "../../printable.ts";
import { readWords } from "../address/encoded-word.ts";

/** The headers and attachments of a mail for people, decoded, one a line. No newline at the end. */
export function headerLines(mail: RenderedMail): string {
  return [
    `From: ${readWords(mail.from)}`,
    `To: ${mail.to}`,
    ...(mail.replyTo.length > 0 ? [`Reply-To: ${mail.replyTo.map(readWords).join(", ")}`] : []),
    `Subject: ${mail.subject}`,
    ...mail.headers.map(({ name, value }) => `${name}: ${readWords(value)}`),
    ...[...mail.attachments, ...(mail.files ?? [])].map(fileLine),
  ]
    .map(printable)
    .join("\n");
}

function fileLine({ fileName, contentType, contentId }: Attachment | MailFile): string {
  return `${contentId == null ? "Attachment" : "Picture"}: ${fileName} (${contentType})`;
}
