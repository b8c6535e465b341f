/** Names the list of a mail in a header (RFC 2919), so that mail programs can sort by it. */
import { createHash } from "node:crypto";
import type { Content, Header } from "../../message.ts";
import { formatPhrase, splitMailbox } from "../address/mailbox.ts";

/** Characters of the whole id (RFC 2919 §3), and of its first part, which is a label as in a domain. */
const MOST_OF_ID = 255;
const MOST_OF_LABEL = 63;
/** Characters of a name and its id, with the brackets. SES takes 995 for a value. */
const MOST_OF_VALUE = 900;
const HASH_CHARACTERS = 12;

/** A name that may stand in an id as it is. Ids that differ only in upper and lower case are the same (RFC 2919 §6). */
const PLAIN = /^[a-z0-9]+(?:[-_][a-z0-9]+)*$/;

/**
 * The header List-Id for the list of a content, in printable ASCII and at most 909 characters long: its name, and an id
 * within the domain of the sender. The same name and domain always give the same id, and two names never do. Null: it
 * has no list, or its author wrote a List-Id.
 */
export function listIdHeader({ list, from, headers }: Pick<Content, "list" | "from" | "headers">): Header | null {
  if (list === undefined || headers.some(({ name }) => name.toLowerCase() === "list-id")) return null;
  const id = `<${listId(list, domainOf(from))}>`;
  const phrase = formatPhrase(list.trim());
  return { name: "List-Id", value: phrase.length + id.length < MOST_OF_VALUE ? `${phrase} ${id}` : id };
}

function listId(name: string, domain: string): string {
  const label = PLAIN.test(name) && name.length <= MOST_OF_LABEL ? name : madeLabel(name);
  const labels = domain.split(".");
  // Only the longest of all domains. What is left of it belongs to the same people.
  while (label.length + 1 + labels.join(".").length > MOST_OF_ID) labels.shift();
  return [label, ...labels].join(".");
}

/** What of the name can be read in ASCII, and a hash that tells it from all others. */
function madeLabel(name: string): string {
  const hash = createHash("sha256").update(name).digest("hex").slice(0, HASH_CHARACTERS);
  const readable = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, MOST_OF_LABEL - HASH_CHARACTERS - 1)
    .replace(/^-+|-+$/g, "");
  return `${readable === "" ? "list" : readable}-${hash}`;
}

function domainOf(from: string): string {
  const mailbox = splitMailbox(from);
  // A content whose sender is no address is refused before its headers are made.
  if ("problem" in mailbox) return "invalid";
  return mailbox.address.slice(mailbox.address.lastIndexOf("@") + 1);
}
