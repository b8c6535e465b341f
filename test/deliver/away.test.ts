/** The loop while its source is away, as a database on a server may be: no answer is lost, no call is made, and it goes on by itself. */
import { describe, expect, it } from "vitest";
import type { Outcome } from "../../src/deliver/outcome.ts";
import { createSendLoop } from "../../src/deliver/send.ts";
import type { Halt, SendOptions } from "../../src/deliver/sender.ts";
import type { Claim } from "../../src/deliver/source.ts";
import { AwayError, StoppedError } from "../../src/errors.ts";
import { MemorySource } from "../support/memory-source.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const SENT: Outcome = { kind: "sent", sesMessageId: "ses" };
const AWAY = new AwayError("cannot reach the messages in memory: connection refused", "is the server running?");
const MINUTE = 60_000;

/** A source that can be cut off. Every question fails then. */
class FarSource extends MemorySource {
  isAway = false;
  override readonly name = "the database postgres://mail@db/mail";
  override readonly patienceMs = 10 * MINUTE;
  override recover = async () => this.#reach(0);
  hear: (() => void) | null = null;

  constructor(count: number, clock: VirtualClock) {
    super(count, clock);
    this.broken = () => (this.isAway ? AWAY : null);
    const look = this.nextDueInMs;
    this.nextDueInMs = async () => this.#reach(await look());
  }

  onChange(hear: () => void): () => void {
    this.hear = hear;
    return () => (this.hear = null);
  }

  #reach<T>(answer: T): T {
    if (this.isAway) throw AWAY;
    return answer;
  }
}

interface Given {
  whenDrained?: "end" | "wait";
  count?: number;
  /** How long SES takes to answer. */
  answerMs?: number;
  concurrency?: number;
  deliver?: (claim: Claim) => Promise<Outcome>;
  checkpoint?: () => Promise<null>;
}

function setUp({ whenDrained = "end", count = 100, answerMs = 200, concurrency = 10, ...given }: Given = {}) {
  const clock = new VirtualClock();
  const source = new FarSource(count, clock);
  const [stop, hardStop] = [new AbortController(), new AbortController()];
  const calls: { id: number; at: number }[] = [];
  const notices: string[] = [];
  const halts: (Halt | null)[] = [];
  const deliver = async (claim: Claim, onDeparted: () => void): Promise<Outcome> => {
    const outcome = (await given.deliver?.(claim)) ?? SENT;
    calls.push({ id: claim.id, at: clock.monotonic() });
    onDeparted();
    await clock.sleep(answerMs);
    return outcome;
  };
  const common = {
    scope: { topic: null, endpoint: "ses", maxLateMs: null } as const,
    rate: () => ({ perSecond: 1_000, concurrency }),
    maxAttempts: 3,
    checkpoint: given.checkpoint ?? (async () => null),
    io: { signal: stop.signal, hardSignal: hardStop.signal, clock },
  };
  const options: SendOptions =
    whenDrained === "wait" ? { ...common, whenDrained } : { ...common, whenDrained, max: null, onQuota: "stop" };
  const loop = createSendLoop(source, deliver, options);
  const run = () => loop.run({ onNotice: (text) => void notices.push(text), onHalt: (halt) => void halts.push(halt) });
  const play = <T>(story: () => Promise<T>) => clock.play(Promise.all([run(), story()]));
  return { clock, source, stop, hardStop, calls, notices, halts, loop, run, play };
}

type World = ReturnType<typeof setUp>;

/** Cuts the source off for `ms`, in the middle of calls, and returns when it was back. */
async function goAway({ clock, source }: World, ms: number): Promise<number> {
  source.isAway = true;
  await clock.sleep(ms);
  source.isAway = false;
  return clock.monotonic();
}

/** Every call has one answer, and each is written once. */
function expectEachOnce({ source, calls }: World, count: number): void {
  expect(source.count("sent")).toBe(count);
  expect(calls.map(({ id }) => id).toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, n) => n + 1));
  expect(source.settlements.filter(({ kind }) => kind === "sent")).toHaveLength(count);
}

