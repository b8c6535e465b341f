/** A rendered mail in JSON. */
import { readWords } from "../compose/address/encoded-word.ts";
import type { RenderedMail } from "../message.ts";

/** The mail with the names that our JSON uses everywhere. Mailboxes are decoded, as people read them. */
export function mailAnswer({ from, replyTo, configurationSet, attachments, files, ...mail }: RenderedMail) {
  return {
    ...mail,
    from: readWords(from),
    reply_to: replyTo.map(readWords),
    configuration_set: configurationSet,
    attachments: attachments.map(({ fileName, contentType, contentId, data }) => ({
      ...fileAnswer({ fileName, contentType, contentId: contentId ?? null }),
      data,
    })),
    ...(files && { files: files.map((file) => ({ ...fileAnswer(file), path: file.path })) }),
  };
}

function fileAnswer(file: { fileName: string; contentType: string; contentId: string | null }) {
  return { file_name: file.fileName, content_type: file.contentType, content_id: file.contentId };
}
