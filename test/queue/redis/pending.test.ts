/** Entries that somebody was given and has not acknowledged. */
import { describe, expect, it, onTestFinished } from "vitest";
import { QueueUnreachable } from "../../../src/queue/queue.ts";
import { parseRedisUrl } from "../../../src/queue/redis/address.ts";
import { Connection } from "../../../src/queue/redis/connection.ts";
import { openLine } from "../../../src/queue/redis/greeting.ts";
import { loadClient } from "../../../src/queue/redis/line.ts";
import { nextPending, takeOver } from "../../../src/queue/redis/pending.ts";
import type { RedisDelivery } from "../../../src/queue/redis/redis.ts";
import { requireServers } from "../../support/servers.ts";
import type { RedisServer } from "../../support/redis.ts";
import { strikingProxy } from "../../support/striking-proxy.ts";
import { add, GOES_ON, GROUP, insist, pending, receive, server, STREAM, textOf, worker } from "./worker.ts";

const numbered = (count: number) => Array.from({ length: count }, (_, n) => `m${n}`);

/** Another program's worker, which is given so many entries and is never heard of again. */
async function die(redis: RedisServer, count: number, name = "dead"): Promise<string[]> {
  const read = await redis.ask("XREADGROUP", "GROUP", GROUP, name, "COUNT", count, "STREAMS", STREAM, ">");
  const [[, entries]] = read as [[string, [string, string[]][]]];
  return entries.map(([id]) => id);
}

const makeGroup = (redis: RedisServer) => redis.ask("XGROUP", "CREATE", STREAM, GROUP, "0", "MKSTREAM");

async function consumers(redis: RedisServer): Promise<string[]> {
  const rows = (await redis.ask("XINFO", "CONSUMERS", STREAM, GROUP)) as string[][];
  return rows.map((row) => row[1] as string);
}

