/** Reads the mails that NATS brings: `[uuid, email, subject, body]` in MessagePack, and what else a mail is in a header. */
import { literally } from "../../compose/liquid/literally.ts";
import { mailboxesIn } from "../../compose/address/mailbox.ts";
import { type Content, kindOf } from "../../message.ts";
import { EXTRAS_HEADER, MOST_EXTRAS } from "../../queue/nats/delivery.ts";
import { decodeMail, type NatsMail } from "../../queue/nats/payload.ts";
import { parseInstant } from "../../time/schedule.ts";
import { isObject, utf8Text } from "../../json.ts";
import type { Fields } from "../fields.ts";
import { type Asked, renamed, type StoredMail } from "./asked.ts";

/** What the header may hold, as a JSON object in base64url: fields of a posted message. */
const EXTRAS: ReadonlySet<string> = new Set(["text", "reply_to", "headers", "list", "kind", "expires_at"]);

const NAMES = [
  ["emails[0]", "email"],
  ["emails", "email"],
  ["content", "body"],
  ...[...EXTRAS].map((field) => [field, `${EXTRAS_HEADER}.${field}`] as const),
] as const;

/** A delivery of NATS. `extras`: the header `Ses-Mail-Extras`; null: it has none. */
interface Delivered {
  readonly body: Uint8Array;
  readonly extras: string | null;
}

/** Reads a mail. `reports`: the sender of the mail is told what becomes of it. Never throws. */
export function readNatsMail({ body, extras }: Delivered, { reports }: { reports: boolean }): Asked {
  const mail = decodeMail(body);
  if ("wrong" in mail) return { kind: "wrong", reason: mail.wrong };
  const more = readExtras(extras);
  if ("wrong" in more) return { kind: "wrong", reason: `${EXTRAS_HEADER}${more.wrong}` };
  const { uuid } = mail;
  const message: Fields = { uuid, emails: [mail.email], subject: mail.subject, content: mail.body };
  return {
    kind: "asked",
    via: "nats",
    message: extras === null ? message : Object.assign(message, more.fields),
    uuid,
    reports: reports ? { via: "nats", name: uuid } : null,
    placeOf: (path) => renamed(path, NAMES),
    isSame: (stored) => hasSameWords(mail, more.fields, stored),
  };
}

type Extras = { fields: Fields } | { wrong: string };

/** `wrong` begins with what follows the name of the header. */
function readExtras(header: string | null): Extras {
  if (header === null) return { fields: {} };
  const text = textOf(header);
  if (typeof text !== "string") return text;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return { wrong: ": expected JSON in base64url" };
  }
  if (!isObject(parsed)) return { wrong: ": expected a JSON object in base64url" };
  const unknown = Object.keys(parsed).find((name) => !EXTRAS.has(name));
  if (unknown !== undefined) return { wrong: `.${unknown.slice(0, 60)}: unknown field` };
  return { fields: parsed };
}

function textOf(header: string): string | { wrong: string } {
  if (header.length > Math.ceil(MOST_EXTRAS / 3) * 4)
    return { wrong: `: expected at most ${MOST_EXTRAS / 1024} KB before base64` };
  if (!/^[\w-]*={0,2}$/.test(header)) return { wrong: ": expected JSON in base64url" };
  return utf8Text(Buffer.from(header, "base64url")) ?? { wrong: ": expected JSON in UTF-8" };
}

function hasSameWords(mail: NatsMail, extras: Fields, { content, expiresAt }: StoredMail): boolean {
  return (
    content.literal === true &&
    content.subject === mail.subject.trim() &&
    content.html === mail.body &&
    content.text === textIn(extras, "text") &&
    (content.list ?? "") === textIn(extras, "list").normalize("NFC") &&
    kindOf(content) === (textIn(extras, "kind") || "bulk") &&
    expiresAt === instantOf(textIn(extras, "expires_at")) &&
    hasHeaders(content, extras["headers"]) &&
    answersGoTo(content, extras["reply_to"])
  );
}

/** The text of a field; empty: there is none. */
function textIn(extras: Fields, field: string): string {
  const value = extras[field];
  return typeof value === "string" ? value : "";
}

function instantOf(text: string): number | null {
  return text === "" ? null : parseInstant(text, { now: 0, zone: null }).at;
}

/** The gateway may have added others. */
function hasHeaders({ headers }: Content, given: unknown): boolean {
  if (!isObject(given)) return true;
  const stored = new Map(headers.map(({ name, value }) => [name.toLowerCase(), value]));
  return Object.entries(given).every(([name, value]) => stored.get(name.toLowerCase()) === literally(String(value)));
}

/** Without its own mailboxes a mail has those of the gateway. */
function answersGoTo({ replyTo }: Content, given: unknown): boolean {
  const texts = (Array.isArray(given) ? (given as unknown[]) : [given]).filter((text) => typeof text === "string");
  const wanted = texts.flatMap(mailboxesIn);
  return wanted.length === 0 || JSON.stringify(wanted) === JSON.stringify(replyTo);
}
