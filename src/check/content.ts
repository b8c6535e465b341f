/** Checks the content as a recipient would get it. */
import { isPrintableAscii } from "../compose/address/encoded-word.ts";
import type { Content, Header, RenderedMail } from "../message.ts";
import { type MailDocument, readDocument } from "./document.ts";
import { count, counted } from "../counted.ts";
import { examplesOf, type Finding, finding, size } from "./finding.ts";
import { imageFindings, linkFindings } from "./links.ts";

/** One rendered mail, with the largest sizes of all recipients' mails. */
export interface Sample {
  /** The mail of the first valid row. */
  mail: RenderedMail;
  /** The most bytes of HTML any recipient gets. */
  htmlBytes: number;
  /** The most characters of base64 that the files of one recipient take. */
  fileBytes: number;
  /** The longest subject any recipient gets. */
  subject: string;
}

/** Gmail shows the first 102 KB of a mail's HTML and hides the rest, often with the unsubscribe link. */
const GMAIL_CLIPS = 102 * 1024;
/** The largest mail SES takes, after base64 (SES quotas). Above 10 MB SES may be slower. */
const MOST_BYTES = 40 * 1024 * 1024;
const LARGE_BYTES = 10 * 1024 * 1024;
/** RFC 5322 §2.1.1 recommends lines of at most 78 characters. Phones cut a subject at about 60. */
const LONG_SUBJECT = 78;
const CUT_SUBJECT = 60;
/**
 * SES takes 995 characters (SES API, MessageHeader). 900 leaves room for a recipient whose value is longer than the
 * sample's.
 */
const LONG_HEADER = 900;

/** All findings about the content of this kind. It looks at one mail; sizes and subject are the largest of all. */
export function contentFindings({ mail, htmlBytes, fileBytes, subject }: Sample, kind?: Content["kind"]): Finding[] {
  const document = readDocument(mail.html);
  return [
    htmlSize(htmlBytes),
    ...messageSize(mail, fileBytes),
    ...subjectFindings(subject),
    text(mail, document),
    ...(kind === "transactional" ? [WAITED_FOR] : unsubscribe(mail.headers, document)),
    ...linkFindings(document.links),
    ...imageFindings(document.images, enclosedIds(mail)),
    ...markup(document),
    ...headerLengths(mail.headers),
  ];
}

function htmlSize(bytes: number): Finding {
  if (bytes <= GMAIL_CLIPS) return finding("ok", "content.html-size", `the HTML is ${size(bytes)}`);
  return finding(
    "warning",
    "content.html-size",
    `the HTML is ${size(bytes)}: Gmail hides what comes after 102 KB`,
    "shorten it, or move styles that repeat in every element to fewer elements",
  );
}

/** The Content-IDs of pictures that are sent with the mail. */
function enclosedIds({ files = [] }: RenderedMail): Set<string> {
  return new Set(files.flatMap(({ contentId }) => contentId ?? []));
}

function messageSize(mail: RenderedMail, fileBytes: number): Finding[] {
  const count = mail.attachments.length + (mail.files?.length ?? 0);
  const attached = mail.attachments.reduce((sum, { data }) => sum + bytesOf(data.length), bytesOf(fileBytes));
  const bytes = encodedSize(mail) + (fileBytes * 78) / 76;
  const findings: Finding[] = [];
  if (attached > LARGE_BYTES) {
    const message = `${counted(count, "attachment")} of ${size(attached)}: many providers refuse mails of more than 10 MB`;
    findings.push(finding("warning", "content.attachments", message, "send a link instead"));
  }
  if (bytes > MOST_BYTES) {
    const message = `the mail is about ${size(bytes)} as it is sent, SES takes 40 MB`;
    return [...findings, finding("error", "content.message-size", message, "send a link instead of attachments")];
  }
  if (bytes > LARGE_BYTES && findings.length === 0) {
    const message = `the mail is about ${size(bytes)} as it is sent: SES may slow down above 10 MB`;
    findings.push(finding("warning", "content.message-size", message, "send a link instead of attachments"));
  }
  return findings.length > 0 ? findings : [finding("ok", "content.message-size", `the mail is about ${size(bytes)}`)];
}

function bytesOf(base64Length: number): number {
  return Math.floor((base64Length * 3) / 4);
}

function encodedSize({ html, text: plain, attachments }: RenderedMail): number {
  const bodies = [html, plain].map(
    (body) => Buffer.byteLength(body) * (isPrintableAscii(body.replace(/\s/g, "")) ? 1 : 4 / 3),
  );
  // Base64 is sent in lines of 76 characters, each with a CRLF.
  const files = attachments.map(({ data }) => (data.length * 78) / 76);
  return [...bodies, ...files].reduce((sum, bytes) => sum + bytes, 0);
}

function subjectFindings(subject: string): Finding[] {
  return [subjectLength(subject), ...subjectTone(subject)];
}

function subjectLength(subject: string): Finding {
  const length = Array.from(subject).length;
  const check = "content.subject-length";
  if (length > LONG_SUBJECT) {
    return finding(
      "warning",
      check,
      `the subject is up to ${length} characters long, most inboxes show 60 or fewer`,
      "shorten it",
    );
  }
  if (length > CUT_SUBJECT)
    return finding("info", check, `the subject is up to ${length} characters long: phones cut it off`);
  return finding("ok", check, `the subject has ${counted(length, "character")}`);
}

