import { expect, it, onTestFinished, vi } from "vitest";
import type { FastifyBaseLogger } from "fastify";
import { AwayError, InterruptedError, StoppedError } from "../../../src/errors.ts";
import type { Gateway } from "../../../src/serve/gateway.ts";
import { systemClock } from "../../../src/time/clock.ts";
import { type AccountWatch, createAccountWatch } from "../../../src/work/account-watch.ts";
import { holdBadTopics, startChores } from "../../../src/work/gateway/chores.ts";
import type { Telemetry } from "../../../src/telemetry/telemetry.ts";
import type { SesConnection } from "../../../src/work/endpoint.ts";
import type { TopicRow } from "../../../src/store/rows.ts";

/** A topic of which 1,000 were answered for. */
function topic(name: string, bounced: number): TopicRow {
  return {
    topic: name,
    total: 2_000,
    pending: 1_000,
    sending: 0,
    sent: 1_000,
    in_doubt: 0,
    failed: 0,
    cancelled: 0,
    suppressed: 0,
    delivered: 1_000 - bounced,
    bounced_permanent: bounced,
    bounced_transient: 0,
    complained: 0,
    opened: 0,
    clicked: 0,
    rejected: 0,
    delayed: 0,
    unsubscribed: 0,
    notBefore: null,
    cancelledAt: null,
    pausedAt: null,
    moving: null,
    pausedUntil: null,
    endpoint: "ses",
    calledAt: null,
    afreshAt: null,
    prunedAt: null,
    removed: 0,
    firstSentAt: 1,
    lastSentAt: 2,
    reportedAt: 2,
    tracksOpens: false,
    tracksClicks: false,
    readerOpens: 0,
    machineOpens: 0,
    clicks: 0,
  };
}

it("a topic that bounces too much is held, told of once, and let go when it is better; the others go on", async () => {
  let rows = [topic("good", 20), topic("bad", 80), topic("worse", 300)];
  const scope = { held: new Set<string>() };
  const told: string[] = [];
  const limits = { bounceRate: 5, complaintRate: 0.1 };
  const look = holdBadTopics({ topicsWithAnswers: async () => rows }, scope, limits, (text) => told.push(text));

  await look();
  await look();
  expect([...scope.held]).toEqual(["bad", "worse"]);
  expect(told).toEqual([
    expect.stringMatching(
      /^topic "bad" has a bounce rate of 8 % .* it is held, the others go on; .*ses-mail export bad/,
    ),
    expect.stringContaining('topic "worse"'),
  ]);

  rows = [topic("good", 20), topic("bad", 40), topic("worse", 300)];
  await look();
  expect([...scope.held]).toEqual(["worse"]);
  rows = [topic("good", 20), topic("bad", 80), topic("worse", 300)];
  await look();
  expect(told.length).toBe(3);
});

it("whoever looks at the held topics while they are looked up sees the old set, and never half of the new one", async () => {
  const scope = { held: new Set(["worse"]) as ReadonlySet<string> };
  const seen: string[][] = [];
  const peek = () => seen.push([...scope.held]);
  const topics = async () => {
    peek();
    await Promise.resolve();
    peek();
    return [topic("bad", 80), topic("worse", 300)];
  };
  await holdBadTopics({ topicsWithAnswers: topics }, scope, { bounceRate: 5, complaintRate: 0.1 }, peek)();
  expect(seen).toEqual([["worse"], ["worse"], ["worse"]]);
  expect([...scope.held]).toEqual(["bad", "worse"]);
});

it("off is off", async () => {
  const scope = { held: new Set<string>() };
  const limits = { bounceRate: Infinity, complaintRate: Infinity };
  await holdBadTopics({ topicsWithAnswers: async () => [topic("worst", 1_000)] }, scope, limits, () => undefined)();
  expect(scope.held.size).toBe(0);
});

