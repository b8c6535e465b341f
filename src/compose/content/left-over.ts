/** Finds tags of other mail systems. ses-mail does not fill them in: `*|FNAME|*` would be mailed as it is. */
import type { Content } from "../../message.ts";

const NAME = "[\\p{L}_][\\p{L}\\p{N}_.: -]{0,60}";

/** Words that name a reader's data in the tags of every system. In brackets they are hardly ever prose. */
const READER =
  "(?:first|last|full|given|family|user|company)?[ _-]?name|fname|lname|e-?mail(?:[ _-]?address)?|vorname|nachname|anrede|prénom|nom|nombre|apellido|nome|cognome";
/** `first_name`: such words do not occur in prose. */
const SNAKE = "[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)+";

const TAGS: RegExp[] = [
  // Mailchimp and Mandrill; also Zoho.
  /\*\|[^|*\n]{1,80}\|\*/gu,
  // Salesforce, Selligent, Emarsys.
  /%%(?!\d)[\p{L}_][\p{L}\p{N}_.:=-]{0,60}%%/gu,
  // AWeber, GetResponse, Constant Contact, Mailjet ([[data:name:"x"]]).
  /\[\[\s*[\p{L}_][^[\]\n]{0,80}\]\]/gu,
  // Campaign Monitor and Sendy.
  /\[[\p{L}_][\p{L}\p{N}_ -]*,\s*fallback=[^\]\n]{0,80}\]/giu,
  // phpList.
  /\[(?:UNSUBSCRIBE(?:URL)?|PREFERENCES(?:URL)?|FORWARD(?:URL)?|FIRST ?NAME|LAST ?NAME|EMAIL)\]/g,
  // Word's mail merge, typed or pasted as HTML. Guillemets are also quotation marks, so only field names count.
  new RegExp(`(?:<|&lt;){2}\\s?${NAME}\\s?(?:>|&gt;){2}`, "gu"),
  new RegExp(`(?:«|&laquo;)(?:${SNAKE}|${READER})(?:»|&raquo;)`, "giu"),
  // JSP, Freemarker, JavaScript; Ruby; Smarty and MailerLite; Salesforce.
  /\$\{[\p{L}_][\p{L}\p{N}_.]{0,60}\}/gu,
  /#\{[\p{L}_][\p{L}\p{N}_.]{0,60}\}/gu,
  /\{[$!][\p{L}_][\p{L}\p{N}_.|]{0,60}\}/gu,
  // ERB, SendGrid, ASP, PHP.
  /<%=?\s*[\p{L}_@][\p{L}\p{N}_.]{0,60}\s*%>/gu,
  /<\?(?:php|=)\s?[^>\n]{1,60}\?>/gu,
  // Template Toolkit; Inxmail.
  /\[%-?\s*[\p{L}_][\p{L}\p{N}_.]{0,60}\s*-?%\]/gu,
  /##[\p{L}_][\p{L}\p{N}_.]{1,60}##/gu,
  // Ours with one brace, or with a space in them; Jinja's comment.
  new RegExp(`(?<![{$#])\\{\\s?(?:${SNAKE}|${READER})\\s?\\}(?!\\})`, "giu"),
  new RegExp(`(?<![{$#])\\{\\s?(?:${SNAKE}|${READER})\\s?\\}\\}`, "giu"),
  new RegExp(`\\{ \\{\\s*${NAME}\\s*\\} ?\\}`, "gu"),
  /\{ %\s*[a-z]+[^{}%\n]{0,80}%\s?\}|\{%?\s*end(?:if|for|unless|case)\s*%? \}/gu,
  // Ours, typed with the wide braces of an Asian keyboard.
  new RegExp(`｛\\s?[｛{]\\s*${NAME}\\s*[｝}]\\s?[｝}]`, "gu"),
  /｛\s?[%％]\s*[a-z]+[^｛｝\n]{0,80}[%％]\s?｝/gu,
  /\{#(?!\w+\s*\{)[^{}\n]{1,80}#\}/gu,
];

