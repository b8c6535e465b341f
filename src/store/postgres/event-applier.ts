/** Applies events to the messages they are about. */
import type { Applied } from "../../feedback/event-sink.ts";
import type { SesEvent } from "../../feedback/ses-event.ts";
import { hash53 } from "../hash.ts";
import type { KeptEvent } from "../kept-event.ts";
import { clueOf, type MailClue } from "../named-event.ts";
import { handedWith, isHandedOver } from "../rules/handed.ts";
import { mayBeTo } from "../rules/prove.ts";
import { numbers } from "./arrays.ts";
import type { Tx } from "./transaction.ts";
import { createEventMarks } from "./event-marks.ts";
import { createFeedbackRows } from "./feedback-rows.ts";
import {
  isAnyHanded,
  type KnownMessage,
  messagesById,
  messagesBySesId,
  messagesTo,
  type MessageTo,
} from "./known-messages.ts";
import { createProofs } from "./proofs.ts";
import type { Counters } from "./state-counters.ts";
import { storable } from "./storable.ts";

/** An event as it comes, or as it is kept. */
type Found = KeptEvent & Pick<SesEvent, "subject">;

/** Applies the events of one transaction. To be called in this order: both `learn…`, then what decides, then `save`. */
export interface EventApplier {
  /** The messages that events may be about, by id, as they are after what was applied. */
  messages: Map<number, KnownMessage>;
  /** Reads the messages that the events may be about. */
  learnMessages(tx: Tx, events: readonly Found[]): Promise<void>;
  /** Reads what is written of those messages, and which of the events. */
  learnHistory(tx: Tx, events: readonly Found[]): Promise<void>;
  /** The events whose message is unknown, or may be once others were applied. */
  unsure<Event extends Found>(events: readonly Event[]): Event[];
  /**
   * The message of an event: by our tags, or by the SES id when it has none (legacy notifications) or those of another job, to which we
   * handed the mail over. A message that was handed over to a program that names nothing is found by what its mail says.
   */
  find(event: Found): KnownMessage | undefined;
  /** Applies an event to its message. False: it was applied before. */
  apply(message: KnownMessage, event: KeptEvent): boolean;
  /** Writes the events, their marks and what they prove. */
  save(tx: Tx): Promise<void>;
}

/** What is written of an event. */
interface EventRow {
  messageId: number;
  key: number;
  event: KeptEvent;
}

const KNOWN = `select e.* from unnest($1::bigint[], $2::bigint[]) w (message_id, key) cross join lateral (
  select message_id as "messageId", key from sm.event where message_id = w.message_id and key = w.key limit 1) e`;

const INSERT = `insert into sm.event (message_id, key, type, at, machine, detail)
  select * from unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], $5::boolean[], $6::text[])`;

const nameOf = ({ messageId, key }: Pick<EventRow, "messageId" | "key">): string => `${messageId} ${key}`;

/** Makes what applies events in a transaction that holds the writer lock. `now` is its time. It counts in `counters` and `result`. */
export function createEventApplier(
  { now }: { now: number },
  jobId: string,
  counters: Counters,
  result: Applied,
): EventApplier {
  const finder = createFinder(jobId);
  const rows = createFeedbackRows();
  const marks = createEventMarks(rows);
  const known = new Set<string>();
  const added: EventRow[] = [];
  const proofs = createProofs(counters, now);

  const proveSent = (message: KnownMessage, { sesMessageId, mailedAt, at }: KeptEvent): void => {
    const { state } = message;
    const move = proofs.note(message, { kind: "event", sesMessageId: storable(sesMessageId), mailedAt, at });
    if (move === null) return;
    if (state === "in_doubt") result.settled++;
    if (move.sesMessageId !== null) finder.rename(message, move.sesMessageId);
  };

  return {
    messages: finder.messages,
    learnMessages: (tx, events) => finder.learn(tx, events),
    async learnHistory(tx, events) {
      const pairs = new Map<string, Pick<EventRow, "messageId" | "key">>();
      for (const event of events)
        for (const { id } of finder.candidates(event)) {
          const pair = { messageId: id, key: hash53(event.key) };
          pairs.set(nameOf(pair), pair);
        }
      if (pairs.size === 0) return;
      const [ids, keys] = [
        [...pairs.values()].map((each) => each.messageId),
        [...pairs.values()].map(({ key }) => key),
      ];
      const [found] = await Promise.all([
        tx.query<Pick<EventRow, "messageId" | "key">>(KNOWN, [numbers(ids), numbers(keys)]),
        rows.learn(tx, [...new Set(ids)]),
      ]);
      for (const each of found) known.add(nameOf(each));
    },
    // A legacy notification has no tags, and the message may get another SES id by the event before.
    unsure: (events) => events.filter((event) => event.jobId !== jobId || finder.find(event) === undefined),
    find: (event) => finder.find(event),
    apply(message, event) {
      const row = { messageId: message.id, key: hash53(event.key), event };
      if (known.has(nameOf(row))) {
        result.duplicates++;
        return false;
      }
      known.add(nameOf(row));
      added.push(row);
      result.applied++;
      marks.note(message, event, now);
      proveSent(message, event);
      return true;
    },
    async save(tx) {
      if (added.length === 0) return;
      await Promise.all([tx.query(INSERT, valuesOf(added)), rows.save(tx), marks.save(tx), proofs.save(tx)]);
    },
  };
}

