/** Whatever a store is asked, and in whatever way, its answers agree. */
import { expect } from "vitest";
import { STATES } from "../../src/message.ts";
import { EVENT_COUNTERS } from "../../src/store/rules/event-counters.ts";
import type { ExportedMessage, TopicRow } from "../../src/store/rows.ts";
import type { Store } from "../../src/store/store.ts";
import type { ManualClock } from "../support/manual-clock.ts";
import { messagesOf } from "../support/store-actions.ts";

/** More rows than any test has. */
const ALL = 1_000_000;

/** What only SES can tell. */
const NOTHING_REPORTED = {
  delivered: 0,
  bounced_permanent: 0,
  bounced_transient: 0,
  complained: 0,
  rejected: 0,
  delayed: 0,
};

/** Counters are what the messages show, by topic and together; what was sent and what failed is counted the same everywhere. */
export async function expectSound(store: Store, clock: ManualClock): Promise<void> {
  const together: Record<string, number> = { total: 0, ...Object.fromEntries(STATES.map((state) => [state, 0])) };
  const sentByTopic = await store.sentWithin(clock.now());
  let sentHere = 0;
  for (const row of await store.topics()) {
    const messages = await messagesOf(store, row.topic);
    const totals = totalsOf(messages);
    const counted: Record<string, number> = await store.totals(row.topic);
    for (const [name, count] of Object.entries(counted)) together[name] = (together[name] ?? 0) + count;
    expect(await store.topic(row.topic), `the row of ${row.topic}`).toEqual(row);
    expect(row, `counters of ${row.topic}`).toMatchObject(counted);
    expect((counted["total"] ?? 0) - row.removed, `messages of ${row.topic}`).toBe(totals["total"]);
    if (row.removed > 0) expectCounted(row, { ...totals, ...marksOf(messages) });
    else expect(row, `counters of ${row.topic}`).toMatchObject({ ...totals, ...marksOf(messages) });
    if (row.reportedAt === null) expect(row, `what SES never said of ${row.topic}`).toMatchObject(NOTHING_REPORTED);
    if (row.cancelledAt !== null) expect(row.pending, `pending in ${row.topic}, which is cancelled`).toBe(0);
    const sent = messages.filter(({ state }) => state === "sent");
    const [first, last] = spanOf(sent);
    sentHere += sent.length;
    if (row.removed === 0)
      expect(row, `when ${row.topic} was sent`).toMatchObject({ firstSentAt: first, lastSentAt: last });
    const counts = { sent: sent.length, first, last, ...marksOf(sent) };
    if (sent.length === 0) expect(sentByTopic.has(row.topic)).toBe(false);
    else expect(sentByTopic.get(row.topic), `what was sent of ${row.topic}`).toMatchObject(counts);
    const failures = messages.filter(isFailed).toReversed().map(failureOf);
    expect((await store.failedMessages(row.topic, ALL)).map(failureOf), `failures of ${row.topic}`).toEqual(failures);
  }
  expect(await store.totals(null), "totals of all").toEqual(together);
  expect(await store.countTopics(), "how many topics").toBe((await store.topics()).length);
  expect(await store.countHanded(), "how many are handed over").toBeLessThanOrEqual(together["sending"] ?? 0);
  let suppressed = 0;
  for await (const { rehearsal } of store.suppressions()) if (!rehearsal) suppressed++;
  expect(await store.countSuppressions(), "how many suppressions").toBe(suppressed);
  await expectSoundOutlook(store);
  expect(await store.countSentWithin(clock.now()), "sent of all").toBe(sentHere);
}

/** What was removed is still counted, so there is no less than what the messages show. */
function expectCounted(row: TopicRow, shown: Record<string, number>): void {
  const counted: Partial<Record<string, unknown>> = { ...row };
  for (const [name, count] of Object.entries(shown))
    expect(counted[name], `${name} of ${row.topic}`).toBeGreaterThanOrEqual(count);
}

/** What falls due next is the same whether it is counted or not. */
async function expectSoundOutlook(store: Store): Promise<void> {
  const topics = [null, ...(await store.topics()).map(({ topic }) => topic)];
  for (const topic of topics)
    for (const endpoint of ["ses", "sandbox"] as const)
      for (const maxLateMs of [null, 1_000]) {
        const scope = { topic, endpoint, maxLateMs };
        const { due, nextDueInMs } = await store.outlook(scope);
        expect(await store.nextDueInMs(scope), `due next in ${JSON.stringify(scope)}`).toBe(due > 0 ? 0 : nextDueInMs);
      }
}

