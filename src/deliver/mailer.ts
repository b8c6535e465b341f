/**
 * From a claim to a call to SES. Contents and column names are looked up once and kept; each message is rendered, its files
 * are read, and it is handed over.
 */
import { LRUCache } from "lru-cache";
import { findFiles } from "../compose/mail/folder-files.ts";
import { RenderProblem } from "../compose/problem.ts";
import type { CompiledContent } from "../compose/mail/template.ts";
import { StoppedError, UserError } from "../errors.ts";
import { type ComposedMail, type Content, type Kind, kindOf, wholeMail, type Tag } from "../message.ts";
import type { Links } from "../tracking/links.ts";
import { messageLinks } from "../tracking/message-links.ts";
import { ByteBudget } from "./byte-budget.ts";
import type { Library } from "./library.ts";
import { type Deliver, type Outcome, WITHHELD } from "./outcome.ts";
import type { Claim } from "./source.ts";
import { readValues } from "./values.ts";

/** What the mailer needs of SES. */
export interface MailService {
  /**
   * Makes one call. `onDeparted` is called when the request goes on the wire, and `mayLeave` is asked right before: false
   * withholds it. Errors of SES are outcomes; only a bug rejects.
   */
  send(
    mail: ComposedMail,
    tags: Tag[],
    onDeparted: () => void,
    mayLeave: () => boolean,
    origin: MailOrigin,
  ): Promise<Outcome>;
}

/** Of which message a mail was made, for a service that names it. */
export interface MailOrigin extends Pick<Claim, "id" | "attempts" | "expiresInMs"> {
  kind: Kind;
  /** The list of its content, unless its author wrote a List-Id. Not set: there is none. */
  list?: string;
}

/** Bounds of the cache: through the gateway each mail may have a content of its own, for months. */
const MOST_CONTENTS = 300;
const MOST_BYTES = 64 * 1024 * 1024;
const MOST_LISTS = 1_000;
/**
 * Bytes of attachments in flight, in base64. They take about three times that in memory: the file, the request made of it, and
 * what waits in the socket.
 */
const MOST_ATTACHED = 64 * 1024 * 1024;

/** How a mailer treats what it cannot read. */
export interface MailerOptions {
  /**
   * What happens when the folder with a content's files is gone. `halt` (the default) stops the run, so that messages do not
   * fail one by one. `fail` fails them, so that they do not hold up messages of other contents.
   */
  whenFolderIsGone?: "halt" | "fail";
  /** True: mail goes to the sandbox. It carries a tag more, which tells events of a rehearsal from real ones when it is over. */
  isRehearsal?: boolean;
}

/**
 * Makes a mailer that renders each claim and sends it through `ses`. Each mail carries tags, so that an event finds its message
 * even when the answer is lost. `links` is called once, when the first content with tracking goes out.
 */
export function createMailer(
  library: Library,
  ses: MailService,
  links: () => Promise<Links>,
  { whenFolderIsGone = "halt", isRehearsal = false }: MailerOptions = {},
): Deliver {
  const contents = createContentCache(library);
  const columns = new LRUCache<number, string[]>({
    max: MOST_LISTS,
    fetchMethod: (id) => library.listColumns(id),
  });
  const own: Tag[] = [
    { name: "ses-mail-job", value: library.jobId },
    ...(isRehearsal ? [{ name: "ses-mail-rehearsal", value: "1" }] : []),
  ];
  let signer: Links | null = null;

  const budget = new ByteBudget(MOST_ATTACHED);

  /** What a claim's mail is made of. Undefined: some of it has to be looked up. */
  const known = ({ contentId, ingestId }: Claim): Source | undefined => {
    const kept = contents.get(contentId);
    const names = columns.get(ingestId);
    if (kept === undefined || names === undefined) return undefined;
    return signer === null && isTracked(kept) ? undefined : { kept, names, signer };
  };

  const lookUp = async ({ contentId, ingestId }: Claim): Promise<Source> => {
    const kept = contents.get(contentId) ?? (await contents.forceFetch(contentId));
    if (typeof kept.content === "string") return { kept, names: [], signer };
    const names = columns.get(ingestId) ?? (await columns.forceFetch(ingestId));
    if (isTracked(kept)) signer ??= await links();
    return { kept, names, signer };
  };

  /** A message waits for memory before its call is made, so that the time-out of the call does not run meanwhile. */
  const sendWithFiles = async (
    { mail, record }: Rendered,
    send: (mail: ComposedMail) => Outcome | Promise<Outcome>,
  ) => {
    const { files, ...rest } = mail;
    const attached = mail.attachments.reduce((sum, { data }) => sum + data.length, 0);
    if (files === undefined) return budget.within(attached, async () => send(mail));
    const found = await findFiles(wholeMail(mail), record);
    return budget.within(attached + found.bytes, async () =>
      send({ ...rest, attachments: [...mail.attachments, ...(await found.read())] }),
    );
  };

  const deliver: Deliver = async (claim, onDeparted, isValid) => {
    // Mostly all is known, and then a mail is made, signed and written before the next one is made: memory holds one of them, not all of a
    // turn, and the caches of the processor have it.
    const rendered = render(known(claim) ?? (await lookUp(claim)), claim);
    // Rows are checked before they are added, so only a content that was replaced since can fail here.
    if (typeof rendered === "string")
      return { kind: "rejected", reason: `cannot be rendered: ${rendered}`, unknown: false, isOurs: true };
    const { mail } = rendered;
    const tags = [...own, { name: "ses-mail-message", value: String(claim.id) }];
    // Ask last, because looking up, rendering and waiting for memory take time.
    const send = (whole: ComposedMail) =>
      isValid() ? ses.send(whole, tags, onDeparted, isValid, originOf(claim, rendered)) : WITHHELD;
    try {
      return await (mail.files === undefined && mail.attachments.length === 0
        ? send(mail)
        : sendWithFiles(rendered, send));
    } catch (error) {
      return outcomeOfFiles(error, whenFolderIsGone);
    }
  };
  return Object.assign(deliver, { isFull: () => budget.isFull() });
}

