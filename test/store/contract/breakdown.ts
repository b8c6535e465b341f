/** One topic along other lines: over time, by domain, by reason; counted again by hand. */
import { describe, expect, it, test } from "vitest";
import { InterruptedError, UserError } from "../../../src/errors.ts";
import { type Content, NO_MESSAGES, zeros } from "../../../src/message.ts";
import type { Breakdown, CountsOfList, Outcomes } from "../../../src/store/breakdown.ts";
import { EVENT_COUNTERS } from "../../../src/store/rules/event-counters.ts";
import { addList, CONTENT, failed, inDoubt, ingest, sent, settle, turn } from "../../support/store-actions.ts";
import { APPLE_PROXY, dice, type Fate, newsletter, READER, tell } from "../../support/story.ts";
import { accept, content, message, type Prepare } from "../bench.ts";
import { expectSoundBreakdown } from "../sound.ts";

const HOUR = 3_600_000;
const calm = () => new AbortController().signal;

/** Tells the story in a job in which another topic stands before and behind it. */
async function told(prepare: Prepare, fates: Fate[]) {
  const { open, clock } = await prepare();
  const store = await open();
  await tell(store, clock, { topic: "may", fates: newsletter(30, 99) });
  const half = Math.ceil(fates.length / 2);
  const parts = [await tell(store, clock, { fates: fates.slice(0, half) })];
  await tell(store, clock, { topic: "july", fates: newsletter(30, 98) });
  if (half < fates.length) parts.push(await tell(store, clock, { fates: fates.slice(half) }));
  const sentAt = new Map(parts.flatMap((part) => [...part.sentAt]));
  const ask = <T>(question: (lines: Breakdown) => Promise<T>) => store.breakdown("june", calm(), question);
  return { sentAt, ask };
}

const firstOf = (things: { after: number }[]) => Math.min(...things.map(({ after }) => after));
const byReader = (fate: Fate) => (fate.opens ?? []).filter(({ agent }) => agent === READER);

/** What happened to one recipient first, by name: milliseconds after SES took the mail in. */
function firsts(fate: Fate): Partial<Record<keyof Outcomes, number>> {
  if (fate.state !== "sent") return {};
  const { delivered, bounce, complained, opens = [], clicks = [] } = fate;
  return {
    sent: 0,
    ...(delivered !== undefined && { delivered }),
    ...(bounce && { [bounce.type === "Permanent" ? "bounced_permanent" : "bounced_transient"]: bounce.after }),
    ...(complained !== undefined && { complained }),
    ...(opens.length > 0 && { opened: firstOf(opens) }),
    ...(byReader(fate).length > 0 && { opened_by_reader: firstOf(byReader(fate)) }),
    ...(clicks.length > 0 && { clicked: firstOf(clicks) }),
  };
}

const NOTHING: Outcomes = {
  sent: 0,
  delivered: 0,
  bounced_permanent: 0,
  bounced_transient: 0,
  complained: 0,
  opened: 0,
  opened_by_reader: 0,
  clicked: 0,
  unsubscribed: 0,
};

const NO_COUNTS: CountsOfList = {
  list: null,
  ...NO_MESSAGES,
  ...zeros(EVENT_COUNTERS),
  first_sent_at: null,
  last_sent_at: null,
};

function expectedByTime(fates: Fate[], sentAt: Map<string, number>, spanMs: number) {
  const spans = new Map<number, Outcomes>();
  for (const fate of fates) {
    for (const [name, after] of Object.entries(firsts(fate))) {
      // SES writes whole milliseconds.
      const at = Math.floor(Math.floor((sentAt.get(fate.email) ?? 0) + after) / spanMs) * spanMs;
      const counts = spans.get(at) ?? { ...NOTHING };
      counts[name as keyof Outcomes]++;
      spans.set(at, counts);
    }
  }
  return [...spans].sort(([a], [b]) => a - b).map(([at, counts]) => ({ at, ...counts }));
}

