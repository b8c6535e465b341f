/** Dead letters over HTTP: listed, looked into, taken in again, dropped. */
import { describe, expect, test } from "vitest";
import type { InjectOptions } from "fastify";
import { AwayError } from "../../src/errors.ts";
import type { Retried } from "../../src/serve/gateway.ts";
import { deadLetter } from "../support/dead-letters.ts";
import { type TestGateway, testGateway } from "../support/gateway.ts";
import type { Json } from "../support/run.ts";
import { templateContent } from "../support/templates.ts";

async function ask(
  gateway: TestGateway,
  method: InjectOptions["method"],
  url: string,
): Promise<{ status: number; json: Json }> {
  const answer = await gateway.call({ ...(method !== undefined && { method }), url });
  return { status: answer.statusCode, json: answer.json() };
}

const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);

describe("GET /v1/dead", () => {
  test("lists them newest first, page by page", async () => {
    const gateway = await testGateway();
    expect((await gateway.get("/v1/dead")).json).toEqual({ dead: [], total: 0, next: null });
    for (const sequence of [1, 2, 3]) await gateway.store.keepDead([deadLetter("xy", { origin: `m#${sequence}` })]);
    await gateway.store.keepDead([deadLetter("xy", { origin: "m#3", reason: "still wrong" })]);
    const first = (await gateway.get("/v1/dead?limit=2")).json;
    expect(first).toEqual({
      dead: [
        { id: 3, source: "nats", origin: "m#3", reason: "still wrong", times: 2, received_at: TIME, bytes: 2 },
        expect.objectContaining({ id: 2, origin: "m#2", times: 1 }),
      ],
      total: 3,
      next: "2",
    });
    expect((await gateway.get(`/v1/dead?limit=2&after=${first.next}`)).json).toMatchObject({
      dead: [{ id: 1 }],
      total: 3,
      next: null,
    });
  });

  test.each(["?after=x", "?after=0", "?after=-1", "?after=1e3", "?limit=0", "?limit=1001", "?before=3"])(
    "refuses %s",
    async (query) => {
      const gateway = await testGateway();
      expect((await gateway.get(`/v1/dead${query}`)).status).toBe(400);
    },
  );
});

describe("GET /v1/dead/{id}", () => {
  test("has what is in it, and its bytes", async () => {
    const gateway = await testGateway();
    const letter = deadLetter({ uuid: "x", html: "<script>1</script>" }, { extras: "e30" });
    await gateway.store.keepDead([letter]);
    const { status, json } = await gateway.get("/v1/dead/1");
    expect(status).toBe(200);
    expect(json).toEqual({
      id: 1,
      source: "nats",
      origin: "messages#1",
      reason: letter.reason,
      times: 1,
      received_at: TIME,
      last_at: TIME,
      bytes: letter.body.length,
      extras: "e30",
      payload: {
        format: "MessagePack",
        fields: [
          { name: "uuid", text: "x" },
          { name: "html", text: "<script>1</script>" },
        ],
        cut: false,
      },
      body: Buffer.from(letter.body).toString("base64"),
    });
    expect((await gateway.get("/v1/dead/1?bytes=false")).json).toEqual({ ...json, body: null });
  });

  test("answers with 10 MB that are nothing at all", async () => {
    const gateway = await testGateway();
    const body = new Uint8Array(10_000_000).fill(0xff);
    await gateway.store.keepDead([deadLetter(body, { source: "redis" })]);
    const { json } = await gateway.get("/v1/dead/1");
    expect(json).toMatchObject({ bytes: 10_000_000, payload: { format: "bytes", cut: true } });
    expect(Buffer.from(json.body, "base64").equals(Buffer.from(body))).toBe(true);
    const brief = await gateway.call({ url: "/v1/dead/1?bytes=false" });
    expect(brief.payload.length).toBeLessThan(30_000);
  });
});

