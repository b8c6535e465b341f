/** Reads what a posted message may say of its mail beyond subject and body, with a template as without one. */
import { checkListName } from "../compose/list/name.ts";
import { mailboxesIn, splitMailbox } from "../compose/address/mailbox.ts";
import { refuseVariables } from "../compose/content/no-variables.ts";
import type { Attachment, Header } from "../message.ts";
import type { AttachmentReader } from "./attachments.ts";
import type { Place } from "./place.ts";
import { readHeaders } from "./posted-headers.ts";

/** What a message says itself. Null, or empty: it says nothing. */
export interface Extras {
  /** As it was posted: no template. */
  text: string | null;
  /** Mailboxes without variables. */
  replyTo: string[];
  /** Their values are templates that give what was posted. */
  headers: Header[];
  attachments: Attachment[];
  list: string | null;
  kind: "bulk" | "transactional" | null;
}

/** A message says nothing itself. */
export const NO_EXTRAS: Extras = { text: null, replyTo: [], headers: [], attachments: [], list: null, kind: null };

/** Reads them, and reports what is wrong. */
export function readExtras(message: Place, attachments: AttachmentReader): Extras {
  const list = readList(message);
  const kind = message.text("kind");
  return {
    text: readText(message),
    replyTo: readReplyTo(message),
    headers: readHeaders(message, { isListed: list !== null }),
    attachments: attachments.read(message),
    list,
    kind: kind === "bulk" || kind === "transactional" ? kind : null,
  };
}

function readList(message: Place): string | null {
  const name = message.text("list");
  return name === null || name === "" ? null : message.try("list", null, () => checkListName(name));
}

function readText(message: Place): string | null {
  const text = message.text("text");
  // The schema has reported an empty one.
  if (text === null || text === "") return null;
  message.checkText("text", text);
  return text;
}

function readReplyTo(message: Place): string[] {
  const field = message.has("replyTo") && !message.has("reply_to") ? "replyTo" : "reply_to";
  const both = message.has("replyTo") && message.has("reply_to");
  if (both && JSON.stringify(message.fields["replyTo"]) !== JSON.stringify(message.fields["reply_to"]))
    message.problem("replyTo", "says something else than reply_to");
  const given = message.fields[field];
  const isList = Array.isArray(given);
  return (isList ? (given as unknown[]) : [given]).flatMap((text, index) => {
    if (typeof text !== "string") return [];
    const place = isList ? `${field}[${index}]` : field;
    return mailboxesIn(text).filter((mailbox) => isMailbox(message, place, mailbox));
  });
}

function isMailbox(message: Place, field: string, written: string): boolean {
  return message.try(field, false, () => {
    refuseVariables("reply_to", written);
    const mailbox = splitMailbox(written);
    if ("problem" in mailbox) message.problem(field, `expected an address or Name <address>: ${mailbox.problem}`);
    return !("problem" in mailbox);
  });
}
