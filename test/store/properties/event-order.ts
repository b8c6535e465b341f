/** Any events, in any order, in any number of copies. */
import { expect } from "vitest";
import type { Claim } from "../../../src/deliver/source.ts";
import { STATES } from "../../../src/message.ts";
import type { ExportedMessage } from "../../../src/store/rows.ts";
import {
  bounce,
  click,
  complaint,
  delivery,
  deliveryDelay,
  type Json,
  type MailOptions,
  open,
  renderingFailure,
  simple,
  subscription,
} from "../../feedback/events.ts";
import fc from "../../support/properties.ts";
import { failed, inDoubt, messagesOf, putBack, settle } from "../../support/store-actions.ts";
import type { Handle, Prepare } from "../bench.ts";
import { accepted, apply, claimPeople, MAILED_AT, of } from "../contract/mail-events.ts";
import { everything, expectSound } from "../sound.ts";

interface Spec {
  /** Of the message: 1–6 in june, 7–12 in july. */
  number: number;
  kind: keyof typeof MAKERS;
  minute: number;
  legacy: boolean;
}

const time = (minute: number) => new Date(MAILED_AT + minute * 60_000).toISOString();

/** Everything an event says follows from its kind, message and minute: two with the same are copies of one. */
const MAKERS = {
  send: ({ options }) => simple("Send", "send", {}, options),
  delivery: ({ options, minute }) => stamped(delivery(options), "delivery", minute),
  hard: ({ options, minute }) => bounced("Permanent", minute % 2 ? "General" : "NoEmail", options, minute),
  soft: ({ options, minute }) => bounced("Transient", minute % 2 ? "MailboxFull" : "General", options, minute),
  undetermined: ({ options, minute }) => bounced("Undetermined", "Undetermined", options, minute),
  complaint: ({ options, minute }) =>
    complaint(options, { feedbackId: `c-${options.id}-${minute}`, timestamp: time(minute) }),
  notSpam: ({ options, minute }) =>
    complaint(options, {
      feedbackId: `n-${options.id}-${minute}`,
      timestamp: time(minute),
      complaintFeedbackType: "not-spam",
    }),
  open: ({ options, minute }) => stamped(open(options), "open", minute),
  click: ({ options, minute }) => stamped(click(options), "click", minute),
  reject: ({ options }) => simple("Reject", "reject", { reason: "Bad content" }, options),
  rendering: ({ options }) => renderingFailure(options),
  delay: ({ options, minute }) => stamped(deliveryDelay(options), "deliveryDelay", minute),
  unsubscribe: ({ options, minute }) => stamped(subscription(true, options), "subscription", minute),
} satisfies Record<string, (given: { options: MailOptions; minute: number }) => Json>;

/** SES sends the legacy notifications for these only. */
const LEGACY = new Set<string>(["delivery", "hard", "soft", "undetermined", "complaint", "notSpam"]);

function stamped(event: Json, member: string, minute: number): Json {
  return { ...event, [member]: { ...(event[member] as Json), timestamp: time(minute) } };
}

function bounced(type: string, subType: string, options: MailOptions, minute: number): Json {
  const event = stamped(bounce(type, subType, options), "bounce", minute);
  const detail = { ...(event["bounce"] as Json), feedbackId: `b-${options.id}-${type}-${minute}` };
  return { ...event, bounce: detail };
}

const specs: fc.Arbitrary<Spec> = fc.record({
  // Most of them to few messages, so that events of one message meet.
  number: fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(1, 3) },
    { weight: 2, arbitrary: fc.integer({ min: 1, max: 12 }) },
  ),
  kind: fc.constantFrom(...(Object.keys(MAKERS) as (keyof typeof MAKERS)[])),
  minute: fc.integer({ min: 1, max: 4 }),
  legacy: fc.boolean(),
});

interface Outcome {
  shown: unknown;
  /** The same beneath the contract. */
  kept: unknown;
  topics: unknown[];
  messages: ExportedMessage[];
  /** How many of the events a second look at all of them counted again. */
  again: unknown;
}

