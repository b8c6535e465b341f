/** The loop of an inlet, which goes on whatever happens to its broker. */
import { expect, it } from "vitest";
import { InterruptedError, LostError, StoppedError, UserError } from "../../../src/errors.ts";
import { QueueUnreachable } from "../../../src/queue/queue.ts";
import type { Handler } from "../../../src/queue/consume.ts";
import { runInlet } from "../../../src/work/brokers/inlet-loop.ts";
import { MemoryBroker, type MemoryDelivery } from "../../support/memory-broker.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

/** `room` is what the gate says. */
function setUp(options: { handle?: Handler<MemoryDelivery>; room?: () => number } = {}) {
  const broker = new MemoryBroker({ mostPerCall: 500, longestWaitMs: 1 });
  const clock = new VirtualClock();
  const abort = new AbortController();
  const handled: string[] = [];
  const warned: string[] = [];
  const bugs: unknown[] = [];
  const took: number[] = [];
  const handle: Handler<MemoryDelivery> =
    options.handle ??
    (async (deliveries) => {
      handled.push(...deliveries.map(({ body }) => body));
      return deliveries.map(() => ({ kind: "done" }));
    });
  const ended = runInlet(
    {
      name: "nats",
      queue: broker.open(),
      handle: async (deliveries) => {
        const verdicts = await handle(deliveries);
        if (broker.left().length === deliveries.length) setImmediate(() => abort.abort());
        return verdicts;
      },
      gate: { room: async () => options.room?.() ?? 1_000, took: (count) => void took.push(count) },
      clock,
      log: { debug: () => undefined, warn: (text: string) => void warned.push(text), error: () => undefined } as never,
      onBug: (error) => void bugs.push(error),
    },
    abort,
  );
  return { broker, clock, abort, handled, warned, bugs, took, ended };
}

/** Each call fails with the next of these, until there are none. */
function failing(broker: MemoryBroker, operation: "receive" | "done", errors: Error[]): void {
  broker.fault = (call) => (call.operation === operation ? (errors.shift() ?? null) : null);
}

it("takes in what comes, no more at a time than there is room for", async () => {
  const { broker, clock, handled, took, ended } = setUp({ room: () => 2 });
  broker.put("a", "b", "c", "d", "e");
  await clock.play(ended);
  expect(handled).toEqual(["a", "b", "c", "d", "e"]);
  expect(broker.calls.filter(({ operation }) => operation === "receive").every(({ most }) => most === 2)).toBe(true);
  expect(took.slice(0, 3)).toEqual([2, 2, 1]);
});

it("ends with what a broker says at first that is configured wrong", async () => {
  const { broker, clock, ended } = setUp();
  failing(broker, "receive", [new UserError("nats says: Authorization Violation")]);
  await expect(clock.play(ended)).rejects.toThrow("Authorization Violation");
});

it("waits for a broker that is away at first, and then lets nothing end the process", async () => {
  const { broker, clock, warned, handled, ended } = setUp();
  const away = Array.from({ length: 100 }, () => new QueueUnreachable("nobody listens"));
  const wrong = [1, 2, 3].map(() => new UserError("nats says: Authorization Violation", "give --nats-creds"));
  failing(broker, "receive", [...away, ...wrong]);
  broker.put("a");
  await clock.play(ended);
  expect(handled).toEqual(["a"]);
  expect(warned).toEqual([
    "nats: nats says: Authorization Violation; give --nats-creds; it is looked at again by itself",
  ]);
  // A second for each time it was away: no back-off keeps mail waiting when it is back.
  expect(clock.monotonic()).toBeLessThan(1_000 + 100 * 1_000 + 3 * 10_000 + 5_000);
});

it("tells trouble again after something came in between", async () => {
  const { broker, clock, warned, ended } = setUp();
  const full = () => new StoppedError("the stream is halted");
  let receives = 0;
  broker.fault = ({ operation }) => (operation === "receive" && [1, 2, 4].includes(++receives) ? full() : null);
  await clock.play(Promise.all([ended, clock.sleep(25_000).then(() => broker.put("a"))]));
  expect(warned).toHaveLength(2);
});

it("reports a bug, and goes on after it", async () => {
  let calls = 0;
  const { broker, clock, bugs, warned, ended } = setUp({
    handle: async (deliveries) => {
      if (++calls === 1) throw new TypeError("undefined is not a function");
      return deliveries.map(() => ({ kind: "done" }));
    },
  });
  broker.put("a");
  broker.fault = () => {
    if (bugs.length > 0 && calls === 1) broker.giveUpLoans();
    return null;
  };
  await clock.play(ended);
  expect(bugs).toEqual([expect.any(TypeError)]);
  expect(warned).toEqual([]);
  expect(broker.left()).toEqual([]);
});

