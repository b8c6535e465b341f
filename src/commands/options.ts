/** Options that several commands share, and what their values may be. Each setting has an environment variable. */
import type { Command } from "commander";
import { Option } from "commander";
import { UserError } from "../errors.ts";
import { parseDuration } from "../time/duration.ts";

/** The headings under which `--help` shows options. */
export const GROUPS = {
  first: "Most used:",
  content: "Content:",
  tracking: "Opens, clicks, unsubscribing (they need --base-url):",
  list: "List of recipients:",
  sending: "Sending:",
  brokers: "Brokers:",
  other: "Options:",
} as const;

/** Parses an option that may be repeated: returns all its values, in order. */
export const collect = (value: string, all: string[] | undefined): string[] => [...(all ?? []), value];

/** An option whose value is one or more of `words`, separated by commas. Completion offers them. */
export class ListOption extends Option {
  readonly words: readonly string[];

  constructor(flags: string, description: string, words: readonly string[]) {
    super(flags, description);
    this.words = words;
  }
}

/** An option whose value may also come from the environment variable `SES_MAIL_<variable>`. */
export function setting(flags: string, variable: string, description: string): Option {
  return new Option(flags, description).env(`SES_MAIL_${variable}`);
}

/** Adds the options that say what a mail is: content, sender, headers, tracking, and its topic. Returns `command`. */
export function addContentOptions(command: Command): Command {
  return addTrackingOptions(addOwnContentOptions(command));
}

/** Adds the options for what in a mail leads back to `serve`. Returns `command`. */
export function addTrackingOptions(command: Command): Command {
  return command
    .optionsGroup(GROUPS.tracking)
    .addOption(setting("--track-opens", "TRACK_OPENS", "add a picture that reports opens to the gateway"))
    .addOption(setting("--track-clicks", "TRACK_CLICKS", "lead links through the gateway, which counts clicks"))
    .addOption(setting("--unsubscribe", "UNSUBSCRIBE", "one-click List-Unsubscribe, and {{ unsubscribe_url }}"))
    .addOption(setting("--base-url <url>", "BASE_URL", "https address at which readers reach ses-mail serve"));
}

/**
 * Adds the options that say what mail has that comes in from outside: its sender, headers, tags, and tracking. Returns `command`.
 */
export function addIncomingOptions(command: Command, heading: string): Command {
  command
    .optionsGroup(heading)
    .addOption(setting("--from <mailbox>", "FROM", "sender of the mail, 'Name <address>'"))
    .addOption(setting("--reply-to <mailbox>", "REPLY_TO", "where answers go; may be repeated").argParser(collect))
    .option("--header <'Name: value'>", "extra header; may be repeated", collect)
    .addOption(setting("--configuration-set <name>", "CONFIGURATION_SET", "SES configuration set"))
    .addOption(setting("--tenant <name>", "TENANT", "SES tenant that the mail is sent for"))
    .option("--tag <name=value>", "SES message tag; may be repeated", collect)
    .addOption(setting("--unsubscribe-mailto <address>", "UNSUBSCRIBE_MAILTO", "mail address for List-Unsubscribe"));
  return addTrackingOptions(command);
}

function addOwnContentOptions(command: Command): Command {
  command
    .optionsGroup(GROUPS.content)
    .option("--topic <name>", "name of the topic (default: front matter, else the file's base name)")
    .option(
      "--content <file>",
      "content, .html or .md, with or without front matter (default: the file beside the CSV)",
    );
  return addMailOptions(command);
}

/** Adds the options that say what a mail is beside its content file. Returns `command`. */
export function addMailOptions(command: Command): Command {
  return command
    .optionsGroup(GROUPS.content)
    .option("--text <file>", "text part (default: made from the HTML)")
    .option("--subject <text>", "subject line")
    .addOption(setting("--from <mailbox>", "FROM", "sender, 'Name <address>'"))
    .addOption(setting("--reply-to <mailbox>", "REPLY_TO", "where answers go; may be repeated").argParser(collect))
    .addOption(setting("--list <name>", "LIST", "the list that readers may leave, such as weekly"))
    .option("--transactional", "mail that one person waits for: no unsubscription stops it")
    .option("--header <'Name: value'>", "extra header; may be repeated", collect)
    .option("--attach <file>", "attachment; may be repeated", collect)
    .addOption(setting("--configuration-set <name>", "CONFIGURATION_SET", "SES configuration set"))
    .addOption(setting("--tenant <name>", "TENANT", "SES tenant that the mail is sent for"))
    .option("--tag <name=value>", "SES message tag; may be repeated", collect)
    .addOption(
      setting("--unsubscribe-url <template>", "UNSUBSCRIBE_URL", "https address for List-Unsubscribe, one-click"),
    )
    .addOption(setting("--unsubscribe-mailto <address>", "UNSUBSCRIBE_MAILTO", "mail address for List-Unsubscribe"))
    .option("--allow-empty", "accept variables that are empty or unknown, and write nothing for them");
}

/** Adds the options that say how a list of recipients is written. Returns `command`. */
export function addRecipientOptions(command: Command): Command {
  return command
    .optionsGroup(GROUPS.list)
    .addOption(setting("--email-column <name>", "EMAIL_COLUMN", "column with the address (default: email, else found)"))
    .addOption(setting("--delimiter <char>", "DELIMITER", "field separator (default: , ; or tab, detected)"))
    .addOption(
      setting("--encoding <name>", "ENCODING", "encoding of the CSV, such as cp949 (default: UTF-8 or UTF-16)"),
    );
}