function expectedByDomain(fates: Fate[]) {
  const domains = new Map<string, Outcomes & { total: number }>();
  for (const fate of fates) {
    const domain = fate.email.split("@")[1] ?? "";
    const counts = domains.get(domain) ?? { total: 0, ...NOTHING };
    counts.total++;
    for (const name of Object.keys(firsts(fate)) as (keyof Outcomes)[]) counts[name]++;
    domains.set(domain, counts);
  }
  return [...domains].map(([domain, counts]) => ({ domain, ...counts }));
}

export function breakdown(prepare: Prepare): void {
  describe("asked for what there is not", () => {
    test("an unknown topic is the user's error", async () => {
      const store = await (await prepare()).open();
      await ingest(store, ["a@x.example"], { topic: "may" });
      const asked = store.breakdown("june", calm(), (lines) => lines.opens());
      await expect(asked).rejects.toThrow(UserError);
      await expect(store.breakdown("june", calm(), async () => 1)).rejects.toMatchObject({ hint: "topics here: may" });
    });

    test("a signal ends it", async () => {
      const store = await (await prepare()).open();
      await ingest(store, ["a@x.example"]);
      await expect(store.breakdown("june", AbortSignal.abort("SIGINT"), (lines) => lines.byDomain(5))).rejects.toThrow(
        InterruptedError,
      );
    });

    test("a topic of which nothing was sent has no times, reasons or links", async () => {
      const store = await (await prepare()).open();
      await ingest(store, ["a@x.example", "b@x.example"]);
      await store.breakdown("june", calm(), async (lines) => {
        expect(await lines.byTime(HOUR)).toEqual([]);
        expect(await lines.byDomain(5)).toEqual({
          rows: [{ domain: "x.example", total: 2, ...NOTHING }],
          others: null,
        });
        expect(await lines.byList(5)).toEqual({ rows: [{ ...NO_COUNTS, total: 2, pending: 2 }], others: null });
        expect(await lines.bounceReasons(5)).toEqual({ rows: [], others: null });
        expect(await lines.failures(5)).toEqual({ rows: [], others: null });
        expect(await lines.links(5)).toEqual({ rows: [], others: null });
        expect(await lines.deliveryTimes(5)).toEqual({ delivered: 0, p50: null, p90: null, p99: null, slowest: [] });
        expect(await lines.failedRecipients(5)).toEqual([]);
      });
    });
  });

  it("the sample is the first message that was sent, else the first", async () => {
    const store = await (await prepare()).open();
    const sample = () => store.breakdown("june", calm(), (lines) => lines.sample());
    await addList(store, [{ email: "a@x.example", fields: '["Ann"]', notBefore: 0 }], { columns: ["name"] });
    await ingest(store, ["b@x.example"]);
    expect(await sample()).toEqual({ content: CONTENT, email: "a@x.example", fields: { name: "Ann" } });
    const [a, b] = (await turn(store, 2)).claims;
    await settle(store, failed(a), sent(b));
    expect(await sample()).toEqual({ content: CONTENT, email: "b@x.example", fields: { email: "b@x.example" } });
    await ingest(store, [], { topic: "empty" });
    expect(await store.breakdown("empty", calm(), (lines) => lines.sample())).toBeNull();
  });

  describe("by the list of each content", () => {
    /** One topic: `weekly` has two contents and five messages, `news` one, no list three. */
    async function mixed() {
      const { open, clock } = await prepare();
      const store = await open();
      const weekly = (subject: string): Content => ({ ...content(subject), list: "weekly" });
      await accept(store, [
        message(["a@x.example", "b@x.example", "c@x.example"], { content: weekly("one") }),
        message(["a@x.example", "d@x.example"], { content: weekly("two") }),
        message(["a@x.example"], { content: { ...content("three"), list: "news" } }),
        message(["a@x.example", "b@x.example", "e@x.example"], { content: content("four") }),
      ]);
      const { claims } = await turn(store, 6);
      const [one, two, three, four, five, six] = claims;
      await settle(store, sent(one));
      clock.pass(1_000);
      await settle(store, sent(two), failed(three), inDoubt(four), sent(five), sent(six));
      await store.unsubscribe([{ messageId: six?.id ?? 0, at: clock.now(), from: "list" }]);
      const ask = <T>(question: (lines: Breakdown) => Promise<T>) => store.breakdown("june", calm(), question);
      return { store, ask, at: clock.now() };
    }

    test("every count, and the times of the first and the last", async () => {
      const { store, ask, at } = await mixed();
      const { rows, others } = await ask((lines) => lines.byList(5));
      expect(others).toBeNull();
      expect(rows).toEqual([
        {
          ...NO_COUNTS,
          list: "weekly",
          total: 5,
          sent: 3,
          failed: 1,
          in_doubt: 1,
          first_sent_at: at - 1_000,
          last_sent_at: at,
        },
        { ...NO_COUNTS, total: 3, pending: 3 },
        { ...NO_COUNTS, list: "news", total: 1, sent: 1, unsubscribed: 1, first_sent_at: at, last_sent_at: at },
      ]);
      await expectSoundBreakdown(store);
    });

    test("the rest added up", async () => {
      const { ask, at } = await mixed();
      expect(await ask((lines) => lines.byList(1))).toMatchObject({
        rows: [{ list: "weekly" }],
        others: {
          kinds: 2,
          counts: { ...NO_COUNTS, total: 4, pending: 3, sent: 1, unsubscribed: 1, first_sent_at: at, last_sent_at: at },
        },
      });
    });

    test("events and visits count for the list of their message", async () => {
      const { ask } = await told(prepare, newsletter(200));
      const { rows } = await ask((lines) => lines.byList(5));
      const { delivered, opened, clicked, bounced_permanent, complained } = await ask(async ({ topic }) => topic);
      expect(rows).toEqual([
        expect.objectContaining({ list: null, delivered, opened, clicked, bounced_permanent, complained }),
      ]);
      expect(delivered * opened * clicked).toBeGreaterThan(0);
    });
  });

  describe("counted again by hand", () => {
    const fates = newsletter(1_500);

    test.each([HOUR, 60_000])("over time, in spans of %i ms", async (spanMs) => {
      const { ask, sentAt } = await told(prepare, fates);
      expect(await ask((lines) => lines.byTime(spanMs))).toEqual(expectedByTime(fates, sentAt, spanMs));
    });

    test("by domain, the rest added up", async () => {
      const { ask } = await told(prepare, fates);
      const expected = expectedByDomain(fates).sort((a, b) => b.total - a.total || (a.domain < b.domain ? -1 : 1));
      expect(await ask((lines) => lines.byDomain(1_000))).toEqual({ rows: expected, others: null });
      const { rows, others } = await ask((lines) => lines.byDomain(4));
      expect(rows).toEqual(expected.slice(0, 4));
      expect(others?.kinds).toBe(expected.length - 4);
      const rest = expected.slice(4);
      for (const name of ["total", "sent", "delivered", "opened_by_reader", "clicked", "bounced_permanent"] as const)
        expect(others?.counts[name]).toBe(rest.reduce((sum, row) => sum + row[name], 0));
    });

    test.each<[string, Partial<Fate>]>([
      ["delivered", { delivered: 2_000 }],
      ["bounced for good", { bounce: { type: "Permanent", subtype: "General", after: 900 } }],
      ["bounced for now", { bounce: { type: "Transient", subtype: "MailboxFull", after: 900 } }],
      ["complained of", { complained: 5_000 }],
      ["opened by a reader", { opens: [{ after: 9_000, agent: READER }] }],
      ["opened by a machine", { opens: [{ after: 9_000, agent: APPLE_PROXY }] }],
      ["clicked", { clicks: [{ after: 9_500, link: "https://x.example/" }] }],
      ["refused", { state: "failed", error: "MessageRejected: no" }],
      ["lost", { state: "in_doubt", error: "no answer" }],
    ])("a topic with one mail that was %s, and of which nothing else is told", async (_name, only) => {
      const one: Fate = { email: "a@x.example", state: "sent", ...only };
      const { ask, sentAt } = await told(prepare, [one, { email: "b@y.example", state: "pending" }]);
      const happened = firsts(one);
      expect(await ask((lines) => lines.byTime(60_000))).toEqual(expectedByTime([one], sentAt, 60_000));
      expect((await ask((lines) => lines.byDomain(5))).rows).toEqual(
        expectedByDomain([one, { email: "b@y.example", state: "pending" }]),
      );
      expect(await ask((lines) => lines.opens())).toEqual({
        opened: "opened" in happened ? 1 : 0,
        opened_by_reader: "opened_by_reader" in happened ? 1 : 0,
      });
      const bounced = one.bounce === undefined ? 0 : 1;
      const troubled = one.state === "sent" ? 0 : 1;
      expect((await ask((lines) => lines.bounceReasons(5))).rows).toHaveLength(bounced);
      expect((await ask((lines) => lines.failures(5))).rows).toHaveLength(troubled);
      expect(await ask((lines) => lines.failedRecipients(5))).toHaveLength(troubled);
      expect((await ask((lines) => lines.links(5))).rows).toHaveLength(one.clicks?.length ?? 0);
      expect((await ask((lines) => lines.deliveryTimes(5))).delivered).toBe(one.delivered === undefined ? 0 : 1);
    });

    test("opens by readers and by machines, and the topic's own counters say the same", async () => {
      const { ask } = await told(prepare, fates);
      const sent = fates.filter(({ state }) => state === "sent");
      const opened = sent.filter(({ opens = [] }) => opens.length > 0).length;
      const readers = sent.filter((fate) => byReader(fate).length > 0).length;
      expect(opened).toBeGreaterThan(readers);
      const { counts, topic } = await ask(async (lines) => ({ counts: await lines.opens(), topic: lines.topic }));
      expect(counts).toEqual({ opened, opened_by_reader: readers });
      expect(topic).toMatchObject({ opened, sent: sent.length, total: fates.length });
    });

    test("bounces by verdict and text, without what is the recipient's own", async () => {
      const { ask } = await told(prepare, fates);
      const { rows, others } = await ask((lines) => lines.bounceReasons(10));
      expect(others).toBeNull();
      const bounced = fates.flatMap(({ bounce }) => bounce ?? []);
      expect(rows.reduce((sum, row) => sum + row.messages, 0)).toBe(bounced.length);
      const full = rows.find((row) => row.bounce_subtype === "MailboxFull");
      expect(full).toEqual({
        bounce_type: "Transient",
        bounce_subtype: "MailboxFull",
        diagnostic: "smtp; 452 4.2.2 The recipient's inbox is out of storage space",
        messages: bounced.filter(({ subtype }) => subtype === "MailboxFull").length,
      });
      expect(rows.filter((row) => row.bounce_subtype === "General")).toHaveLength(2);
    });

    test("failures and doubts by text", async () => {
      const { ask } = await told(prepare, fates);
      const count = (state: string) => fates.filter((fate) => fate.state === state).length;
      const { rows } = await ask((lines) => lines.failures(10));
      expect(rows).toEqual([
        {
          state: "failed",
          error: "MessageRejected: Address … is on the list of blocked addresses.",
          messages: count("failed"),
        },
        { state: "in_doubt", error: "no answer within 30 s", messages: count("in_doubt") },
      ]);
      const listed = await ask((lines) => lines.failedRecipients(3));
      const unsent = fates.filter(({ state }) => state === "failed" || state === "in_doubt");
      expect(listed.map(({ email }) => email)).toEqual(unsent.slice(0, 3).map(({ email }) => email));
      expect(await ask((lines) => lines.failedRecipients(1_000))).toHaveLength(unsent.length);
    });

    test("time to delivery: percentiles within one per cent, the slowest exactly", async () => {
      const { ask } = await told(prepare, fates);
      const delivered = fates.filter((fate) => fate.delivered !== undefined);
      const sorted = delivered.map(({ delivered: ms = 0 }) => ms).sort((a, b) => a - b);
      const times = await ask((lines) => lines.deliveryTimes(7));
      expect(times.delivered).toBe(delivered.length);
      for (const [found, wanted] of [
        [times.p50, 0.5],
        [times.p90, 0.9],
        [times.p99, 0.99],
      ] as const) {
        const exact = sorted[Math.ceil(wanted * sorted.length) - 1] ?? 0;
        expect(Math.abs((found ?? 0) - exact) / exact).toBeLessThan(0.01);
      }
      expect(times.slowest.map(({ ms }) => ms)).toEqual(sorted.reverse().slice(0, 7));
      const slowest = delivered.find(({ delivered: ms }) => ms === sorted[0]);
      expect(times.slowest[0]?.email).toBe(slowest?.email);
    });
  });

  describe("links", () => {
    const clicked = (links: string[], agent = READER): Fate[] =>
      links.map((link, index) => ({
        email: `c${index}@x.example`,
        state: "sent",
        delivered: 10,
        clicks: [{ after: 50, link, agent }],
      }));

    test("a link of one's own for each recipient is one link", async () => {
      const roll = dice(3);
      const token = () => Array.from({ length: 24 }, () => Math.floor(roll() * 36).toString(36)).join("") + "1";
      const links = [
        ...Array.from({ length: 30 }, () => `https://x.example/u/${token()}`),
        ...Array.from({ length: 25 }, (_, index) => `https://x.example/offer?who=${index}`),
        ...Array.from({ length: 3 }, (_, index) => `https://x.example/page?part=${index}`),
      ];
      const { ask } = await told(prepare, clicked(links));
      const { rows } = await ask((lines) => lines.links(10));
      expect(rows.map(({ link, messages }) => [link, messages])).toEqual([
        ["https://x.example/u/…", 30],
        ["https://x.example/offer?…", 25],
        ["https://x.example/page?part=0", 1],
        ["https://x.example/page?part=1", 1],
        ["https://x.example/page?part=2", 1],
      ]);
      const short = await ask((lines) => lines.links(2));
      expect(short.others).toEqual({ kinds: 3, counts: { link: "", messages: 3, clicks: 3, machine_clicks: 0 } });
    });

    test("two clicks of one mail are one message, and scanners are told apart", async () => {
      const fate: Fate = {
        email: "a@x.example",
        state: "sent",
        delivered: 1,
        clicks: [
          { after: 10, link: "https://x.example/", agent: "Barracuda Sentinel" },
          { after: 20, link: "https://x.example/", agent: READER },
        ],
      };
      const { ask } = await told(prepare, [fate]);
      expect((await ask((lines) => lines.links(5))).rows).toEqual([
        { link: "https://x.example/", messages: 1, clicks: 2, machine_clicks: 1 },
      ]);
    });
  });

  test("machine opens never count as a reader's, and a reader's counts also after a machine's", async () => {
    const base = { state: "sent" as const, delivered: 5 };
    const { ask } = await told(prepare, [
      { ...base, email: "machine@x.example", opens: [{ after: 10, agent: APPLE_PROXY }] },
      {
        ...base,
        email: "both@x.example",
        opens: [
          { after: 10, agent: APPLE_PROXY },
          { after: 2 * HOUR, agent: READER },
        ],
      },
    ]);
    expect(await ask((lines) => lines.opens())).toEqual({ opened: 2, opened_by_reader: 1 });
    const hours = await ask((lines) => lines.byTime(HOUR));
    expect(hours.map(({ opened, opened_by_reader: reader }) => [opened, reader])).toEqual([
      [2, 0],
      [0, 1],
    ]);
  });

  test("all answers of one look are of one instant, whatever is written meanwhile", async () => {
    const store = await (await prepare()).open();
    await ingest(store, ["a@x.example"]);
    await store.breakdown("june", calm(), async (lines) => {
      await ingest(store, ["b@y.example"]);
      expect(lines.topic.total).toBe(1);
      expect((await lines.byDomain(5)).rows).toHaveLength(1);
    });
    expect((await store.totals("june")).total).toBe(2);
  });
}
