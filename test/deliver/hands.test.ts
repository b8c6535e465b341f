/** The hands begin calls in portions. A call that throws met a bug of ours: its message must not be lost, nor those of the other calls. */
import { describe, expect, it } from "vitest";
import { Flight } from "../../src/deliver/flight.ts";
import { Hands } from "../../src/deliver/hands.ts";
import { createSendLoop } from "../../src/deliver/send.ts";
import type { Outcome } from "../../src/deliver/outcome.ts";
import type { Claim, Settlement } from "../../src/deliver/source.ts";
import { instantOf } from "../../src/deliver/validity.ts";
import { MemorySource } from "../support/memory-source.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

it.each([
  [false, "pending", 0],
  [true, "in_doubt", 1],
] as const)(
  "a bug, after the call left: %s: its message is %s, and every other answer is written",
  async (left, state, attempts) => {
    const clock = new VirtualClock();
    const source = new MemorySource(10, clock);
    const { signal } = new AbortController();
    const deliver = async ({ id }: Claim, onDeparted: () => void): Promise<Outcome> => {
      if (id !== 2 || left) onDeparted();
      if (id === 2) throw new TypeError("a bug");
      await clock.sleep(3_000);
      return { kind: "sent", sesMessageId: `m${id}` };
    };
    const loop = createSendLoop(source, deliver, {
      scope: { topic: null, endpoint: "ses", maxLateMs: null },
      rate: () => ({ perSecond: 100, concurrency: 3 }),
      whenDrained: "end",
      maxAttempts: 3,
      max: null,
      onQuota: "stop",
      checkpoint: async () => null,
      io: { signal, hardSignal: signal, clock },
    });
    await expect(clock.play(loop.run({ onNotice: () => undefined }))).rejects.toThrow("a bug");
    expect(source.messages.get(2)).toMatchObject({ state, attempts });
    expect(source.count("sending")).toBe(0);
    expect(source.count("sent")).toBeGreaterThan(0);
    expect(source.count("pending")).toBeGreaterThan(5);
  },
);

describe("calls of one turn", () => {
  const TURN = {
    number: 1,
    validForMs: 10_000,
    rateWaitMs: null,
    drained: false,
    isMoving: false,
    reserved: null,
    expired: 0,
    perSecond: 100,
  };
  const claimOf = (id: number): Claim => {
    return {
      id,
      topicId: 1,
      contentId: 1,
      ingestId: 1,
      email: `p${id}@example.com`,
      fields: "[]",
      attempts: 0,
      expiresInMs: null,
    };
  };
  const step = () => new Promise((resolve) => setImmediate(resolve));

  /** Hands with `count` calls of one turn, what has begun of them, and what ends a call. */
  function handsWith(count: number) {
    const clock = new VirtualClock();
    const flight = new Flight(clock);
    const begun: number[] = [];
    const ends = new Map<number, () => void>();
    const state = { isStopped: false };
    const hands = new Hands({
      flight,
      deliver: ({ id }) => {
        begun.push(id);
        return new Promise((resolve) => ends.set(id, () => resolve({ kind: "sent", sesMessageId: `m${id}` })));
      },
      isStopped: () => state.isStopped,
      settle: ({ id, topicId }, outcome): Settlement =>
        outcome.kind === "sent"
          ? { kind: "sent", id, topicId, sesMessageId: outcome.sesMessageId }
          : {
              kind: "put_back",
              id,
              delayMs: null,
              attempted: false,
              error: "reason" in outcome ? outcome.reason : null,
            },
      wake: () => undefined,
    });
    const claims = Array.from({ length: count }, (_, at) => claimOf(at + 1));
    return { hands, flight, begun, ends, state, clock, calls: flight.board({ ...TURN, claims }, instantOf(clock)) };
  }

  it("begin in portions, the first at once, and the others as the event loop goes round", async () => {
    const { hands, begun, calls } = handsWith(100);
    hands.begin(calls, 500);
    const counts = [begun.length];
    while (hands.isBeginning) {
      await step();
      counts.push(begun.length);
    }
    expect(counts).toEqual([32, 64, 96, 100]);
    expect(begun).toEqual(calls.map(({ claim }) => claim.id));
  });

  it("are no more at once than allowed: the next begins when one has ended", async () => {
    const { hands, begun, ends, calls } = handsWith(5);
    hands.begin(calls, 2);
    await step();
    expect(begun).toEqual([1, 2]);
    // It waits for a hand, not for the event loop.
    expect(hands.isBeginning).toBe(false);
    ends.get(2)?.();
    await step();
    await step();
    expect(begun).toEqual([1, 2, 3]);
    ends.get(1)?.();
    ends.get(3)?.();
    await step();
    await step();
    expect(begun).toEqual([1, 2, 3, 4, 5]);
  });

  it("that have not begun when sending stops are put back, and were no attempts", async () => {
    const { hands, flight, begun, state, calls } = handsWith(40);
    hands.begin(calls, 500);
    state.isStopped = true;
    await step();
    expect(begun).toHaveLength(32);
    expect(flight.calls).toBe(32);
    const { settlements } = flight.report();
    expect(settlements.map(({ id }) => id)).toEqual([33, 34, 35, 36, 37, 38, 39, 40]);
    expect(new Set(settlements.map((each) => each.kind === "put_back" && each.attempted))).toEqual(new Set([false]));
  });

  it("that have run out while they waited are put back", async () => {
    const { hands, flight, begun, clock, calls } = handsWith(40);
    hands.begin(calls, 500);
    clock.jump({ monotonic: 20_000, wall: 20_000 });
    await step();
    expect(begun).toHaveLength(32);
    expect(flight.report().settlements).toHaveLength(8);
  });
});