/** What a mail is made of. */
interface Source {
  kept: Kept;
  /** The columns of its list. */
  names: readonly string[];
  /** Set when the content has links. */
  signer: Links | null;
}

function isTracked({ content }: Kept): boolean {
  return typeof content !== "string" && content.tracking !== null;
}

/** The mail of a claim, or the reason why it cannot be rendered. */
function render({ kept, names, signer }: Source, claim: Claim): Rendered | string {
  const { content, kind, list } = kept;
  if (typeof content === "string") return content;
  const { tracking } = content;
  const linked = tracking && signer && messageLinks(tracking, signer, claim.id);
  const { values, record } = readValues(names, claim.fields);
  return problemOr(() => {
    const mail = content.compose(claim.email, values, linked);
    return list === undefined ? { mail, record, kind } : { mail, record, kind, list };
  });
}

interface Rendered extends Pick<MailOrigin, "kind" | "list"> {
  mail: ComposedMail;
  /** What `Examiner` recorded of its files when the list was added; null: nothing is known, or there are no files. */
  record: string | null;
}

function originOf({ id, attempts, expiresInMs }: Claim, { kind, list }: Rendered): MailOrigin {
  return { id, attempts, expiresInMs, kind, ...(list !== undefined && { list }) };
}

/** The outcome of a file that cannot be read. Nothing was handed to SES, whose own errors are outcomes already. */
function outcomeOfFiles(error: unknown, whenFolderIsGone: "halt" | "fail"): Outcome {
  if (error instanceof RenderProblem) return { kind: "rejected", reason: error.message, unknown: false, isOurs: true };
  if (error instanceof StoppedError) {
    const { message: reason, hint } = error;
    return whenFolderIsGone === "halt"
      ? { kind: "halted", reason, hint: hint ?? "" }
      : { kind: "rejected", reason, unknown: false, isOurs: true };
  }
  // Too many open files or a network folder that hangs may pass.
  if (error instanceof Error && "code" in error) {
    return { kind: "transient", reason: `a file cannot be read: ${error.message}`, unreachable: false };
  }
  throw error;
}

interface Kept extends Pick<MailOrigin, "kind" | "list"> {
  /** The compiled content, or the reason why it cannot be compiled. */
  content: CompiledContent | string;
  bytes: number;
}

/** Compiled contents by id. Claims that need the same content at the same time wait for one look-up. */
function createContentCache(library: Library): LRUCache<number, Kept> {
  return new LRUCache<number, Kept>({
    max: MOST_CONTENTS,
    maxSize: MOST_BYTES,
    // The cache must keep the content that goes out now, even when it is larger than the cache.
    sizeCalculation: ({ bytes }) => Math.min(MOST_BYTES, bytes),
    fetchMethod: async (id) => {
      const content = await library.content(id);
      const hasOwnId = content.headers.some(({ name }) => name.toLowerCase() === "list-id");
      const of = { kind: kindOf(content), ...(content.list !== undefined && !hasOwnId && { list: content.list }) };
      return { content: await compiledOr(content), bytes: sizeOf(content), ...of };
    },
  });
}

/**
 * A rough size in memory. A character takes up to two bytes, and is kept in the source, the template, the HTML with marks, and
 * the pieces of HTML and text.
 */
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

/** Loads the compiler with the first content, because most runs of cron have nothing to send. */
async function compiledOr(content: Content): Promise<CompiledContent | string> {
  const { prepareContent } = await import("../compose/mail/tools.ts");
  try {
    return await prepareContent(content);
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}
