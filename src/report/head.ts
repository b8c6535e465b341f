/** The head of a mail as its first recipient got it, for the report page. */
import { readWords } from "../compose/address/encoded-word.ts";
import { compileContent } from "../compose/mail/template.ts";
import type { Content } from "../message.ts";
import type { Breakdown, Sample } from "../store/breakdown.ts";

/** Subject and sender. Where they cannot be rendered, they are as their author wrote them. */
export async function readHead(lines: Pick<Breakdown, "subject" | "from" | "sample">) {
  const { subject, from } = lines;
  const sample = await lines.sample();
  if (sample === null) return { subject, from };
  return rendered(sample) ?? { subject: sample.content.subject, from: sample.content.from };
}

function rendered({ content, email, fields }: Sample): { subject: string; from: string } | null {
  try {
    const { subject, from } = compileContent(headOnly(content)).render(email, fields);
    return { subject, from: readWords(from) };
  } catch {
    // A content that was replaced may name columns which this recipient does not have.
    return null;
  }
}

/** The content without what takes long to render. */
function headOnly(content: Content): Content {
  const { preheader: _preheader, files: _files, format: _format, ...head } = content;
  return { ...head, html: "", text: "", attachments: [] };
}
