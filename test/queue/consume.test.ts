/** The loop over a broker that fails, a handler that fails, and messages nobody can take. */
import { describe, expect, it, test } from "vitest";
import { StoppedError, UserError } from "../../src/errors.ts";
import { type ConsumeOptions, consume, type Handler, type Verdict } from "../../src/queue/consume.ts";
import { QueueUnreachable } from "../../src/queue/queue.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { MemoryBroker, type MemoryDelivery } from "../support/memory-broker.ts";
import fc from "../support/properties.ts";

const DONE: Verdict = { kind: "done" };
const UNREACHABLE = new QueueUnreachable("the broker does not answer");

/** A handler that takes everything but what begins with `poison`. */
function recorder(also: (bodies: readonly string[]) => Promise<void> | void = () => undefined) {
  const batches: string[][] = [];
  const handle: Handler<MemoryDelivery> = async (deliveries) => {
    const bodies = deliveries.map(({ body }) => body);
    batches.push(bodies);
    await also(bodies);
    return bodies.map((body) => (body.startsWith("poison") ? { kind: "refused", reason: `${body} is none` } : DONE));
  };
  return { batches, handle, handled: () => batches.flat() };
}

interface Reading {
  end: string;
  retries: string[];
  /** How long it waited by itself, ms. */
  sleeps: number[];
}

async function read(
  broker: MemoryBroker,
  handle: Handler<MemoryDelivery>,
  options: Partial<ConsumeOptions> = {},
): Promise<Reading> {
  const [retries, sleeps]: [string[], number[]] = [[], []];
  const end = await consume(broker.open(), handle, {
    signal: new AbortController().signal,
    clock: { sleep: async (ms) => void sleeps.push(ms) },
    once: true,
    max: null,
    onRetry: (reason) => retries.push(reason),
    onIdle: async () => undefined,
    ...options,
  });
  return { end, retries, sleeps };
}

/** `read` that goes on until nothing is left in the broker. */
async function readOn(
  broker: MemoryBroker,
  handle: Handler<MemoryDelivery>,
  options: Partial<ConsumeOptions> = {},
): Promise<Reading> {
  const stop = new AbortController();
  const onIdle = async () => {
    if (broker.left().length === 0) stop.abort("SIGTERM");
  };
  return read(broker, handle, { once: false, signal: stop.signal, onIdle, ...options });
}

const numbered = (count: number) => Array.from({ length: count }, (_, index) => `m${index}`);
/** Throws this often at these calls, and then no more. */
const failing = (operation: string, times: number, error: Error = UNREACHABLE) => {
  let left = times;
  return (call: { operation: string }) => (call.operation === operation && left-- > 0 ? error : null);
};

