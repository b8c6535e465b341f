/** The loop of an inlet, which goes on whatever happens to its broker. */
import { expect, it } from "vitest";
import { InterruptedError, StoppedError, UserError } from "../../../src/errors.ts";
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
    abort.signal,
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
