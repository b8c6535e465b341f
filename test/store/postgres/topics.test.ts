/** Topics where PostgreSQL differs: parts of ids, messages in the order in which they were added, long questions. */
import { describe, expect, it } from "vitest";
import { InterruptedError, UserError } from "../../../src/errors.ts";
import type { DomainCounts } from "../../../src/store/breakdown.ts";
import { createLinkTally } from "../../../src/store/link-tally.ts";
import { byDomain } from "../../../src/store/postgres/domains.ts";
import type { Part, Ranges } from "../../../src/store/postgres/ranges.ts";
import { partsOf } from "../../../src/store/postgres/ranges.ts";
import type { Walk } from "../../../src/store/postgres/walk.ts";
import type { ExportedMessage } from "../../../src/store/rows.ts";
import { requireServers } from "../../support/servers.ts";
import { ingest, messagesOf, turn } from "../../support/store-actions.ts";
import { accept, content, message } from "../bench.ts";
import { MANY, planOfMany } from "../many-finished.ts";
import { expectSound, expectSoundBreakdown } from "../sound.ts";
import { type PostgresBench, preparePostgres } from "./bench.ts";

const addresses = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, index) => `p${from + index}@x.example`);

async function expectWhole(bench: PostgresBench): Promise<void> {
  const store = await bench.open();
  await expectSound(store, bench.clock);
  await expectSoundBreakdown(store);
  await bench.inspect();
}

describe("parts of ids", () => {
  parts();
});
describe("links", () => {
  links();
});
describe("domains", () => {
  domains();
});
describe.skipIf(requireServers("postgres"))("on a server", () => {
  it("what a prune would remove of a thousand topics is all of them", async () => {
    const { open, clock } = await preparePostgres();
    expect(await planOfMany(await open(), (ms) => clock.pass(ms))).toEqual(MANY);
  });
  describe("messages", () => {
    streams();
  });
  describe("a breakdown", () => {
    breakdowns();
  });
  describe("texts that no column can have", () => {
    texts();
  });
});

function parts(): void {
  const idsOf = ({ values: [first, last] }: Part): number[] =>
    Array.isArray(first)
      ? (first as number[])
      : Array.from({ length: Number(last) - Number(first) + 1 }, (_, at) => Number(first) + at);
  const ranges = (...pairs: [number, number][]): Ranges => [
    pairs.map(() => 1),
    pairs.map(([first]) => first),
    pairs.map(([, last]) => last),
  ];
  const all = (given: Ranges, size: number) => [...partsOf(given, size)].map(idsOf);

  it("are all ids, each once and in order, and never more than so many", () => {
    for (const given of [
      ranges([1, 1]),
      ranges([1, 10_000]),
      ranges([5, 5], [7, 7], [9, 2_000], [2_002, 2_003], [9_000, 9_999], [10_001, 17_000]),
      ranges(...Array.from({ length: 3_000 }, (_, at): [number, number] => [at * 3, at * 3 + 1])),
    ]) {
      const expected = given[1].flatMap((first, at) =>
        Array.from({ length: (given[2][at] ?? 0) - first + 1 }, (_, offset) => first + offset),
      );
      for (const size of [1, 7, 1_000, 5_000]) {
        const found = all(given, size);
        expect(found.flat()).toEqual(expected);
        expect(Math.max(...found.map(({ length }) => length))).toBeLessThanOrEqual(size);
      }
    }
  });

  it("put small ranges together, and leave large ones as they are", () => {
    const small = ranges(...Array.from({ length: 3_000 }, (_, at): [number, number] => [at * 2, at * 2]));
    expect(all(small, 5_000).map(({ length }) => length)).toEqual([1_000, 1_000, 1_000]);
    expect([...partsOf(ranges([1, 12_000]), 5_000)].map(({ values }) => values)).toEqual([
      [1, 5_000],
      [5_001, 10_000],
      [10_001, 12_000],
    ]);
    expect(all(ranges(), 5_000)).toEqual([]);
  });
}

function links(): void {
  const clicked = (link: string, messages = 1) => ({ link, messages, clicks: 2 * messages, machine_clicks: 0 });

  it("of more kinds than are kept apart are added up, and none is lost", () => {
    const tally = createLinkTally();
    tally.add(clicked("https://x.example/first", 5));
    for (let at = 0; at < 120_000; at++) tally.add(clicked(`https://x.example/page${at}`));
    tally.add(clicked("https://x.example/first", 5));
    const { rows: found, others } = tally.ranked(10);
    expect(found[0]).toEqual(clicked("https://x.example/first", 10));
    const shown = found.reduce((sum, row) => sum + row.messages, 0);
    expect(shown + (others?.counts.messages ?? 0)).toBe(120_010);
    expect(found.length + (others?.kinds ?? 0)).toBe(120_001);
  });

  it("with many variants make room for others", () => {
    const tally = createLinkTally();
    for (let at = 0; at < 300_000; at++) tally.add(clicked(`https://x.example/offer?who=${at}`));
    tally.add(clicked("https://x.example/last"));
    expect(tally.ranked(5)).toEqual({
      rows: [clicked("https://x.example/offer?…", 300_000), clicked("https://x.example/last")],
      others: null,
    });
  });
}