/** A topic seen along other lines adds up to the same. */
export async function expectSoundBreakdown(store: Store): Promise<void> {
  for (const row of await store.topics()) {
    const messages = await messagesOf(store, row.topic);
    // What was removed is in no line.
    const shown: Partial<Record<string, unknown>> =
      row.removed === 0 ? { ...row } : { ...totalsOf(messages), ...marksOf(messages) };
    await store.breakdown(row.topic, new AbortController().signal, async (lines) => {
      expect(lines.topic).toEqual(row);
      const { rows: domains, others } = await lines.byDomain(ALL);
      expect(others).toBeNull();
      for (const name of [
        "total",
        "sent",
        "delivered",
        "bounced_permanent",
        "complained",
        "opened",
        "clicked",
        "unsubscribed",
      ] as const)
        expect(sum(domains.map((domain) => domain[name])), `${name} of ${row.topic}, by domain`).toBe(shown[name]);
      const lists = (await lines.byList(ALL)).rows;
      for (const name of (["total", ...STATES, ...EVENT_COUNTERS] as const).filter((each) => each in shown))
        expect(sum(lists.map((list) => list[name])), `${name} of ${row.topic}, by list`).toBe(shown[name]);
      expect(sum((await lines.byTime(3_600_000)).map(({ sent }) => sent)), `sent of ${row.topic}, by time`).toBe(
        shown["sent"],
      );
      expect((await lines.opens()).opened).toBe(shown["opened"]);
      const failures = messages.filter(isFailed);
      expect(sum((await lines.failures(ALL)).rows.map((reason) => reason.messages))).toBe(failures.length);
      expect(await lines.failedRecipients(failures.length + 1)).toEqual(
        failures.map(({ email, state, error }) => ({ email, state, error })),
      );
      const bounced = messages.filter(({ bouncedAt }) => bouncedAt !== null);
      expect(sum((await lines.bounceReasons(ALL)).rows.map((reason) => reason.messages))).toBe(bounced.length);
    });
  }
}

/** All that can be asked of a store, without ids: equal before and after what changes nothing. */
export async function everything(store: Store): Promise<unknown> {
  const topics = [];
  for (const row of await store.topics()) {
    const lines = await store.breakdown(row.topic, new AbortController().signal, async (asked) => ({
      times: await asked.byTime(60_000),
      domains: await asked.byDomain(ALL),
      lists: await asked.byList(ALL),
      bounces: await asked.bounceReasons(ALL),
      failures: await asked.failures(ALL),
      links: await asked.links(ALL),
      opens: await asked.opens(),
      delivered: await asked.deliveryTimes(10),
      subject: asked.subject,
    }));
    const columns = await store.columns(row.topic);
    topics.push({ ...row, columns, lines, messages: await messagesOf(store, row.topic) });
  }
  const suppressions = [];
  for await (const each of store.suppressions()) suppressions.push(each);
  return { topics, suppressions, keys: await store.keys(), templates: await store.templates() };
}

function totalsOf(messages: ExportedMessage[]): Record<string, number> {
  const counts = STATES.map((each) => [each, messages.filter(({ state }) => state === each).length] as const);
  return { total: messages.length, ...Object.fromEntries(counts) };
}

/** Events counted where a message shows them. */
function marksOf(messages: ExportedMessage[]): Record<string, number> {
  const having = (mark: (message: ExportedMessage) => unknown) => messages.filter((each) => mark(each) !== null).length;
  return {
    delivered: having(({ deliveredAt }) => deliveredAt),
    bounced_permanent: messages.filter(({ bounceType }) => bounceType === "Permanent").length,
    complained: having(({ complainedAt }) => complainedAt),
    opened: having(({ openedAt }) => openedAt),
    clicked: having(({ clickedAt }) => clickedAt),
    unsubscribed: having(({ unsubscribedAt }) => unsubscribedAt),
  };
}

function spanOf(sent: ExportedMessage[]): [first: number | null, last: number | null] {
  const times = sent.map(({ sentAt }) => sentAt ?? Number.NaN);
  return times.length === 0 ? [null, null] : [Math.min(...times), Math.max(...times)];
}

const isFailed = ({ state }: ExportedMessage) => state === "failed" || state === "in_doubt";

type Failure = Pick<ExportedMessage, "email" | "state" | "attempts" | "error">;
const failureOf = ({ email, state, attempts, error }: Failure): Failure => ({ email, state, attempts, error });

const sum = (numbers: number[]): number => numbers.reduce((all, each) => all + each, 0);