it("a chore that takes longer than its interval is not begun again meanwhile", async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  let [begun, end] = [0, () => undefined as void];
  const matchKeptEvents = () => (begun++, new Promise<void>((resolve) => (end = resolve)));
  const store = { matchKeptEvents, totals: async () => ({ pending: 0, sending: 0, in_doubt: 0 }) };
  const sender = {
    status: () => ({ run: { sent: 0, failed: 0, expired: 0, throttled: 0, retried: 0 }, perSecond: 1 }),
  };
  const clock = { monotonic: () => performance.now() };
  const log = { info: () => undefined, warn: () => undefined };
  const endChores = startChores(
    { store, sender, clock } as unknown as Gateway,
    { refresh: async () => undefined } as unknown as AccountWatch,
    { observe: () => undefined } as unknown as Telemetry,
    log as unknown as FastifyBaseLogger,
  );
  await vi.advanceTimersByTimeAsync(5_500);
  expect(begun).toBe(1);
  end();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(begun).toBe(2);
  await endChores();
});

it("what others left half done is finished every ten seconds, and the end waits until that has stopped", async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const seen: string[] = [];
  const finishOthersWork = async (signal: AbortSignal) => {
    seen.push("begun");
    if (seen.length < 3) return;
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    await new Promise((resolve) => setTimeout(resolve, 100));
    seen.push("stopped");
    throw new InterruptedError();
  };
  const store = {
    finishOthersWork,
    matchKeptEvents: async () => undefined,
    totals: async () => ({ pending: 0, sending: 0, in_doubt: 0 }),
  };
  const sender = {
    status: () => ({ run: { sent: 0, failed: 0, expired: 0, throttled: 0, retried: 0 }, perSecond: 1 }),
  };
  const warned: unknown[] = [];
  const endChores = startChores(
    { store, sender, clock: systemClock } as unknown as Gateway,
    { refresh: async () => undefined } as unknown as AccountWatch,
    { observe: () => undefined } as unknown as Telemetry,
    { info: () => undefined, debug: () => undefined, warn: (line: unknown) => warned.push(line) } as never,
  );
  await vi.advanceTimersByTimeAsync(9_999);
  expect(seen).toEqual([]);
  await vi.advanceTimersByTimeAsync(20_001);
  expect(seen).toEqual(["begun", "begun", "begun"]);
  const ended = endChores().then(() => seen.push("ended"));
  await vi.advanceTimersByTimeAsync(1_000);
  await ended;
  expect(seen.slice(3)).toEqual(["stopped", "ended"]);
  expect(warned).toEqual([]);
});

it.each([
  ["cannot be written", new StoppedError("the disk is full"), ["the disk is full"]],
  ["is away, which the loop says", new AwayError("cannot reach the database"), []],
])("a store that %s is not logged with each chore that it fails", async (_, error, expected) => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const away = async () => {
    throw error;
  };
  const sender = {
    status: () => ({ run: { sent: 0, failed: 0, expired: 0, throttled: 0, retried: 0 }, perSecond: 1 }),
  };
  const clock = { monotonic: () => performance.now() };
  const warned: unknown[] = [];
  const log = {
    info: () => undefined,
    debug: () => undefined,
    warn: (fields: { err: Error }) => warned.push(fields.err.message),
  };
  const endChores = startChores(
    { store: { matchKeptEvents: away, totals: away, finishOthersWork: away }, sender, clock } as unknown as Gateway,
    { refresh: async () => undefined } as unknown as AccountWatch,
    { observe: () => undefined } as unknown as Telemetry,
    log as unknown as FastifyBaseLogger,
  );
  await vi.advanceTimersByTimeAsync(170_000);
  expect(warned).toEqual(expected);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(warned).toHaveLength(2 * expected.length);
  await endChores();
});

it("what leaves while the account is read counts once", async () => {
  let sent = 100;
  const account = {
    perSecond: 50,
    quota: 50_000,
    sentLast24Hours: 0,
    sendingEnabled: true,
    production: true,
    enforcement: null,
  };
  const ses = {
    async account() {
      // SES counts these before it answers.
      sent += 20;
      return { ...account, sentLast24Hours: sent };
    },
  };
  const watch = createAccountWatch(
    { account, ses, accountAskedAt: 0 } as unknown as SesConnection,
    () => sent,
    systemClock,
  );
  await watch.refresh();
  expect(watch.now()?.sentLast24Hours).toBe(120);
  sent += 5;
  expect(watch.now()?.sentLast24Hours).toBe(125);
});
