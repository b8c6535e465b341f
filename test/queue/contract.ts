/** What every broker is held to. A new one is a line: `brokerContract("NATS", startNats)`. */
import { describe, expect, it, onTestFinished } from "vitest";
import { type Delivery, type Queue, QueueUnreachable } from "../../src/queue/queue.ts";

interface Broker {
  /** Another handle on the same queue, as another process has. */
  open(): Queue;
  /** Puts one message in for each text; the text is all of its body. */
  put(...texts: string[]): Promise<void>;
  /** From now on nobody answers. */
  goAway(): Promise<void>;
}

/** Starts an empty queue. `patienceMs`: after how long what is not acknowledged comes again. */
export type StartBroker = (options: { patienceMs: number }) => Promise<Broker>;

const IMPATIENT = { patienceMs: 100 };
/** For tests that answer in time, also on a busy machine. */
const UNHURRIED = { patienceMs: 1_500 };
const PATIENT = { patienceMs: 60_000 };
const GOES_ON = new AbortController().signal;
const WAIT_MS = 1_000;

const textOf = ({ body }: Delivery): string => (typeof body === "string" ? body : new TextDecoder().decode(body));

/** Closed with the test. */
function handle(broker: Broker): Queue {
  const queue = broker.open();
  onTestFinished(() => queue.close());
  return queue;
}

/** Everything that comes until `enough` says so, in the order it comes. */
async function receiveUntil(queue: Queue, enough: (got: readonly Delivery[]) => boolean): Promise<Delivery[]> {
  const got: Delivery[] = [];
  while (!enough(got)) got.push(...(await queue.receive(queue.mostPerCall, WAIT_MS, GOES_ON)));
  return got;
}

const count = (most: number) => (got: readonly Delivery[]) => got.length >= most;
const times = (text: string, most: number) => (got: readonly Delivery[]) =>
  got.filter((delivery) => textOf(delivery) === text).length >= most;

/** One delivery of each of these texts. */
async function receive(queue: Queue, ...texts: string[]): Promise<Delivery[]> {
  const got = await receiveUntil(queue, (all) => texts.every((text) => times(text, 1)(all)));
  return texts.map((text) => got.findLast((delivery) => textOf(delivery) === text) as Delivery);
}