describe("the broker is away", () => {
  it("is tried again, ever more seldom, and is read when it is back", async () => {
    const broker = new MemoryBroker();
    broker.put("a");
    broker.fault = failing("receive", 8);
    const { handle, handled } = recorder();
    const { sleeps, retries } = await readOn(broker, handle);
    expect(sleeps).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
    expect(retries).toEqual(Array.from({ length: 8 }, () => UNREACHABLE.message));
    expect(handled()).toEqual(["a"]);
  });

  it("is tried again no more seldom than it is told", async () => {
    const broker = new MemoryBroker();
    broker.put("a");
    broker.fault = failing("receive", 5);
    const { handle, handled } = recorder();
    const { sleeps } = await readOn(broker, handle, { lastRetryMs: 5_000 });
    expect(sleeps).toEqual([1_000, 2_000, 4_000, 5_000, 5_000]);
    expect(handled()).toEqual(["a"]);
  });

  it("the waits begin anew when it was back in between", async () => {
    const broker = new MemoryBroker();
    broker.put("a");
    let calls = 0;
    broker.fault = ({ operation }) => (operation === "receive" && [1, 2, 4, 5].includes(++calls) ? UNREACHABLE : null);
    const { sleeps } = await readOn(broker, recorder().handle);
    expect(sleeps).toEqual([1_000, 2_000, 1_000, 2_000]);
  });

  it("and with `once` that is the end", async () => {
    const broker = new MemoryBroker();
    broker.put("a");
    broker.fault = failing("receive", 1);
    const { handle, batches } = recorder();
    await expect(read(broker, handle)).rejects.toThrow(UNREACHABLE);
    expect(batches).toEqual([]);
    expect(broker.left()).toEqual(["a"]);
  });

  it("after the commit: what comes again is acknowledged and not handled twice", async () => {
    const broker = new MemoryBroker({ patienceMs: 0 });
    broker.put("a", "b", "poison");
    broker.fault = failing("done", 3);
    const { handle, handled } = recorder();
    expect(await readOn(broker, handle)).toMatchObject({ retries: { length: 3 } });
    expect(handled().sort()).toEqual(["a", "b", "poison"]);
    expect(broker.left()).toEqual([]);
  });

  it("after very many commits: what it remembers has a limit, and the oldest are handled again", async () => {
    const broker = new MemoryBroker({ mostPerCall: 6_000 });
    broker.put(...numbered(12_000));
    broker.fault = failing("done", 2);
    const { handle, handled, batches } = recorder(() => {
      if (batches.length === 2) broker.giveUpLoans();
    });
    await readOn(broker, handle);
    expect(broker.left()).toEqual([]);
    expect(handled()).toHaveLength(14_000);
    expect(new Set(handled().slice(12_000))).toEqual(new Set(numbered(2_000)));
  });

  it("while poison is refused: it is refused again with its reason, and not handled twice", async () => {
    const broker = new MemoryBroker({ patienceMs: 0 });
    broker.put("poison");
    broker.fault = failing("refuse", 2);
    const { handle, handled } = recorder();
    await readOn(broker, handle);
    expect(handled()).toEqual(["poison"]);
    expect(broker.deadLetters).toEqual([{ body: "poison", reason: "poison is none" }]);
  });

  it("for one of several calls at a time: what the others brought is handled", async () => {
    const broker = new MemoryBroker({ mostPerCall: 1 });
    broker.put(...numbered(30));
    let calls = 0;
    broker.fault = ({ operation }) => (operation === "receive" && ++calls % 3 === 0 ? UNREACHABLE : null);
    const { handle, handled } = recorder();
    await readOn(broker, handle);
    expect(handled().sort()).toEqual(numbered(30).sort());
  });

  it.each([
    ["there is no such queue", new UserError("no such queue")],
    ["it says no", new StoppedError("no right to read")],
    ["a bug", new TypeError("undefined is no function")],
  ])("but %s: waiting does not help", async (_name, error) => {
    const broker = new MemoryBroker();
    broker.put("a");
    broker.fault = failing("receive", 1, error);
    await expect(read(broker, recorder().handle, { once: false })).rejects.toThrow(error);
  });
});

describe("the handler fails", () => {
  it("nothing is acknowledged, its error is the end, and the next reader gets all of it again", async () => {
    const broker = new MemoryBroker();
    broker.put("a", "poison", "b");
    const full = recorder(() => Promise.reject(new Error("disk full")));
    await expect(read(broker, full.handle, { once: false })).rejects.toThrow("disk full");
    expect(full.handled()).toEqual(["a", "poison", "b"]);
    expect(new Set(broker.calls.map(({ operation }) => operation))).toEqual(new Set(["receive"]));
    broker.giveUpLoans();
    const { handle, handled } = recorder();
    await read(broker, handle);
    expect(handled()).toEqual(["a", "poison", "b"]);
    expect(broker.left()).toEqual([]);
  });

  it("a verdict that is missing is a failure, and acknowledges nothing", async () => {
    const broker = new MemoryBroker();
    broker.put("a", "b");
    await expect(read(broker, async () => [DONE])).rejects.toThrow("expected 2 verdicts of a handler, got 1");
    expect(broker.left()).toEqual(["a", "b"]);
  });
});

