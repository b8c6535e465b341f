/**
 * The nouns of ses-mail and the life of a message.
 *
 * A **topic** is one content going to one list of people under a name. A **message** is one content to one recipient in
 * one topic; it is the unit of state. docs/architecture.md has the diagram of its states, `store/rules/states.ts` the
 * table.
 *
 * Four things move a message out of `in_doubt`: a late answer of SES, an event or a visit that proves the mail was
 * sent, and a person. What SES has sent never leaves `sent`; what went to the sandbox waits again when its topic is sent
 * for real.
 */

/** Every state a message can be in, in the order they are printed. Scripts rely on the names. */
export const STATES = ["pending", "sending", "sent", "in_doubt", "failed", "cancelled", "suppressed"] as const;

/** The state of a message: one of `STATES`. */
export type State = (typeof STATES)[number];

/** How many messages are in each state; `total` is always their sum. */
export type Totals = { total: number } & Record<State, number>;

/** A new object that has 0 for each of `names`. */
export function zeros<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
}

/** The totals of a topic without messages. */
export const NO_MESSAGES: Readonly<Totals> = { total: 0, ...zeros(STATES) };

/**
 * The topic of messages that were posted without one; it may be named, too. One address may get several messages in it.
 */
export const NO_TOPIC = "no-topic";

/** What a mail is for. `bulk`: many get it. `transactional`: one person waits for it, such as a receipt or a code. */
export type Kind = "bulk" | "transactional";

/** A header of a mail. In a content it is one the user asked for, and `value` may hold `{{ variables }}`. */
export interface Header {
  name: string;
  value: string;
}

/** An SES message tag: letters, digits, `_` and `-`, at most 256 characters each (SES API, MessageTag). */
export interface Tag {
  name: string;
  value: string;
}

/** A file, ready to be sent. In a content it goes with every message. */
export interface Attachment {
  fileName: string;
  contentType: string;
  /** The bytes, base64. */
  data: string;
  /** Set for a picture that the HTML shows (`src="cid:…"`); without the angle brackets. */
  contentId?: string;
}

/** A file of the content's folder that goes with one message. It is read when the message leaves. */
export interface MailFile {
  /** Absolute path of the content's folder. */
  folder: string;
  /** Relative to `folder`, with `/` between folders. */
  path: string;
  /** The name that readers see. */
  fileName: string;
  contentType: string;
  /** The Content-ID of a picture in the HTML, without the angle brackets. Null: an attachment. */
  contentId: string | null;
}

/**
 * Everything that is sent to the recipients of a topic. A job file stores a content once, however many recipients it
 * has. `subject`, `html`, `text`, `preheader`, header values, `unsubscribeUrl`, the attachments of `files` and the
 * display names of `from` and `replyTo` are Liquid templates. Everything else is literal and was checked when the
 * content was read.
 */
export interface Content {
  /** As its author wrote it: `Name <address>` or a bare address. It is encoded when the mail is made. */
  from: string;
  replyTo: string[];
  subject: string;
  /** The body as its author wrote it, in `format`. */
  html: string;
  /**
   * The language of `html`; styles are inlined after rendering. Not set in literal contents, and in contents of the first
   * version, whose HTML is ready.
   */
  format?: "html" | "markdown";
  /** Mail programs show it after the subject. It is hidden in the mail. */
  preheader?: string;
  /** The text part. When it is empty and `format` or `literal` is set, it is derived from the HTML of each mail. */
  text: string;
  headers: Header[];
  tags: Tag[];
  attachments: Attachment[];
  /**
   * Files that are read when each message leaves. Not set when there are none, so that older contents keep their
   * hashes.
   */
  files?: ContentFiles;
  configurationSet: string | null;
  unsubscribeUrl: string | null;
  unsubscribeMailto: string | null;
  /** True: an empty or unknown variable is written as nothing. False: it refuses the row. */
  allowEmpty: boolean;
  /**
   * Set for a content that was posted: subject, HTML and text are final, not templates. An empty `text` is derived when
   * the content is first sent, so that the request need not wait for it. Not set otherwise, so that older contents keep
   * their hashes.
   */
  literal?: true;
  /** Links that lead back to a `serve` on the same job file. Not set: there are none. */
  tracking?: Tracking;
  /**
   * The name of the list that it goes to, without a `/`: whoever leaves the list gets no more mail of it. Not set when there
   * is none, so that older contents keep their hashes.
   */
  list?: string;
  /** Not set for bulk mail, so that older contents keep their hashes. */
  kind?: "transactional";
  /** The SES tenant that the mail is sent for. Not set when there is none, so that older contents keep their hashes. */
  tenant?: string;
}

