/** Checks headers and tags as SES does. */
import { badRequest, invalidMember } from "./answer.ts";

/** A header or a message tag. */
export interface NameValue {
  name: string;
  value: string;
}

const MAX_HEADERS = 15;
const MAX_HEADER_NAME = 126;
const MAX_HEADER_VALUE = 995;
const MAX_HEADER_LENGTH = 996;
const HEADER_NAME = /^[!-9;-@A-~]+$/;
const TAG = /^[A-Za-z0-9_-]{1,256}$/;

/** Names that SES refuses as additional headers (SES API, MessageHeader). */
const REFUSED = new Set([
  "bcc",
  "cc",
  "content-disposition",
  "content-type",
  "date",
  "from",
  "message-id",
  "mime-version",
  "reply-to",
  "return-path",
  "subject",
  "to",
]);

/** Names that SES takes only once, as far as bulk mail uses them (developer guide, "Header fields"). */
const ONCE = new Set([
  "list-unsubscribe",
  "list-unsubscribe-post",
  "list-id",
  "precedence",
  "auto-submitted",
  "feedback-id",
]);

/**
 * @throws SesError BadRequestException for headers that SES does not take (SES API, MessageHeader: names, lengths,
 * characters).
 */
export function checkHeaders(headers: readonly NameValue[]): void {
  if (headers.length > MAX_HEADERS) {
    throw invalidMember("headers", `Member must have length less than or equal to ${MAX_HEADERS}`);
  }
  headers.forEach(checkHeader);
  const names = headers.map((header) => header.name.toLowerCase());
  const twice = names.find((name, index) => ONCE.has(name) && names.indexOf(name) !== index);
  if (twice !== undefined) throw badRequest(`Header ${twice} may be given only once.`);
}

function checkHeader({ name, value }: NameValue, index: number): void {
  const member = `headers.${index + 1}.member`;
  if (name.length > MAX_HEADER_NAME || !HEADER_NAME.test(name)) {
    throw invalidMember(`${member}.name`, `Member must satisfy regular expression pattern: ${HEADER_NAME.source}`);
  }
  if (REFUSED.has(name.toLowerCase())) throw badRequest(`Header ${name} is not allowed.`);
  if (!/^[ -~]+$/.test(value)) {
    throw invalidMember(`${member}.value`, "Member must satisfy regular expression pattern: [ -~]+");
  }
  if (value.length > MAX_HEADER_VALUE || name.length + value.length > MAX_HEADER_LENGTH) {
    throw invalidMember(`${member}.value`, `Member must have length less than or equal to ${MAX_HEADER_VALUE}`);
  }
}

/** @throws SesError BadRequestException for tags that SES does not take (SES API, MessageTag). */
export function checkTags(tags: readonly NameValue[]): void {
  for (const { name, value } of tags) {
    checkTagPart("name", name);
    checkTagPart("value", value);
  }
}

function checkTagPart(part: string, text: string): void {
  if (TAG.test(text)) return;
  throw badRequest(
    `Invalid tag ${part} <${text}>: only alphanumeric ASCII characters, '_', and '-' are allowed, at most 256 of them.`,
  );
}