/**
 * Mailgun, ActiveCampaign, Joomla. In addresses percent signs encode bytes, so a simple name between them is no tag
 * there.
 */
const PERCENT =
  /(?<![\p{L}\p{N}%])%(?![\da-f]{2}(?:%|$))[A-Za-z][A-Za-z0-9]*(?:[._][A-Za-z0-9_]+)*%(?![\p{L}\p{N}%])/giu;
const IN_URL = /(?:https?:\/\/|mailto:)[^\s"'<>]*$/i;

/** The outputs and tags of Liquid, before rendering. */
const LIQUID = /\{%-?\s*raw\s*-?%\}|\{%-?\s*endraw\s*-?%\}|\{\{(?!\{)[\s\S]*?\}\}|\{%[\s\S]*?%\}/g;

/** The tags of other systems in a template, each once, in order. Liquid's own outputs and tags do not count. */
export function leftOverTags(text: string): string[] {
  // No tag spans a line break, so nothing that looks like a tag can arise where Liquid was.
  return tagsIn(text.replace(LIQUID, "\n"));
}

/**
 * The placeholders in a rendered mail: tags of other systems, and `{{` or `{%` with up to 28 characters after it, which
 * only a value can contain. `}}` and `%}` are not searched, because CSS has them too.
 */
export function placeholdersIn(text: string): string[] {
  const liquid = [...text.matchAll(/\{[{%]/g)].map(({ index }) => text.slice(index, index + 30));
  return [...liquid, ...tagsIn(text)];
}

function tagsIn(text: string): string[] {
  const found = TAGS.flatMap((pattern) => [...text.matchAll(pattern)]);
  const percent = [...text.matchAll(PERCENT)].filter((match) => !isEncoded(text, match));
  const tags = new Set<string>();
  let end = 0;
  for (const { 0: tag, index } of [...found, ...percent].sort(
    (a, b) => a.index - b.index || b[0].length - a[0].length,
  )) {
    if (index < end) continue;
    tags.add(tag);
    end = index + tag.length;
  }
  return [...tags];
}

function isEncoded(text: string, { 0: tag, index }: RegExpExecArray): boolean {
  return !/[._]/.test(tag) && IN_URL.test(text.slice(Math.max(0, index - LONGEST_URL), index));
}

const LONGEST_URL = 2_000;
const MOST_SHOWN = 3;

/** The warning of `send` about tags of other systems in a content, in one line. Null when there are none. */
export function leftOverReport(content: Content): string | null {
  const { subject, preheader = "", html, text, from, replyTo, headers, unsubscribeUrl, files } = content;
  const parts: [string, string][] = [
    ["subject", subject],
    ["preheader", preheader],
    ["HTML", html],
    ["text", text],
    ["from", from],
    ...replyTo.map((mailbox): [string, string] => ["reply_to", mailbox]),
    ...headers.map(({ name, value }): [string, string] => [`header ${name}`, value]),
    ["unsubscribe URL", unsubscribeUrl ?? ""],
    ...(files?.attachments ?? []).map((path): [string, string] => ["attachments", path]),
  ];
  const places = new Map<string, string[]>();
  for (const [place, source] of parts)
    for (const tag of leftOverTags(source)) places.set(plain(tag), [...(places.get(plain(tag)) ?? []), place]);
  if (places.size === 0) return null;
  const shown = [...places].slice(0, MOST_SHOWN).map(([tag, where]) => `${tag} (${[...new Set(where)].join(", ")})`);
  const more = places.size > MOST_SHOWN ? ` and ${places.size - MOST_SHOWN} more` : "";
  return `The content has what look like tags of another system, and they are mailed as they are: ${shown.join(", ")}${more}. A column is written {{ name }}.`;
}

/** The same tag is escaped in HTML and not in text. */
function plain(tag: string): string {
  return tag.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&laquo;", "«").replaceAll("&raquo;", "»");
}
