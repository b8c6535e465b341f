/** What a broker that is a server of our own is held to, besides `brokerContract`: it dies, and the network fails. */
import { describe, expect, it, onTestFinished } from "vitest";
import { type Delivery, type Queue, QueueUnreachable } from "../../src/queue/queue.ts";
import type { StrikingProxy } from "../support/striking-proxy.ts";

interface ServerBroker {
  /** Another handle on the same queue, by way of the proxy. */
  open(): Queue;
  /** Not by way of the proxy. */
  put(...texts: string[]): Promise<void>;
  /** Between all handles and the server. */
  proxy: StrikingProxy;
  /** kill -9, and started again with what is on its disk. */
  restart(): Promise<void>;
  kill(): Promise<void>;
  start(): Promise<void>;
}

/** Starts an empty queue. What is not acknowledged comes again after `patienceMs`. */
export type StartServerBroker = (options: { patienceMs: number }) => Promise<ServerBroker>;

const GOES_ON = new AbortController().signal;
const IMPATIENT = { patienceMs: 200 };
const SLOW_MS = 90_000;
const textOf = ({ body }: Delivery): string => (typeof body === "string" ? body : new TextDecoder().decode(body));
const numbered = (count: number) => Array.from({ length: count }, (_, index) => `m${index}`);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function handle(broker: ServerBroker): Queue {
  const queue = broker.open();
  onTestFinished(() => queue.close());
  return queue;
}

/** What `work` comes to, as soon as the broker can be reached. */
async function reached<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof QueueUnreachable)) throw error;
      await pause(50);
    }
  }
}

/** Receives and acknowledges until all these texts were acknowledged by somebody who got an answer. */
async function finish(queue: Queue, texts: readonly string[]): Promise<void> {
  const left = new Set(texts);
  while (left.size > 0) {
    const got = await reached(() => queue.receive(queue.mostPerCall, 1_000, GOES_ON));
    // A connection that was lost in between is no reason to receive again: the loan is ours.
    const kept = new Set(await reached(() => queue.done(got)));
    for (const delivery of got) if (!kept.has(delivery)) left.delete(textOf(delivery));
  }
}

/**
 * What comes within several times as long as what is not acknowledged needs to come again. On a busy machine some came again before it was
 * acknowledged; that is taken out of the way first.
 */
async function rest(queue: Queue): Promise<string[]> {
  const early = await reached(() => queue.receive(queue.mostPerCall, 0, GOES_ON));
  await reached(() => queue.done(early));
  const got = await reached(() => queue.receive(queue.mostPerCall, 5 * IMPATIENT.patienceMs, GOES_ON));
  return got.map(textOf);
}

export function serverContract(name: string, start: StartServerBroker): void {
  describe(`${name}: the server is killed`, () => {
    it("and started again: what was not acknowledged comes, and nothing stays", { timeout: SLOW_MS }, async () => {
      const broker = await start(IMPATIENT);
      await broker.put(...numbered(60));
      const queue = handle(broker);
      const first = await reached(() => queue.receive(20, 1_000, GOES_ON));
      await queue.done(first);
      await broker.restart();
      const done = first.map(textOf);
      await finish(
        queue,
        numbered(60).filter((text) => !done.includes(text)),
      );
      await broker.put("later");
      await finish(queue, ["later"]);
      // Acknowledged ones may have come again, and were acknowledged again.
      expect(await rest(queue)).toEqual([]);
    });

    it("with deliveries in hand: they are acknowledged when it is back", { timeout: SLOW_MS }, async () => {
      const broker = await start({ patienceMs: 5_000 });
      await broker.put("a");
      const queue = handle(broker);
      const [a] = (await reached(() => queue.receive(1, 5_000, GOES_ON))) as [Delivery];
      await broker.kill();
      await expect(queue.done([a])).rejects.toThrow(QueueUnreachable);
      await broker.start();
      await reached(() => queue.done([a]));
      await broker.put("b");
      await finish(queue, ["b"]);
      expect(textOf(a)).toBe("a");
    });
  });

  describe(`${name}: the connection is cut`, () => {
    it("while nothing comes: what is put then comes by itself", { timeout: SLOW_MS }, async () => {
      const broker = await start(IMPATIENT);
      const queue = handle(broker);
      expect(await rest(queue)).toEqual([]);
      const waiting = queue.receive(queue.mostPerCall, 20_000, GOES_ON).catch(() => []);
      broker.proxy.cut();
      await broker.put("a");
      const early = await waiting;
      const got = early.length > 0 ? early : await reached(() => queue.receive(1, 20_000, GOES_ON));
      expect(got.map(textOf)).toEqual(["a"]);
    });

    it.each([1, 40, 200, 700])(
      "after %i bytes of ours: everything is done in the end",
      { timeout: SLOW_MS },
      async (bytes) => {
        const broker = await start(IMPATIENT);
        const queue = handle(broker);
        expect(await rest(queue)).toEqual([]);
        await broker.put(...numbered(30));
        broker.proxy.cutAfter(bytes);
        await finish(queue, numbered(30));
        expect(await rest(queue)).toEqual([]);
      },
    );

    it("in mid-acknowledge: everything is done in the end", { timeout: SLOW_MS }, async () => {
      const broker = await start(IMPATIENT);
      await broker.put(...numbered(30));
      const queue = handle(broker);
      const got = await reached(() => queue.receive(30, 5_000, GOES_ON));
      broker.proxy.cutAfter(300);
      const failure = await queue.done(got).then(
        () => null,
        (error: unknown) => error,
      );
      if (failure !== null && !(failure instanceof QueueUnreachable)) throw failure;
      expect(await reached(() => queue.done(got))).toEqual([]);
      const others = numbered(30).filter((text) => !got.map(textOf).includes(text));
      await finish(queue, others);
      expect(await rest(queue)).toEqual([]);
    });

    it("again and again while a thousand go through two handles: none is lost", { timeout: SLOW_MS }, async () => {
      const broker = await start({ patienceMs: 1_000 });
      const texts = numbered(1_000);
      const left = new Set(texts);
      const queues = [handle(broker), handle(broker)];
      const readers = queues.map(async (queue) => {
        while (left.size > 0) {
          const got = await reached(() => queue.receive(100, 500, GOES_ON));
          // Who was told that it cannot be reached does not know whether it is done, and does it again when it comes again.
          const kept = await queue.done(got).catch(() => got);
          for (const delivery of got) if (!kept.includes(delivery)) left.delete(textOf(delivery));
        }
      });
      for (let at = 0; at < texts.length; at += 100) {
        await broker.put(...texts.slice(at, at + 100));
        broker.proxy.cut();
      }
      await Promise.all(readers);
      expect(left.size).toBe(0);
    });
  });

  it(
    `${name}: nobody listens at first: what was put meanwhile comes when somebody does`,
    { timeout: SLOW_MS },
    async () => {
      const broker = await start(IMPATIENT);
      broker.proxy.refuse();
      await broker.put("a");
      const queue = handle(broker);
      await expect(queue.receive(1, 0, GOES_ON)).rejects.toThrow(QueueUnreachable);
      broker.proxy.accept();
      await finish(queue, ["a"]);
    },
  );
}
