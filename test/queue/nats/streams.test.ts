/** Streams and consumers: made when missing, left alone when there, and gone while we read. */
import type { ConsumerConfig, JetStreamManager, StreamConfig } from "@nats-io/jetstream";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { UserError } from "../../../src/errors.ts";
import { type Nats, openNats } from "../../../src/queue/nats/nats.ts";
import { type Delivery, type Queue, QueueUnreachable } from "../../../src/queue/queue.ts";
import { managing, type NatsServer, startNats } from "../../support/nats.ts";
import { requireServers } from "../../support/servers.ts";

const WHERE = { stream: "messages", subject: "messages.email", consumer: "email-processor" };
const GOES_ON = new AbortController().signal;
const SLOW = { timeout: 90_000 };
const HOUR_NS = 3_600e9;
const textOf = ({ body }: Delivery): string => (typeof body === "string" ? body : new TextDecoder().decode(body));

interface Opened {
  nats: Nats;
  queue: Queue;
  told: string[];
}

async function open(server: NatsServer, where: Parameters<Nats["queue"]>[0] = WHERE): Promise<Opened> {
  const told: string[] = [];
  const nats = await openNats({ servers: [server.url], credsFile: null }, (text) => told.push(text));
  onTestFinished(() => nats.close());
  return { nats, queue: nats.queue(where), told };
}

const put = (server: NatsServer, ...texts: string[]) =>
  managing(server.url, async (manager) => {
    for (const text of texts) await manager.jetstream().publish("messages.email", text);
  });

const makeStream = (server: NatsServer, config: Partial<StreamConfig> = {}) =>
  managing(server.url, (manager) => manager.streams.add({ name: "messages", subjects: ["messages.*"], ...config }));

const makeConsumer = (server: NatsServer, config: Partial<ConsumerConfig> = {}) =>
  managing(server.url, (manager) =>
    manager.consumers.add("messages", { durable_name: "email-processor", ack_policy: "explicit", ...config }),
  );

/** Receives this text, however often the broker cannot be reached before. */
async function receive(queue: Queue, text: string): Promise<Delivery> {
  for (;;) {
    const got = await queue.receive(1, 1_000, GOES_ON).catch((error: unknown) => {
      if (error instanceof QueueUnreachable) return new Promise<[]>((resolve) => setTimeout(() => resolve([]), 50));
      throw error;
    });
    const found = got.find((delivery) => textOf(delivery) === text);
    if (found) return found;
    await queue.done(got);
  }
}

/** How many requests for messages the server has. */
const requests = (server: NatsServer): Promise<number> =>
  managing(server.url, async ({ consumers }) => (await consumers.info("messages", "email-processor")).num_waiting);

const look = (queue: Queue) => queue.receive(1, 0, GOES_ON);

