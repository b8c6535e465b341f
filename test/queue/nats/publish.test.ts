/** Whether a message that is published is stored: yes, certainly not, or nobody knows. */
import { connect } from "@nats-io/transport-node";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { StreamConfig } from "@nats-io/jetstream";
import { type Nats, type NatsDelivery, openNats } from "../../../src/queue/nats/nats.ts";
import { managing, startNats } from "../../support/nats.ts";
import { requireServers } from "../../support/servers.ts";
import { type StrikingProxy, strikingProxy } from "../../support/striking-proxy.ts";

const BODY = new TextEncoder().encode("a mail");
const PATIENT = { id: "1", timeoutMs: 60_000 };
const HASTY = { id: "1", timeoutMs: 300 };
const SLOW = { timeout: 90_000 };

interface Place {
  nats: Nats;
  proxy: StrikingProxy;
  url: string;
}

/** A stream for `messages.*`, and a connection that is there. */
async function place(config: Partial<StreamConfig> = {}): Promise<Place> {
  const server = await startNats();
  await managing(server.url, ({ streams }) => streams.add({ name: "messages", subjects: ["messages.*"], ...config }));
  const proxy = await strikingProxy(server.port);
  const nats = await openNats({ servers: [`nats://127.0.0.1:${proxy.port}`], credsFile: null }, () => undefined);
  onTestFinished(() => nats.close());
  await vi.waitUntil(() => nats.isConnected(), { timeout: 60_000 });
  return { nats, proxy, url: server.url };
}

const stored = async (url: string): Promise<number> =>
  (await managing(url, ({ streams }) => streams.info("messages"))).state.messages;

