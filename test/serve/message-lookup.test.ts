// oxlint-disable vitest/valid-expect -- vitest takes a message as second argument
/** "Did Ann's code arrive?": one message by its id, and all to an address or with a uuid. */
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { testGateway } from "../support/gateway.ts";
import type { Json } from "../support/run.ts";
import { failed, ingest, sent, settle, turn } from "../support/store-actions.ts";

const SANDBOX = { topic: null, endpoint: "sandbox", maxLateMs: null } as const;
const ISO = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

/** Ann has a newsletter that failed, and a code that was sent; a second code waits for 2040. */
async function ann() {
  const gateway = await testGateway({ settings: { zone: "UTC" } });
  await ingest(gateway.store, ["Ann@example.com", "joann@example.com"]);
  const [news] = (await turn(gateway.store, 1, { scope: SANDBOX })).claims;
  await settle(gateway.store, failed(news, "Message rejected"));
  const code = { topic_id: "codes", emails: ["ann@example.com"], subject: "Your code", content: "<p>1</p>" };
  await gateway.post({ messages: [{ ...code, uuid: "code-1" }] });
  const claim = (await turn(gateway.store, 9, { scope: SANDBOX })).claims.find(
    ({ email }) => email === "ann@example.com",
  );
  await settle(gateway.store, sent(claim, "0100-ses"));
  await gateway.post({
    messages: [{ ...code, content: "<p>2</p>", uuid: "code-2", scheduled_at: "2040-01-01T00:00:00Z" }],
  });
  return { ...gateway, id: claim?.id ?? 0 };
}

test("one message, with every field", async () => {
  const { get, id } = await ann();
  expect(await get(`/v1/messages/${id}`)).toEqual({
    status: 200,
    json: {
      id,
      uuid: "code-1",
      topic: "codes",
      email: "ann@example.com",
      state: "sent",
      attempts: 1,
      error: null,
      ses_message_id: "0100-ses",
      created_at: ISO,
      not_before: null,
      expires_at: null,
      sent_at: ISO,
      delivered_at: null,
      bounced_at: null,
      bounce_type: null,
      complained_at: null,
      opened_at: null,
      clicked_at: null,
    },
  });
});

test("by address: newest first, in any case, with why the address gets no mail", async () => {
  const { get, store } = await ann();
  const all = await get("/v1/messages?email=ANN%40Example.COM");
  expect(all.status).toBe(200);
  expect(all.json.messages.map(({ topic, state, not_before: at, error }: Json) => [topic, state, at, error])).toEqual([
    ["codes", "pending", "2040-01-01T00:00:00.000Z", null],
    ["codes", "sent", null, null],
    ["june", "failed", null, "Message rejected"],
  ]);
  expect(all.json.suppressions).toEqual([]);
  expect((await get("/v1/messages?email=ann@example.com&limit=1")).json.messages).toEqual([all.json.messages[0]]);
  await store.suppress([{ address: "ann@example.com", reason: "complaint", source: "event", detail: "abuse" }]);
  expect((await get("/v1/messages?email=ann@example.com")).json.suppressions).toEqual([
    {
      address: "ann@example.com",
      scope: "everything",
      list: null,
      reason: "complaint",
      source: "event",
      detail: "abuse",
      created_at: ISO,
      rehearsal: false,
    },
  ]);
  expect((await get("/v1/messages?email=nobody@example.com")).json).toEqual({ messages: [], suppressions: [] });
});

test("by uuid: a message for each address", async () => {
  const { get, post } = await ann();
  expect((await get("/v1/messages?uuid=code-1")).json.messages).toMatchObject([{ uuid: "code-1", state: "sent" }]);
  await post({ messages: [{ emails: ["a@example.com", "b@example.com"], subject: "s", content: "c", uuid: "two" }] });
  const emails = (await get("/v1/messages?uuid=two")).json.messages.map(({ email }: Json) => email);
  expect(emails).toEqual(["b@example.com", "a@example.com"]);
  expect(await get("/v1/messages?uuid=none")).toEqual({ status: 200, json: { messages: [] } });
});

test.each(["0", "-1", "99999", "abc", "1e3", "01", "9".repeat(40), "%00"])("there is no message %s", async (id) => {
  const { get } = await testGateway();
  const { status, json } = await get(`/v1/messages/${id}`);
  expect([status, Object.keys(json)]).toEqual([404, ["error"]]);
});

test.each([
  "",
  "?email=ann@example.com&uuid=one",
  "?email=",
  "?email=nonsense",
  "?uuid=",
  "?email=ann@example.com&limit=0",
  "?email=ann@example.com&limit=101",
  "?email=ann@example.com&limit=many",
  "?email=ann@example.com&email=b@example.com",
  "?mail=ann@example.com",
])("%s is no question", async (query) => {
  const { get } = await testGateway();
  const { status, json } = await get(`/v1/messages${query}`);
  expect(status).toBe(400);
  expect(json.error).toEqual(expect.any(String));
});

test("needs a key that may read", async () => {
  const { app, store, call } = await testGateway();
  await store.addKey({ name: "s", digest: createHash("sha256").update("a-key-that-sends").digest(), scopes: ["send"] });
  for (const url of ["/v1/messages/1", "/v1/messages?email=ann@example.com"]) {
    expect((await app.inject({ url })).statusCode).toBe(401);
    expect((await call({ url, headers: { "x-api-key": "a-key-that-sends" } })).statusCode).toBe(403);
  }
});

test("its history: all that happened, in order, and where each fact comes from", async () => {
  const { get, id } = await ann();
  const { status, json } = await get(`/v1/messages/${id}/history`);
  expect(status).toBe(200);
  expect(json.history).toEqual([
    { at: ISO, what: "added", source: "request", text: "posted as code-1", detail: "code-1", machine: false, times: 1 },
    {
      at: ISO,
      what: "sent",
      source: "answer",
      text: "the sandbox took it in as 0100-ses",
      detail: "0100-ses",
      machine: false,
      times: 1,
    },
  ]);
  for (const unknown of ["0", "999999", "one", "-1"])
    expect((await get(`/v1/messages/${unknown}/history`)).status, unknown).toBe(404);
});

test("by whatever is at hand: address, uuid, id, SES message id", async () => {
  const { get, id } = await ann();
  const found = async (q: string) => (await get(`/v1/messages?q=${encodeURIComponent(q)}`)).json;
  for (const q of ["code-1", String(id), "0100-ses", "<0100-ses@email.amazonses.com>"])
    expect(
      (await found(q)).messages.map((message: Json) => message.id),
      q,
    ).toEqual([id]);
  expect((await found("ann@EXAMPLE.com")).messages).toHaveLength(3);
  expect(await found("nothing")).toEqual({ messages: [], suppressions: [] });
  expect((await get("/v1/messages?q=1&uuid=code-1")).status).toBe(400);
});