describe.skipIf(requireServers("redis"))("entries of a worker that is gone", () => {
  it("are taken over by one of the others, all of them", async () => {
    const redis = await server();
    await makeGroup(redis);
    const texts = numbered(450);
    await add(redis, ...texts);
    await die(redis, 450);
    // Idle for long enough, and then for a while no more.
    const ids = (await redis.ask("XRANGE", STREAM, "-", "+")) as [string][];
    await redis.ask("XCLAIM", STREAM, GROUP, "dead", 0, ...ids.map(([id]) => id), "IDLE", 600_000, "JUSTID");
    const workers = [await worker(redis.url), await worker(redis.url)];
    const got: string[] = [];
    while (got.length < texts.length) {
      const calls = await Promise.all(workers.map(({ stream }) => stream.receive(200, 100, GOES_ON)));
      got.push(...calls.flat().map(textOf));
    }
    expect(got.toSorted()).toEqual(texts.toSorted());
  });

  it("are left to one that may be alive", async () => {
    const redis = await server();
    await makeGroup(redis);
    await add(redis, "a", "b");
    await die(redis, 1);
    const { stream } = await worker(redis.url);
    expect((await receive(stream)).map(textOf)).toEqual(["b"]);
    expect(await stream.receive(1, 200, GOES_ON)).toEqual([]);
  });

  it("do not keep new ones back", async () => {
    const redis = await server();
    await makeGroup(redis);
    await add(redis, ...numbered(20));
    await die(redis, 20);
    const { stream } = await worker(redis.url, { idleMs: 0 });
    await add(redis, "new");
    const firstTwo = [...(await stream.receive(5, 0, GOES_ON)), ...(await stream.receive(5, 0, GOES_ON))];
    expect(firstTwo.map(textOf)).toContain("new");
    expect(firstTwo.length).toBeGreaterThan(1);
  });

  it("that are in the stream no more are told once, and are pending no more", async () => {
    const redis = await server();
    await makeGroup(redis);
    await add(redis, ...numbered(100));
    const ids = await die(redis, 100);
    await redis.ask("XDEL", STREAM, ...ids.slice(0, 10));
    const { stream, told } = await worker(redis.url, { idleMs: 0 });
    const got = await receive(stream, 90);
    expect(new Set(got.map(textOf))).toEqual(new Set(numbered(100).slice(10)));
    await stream.done(got);
    await expect.poll(() => stream.receive(1, 20, GOES_ON).then(() => pending(redis))).toBe(0);
    const lines = told.filter((line) => line.includes("lost."));
    expect(lines).toEqual([
      `redis: 10 entries were deleted from ${STREAM} before a worker had accepted anything: lost.`,
    ]);
  });

  it("that another worker accepts while they are being taken over are not lost", async () => {
    const redis = await server();
    await makeGroup(redis);
    await add(redis, "accepted", "deleted", "left");
    const [accepted = "", deleted = "", left] = await die(redis, 3);
    const ignore = () => undefined;
    const [Client, address] = [await loadClient(), parseRedisUrl(redis.url)];
    const open = (signal: AbortSignal) => openLine(Client, address, signal);
    const asks = new Connection({ place: address.shown, open, onOpen: ignore, onAway: ignore });
    onTestFinished(() => asks.close());
    const where = { stream: STREAM, group: GROUP, consumer: "me" };
    const next = await nextPending(asks, where, { after: "", most: 200, idleMs: 0 });
    await redis.ask("XACK", STREAM, GROUP, accepted);
    await redis.ask("XDEL", STREAM, accepted, deleted);
    const { entries, lost } = await takeOver(asks, where, next, 0);
    expect({ ids: entries.map(({ id }) => id), lost }).toEqual({ ids: [left], lost: 1 });
    expect(await pending(redis)).toBe(1);
  });

  it("that were given out too often say so", async () => {
    const redis = await server();
    await makeGroup(redis);
    await add(redis, "a", "b");
    const [a] = await die(redis, 2);
    await redis.ask("XCLAIM", STREAM, GROUP, "dead", 0, a as string, "IDLE", 600_000, "RETRYCOUNT", 5, "JUSTID");
    const { stream } = await worker(redis.url, { idleMs: 0, mostDeliveries: 5 });
    const got = [];
    while (got.length < 2) {
      const some = await receive(stream);
      got.push(...some);
      await stream.done(some);
    }
    expect(Object.fromEntries(got.map((one) => [textOf(one), one.overdue]))).toEqual({
      a: "taken 6 times and never accepted",
      b: undefined,
    });
  });

  it("are taken alone when it went wrong twice, and nothing else is in hand then", async () => {
    const redis = await server();
    await makeGroup(redis);
    await add(redis, "once", "twice", "often", "new");
    const [, ...others] = await die(redis, 3);
    await redis.ask("XCLAIM", STREAM, GROUP, "dead", 0, ...others, "IDLE", 600_000, "RETRYCOUNT", 2, "JUSTID");
    const { stream } = await worker(redis.url, { idleMs: 60_000 });
    const first = await receive(stream);
    expect(first.map(textOf)).toEqual(["new"]);
    expect(await stream.receive(200, 50, GOES_ON)).toEqual([]);
    await stream.done(first);
    await add(redis, "newer");
    const got: [text: string, ...beside: string[]][] = [];
    while (got.length < 3) {
      const [one, ...more] = await receive(stream);
      const text = textOf(one as RedisDelivery);
      const beside = text === "newer" ? [] : await stream.receive(200, 50, GOES_ON);
      got.push([text, ...[...more, ...beside].map(textOf)]);
      await stream.done([one as RedisDelivery, ...more, ...beside]);
    }
    expect(new Set(got.map((texts) => texts.join(" ")))).toEqual(new Set(["newer", "often", "twice"]));
  });

  it.each([
    ["of another name", undefined],
    ["of the same name", "host-1"],
  ])("do not suffer from one among them that brings down every worker %s", async (_, consumer) => {
    const redis = await server();
    await add(redis, ...numbered(20), "poison", ...numbered(30).slice(20));
    const [accepted, refused]: [string[], string[]] = [[], []];
    for (let lives = 0; refused.length === 0; lives++) {
      expect(lives).toBeLessThan(20);
      const { stream } = await worker(redis.url, { idleMs: 0, mostDeliveries: 5, ...(consumer && { consumer }) });
      for (;;) {
        const some = await stream.receive(200, 20, GOES_ON);
        const isDead = some.some((one) => textOf(one) === "poison" && one.overdue === undefined);
        if (some.length === 0 || isDead) break;
        for (const one of some) (one.overdue === undefined ? accepted : refused).push(textOf(one));
        await stream.done(some);
      }
    }
    expect(refused).toEqual(["poison"]);
    expect(accepted.toSorted()).toEqual(numbered(30).toSorted());
  });
});