describe("POST /v1/dead/{id}/retry", () => {
  const JOB = { id: "j1", to: "ann@example.com", template: "welcome", templateData: { name: "Ann" } };
  const job = (over: object = {}) =>
    deadLetter(JSON.stringify({ ...JOB, ...over }), { source: "redis", origin: "email:send#1700000000000-0" });

  test("takes a job in when its template is there, and not before", async () => {
    const gateway = await testGateway();
    await gateway.store.keepDead([job()]);
    const missing = await ask(gateway, "POST", "/v1/dead/1/retry");
    expect(missing).toEqual({
      status: 422,
      json: { error: expect.stringContaining('there is no template "welcome"') },
    });
    // Without Redis, where the template may be, nobody knows more than the inlet did.
    expect(missing.json.error).toContain("Redis is not asked without --redis");
    expect((await gateway.get("/v1/dead/1")).json).toMatchObject({ times: 1, reason: job().reason });
    await gateway.store.putTemplate("welcome", templateContent({ html: "<p>Hello {{ name }}</p>" }));
    expect(await ask(gateway, "POST", "/v1/dead/1/retry")).toEqual({
      status: 200,
      json: { id: 1, result: "accepted" },
    });
    expect(gateway.wakes()).toBe(1);
    expect((await gateway.get("/v1/messages?uuid=redis:email:send:j1")).json.messages).toMatchObject([
      { email: "ann@example.com", state: "pending" },
    ]);
    expect(await gateway.store.countDead()).toBe(0);
  });

  test("knows a mail that was taken in before, and another mail of its uuid", async () => {
    const gateway = await testGateway();
    const mail = ["mail-1", "ann@example.com", "Hello", "<p>Hello</p>"];
    await gateway.store.keepDead([
      deadLetter(mail, { origin: "m#1" }),
      deadLetter(mail, { origin: "m#2" }),
      deadLetter(mail.with(3, "<p>Bye</p>"), { origin: "m#3" }),
    ]);
    const retry = (id: number) => ask(gateway, "POST", `/v1/dead/${id}/retry`);
    expect((await retry(1)).json).toEqual({ id: 1, result: "accepted" });
    expect((await retry(2)).json).toEqual({ id: 2, result: "duplicate" });
    expect(await retry(3)).toMatchObject({ status: 422, json: { error: expect.stringContaining("uuid") } });
    expect((await gateway.get("/v1/dead")).json.dead).toMatchObject([{ id: 3 }]);
    expect((await gateway.store.totals(null)).total).toBe(1);
  });

  test("one letter that is retried often at once is one mail", async () => {
    const gateway = await testGateway();
    await gateway.store.keepDead([deadLetter(["mail-1", "ann@example.com", "Hello", "<p>Hello</p>"])]);
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask(gateway, "POST", "/v1/dead/1/retry")));
    expect(answers.filter(({ status }) => status !== 200 && status !== 404)).toEqual([]);
    expect(answers.filter(({ json }) => json.result === "accepted")).toHaveLength(1);
    expect((await gateway.store.totals(null)).total).toBe(1);
  });

  test("says so at once when the store is away, and keeps the letter", async () => {
    let isAway = false;
    const gateway = await testGateway({
      store: (store) =>
        new Proxy(store, {
          get: (target, name) =>
            name === "accept" && isAway
              ? () => Promise.reject(new AwayError("the database cannot be reached"))
              : (Reflect.get(target, name) as unknown),
        }),
    });
    await gateway.store.keepDead([deadLetter(["mail-1", "ann@example.com", "Hello", "<p>Hello</p>"])]);
    isAway = true;
    expect((await ask(gateway, "POST", "/v1/dead/1/retry")).status).toBe(503);
    isAway = false;
    expect((await ask(gateway, "POST", "/v1/dead/1/retry")).json).toEqual({ id: 1, result: "accepted" });
  });

  test("needs a sender", async () => {
    const gateway = await testGateway({ settings: { envelope: null } });
    await gateway.store.keepDead([job()]);
    expect(await ask(gateway, "POST", "/v1/dead/1/retry")).toMatchObject({
      status: 422,
      json: { error: expect.stringContaining("--from") },
    });
    expect((await gateway.get("/v1/dead/1")).json.times).toBe(1);
  });

  test.each<[Retried | null, number, Json]>([
    ["accepted", 200, { id: 7, result: "accepted" }],
    ["duplicate", 200, { id: 7, result: "duplicate" }],
    [{ dead: "there is no template" }, 422, { error: "there is no template" }],
    [null, 404, { error: 'there is no dead letter "7"' }],
  ])("tells what became of it: %j", async (result, status, json) => {
    const asked: number[] = [];
    const gateway = await testGateway({ retryDead: async (id) => (asked.push(id), result) });
    expect(await ask(gateway, "POST", "/v1/dead/7/retry")).toEqual({ status, json });
    expect(asked).toEqual([7]);
  });
});

test("a dead letter is dropped for good", async () => {
  const gateway = await testGateway();
  await gateway.store.keepDead([deadLetter("a", { origin: "m#1" }), deadLetter("b", { origin: "m#2" })]);
  expect(await ask(gateway, "DELETE", "/v1/dead/1")).toEqual({ status: 200, json: { id: 1, dropped: true } });
  expect((await ask(gateway, "DELETE", "/v1/dead/1")).status).toBe(404);
  expect((await gateway.get("/v1/dead")).json).toMatchObject({ dead: [{ id: 2 }], total: 1 });
});

test.each(["0", "-1", "1.5", "1e3", "x", "%00", "9".repeat(15), "9".repeat(400), "1%20or%201=1"])(
  "there is none with the id %s",
  async (id) => {
    const gateway = await testGateway({ retryDead: async () => null });
    await gateway.store.keepDead([deadLetter("a")]);
    expect((await gateway.get(`/v1/dead/${id}`)).status).toBe(404);
    expect((await ask(gateway, "POST", `/v1/dead/${id}/retry`)).status).toBe(404);
    expect((await ask(gateway, "DELETE", `/v1/dead/${id}`)).status).toBe(404);
    expect(await gateway.store.countDead()).toBe(1);
  },
);