/** The kind of the mail that is made of this content. */
export function kindOf({ kind }: Pick<Content, "kind">): Kind {
  return kind ?? "bulk";
}

/** Where the files of single messages are, and which of them are sent. */
export interface ContentFiles {
  /** Absolute path of the content's folder: nothing outside of it is sent. */
  folder: string;
  /**
   * Liquid templates, each the path of an attachment relative to `folder`. One that renders to nothing attaches
   * nothing.
   */
  attachments: string[];
  /** True: pictures in `folder` that the HTML shows are sent with the mail. */
  inlineImages: boolean;
}

/** Links each message carries to the gateway, signed for that message alone. */
export interface Tracking {
  /** `https://mail.example.com`, without a slash at the end. */
  baseUrl: string;
  opens: boolean;
  clicks: boolean;
  /** List-Unsubscribe with one click (RFC 8058), and `{{ unsubscribe_url }}` in the content. */
  unsubscribe: boolean;
}

/** A value that a program posted: any JSON. */
export type Datum = string | number | boolean | null | readonly Datum[] | { readonly [name: string]: Datum };

/** The values of one recipient, by name: the texts of a list's columns, or what a program posted. */
export type Values = Readonly<Record<string, Datum>>;

const Nameless = function () {} as unknown as new () => Record<string, Datum>;
Nameless.prototype = Object.create(null);

/**
 * A new object for values with names that many objects share, such as the columns of a list. It inherits no name. An object that has no
 * prototype would be a hash table for V8: five times the memory, and twice the time.
 */
export function nameless(): Record<string, Datum> {
  return new Nameless();
}

/**
 * A text cut at the values of one recipient: `fixed[0]`, `values[0]`, `fixed[1]`, … `fixed` has one more than `values`, and is the very
 * same array in all mails that differ in their values only.
 */
export interface Pieces {
  fixed: readonly string[];
  values: readonly string[];
}

/** The text that these pieces make. */
export function wholeText({ fixed, values }: Pieces): string {
  const [first = ""] = fixed;
  if (values.length === 0) return first;
  const parts = [first];
  for (let at = 0; at < values.length; at++) parts.push(values[at] ?? "", fixed[at + 1] ?? "");
  // Adding long strings makes a rope, which V8 copies once more when the mail is sent.
  return parts.join("");
}

/** A mail whose HTML and text are whole, or still in pieces. */
export interface ComposedMail extends Omit<RenderedMail, "html" | "text"> {
  html: string | Pieces;
  text: string | Pieces;
}

/** The mail with whole texts. */
export function wholeMail(mail: ComposedMail): RenderedMail {
  const { html, text } = mail;
  const isWhole = typeof html === "string" && typeof text === "string";
  if (isWhole) return { ...mail, html, text };
  return {
    ...mail,
    html: typeof html === "string" ? html : wholeText(html),
    text: typeof text === "string" ? text : wholeText(text),
  };
}

/** One recipient's mail, ready for SES. Every string is final: escaped, encoded and within the limits of SES. */
export interface RenderedMail {
  from: string;
  to: string;
  replyTo: string[];
  subject: string;
  html: string;
  text: string;
  headers: Header[];
  tags: Tag[];
  attachments: Attachment[];
  /** Files that are sent besides `attachments`, and not read yet. Not set: there are none. */
  files?: MailFile[];
  configurationSet: string | null;
  /** The SES tenant that it is sent for. Not set: none. */
  tenant?: string;
}
