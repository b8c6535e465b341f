import { describe, expect, it } from "vitest";
import type { Outcome } from "../../src/deliver/outcome.ts";
import { createSendLoop } from "../../src/deliver/send.ts";
import type { SendListener, WaitingOptions } from "../../src/deliver/sender.ts";
import type { Claim, Scope } from "../../src/deliver/source.ts";
import { StoppedError } from "../../src/errors.ts";
import { MemorySource } from "../support/memory-source.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const SENT: Outcome = { kind: "sent", sesMessageId: "ses" };
const HALTED: Outcome = { kind: "halted", reason: "AccessDenied", hint: "give the credentials the permission" };

function setUp(count: number, options: Partial<WaitingOptions> = {}, listens: Partial<SendListener> = {}) {
  const clock = new VirtualClock();
  const source = new MemorySource(count, clock);
  const stop = new AbortController();
  const hardStop = new AbortController();
  const calls: { id: number; at: number }[] = [];
  const halts: (string | null)[] = [];
  let answer: (claim: Claim) => Promise<Outcome> | Outcome = () => SENT;
  const deliver = async (claim: Claim, onDeparted: () => void): Promise<Outcome> => {
    calls.push({ id: claim.id, at: clock.monotonic() });
    onDeparted();
    return answer(claim);
  };
  const scope: Scope = { topic: null, endpoint: "ses", maxLateMs: null };
  const sender = createSendLoop(source, deliver, {
    scope,
    rate: () => ({ perSecond: 1_000, concurrency: 10 }),
    whenDrained: "wait",
    maxAttempts: 3,
    checkpoint: async () => null,
    io: { signal: stop.signal, hardSignal: hardStop.signal, clock },
    ...options,
  });
  const listener: SendListener = {
    onHalt: (halt) => halts.push(halt?.reason ?? null),
    onNotice: () => undefined,
    ...listens,
  };
  return {
    clock,
    source,
    scope,
    sender,
    calls,
    halts,
    answers: (next: typeof answer) => (answer = next),
    /** Runs it while `story` is told, then stops it. */
    play: (story: () => Promise<void>) =>
      clock.play(
        Promise.all([
          sender.run(listener),
          story().finally(() => {
            stop.abort("SIGTERM");
          }),
        ]),
      ),
  };
}

