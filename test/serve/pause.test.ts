/** Pausing and resuming topics over HTTP, and what the answers say of it. */
import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { NO_TOPIC } from "../../src/message.ts";
import { TOPIC_STATES } from "../../src/serve/topic-state.ts";
import { type TestGateway, testGateway } from "../support/gateway.ts";
import { ManualClock } from "../support/manual-clock.ts";
import type { Json } from "../support/run.ts";
import { EVERYTHING, turn } from "../support/store-actions.ts";

const SANDBOX = { ...EVERYTHING, endpoint: "sandbox" as const };

async function mail({ post }: TestGateway, topic: string | null, emails: string[], more = {}): Promise<void> {
  const message = { topic_id: topic, emails, subject: "Hello", content: "<p>Hello</p>", ...more };
  expect((await post({ messages: [message] })).status).toBe(200);
}

function caller({ call }: TestGateway) {
  return async (url: string, payload?: object): Promise<{ status: number; json: Json }> => {
    const answer = await call({ method: "POST", url, ...(payload && { payload }) });
    return { status: answer.statusCode, json: answer.json() };
  };
}

async function scene() {
  const clock = new ManualClock();
  const gateway = await testGateway({ clock });
  return { clock, gateway, store: gateway.store, act: caller(gateway), get: gateway.get };
}

test("nothing of a paused topic leaves until it is resumed, and what comes in meanwhile waits, too", async () => {
  const { gateway, store, act, get, clock } = await scene();
  await mail(gateway, "june", ["a@example.com", "b@example.com"]);
  await turn(store, 1, { scope: SANDBOX });
  const paused = await act("/v1/topics/june/pause");
  expect(paused.status).toBe(200);
  expect(paused.json).toMatchObject({
    topic: "june",
    paused_at: new Date(clock.now()).toISOString(),
    paused_until: null,
    pending: 1,
    in_flight: 1,
    totals: { total: 2, pending: 1, sending: 1 },
  });
  await mail(gateway, "june", ["c@example.com"]);
  expect((await turn(store, 9, { scope: SANDBOX })).claims).toEqual([]);
  expect((await get("/v1/topics/june")).json).toMatchObject({
    state: "paused",
    reason: "paused until somebody resumes it",
    pending: 2,
  });
  const resumed = await act("/v1/topics/june/resume");
  expect(resumed).toMatchObject({ status: 200, json: { topic: "june", resumed: true, pending: 2 } });
  expect((await act("/v1/topics/june/resume")).json).toMatchObject({ resumed: false });
  expect((await turn(store, 9, { scope: SANDBOX })).claims).toHaveLength(2);
});

test("a pause with an end says when, in every answer that shows the topic, and ends then", async () => {
  const { gateway, act, get, clock, store } = await scene();
  await mail(gateway, "june", ["a@example.com"]);
  const until = new Date(clock.now() + 7_200_000).toISOString();
  expect((await act("/v1/topics/june/pause", { for: "2h" })).json.paused_until).toBe(until);
  const shown = { state: "paused", reason: `paused until ${until}`, paused_until: until };
  const { topics } = (await get("/v1/topics")).json;
  const overview = (await get("/v1/overview")).json.topics;
  const one = (await get("/v1/topics/june/overview")).json;
  for (const each of [topics[0], overview[0], one]) expect(each).toMatchObject(shown);
  clock.pass(7_200_000);
  expect((await get("/v1/topics/june")).json).toMatchObject({ state: "waiting", reason: null, paused_at: null });
  expect((await turn(store, 9, { scope: SANDBOX })).claims).toHaveLength(1);
});

test("pausing again replaces the end", async () => {
  const { gateway, act } = await scene();
  await mail(gateway, "june", ["a@example.com"]);
  await act("/v1/topics/june/pause", { for: "2h" });
  expect((await act("/v1/topics/june/pause")).json.paused_until).toBeNull();
  expect((await act("/v1/topics/june/pause", {})).json.paused_until).toBeNull();
  expect((await act("/v1/topics/june/pause", { for: "1m" })).json.paused_until).not.toBeNull();
});

