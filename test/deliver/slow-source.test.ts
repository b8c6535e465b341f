/**
 * The loop over a source that is far away: each question takes a while, its answer takes a while, and some fail. What is
 * promised does not depend on a source that answers at once.
 */
import { describe, expect, it } from "vitest";
import type { Outcome } from "../../src/deliver/outcome.ts";
import { createSendLoop } from "../../src/deliver/send.ts";
import type { SendOptions, SendResult } from "../../src/deliver/sender.ts";
import type { Claim, Scope, Source, TurnRequest } from "../../src/deliver/source.ts";
import { StoppedError } from "../../src/errors.ts";
import { MemorySource } from "../support/memory-source.ts";
import { dice } from "../support/story.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const MESSAGES = 60;
const SENT: Outcome = { kind: "sent", sesMessageId: "ses" };
const UNREACHABLE = new StoppedError("the source is out of reach", null);

/** What SES says, most of it good. */
const OUTCOMES: Outcome[] = [
  ...Array.from({ length: 12 }, () => SENT),
  { kind: "throttled", reason: "Maximum sending rate exceeded." },
  { kind: "transient", reason: "503", unreachable: false },
  { kind: "rejected", reason: "Address blacklisted.", unknown: false },
  { kind: "in_doubt", reason: "ECONNRESET" },
];

interface World {
  clock: VirtualClock;
  memory: MemorySource;
  scope: Scope;
  calls: { id: number; at: number }[];
  stop: AbortController;
  hardStop: AbortController;
  wake: () => void;
  run: () => Promise<SendResult>;
}

interface Given {
  whenDrained: "end" | "wait";
  /** How often a question fails, 0 to 1. */
  failing?: number;
  checkpoint?: (world: World) => Promise<null>;
}

/** A world whose delays and failures come from the seed. */
function worldOf(seed: number, { whenDrained, failing = 0, checkpoint }: Given): World {
  const roll = dice(seed);
  const clock = new VirtualClock();
  const memory = new MemorySource(MESSAGES, clock);
  const [stop, hardStop] = [new AbortController(), new AbortController()];
  const scope: Scope = { topic: null, endpoint: "ses", maxLateMs: null, held: new Set() };
  const calls: World["calls"] = [];
  const calling = new Set<number>();

  const far = async <T>(work: () => Promise<T>): Promise<T> => {
    await clock.sleep(roll() * 40);
    if (roll() < failing) throw UNREACHABLE;
    const answer = await work();
    await clock.sleep(roll() * 40);
    return answer;
  };
  /** Asks with a scope, which must stay the same although other topics are held meanwhile. */
  const steady = async <T>(asked: Scope, work: () => Promise<T>): Promise<T> => {
    const before = { ...asked };
    const answer = await far(async () => {
      // Whoever holds topics may do so at any time.
      scope.held = new Set([String(roll())]);
      expect(asked).toEqual(before);
      expect(asked.held).toBe(before.held);
      return work();
    });
    expect(asked.held).toBe(before.held);
    return answer;
  };
  const source: Source = {
    name: "a source far away",
    patienceMs: 30_000,
    turn: (request: TurnRequest) => steady(request.scope, () => memory.turn(request)),
    recover: () => far(() => memory.recover()),
    nextDueInMs: (asked) => steady(asked, () => memory.nextDueInMs()),
    outlook: (asked) => steady(asked, () => memory.outlook()),
  };
  const deliver = async ({ id }: Claim, onDeparted: () => void): Promise<Outcome> => {
    expect(calling.has(id), `message ${id} is called twice at once`).toBe(false);
    expect(memory.messages.get(id)?.state).toBe("sending");
    calling.add(id);
    calls.push({ id, at: clock.monotonic() });
    await clock.sleep(roll() * 5);
    onDeparted();
    await clock.sleep(roll() * 300);
    calling.delete(id);
    return OUTCOMES[Math.floor(roll() * OUTCOMES.length)] ?? SENT;
  };
  const common = {
    scope,
    rate: () => ({ perSecond: 200, concurrency: 8 }),
    maxAttempts: 3,
    checkpoint: async (): Promise<null> => {
      scope.held = new Set([String(roll())]);
      return checkpoint === undefined ? null : checkpoint(world);
    },
    io: { signal: stop.signal, hardSignal: hardStop.signal, clock },
  };
  const options: SendOptions =
    whenDrained === "wait" ? { ...common, whenDrained } : { ...common, whenDrained, max: null, onQuota: "stop" };
  const loop = createSendLoop(source, deliver, options);
  const run = () => loop.run({ onNotice: () => undefined });
  const world: World = { clock, memory, scope, calls, stop, hardStop, wake: () => loop.wake(), run };
  return world;
}