describe.skipIf(requireServers("redis"))("entries that a worker had", () => {
  it("come at once when a worker of the same name comes back", async () => {
    const redis = await server();
    await makeGroup(redis);
    await add(redis, "a", "b");
    await die(redis, 2, "host-1");
    const { stream } = await worker(redis.url, { consumer: "host-1" });
    expect((await stream.receive(200, 0, GOES_ON)).map(textOf)).toEqual(["a", "b"]);
    expect(await stream.receive(200, 0, GOES_ON)).toEqual([]);
  });

  it("that were deleted meanwhile are told, too", async () => {
    const redis = await server();
    await makeGroup(redis);
    await add(redis, "a", "b");
    const [a] = await die(redis, 2, "host-1");
    await redis.ask("XDEL", STREAM, a as string);
    const { stream, told } = await worker(redis.url, { consumer: "host-1" });
    expect((await receive(stream)).map(textOf)).toEqual(["b"]);
    await stream.receive(1, 0, GOES_ON);
    expect(told).toContain(`redis: 1 entry was deleted from ${STREAM} before a worker had accepted anything: lost.`);
    expect(await pending(redis)).toBe(1);
  });

  it("are for anybody at once when it closes, and do not count as given out in vain", async () => {
    const redis = await server();
    await add(redis, "a");
    for (let times = 0; times < 5; times++) {
      const { stream, close } = await worker(redis.url, { mostDeliveries: 2 });
      expect((await receive(stream)).map(({ overdue }) => overdue)).toEqual([undefined]);
      await close();
    }
  });

  it("that it gave back come again when their time has come, and not before", async () => {
    const redis = await server();
    await add(redis, "now", "then");
    const first = await worker(redis.url, { consumer: "host-1", mostDeliveries: 1 });
    const got = await receive(first.stream, 2);
    for (const delivery of got) await first.stream.later(delivery, textOf(delivery) === "now" ? 0 : 30_000);
    const { stream } = await worker(redis.url, { mostDeliveries: 1 });
    const again = await receive(stream);
    expect(again.map((one) => [textOf(one), one.overdue])).toEqual([["now", undefined]]);
    expect(await stream.receive(1, 100, GOES_ON)).toEqual([]);
  });
});

describe.skipIf(requireServers("redis"))("a receive", () => {
  it("that gives back an entry does not bring it before its time", async () => {
    const redis = await server();
    await add(redis, "a");
    const { stream } = await worker(redis.url, { idleMs: 0 });
    const [a] = await receive(stream);
    await stream.later(a as never, 3_600_000);
    expect(await stream.receive(1, 100, GOES_ON)).toEqual([]);
    await stream.later(a as never, 0);
    expect((await receive(stream)).map(textOf)).toEqual(["a"]);
  });

  it("that was left brings what it got to the next one, and never more than that asks for", async () => {
    const redis = await server();
    const { stream } = await worker(redis.url);
    await stream.receive(1, 0, GOES_ON);
    const stop = new AbortController();
    const leaving = stream.receive(200, 20_000, stop.signal);
    // Its read has reached Redis, and waits there.
    await expect.poll(() => redis.ask("CLIENT", "LIST")).toMatch(/cmd=xreadgroup/);
    stop.abort("SIGTERM");
    expect(await leaving).toEqual([]);
    await add(redis, "a");
    await add(redis, "b");
    const got = [];
    while (got.length < 2) {
      const one = await stream.receive(1, 5_000, GOES_ON);
      expect(one.length).toBeLessThanOrEqual(1);
      got.push(...one.map(textOf));
    }
    expect(got).toEqual(["a", "b"]);
    expect(await pending(redis)).toBe(2);
  });

  it("brings fewer of jobs that are large", async () => {
    const redis = await server();
    const { stream } = await worker(redis.url);
    const large = Buffer.alloc(20 * 1024 * 1024, "x");
    for (let job = 0; job < 6; job++) await redis.ask("XADD", STREAM, "*", "data", large);
    await stream.receive(1, 0, GOES_ON);
    expect(await stream.receive(200, 5_000, GOES_ON)).toHaveLength(3);
  });
});

