/** From a claim to an SES call: content and columns are looked up once, then each message is rendered and handed over. */
import { LRUCache } from "lru-cache";
import { RenderProblem } from "../compose/problem.ts";
import type { CompiledContent } from "../compose/template.ts";
import { prepareContent } from "../compose/tools.ts";
import { UserError } from "../errors.ts";
import type { Content, RenderedMail, Tag } from "../message.ts";
import type { Links } from "../tracking/links.ts";
import { messageLinks } from "../tracking/message-links.ts";
import type { Outcome } from "./outcome.ts";
import type { Deliver } from "./send.ts";
import type { Ses } from "./ses.ts";
import type { Claim } from "./source.ts";

interface Library {
  readonly jobId: string;
  content(contentId: number): Promise<Content>;
  ingestColumns(ingestId: number): Promise<string[]>;
}

/** Through the gateway each mail may have a content of its own, for months. */
const MOST_CONTENTS = 300;
const MOST_BYTES = 64 * 1024 * 1024;
const MOST_INGESTS = 1_000;

/**
 * Renders each claim and sends it, tagged so that an event finds its message even when the answer is lost. `links` is asked when the first
 * content with tracking goes out.
 */
export function createMailer(library: Library, ses: Ses, links: () => Promise<Links>): Deliver {
  const contents = contentCache(library);
  const columns = new LRUCache<number, string[]>({
    max: MOST_INGESTS,
    fetchMethod: (id) => library.ingestColumns(id),
  });
  const job: Tag = { name: "ses-mail-job", value: library.jobId };
  let signer: Links | null = null;

  const render = async (claim: Claim): Promise<RenderedMail | string> => {
    const { content } = contents.get(claim.contentId) ?? (await contents.forceFetch(claim.contentId));
    if (typeof content === "string") return content;
    const names = columns.get(claim.ingestId) ?? (await columns.forceFetch(claim.ingestId));
    const { tracking } = content;
    const own = tracking && messageLinks(tracking, (signer ??= await links()), claim.id);
    return problemOr(() => content.render(claim.email, valuesOf(names, claim), own));
  };

  return async (claim, onDeparted): Promise<Outcome> => {
    const mail = await render(claim);
    // Checked before it was taken in; only a content replaced meanwhile can get here.
    if (typeof mail === "string") return { kind: "rejected", reason: `cannot be rendered: ${mail}`, unknown: false };
    return ses.send(mail, [job, { name: "ses-mail-message", value: String(claim.id) }], onDeparted);
  };
}

interface Kept {
  /** Or why it cannot be compiled. */
  content: CompiledContent | string;
  bytes: number;
}

/** Claims that come together wait for one look-up. */
function contentCache(library: Library): LRUCache<number, Kept> {
  return new LRUCache<number, Kept>({
    max: MOST_CONTENTS,
    maxSize: MOST_BYTES,
    // However big, the content that goes out now is kept.
    sizeCalculation: ({ bytes }) => Math.min(MOST_BYTES, bytes),
    fetchMethod: async (id) => {
      const content = await library.content(id);
      return { content: await compiledOr(content), bytes: sizeOf(content) };
    },
  });
}

/** Roughly: a character takes up to two bytes, and stands in source, template, HTML with marks, and the pieces of HTML and text. */
function sizeOf({ html, text, attachments }: Content): number {
  return 12 * (html.length + text.length) + attachments.reduce((sum, { data }) => sum + data.length, 2_000);
}

function problemOr<T>(work: () => T): T | string {
  try {
    return work();
  } catch (error) {
    if (error instanceof RenderProblem || error instanceof UserError) return error.message;
    throw error;
  }
}

async function compiledOr(content: Content): Promise<CompiledContent | string> {
  try {
    return await prepareContent(content);
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

function valuesOf(names: string[], claim: Claim): Record<string, string> {
  const fields = JSON.parse(claim.fields) as string[];
  const values = Object.create(null) as Record<string, string>;
  for (let i = 0; i < names.length; i++) values[names[i] ?? ""] = fields[i] ?? "";
  return values;
}