/** Each call was answered once, and nothing is left in flight. */
function expectAllWritten({ memory, calls }: World): void {
  expect(memory.count("sending")).toBe(0);
  for (const id of memory.messages.keys()) {
    const [made, written] = [calls, memory.settlements].map((all) => all.filter((each) => each.id === id).length);
    // A claim that came too late is put back without a call.
    const withheld = memory.settlements.filter((each) => each.id === id && isWithheld(each)).length;
    expect(written, `answers of message ${id}`).toBe((made ?? 0) + withheld);
  }
}

const isWithheld = (settlement: { kind: string; error?: string | null }) =>
  settlement.kind === "put_back" && settlement.error === "not handed to SES: sending was stopped";

const seeds = Array.from({ length: 12 }, (_, n) => n + 1);

describe("over a source that is far away", () => {
  it.each(seeds)("everything is sent once and written, whatever takes how long (%i)", async (seed) => {
    const world = worldOf(seed, { whenDrained: "end" });
    const result = await world.clock.play(world.run());
    expect(result.outcome).toBe("finished");
    expect(world.memory.count("pending")).toBe(0);
    expectAllWritten(world);
  });

  it.each(seeds)("a signal, or two, let no further call begin, and every answer is written (%i)", async (seed) => {
    const world = worldOf(seed, { whenDrained: seed % 2 === 0 ? "end" : "wait" });
    let stoppedAt = Infinity;
    const stopping = world.clock.sleep(20 + seed * 13).then(() => {
      stoppedAt = world.clock.monotonic();
      world.stop.abort("SIGTERM");
      if (seed % 3 === 0) world.hardStop.abort("SIGTERM");
    });
    const [result] = await world.clock.play(Promise.all([world.run(), stopping]));
    expect(result.outcome).toBe("interrupted");
    expect(world.calls.filter(({ at }) => at > stoppedAt)).toEqual([]);
    expectAllWritten(world);
  });

  it.each(seeds)("a source that fails now and then loses no answer and calls nobody twice (%i)", async (seed) => {
    const world = worldOf(seed, { whenDrained: "wait", failing: 0.2 });
    const story = world.clock.sleep(600_000).then(() => world.stop.abort("SIGTERM"));
    await world.clock.play(Promise.all([world.run(), story]));
    expect(world.memory.count("pending")).toBe(0);
    expectAllWritten(world);
  });

  it.each(seeds)("a checkpoint that fails stops the run, and every answer is written (%i)", async (seed) => {
    const failsAfterMs = 100 + seed * 10;
    const checkpoint = async ({ clock }: World) => {
      await clock.sleep(1);
      if (clock.monotonic() > 1_000 + failsAfterMs) throw UNREACHABLE;
      return null;
    };
    const world = worldOf(seed, { whenDrained: "end", checkpoint });
    for (let n = 0; n < 2_000; n++) world.memory.add();
    await expect(world.clock.play(world.run())).rejects.toBe(UNREACHABLE);
    expect(world.calls.length).toBeGreaterThan(0);
    expectAllWritten(world);
  });

  it.each(seeds)("no wake is lost, whenever it comes (%i)", async (seed) => {
    const world = worldOf(seed, { whenDrained: "wait" });
    const roll = dice(seed + 1_000);
    const late: number[] = [];
    const story = async () => {
      await world.clock.sleep(60_000);
      for (let n = 0; n < 20; n++) {
        await world.clock.sleep(1_000 + roll() * 1_500);
        const id = world.memory.add();
        const at = world.clock.monotonic();
        world.wake();
        await world.clock.sleep(400);
        const call = world.calls.find((each) => each.id === id);
        late.push(call === undefined ? Infinity : call.at - at);
      }
      world.stop.abort("SIGTERM");
    };
    await world.clock.play(Promise.all([world.run(), story()]));
    expect(Math.max(...late)).toBeLessThan(400);
    expectAllWritten(world);
  });
});
