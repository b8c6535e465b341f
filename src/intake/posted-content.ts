/** Makes the content of a posted message: of what it says, of a template, and of what the gateway adds to every mail. */
import type { Envelope } from "../compose/content/content.ts";
import { checkHeaderNames, unsubscribeHeaders } from "../compose/content/headers.ts";
import { UNSUBSCRIBE_HEADERS } from "../compose/content/kind.ts";
import { literally } from "../compose/liquid/literally.ts";
import type { Content, Tracking } from "../message.ts";
import type { Extras } from "./extras.ts";
import { withHeaders } from "./posted-headers.ts";

/** What a gateway adds to the mails that it takes in. */
export interface Surrounding {
  envelope: Envelope;
  /** The links that the mails carry; null: none. */
  tracking: Tracking | null;
}

/** A content whose subject, HTML and text are final. The envelope must not be changed afterwards. */
export function literalContent(
  { subject, html, extras }: { subject: string; html: string; extras: Extras },
  { envelope, tracking }: Surrounding,
): Content {
  const isTransactional = extras.kind === "transactional";
  const blank = blankOf(envelope, isTransactional);
  const content: Content = { ...blank };
  content.subject = subject;
  content.html = html;
  content.text = extras.text ?? "";
  content.attachments = extras.attachments;
  if (extras.replyTo.length > 0) content.replyTo = extras.replyTo;
  if (extras.headers.length > 0) content.headers = withHeaders(blank.headers, extras.headers);
  if (tracking !== null && !isTransactional) content.tracking = tracking;
  if (extras.list !== null) content.list = extras.list;
  if (isTransactional) content.kind = "transactional";
  return content;
}

/** The contents without words of envelopes: for bulk mail, and for transactional mail. */
const blanks = new WeakMap<Envelope, { bulk: Content; transactional: Content }>();

/**
 * The content of an envelope, without words. It is copied for each message: to add fields to a copy one by one takes fifty times as long as
 * to copy an object that has them all. The order of the fields is part of the hash by which a content is kept once.
 */
function blankOf(envelope: Envelope, isTransactional: boolean): Content {
  let known = blanks.get(envelope);
  if (known === undefined) {
    const words = { subject: "", html: "", text: "", attachments: [], allowEmpty: false, literal: true as const };
    known = { bulk: { ...envelope, ...words }, transactional: { ...withoutLeaving(envelope), ...words } };
    blanks.set(envelope, known);
  }
  return isTransactional ? known.transactional : known.bulk;
}

/**
 * The template as this gateway sends it, without what the message says in its place. Its variables are all that the data of the message
 * have to give.
 */
export function templateBase(template: Content, extras: Extras, { envelope, tracking }: Surrounding): Content {
  const { kind = null, tracking: _own, ...rest } = template;
  const isTransactional = (extras.kind ?? kind) === "transactional";
  const around = isTransactional ? withoutLeaving(envelope) : envelope;
  const unsubscribeUrl = template.unsubscribeUrl ?? around.unsubscribeUrl;
  const links = isTransactional || tracking === null ? null : linksBeside(tracking, unsubscribeUrl);
  const beaten = new Set(extras.headers.map(({ name }) => name.toLowerCase()));
  return {
    ...rest,
    from: template.from === "" ? envelope.from : template.from,
    replyTo: extras.replyTo.length > 0 ? [] : template.replyTo.length > 0 ? template.replyTo : envelope.replyTo,
    headers: withHeaders(around.headers, template.headers).filter(({ name }) => !beaten.has(name.toLowerCase())),
    tags: [...new Map([...envelope.tags, ...template.tags].map((tag) => [tag.name, tag])).values()],
    text: extras.text === null ? template.text : "-",
    configurationSet: template.configurationSet ?? envelope.configurationSet,
    ...(template.tenant === undefined && envelope.tenant !== undefined && { tenant: envelope.tenant }),
    unsubscribeUrl,
    unsubscribeMailto: template.unsubscribeMailto ?? around.unsubscribeMailto,
    ...(links !== null && { tracking: links }),
    ...(extras.list !== null && { list: extras.list }),
    ...(isTransactional && { kind: "transactional" as const }),
  };
}

/** The content of a message: the base of its template, and what the message says itself. */
export function templatedContent(base: Content, extras: Extras): Content {
  const { text, replyTo, headers, attachments } = extras;
  if (text === null && replyTo.length === 0 && headers.length === 0 && attachments.length === 0) return base;
  return {
    ...base,
    ...(replyTo.length > 0 && { replyTo }),
    headers: [...base.headers, ...headers],
    text: text === null ? base.text : literally(text),
    attachments: [...base.attachments, ...attachments],
  };
}

/** Throws `UserError` when SES would refuse the headers of this content together. */
export function checkAllHeaders({ headers, unsubscribeUrl, unsubscribeMailto, tracking, list }: Content): void {
  const url = unsubscribeUrl !== null || tracking?.unsubscribe === true ? "https://…" : null;
  const names = [...headers, ...unsubscribeHeaders(url, unsubscribeMailto)].map(({ name }) => name);
  const hasId = list === undefined || names.some((name) => name.toLowerCase() === "list-id");
  checkHeaderNames(hasId ? names : [...names, "List-Id"]);
}

/** A link of the template's own to unsubscribe takes the place of the gateway's. */
function linksBeside(tracking: Tracking, unsubscribeUrl: string | null): Tracking | null {
  const links = { ...tracking, unsubscribe: tracking.unsubscribe && unsubscribeUrl === null };
  return links.opens || links.clicks || links.unsubscribe ? links : null;
}

/** The envelope for transactional mail, from which nobody can unsubscribe. */
function withoutLeaving(envelope: Envelope): Envelope {
  const headers = envelope.headers.filter(({ name }) => !UNSUBSCRIBE_HEADERS.has(name.toLowerCase()));
  return { ...envelope, headers, unsubscribeUrl: null, unsubscribeMailto: null };
}
