/** Reads the front matter of a content file. */
import { UserError } from "../../errors.ts";
import { mailboxesIn, splitMailbox } from "../address/mailbox.ts";
import type { Kind } from "../../message.ts";
import { nearest } from "../../nearest.ts";
import { refuseVariables } from "./no-variables.ts";
import { shown, yamlQuoted } from "../shown.ts";
import type { Entry, Text, Value } from "./yaml-settings.ts";

/** The settings at the head of a content file, between two lines of `---`. Texts still have their variables. */
export interface FrontMatter {
  subject?: string;
  /** `splitMailbox` accepts it, and each of `reply_to`. */
  from?: string;
  reply_to?: string[];
  topic?: string;
  configuration_set?: string;
  tenant?: string;
  headers?: Record<string, string>;
  tags?: Record<string, string>;
  attachments?: string[];
  unsubscribe_url?: string;
  unsubscribe_mailto?: string;
  preheader?: string;
  inline_images?: boolean;
  list?: string;
  kind?: Kind;
}

const KINDS: readonly Kind[] = ["bulk", "transactional"];

/** How a setting is written. It may have variables (a mailbox only in its name), unless it is `fixed`. */
interface Setting {
  shape: "text" | "list" | "map" | "switch";
  fixed?: true;
  mailbox?: true;
  /** Only one of these. */
  words?: readonly string[];
}

const SETTINGS: Record<keyof FrontMatter, Setting> = {
  subject: { shape: "text" },
  from: { shape: "text", mailbox: true },
  reply_to: { shape: "list", mailbox: true },
  topic: { shape: "text", fixed: true },
  configuration_set: { shape: "text", fixed: true },
  tenant: { shape: "text", fixed: true },
  headers: { shape: "map" },
  tags: { shape: "map", fixed: true },
  attachments: { shape: "list" },
  unsubscribe_url: { shape: "text" },
  unsubscribe_mailto: { shape: "text", fixed: true },
  preheader: { shape: "text" },
  inline_images: { shape: "switch", fixed: true },
  list: { shape: "text", fixed: true },
  kind: { shape: "text", fixed: true, words: KINDS },
};

const EXPECTED = {
  text: "a text",
  list: "a text or a list of texts",
  map: "a map, name: value",
  switch: "true or false",
};

const OPENED = /^(?:[ \t]*\r?\n)*---[ \t]*\r?\n/;
const CLOSED = /^---[ \t]*(?:\r?\n|$)/m;

/**
 * Splits a content file into front matter and body; `bodyLine` is the 1-based line on which the body starts. There may
 * be blank lines before the front matter. Throws `UserError`, with `name`, the line and what to write instead, for YAML
 * that cannot be read or that means another text than its author sees, and for unknown keys, values of the wrong kind,
 * variables in fixed settings and bad addresses.
 */
export async function splitFrontMatter(
  source: string,
  name: string,
): Promise<{ front: FrontMatter; body: string; bodyLine: number }> {
  const opened = OPENED.exec(source)?.[0];
  if (opened === undefined) return { front: {}, body: source, bodyLine: 1 };
  const rest = source.slice(opened.length);
  const closed = CLOSED.exec(rest);
  if (!closed)
    throw new UserError(
      `${name}, line ${linesIn(opened)}: the front matter opened by --- is not closed`,
      "end it with a line of ---",
    );
  const yaml = rest.slice(0, closed.index);
  const { readSettings } = await import("./yaml-settings.ts");
  const settings = readSettings(yaml, name, linesIn(opened) + 1);
  return {
    front: Object.fromEntries(settings.map((entry) => settingOf(entry, (line) => `${name}, line ${line}`))),
    body: rest.slice(closed.index + closed[0].length),
    bodyLine: linesIn(opened + yaml + closed[0]) + 1,
  };
}

function linesIn(text: string): number {
  return text.match(/\n/g)?.length ?? 0;
}

type At = (line: number) => string;

function settingOf({ key, value }: Entry, at: At): [string, string | string[] | boolean | Record<string, string>] {
  if (!isKey(key.text)) throw unknownKey(key, at);
  const { shape, fixed, mailbox, words } = SETTINGS[key.text];
  const checked = (text: Text): string => {
    if (fixed) refuseVariables(`${at(text.line)}: ${key.text}`, text.text);
    if (words && !words.includes(text.text))
      throw new UserError(`${at(text.line)}: ${key.text} expects ${words.join(" or ")}, got ${shown(text.text)}`);
    return text.text;
  };
  if (shape === "map") return [key.text, mapOf(key.text, value, at, checked)];
  const texts = value.kind === "list" && shape === "list" ? value.items : [value];
  const wrong = texts.find((each) => each.kind !== "text");
  if (wrong) throw wrongKind(key.text, EXPECTED[shape], wrong, at);
  const written = (texts as Text[]).filter((each) => shape !== "list" || each.text !== "");
  const values = mailbox ? written.flatMap((each) => mailboxesOf(key.text, each, at)) : written.map(checked);
  if (shape === "list") return [key.text, values];
  return [key.text, shape === "switch" ? switchOf(key.text, written[0] as Text, at) : (values[0] ?? "")];
}

function isKey(key: string): key is keyof FrontMatter {
  return Object.hasOwn(SETTINGS, key);
}

function unknownKey({ text, line }: Text, at: At): UserError {
  const meant = nearest(text, Object.keys(SETTINGS));
  const suggestion = meant === null ? "" : `did you mean ${meant}? `;
  return new UserError(
    `${at(line)}: the front matter has an unknown key ${shown(text)}`,
    `${suggestion}it knows ${Object.keys(SETTINGS).join(", ")}`,
  );
}

function mapOf(key: string, value: Value, at: At, checked: (text: Text) => string): Record<string, string> {
  if (value.kind === "text" && value.text === "") return {};
  if (value.kind !== "map") throw wrongKind(key, EXPECTED.map, value, at);
  return Object.fromEntries(
    value.entries.map((entry) => {
      refuseVariables(`${at(entry.key.line)}: a name in ${key}`, entry.key.text);
      if (entry.value.kind !== "text") throw wrongKind(`${key}: ${entry.key.text}`, "one text", entry.value, at);
      return [entry.key.text, checked(entry.value)];
    }),
  );
}

function wrongKind(key: string, expected: string, value: Value, at: At): UserError {
  const got = value.kind === "text" ? value.text : value.source;
  const hint = /^[[{].{1,100}$/.test(got) ? `if it is a text, put it in quotes: ${yamlQuoted(got)}` : null;
  return new UserError(`${at(value.line)}: ${key} expects ${expected}, got ${shown(got)}`, hint);
}

function switchOf(key: string, { text, line }: Text, at: At): boolean {
  if (/^(?:true|yes)$/i.test(text)) return true;
  if (/^(?:false|no)$/i.test(text)) return false;
  throw new UserError(`${at(line)}: ${key} expects true or false, got ${shown(text)}`);
}

/** The mailboxes in one text: only one in `from`, several in `reply_to`. */
function mailboxesOf(key: string, { text, line }: Text, at: At): string[] {
  if (text.trim() === "") return [];
  const written = key === "from" ? [text.trim()] : mailboxesIn(text);
  for (const each of written) {
    const mailbox = splitMailbox(each);
    if ("problem" in mailbox)
      throw new UserError(`${at(line)}: ${key} expects an address or Name <address>: ${mailbox.problem}`);
  }
  return written;
}