export function brokerContract(name: string, start: StartBroker): void {
  describe(`${name}: what is not acknowledged comes again`, () => {
    it("with the same id and body, to another handle, too", async () => {
      const broker = await start(IMPATIENT);
      await broker.put("a");
      const [first] = await receive(handle(broker), "a");
      const [again] = await receive(handle(broker), "a");
      expect({ id: again?.id, body: again?.body }).toEqual({ id: first?.id, body: first?.body });
    });

    it("when its handle was closed", async () => {
      const broker = await start(IMPATIENT);
      await broker.put("a");
      const queue = broker.open();
      const [first] = await receive(queue, "a");
      await queue.close();
      expect((await receive(handle(broker), "a"))[0]?.id).toBe(first?.id);
    });

    it("when it was given back, while the others of its batch do not", async () => {
      const broker = await start(UNHURRIED);
      await broker.put("a", "b");
      const queue = handle(broker);
      const [a, b] = (await receive(queue, "a", "b")) as [Delivery, Delivery];
      await queue.later(a, 0);
      expect(await queue.done([b])).toEqual([]);
      const got = await receiveUntil(queue, times("a", 2));
      expect(new Set(got.map(({ id }) => id))).toEqual(new Set([a.id]));
    });

    it("nor is what was put while nobody read forgotten", async () => {
      const broker = await start(PATIENT);
      await broker.put("a");
      const first = broker.open();
      await first.done(await receive(first, "a"));
      await first.close();
      await broker.put("b", "c");
      const queue = handle(broker);
      expect((await receive(queue, "b", "c")).map(textOf)).toEqual(["b", "c"]);
    });

    it("but nobody is given it before", async () => {
      const broker = await start(PATIENT);
      const texts = Array.from({ length: 40 }, (_, index) => `m${index}`);
      await broker.put(...texts);
      const queues = [handle(broker), handle(broker)];
      const got: Delivery[] = [];
      while (got.length < texts.length) {
        const calls = queues.map((queue) => queue.receive(Math.min(7, queue.mostPerCall), WAIT_MS, GOES_ON));
        got.push(...(await Promise.all(calls)).flat());
      }
      expect(got.map(textOf).sort()).toEqual(texts.sort());
      expect(new Set(got.map(({ id }) => id)).size).toBe(texts.length);
    });
  });

  describe(`${name}: what is acknowledged`, () => {
    it("does not come again; the others do", async () => {
      const broker = await start(UNHURRIED);
      await broker.put("a", "b");
      const queue = handle(broker);
      const [a] = (await receive(queue, "a", "b")) as [Delivery];
      expect(await queue.done([a])).toEqual([]);
      const got = await receiveUntil(queue, times("b", 3));
      expect(new Set(got.map(textOf))).toEqual(new Set(["b"]));
    });

    it("may be many at once, and none", async () => {
      const broker = await start(PATIENT);
      const queue = handle(broker);
      const texts = Array.from({ length: 25 }, (_, index) => `m${index}`);
      await broker.put(...texts);
      expect(await queue.done(await receiveUntil(queue, count(25)))).toEqual([]);
      expect(await queue.done([])).toEqual([]);
    });

    it("may be acknowledged again", async () => {
      const broker = await start(PATIENT);
      await broker.put("a");
      const queue = handle(broker);
      const got = await receive(queue, "a");
      await queue.done(got);
      await expect(queue.done(got)).resolves.toBeDefined();
    });
  });

  it(`${name}: a thousand go through two handles, and none is left`, { timeout: 90_000 }, async () => {
    const broker = await start(PATIENT);
    const texts = Array.from({ length: 1_000 }, (_, index) => `m${index}`);
    await broker.put(...texts);
    const left = new Set(texts);
    const readers = [handle(broker), handle(broker)].map(async (queue) => {
      while (left.size > 0) {
        const got = await queue.receive(queue.mostPerCall, 0, GOES_ON);
        expect(await queue.done(got)).toEqual([]);
        for (const delivery of got) left.delete(textOf(delivery));
      }
    });
    await Promise.all(readers);
    expect(await handle(broker).receive(1, 0, GOES_ON)).toEqual([]);
  });

  it(`${name}: what is refused comes again only when the broker said so`, async () => {
    const broker = await start(UNHURRIED);
    await broker.put("poison", "b");
    const queue = handle(broker);
    const [poison] = (await receive(queue, "poison", "b")) as [Delivery];
    const gone = await queue.refuse(poison, "nobody can read it");
    const got = await receiveUntil(queue, (all) => times("b", 3)(all) && (gone || times("poison", 1)(all)));
    const ids = got.filter((delivery) => textOf(delivery) === "poison").map(({ id }) => id);
    expect([...new Set(ids)]).toEqual(gone ? [] : [poison.id]);
  });

  describe(`${name}: a receive`, () => {
    it("brings no more than it is asked for", async () => {
      const broker = await start(PATIENT);
      await broker.put("a", "b", "c", "d", "e");
      const queue = handle(broker);
      for (const most of [1, 2]) {
        const got = await queue.receive(most, WAIT_MS, GOES_ON);
        expect(got.length).toBeGreaterThan(0);
        expect(got.length).toBeLessThanOrEqual(most);
      }
    });

    it("brings nothing when there is nothing, waiting or not", async () => {
      const queue = handle(await start(PATIENT));
      expect(await queue.receive(1, 0, GOES_ON)).toEqual([]);
      expect(await queue.receive(1, 50, GOES_ON)).toEqual([]);
    });

    it("that waits when its handle is closed ends, and takes nothing with it", async () => {
      const broker = await start(IMPATIENT);
      const queue = broker.open();
      const waiting = queue.receive(1, 2_000, GOES_ON).catch((error: unknown) => error);
      await queue.close();
      const end = await waiting;
      expect(end instanceof QueueUnreachable ? [] : end).toEqual([]);
      await broker.put("a");
      expect((await receive(handle(broker), "a")).map(textOf)).toEqual(["a"]);
    });

    it("that waits ends when it is told to, and loses nothing that comes then", async () => {
      const broker = await start(IMPATIENT);
      const queue = handle(broker);
      const stop = new AbortController();
      const waiting = queue.receive(1, 20_000, stop.signal);
      stop.abort("SIGTERM");
      expect(await waiting).toEqual([]);
      expect(await queue.receive(1, 20_000, stop.signal)).toEqual([]);
      await broker.put("a");
      expect((await receive(queue, "a")).map(textOf)).toEqual(["a"]);
    });
  });

  it(`${name}: out of reach is said as such`, async () => {
    const broker = await start(PATIENT);
    await broker.put("a");
    const queue = handle(broker);
    const got = await receive(queue, "a");
    await broker.goAway();
    await expect(queue.receive(1, 0, GOES_ON)).rejects.toThrow(QueueUnreachable);
    await expect(queue.done(got)).rejects.toThrow(QueueUnreachable);
  });
}