function subjectTone(subject: string): Finding[] {
  const letters = subject.replace(/\P{L}/gu, "");
  const isShouted = letters.length >= 8 && letters === letters.toUpperCase() && letters !== letters.toLowerCase();
  const marks = subject.match(/[!！]/g)?.length ?? 0;
  const findings: Finding[] = [];
  if (isShouted)
    findings.push(finding("info", "content.subject-capitals", "the subject is all capitals, as spam often is"));
  if (marks > 1) {
    const message = `the subject has ${count(marks)} exclamation marks, as spam often has`;
    findings.push(finding("info", "content.subject-exclamation", message));
  }
  return findings;
}

/**
 * The words a reader reads. Addresses of links are left out, because only the text has them. Each character of Chinese
 * and Japanese counts as one word.
 */
function wordsOf(plain: string): string[] {
  const spoken = plain.toLowerCase().replace(/\[?https?:\/\/\S+/g, " ");
  return spoken.match(/[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}]|[\p{L}\p{N}]+/gu) ?? [];
}

/** With fewer words a comparison says too little. */
const FEW_WORDS = 10;

function text({ text: plain }: RenderedMail, document: MailDocument): Finding {
  const check = "content.text";
  const [said, shown] = [wordsOf(plain), wordsOf(document.text)];
  if (said.length === 0) {
    return finding(
      "warning",
      check,
      "the text alternative is empty",
      "leave --text out, and it is derived from the HTML",
    );
  }
  if (shown.length >= FEW_WORDS && said.length < shown.length * 0.3) {
    const message = `the text alternative has ${counted(said.length, "word")}, the HTML ${count(shown.length)}`;
    return finding("warning", check, message, "say the same in both: filters compare them");
  }
  const inHtml = new Set(shown);
  const shared = said.filter((word) => inHtml.has(word)).length;
  if (said.length >= FEW_WORDS && shared < said.length * 0.5) {
    const percent = Math.round((shared / said.length) * 100);
    const message = `the text alternative says something else than the HTML: they share ${percent} % of its words`;
    return finding("warning", "content.text-differs", message, "is it from an older mail? filters compare them");
  }
  return finding("ok", check, "the text alternative says what the HTML says");
}

/** How people write "unsubscribe" in many languages. The address of a link may hold it, too. */
const UNSUBSCRIBE =
  /unsubscri|opt.?out|수신\s*거부|구독\s*(?:취소|해지)|abmelden|abbestellen|désabonn|désinscri|darse de baja|cancelar.{0,20}suscripci|disiscri|配信停止|登録解除|退订|退訂|取消订阅|取消訂閱/i;

const WAITED_FOR = finding("ok", "content.unsubscribe", "transactional mail: nobody unsubscribes from it");

function unsubscribe(headers: Header[], document: MailDocument): Finding[] {
  const inBody = UNSUBSCRIBE.test(document.text) || document.links.some((link) => UNSUBSCRIBE.test(link));
  const body = finding(
    "info",
    "content.unsubscribe-link",
    "no unsubscribe link was found in the text of the mail",
    "Gmail and many laws want one that readers see, besides the header",
  );
  return [unsubscribeHeader(headers), ...(inBody ? [] : [body])];
}

function unsubscribeHeader(headers: Header[]): Finding {
  const check = "content.unsubscribe";
  const valueOf = (name: string) => headers.find((header) => header.name.toLowerCase() === name)?.value.trim();
  const list = valueOf("list-unsubscribe");
  if (list === undefined) {
    return finding(
      "warning",
      check,
      "no List-Unsubscribe header: Gmail and Yahoo want one-click unsubscribe in bulk mail",
      "give --unsubscribe with --base-url, or --unsubscribe-url https://…?email={{ email }}; and --unsubscribe-mailto",
    );
  }
  const oneClick = valueOf("list-unsubscribe-post")?.toLowerCase() === "list-unsubscribe=one-click";
  if (/<https:\/\/[^>]+>/i.test(list) && oneClick)
    return finding("ok", check, "one-click unsubscribe (RFC 8058) is there");
  const missing = oneClick ? "an https address in angle brackets" : "List-Unsubscribe-Post, or an https address";
  return finding(
    "warning",
    check,
    `List-Unsubscribe is there, but not one-click: ${missing} is missing`,
    "give --unsubscribe-url https://…, which writes both headers",
  );
}

function markup({ unwelcome, title, lang }: MailDocument): Finding[] {
  const findings: Finding[] = [];
  if (unwelcome.length > 0) {
    const elements = unwelcome.map((name) => `<${name}>`).join(", ");
    const message = `mail programs remove ${elements}, and filters distrust it`;
    findings.push(finding("warning", "content.markup", message, "link to a web page instead"));
  }
  if (title === "") findings.push(finding("info", "content.title", "the HTML has no <title>"));
  if (lang === null) {
    const message = "the HTML does not say its language: screen readers guess";
    findings.push(finding("info", "content.lang", message, 'write <html lang="en">'));
  }
  return findings;
}

function headerLengths(headers: Header[]): Finding[] {
  const long = headers.filter(({ value }) => value.length > LONG_HEADER);
  if (long.length === 0) return [];
  const examples = examplesOf(long.map(({ name, value }) => `${name} (${value.length})`));
  const message = `SES takes header values of 995 characters, close to it: ${examples.text}`;
  return [finding("warning", "content.header-length", message, "shorten the address or the token in it")];
}
