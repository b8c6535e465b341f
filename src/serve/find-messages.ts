/** Finds messages by whatever a person has at hand. */
import { parseAddress } from "../compose/address/address.ts";
import type { Library } from "../deliver/library.ts";
import { historyOf, type HistoryLine } from "../report/history.ts";
import type { MessageRecord, Suppression } from "../store/rows.ts";
import { messageOfUuid } from "../store/rules/outlet-uuid.ts";
import type { Reader, Suppressions } from "../store/store.ts";

/** A message with what happened to it. */
export interface TracedMessage {
  message: MessageRecord;
  history: HistoryLine[];
  /** True: it went to the sandbox, or would. */
  isRehearsal: boolean;
}

/** What was found. */
export interface Found {
  /** Newest first. */
  messages: MessageRecord[];
  /** True: there are older ones, too. */
  hasMore: boolean;
  /** The address that was asked for; null: it was none. */
  address: string | null;
  /** Those of the address, else of everybody whom the messages are for. */
  suppressions: Suppression[];
}

/** When no address was asked for, the suppressions of at most this many people are looked up. */
const MOST_PEOPLE = 20;

/** Where messages are looked for. */
type Searched = Reader & Suppressions & Pick<Library, "jobId">;

/**
 * The newest `limit` messages to this address, or with this uuid, id or SES message id, or made of the job of Redis or the row of another
 * program's database with this id, or that were handed over to a broker under this name: all that match. An SES message id may be written
 * as in the header Message-ID, `<…@email.amazonses.com>`.
 */
export async function findMessages(store: Searched, text: string, limit: number): Promise<Found> {
  const wanted = text.trim();
  const parsed = parseAddress(wanted);
  const address = "address" in parsed ? parsed.address : null;
  const found = await Promise.all([
    address === null ? [] : store.messagesTo(address, limit + 1),
    withId(store, /^[1-9]\d{0,15}$/.test(wanted) ? Number(wanted) : messageOfUuid(store.jobId, wanted)),
    ...(await uuidsOf(store, wanted)).map((uuid) => store.messagesNamed(uuid, limit + 1)),
    store.messagesReportedAs(wanted, limit + 1),
    store.messagesBySesId(sesIdOf(wanted), limit + 1),
  ]);
  const byId = new Map(found.flat().map((message) => [message.id, message]));
  const messages = [...byId.values()].sort((a, b) => b.id - a.id);
  const people = messages.map(({ email }) => email.toLowerCase());
  const whose = address === null ? [...new Set(people)].slice(0, MOST_PEOPLE) : [address];
  const suppressions = (await Promise.all(whose.map((each) => store.suppressionsOf(each)))).flat();
  return { messages: messages.slice(0, limit), hasMore: messages.length > limit, address, suppressions };
}

/** How many rows of the same number, in databases that were adopted one after the other, are looked up. */
const MOST_ADOPTED = 20;

/** The uuid itself, and those that `adopt` makes of a row with this id (work/adopt/names.ts). */
async function uuidsOf(store: Pick<Reader, "uuidsFrom">, id: string): Promise<string[]> {
  if (!/^[\w-]{1,40}$/.test(id)) return [id];
  const numbered = /^\d+$/.test(id) ? [`adopt:rust:${id}:`, `adopt:go:${id}:`] : [];
  const adopted = await Promise.all(numbered.map((prefix) => store.uuidsFrom(prefix, MOST_ADOPTED)));
  return [id, `adopt:gateway:${id}`, ...adopted.flat()];
}

async function withId(store: Reader, id: number | null): Promise<MessageRecord[]> {
  const one = id === null ? null : await store.message(id);
  return one === null ? [] : [one];
}

function sesIdOf(text: string): string {
  return /^<?([^<>@\s]+)@[\w.-]*amazonses\.com>?$/i.exec(text)?.[1] ?? text;
}

/** What happened to each of these messages, in their order. */
export async function trace(
  store: Reader & Suppressions,
  messages: readonly MessageRecord[],
): Promise<TracedMessage[]> {
  const histories = await store.histories(messages.map(({ id }) => id));
  const suppressions = new Map<string, Suppression[]>();
  const traced: TracedMessage[] = [];
  for (const message of messages) {
    const history = histories.get(message.id);
    // It was removed meanwhile.
    if (history === undefined) continue;
    const address = message.email.toLowerCase();
    const known = suppressions.get(address) ?? (await store.suppressionsOf(address));
    suppressions.set(address, known);
    const isRehearsal = history.endpoint === "sandbox";
    traced.push({ message, history: historyOf({ message, history, suppressions: known }), isRehearsal });
  }
  return traced;
}
