/** Reads and checks the mail of a send call. */
import { bareAddress, checkMailbox } from "./address.ts";
import { badRequest, invalidMember } from "./answer.ts";
import { objectOf, objectsOf, textOf, textsOf, type Body } from "./body.ts";
import { checkHeaders, checkTags, type NameValue } from "./mail-rules.ts";
import { readRawMail } from "./raw-mail.ts";
import { renderTemplate, type Template } from "./template.ts";

/** An attachment of a mail. */
export interface AttachedFile {
  fileName: string;
  contentType: string;
  /** In base64, as it was given. */
  data: string;
  contentId: string | null;
  inline: boolean;
}

/** One message as SES accepts it. The outbox stores it, and events are about it. */
export interface Mail {
  operation: "SendEmail" | "SendBulkEmail";
  /** As it was given: `Name <address>` or bare. */
  from: string;
  to: string[];
  cc: string[];
  /** Bare addresses of To, Cc and Bcc. */
  recipients: string[];
  replyTo: string[];
  subject: string;
  text: string | null;
  html: string | null;
  headers: NameValue[];
  attachments: AttachedFile[];
  /** The MIME message of a raw send, which holds text, HTML and attachments; null otherwise. */
  raw: Buffer | null;
  tags: NameValue[];
  configurationSet: string | null;
  /** Why a template could not be filled. Such a message is accepted, never delivered, and reported as an event. */
  renderingFailure: { errorMessage: string; templateName: string } | null;
}

/**
 * Finds a stored template by its name.
 * @throws SesError NotFoundException.
 */
export type FindTemplate = (name: string) => Template;

/** Everything of a mail except its content. */
type Envelope = Omit<Mail, "subject" | "text" | "html" | "headers" | "attachments" | "raw" | "renderingFailure">;

const MAX_RECIPIENTS = 50;

/**
 * Reads the body of SendEmail.
 * @throws SesError as SES answers a malformed one.
 */
export function readMail(body: Body, findTemplate: FindTemplate): Mail {
  const content = objectOf(body, "Content") ?? {};
  const simple = objectOf(content, "Simple");
  const raw = objectOf(content, "Raw");
  const template = objectOf(content, "Template");
  if ([simple, raw, template].filter((form) => form !== null).length !== 1) {
    throw badRequest("Exactly one of Simple, Raw and Template must be given as Content.");
  }
  if (raw) return rawMail(body, raw);
  const from = textOf(body, "FromEmailAddress");
  // SES answers a Simple message without a sender with a null text.
  if (from === null) throw badRequest(template ? "Source cannot be empty" : null);
  const envelope = readEnvelope("SendEmail", body, body, from, readTags(body, "EmailTags"));
  return template ? templateMail(envelope, template, null, [], findTemplate) : simpleMail(envelope, simple!);
}

/**
 * Reads one entry of SendBulkEmail; `body` is the whole call.
 * @throws SesError as SES answers a malformed one.
 */
export function readBulkMail(body: Body, entry: Body, findTemplate: FindTemplate): Mail {
  const template = objectOf(objectOf(body, "DefaultContent") ?? {}, "Template");
  if (!template) throw badRequest("DefaultContent must hold a Template.");
  const from = textOf(body, "FromEmailAddress");
  if (from === null) throw badRequest("Source cannot be empty");
  const tags = new Map(readTags(body, "DefaultEmailTags").map((tag) => [tag.name, tag]));
  for (const tag of readTags(entry, "ReplacementTags")) tags.set(tag.name, tag);
  const envelope = readEnvelope("SendBulkEmail", body, entry, from, [...tags.values()]);
  const replacement = objectOf(objectOf(entry, "ReplacementEmailContent") ?? {}, "ReplacementTemplate") ?? {};
  return templateMail(
    envelope,
    template,
    textOf(replacement, "ReplacementTemplateData"),
    readHeaders(entry, "ReplacementHeaders"),
    findTemplate,
  );
}

/** The addresses that a send call names, before anything is checked. What cannot be read is left out. */
export function namedRecipients(body: Body): string[] {
  const holders = Array.isArray(body["BulkEmailEntries"]) ? (body["BulkEmailEntries"] as unknown[]) : [body];
  const destinations = holders.map((holder) => (holder as Body | null)?.["Destination"] as Body | null | undefined);
  const lists = destinations.flatMap((one) => [one?.["ToAddresses"], one?.["CcAddresses"], one?.["BccAddresses"]]);
  return lists.flat().filter((item) => typeof item === "string");
}

function readEnvelope(
  operation: Mail["operation"],
  call: Body,
  destinationHolder: Body,
  from: string,
  tags: NameValue[],
): Envelope {
  checkMailbox(from);
  const destination = objectOf(destinationHolder, "Destination") ?? {};
  const to = textsOf(destination, "ToAddresses");
  const cc = textsOf(destination, "CcAddresses");
  const recipients = checkRecipients([...to, ...cc, ...textsOf(destination, "BccAddresses")]);
  const replyTo = textsOf(call, "ReplyToAddresses");
  replyTo.forEach(checkMailbox);
  const configurationSet = textOf(call, "ConfigurationSetName");
  return { operation, from, to, cc, recipients, replyTo, tags, configurationSet };
}

function checkRecipients(texts: string[]): string[] {
  if (texts.length === 0) throw badRequest("There are no recipients specified");
  if (texts.length > MAX_RECIPIENTS) throw badRequest(`Recipient count exceeds ${MAX_RECIPIENTS}.`);
  return texts.map(checkMailbox);
}

