/** The sorted sets of jobs that go first, and of jobs that wait. */
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { RedisDelivery } from "../../../src/queue/redis/redis.ts";
import { requireServers } from "../../support/servers.ts";
import { add, GOES_ON, jsonOf, receive, server, STREAM, textOf, worker } from "./worker.ts";

const PRIORITY = `${STREAM}:priority`;
const DELAYED = `${STREAM}:delayed`;
const DUE_AT = 1_790_000_000_000;

describe.skipIf(requireServers("redis"))("a job in a set", () => {
  it("is brought with what its hash says, whichever way the producer writes it", async () => {
    const redis = await server();
    const { sets } = await worker(redis.url);
    await redis.ask("HSET", "email:job:c1", "data", '{"id":"c1","to":"a@example.com"}', "status", "WAITING");
    await redis.ask("HSET", "email:job:c2", "to", "b@example.com", "priority", "10");
    await redis.ask("ZADD", PRIORITY, 10, "c1", 10, "c2");
    const got = await receive(sets, 2);
    expect(got.map(({ id }) => id)).toEqual([`${PRIORITY}#c1`, `${PRIORITY}#c2`]);
    expect(got.map(jsonOf)).toEqual([
      { id: "c1", to: "a@example.com" },
      { to: "b@example.com", priority: "10", id: "c2" },
    ]);
  });

  it.each([
    { score: DUE_AT, delay: 60_000, at: DUE_AT - 60_000 },
    { score: DUE_AT, delay: "60000", at: DUE_AT - 60_000 },
    { score: DUE_AT / 1_000, delay: 60_000, at: DUE_AT - 60_000 },
    { score: DUE_AT, at: DUE_AT },
    { score: "inf", delay: 60_000, createdAt: DUE_AT - 5, at: DUE_AT - 5 },
  ])("that waits has a time of which its delay leads to its score: $score, $delay", async ({ score, at, ...job }) => {
    const redis = await server();
    const { sets } = await worker(redis.url);
    await redis.ask("HSET", "email:job:c1", "data", JSON.stringify({ id: "c1", ...job }));
    await redis.ask("ZADD", DELAYED, score, "c1");
    expect((await receive(sets))[0]?.at).toBe(at);
  });

  it("that goes first has the time at which it was made, or else at which it was seen", async () => {
    const redis = await server();
    const { sets } = await worker(redis.url, { idleMs: 10 });
    const jobs = { number: DUE_AT, text: new Date(DUE_AT).toISOString(), junk: "soon" };
    for (const [id, createdAt] of Object.entries(jobs)) {
      await redis.ask("HSET", `email:job:${id}`, "data", JSON.stringify({ id, createdAt }));
      await redis.ask("ZADD", PRIORITY, 10, id);
    }
    const before = Date.now();
    const first = await receive(sets, 3);
    const again = await receive(sets, 3);
    const at = Object.fromEntries(first.map((one) => [one.id.split("#")[1], one.at]));
    expect(at).toMatchObject({ number: DUE_AT, text: DUE_AT });
    expect(at["junk"]).toBeGreaterThanOrEqual(before);
    expect(again.map((one) => one.at)).toEqual(first.map((one) => one.at));
  });

  it("is gone with its hash when it is done", async () => {
    const redis = await server();
    const { sets } = await worker(redis.url);
    await redis.ask("HSET", "email:job:c1", "data", "{}");
    await redis.ask("ZADD", DELAYED, DUE_AT, "c1");
    expect(await sets.done(await receive(sets))).toEqual([]);
    expect(await redis.ask("DBSIZE")).toBe(0);
    expect(await sets.receive(1, 0, GOES_ON)).toEqual([]);
  });

  it("comes again when it is not done, and those behind it come before", async () => {
    const redis = await server();
    const { sets } = await worker(redis.url, { idleMs: 60_000 });
    for (const [score, id] of ["c1", "c2", "c3"].entries()) {
      await redis.ask("HSET", `email:job:${id}`, "data", JSON.stringify({ id }));
      await redis.ask("ZADD", PRIORITY, score, id);
    }
    const names: string[] = [];
    while (names.length < 3) names.push(...(await sets.receive(1, 2_000, GOES_ON)).map(textOf));
    expect(new Set(names).size).toBe(3);
    expect(await sets.receive(1, 0, GOES_ON)).toEqual([]);
    // A minute passes: a wait that is real would have to be shorter than what a busy machine may need for three of them.
    const now = performance.now.bind(performance);
    vi.spyOn(performance, "now").mockImplementation(() => now() + 60_000);
    onTestFinished(() => void vi.restoreAllMocks());
    expect(names).toContain((await receive(sets)).map(textOf)[0]);
  });

  it("is brought to two workers, and each may say that it is done", async () => {
    const redis = await server();
    const workers = [await worker(redis.url), await worker(redis.url)];
    await redis.ask("HSET", "email:job:c1", "data", '{"id":"c1"}');
    await redis.ask("ZADD", PRIORITY, 10, "c1");
    const got: RedisDelivery[] = [];
    for (const { sets } of workers) got.push(...(await receive(sets)));
    for (const [index, { sets }] of workers.entries()) expect(await sets.done([got[index] as never])).toEqual([]);
    expect(await redis.ask("DBSIZE")).toBe(0);
  });

  it("that is refused moves to the dead letters", async () => {
    const redis = await server();
    const { sets } = await worker(redis.url);
    await redis.ask("HSET", "email:job:c1", "data", '{"to":7}');
    await redis.ask("ZADD", PRIORITY, 10, "c1");
    expect(await sets.refuse((await receive(sets))[0] as never, "no")).toBe(true);
    const letters = (await redis.ask("XRANGE", `${STREAM}:dlq`, "-", "+")) as [string, string[]][];
    const data = '{"id":"c1","to":7}';
    expect(letters.map(([, fields]) => fields)).toEqual([
      ["id", "c1", "origin", `${PRIORITY}#c1`, "reason", "no", "data", data],
    ]);
    expect(await redis.ask("KEYS", "*")).toEqual([`${STREAM}:dlq`]);
  });

  it.each(["missing", "no hash"])("whose hash is %s and stays so is too late to take", async (what) => {
    const redis = await server();
    const { sets } = await worker(redis.url, { idleMs: 300 });
    if (what === "no hash") await redis.ask("RPUSH", "email:job:c1", "x");
    await redis.ask("ZADD", PRIORITY, 10, "c1");
    expect(await sets.receive(1, 0, GOES_ON)).toEqual([]);
    const [delivery] = await receive(sets);
    expect(delivery?.overdue).toBe(`it is in ${PRIORITY}, and there is no hash email:job:c1`);
    expect(textOf(delivery as never)).toBe('{"id":"c1"}');
    expect(await sets.refuse(delivery as never, "no")).toBe(true);
    expect(await redis.ask("ZCARD", PRIORITY)).toBe(0);
    expect(await redis.ask("EXISTS", "email:job:c1")).toBe(what === "no hash" ? 1 : 0);
  });

  it("is brought when its key is a string, as it is written there", async () => {
    const redis = await server();
    const { sets } = await worker(redis.url);
    await redis.ask("SET", "email:job:c1", '{"to":"a@example.com"}');
    await redis.ask("SET", "email:job:c2", "x");
    await redis.ask("ZADD", PRIORITY, 1, "c1", 2, "c2");
    const got = await receive(sets, 2);
    expect(got.map(textOf)).toEqual(['{"id":"c1","to":"a@example.com"}', "x"]);
    await sets.done(got);
    expect(await redis.ask("DBSIZE")).toBe(0);
  });

  it.each([
    { right: "read", keys: "~email:job:good" },
    { right: "delete", keys: "~email:job:good %R~email:job:bad" },
  ])("whose key we may not $right stays there, and the others come and go", async ({ keys }) => {
    const user = `user mail on >pw ~${STREAM}* ${keys} resetchannels +@all`;
    const redis = await server({ settings: [user] });
    const { sets, told } = await worker(`redis://mail:pw@127.0.0.1:${redis.port}`, { idleMs: 100 });
    for (const id of ["bad", "good"]) await redis.ask("HSET", `email:job:${id}`, "data", JSON.stringify({ id }));
    await redis.ask("ZADD", PRIORITY, 1, "bad", 2, "good");
    for (let look = 0; look < 5; look++) await sets.done(await sets.receive(10, 100, GOES_ON));
    expect(await redis.ask("ZRANGE", PRIORITY, 0, -1)).toEqual(["bad"]);
    expect(await redis.ask("KEYS", "email:job:*")).toEqual(["email:job:bad"]);
    expect(told.filter((line) => line.includes("email:job:bad"))).toHaveLength(1);
  });

  it.each([PRIORITY, DELAYED])(
    "is brought in spite of 2,500 names in front of it that have no hash, in %s",
    async (set) => {
      const redis = await server();
      const { sets } = await worker(redis.url);
      await redis.askEach(Array.from({ length: 2_500 }, (_, n) => ["ZADD", PRIORITY, "1", `gone-${n}`]));
      await redis.ask("HSET", "email:job:c1", "data", '{"id":"c1"}');
      await redis.ask("ZADD", set, DUE_AT, "c1");
      const looks: number[] = [];
      while (looks.at(-1) !== 1 && looks.length < 4) looks.push((await sets.receive(1, 0, GOES_ON)).length);
      // A look goes through 2,000 names at most.
      expect(looks.length).toBeLessThanOrEqual(set === PRIORITY ? 2 : 1);
      expect(looks.at(-1)).toBe(1);
    },
  );

  it("in each set has its share of a look", async () => {
    const redis = await server();
    const { sets } = await worker(redis.url);
    for (const [set, name] of [
      [PRIORITY, "p"],
      [DELAYED, "d"],
    ] as const)
      for (let n = 0; n < 9; n++) {
        await redis.ask("HSET", `email:job:${name}${n}`, "data", "{}");
        await redis.ask("ZADD", set, n, `${name}${n}`);
      }
    const look = async (most: number) =>
      (await sets.receive(most, 0, GOES_ON)).map(({ id }) => id.split("#")[1]?.[0]).join("");
    expect(await look(4)).toBe("ppdd");
    expect([await look(1), await look(1)].toSorted()).toEqual(["d", "p"]);
    await redis.ask("DEL", DELAYED);
    expect(await look(4)).toBe("pppp");
  });

  it("without a hash for too long does not take the place of one that has it, and is given up at last", async () => {
    const redis = await server();
    const { sets } = await worker(redis.url, { idleMs: 0 });
    await redis.ask("ZADD", PRIORITY, 1, "gone");
    await redis.ask("HSET", "email:job:c1", "data", '{"id":"c1"}');
    await redis.ask("ZADD", PRIORITY, 2, "c1");
    const [first] = await sets.receive(1, 0, GOES_ON);
    expect(first?.id).toBe(`${PRIORITY}#c1`);
    await sets.done([first as never]);
    expect((await sets.receive(1, 0, GOES_ON))[0]?.overdue).toMatch(/no hash email:job:gone/);
  });

  it("is brought when the other set is none, which is told once", async () => {
    const redis = await server();
    const { sets, told } = await worker(redis.url);
    await redis.ask("SET", PRIORITY, "x");
    await redis.ask("HSET", "email:job:c1", "data", '{"id":"c1"}');
    await redis.ask("ZADD", DELAYED, 1, "c1");
    expect((await receive(sets)).map(textOf)).toEqual(['{"id":"c1"}']);
    await sets.receive(1, 0, GOES_ON);
    expect(told.filter((line) => line.includes("sorted set"))).toEqual([
      `redis: ${PRIORITY} is not read: it is no sorted set. Delete or rename that key.`,
    ]);
  });

  it("that is refused is gone when its copy cannot be kept, which is told once, of the stream, too", async () => {
    const redis = await server();
    const { sets, stream, told } = await worker(redis.url);
    await redis.ask("SET", `${STREAM}:dlq`, "x");
    await redis.ask("HSET", "email:job:c1", "data", '{"id":"c1"}');
    await redis.ask("ZADD", PRIORITY, 1, "c1");
    await add(redis, "a");
    expect(await sets.refuse((await receive(sets))[0] as never, "no")).toBe(true);
    expect(await stream.refuse((await receive(stream))[0] as never, "no")).toBe(true);
    expect(await redis.ask("ZCARD", PRIORITY)).toBe(0);
    expect(await redis.ask("XLEN", STREAM)).toBe(0);
    expect(told.filter((line) => line.includes("dlq"))).toEqual([
      `redis: dead letters are not copied to ${STREAM}:dlq: it is no stream. The store has them. Delete or rename that key.`,
    ]);
  });

  it("whose id would be rounded has no id beside its copy", async () => {
    const redis = await server();
    const { sets } = await worker(redis.url);
    await redis.ask("HSET", "email:job:c1", "data", '{"id":9007199254740993}');
    await redis.ask("ZADD", PRIORITY, 10, "c1");
    await sets.refuse((await receive(sets))[0] as never, "no");
    const [[, fields] = []] = (await redis.ask("XRANGE", `${STREAM}:dlq`, "-", "+")) as [string, string[]][];
    expect(fields).toEqual(["id", "", "origin", `${PRIORITY}#c1`, "reason", "no", "data", '{"id":9007199254740993}']);
  });

  it("that is refused is gone when there is no right to copy it", async () => {
    const user = `user mail on >pw ~${PRIORITY} ~${DELAYED} ~email:job:* resetchannels +@all`;
    const redis = await server({ settings: [user] });
    const { sets, told } = await worker(`redis://mail:pw@127.0.0.1:${redis.port}`);
    await redis.ask("HSET", "email:job:c1", "data", '{"id":"c1"}');
    await redis.ask("ZADD", PRIORITY, 1, "c1");
    expect(await sets.refuse((await receive(sets))[0] as never, "no")).toBe(true);
    expect(await redis.ask("DBSIZE")).toBe(0);
    expect(told.filter((line) => line.includes("dlq"))).toEqual([
      `redis: dead letters are not copied to ${STREAM}:dlq: there is no right to it. The store has them. ACL SETUSER gives the right.`,
    ]);
  });

  it("whose hash is written a moment later is brought", async () => {
    const redis = await server();
    const { sets } = await worker(redis.url);
    await redis.ask("ZADD", PRIORITY, 10, "c1");
    expect(await sets.receive(1, 0, GOES_ON)).toEqual([]);
    await redis.ask("HSET", "email:job:c1", "data", '{"id":"c1","to":"a"}');
    expect((await receive(sets)).map(({ overdue, ...one }) => [overdue, textOf(one)])).toEqual([
      [undefined, '{"id":"c1","to":"a"}'],
    ]);
  });

  it("a receive that waits ends when it is told to", async () => {
    const redis = await server();
    const { sets } = await worker(redis.url);
    const stop = new AbortController();
    const waiting = sets.receive(1, 3_600_000, stop.signal);
    stop.abort("SIGTERM");
    expect(await waiting).toEqual([]);
  });
});
