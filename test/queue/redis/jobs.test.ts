/** What producers write, and what a reader is given. */
import { describe, expect, it } from "vitest";
import { requireServers } from "../../support/servers.ts";
import { add, jsonOf, pending, receive, server, STREAM, textOf, worker } from "./worker.ts";

describe.skipIf(requireServers("redis"))("an entry of the stream", () => {
  it("that has the job as JSON in `data` is brought byte by byte, with its own time", async () => {
    const redis = await server();
    const { stream } = await worker(redis.url);
    const data = '{ "id": "c1", "priority": 10, "delay": 1e3, "to": "Zoë <zoe@example.com>" }';
    await redis.ask("XADD", STREAM, "1790000000123-4", "id", "c1", "data", data, "priority", "10");
    const [delivery] = await receive(stream);
    expect(delivery).toMatchObject({ id: `${STREAM}#1790000000123-4`, at: 1_790_000_000_123 });
    expect(textOf(delivery as never)).toBe(data);
  });

  it.each([
    { data: '{"to":"a@example.com"}', body: '{"id":"c1","priority":"10","to":"a@example.com"}' },
    { data: ' {"priority":1}', body: ' {"id":"c1","priority":1}' },
    { data: " {} ", body: ' {"id":"c1","priority":"10"} ' },
    { data: '{"templateData":{"id":7},"n":12345678901234567890}' },
    { data: "[1]", body: "[1]" },
    { data: "{no", body: "{no" },
  ])("whose data is $data has the fields beside it where they are missing", async ({ data, body }) => {
    const redis = await server();
    const { stream } = await worker(redis.url);
    await redis.ask("XADD", STREAM, "*", "id", "c1", "priority", "10", "data", data);
    const [delivery] = await receive(stream);
    expect(textOf(delivery as never)).toBe(body ?? `{"id":"c1","priority":"10",${data.slice(1)}`);
  });

  it.each([
    { beside: { delay: "3600000", zzz: "1" }, body: '{"delay":"3600000","zzz":"1","id":"c1"}' },
    { beside: { id: "c1", delay: "5" }, body: '{"delay":"5","id":"c1"}' },
    { beside: { id: "9007199254740993" }, data: '{"id":9007199254740993}', body: '{"id":9007199254740993}' },
    { beside: { id: "c2" }, body: 'id\nc2\ndata\n{"id":"c1"}\n' },
  ])("that says $beside beside its data keeps that", async ({ beside, data = '{"id":"c1"}', body }) => {
    const redis = await server();
    const { stream } = await worker(redis.url);
    await redis.ask("XADD", STREAM, "*", ...Object.entries(beside).flat(), "data", data);
    const [delivery] = await receive(stream);
    expect(textOf(delivery as never)).toBe(body);
  });

  it("with one field for each key becomes JSON of texts", async () => {
    const redis = await server();
    const { stream } = await worker(redis.url);
    const fields = { id: "c1", to: "a@example.com", priority: "5", templateData: '{"n":1}', __proto__x: "ö" };
    await redis.ask("XADD", STREAM, "*", ...Object.entries(fields).flat());
    expect(jsonOf((await receive(stream))[0] as never)).toEqual(fields);
  });

  it("that is junk is brought as it is, and is no JSON", async () => {
    const redis = await server();
    const { stream } = await worker(redis.url);
    const junk = Buffer.from([0xff, 0x00, 0xfe]);
    await redis.ask("XADD", STREAM, "*", "data", junk);
    await redis.ask("XADD", STREAM, "*", "to", junk, "id", "c1");
    await redis.ask("XADD", STREAM, "*", junk, "x");
    await redis.ask("XADD", STREAM, "*", "data", "{}", "data", "{}");
    const got = await receive(stream, 4);
    expect(got.map(({ body }) => Buffer.from(body))).toEqual([
      junk,
      Buffer.concat([Buffer.from("to\n"), junk, Buffer.from("\nid\nc1\n")]),
      Buffer.concat([junk, Buffer.from("\nx\n")]),
      Buffer.from("data\n{}\ndata\n{}\n"),
    ]);
  });

  it("with an id of its producer's far from any time has a time that is one", async () => {
    const redis = await server();
    const { stream } = await worker(redis.url);
    await redis.ask("XADD", STREAM, "18446744073709551615-1", "data", "{}");
    const [delivery] = await receive(stream);
    expect(new Date(delivery?.at ?? NaN).getUTCFullYear()).toBe(9_999);
  });
});

