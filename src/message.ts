/**
 * The nouns of ses-mail and the life of a message.
 *
 * A **topic** is one content going to one list of people under a name. A **message** is one content to one recipient
 * in one topic; it is the unit of state. docs/architecture.md has the diagram of its states, `store/rules/states.ts` the table.
 *
 * Only an answer of SES that comes late, an event or a visit that proves delivery, or a person moves a message out of `in_doubt`. Nothing
 * leaves `sent`.
 */

/** Every state a message can be in, in the order they are printed. */
export const STATES = ["pending", "sending", "sent", "in_doubt", "failed", "cancelled", "suppressed"] as const;

export type State = (typeof STATES)[number];

/** How many messages are in each state; `total` is always their sum. */
export type Totals = { total: number } & Record<State, number>;

/** A new object with 0 for each of the names: counts before anything was counted. */
export function zeros<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
}

/** The totals of a topic without messages. */
export const NO_MESSAGES: Readonly<Totals> = { total: 0, ...zeros(STATES) };

/** The topic of messages for which no topic was named, or this one. Two of them are never taken for the same mail. */
export const NO_TOPIC = "no-topic";

/** A header the user asked for. `value` may hold `{{ variables }}`. */
export interface Header {
  name: string;
  value: string;
}

/** An SES message tag: letters, digits, `_` and `-`, at most 256 characters each (SES API, MessageTag). */
export interface Tag {
  name: string;
  value: string;
}

/** A file as it goes out. In a content: one that goes with every message. */
export interface Attachment {
  fileName: string;
  contentType: string;
  /** The bytes, base64. */
  data: string;
  /** Set for a picture that the HTML shows, `src="cid:…"`; without the angle brackets. */
  contentId?: string;
}

/** A file of the content's folder that goes with one message. It is read when the message leaves. */
export interface MailFile {
  /** Absolute path of the content's folder. */
  folder: string;
  /** From there, with `/` between folders. */
  path: string;
  /** As readers see it. */
  fileName: string;
  contentType: string;
  /** Of a picture in the HTML; null: an attachment. */
  contentId: string | null;
}

/**
 * What is said, stored once per job file however many recipients it has. `subject`, `html`, `text`, `preheader`, header values,
 * `unsubscribeUrl`, the attachments of `files` and the display names of `from` and `replyTo` are Liquid templates; everything else is literal and was checked when the
 * content was read.
 */
export interface Content {
  /** As written: `Name <address>` or a bare address. Encoded for the wire only when it leaves. */
  from: string;
  replyTo: string[];
  subject: string;
  /** The body as its author wrote it, in `format`. */
  html: string;
  /**
   * What `html` is written in; styles are inlined after rendering. Not set in contents of the first version, whose HTML is ready, and in literal
   * ones.
   */
  format?: "html" | "markdown";
  /** Shown by mail programs after the subject, hidden in the mail. */
  preheader?: string;
  /** Empty when `format` is set: the text part is derived from each mail's HTML. */
  text: string;
  headers: Header[];
  tags: Tag[];
  attachments: Attachment[];
  /** Files that are read when each message leaves. Not set: there are none, which keeps the hashes of older contents. */
  files?: ContentFiles;
  configurationSet: string | null;
  unsubscribeUrl: string | null;
  unsubscribeMailto: string | null;
  /** True: a variable that is empty or unknown for a recipient is written as nothing instead of refusing the row. */
  allowEmpty: boolean;
  /**
   * Through the gateway: subject and HTML are final, not templates, and an empty `text` is derived when the content is
   * first sent, so that the request need not wait for it. Not set otherwise, which keeps the hashes of older contents.
   */
  literal?: true;
  /** What of it leads back to a `serve` on the same job file. Not set: nothing. */
  tracking?: Tracking;
}

/** Where the files of single messages are, and which of them go along. */
export interface ContentFiles {
  /** Absolute path of the content's folder: nothing outside of it is sent. */
  folder: string;
  /** Liquid templates, each the path of an attachment from the folder; one that comes out empty attaches nothing. */
  attachments: string[];
  /** Pictures that the HTML shows from the folder go with the mail. */
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
  /** Files that go along besides `attachments` and are not read yet. Not set: none. */
  files?: MailFile[];
  configurationSet: string | null;
}