describe("nobody can take a message", () => {
  it("goes to the dead letters with its reason, and the others of its batch do not suffer", async () => {
    const broker = new MemoryBroker();
    broker.put("a", "poison 1", "b", "poison 2");
    const { batches, handle } = recorder();
    expect((await read(broker, handle)).end).toBe("empty");
    expect(batches).toEqual([["a", "poison 1", "b", "poison 2"]]);
    expect(broker.deadLetters).toEqual([
      { body: "poison 1", reason: "poison 1 is none" },
      { body: "poison 2", reason: "poison 2 is none" },
    ]);
    expect(broker.left()).toEqual([]);
  });

  it("where the broker keeps it, it is not handled again, and `once` ends all the same", async () => {
    const broker = new MemoryBroker({ patienceMs: 0, buries: false });
    broker.put("poison", "a");
    const { handle, handled } = recorder();
    expect((await read(broker, handle)).end).toBe("empty");
    expect(handled()).toEqual(["poison", "a"]);
    expect(broker.left()).toEqual(["poison"]);
  });

  it("and when nothing else comes the broker is asked once a second only", async () => {
    const broker = new MemoryBroker({ patienceMs: 0, buries: false });
    broker.put("poison");
    const stop = new AbortController();
    let idle = 0;
    const onIdle = async () => {
      if (++idle === 4) stop.abort("SIGTERM");
    };
    const { sleeps } = await read(broker, recorder().handle, { once: false, signal: stop.signal, onIdle });
    expect(sleeps).toEqual([1_000, 1_000, 1_000, 1_000]);
  });
});

describe("a message comes again", () => {
  it("when it was given back: it is handled again", async () => {
    const broker = new MemoryBroker();
    broker.put("a", "b");
    const batches: string[][] = [];
    await readOn(broker, async (deliveries) => {
      const bodies = deliveries.map(({ body }) => body);
      const first = batches.push(bodies) === 1;
      return bodies.map((body) => (first && body === "a" ? { kind: "later", afterMs: 0 } : DONE));
    });
    expect(batches).toEqual([["a", "b"], ["a"]]);
    expect(broker.calls.filter(({ operation }) => operation === "later")).toHaveLength(1);
    expect(broker.left()).toEqual([]);
  });

  it("because the broker did not accept that it is done: it is done again, not handled again", async () => {
    const broker = new MemoryBroker({ patienceMs: 0 });
    broker.put("a", "b");
    let losses = 0;
    broker.loses = (body) => body === "a" && ++losses <= 3;
    const { handle, handled } = recorder();
    await readOn(broker, handle);
    expect(losses).toBeGreaterThan(3);
    expect(handled()).toEqual(["a", "b"]);
    expect(broker.left()).toEqual([]);
  });

  it("before one that never came: `once` does not end before that one", async () => {
    const broker = new MemoryBroker({ patienceMs: 0, mostPerCall: 1 });
    broker.put("a", "b");
    let losses = 0;
    broker.loses = () => ++losses === 1;
    const { handle, handled } = recorder();
    expect((await read(broker, handle)).end).toBe("empty");
    expect(handled()).toEqual(["a", "b"]);
    expect(broker.left()).toEqual([]);
  });

  it("after it was done, as after a crash of the broker: it is handled again, for the handler knows repeats", async () => {
    const broker = new MemoryBroker();
    broker.put("a");
    const { handle, handled } = recorder();
    await read(broker, handle);
    broker.put("a");
    await read(broker, handle);
    expect(handled()).toEqual(["a", "a"]);
  });

  it("twice at a time: it is handled once", async () => {
    const broker = new MemoryBroker({ patienceMs: 0, mostPerCall: 1 });
    broker.put(...numbered(3));
    const { batches, handle, handled } = recorder();
    await readOn(broker, handle);
    expect(handled().sort()).toEqual(numbered(3).sort());
    for (const batch of batches) expect(new Set(batch).size).toBe(batch.length);
    expect(broker.left()).toEqual([]);
  });
});

describe("it is told to stop", () => {
  it("while it handles: that is handled and acknowledged, and nothing more is received", async () => {
    const broker = new MemoryBroker();
    broker.put(...numbered(12));
    const stop = new AbortController();
    const { handle, handled } = recorder(() => stop.abort("SIGTERM"));
    expect((await read(broker, handle, { once: false, signal: stop.signal })).end).toBe("interrupted");
    expect(handled()).toEqual(numbered(10));
    expect(broker.left()).toEqual(["m10", "m11"]);
    expect(broker.calls.filter(({ operation }) => operation === "receive")).toHaveLength(1);
  });

  it("while it waits for a broker that is away", async () => {
    const broker = new MemoryBroker();
    broker.goAway();
    const stop = new AbortController();
    const clock = { sleep: async () => stop.abort("SIGTERM") };
    const { end } = await read(broker, recorder().handle, { once: false, signal: stop.signal, clock });
    expect(end).toBe("interrupted");
  });

  it("while it waits for messages, and before it began", async () => {
    const broker = new MemoryBroker({ longestWaitMs: 60_000 });
    const stop = new AbortController();
    let idle = 0;
    const onIdle = async () => void idle++;
    const reading = read(broker, recorder().handle, { once: false, signal: stop.signal, onIdle });
    stop.abort("SIGTERM");
    expect((await reading).end).toBe("interrupted");
    expect(idle).toBe(0);
    const { length } = broker.calls;
    expect((await read(broker, recorder().handle, { signal: stop.signal })).end).toBe("interrupted");
    expect(broker.calls).toHaveLength(length);
  });
});

