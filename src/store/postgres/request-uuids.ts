/** The uuids that clients gave to the messages and addresses of one batch of requests. */
import { listOfIds } from "../rules/accepted.ts";
import type { AcceptMessage, AcceptRequest, Endpoint } from "../rows.ts";
import type { NewRow } from "./new-messages.ts";
import type { Tx } from "./transaction.ts";
import { findNamedMessages, findUuids, keepUuids, type NamedAddress, type UuidRange } from "./uuids.ts";

/** What the batch does to its uuids. Nothing is written before `write`. */
export interface RequestUuids {
  /** True when something was accepted with this uuid. What was only rehearsed does not count when mail goes to SES. */
  has(uuid: string, endpoint: Endpoint): boolean;
  /** The first message to this address (in lower case) that was accepted with the uuid; null: it is not known. */
  messageTo(uuid: string, address: string): number | null;
  /** Keeps a uuid with the messages made for it, whose ids follow each other. A message that was only rehearsed gives its uuid up. */
  keep(uuid: string, rows: readonly NewRow[], isRehearsal: boolean): void;
  write(tx: Tx): Promise<void>;
}

/** Reads what is known of the uuids of these requests. */
export async function readRequestUuids(query: Tx["query"], requests: readonly AcceptRequest[]): Promise<RequestUuids> {
  const given = requests.flatMap(({ messages }) => messages.flatMap(uuidsOf));
  const known = await findUuids(query, [...new Set(given)]);
  // Only who is told ids has to know them, and mostly nothing came before.
  const named = known.size === 0 ? [] : requests.flatMap(({ messages }) => namedAmong(messages, known));
  const ids = await findNamedMessages(query, named);
  const messages = new Map(named.map((each, at) => [keyOf(each), ids[at] ?? null]));
  const kept = new Map<string, readonly NewRow[]>();
  return {
    has(uuid, endpoint) {
      const rehearsed = known.get(uuid);
      return rehearsed !== undefined && !(rehearsed && endpoint === "ses");
    },
    messageTo(uuid, address) {
      const rows = kept.get(uuid);
      if (rows === undefined) return messages.get(keyOf({ uuid, address })) ?? null;
      return rows.find((row) => row.address === address)?.id ?? null;
    },
    keep(uuid, rows, isRehearsal) {
      known.set(uuid, rows.length > 0 && isRehearsal);
      kept.set(uuid, rows);
    },
    write: (tx) => keepUuids(tx, new Map(Array.from(kept, ([uuid, rows]) => [uuid, rangeOf(rows)]))),
  };
}

function uuidsOf({ uuid, uuids }: AcceptMessage): string[] {
  const own = uuids?.filter((each) => each !== null) ?? [];
  return uuid === null ? own : [uuid, ...own];
}

function namedAmong(messages: readonly AcceptMessage[], known: ReadonlyMap<string, boolean>): NamedAddress[] {
  return listOfIds(messages) === null ? [] : messages.flatMap(namedOf).filter(({ uuid }) => known.has(uuid));
}

function namedOf({ emails, uuid, uuids }: AcceptMessage): NamedAddress[] {
  return emails.flatMap((email, at) => {
    const own = uuids?.[at] ?? uuid;
    return own === null ? [] : { uuid: own, address: email.toLowerCase() };
  });
}

const keyOf = ({ uuid, address }: NamedAddress): string => JSON.stringify([uuid, address]);

function rangeOf(rows: readonly NewRow[]): UuidRange {
  const [first, last] = [rows[0], rows.at(-1)];
  return first === undefined || last === undefined ? null : { first: first.id, last: last.id };
}