describe("a run whose source goes away in the middle", () => {
  it.each([3_000, MINUTE, 9 * MINUTE])("keeps the answers for %i ms, makes no call, and goes on", async (ms) => {
    const world = setUp();
    const [result, [left, back]] = await world.play(async () => {
      await world.clock.sleep(350);
      const cut = world.clock.monotonic();
      return [cut, await goAway(world, ms)];
    });
    expect(result).toMatchObject({ outcome: "finished", run: { sent: 100, attempts: 100 } });
    expectEachOnce(world, 100);
    expect(world.calls.filter(({ at }) => at > left && at < back)).toEqual([]);
    const [next] = world.calls.filter(({ at }) => at >= back);
    expect(next?.at).toBeLessThan(back + 5_000);
  });

  it("says so once, with how many answers are kept, and says when it goes on", async () => {
    const world = setUp();
    await world.play(async () => {
      await world.clock.sleep(350);
      await goAway(world, 2 * MINUTE);
    });
    expect(world.notices).toEqual([
      "waiting for the database postgres://mail@db/mail (2 s; no new mail leaves, 10 answers are kept).",
    ]);
    expect(world.halts).toEqual([null]);
  });

  it.each(["end", "wait"] as const)(
    "says so within 10 s where the source itself tries for 5 s first: %s",
    async (whenDrained) => {
      const world = setUp({ whenDrained });
      const { clock, source } = world;
      for (const name of ["turn", "recover", "nextDueInMs"] as const) {
        const ask = source[name].bind(source) as (...args: unknown[]) => Promise<never>;
        Object.assign(source, {
          [name]: async (...args: unknown[]) => {
            if (source.isAway) await clock.sleep(5_500);
            return ask(...args);
          },
        });
      }
      await world.play(async () => {
        await clock.sleep(350);
        source.isAway = true;
        await clock.sleep(10_000);
        expect(world.notices).toEqual([expect.stringMatching(/^waiting for the database .* \([5-9] s; /)]);
        source.isAway = false;
        await clock.sleep(MINUTE);
        world.stop.abort("SIGTERM");
      });
      expectEachOnce(world, 100);
    },
  );

  it("says nothing of a moment", async () => {
    const world = setUp();
    await world.play(async () => {
      await world.clock.sleep(350);
      await goAway(world, 900);
    });
    expect(world.notices).toEqual([]);
    expectEachOnce(world, 100);
  });

  it("also when nothing is in flight", async () => {
    const world = setUp({ count: 20, concurrency: 1_000 });
    world.source.isAway = true;
    const [result] = await world.play(() => goAway(world, MINUTE));
    expect(result.outcome).toBe("finished");
    expect(world.notices).toEqual(["waiting for the database postgres://mail@db/mail (2 s; no new mail leaves)."]);
    expectEachOnce(world, 20);
  });

  it("ends when the source stays away for longer than it is patient, and tells how many answers are lost", async () => {
    const world = setUp();
    const away = world.clock.sleep(350).then(() => (world.source.isAway = true));
    const error = await world.clock.play(Promise.all([world.run(), away])).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(StoppedError);
    expect(error).toMatchObject({
      message: `${AWAY.message}; 10 answers of SES were not written, and those messages will be in doubt`,
      hint: AWAY.hint,
    });
    expect(world.clock.monotonic()).toBeGreaterThan(10 * MINUTE);
    expect(world.clock.monotonic()).toBeLessThan(11 * MINUTE);
  });

  it("after a signal it begins no call, waits for the source, and ends", async () => {
    const world = setUp();
    const [result] = await world.play(async () => {
      await world.clock.sleep(350);
      world.source.isAway = true;
      await world.clock.sleep(5_000);
      world.stop.abort("SIGINT");
      await goAway(world, 5_000);
    });
    expect(result.outcome).toBe("interrupted");
    expect(world.source.count("sending")).toBe(0);
    expect(world.source.count("sent")).toBe(world.calls.length);
  });

  it("after a second signal it leaves at once", async () => {
    const world = setUp();
    const story = async () => {
      await world.clock.sleep(350);
      world.source.isAway = true;
      await world.clock.sleep(5_000);
      world.stop.abort("SIGINT");
      world.hardStop.abort("SIGINT");
    };
    await expect(world.clock.play(Promise.all([world.run(), story()]))).rejects.toThrow(
      "10 answers of SES were not written",
    );
    expect(world.clock.monotonic()).toBeLessThan(20_000);
  });

  it("a question between two turns does not end it either", async () => {
    const world = setUp({
      checkpoint: async () => {
        if (world.source.isAway) throw AWAY;
        return null;
      },
    });
    await world.play(async () => {
      await world.clock.sleep(350);
      await goAway(world, MINUTE);
    });
    expect(world.source.count("sending")).toBe(0);
    expectEachOnce(world, 100);
  });

  it("a mail whose content cannot be read is put back without an attempt, and sent later", async () => {
    let asked = 0;
    const world = setUp({
      deliver: async () => {
        if (asked++ === 3) throw AWAY;
        return SENT;
      },
    });
    const [result] = await world.play(async () => undefined);
    expect(result).toMatchObject({ outcome: "finished", run: { sent: 100, attempts: 100, failed: 0 } });
    expectEachOnce(world, 100);
    expect(world.source.settlements.filter(({ kind }) => kind === "put_back")).toEqual([
      expect.objectContaining({ attempted: false, delayMs: null }),
    ]);
  });
});

describe("a loop that never ends, whose source goes away", () => {
  it.each([
    ["in the middle of calls", 350],
    ["while it is idle", 20_000],
  ])("%s: waits for hours, shows it, and goes on within 5 s", async (_, cutAt) => {
    const world = setUp({ whenDrained: "wait" });
    const { clock, loop, source, stop, calls } = world;
    await world.play(async () => {
      await clock.sleep(cutAt);
      source.isAway = true;
      await clock.sleep(10_000);
      expect(loop.status()).toMatchObject({
        state: "halted",
        reason: expect.stringMatching(
          /^waiting for the database postgres:\/\/mail@db\/mail \(\d+ s; no new mail leaves/,
        ),
      });
      const back = await goAway(world, 3 * 60 * MINUTE);
      const id = source.add();
      await clock.sleep(5_000);
      expect(calls.find((call) => call.id === id)?.at).toBeLessThan(back + 5_000);
      expect(loop.status()).toMatchObject({ reason: null });
      await clock.sleep(5_000);
      stop.abort("SIGTERM");
    });
    expect(world.notices).toHaveLength(1);
    expect(world.halts).toEqual([null]);
    expectEachOnce(world, 101);
  });

  it("ends after a signal when nothing is in flight", async () => {
    const world = setUp({ whenDrained: "wait", count: 0 });
    world.source.isAway = true;
    const [result] = await world.play(async () => {
      await world.clock.sleep(MINUTE);
      world.stop.abort("SIGTERM");
    });
    expect(result.outcome).toBe("interrupted");
    expect(world.clock.monotonic()).toBeLessThan(2 * MINUTE);
  });

  it("after a signal it tries to write its answers for as long as it is patient", async () => {
    const world = setUp({ whenDrained: "wait" });
    const away = async () => {
      await world.clock.sleep(350);
      world.source.isAway = true;
      await world.clock.sleep(60 * MINUTE);
      world.stop.abort("SIGTERM");
      await world.clock.sleep(9 * MINUTE);
      world.source.isAway = false;
    };
    const [result] = await world.play(away);
    expect(result.outcome).toBe("interrupted");
    expect(world.source.count("sending")).toBe(0);
  });

  it("a source that refuses for good halts it, and is no absence", async () => {
    const world = setUp({ whenDrained: "wait", count: 3 });
    const lost = new StoppedError("the database was restored", "read the manual");
    await world.play(async () => {
      await world.clock.sleep(10_000);
      world.source.add();
      world.source.broken = () => lost;
      await world.clock.sleep(10_000);
      expect(world.loop.status()).toMatchObject({ state: "halted", reason: lost.message, hint: lost.hint });
      world.stop.abort("SIGTERM");
    });
    expect(world.calls).toHaveLength(3);
  });
});

describe("between two mails", () => {
  it("a change that the source tells of is looked at once, until the loop ends", async () => {
    const world = setUp({ whenDrained: "wait", count: 0, answerMs: 1 });
    const { clock, source, calls } = world;
    await world.play(async () => {
      await clock.sleep(10_123);
      const id = source.add();
      const at = clock.monotonic();
      source.hear?.();
      await clock.sleep(50);
      expect(calls).toEqual([{ id, at: expect.closeTo(at, -1) as number }]);
      world.stop.abort("SIGTERM");
    });
    expect(source.hear).toBeNull();
  });

  it("an idle loop takes a turn now and then, so that its lease does not run out", async () => {
    const world = setUp({ whenDrained: "wait", count: 0 });
    await world.play(async () => {
      await world.clock.sleep(10 * MINUTE);
      world.stop.abort("SIGTERM");
    });
    const times = world.source.requests.map(({ at }) => at);
    const gaps = times.slice(1).map((at, n) => at - (times[n] ?? 0));
    expect(Math.max(...gaps)).toBeLessThan(20_000);
    expect(times.length).toBeLessThan(50);
  });
});