describe("how much it takes", () => {
  it("`max` deliveries and no more, however they come; what comes again does not count", async () => {
    const broker = new MemoryBroker({ patienceMs: 0 });
    broker.put(...numbered(30));
    let losses = 0;
    broker.loses = (body) => body === "m0" && ++losses === 1;
    const { handle, handled } = recorder();
    expect((await read(broker, handle, { max: 13 })).end).toBe("limit");
    expect(losses).toBe(2);
    expect(handled()).toEqual(numbered(13));
    expect(broker.left()).toEqual(numbered(30).slice(13));
  });

  it("one call while there is little, more at a time while there is much, up to a batch of a hundred", async () => {
    const broker = new MemoryBroker();
    broker.put(...numbered(400));
    const { batches, handle } = recorder();
    await readOn(broker, handle);
    expect(batches.map(({ length }) => length)).toEqual([10, 20, 40, 80, 100, 100, 50]);
  });

  it("one call at a time of a broker that brings a batch by itself", async () => {
    const broker = new MemoryBroker({ mostPerCall: 200 });
    broker.put(...numbered(500));
    const { batches, handle } = recorder();
    await readOn(broker, handle);
    expect(batches.map(({ length }) => length)).toEqual([200, 200, 100]);
  });

  it("says each time that there is nothing more", async () => {
    const broker = new MemoryBroker();
    const stop = new AbortController();
    const idle: number[] = [];
    const { handle, handled } = recorder();
    const onIdle = async () => {
      if (idle.push(handled().length) === 3) stop.abort("SIGTERM");
      else broker.put("m");
    };
    await read(broker, handle, { once: false, signal: stop.signal, onIdle });
    expect(idle).toEqual([0, 1, 2]);
  });
});

/** What may go wrong with each call, in the order of the calls; afterwards all is well. */
const trouble = fc.record({
  bodies: fc.array(fc.constantFrom("good", "poison"), { maxLength: 40 }),
  faults: fc.array(fc.boolean(), { maxLength: 40 }),
  losses: fc.array(fc.boolean(), { maxLength: 20 }),
  mostPerCall: fc.integer({ min: 1, max: 12 }),
  buries: fc.boolean(),
});

test("whatever goes wrong, everything is handled once, acknowledged only then, and nothing stays but poison", async () => {
  await fc.assert(
    fc.asyncProperty(trouble, async ({ bodies, faults, losses, ...options }) => {
      const broker = new MemoryBroker({ ...options, longestWaitMs: 1 });
      const [troubles, lost] = [faults.values(), losses.values()];
      const texts = bodies.map((body, index) => `${body} ${index}`);
      broker.put(...texts);
      const { handle, handled } = recorder();
      let tooEarly = 0;
      broker.fault = ({ bodies: given }) => {
        tooEarly += given.filter((body) => !handled().includes(body)).length;
        return troubles.next().value ? UNREACHABLE : null;
      };
      broker.loses = () => lost.next().value ?? false;
      const stop = new AbortController();
      const stays = options.buries ? [] : texts.filter((text) => text.startsWith("poison"));
      let idle = 0;
      const onIdle = async () => {
        broker.giveUpLoans();
        const over = handled().length >= texts.length && broker.left().length === stays.length;
        if (over || ++idle > 200) stop.abort("SIGTERM");
      };
      await read(broker, handle, { once: false, signal: stop.signal, onIdle, clock: new ManualClock() });
      expect(tooEarly).toBe(0);
      expect(handled().sort()).toEqual(texts.sort());
      expect(broker.left().sort()).toEqual(stays.sort());
    }),
  );
});