describe.skipIf(requireServers("nats"))("NATS streams", () => {
  describe("when they are missing", () => {
    it("they are made so that nothing is dropped unsent", async () => {
      const server = await startNats();
      const { queue, told } = await open(server);
      expect(await look(queue)).toEqual([]);
      const [stream, consumer] = await managing(server.url, async ({ streams, consumers }) => [
        (await streams.info("messages")).config,
        (await consumers.info("messages", "email-processor")).config,
      ]);
      expect(stream).toMatchObject({
        subjects: ["messages.*"],
        retention: "workqueue",
        storage: "file",
        discard: "new",
        max_age: 0,
        max_msgs: -1,
        max_bytes: -1,
        max_msgs_per_subject: -1,
        duplicate_window: 120e9,
      });
      expect(consumer).toMatchObject({
        durable_name: "email-processor",
        ack_policy: "explicit",
        ack_wait: 30e9,
        max_ack_pending: 2_000,
        filter_subject: "messages.email",
      });
      expect(consumer.max_deliver ?? -1).toBe(-1);
      expect(told).toEqual(["nats: made the stream messages for messages.*"]);
    });

    it.each([
      ["mail", "orders.email", "orders.email"],
      ["mail", "mail.eu.email", "mail.eu.email"],
      ["mail", "mail", "mail"],
      ["mail", "mail.email", "mail.*"],
    ])("stream %s for %s takes %s", async (stream, subject, subjects) => {
      const server = await startNats();
      const { queue } = await open(server, { ...WHERE, stream, subject });
      await look(queue);
      const { config } = await managing(server.url, (manager) => manager.streams.info(stream));
      expect(config.subjects).toEqual([subjects]);
    });

    it("several make them at the same time", async () => {
      const server = await startNats();
      const opened = await Promise.all(Array.from({ length: 6 }, () => open(server)));
      await Promise.all(opened.map(({ queue }) => look(queue)));
      await put(server, "a");
      const got = await Promise.all(opened.map(({ queue }) => queue.receive(1, 500, GOES_ON)));
      expect(got.flat().map(textOf)).toEqual(["a"]);
    });

    it("two queues share one connection and one stream", async () => {
      const server = await startNats();
      const { nats, queue } = await open(server);
      const results = nats.queue({ ...WHERE, subject: "messages.results", consumer: "ses-mail-results" });
      await look(queue);
      await look(results);
      await managing(server.url, (manager) => manager.jetstream().publish("messages.results", "sent"));
      await put(server, "a");
      expect((await queue.receive(9, 5_000, GOES_ON)).map(textOf)).toEqual(["a"]);
      expect((await results.receive(9, 5_000, GOES_ON)).map(textOf)).toEqual(["sent"]);
    });
  });

  describe("when results are published to the stream of the mail", () => {
    const RESULTS = { ...WHERE, results: "messages.results" };
    const UNREAD =
      "nats: nobody reads messages.results yet; results stay in stream messages until somebody does: nats consumer add messages results --filter=messages.results --pull, or now and then nats stream purge messages --subject=messages.results";

    it("that nobody reads them is told once, also after the server was away", async () => {
      const server = await startNats();
      const { queue, told } = await open(server, RESULTS);
      await look(queue);
      expect(told).toEqual(["nats: made the stream messages for messages.*", UNREAD]);
      await server.restart();
      await put(server, "a");
      await receive(queue, "a");
      expect(told.filter((text) => text === UNREAD)).toHaveLength(1);
    });

    it("nothing is told when a consumer reads them", async () => {
      const server = await startNats();
      await makeStream(server, { retention: "workqueue" });
      await makeConsumer(server, { durable_name: "mine", filter_subject: "messages.results" });
      const { queue, told } = await open(server, RESULTS);
      await look(queue);
      expect(told).toEqual([]);
    });

    it.each<[string, Partial<StreamConfig>, string]>([
      ["they go elsewhere", { retention: "workqueue" }, "told.results"],
      ["the stream is no work queue", { retention: "limits" }, "messages.results"],
    ])("nothing is told when %s", async (_, config, results) => {
      const server = await startNats();
      await makeStream(server, config);
      await makeStream(server, { name: "told", subjects: ["told.>"] });
      const { queue, told } = await open(server, { ...WHERE, results });
      await look(queue);
      expect(told).toEqual([]);
    });

    it("that no stream takes them is told", async () => {
      const server = await startNats();
      await makeStream(server, { retention: "workqueue" });
      const { queue, told } = await open(server, { ...WHERE, results: "elsewhere.results" });
      await look(queue);
      expect(told).toEqual([
        "nats: no stream takes elsewhere.results yet; results wait in the store until one does: nats stream add results --subjects=elsewhere.results, or name another subject with --results",
      ]);
    });

    it("a consumer of mail that would bring them back is told", async () => {
      const server = await startNats();
      await makeStream(server, { retention: "workqueue" });
      await makeConsumer(server);
      const { queue, told } = await open(server, RESULTS);
      await look(queue);
      expect(told).toEqual([
        "nats: consumer email-processor reads messages.results, too: results come back and become dead letters; name another subject with --results",
      ]);
    });
  });

  describe("when they are there", () => {
    const ANCESTOR = { ack_wait: 30e9, max_ack_pending: 1_000 };

    it("those of the ancestor are read, and stay as they are", async () => {
      const server = await startNats();
      await makeStream(server);
      await makeConsumer(server, ANCESTOR);
      const configs = () =>
        managing(server.url, async ({ streams, consumers }) => [
          (await streams.info("messages")).config,
          (await consumers.info("messages", "email-processor")).config,
        ]);
      const before = await configs();
      await put(server, "a", "b");
      const { queue, told } = await open(server);
      const a = await receive(queue, "a");
      await queue.done([a, await receive(queue, "b")]);
      expect(await configs()).toEqual(before);
      expect(told).toEqual([]);
      const left = await managing(server.url, ({ consumers }) => consumers.info("messages", "email-processor"));
      expect(left).toMatchObject({ num_pending: 0, num_ack_pending: 0 });
    });

    it.each<[string, Partial<StreamConfig>, Partial<ConsumerConfig>, string[]]>([
      [
        "an age",
        { max_age: 24 * HOUR_NS },
        {},
        [
          "nats: stream messages keeps mail for 24 h only and then drops it unsent: nats stream edit messages --max-age=0",
        ],
      ],
      [
        "an age of seconds",
        { max_age: 90e9, duplicate_window: 60e9 },
        {},
        [
          "nats: stream messages keeps mail for 90 s only and then drops it unsent: nats stream edit messages --max-age=0",
        ],
      ],
      [
        "a number of messages",
        { max_msgs: 1_000_000 },
        {},
        [
          "nats: stream messages drops its oldest mail unsent when it holds 1,000,000 messages: nats stream edit messages --max-msgs=-1",
        ],
      ],
      [
        "a number of bytes",
        { max_bytes: 1_000_000 },
        {},
        [
          "nats: stream messages drops its oldest mail unsent when it holds 1,000,000 bytes: nats stream edit messages --max-bytes=-1",
        ],
      ],
      [
        "a number of messages with one subject",
        { max_msgs_per_subject: 5 },
        {},
        [
          "nats: stream messages drops its oldest mail unsent when a subject has 5 messages: nats stream edit messages --max-msgs-per-subject=-1",
        ],
      ],
      [
        "memory",
        { storage: "memory" },
        {},
        [
          "nats: stream messages keeps mail in memory only and loses it when its server restarts: make it again with --storage=file",
        ],
      ],
      [
        "a number of deliveries",
        {},
        { max_deliver: 5 },
        [
          "nats: consumer email-processor gives a message up unsent after 5 deliveries: nats consumer edit messages email-processor --max-deliver=-1",
        ],
      ],
      [
        "another filter",
        {},
        { filter_subject: "messages.sms" },
        ["nats: consumer email-processor reads messages.sms, not messages.email: what it brings is read as mail"],
      ],
      ["limits, but new mail is refused then", { max_msgs: 5, max_bytes: 5_000, discard: "new" }, {}, []],
    ])("what may drop mail is told once: %s", async (_name, stream, consumer, lines) => {
      const server = await startNats();
      await makeStream(server, stream);
      await makeConsumer(server, consumer);
      const { queue, told } = await open(server);
      await look(queue);
      await look(queue);
      expect(told).toEqual(lines);
    });

    it("all three limits of the ancestors' gateway, not again after a reconnect", SLOW, async () => {
      const server = await startNats();
      await makeStream(server, { max_age: 24 * HOUR_NS, max_msgs: 1e6, max_bytes: 1e9 });
      const { queue, told, nats } = await open(server);
      await look(queue);
      expect(told).toHaveLength(3);
      await server.restart();
      await vi.waitUntil(() => told.length >= 5 && nats.isConnected(), { timeout: 60_000 });
      await put(server, "a");
      await receive(queue, "a");
      expect(told.slice(3)).toEqual([expect.stringContaining("trying on"), `nats: connected to ${server.url} again`]);
    });
  });

  describe("what we cannot read is a setting to correct", () => {
    it.each<[string, (server: NatsServer) => Promise<unknown>, string, RegExp?]>([
      [
        "a push consumer",
        async (server) => (await makeStream(server), await makeConsumer(server, { deliver_subject: "x" })),
        "is a push consumer; expected a pull consumer",
      ],
      [
        "a consumer without acknowledgements",
        async (server) => (await makeStream(server), await makeConsumer(server, { ack_policy: "none" })),
        "has the ack policy none, which loses mail; expected explicit",
      ],
      [
        "a consumer that acknowledges all before",
        async (server) => (await makeStream(server), await makeConsumer(server, { ack_policy: "all" })),
        "has the ack policy all, which loses mail; expected explicit",
      ],
      [
        "another stream with the subject",
        (server) => makeStream(server, { name: "orders" }),
        "the server refuses stream messages with consumer email-processor: subjects overlap with an existing stream",
        /^another stream takes messages\.email: .*--nats-stream/,
      ],
      [
        "another consumer of the same work queue",
        async (server) => {
          await makeStream(server, { retention: "workqueue" });
          await makeConsumer(server, { durable_name: "others" });
        },
        "the server refuses stream messages with consumer email-processor: ",
        /^a work queue has one consumer .*--nats-consumer \(nats consumer ls messages /,
      ],
      [
        "another consumer of the same subject of a work queue",
        async (server) => {
          await makeStream(server, { retention: "workqueue" });
          await makeConsumer(server, { durable_name: "others", filter_subject: "messages.email" });
        },
        "filtered consumer not unique on workqueue stream",
        /^a work queue has one consumer .*--nats-consumer/,
      ],
    ])("%s", async (_name, prepare, message, hint = /./) => {
      const server = await startNats();
      await prepare(server);
      const { queue } = await open(server);
      const error = await look(queue).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(UserError);
      expect((error as UserError).message).toContain(message);
      expect((error as UserError).hint).toMatch(hint);
    });

    it.each([
      [{ ...WHERE, stream: "a.b" }, '"a.b" cannot be the name of a NATS stream'],
      [{ ...WHERE, stream: "" }, '"" cannot be the name of a NATS stream'],
      [{ ...WHERE, consumer: "a b" }, '"a b" cannot be the name of a NATS consumer'],
      [{ ...WHERE, subject: "a b" }, '"a b" cannot be a NATS subject'],
      [{ ...WHERE, subject: "a..b" }, '"a..b" cannot be a NATS subject'],
    ])("%j", async (where, message) => {
      const nats = await openNats({ servers: ["127.0.0.1:1"], credsFile: null }, () => undefined);
      onTestFinished(() => nats.close());
      expect(() => nats.queue(where)).toThrow(expect.objectContaining({ name: "UserError", message }));
    });
  });

  describe("deleted while we read", () => {
    const gone: [string, (manager: JetStreamManager) => Promise<unknown>][] = [
      ["the consumer", ({ consumers }) => consumers.delete("messages", "email-processor")],
      ["the stream", ({ streams }) => streams.delete("messages")],
    ];

    it.each(gone)("%s was ours, while a receive waits: it is made again", SLOW, async (what, remove) => {
      const server = await startNats();
      const { queue, told } = await open(server);
      const waiting = queue.receive(1, 60_000, GOES_ON);
      // Not while the request for messages is on its way. One that ends soon after it was made is an error.
      await vi.waitUntil(
        () =>
          requests(server).then(
            (open) => open > 0,
            () => false,
          ),
        { timeout: 60_000 },
      );
      await new Promise((resolve) => setTimeout(resolve, 700));
      await managing(server.url, remove);
      const made = (name: string) => told.some((line) => line.includes(name) && line.endsWith("again: it was deleted"));
      await vi.waitUntil(() => made("the consumer"), { timeout: 60_000 });
      expect(made("the stream messages for")).toBe(what === "the stream");
      await put(server, "a");
      expect((await waiting).map(textOf)).toEqual(["a"]);
    });

    it.each(gone)("%s was ours, while nobody reads: it is made again", SLOW, async (_what, remove) => {
      const server = await startNats();
      const { queue } = await open(server);
      await look(queue);
      await managing(server.url, remove);
      const waiting = receive(queue, "a");
      // A stream that nobody has made again does not take it.
      await vi.waitUntil(
        () =>
          put(server, "a").then(
            () => true,
            () => false,
          ),
        { timeout: 60_000 },
      );
      expect(textOf(await waiting)).toBe("a");
    });

    it("what others made is theirs to make again: told once, and read when it is there", SLOW, async () => {
      const server = await startNats();
      await makeStream(server);
      await makeConsumer(server);
      const { queue, told } = await open(server);
      await look(queue);
      await managing(server.url, ({ streams }) => streams.delete("messages"));
      const gone = "nats: there is no stream messages any more; nothing is read until it is made again";
      await vi.waitUntil(
        async () =>
          look(queue).then(
            () => false,
            (error: Error) => error.message === gone,
          ),
        {
          timeout: 60_000,
        },
      );
      await expect(look(queue)).rejects.toThrow(QueueUnreachable);
      await expect(managing(server.url, ({ streams }) => streams.info("messages"))).rejects.toThrow("stream not found");
      await makeStream(server);
      await makeConsumer(server);
      await put(server, "a");
      expect(textOf(await receive(queue, "a"))).toBe("a");
      expect(told).toEqual([gone, "nats: stream messages is read again"]);
    });

    it("all messages of it: those that come later are read", async () => {
      const server = await startNats();
      const { queue } = await open(server);
      await look(queue);
      await put(server, "a", "b");
      await managing(server.url, ({ streams }) => streams.purge("messages"));
      await put(server, "c");
      const got = await receive(queue, "c");
      await queue.done([got]);
      expect(got.id).toMatch(/^messages#3@20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    });
  });

  describe("a server that restarts without its data", () => {
    it("gets our stream again, and no new mail is taken for an old one", SLOW, async () => {
      const server = await startNats();
      const { queue } = await open(server);
      await look(queue);
      await put(server, "old");
      const old = await receive(queue, "old");
      await server.restart({ empty: true });
      await vi.waitUntil(
        () =>
          look(queue).then(
            () => true,
            () => false,
          ),
        { timeout: 60_000 },
      );
      await put(server, "new");
      const fresh = await receive(queue, "new");
      expect([old.id, fresh.id]).toEqual([
        expect.stringMatching(/^messages#1@/),
        expect.stringMatching(/^messages#1@/),
      ]);
      expect(fresh.id).not.toBe(old.id);
      // An acknowledgement of the old one would hit the new one: both are number 1.
      expect(await queue.done([old])).toEqual([]);
      const { num_ack_pending } = await managing(server.url, ({ consumers }) =>
        consumers.info("messages", "email-processor"),
      );
      expect(num_ack_pending).toBe(1);
      await queue.done([fresh]);
      expect(await look(queue)).toEqual([]);
    });
  });

  describe("a server that was killed, and whose stream begins anew behind its consumer", () => {
    /** The consumer has all of these done, and its stream none of them. */
    async function fallBehind(server: NatsServer, queue: Queue, texts: readonly string[]): Promise<void> {
      await put(server, ...texts);
      for (const text of texts) await queue.done([await receive(queue, text)]);
      const floor = () =>
        managing(server.url, async ({ consumers }) => (await consumers.info("messages", "email-processor")).ack_floor);
      await vi.waitUntil(async () => (await floor()).stream_seq === texts.length, { timeout: 60_000 });
      await server.restart({ anew: true });
    }

    const AHEAD =
      "nats: made the consumer email-processor of stream messages again: it was ahead of the stream, as after a crash";

    it.each([
      ["fewer than before", ["c"]],
      ["as many as before", ["c", "d"]],
      ["more than before", ["c", "d", "e"]],
    ])("brings what is put then: %s", SLOW, async (_, texts) => {
      const server = await startNats();
      const { queue } = await open(server);
      await look(queue);
      await fallBehind(server, queue, ["a", "b"]);
      await put(server, ...texts);
      const { queue: other, told } = await open(server);
      for (const text of texts) await other.done([await receive(other, text)]);
      // Versions from 2.14 on notice it themselves.
      expect(told.filter((line) => line !== AHEAD)).toEqual([]);
    });

    it("is no reason to delete what others made: it is told", SLOW, async () => {
      const server = await startNats();
      await makeStream(server, { retention: "workqueue" });
      await makeConsumer(server, { filter_subject: "messages.email" });
      const { queue } = await open(server);
      await look(queue);
      await fallBehind(server, queue, ["a", "b"]);
      await put(server, "c");
      const { queue: other, told } = await open(server);
      await look(other);
      expect(told).toEqual([
        "nats: consumer email-processor is ahead of its stream, as after a crash of the server: mail may stay there unread; delete it (nats consumer rm messages email-processor) and make it again as it was",
      ]);
      const consumer = await managing(server.url, ({ consumers }) => consumers.info("messages", "email-processor"));
      expect(consumer.delivered.stream_seq).toBe(2);
    });
  });

  describe("how much is brought", () => {
    it("as much as the consumer allows to be in work, and the next when one is done", SLOW, async () => {
      const server = await startNats();
      await makeStream(server);
      await makeConsumer(server, { max_ack_pending: 2, ack_wait: 60e9 });
      await put(server, "a", "b", "c");
      const { queue } = await open(server);
      const [a, b] = [await receive(queue, "a"), await receive(queue, "b")];
      expect(await queue.receive(9, 300, GOES_ON)).toEqual([]);
      await queue.done([a]);
      expect((await queue.receive(9, 20_000, GOES_ON)).map(textOf)).toEqual(["c"]);
      await queue.done([b]);
    });

    it("large mails, of which 500 would be too many at once", SLOW, async () => {
      const server = await startNats();
      const { queue } = await open(server);
      await look(queue);
      const large = Array.from({ length: 80 }, (_, index) => `${index} ${"x".repeat(900_000)}`);
      await put(server, ...large);
      const texts = new Set<string>();
      while (texts.size < large.length) {
        const got = await queue.receive(500, 1_000, GOES_ON);
        expect(got.length).toBeLessThan(60);
        for (const delivery of got) texts.add(textOf(delivery));
        await queue.done(got);
      }
      expect(texts).toEqual(new Set(large));
    });

    it("no more than a consumer's own limits, which are refused otherwise", async () => {
      const server = await startNats();
      await makeStream(server);
      await makeConsumer(server, { max_batch: 3, max_expires: 1e9 });
      await put(server, "a", "b", "c", "d");
      const { queue } = await open(server);
      const got: string[] = [];
      while (got.length < 4) got.push(...(await queue.receive(500, 20_000, GOES_ON)).map(textOf));
      expect(got).toEqual(["a", "b", "c", "d"]);
    });

    it("most of what was brought and not handed out goes to others soon when reading ends", SLOW, async () => {
      const server = await startNats();
      const { queue, nats } = await open(server);
      await look(queue);
      await put(server, ...Array.from({ length: 10 }, (_, index) => `m${index}`));
      const stop = new AbortController();
      // The first receive asks for all, the second takes one of them, and ends.
      const all = await queue.receive(500, 5_000, GOES_ON);
      await Promise.all(all.map((delivery) => queue.later(delivery, 0)));
      const one = await queue.receive(1, 5_000, GOES_ON);
      expect(one).toHaveLength(1);
      stop.abort("SIGTERM");
      expect(await queue.receive(1, 5_000, stop.signal)).toEqual([]);
      await nats.close();
      const { queue: other } = await open(server);
      const got = new Set<string>();
      // Ours waits for 30 s before it brings again what was not given back.
      const until = performance.now() + 20_000;
      while (got.size < 5 && performance.now() < until)
        for (const delivery of await other.receive(500, 1_000, GOES_ON)) got.add(textOf(delivery));
      // The server may lose one that it was just about to bring: that comes after 30 s.
      expect(got.size).toBeGreaterThanOrEqual(5);
    });
  });
});