/** June: sent, sent, in doubt, failed, in flight, pending. July, the same people: sent, then pending. */
async function prepareMessages(store: Handle): Promise<Claim[]> {
  const june = await claimPeople(store, "june");
  const july = await claimPeople(store, "july");
  const [one, two, three, four, , six] = june;
  const [seven, ...waiting] = july;
  await settle(store, accepted(one), accepted(two), inDoubt(three), failed(four));
  await settle(store, accepted(seven), ...[six, ...waiting].map((claim) => putBack(claim, { error: null })));
  return [...june, ...july];
}

/** Applies them in these batches, then lets the answer of message 5 be lost. */
async function outcomeOf(prepare: Prepare, batches: Spec[][]): Promise<Outcome> {
  const bench = await prepare();
  const handles = [await bench.open(), await bench.open()] as const;
  const [store] = handles;
  const claims = await prepareMessages(store);
  const eventsOf = (batch: Spec[]) =>
    batch.map(({ number, kind, minute, legacy }) =>
      MAKERS[kind]({ options: of(store, claims[number - 1], { legacy: legacy && LEGACY.has(kind) }), minute }),
    );
  for (const [index, batch] of batches.entries()) await apply(handles[index % 2] ?? store, ...eventsOf(batch));
  await settle(store, inDoubt(claims[4]));
  await store.matchKeptEvents();
  const all = batches.flat();
  const { applied, unmatched, settled, suppressed } = await apply(store, ...eventsOf(all));
  await expectSound(store, bench.clock);
  const outcome = {
    shown: await everything(store),
    kept: await bench.dump(),
    topics: await store.topics(),
    messages: [...(await messagesOf(store, "june")), ...(await messagesOf(store, "july"))],
    again: { applied, unmatched, settled, suppressed },
  };
  await bench.dispose();
  return outcome;
}

/** What the counters must say, computed from the state of each message and from the events alone. */
function countsOf(events: Spec[], messages: ExportedMessage[]) {
  // A legacy notification finds its message by the SES id, so only when that is known in the end.
  const known = (number: number) => (messages[number - 1]?.sesMessageId ?? null) !== null;
  const matched = events.filter(({ number, kind, legacy }) => known(number) || !(legacy && LEGACY.has(kind)));
  return [0, 6].map((before) => {
    const own = messages.slice(before, before + 6);
    const having = (...kinds: Spec["kind"][]) => {
      const mine = matched.filter(
        ({ number, kind }) => kinds.includes(kind) && number > before && number <= before + 6,
      );
      return new Set(mine.map(({ number }) => number)).size;
    };
    return {
      total: own.length,
      ...Object.fromEntries(STATES.map((name) => [name, own.filter(({ state }) => state === name).length])),
      delivered: having("delivery"),
      bounced_permanent: having("hard"),
      bounced_transient: having("soft", "undetermined"),
      complained: having("complaint"),
      opened: having("open"),
      clicked: having("click"),
      rejected: having("reject", "rendering"),
      delayed: having("delay"),
    };
  });
}

function cut<T>(items: T[], pieces: number): T[][] {
  const size = Math.ceil(items.length / pieces);
  return Array.from({ length: pieces }, (_, piece) => items.slice(piece * size, (piece + 1) * size));
}

const histories = fc.array(specs, { minLength: 1, maxLength: 40, size: "max" }).chain((events) =>
  fc.record({
    events: fc.constant(events),
    copies: fc.integer({ min: 1, max: 3 }).chain((times) => {
      const all = Array.from({ length: times }, () => events).flat();
      return fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length });
    }),
    pieces: fc.integer({ min: 1, max: 4 }),
  }),
);

/** Any order and any copies of any events show the same, and counters are counts. */
export async function eventOrder(prepare: Prepare, share: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(histories, async ({ events, copies, pieces }) => {
      const straight = await outcomeOf(prepare, [events]);
      const shuffled = await outcomeOf(prepare, cut(copies, pieces));
      expect(shuffled.shown).toEqual(straight.shown);
      expect(shuffled.kept).toEqual(straight.kept);
      expect(straight.topics).toMatchObject(countsOf(events, straight.messages));
      for (const { again } of [straight, shuffled])
        expect(again).toEqual({ applied: 0, unmatched: 0, settled: 0, suppressed: 0 });
    }),
    { numRuns: Math.ceil(60 * share) },
  );
}
