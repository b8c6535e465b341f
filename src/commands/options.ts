/** Options several commands share, and what their values may be. Each setting has an environment variable. */
import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { UserError } from "../errors.ts";

export interface ContentFlags {
  content?: string;
  text?: string;
  subject?: string;
  from?: string;
  replyTo?: string[];
  header?: string[];
  attach?: string[];
  configurationSet?: string;
  tag?: string[];
  unsubscribeUrl?: string;
  unsubscribeMailto?: string;
  allowEmpty?: boolean;
  topic?: string;
}

export interface RecipientFlags {
  emailColumn?: string;
  delimiter?: string;
  encoding?: string;
}

const collect = (value: string, all: string[] | undefined) => [...(all ?? []), value];

/** An option whose value may also come from the environment. */
export function setting(flags: string, variable: string, description: string): Option {
  return new Option(flags, description).env(`SES_MAIL_${variable}`);
}

export function addContentOptions(command: Command): Command {
  return command
    .option("--topic <name>", "name of the topic (default: front matter, else the file's base name)")
    .option(
      "--content <file>",
      "content, .html or .md, with or without front matter (default: the file beside the CSV)",
    )
    .option("--text <file>", "text alternative (default: derived from the HTML)")
    .option("--subject <text>", "subject line")
    .addOption(setting("--from <mailbox>", "FROM", "sender, 'Name <address>'"))
    .addOption(setting("--reply-to <mailbox>", "REPLY_TO", "where answers go; may be repeated").argParser(collect))
    .option("--header <'Name: value'>", "extra header; may be repeated", collect)
    .option("--attach <file>", "attachment; may be repeated", collect)
    .addOption(setting("--configuration-set <name>", "CONFIGURATION_SET", "SES configuration set"))
    .option("--tag <name=value>", "SES message tag; may be repeated", collect)
    .addOption(
      setting("--unsubscribe-url <template>", "UNSUBSCRIBE_URL", "https address for List-Unsubscribe, one-click"),
    )
    .addOption(setting("--unsubscribe-mailto <address>", "UNSUBSCRIBE_MAILTO", "mail address for List-Unsubscribe"))
    .option("--allow-empty", "write variables that are empty or unknown as nothing");
}

export function addRecipientOptions(command: Command): Command {
  return command
    .addOption(setting("--email-column <name>", "EMAIL_COLUMN", "column with the address (default: email, else found)"))
    .addOption(setting("--delimiter <char>", "DELIMITER", "field separator (default: , ; or tab, detected)"))
    .addOption(
      setting("--encoding <name>", "ENCODING", "encoding of the CSV, such as cp949 (default: UTF-8 or UTF-16)"),
    );
}

/** A number of messages per second, more than 0, fractions allowed. */
export function parseRate(text: string): number {
  return number(
    text,
    "--rate expects recipients per second (more than 0, such as 14 or 0.5)",
    (n) => n > 0 && n <= 1_000_000,
  );
}

/** A whole number of at least 1. */
export function parseCount(option: string): (text: string) => number {
  return (text) => number(text, `${option} expects a whole number of at least 1`, (n) => Number.isInteger(n) && n >= 1);
}

/** A number of percent from 0 to 100, fractions allowed, with or without the sign; `off` is Infinity. */
export function parsePercent(option: string): (text: string) => number {
  return (text) =>
    text.trim().toLowerCase() === "off"
      ? // Not null: commander takes that for an option without a value.
        Infinity
      : number(
          text.replace(/\s*%\s*$/, ""),
          `${option} expects percent from 0 to 100 (such as 5 or 0.1) or off`,
          (n) => n <= 100,
        );
}

function number(text: string, expectation: string, isFine: (n: number) => boolean): number {
  const value = /^\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (isFine(value)) return value;
  throw new UserError(`${expectation}, got ${JSON.stringify(text)}`);
}

/** Where `--output` writes: the path, or null for stdout (not given, or `-`). */
export function outputPath(cwd: string, output: string | undefined): string | null {
  return output === undefined || output === "-" ? null : resolve(cwd, output);
}
