/** From a claim to an SES call: content and columns are looked up once, then each message is rendered and handed over. */
import { type CompiledContent, compileContent } from "../compose/template.ts";
import { RenderProblem } from "../compose/problem.ts";
import type { Content, Tag } from "../message.ts";
import type { Ses } from "./ses.ts";
import type { Deliver } from "./send.ts";

interface Library {
  readonly jobId: string;
  content(contentId: number): Promise<Content>;
  ingestColumns(ingestId: number): Promise<string[]>;
}

/** Renders each claim and sends it, tagged so that an event finds its message even when the answer is lost. */
export function createMailer(library: Library, ses: Ses): Deliver {
  const contents = new Map<number, Promise<CompiledContent>>();
  const columns = new Map<number, Promise<string[]>>();
  const job: Tag = { name: "ses-mail-job", value: library.jobId };

  return async (claim, onDeparted) => {
    const content = await once(contents, claim.contentId, async (id) => compileContent(await library.content(id)));
    const names = await once(columns, claim.ingestId, (id) => library.ingestColumns(id));
    const fields = JSON.parse(claim.fields) as string[];
    const values = Object.create(null) as Record<string, string>;
    for (let i = 0; i < names.length; i++) values[names[i] ?? ""] = fields[i] ?? "";
    let mail;
    try {
      mail = content.render(claim.email, values);
    } catch (error) {
      if (!(error instanceof RenderProblem)) throw error;
      // Checked before it was taken in; only a content replaced meanwhile can get here.
      return { kind: "rejected", reason: `cannot be rendered: ${error.message}`, unknown: false };
    }
    return ses.send(mail, [job, { name: "ses-mail-message", value: String(claim.id) }], onDeparted);
  };
}

function once<T>(cache: Map<number, Promise<T>>, key: number, load: (key: number) => Promise<T>): Promise<T> {
  let value = cache.get(key);
  if (!value) cache.set(key, (value = load(key)));
  return value;
}