function valuesOf(added: readonly EventRow[]): unknown[] {
  const detailOf = ({ link, reason }: KeptEvent) => link ?? reason;
  return [
    numbers(added.map(({ messageId }) => messageId)),
    numbers(added.map(({ key }) => key)),
    added.map(({ event }) => event.type),
    numbers(added.map(({ event }) => event.at)),
    added.map(({ event }) => event.machine),
    added.map(({ event }) => detailOf(event)).map((detail) => detail && storable(detail)),
  ];
}

function stateOf(message: KnownMessage | undefined): Partial<KnownMessage> {
  if (message === undefined) return {};
  const { state, claimedBy, sesMessageId } = message;
  return { state, claimedBy, sesMessageId };
}

/** What may tell the messages of those events whose SES message id none of these messages has. */
function cluesIn(events: readonly Found[], messages: readonly KnownMessage[]): MailClue[] {
  const known = new Set(messages.map(({ sesMessageId }) => sesMessageId));
  return events.flatMap((event) => (known.has(storable(event.sesMessageId)) ? [] : (clueOf(event) ?? [])));
}

/** Reads the messages to the addresses of these clues into `addressed`. Returns what is known of those that are handed over. */
async function learnAddressed(
  tx: Tx,
  clues: readonly MailClue[],
  addressed: Map<string, MessageTo[]>,
): Promise<KnownMessage[]> {
  const found = await messagesTo(
    tx,
    clues.map(({ address }) => address),
  );
  for (const each of found) addressed.set(each.address, [...(addressed.get(each.address) ?? []), each]);
  return messagesById(
    tx,
    found.filter(isHandedOver).map(({ id }) => id),
  );
}

/** Finds the messages of the events of one transaction, in memory. */
function createFinder(jobId: string) {
  const messages = new Map<number, KnownMessage>();
  /** Messages to addresses that events without a name speak of. */
  const addressed = new Map<string, MessageTo[]>();
  /** The messages with an SES message id now, and those that events of this transaction may give it to. */
  const named = new Map<string, Set<KnownMessage>>();
  const note = (sesMessageId: string, message: KnownMessage): void => {
    const all = named.get(sesMessageId);
    if (all === undefined) named.set(sesMessageId, new Set([message]));
    else all.add(message);
  };

  const byTag = (event: KeptEvent): KnownMessage | undefined => {
    const message = messages.get(event.messageId ?? Number.NaN);
    return message !== undefined && mayBeTo(event, message.email) ? message : undefined;
  };
  const withId = (event: KeptEvent): KnownMessage[] => [...(named.get(storable(event.sesMessageId)) ?? [])];
  const candidates = (event: Found): KnownMessage[] => {
    const found = event.jobId === jobId ? byTag(event) : byClue(event);
    const others = event.jobId === jobId ? [] : withId(event);
    return [...others, ...(found === undefined || others.includes(found) ? [] : [found])];
  };
  const find = (event: Found): KnownMessage | undefined => {
    if (event.jobId === jobId) return byTag(event);
    const sesMessageId = storable(event.sesMessageId);
    const found = withId(event).filter((message) => message.sesMessageId === sesMessageId);
    // SES gives each id once. Should two messages have one all the same, it is always the same that is found.
    return found.sort((a, b) => a.id - b.id)[0] ?? byClue(event);
  };
  const byClue = (event: Found): KnownMessage | undefined => {
    const clue = clueOf(event);
    const all = clue === null ? undefined : addressed.get(clue.address);
    if (clue === null || all === undefined) return undefined;
    // As they are after what was applied.
    const now = all.map((each) => ({ ...each, ...stateOf(messages.get(each.id)) }));
    return messages.get(handedWith(now, clue)?.id ?? Number.NaN);
  };

  return {
    messages,
    find,
    candidates,
    async learn(tx: Tx, events: readonly Found[]): Promise<void> {
      const tagged = events.filter(({ jobId: job }) => job === jobId);
      const legacy = events.filter(({ jobId: job }) => job !== jobId);
      const [byId, bySesId, isAny] = await Promise.all([
        messagesById(
          tx,
          tagged.flatMap(({ messageId }) => messageId ?? []),
        ),
        messagesBySesId(
          tx,
          legacy.map(({ sesMessageId }) => storable(sesMessageId)),
        ),
        legacy.some((event) => clueOf(event) !== null) && isAnyHanded(tx),
      ]);
      const found = [byId, bySesId];
      if (isAny) found.push(await learnAddressed(tx, cluesIn(legacy, bySesId), addressed));
      for (const message of found.flat()) if (!messages.has(message.id)) messages.set(message.id, message);
      for (const message of messages.values()) if (message.sesMessageId !== null) note(message.sesMessageId, message);
      for (const event of tagged) {
        const message = byTag(event);
        if (message !== undefined) note(storable(event.sesMessageId), message);
      }
    },
    /** The message has this SES message id from now on. */
    rename(message: KnownMessage, sesMessageId: string): void {
      message.sesMessageId = sesMessageId;
      note(sesMessageId, message);
    },
  };
}