function domains(): void {
  const zero = { sent: 0, delivered: 0, bounced_permanent: 0, bounced_transient: 0, complained: 0, opened: 0 };
  const none = { ...zero, opened_by_reader: 0, clicked: 0, unsubscribed: 0 };

  /** Answers as the database does, two parts at a time. */
  function walkOver(kinds: number): { walk: Walk; asked: unknown[] } {
    const asked: unknown[] = [];
    const total = (at: number) => (at === kinds - 1 ? 5 : 1);
    const all = Array.from({ length: kinds }, (_, at) => ({ domain: `d${at}.example`, total: total(at), ...none }));
    async function* walk(_sql: unknown, shares: number, share: number): AsyncGenerator<DomainCounts[]> {
      asked.push(`${share + 1} of ${shares}`);
      const mine = all.filter((_, at) => at % shares === share);
      yield mine.map((row) => ({ ...row }));
      yield mine.slice(0, 1).map((row) => ({ ...row }));
    }
    return { walk: walk as unknown as Walk, asked };
  }

  it.each([
    [1_000, ["1 of 1"]],
    [300_000, ["1 of 1", "1 of 4", "2 of 4", "3 of 4", "4 of 4"]],
  ])("%i of them are counted exactly, in no more shares than there must be", async (kinds, expected) => {
    const { walk, asked } = walkOver(kinds);
    const { rows: found, others } = await byDomain(walk, 1);
    expect(asked).toEqual(expected);
    expect(found).toEqual([{ domain: `d${kinds - 1}.example`, total: 5, ...none }]);
    const again = Math.max(1, expected.length - 1);
    expect(others).toMatchObject({ kinds: kinds - 1, counts: { total: kinds - 1 + again, sent: 0 } });
  });
}

function streams(): void {
  it("of lists and of small requests between those of others are streamed once and in order", async () => {
    const bench = await preparePostgres();
    const store = await bench.open();
    const expected: string[] = [];
    const request = async (topic: string, emails: string[]) => {
      await accept(store, [message(emails, { topic })]);
      if (topic === "june") expected.push(...emails);
    };
    const list = async (emails: string[]) => {
      await ingest(store, emails);
      expected.push(...emails);
    };
    await request("june", ["first@x.example"]);
    await list(addresses(2_500));
    for (let at = 0; at < 40; at++) await request(at % 3 === 0 ? "july" : "june", [`small${at}@x.example`]);
    await list(addresses(700, 5_000));
    await request("june", ["last@x.example"]);
    expect((await messagesOf(store)).map(({ email }) => email)).toEqual(expected);
    expect(await store.reschedule("june", { notBefore: bench.clock.now() + 9, times: null })).toBe(expected.length);
    expect(await store.cancel("june")).toMatchObject({ cancelled: expected.length });
    expect(await store.totals("july")).toMatchObject({ pending: 14, cancelled: 0 });
    await expectWhole(bench);
  });
}

function breakdowns(): void {
  it("ends with a signal between two parts, and the store goes on", async () => {
    const store = await (await preparePostgres()).open();
    await ingest(store, addresses(45_000));
    const stop = new AbortController();
    const asked = store.breakdown("june", stop.signal, async (lines) => {
      const domains = lines.byDomain(5);
      stop.abort();
      return domains;
    });
    await expect(asked).rejects.toThrow(InterruptedError);
    const again = await store.breakdown("june", new AbortController().signal, (lines) => lines.byDomain(5));
    expect(again.rows).toMatchObject([{ domain: "x.example", total: 45_000 }]);
  });

  it("names the domains with the most messages exactly, however many there are", async () => {
    const bench = await preparePostgres();
    const store = await bench.open();
    await ingest(store, [
      ...Array.from({ length: 3_000 }, (_, at) => `a@d${at}.example`),
      ...Array.from({ length: 7 }, (_, at) => `p${at}@last.example`),
    ]);
    const { rows: found, others } = await store.breakdown("june", new AbortController().signal, (lines) =>
      lines.byDomain(2),
    );
    expect(found.map(({ domain, total }) => [domain, total])).toEqual([
      ["last.example", 7],
      ["d0.example", 1],
    ]);
    expect(others).toMatchObject({ kinds: 2_999, counts: { total: 2_999, sent: 0 } });
  });
}

function texts(): void {
  it("are the names of no topic, no address and no message", async () => {
    const store = await (await preparePostgres()).open();
    await ingest(store, addresses(2));
    for (const name of ["\0", "ju\0ne", "june\0"]) {
      expect(await store.topic(name)).toBeNull();
      for (const ask of [
        () => store.totals(name),
        () => store.cancel(name),
        () => store.retry(name, ["failed"]),
        () => store.pause(name, null),
        () => store.resume(name),
        () => store.reschedule(name, { notBefore: 0, times: null }),
        () => store.columns(name),
        () => store.messages(name, null).next(),
        () => store.failedMessages(name, 9),
        () => store.sampleParts(name),
        () => store.senders(name),
        () => store.breakdown(name, new AbortController().signal, async () => 1),
        () => store.startAfresh(name, { signal: new AbortController().signal, notBefore: null }),
      ])
        await expect(ask()).rejects.toThrow(UserError);
      expect(await store.messagesTo(name, 9)).toEqual([]);
      expect(await store.messagesNamed(name, 9)).toEqual([]);
    }
  });

  it("in a content do not keep its topic from being read", async () => {
    const store = await (await preparePostgres()).open();
    const strange = { ...content("half \ud800 and \0"), text: "\0" };
    await ingest(store, addresses(1), { content: strange });
    const [found] = await messagesOf(store);
    expect(found satisfies ExportedMessage | undefined).toMatchObject({ state: "pending" });
    expect(await store.sampleParts("june")).toMatchObject({ content: strange });
    const [claim] = (await turn(store, 1)).claims;
    expect(await store.addressee(claim?.id ?? 0)).toMatchObject({ from: strange.from });
    const head = await store.breakdown("june", new AbortController().signal, async (lines) => lines.subject);
    expect(head).toBe(strange.subject);
  });
}