function simpleMail(envelope: Envelope, simple: Body): Mail {
  const body = objectOf(simple, "Body");
  if (!body) throw invalidMember("content.simple.body", "Member must not be null");
  const text = readPart(body, "Text", "body.text");
  const html = readPart(body, "Html", "body.html");
  if (text === null && html === null) throw badRequest("The message body holds neither Text nor Html.");
  const subject = readPart(simple, "Subject", "subject");
  if (subject === null) throw invalidMember("content.simple.subject", "Member must not be null");
  if (/[\r\n]/.test(subject)) throw badRequest("The subject contains a line break.");
  const headers = readHeaders(simple, "Headers");
  return {
    ...envelope,
    subject,
    text,
    html,
    headers,
    attachments: readAttachments(simple),
    raw: null,
    renderingFailure: null,
  };
}

function readPart(holder: Body, member: string, path: string): string | null {
  const part = objectOf(holder, member);
  if (!part) return null;
  const data = textOf(part, "Data");
  if (data === null) throw invalidMember(`content.simple.${path}.data`, "Member must not be null");
  return data;
}

function templateMail(
  envelope: Envelope,
  template: Body,
  replacementData: string | null,
  replacementHeaders: NameValue[],
  findTemplate: FindTemplate,
): Mail {
  const { name, parts } = readTemplate(template, findTemplate);
  const rendered = renderTemplate(name, parts, textOf(template, "TemplateData"), replacementData);
  const replaced = new Set(replacementHeaders.map((header) => header.name.toLowerCase()));
  const headers = readHeaders(template, "Headers").filter((header) => !replaced.has(header.name.toLowerCase()));
  headers.push(...replacementHeaders);
  checkHeaders(headers);
  return { ...envelope, ...rendered, headers, attachments: readAttachments(template), raw: null };
}

function readTemplate(template: Body, findTemplate: FindTemplate): { name: string; parts: Template } {
  const inline = objectOf(template, "TemplateContent");
  const name = textOf(template, "TemplateName") ?? textOf(template, "TemplateArn")?.split("/").at(-1) ?? null;
  if ((inline === null) === (name === null))
    throw badRequest("Exactly one of TemplateName, TemplateArn and TemplateContent must be given.");
  return inline ? { name: "inline", parts: templateOf(inline) } : { name: name!, parts: findTemplate(name!) };
}

/** Reads `{Subject, Text, Html}` of a TemplateContent. A missing subject is empty. */
export function templateOf(content: Body): Template {
  return { subject: textOf(content, "Subject") ?? "", text: textOf(content, "Text"), html: textOf(content, "Html") };
}

function rawMail(body: Body, raw: Body): Mail {
  const data = textOf(raw, "Data");
  if (data === null) throw invalidMember("content.raw.data", "Member must not be null");
  const found = readRawMail(Buffer.from(data, "base64"));
  const from = textOf(body, "FromEmailAddress") ?? found.from;
  if (from === null) throw badRequest("Missing required header 'From'.");
  const destination = objectOf(body, "Destination") ? body : { Destination: { ToAddresses: found.recipients } };
  const tags = readTags(body, "EmailTags");
  const envelope = readEnvelope("SendEmail", body, destination, bareAddress(from), tags.length > 0 ? tags : found.tags);
  return {
    ...envelope,
    from: found.from ?? from,
    to: found.to,
    cc: found.cc,
    configurationSet: envelope.configurationSet ?? found.configurationSet,
    subject: found.subject,
    headers: found.headers,
    raw: found.message,
    text: null,
    html: null,
    attachments: [],
    renderingFailure: null,
  };
}

function readHeaders(holder: Body, member: string): NameValue[] {
  const headers = readPairs(holder, member, "headers");
  checkHeaders(headers);
  return headers;
}

function readTags(holder: Body, member: string): NameValue[] {
  const tags = readPairs(holder, member, "emailTags");
  checkTags(tags);
  return tags;
}

function readPairs(holder: Body, member: string, path: string): NameValue[] {
  return objectsOf(holder, member).map((pair, index) => {
    const name = textOf(pair, "Name");
    const value = textOf(pair, "Value");
    const missing = name === null ? "name" : "value";
    if (name === null || value === null)
      throw invalidMember(`${path}.${index + 1}.member.${missing}`, "Member must not be null");
    return { name, value };
  });
}

function readAttachments(holder: Body): AttachedFile[] {
  return objectsOf(holder, "Attachments").map((file, index) => {
    const member = (name: string) => `attachments.${index + 1}.member.${name}`;
    const fileName = textOf(file, "FileName");
    if (!fileName || fileName.length > 255)
      throw invalidMember(member("fileName"), "Member must have length between 1 and 255");
    const data = textOf(file, "RawContent");
    if (!data) throw invalidMember(member("rawContent"), "Member must not be null");
    const contentType = textOf(file, "ContentType") ?? "application/octet-stream";
    if (contentType.length > 78)
      throw invalidMember(member("contentType"), "Member must have length less than or equal to 78");
    const contentId = textOf(file, "ContentId");
    if (contentId !== null && (contentId === "" || contentId.length > 78))
      throw invalidMember(member("contentId"), "Member must have length between 1 and 78");
    const inline = textOf(file, "ContentDisposition") === "INLINE";
    return { fileName, contentType, data, contentId, inline };
  });
}