test("mail without a topic can be paused, and other topics go on", async () => {
  const { gateway, act, store } = await scene();
  await mail(gateway, null, ["a@example.com"]);
  await mail(gateway, "june", ["b@example.com"]);
  expect((await act(`/v1/topics/${NO_TOPIC}/pause`)).status).toBe(200);
  expect((await turn(store, 9, { scope: SANDBOX })).claims.map(({ email }) => email)).toEqual(["b@example.com"]);
});

test("a topic that nobody used is a 404, a cancelled one a 409, and a bad time a 400 that says what is expected", async () => {
  const { gateway, act, get } = await scene();
  for (const action of ["pause", "resume"])
    expect(await act(`/v1/topics/none/${action}`)).toMatchObject({
      status: 404,
      json: { error: expect.stringContaining("none") },
    });
  await mail(gateway, "june", ["a@example.com"]);
  for (const wrong of ["2", "soon", "-1h", "0s", "", "367d"]) {
    const { status, json } = await act("/v1/topics/june/pause", { for: wrong });
    expect([wrong, status, json.error]).toEqual([wrong, 400, expect.stringMatching(/^for expects/)]);
  }
  expect((await act("/v1/topics/june/pause", { until: "2h" })).status).toBe(400);
  expect((await get("/v1/topics/june")).json.state).toBe("waiting");
  await gateway.call({ method: "DELETE", url: "/v1/topics/june" });
  expect(await act("/v1/topics/june/pause")).toMatchObject({
    status: 409,
    json: { error: expect.stringMatching(/cancelled.*retry/) },
  });
});

test("needs the scope send", async () => {
  const { gateway, store, clock } = await scene();
  await mail(gateway, "june", ["a@example.com"]);
  const url = "/v1/topics/june/pause";
  expect((await gateway.app.inject({ method: "POST", url })).statusCode).toBe(401);
  const key = "reader-0123456789";
  await store.addKey({ name: "r", digest: createHash("sha256").update(key).digest(), scopes: ["read"] });
  // A server keeps the keys that it has read for a second.
  clock.pass(2_000);
  const answer = await gateway.app.inject({ method: "POST", url, headers: { "x-api-key": key } });
  expect(answer.statusCode).toBe(403);
});

test("the state of a topic is one word, the most important of what is true of it", async () => {
  const { gateway, act, get, store, clock } = await scene();
  const stateOf = async (topic: string) => {
    const { state, reason } = (await get(`/v1/topics/${topic}`)).json;
    expect(TOPIC_STATES).toContain(state);
    return [state, reason];
  };
  expect(await stateOf("none")).toEqual(["empty", null]);
  await mail(gateway, "june", ["a@example.com", "b@example.com"]);
  expect(await stateOf("june")).toEqual(["waiting", null]);
  await mail(gateway, "later", ["a@example.com"], { scheduled_at: new Date(clock.now() + 60_000).toISOString() });
  expect(await stateOf("later")).toEqual(["scheduled", null]);
  const [claim] = (await turn(store, 1, { scope: SANDBOX })).claims;
  expect(await stateOf("june")).toEqual(["sending", null]);
  gateway.gateway.held = () => new Set(["june"]);
  expect(await stateOf("june")).toEqual(["held", expect.stringContaining("bounced")]);
  await act("/v1/topics/june/pause");
  expect((await stateOf("june"))[0]).toBe("paused");
  await gateway.call({ method: "DELETE", url: "/v1/topics/june" });
  expect(await stateOf("june")).toEqual(["cancelled", null]);
  await mail(gateway, "done", ["a@example.com"]);
  const [other] = (await turn(store, 1, { scope: SANDBOX })).claims;
  for (const each of [claim, other]) {
    if (each === undefined) throw new Error("nothing was claimed");
    const { id, topicId } = each;
    await turn(store, 0, { scope: SANDBOX, settlements: [{ kind: "sent", id, topicId, sesMessageId: `m${id}` }] });
  }
  expect(await stateOf("done")).toEqual(["finished", null]);
});