describe.skipIf(requireServers("redis"))("a consumer that is not seen any more", () => {
  it("is deleted when it has nothing pending, and kept otherwise", async () => {
    const redis = await server();
    await makeGroup(redis);
    await add(redis, "a");
    await die(redis, 1, "with-work");
    await redis.ask("XGROUP", "CREATECONSUMER", STREAM, GROUP, "without-work");
    const { stream } = await worker(redis.url, { consumer: "me", forgetMs: 50 });
    await expect.poll(() => stream.receive(1, 60, GOES_ON).then(() => consumers(redis))).toEqual(["me", "with-work"]);
    expect(await pending(redis)).toBe(1);
  });

  it("is kept for a day", async () => {
    const redis = await server();
    await makeGroup(redis);
    await redis.ask("XGROUP", "CREATECONSUMER", STREAM, GROUP, "idle");
    const { stream } = await worker(redis.url, { consumer: "me", idleMs: 0 });
    for (let looks = 0; looks < 3; looks++) await stream.receive(1, 20, GOES_ON);
    expect(await consumers(redis)).toEqual(["idle", "me"]);
  });
});

describe.skipIf(requireServers("redis"))("an entry that is taken alone", () => {
  /** Entries that `host-1` was given twice and never accepted, and others behind them that it was given once. */
  async function leftBehind(redis: RedisServer, suspects: string[], others: string[] = []): Promise<void> {
    await makeGroup(redis);
    await add(redis, ...suspects, ...others);
    const ids = await die(redis, suspects.length + others.length, "host-1");
    const twice = ids.slice(0, suspects.length);
    await redis.ask("XCLAIM", STREAM, GROUP, "host-1", 0, ...twice, "IDLE", 600_000, "RETRYCOUNT", 2, "JUSTID");
  }

  /** How often anybody looked at what is pending, as Redis tells it. */
  async function looksAt(redis: RedisServer): Promise<string | undefined> {
    return /cmdstat_xpending:calls=(\d+)/.exec(String(await redis.ask("INFO", "commandstats")))?.[1];
  }

  /** Calls `receive` while new mail is in hand, and resolves when it waits to take what `host-1` left behind. */
  async function waitingBehindNew(redis: RedisServer) {
    await leftBehind(redis, ["twice"]);
    await add(redis, "new");
    const here = await worker(redis.url);
    const inHand = await receive(here.stream);
    expect(inHand.map(textOf)).toEqual(["new"]);
    const before = await looksAt(redis);
    const waiting = here.stream.receive(200, 20_000, GOES_ON);
    await expect.poll(() => looksAt(redis)).not.toBe(before);
    return { ...here, inHand, waiting };
  }

  it.each([
    ["what a worker of the same name left behind it", ["once"]],
    ["new mail", []],
  ])("is not joined by %s", async (_, others) => {
    const redis = await server();
    await leftBehind(redis, ["twice"], others);
    await add(redis, "new");
    const { stream } = await worker(redis.url, { consumer: "host-1" });
    const [twice] = await receive(stream);
    expect(textOf(twice as RedisDelivery)).toBe("twice");
    expect(await stream.receive(200, 50, GOES_ON)).toEqual([]);
    await stream.done([twice as RedisDelivery]);
    expect((await receive(stream, others.length + 1)).map(textOf)).toEqual([...others, "new"]);
  });

  it("comes again at once when the word about it was lost, whoever had it before", async () => {
    const redis = await server();
    await leftBehind(redis, ["twice"], ["once"]);
    const proxy = await strikingProxy(redis.port);
    const { stream } = await worker(`redis://127.0.0.1:${proxy.port}`, { consumer: "host-1" });
    const [twice] = await receive(stream);
    void proxy.strike("XACK", "lost");
    await expect(stream.done([twice as RedisDelivery])).rejects.toThrow(QueueUnreachable);
    expect((await insist(() => receive(stream))).map(textOf)).toEqual(["twice"]);
    expect(await insist(() => stream.receive(200, 50, GOES_ON))).toEqual([]);
    await stream.done([twice as RedisDelivery]);
    expect((await receive(stream)).map(textOf)).toEqual(["once"]);
  });

  it("keeps nobody waiting when Redis does not take the word about it, but stays connected", async () => {
    const redis = await server();
    await leftBehind(redis, ["twice"]);
    const { stream } = await worker(redis.url);
    const twice = await receive(stream);
    expect(twice.map(textOf)).toEqual(["twice"]);
    await add(redis, "new");
    const waiting = insist(() => receive(stream));
    await redis.ask("CONFIG", "SET", "min-replicas-to-write", "1");
    await expect(stream.done(twice)).rejects.toThrow(QueueUnreachable);
    await redis.ask("CONFIG", "SET", "min-replicas-to-write", "0");
    expect((await waiting).map(textOf)).toEqual(["new"]);
    expect(await stream.done(twice)).toEqual([]);
  });

  it("is no loss when another worker accepts it while it is waited for", async () => {
    const redis = await server();
    const { stream, told, inHand, waiting } = await waitingBehindNew(redis);
    const [[id]] = (await redis.ask("XPENDING", STREAM, GROUP, "-", "+", 1, "host-1")) as [[string]];
    await redis.ask("XACK", STREAM, GROUP, id);
    await redis.ask("XDEL", STREAM, id);
    await stream.done(inHand);
    await add(redis, "newer");
    expect((await waiting).map(textOf)).toEqual(["newer"]);
    await stream.receive(1, 50, GOES_ON);
    expect(told.filter((line) => line.includes("lost."))).toEqual([]);
  });

  it("is asked for again after waiting, when a worker of the same name left it behind", async () => {
    const redis = await server();
    await makeGroup(redis);
    await add(redis, "once", "twice", "behind");
    const [, twice = ""] = await die(redis, 3, "host-1");
    await redis.ask("XCLAIM", STREAM, GROUP, "host-1", 0, twice, "RETRYCOUNT", 2, "JUSTID");
    const { stream } = await worker(redis.url, { consumer: "host-1" });
    const inHand = await receive(stream);
    expect(inHand.map(textOf)).toEqual(["once"]);
    expect(await stream.receive(200, 50, GOES_ON)).toEqual([]);
    const looks = await looksAt(redis);
    const waiting = stream.receive(200, 20_000, GOES_ON);
    await expect.poll(() => looksAt(redis)).not.toBe(looks);
    await redis.ask("XACK", STREAM, GROUP, twice);
    await redis.ask("XDEL", STREAM, twice);
    await stream.done(inHand);
    expect((await waiting).map(textOf)).toEqual(["behind"]);
    // That one is not alone.
    await add(redis, "new");
    expect((await stream.receive(200, 2_000, GOES_ON)).map(textOf)).toEqual(["new"]);
  });

  it("is not joined by new mail when it was the last that somebody else had left behind", async () => {
    const redis = await server();
    await leftBehind(redis, ["twice"]);
    const { stream } = await worker(redis.url, { sweepMs: 60_000 });
    const twice = await receive(stream);
    expect(twice.map(textOf)).toEqual(["twice"]);
    await add(redis, "new");
    // Every other look begins with new mail.
    for (let looks = 0; looks < 2; looks++) expect(await stream.receive(200, 50, GOES_ON)).toEqual([]);
    await stream.done(twice);
    expect((await receive(stream)).map(textOf)).toEqual(["new"]);
  });

  it("is left where it is when it was given back and its time has not come", async () => {
    const redis = await server();
    await leftBehind(redis, ["twice"]);
    const { stream } = await worker(redis.url, { idleMs: 50 });
    const [twice] = await receive(stream);
    await stream.later(twice as RedisDelivery, 600_000);
    // The first look is before it is idle, and waits for new mail.
    for (let looks = 0; looks < 2; looks++) expect(await stream.receive(200, 100, GOES_ON)).toEqual([]);
  });

  it("is not taken by one that closes while it waits to take it", async () => {
    const redis = await server();
    const { stream, waiting } = await waitingBehindNew(redis);
    // The connection over which it would be taken is still open then.
    await Promise.all([stream.close(), expect(waiting).rejects.toThrow(QueueUnreachable)]);
    expect(await redis.ask("XPENDING", STREAM, GROUP, "-", "+", 1)).toMatchObject([
      [expect.anything(), "host-1", expect.anything(), 2],
    ]);
  });
});