describe.skipIf(requireServers("nats"))("NATS publish", () => {
  describe("stored", () => {
    it("when the stream says so, with what its reader needs", async () => {
      const { nats } = await place();
      const extras = Buffer.from(JSON.stringify({ text: "a" })).toString("base64url");
      expect(await nats.publish("messages.email", BODY, { ...PATIENT, extras })).toEqual({ kind: "stored" });
      const queue = nats.queue({ stream: "messages", subject: "messages.email", consumer: "reader" });
      const [got] = await queue.receive(1, 20_000, new AbortController().signal);
      const { id, body } = got as NatsDelivery;
      expect({ id, body: new Uint8Array(body), extras: got?.extras }).toEqual({
        id: expect.stringMatching(/^messages#1@/),
        body: BODY,
        extras,
      });
    });

    it("when it was stored before under the same id, and not twice", async () => {
      const { nats, url } = await place();
      expect(await nats.publish("messages.email", BODY, PATIENT)).toEqual({ kind: "stored" });
      expect(await nats.publish("messages.email", BODY, PATIENT)).toEqual({ kind: "stored" });
      expect(await nats.publish("messages.email", BODY, { ...PATIENT, id: "2" })).toEqual({ kind: "stored" });
      expect(await stored(url)).toBe(2);
    });

    it("in a stream that is made for it when none takes the subject, also when ten ask at once", async () => {
      const { nats, url } = await place();
      const ids = Array.from({ length: 10 }, (_, index) => String(index));
      const all = ids.map((id) => nats.publish("letters.out", BODY, { ...PATIENT, id, stream: "mails" }));
      expect(await Promise.all(all)).toEqual(ids.map(() => ({ kind: "stored" })));
      const { config, state } = await managing(url, ({ streams }) => streams.info("mails"));
      expect(config).toMatchObject({ subjects: ["letters.out"], retention: "workqueue", discard: "new" });
      expect(state.messages).toBe(10);
    });

    it("a thousand at a time", async () => {
      const { nats, url } = await place();
      const all = Array.from({ length: 1_000 }, (_, index) =>
        nats.publish("messages.email", BODY, { ...PATIENT, id: String(index) }),
      );
      expect(new Set((await Promise.all(all)).map(({ kind }) => kind))).toEqual(new Set(["stored"]));
      expect(await stored(url)).toBe(1_000);
    });
  });

  describe("refused, and certainly not stored", () => {
    it("the stream is full and refuses new mail", async () => {
      const { nats, url } = await place({ max_msgs: 1, discard: "new" as never });
      await nats.publish("messages.email", BODY, PATIENT);
      const reason = "maximum messages exceeded";
      expect(await nats.publish("messages.email", BODY, { ...PATIENT, id: "2" })).toEqual({ kind: "refused", reason });
      expect(await stored(url)).toBe(1);
    });

    it("no stream takes the subject, and the one to be made takes others", async () => {
      const { nats, url } = await place();
      await managing(url, ({ streams }) => streams.add({ name: "mails", subjects: ["other.subject"] }));
      expect(await nats.publish("letters.out", BODY, { ...PATIENT, stream: "mails" })).toEqual({
        kind: "refused",
        reason: "no stream takes the subject letters.out",
        why: "no-stream",
      });
    });

    it("no stream takes the subject", async () => {
      const { nats } = await place();
      const reason = "no stream takes the subject orders.email";
      expect(await nats.publish("orders.email", BODY, PATIENT)).toEqual({ kind: "refused", reason, why: "no-stream" });
    });

    it("the message is larger than the server takes", async () => {
      const { nats, url } = await place();
      const onDeparted = vi.fn<() => void>();
      const most = 1024 * 1024;
      const large = await nats.publish("messages.email", new Uint8Array(most), { ...PATIENT, onDeparted });
      expect(large).toEqual({
        kind: "refused",
        reason: `the message has ${most + "NATS/1.0\r\nNats-Msg-Id: 1\r\n\r\n".length} bytes; the server takes ${most} (max_payload)`,
        why: "too-large",
      });
      expect(onDeparted).not.toHaveBeenCalled();
      const fits = most - "NATS/1.0\r\nNats-Msg-Id: 1\r\n\r\n".length;
      expect(await nats.publish("messages.email", new Uint8Array(fits), PATIENT)).toEqual({ kind: "stored" });
      expect(await stored(url)).toBe(1);
    });

    it("the message is larger than the stream takes", async () => {
      const { nats, url } = await place({ max_msg_size: 64 });
      const refused = await nats.publish("messages.email", new Uint8Array(100), PATIENT);
      expect(refused).toEqual({ kind: "refused", reason: "message size exceeds maximum allowed", why: "too-large" });
      expect(await stored(url)).toBe(0);
    });

    it.each(["", "messages email"])("the subject is none: %j", async (subject) => {
      const { nats } = await place();
      const reason = `${JSON.stringify(subject)} is no subject`;
      expect(await nats.publish(subject, BODY, PATIENT)).toEqual({ kind: "refused", reason });
    });

    it("there is no connection", async () => {
      const { nats, proxy, url } = await place();
      proxy.refuse();
      await vi.waitUntil(() => !nats.isConnected(), { timeout: 60_000 });
      const onDeparted = vi.fn<() => void>();
      const refused = await nats.publish("messages.email", BODY, { ...PATIENT, onDeparted });
      expect(refused).toEqual({
        kind: "refused",
        reason: expect.stringMatching(/^nats: cannot reach nats:/),
        why: "away",
      });
      expect(onDeparted).not.toHaveBeenCalled();
      // Nor does it leave when the connection is back.
      proxy.accept();
      await vi.waitUntil(() => nats.isConnected(), { timeout: 60_000 });
      expect(await nats.publish("messages.email", BODY, { ...PATIENT, id: "2" })).toEqual({ kind: "stored" });
      expect(await stored(url)).toBe(1);
    });

    it("the connection was closed", async () => {
      const { nats } = await place();
      await nats.close();
      expect(await nats.publish("messages.email", BODY, PATIENT)).toMatchObject({ kind: "refused", why: "away" });
    });
  });

  describe("unknown: it may be stored", () => {
    it("no answer came in time; it is stored", async () => {
      const { nats, proxy, url } = await place();
      proxy.swallowAnswers();
      const onDeparted = vi.fn<() => void>();
      expect(await nats.publish("messages.email", BODY, { ...HASTY, onDeparted })).toEqual({
        kind: "unknown",
        reason: "the server did not answer in time",
      });
      expect(onDeparted).toHaveBeenCalledTimes(1);
      expect(await stored(url)).toBe(1);
    });

    it("no answer came in time; it is not stored", async () => {
      const { nats, proxy, url } = await place();
      proxy.swallow();
      expect(await nats.publish("messages.email", BODY, HASTY)).toMatchObject({ kind: "unknown" });
      expect(await stored(url)).toBe(0);
    });

    it("the connection was lost meanwhile: said at once, and not when the time is over", SLOW, async () => {
      const { nats, proxy, url } = await place();
      proxy.swallowAnswers();
      const published = nats.publish("messages.email", BODY, { id: "1", timeoutMs: 600_000 });
      await vi.waitUntil(async () => (await stored(url)) === 1, { timeout: 60_000 });
      proxy.cut();
      expect(await published).toEqual({ kind: "unknown", reason: expect.any(String) });
    });

    it("who answers is no stream", async () => {
      const { nats, url } = await place();
      const answerer = await connect({ servers: url });
      onTestFinished(() => answerer.close());
      answerer.subscribe("orders.email", { callback: (_error, message) => void message.respond("thanks") });
      await answerer.flush();
      expect(await nats.publish("orders.email", BODY, PATIENT)).toEqual({
        kind: "unknown",
        reason: "the answer did not come from a stream",
      });
    });
  });
});