describe("a sender that never ends", () => {
  it("fails nobody for what a wrong endpoint refuses, says so, and sends when it is right", async () => {
    const { source, clock, sender, calls, halts, answers, play } = setUp(2);
    answers(() => ({ kind: "transient", reason: "not one of SES", unreachable: false, isForeign: true }));
    await play(async () => {
      await clock.sleep(600_000);
      expect(source.count("pending")).toBe(2);
      expect(sender.status()).toMatchObject({ state: "halted", reason: expect.stringContaining("not one of SES") });
      expect(halts).toHaveLength(1);
      // Some calls each half minute.
      expect(calls.length).toBeLessThan(100);
      answers(() => SENT);
      await clock.sleep(40_000);
      expect(source.count("sent")).toBe(2);
      expect(halts.at(-1)).toBeNull();
      // From now on such a refusal is about its message.
      answers(() => ({ kind: "transient", reason: "not one of SES", unreachable: false, isForeign: true }));
      source.add();
      await clock.sleep(60_000);
      expect(source.count("failed")).toBe(1);
    });
  });

  it("sends what is there, and what another process puts in later", async () => {
    const { source, clock, play } = setUp(3);
    await play(async () => {
      await clock.sleep(5_000);
      expect(source.count("sent")).toBe(3);
      source.add();
      await clock.sleep(1_000);
      expect(source.count("sent")).toBe(4);
    });
  });

  it("G12 P12: sends at once when woken", async () => {
    const { source, sender, clock, calls, play } = setUp(0);
    await play(async () => {
      // Long idle, and not at one of its looks.
      await clock.sleep(10_123);
      const id = source.add();
      const at = clock.monotonic();
      sender.wake();
      await clock.sleep(100);
      expect(calls).toEqual([{ id, at: expect.closeTo(at, -1.5) as number }]);
    });
  });

  it("is woken also while one call hangs", async () => {
    const { source, sender, clock, calls, answers, play } = setUp(1);
    answers((claim) => (claim.id === 1 ? clock.sleep(30_000).then(() => SENT) : SENT));
    await play(async () => {
      await clock.sleep(5_100);
      const id = source.add();
      const at = clock.monotonic();
      sender.wake();
      await clock.sleep(200);
      const call = calls.find((each) => each.id === id);
      expect(call?.at).toBeLessThan(at + 50);
      expect(source.messages.get(1)?.state).toBe("sending");
    });
    expect(source.count("sent")).toBe(2);
  });

  it("K4: sends what is scheduled when it falls due", async () => {
    const { source, clock, calls, play } = setUp(0);
    const id = source.add(clock.now() + 60_200);
    await play(async () => {
      await clock.sleep(60_100);
      expect(calls).toEqual([]);
      await clock.sleep(200);
      expect(calls.map((call) => call.id)).toEqual([id]);
    });
  });

  it("says once what keeps it from sending, tries again by itself, and says when it goes on", async () => {
    const { source, sender, clock, calls, halts, answers, play } = setUp(1);
    answers(() => HALTED);
    await play(async () => {
      await clock.sleep(100_000);
      expect(calls.length).toBeGreaterThan(2);
      expect(calls.length).toBeLessThan(10);
      expect(sender.status()).toMatchObject({ state: "halted", reason: "AccessDenied", hint: HALTED.hint });
      expect(halts).toEqual(["AccessDenied"]);
      answers(() => SENT);
      await clock.sleep(60_000);
      expect(source.count("sent")).toBe(1);
      expect(halts).toEqual(["AccessDenied", null]);
      expect(sender.status()).toMatchObject({ state: "idle", reason: null });
    });
  });

  it("says what it waits for while the daily quota is used up, and when it goes on", async () => {
    const { source, sender, clock, halts, answers, play } = setUp(3);
    answers(() => ({ kind: "quota", reason: "Daily message quota exceeded." }));
    await play(async () => {
      await clock.sleep(60_000);
      expect(sender.status()).toMatchObject({ state: "halted", reason: expect.stringContaining("quota exceeded") });
      expect(halts).toEqual([]);
      answers(() => SENT);
      await clock.sleep(3_600_000);
      expect(source.count("sent")).toBe(3);
      expect(halts).toEqual([null]);
      expect(sender.status()).toMatchObject({ state: "idle", reason: null });
    });
  });

  it("says that SES is out of reach, and no longer what had stopped it before", async () => {
    const { source, sender, clock, halts, answers, play } = setUp(60);
    answers(() => HALTED);
    await play(async () => {
      await clock.sleep(10_000);
      answers(() => ({ kind: "transient", reason: "ECONNREFUSED", unreachable: true }));
      await clock.sleep(60_000);
      expect(sender.status()).toMatchObject({ state: "halted", reason: expect.stringContaining("ECONNREFUSED") });
      answers(() => SENT);
      await clock.sleep(60_000);
      expect(source.count("sent")).toBe(60);
      expect(halts).toEqual(["AccessDenied", null]);
      expect(sender.status()).toMatchObject({ state: "idle", reason: null });
    });
  });

  it("R8 G4: outlasts an outage of SES, also of the few messages it met, and fails what fails by itself", async () => {
    const unreachable: Outcome = { kind: "transient", reason: "ECONNREFUSED", unreachable: true };
    const broken: Outcome = { kind: "transient", reason: "503", unreachable: false };
    const { source, sender, clock, answers, play } = setUp(4);
    answers((claim) => (claim.id === 1 ? broken : unreachable));
    await play(async () => {
      await clock.sleep(60_000);
      expect([source.count("failed"), source.count("pending") + source.count("sending")]).toEqual([1, 3]);
      answers(() => SENT);
      // One probe each 15 s while SES is out of reach (breaker.ts), so the next may be that far away.
      await clock.sleep(20_000);
      expect([source.count("failed"), source.count("sent")]).toEqual([1, 3]);
      expect(sender.status().run).toMatchObject({ failed: 1, sent: 3 });
    });
  });

  it("waits for a job file that cannot be written, and goes on when it can", async () => {
    const { source, clock, halts, play } = setUp(2);
    source.broken = () => new StoppedError("no space left on the disk", "free some space");
    await play(async () => {
      await clock.sleep(60_000);
      expect(halts).toEqual(["no space left on the disk"]);
      source.broken = () => null;
      await clock.sleep(60_000);
      expect(source.count("sent")).toBe(2);
    });
  });

  it("keeps answers in hand for as long as it lives, and writes them when that is possible again", async () => {
    const { source, sender, clock, calls, halts, answers, play } = setUp(3);
    answers(() => clock.sleep(1_000).then(() => SENT));
    const full = new StoppedError("no space left on the disk", "free some space");
    await play(async () => {
      await clock.sleep(500);
      source.broken = () => full;
      // Far longer than the source asks anybody to keep them.
      await clock.sleep(300_000);
      expect(source.count("sending")).toBe(3);
      expect(sender.status()).toMatchObject({ reason: "no space left on the disk", hint: "free some space" });
      expect(halts).toEqual(["no space left on the disk"]);
      source.broken = () => null;
      await clock.sleep(60_000);
      expect(source.count("sent")).toBe(3);
      source.add();
      await clock.sleep(60_000);
      expect(source.count("sent")).toBe(4);
      expect(halts).toEqual(["no space left on the disk", null]);
    });
    expect(calls).toHaveLength(4);
  });

  it("told to stop with answers it cannot write, tries for a while and ends", async () => {
    const { source, sender, clock, answers, play } = setUp(2);
    answers(() => clock.sleep(1_000).then(() => SENT));
    await play(async () => {
      await clock.sleep(500);
      source.broken = () => new StoppedError("no space left on the disk", "free some space");
      await clock.sleep(120_000);
    });
    expect(sender.status().state).toBe("stopped");
    expect(source.count("sending")).toBe(2);
  });

  it("a wake that comes in the middle of a look is not lost", async () => {
    const { source, sender, clock, calls, play } = setUp(0);
    await play(async () => {
      await clock.sleep(5_000);
      const look = source.nextDueInMs;
      let added: { id: number; at: number } | null = null;
      source.nextDueInMs = async () => {
        const found = await look();
        if (added) return found;
        // It has looked, and found nothing; then somebody puts a message in.
        added = { id: source.add(), at: clock.monotonic() };
        sender.wake();
        return found;
      };
      await clock.sleep(2_000);
      expect(calls).toEqual([added]);
    });
  });

  it("woken for nothing, it looks once and goes back to sleep", async () => {
    const { source, sender, clock, play } = setUp(0);
    await play(async () => {
      await clock.sleep(5_000);
      let looks = 0;
      const look = source.nextDueInMs;
      source.nextDueInMs = () => (looks++, look());
      sender.wake();
      await clock.sleep(5_000);
      expect(looks).toBeGreaterThanOrEqual(10);
      expect(looks).toBeLessThanOrEqual(12);
    });
  });

  it("hears of messages that a process that died left in doubt", async () => {
    const recovered: number[] = [];
    const { source, clock, play } = setUp(0, {}, { onRecovered: (count) => recovered.push(count) });
    let dead = 2;
    source.recover = async () => {
      const lost = dead;
      dead = 0;
      return lost;
    };
    await play(() => clock.sleep(2_000));
    expect(recovered).toEqual([2]);
  });

  it("looks whether held topics may be let go while it has nothing to send", async () => {
    let asked = 0;
    const checkpoint = async () => (asked++, null);
    const { clock, scope, play } = setUp(0, { checkpoint });
    await play(async () => {
      await clock.sleep(2_000);
      // By the turn at the beginning.
      expect(asked).toBe(1);
      scope.held = new Set(["bad"]);
      await clock.sleep(2_000);
      expect(asked).toBeGreaterThanOrEqual(5);
    });
  });

  it("a source that takes a while sees one set of held topics in the whole of a turn", async () => {
    const { source, clock, scope, play } = setUp(1);
    scope.held = new Set(["bad"]);
    const seen: (ReadonlySet<string> | undefined)[] = [];
    const turn = source.turn.bind(source);
    source.turn = async (request) => {
      seen.push(request.scope.held);
      scope.held = new Set(["worse"]);
      await clock.sleep(5);
      seen.push(request.scope.held);
      return turn(request);
    };
    await play(() => clock.sleep(1_000));
    expect(seen.length).toBeGreaterThanOrEqual(4);
    expect(seen[1]).toEqual(new Set(["bad"]));
    for (let i = 0; i < seen.length; i += 2) expect(seen[i + 1]).toBe(seen[i]);
  });

  it("waits for what is in flight when it is told to stop, and starts nothing more", async () => {
    const { source, clock, answers, play } = setUp(1, { rate: () => ({ perSecond: 1_000, concurrency: 1 }) });
    answers(() => clock.sleep(10_000).then(() => SENT));
    await play(async () => {
      await clock.sleep(1_000);
      source.add();
    });
    expect([source.count("sent"), source.count("pending")]).toEqual([1, 1]);
  });

  it("asks for the rate anew before each burst", async () => {
    let perSecond = 14;
    const { source, clock, play } = setUp(1, { rate: () => ({ perSecond, concurrency: 10 }) });
    await play(async () => {
      await clock.sleep(2_000);
      perSecond = 200;
      source.add();
      await clock.sleep(2_000);
    });
    expect([...new Set(source.requests.map((request) => request.perSecond))]).toEqual([14, 200]);
  });

  it("adds up what its bursts did", async () => {
    const { source, sender, clock, play } = setUp(2);
    await play(async () => {
      await clock.sleep(2_000);
      source.add();
      await clock.sleep(2_000);
      expect(sender.status().run).toMatchObject({ sent: 3, attempts: 3, failed: 0 });
    });
    expect(sender.status().state).toBe("stopped");
  });
});