/** Adds the options of every command that sends: rate, attempts, and when to stop a topic. Returns `command`. */
export function addSendingOptions(command: Command): Command {
  return command
    .optionsGroup(GROUPS.sending)
    .addOption(setting("--rate <n>", "RATE", "recipients per second (default: the account's)").argParser(parseRate))
    .addOption(
      setting("--concurrency <n>", "CONCURRENCY", "calls in flight (default: 2 × rate)").argParser(
        parseCount("--concurrency"),
      ),
    )
    .addOption(
      setting("--max-attempts <n>", "MAX_ATTEMPTS", "attempts for each message")
        .argParser(parseCount("--max-attempts"))
        .default(3),
    )
    .addOption(
      setting("--timeout <duration>", "TIMEOUT", "wait this long for the whole answer; then the message is in doubt")
        // At least 1, because the HTTP client takes 0 for no limit.
        .argParser(durationText("--timeout", 1))
        .default("30s"),
    )
    .addOption(
      setting(
        "--reserve <n>",
        "RESERVE",
        "leave the last n of the daily quota to transactional and high-priority mail",
      ).argParser(parseReserve),
    )
    .addOption(endpointId("SES multi-region endpoint (global endpoint), such as abcd.xyz; --sandbox uses none"))
    .addOption(
      setting(
        "--max-late <duration>",
        "MAX_LATE",
        "do not send what is overdue by more than this, such as 2h",
      ).argParser(durationText("--max-late", 0)),
    )
    .addOption(
      setting(
        "--max-bounce-rate <percent>",
        "MAX_BOUNCE_RATE",
        "stop a topic that has more hard bounces than this; off: never",
      )
        .argParser(parsePercent("--max-bounce-rate"))
        .default(5),
    )
    .addOption(
      setting(
        "--max-complaint-rate <percent>",
        "MAX_COMPLAINT_RATE",
        "stop a topic that has more complaints than this; off: never",
      )
        .argParser(parsePercent("--max-complaint-rate"))
        .default(0.1),
    );
}

/** The multi-region endpoint that mail goes through. A rehearsal does not use it, and still says what would be wrong with it. */
export const endpointId = (description: string): Option =>
  setting("--endpoint-id <id>", "ENDPOINT_ID", description).argParser(parseEndpointId);

/** As the SDK checks it (isValidHostLabel, with dots): it becomes part of a host name. */
const ENDPOINT_ID = /^(?!-)[A-Za-z0-9-]{1,63}(?<!-)(?:\.(?!-)[A-Za-z0-9-]{1,63}(?<!-))*$/;

function parseEndpointId(id: string): string {
  if (ENDPOINT_ID.test(id)) return id;
  throw new UserError(
    `--endpoint-id expects the id of a multi-region endpoint, such as abcd.xyz, got ${JSON.stringify(id)}`,
    "aws sesv2 list-multi-region-endpoints shows those that there are",
  );
}

/** A parser that leaves a duration as it is written, so that one that cannot be used is refused whatever the command goes on to do. */
function durationText(option: string, leastMs: number): (text: string) => string {
  return (text) => {
    parseDuration(text, option, leastMs);
    return text;
  };
}

/** Recipients per second: more than 0, at most 1,000,000, fractions allowed. Throws `UserError` for anything else. */
export function parseRate(text: string): number {
  return number(
    text,
    "--rate expects recipients per second (more than 0, such as 14 or 0.5)",
    (n) => n > 0 && n <= 1_000_000,
  );
}

function parseReserve(text: string): number {
  const expectation = "--reserve expects how many recipients of the daily quota to keep (a whole number)";
  return number(text, expectation, (n) => Number.isInteger(n) && n <= 1_000_000_000);
}

/** How long mail of a list may be handed to SES. */
export const expiresIn = (): Option =>
  setting(
    "--expires-in <duration>",
    "EXPIRES_IN",
    "do not send what is still waiting this long after it is due, such as 2h",
  );

/** A parser of whole numbers of at least 1. It throws `UserError`, which names the option, for anything else. */
export function parseCount(option: string): (text: string) => number {
  return (text) => number(text, `${option} expects a whole number of at least 1`, (n) => Number.isInteger(n) && n >= 1);
}

/**
 * A parser of lists such as `failed,in_doubt`. It returns each name once, in the order typed. For a word that is not in
 * `allowed` it throws `UserError` with the hint that `hintOf` gives.
 */
export function parseNames<Name extends string>(
  option: string,
  allowed: readonly Name[],
  hintOf: (unknown: string) => string = () => "separate several with commas",
): (text: string) => Name[] {
  return (text) => {
    const names = text.split(",").map((name) => name.trim());
    const unknown = names.find((name) => !(allowed as readonly string[]).includes(name));
    if (unknown === undefined) return [...new Set(names)] as Name[];
    throw new UserError(
      `${option} expects one or more of ${allowed.join(",")}, got ${JSON.stringify(unknown)}`,
      hintOf(unknown),
    );
  };
}

/** A parser of percentages from 0 to 100, with or without `%`; fractions are allowed. `off` is Infinity. */
function parsePercent(option: string): (text: string) => number {
  return (text) =>
    text.trim().toLowerCase() === "off"
      ? // Not null, which commander takes for an option without a value.
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

/** The cap of what runs as a service. */
export const recipientCap = (): Option =>
  setting(
    "--recipient-cap <n/duration>",
    "RECIPIENT_CAP",
    "most mails to one address, such as 5/1h; more of them wait; off: any number",
  );