describe.skipIf(requireServers("redis"))("what is done with an entry", () => {
  it("removes it from a stream that is ours alone", async () => {
    const redis = await server();
    const { stream } = await worker(redis.url);
    await add(redis, "a", "b");
    const [a] = await receive(stream, 2);
    await stream.done([a as never]);
    expect(await redis.ask("XLEN", STREAM)).toBe(1);
    expect(await pending(redis)).toBe(1);
  });

  it("leaves it there when another group reads the stream", async () => {
    const redis = await server();
    const { stream } = await worker(redis.url);
    await add(redis, "a");
    await redis.ask("XGROUP", "CREATE", STREAM, "others", "0");
    await stream.done(await receive(stream));
    expect(await redis.ask("XLEN", STREAM)).toBe(1);
    expect(await pending(redis)).toBe(0);
  });

  it("moves what is refused to the dead letters, with its id, where it was, why and what it was", async () => {
    const redis = await server();
    const { stream } = await worker(redis.url);
    const job = '{"id":"c7","to":7}';
    await add(redis, job, "junk");
    const got = await receive(stream, 2);
    for (const delivery of got) expect(await stream.refuse(delivery, `"to" is no text`)).toBe(true);
    const letters = (await redis.ask("XRANGE", `${STREAM}:dlq`, "-", "+")) as [string, string[]][];
    const rest = (at: number) => ["origin", got[at]?.id, "reason", '"to" is no text', "data"];
    expect(letters.map(([, fields]) => fields)).toEqual([
      ["id", "c7", ...rest(0), job],
      ["id", "", ...rest(1), "junk"],
    ]);
    expect(await redis.ask("XLEN", STREAM)).toBe(0);
    expect(await pending(redis)).toBe(0);
  });
});

describe.skipIf(requireServers("redis"))("what is told back", () => {
  it("a status lasts a day, and a new one does not replace a later one", async () => {
    const redis = await server();
    const told = await worker(redis.url);
    await told.setStatus([
      { id: "c1", state: "pending", onlyNew: true },
      { id: "c2", state: "sent" },
    ]);
    await told.setStatus([
      { id: "c1", state: "sent" },
      { id: "c2", state: "pending", onlyNew: true },
    ]);
    expect(await redis.ask("MGET", "email:status:c1", "email:status:c2")).toEqual(["sent", "sent"]);
    const ttl = (await redis.ask("TTL", "email:status:c1")) as number;
    expect(ttl).toBeGreaterThan(86_000);
    expect(ttl).toBeLessThanOrEqual(86_400);
  });

  it("many statuses at once", async () => {
    const redis = await server();
    const { setStatus } = await worker(redis.url);
    await setStatus(Array.from({ length: 2_500 }, (_, n) => ({ id: `c${n}`, state: "sent" })));
    expect(await redis.ask("DBSIZE")).toBe(2_500);
  });

  it("the keys of another stream begin as its name does", async () => {
    const redis = await server();
    const shop = await worker(redis.url, { stream: "shop:mail:send" });
    const plain = await worker(redis.url, { stream: "jobs" });
    await shop.setStatus([{ id: "c1", state: "sent" }]);
    await plain.setStatus([{ id: "c1", state: "failed" }]);
    expect(await redis.ask("MGET", "shop:mail:status:c1", "email:status:c1")).toEqual(["sent", "failed"]);
  });

  it("progress is heard by whoever listens", async () => {
    const redis = await server();
    const { progress } = await worker(redis.url);
    const heard = await redis.listen("email:progress:i9");
    await progress("i9", { completed: 199, total: 200 });
    await progress("i9", { completed: 200, total: 200 });
    await expect
      .poll(() => heard.map((text) => JSON.parse(text) as unknown))
      .toEqual([
        { completed: 199, total: 200, percentage: 99 },
        { completed: 200, total: 200, percentage: 100 },
      ]);
  });

  it("a template is read, and one that is missing is none", async () => {
    const redis = await server();
    const { template } = await worker(redis.url);
    await redis.ask("SET", "template:welcome", "<p>Grüezi</p>");
    expect(await template("welcome")).toBe("<p>Grüezi</p>");
    expect(await template("nothing")).toBeNull();
  });

  it("a template whose key holds something else is a problem that names the key, and no trouble with Redis", async () => {
    const redis = await server({ settings: ["user mail on >pw ~email:* %R~template:open* resetchannels +@all"] });
    const { template } = await worker(`redis://mail:pw@127.0.0.1:${redis.port}`);
    await redis.ask("RPUSH", "template:open-list", "x");
    await redis.ask("SETRANGE", "template:open-large", 10 * 1024 * 1024, "x");
    await redis.ask("SETBIT", "template:open-bits", 0, 1);
    expect(await template("open-list")).toEqual({ problem: "the Redis key template:open-list is no string" });
    expect(await template("open-bits")).toEqual({ problem: "the Redis key template:open-bits is no text in UTF-8" });
    expect(await template("open-large")).toEqual({
      problem: "the Redis key template:open-large has 10485761 bytes; expected 10 MB at most",
    });
    const closed = await template("closed");
    expect(closed).toEqual({
      problem: expect.stringMatching(/^the Redis key template:closed cannot be read: .*NOPERM/),
    });
  });
});