it("acknowledges again when the broker was away for that, and handles nothing twice", async () => {
  const { broker, clock, handled, ended } = setUp();
  broker.put("a");
  failing(broker, "done", [new QueueUnreachable("nobody listens")]);
  const again = clock.sleep(500).then(() => broker.giveUpLoans());
  await clock.play(Promise.all([ended, again]));
  expect(handled).toEqual(["a"]);
});

it("ends when the handler is interrupted by the signal", async () => {
  const { broker, clock, abort, bugs, ended } = setUp({
    handle: async () => {
      abort.abort();
      throw new InterruptedError();
    },
  });
  broker.put("a");
  await clock.play(ended);
  expect(bugs).toEqual([]);
  expect(broker.left()).toEqual(["a"]);
});

it("receives the next batch while one is taken in, acknowledges neither before it is done, and sees the room that the other has left", async () => {
  const broker = new MemoryBroker({ mostPerCall: 2, longestWaitMs: 1 });
  const [abort, clock] = [new AbortController(), new VirtualClock()];
  const batches: { bodies: string[]; finish: () => void }[] = [];
  let room = 3;
  const ended = runInlet(
    {
      ...NO_TROUBLE,
      name: "nats",
      lanes: 2,
      queue: broker.open(),
      handle: (deliveries) =>
        new Promise((resolve) => {
          const finish = () => resolve(deliveries.map(() => ({ kind: "done" })));
          batches.push({ bodies: deliveries.map(({ body }) => body), finish });
        }),
      gate: { room: async (signal) => (room > 0 ? room : aborted(signal)), took: (count) => void (room -= count) },
      clock,
    },
    abort,
  );
  broker.put("a", "b", "c", "d");
  await until(() => batches.length === 2);
  expect(batches.map(({ bodies }) => bodies)).toEqual([["a", "b"], ["c"]]);
  expect(broker.calls.filter(({ operation }) => operation === "done")).toEqual([]);
  batches[1]?.finish();
  await until(() => broker.calls.some(({ operation }) => operation === "done"));
  expect(broker.left()).toHaveLength(3);
  abort.abort();
  batches[0]?.finish();
  await clock.play(ended);
  expect(broker.left()).toEqual(["d"]);
});

it("ends with what the store has lost, when what the other lane has in hand is stored and acknowledged", async () => {
  const broker = new MemoryBroker({ mostPerCall: 1, longestWaitMs: 1 });
  const [abort, clock] = [new AbortController(), new VirtualClock()];
  let finish: () => void = () => undefined;
  let fail: () => void = () => undefined;
  let isOver = false;
  const ended = runInlet(
    {
      ...NO_TROUBLE,
      name: "nats",
      lanes: 2,
      queue: broker.open(),
      handle: ([delivery]) =>
        new Promise((resolve, reject) => {
          if (delivery?.body === "a") finish = () => resolve([{ kind: "done" }]);
          else fail = () => reject(new LostError("the store was restored"));
        }),
      gate: { room: async () => 10, took: () => undefined },
      clock,
    },
    abort,
  )
    .catch((error: unknown) => error)
    .finally(() => (isOver = true));
  broker.put("a", "b");
  await until(() => broker.calls.filter(({ operation }) => operation === "receive").length >= 2);
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  fail();
  await until(() => abort.signal.aborted);
  expect(isOver).toBe(false);
  finish();
  expect(await ended).toMatchObject({ message: "the store was restored" });
  expect(broker.left()).toEqual(["b"]);
});

it("does not receive more while what is in hand is large, and ends all the same", async () => {
  const broker = new MemoryBroker({ mostPerCall: 1, longestWaitMs: 1 });
  const [abort, clock] = [new AbortController(), new VirtualClock()];
  let handled = 0;
  let interrupt: () => void = () => undefined;
  const ended = runInlet(
    {
      ...NO_TROUBLE,
      name: "nats",
      lanes: 2,
      queue: broker.open(),
      handle: () =>
        new Promise((_, reject) => {
          handled++;
          interrupt = () => reject(new InterruptedError());
        }),
      gate: { room: async () => 10, took: () => undefined },
      clock,
    },
    abort,
  );
  broker.put("x".repeat(9 * 1024 * 1024), "y");
  await until(() => handled > 0);
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  expect(handled).toBe(1);
  abort.abort();
  interrupt();
  await clock.play(ended);
  expect(broker.left()).toHaveLength(2);
});

const NO_TROUBLE = {
  log: { debug: () => undefined, warn: () => undefined, error: () => undefined } as never,
  onBug: (error: unknown) => {
    throw error;
  },
};

function aborted(signal: AbortSignal): Promise<0> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(0);
    signal.addEventListener("abort", () => resolve(0));
  });
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}
