import { describe, expect, it } from "vitest";
import type { Outcome } from "../../src/deliver/outcome.ts";
import { createSendLoop } from "../../src/deliver/send.ts";
import type { EndingOptions, Rate, Run, SendListener, SendResult } from "../../src/deliver/sender.ts";
import type { Claim } from "../../src/deliver/source.ts";
import { AwayError, InterruptedError, StoppedError } from "../../src/errors.ts";
import { MemorySource } from "../support/memory-source.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const SENT: Outcome = { kind: "sent", sesMessageId: "ses" };
const THROTTLED: Outcome = { kind: "throttled", reason: "Maximum sending rate exceeded." };
const TRANSIENT: Outcome = { kind: "transient", reason: "503", unreachable: false };
const FOREIGN: Outcome = {
  kind: "transient",
  reason: "the answer (HTTP 404) is not one of SES",
  unreachable: false,
  isForeign: true,
};
const UNREACHABLE: Outcome = { kind: "transient", reason: "ECONNREFUSED", unreachable: true };
const REJECTED: Outcome = { kind: "rejected", reason: "Address blacklisted.", unknown: false };
const UNKNOWN: Outcome = { kind: "rejected", reason: "418 Teapot", unknown: true };
const IN_DOUBT: Outcome = { kind: "in_doubt", reason: "ECONNRESET" };
const QUOTA: Outcome = { kind: "quota", reason: "Daily message quota exceeded." };
const HALTED: Outcome = { kind: "halted", reason: "AccessDenied", hint: "give the credentials the permission" };

interface Scene {
  source: MemorySource;
  clock: VirtualClock;
  calls: { id: number; at: number }[];
  notices: string[];
  interrupt: () => void;
  interruptAgain: () => void;
  run(listener?: Partial<SendListener>): Promise<SendResult>;
}

function endingOptions(
  io: EndingOptions["io"],
  { perSecond = 100, concurrency = 10, ...options }: Partial<EndingOptions & Rate> = {},
): EndingOptions {
  return {
    scope: { topic: null, endpoint: "ses", maxLateMs: null },
    rate: () => ({ perSecond, concurrency }),
    whenDrained: "end",
    maxAttempts: 3,
    max: null,
    onQuota: "stop",
    checkpoint: async () => null,
    io,
    ...options,
  };
}

const DEAF = { onNotice: () => undefined };

type Script = (call: { id: number; nth: number; at: number }) => Outcome | Promise<Outcome>;

/** `script` answers each call, 50 ms later; `nth` counts the calls of one message from 1. */
function scene(count: number, script: Script, options: Partial<EndingOptions & Rate> = {}): Scene {
  const clock = new VirtualClock();
  const source = new MemorySource(count, clock);
  const [first, second] = [new AbortController(), new AbortController()];
  const calls: { id: number; at: number }[] = [];
  const notices: string[] = [];
  const deliver = async (claim: Claim, onDeparted: () => void): Promise<Outcome> => {
    calls.push({ id: claim.id, at: clock.monotonic() });
    const nth = calls.filter((call) => call.id === claim.id).length;
    onDeparted();
    await clock.sleep(50);
    return script({ id: claim.id, nth, at: clock.monotonic() });
  };
  const io = { signal: first.signal, hardSignal: second.signal, clock };
  const loop = createSendLoop(source, deliver, endingOptions(io, options));
  const run = (listener: Partial<SendListener> = {}) =>
    clock.play(loop.run({ onNotice: (text) => notices.push(text), ...listener }));
  const interrupt = () => first.abort("SIGINT");
  const interruptAgain = () => second.abort("SIGINT");
  return { source, clock, calls, notices, run, interrupt, interruptAgain };
}

const never = () => new Promise<Outcome>(() => undefined);
const NOTHING: Partial<Run> = { attempts: 0, sent: 0, failed: 0, inDoubt: 0, throttled: 0, retried: 0 };

it("claims nothing while messages wait for memory, and everything in the end", async () => {
  const clock = new VirtualClock();
  const source = new MemorySource(60, clock);
  let [running, most, full] = [0, 0, false];
  const deliver = async (_claim: Claim, onDeparted: () => void): Promise<Outcome> => {
    most = Math.max(most, ++running);
    full = running > 4;
    onDeparted();
    await clock.sleep(200);
    full = --running > 4;
    return SENT;
  };
  const { signal } = new AbortController();
  const options = endingOptions({ signal, hardSignal: signal, clock }, { concurrency: 50 });
  const loop = createSendLoop(source, Object.assign(deliver, { isFull: () => full }), options);
  const result = await clock.play(loop.run(DEAF));
  expect(result).toMatchObject({ outcome: "finished", run: { sent: 60 } });
  // One claim more than there is room for, and what was claimed together with it.
  expect(most).toBeGreaterThan(4);
  expect(most).toBeLessThan(15);
});

describe("what processes leave that die while a long campaign goes out", () => {
  it("is looked for every ten seconds or so, and told", async () => {
    const { source, clock, run } = scene(500, () => SENT, { concurrency: 1 });
    const [looks, told]: [number[], number[]] = [[], []];
    source.recover = async () => (looks.push(clock.monotonic()), looks.length === 2 ? 7 : 0);
    expect(await run({ onRecovered: (count) => told.push(count) })).toMatchObject({ run: { sent: 500 } });
    expect(looks.length).toBeGreaterThanOrEqual(2);
    for (const [at, look] of looks.entries()) expect(look - (looks[at - 1] ?? 0)).toBeGreaterThanOrEqual(10_000);
    expect(told).toEqual([7]);
  });

  it.each([new AwayError("away"), new StoppedError("the disk is full"), new InterruptedError()])(
    "%s: the turn after it says so, and decides",
    async (error) => {
      const { source, run } = scene(500, () => SENT, { concurrency: 1 });
      source.recover = async () => {
        throw error;
      };
      expect(await run()).toMatchObject({ outcome: "finished", run: { sent: 500 } });
    },
  );

  it("ends the run with an error that nobody expects, once what is in flight is written", async () => {
    const { source, run } = scene(500, () => SENT, { concurrency: 1 });
    source.recover = () => Promise.reject(new Error("bug"));
    await expect(run()).rejects.toThrow("bug");
    expect(source.count("sending")).toBe(0);
  });
});

describe("what goes wrong in the program itself", () => {
  it("a source that fails for a reason of its own ends the run with that error", async () => {
    const { source, run } = scene(3, () => SENT);
    source.broken = () => new Error("bug");
    await expect(run()).rejects.toThrow("bug");
  });

  it("a delivery that throws ends the run with that error", async () => {
    const { run } = scene(3, () => Promise.reject(new Error("bug")));
    await expect(run()).rejects.toThrow("bug");
  });
});

describe("each outcome moves its message", () => {
  it("nothing to send", async () => {
    const { run } = scene(0, () => SENT);
    expect(await run()).toMatchObject({ outcome: "nothing_to_send", reason: null, run: NOTHING });
  });

  it("sent", async () => {
    const { source, run } = scene(25, () => SENT);
    expect(await run()).toMatchObject({ outcome: "finished", run: { ...NOTHING, attempts: 25, sent: 25 } });
    expect(source.count("sent")).toBe(25);
  });

  it("rejected: this one fails, the others go on", async () => {
    const { source, run } = scene(5, ({ id }) => (id === 2 ? REJECTED : SENT));
    expect(await run()).toMatchObject({ outcome: "finished", run: { sent: 4, failed: 1, attempts: 5 } });
    expect(source.settlements).toContainEqual({ kind: "failed", id: 2, error: "Address blacklisted." });
  });

  it("promise 3: answer lost: in doubt, never called again", async () => {
    const { source, calls, run } = scene(5, ({ id }) => (id === 2 ? IN_DOUBT : SENT));
    expect(await run()).toMatchObject({ outcome: "finished", run: { sent: 4, inDoubt: 1, attempts: 5 } });
    expect(source.messages.get(2)?.state).toBe("in_doubt");
    expect(calls.filter((call) => call.id === 2)).toHaveLength(1);
  });

  it("throttled: not an attempt, and the source hears when the call started", async () => {
    const { source, calls, run } = scene(3, ({ id, nth }) => (id === 2 && nth < 6 ? THROTTLED : SENT));
    expect(await run()).toMatchObject({ outcome: "finished", run: { sent: 3, throttled: 5, attempts: 3, retried: 0 } });
    expect(source.messages.get(2)?.attempts).toBe(1);
    const heard = source.requests.flatMap(({ at, throttledAgoMs }) =>
      throttledAgoMs === null ? [] : [at - throttledAgoMs],
    );
    expect(heard).toEqual(
      calls
        .filter((call) => call.id === 2)
        .slice(0, 5)
        .map((call) => expect.closeTo(call.at, 6) as number),
    );
  });

  it("transient: again after 2, then 4 seconds, failed for good after the third time", async () => {
    const { source, calls, run } = scene(1, () => TRANSIENT);
    expect(await run()).toMatchObject({ outcome: "finished", run: { ...NOTHING, attempts: 3, retried: 2, failed: 1 } });
    const [first = 0, second = 0, third = 0] = calls.map((call) => call.at);
    expect(second - first).toBeGreaterThanOrEqual(1500);
    expect(second - first).toBeLessThan(2700);
    expect(third - second).toBeGreaterThanOrEqual(3000);
    expect(third - second).toBeLessThan(5200);
    expect(calls).toHaveLength(3);
    expect(source.settlements.at(-1)).toEqual({ kind: "failed", id: 1, error: "503 (3 attempts)" });
  });

  it("transient once: sent the second time, and waits for it although nothing else is left", async () => {
    const { run } = scene(1, ({ nth }) => (nth === 1 ? TRANSIENT : SENT));
    expect(await run()).toMatchObject({ outcome: "finished", run: { attempts: 2, retried: 1, sent: 1, failed: 0 } });
  });

  it("--max-attempts 1: no second try", async () => {
    const { source, calls, run } = scene(1, () => TRANSIENT, { maxAttempts: 1 });
    await run();
    expect(calls).toHaveLength(1);
    expect(source.settlements.at(-1)).toEqual({ kind: "failed", id: 1, error: "503 (1 attempt)" });
  });

  it("halted: puts back, starts nothing more, awaits what is in flight, says what to do", async () => {
    const { source, calls, run } = scene(100, ({ id }) => (id === 3 ? HALTED : SENT), { concurrency: 4 });
    expect(await run()).toMatchObject({
      outcome: "halted",
      reason: "AccessDenied",
      hint: expect.stringContaining("permission"),
    });
    expect(source.messages.get(3)).toMatchObject({ state: "pending", attempts: 0, error: "AccessDenied" });
    expect(source.count("sending")).toBe(0);
    expect(calls.length).toBeLessThanOrEqual(8);
    expect(source.count("sent")).toBe(calls.length - 1);
  });
});

describe("quota", () => {
  it("stop: puts back, stops, everybody else stays pending", async () => {
    const { source, run } = scene(100, ({ id }) => (id > 20 ? QUOTA : SENT), { concurrency: 4 });
    expect(await run()).toMatchObject({
      outcome: "quota",
      reason: "Daily message quota exceeded.",
      run: { failed: 0 },
    });
    expect(source.count("sent")).toBe(20);
    expect(source.count("pending")).toBe(80);
  });

  it("wait: asks again every minute with one message, says so once, and finishes", async () => {
    let freed = false;
    const { clock, source, notices, calls, run } = scene(
      40,
      ({ id, at }) => {
        freed ||= at > 200_000;
        return id > 20 && !freed ? QUOTA : SENT;
      },
      { onQuota: "wait", concurrency: 8 },
    );
    expect(await run()).toMatchObject({ outcome: "finished", run: { sent: 40, failed: 0 } });
    expect(clock.monotonic()).toBeGreaterThan(200_000);
    expect(source.messages.get(21)?.attempts).toBe(1);
    expect(notices).toHaveLength(1);
    expect(calls.filter((call) => call.at > 30_000 && call.at < 180_000)).toHaveLength(2);
  });

  it("wait: an interruption ends the waiting at once", async () => {
    const { clock, notices, interrupt, run } = scene(5, () => QUOTA, { onQuota: "wait", concurrency: 2 });
    const running = run();
    void (async () => {
      await clock.sleep(90_000);
      interrupt();
    })();
    expect(await running).toMatchObject({ outcome: "interrupted" });
    expect(clock.monotonic()).toBeLessThan(92_500);
    expect(notices.length).toBeGreaterThan(0);
  });
});

describe("--max", () => {
  it("stops after so many messages", async () => {
    const { source, run } = scene(50, () => SENT, { max: 7 });
    expect(await run()).toMatchObject({ outcome: "limit", run: { sent: 7 } });
    expect(source.count("pending")).toBe(43);
  });

  it("is not used up by calls that were throttled or will be tried again", async () => {
    const { source, run } = scene(10, ({ id, nth }) => (nth > 1 ? SENT : id === 1 ? THROTTLED : TRANSIENT), { max: 3 });
    expect(await run()).toMatchObject({ outcome: "limit", run: { sent: 3 } });
    expect(source.count("sent")).toBe(3);
  });
});

describe("when not this message fails but everything", () => {
  it("network gone for a minute: a patient wait, nobody fails, everybody is sent", async () => {
    const { source, calls, run } = scene(200, ({ at }) => (at < 61_000 ? UNREACHABLE : SENT));
    expect(await run()).toMatchObject({ outcome: "finished", run: { sent: 200, failed: 0 } });
    expect(source.count("sent")).toBe(200);
    expect(calls.filter((call) => call.at < 60_000).length).toBeLessThan(80);
  });

  it("gone for good: stops after three minutes, resumable, nobody failed", async () => {
    const { clock, source, run } = scene(200, () => UNREACHABLE);
    const result = await run();
    expect(result).toMatchObject({ outcome: "halted", run: { sent: 0, failed: 0 } });
    expect(result.reason).toContain("SES cannot be reached: ECONNREFUSED");
    expect(clock.monotonic()).toBeGreaterThanOrEqual(181_000);
    expect(clock.monotonic()).toBeLessThan(185_000);
    expect(source.count("pending")).toBe(200);
  });

  it.each([1, 2, 5, 24])("a list of %i: the same", async (count) => {
    const gone = scene(count, () => UNREACHABLE);
    expect(await gone.run()).toMatchObject({ outcome: "halted", run: { attempts: 0, failed: 0, inDoubt: 0 } });
    expect(gone.source.count("pending")).toBe(count);
    expect([...gone.source.messages.values()].map(({ attempts }) => attempts)).toEqual(Array(count).fill(0));
    expect(gone.notices).toEqual(["SES cannot be reached: ECONNREFUSED (trying one message at a time)."]);
    const back = scene(count, ({ at }) => (at < 170_000 ? UNREACHABLE : SENT), { maxAttempts: 1 });
    expect(await back.run()).toMatchObject({ outcome: "finished", run: { attempts: count, sent: count } });
  });

  it("tells the cause again when it is another, and not for another address of the same name", async () => {
    const cause = (at: number) => {
      if (at < 40_000) return `connect ECONNREFUSED 192.0.2.${Math.floor(at / 1_000)}:443`;
      return at < 80_000 ? "getaddrinfo ENOTFOUND ses.example" : null;
    };
    const { notices, run } = scene(5, ({ at }) => {
      const reason = cause(at);
      return reason === null ? SENT : { kind: "transient", reason, unreachable: true };
    });
    expect(await run()).toMatchObject({ outcome: "finished", run: { sent: 5 } });
    expect(notices).toEqual([expect.stringContaining("ECONNREFUSED"), expect.stringContaining("ENOTFOUND")]);
  });

  it("a 5xx is an answer: its attempts count, also between calls that reach nobody", async () => {
    const { source, run } = scene(3, ({ id, nth }) => (id === 1 ? TRANSIENT : nth < 3 ? UNREACHABLE : SENT));
    expect(await run()).toMatchObject({ outcome: "finished", run: { sent: 2, failed: 1 } });
    expect(source.messages.get(1)).toMatchObject({ state: "failed", attempts: 3 });
  });

  it("the time in which the process stood still does not count against SES", async () => {
    let naps = 0;
    const { clock, run } = scene(3, ({ at }) => {
      if (naps++ === 2) clock.jump({ wall: 3_600_000, monotonic: 3_600_000 });
      return at < 60_000 + 3_600_000 ? UNREACHABLE : SENT;
    });
    expect(await run()).toMatchObject({ outcome: "finished", run: { sent: 3 } });
  });

  it("an interruption ends the waiting at once", async () => {
    const { clock, source, interrupt, run } = scene(5, () => UNREACHABLE);
    const running = run();
    void clock.sleep(70_000).then(interrupt);
    expect(await running).toMatchObject({ outcome: "interrupted" });
    expect(clock.monotonic()).toBeLessThan(71_100);
    expect(source.count("pending")).toBe(5);
  });

  it("after an outage a message that fails by itself has its attempts counted again", async () => {
    const { source, calls, run } = scene(60, ({ id, at }) => {
      if (at < 20_000) return UNREACHABLE;
      return id === 60 ? TRANSIENT : SENT;
    });
    expect(await run()).toMatchObject({ outcome: "finished", run: { sent: 59, failed: 1 } });
    expect(source.messages.get(60)?.state).toBe("failed");
    expect(calls.filter((call) => call.id === 60 && call.at >= 20_000).length).toBeLessThanOrEqual(3);
  });

  it("after a wait for the quota a message that fails by itself has its attempts counted again", async () => {
    const { calls, run } = scene(
      3,
      ({ id, at }) => {
        if (at < 30_000) return QUOTA;
        return id === 3 ? TRANSIENT : SENT;
      },
      { onQuota: "wait" },
    );
    expect(await run()).toMatchObject({ outcome: "finished", run: { sent: 2, failed: 1 } });
    expect(calls.filter((call) => call.id === 3 && call.at > 30_000)).toHaveLength(3);
  });

  it("a refusal nobody knows, ten times in a row: stops", async () => {
    const { source, run } = scene(100, () => UNKNOWN, { concurrency: 1 });
    expect(await run()).toMatchObject({ outcome: "halted", reason: expect.stringContaining("418 Teapot") });
    expect(source.count("failed")).toBe(10);
    expect(source.count("pending")).toBe(90);
  });

  it("the same refusal now and then is about those messages", async () => {
    const { run } = scene(100, ({ id }) => (id % 5 === 0 ? UNKNOWN : SENT), { concurrency: 1 });
    expect(await run()).toMatchObject({ outcome: "finished", run: { sent: 80, failed: 20 } });
  });

  it("a refusal of something that is not SES, ten times in a row: stops, and nobody is failed", async () => {
    const { source, run } = scene(100, () => FOREIGN, { concurrency: 1, hasAnswered: () => true });
    const reason = "10 calls in a row were refused: the answer (HTTP 404) is not one of SES";
    expect(await run()).toMatchObject({ outcome: "halted", reason, hint: expect.stringContaining("endpoint") });
    expect(source.count("pending")).toBe(100);
  });

  it.each([1, 2, 3, 9, 100])("the same of all %i, when SES has answered nothing: stops after three", async (count) => {
    const { source, run, calls } = scene(count, () => FOREIGN, { concurrency: 1 });
    const reason = "3 calls in a row were refused: the answer (HTTP 404) is not one of SES";
    expect(await run()).toMatchObject({ outcome: "halted", reason, run: { failed: 0, attempts: 3 } });
    expect(source.count("pending")).toBe(count);
    expect([...source.messages.values()].every(({ attempts }) => attempts === 0)).toBe(true);
    expect(calls).toHaveLength(3);
  });

  it.each([1, 5])(
    "one message that is refused that way among others is failed for itself (%i at once)",
    async (concurrency) => {
      const { run, calls } = scene(4, ({ id }) => (id === 1 ? FOREIGN : SENT), { concurrency });
      expect(await run()).toMatchObject({ outcome: "finished", run: { sent: 3, failed: 1 } });
      // The first call came before SES had answered.
      expect(calls.filter(({ id }) => id === 1)).toHaveLength(4);
    },
  );

  it("one message alone that is refused that way is failed when SES has told of the account", async () => {
    const { run, calls } = scene(1, () => FOREIGN, { hasAnswered: () => true });
    expect(await run()).toMatchObject({ outcome: "finished", run: { sent: 0, failed: 1 } });
    expect(calls).toHaveLength(3);
  });

  it("a refusal of SES is an answer, too", async () => {
    const { run } = scene(9, ({ id }) => (id === 1 ? REJECTED : FOREIGN), { concurrency: 1 });
    expect(await run()).toMatchObject({ run: { failed: expect.any(Number) } });
    const { reason } = await scene(30, ({ id }) => (id === 1 ? REJECTED : FOREIGN), { concurrency: 1 }).run();
    expect(reason).toContain("10 calls in a row");
  });

  it("the same now and then is about those messages, and they are tried as often as any", async () => {
    const { run } = scene(100, ({ id }) => (id % 20 === 0 ? FOREIGN : SENT), { concurrency: 1 });
    expect(await run()).toMatchObject({ outcome: "finished", run: { sent: 95, failed: 5 } });
  });

  it("fifty lost answers in a row: stops, and no more than these are in doubt", async () => {
    const { source, run } = scene(500, () => IN_DOUBT, { concurrency: 1 });
    expect(await run()).toMatchObject({ outcome: "halted", reason: expect.stringContaining("lost") });
    expect(source.count("in_doubt")).toBe(50);
  });
});

describe("the checkpoint", () => {
  const OBJECTION = { reason: "too many bounces", hint: "clean the list" };

  it("asked before the first message: nothing is claimed", async () => {
    const { source, run, calls } = scene(5, () => SENT, { checkpoint: async () => OBJECTION });
    expect(await run()).toMatchObject({ outcome: "halted", ...OBJECTION, run: NOTHING });
    expect(calls).toEqual([]);
    expect(source.count("pending")).toBe(5);
  });

  it("asked every two seconds or so, and heard while it sends: what is in flight is written, the rest waits", async () => {
    const asked: number[] = [];
    const scenery = scene(10_000, () => SENT, {
      checkpoint: async () => {
        asked.push(scenery.clock.monotonic());
        return asked.length < 4 ? null : OBJECTION;
      },
    });
    const { source, run } = scenery;
    const result = await run();
    expect(result).toMatchObject({ outcome: "halted", ...OBJECTION });
    const gaps = asked.slice(1).map((at, index) => at - (asked[index] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(2_000);
    expect(Math.max(...gaps)).toBeLessThan(2_500);
    expect(source.count("sending")).toBe(0);
    expect(source.count("sent")).toBe(result.run.sent);
    expect(source.count("sent") + source.count("pending")).toBe(10_000);
    expect(result.run.sent).toBeGreaterThan(0);
  });
});

describe("signals", () => {
  it("one that came before the start: nothing is claimed", async () => {
    const { source, calls, interrupt, run } = scene(5, () => SENT);
    interrupt();
    expect(await run()).toMatchObject({ outcome: "interrupted", reason: expect.stringContaining("SIGINT") });
    expect(calls).toEqual([]);
    expect(source.count("pending")).toBe(5);
  });

  it("the first: no new calls, the answers that are under way are written", async () => {
    const { source, notices, interrupt, run } = scene(
      100,
      ({ id }) => {
        if (id === 5) interrupt();
        return SENT;
      },
      { concurrency: 4 },
    );
    expect(await run()).toMatchObject({ outcome: "interrupted" });
    expect(source.count("sending")).toBe(0);
    expect(source.count("in_doubt")).toBe(0);
    expect(source.count("sent")).toBeGreaterThanOrEqual(5);
    expect(source.count("sent")).toBeLessThanOrEqual(12);
    expect(notices.length).toBeLessThanOrEqual(1);
  });

  it("the second: leaves at once, what is in flight is in doubt", async () => {
    const { clock, source, notices, interrupt, interruptAgain, run } = scene(
      100,
      ({ id }) => (id <= 3 ? SENT : never()),
      {
        concurrency: 4,
      },
    );
    void (async () => {
      await clock.sleep(1000);
      interrupt();
      await clock.sleep(1000);
      interruptAgain();
    })();
    const result = await run();
    expect(result).toMatchObject({ outcome: "interrupted", run: { sent: 3, inDoubt: 4 } });
    expect(source.count("in_doubt")).toBe(4);
    expect(source.count("sending")).toBe(0);
    expect(notices).toEqual(["Waiting for 4 answers of SES; interrupt again to leave at once."]);
    expect(clock.monotonic()).toBeLessThan(1000 + 2500);
  });
});

describe("when the job file cannot be written", () => {
  const full = () => new StoppedError("no space left on the disk", "free some space");

  it("keeps the answers in hand until there is space, and starts nothing meanwhile", async () => {
    const { clock, source, calls, run } = scene(100, () => SENT, { concurrency: 4 });
    let started = 0;
    source.broken = () => {
      if (clock.monotonic() < 1040 || clock.monotonic() > 11_000) return null;
      started ||= calls.length;
      return full();
    };
    expect(await run()).toMatchObject({
      outcome: "halted",
      reason: "no space left on the disk",
      hint: "free some space",
    });
    expect(calls.length).toBe(started);
    expect(source.count("sent")).toBe(calls.length);
    expect(source.count("sending")).toBe(0);
  });

  it("does not count the time in which the source could be written to against its patience", async () => {
    const { clock, source, run } = scene(1, async () => {
      await clock.sleep(60_000);
      return SENT;
    });
    const from = clock.monotonic();
    const isBetween = (least: number, most: number) => {
      const ms = clock.monotonic() - from;
      return ms > least && ms < most;
    };
    source.broken = () => (isBetween(1_000, 5_000) || isBetween(55_000, 65_000) ? full() : null);
    expect(await run()).toMatchObject({ outcome: "halted", run: { sent: 1 } });
    expect(source.count("sent")).toBe(1);
  });

  it("gives up after a while: what it knew stays sending, so it will be in doubt, not sent again", async () => {
    const { clock, source, run } = scene(100, () => SENT, { concurrency: 4 });
    source.broken = () => (clock.monotonic() < 1040 ? null : full());
    await expect(run()).rejects.toThrow(StoppedError);
    expect(clock.monotonic()).toBeGreaterThan(30_000);
    expect(source.count("pending") + source.count("sending")).toBe(100);
  });
});

describe("the hands", () => {
  it("never holds more messages than it has hands, answers that are not written included", async () => {
    const { source, run } = scene(200, () => SENT, { concurrency: 7, perSecond: 10_000 });
    await run();
    expect(source.mostSending).toBe(7);
  });

  it.each([1, 2, 4])("%d: uses a hand again as soon as its answer is written", async (concurrency) => {
    const { clock, run } = scene(40, () => SENT, { concurrency, perSecond: 1000 });
    const from = clock.monotonic();
    await run();
    // 50 ms for an answer, and as long again for everything else would be far too much.
    expect(clock.monotonic() - from).toBeLessThan((40 / concurrency) * 75);
  });

  it("a call that hangs does not keep the lease from being renewed, nor the others from going on", async () => {
    const { clock, source, run } = scene(30, async ({ id }) => {
      if (id === 1) await clock.sleep(20_000);
      return SENT;
    });
    expect(await run()).toMatchObject({ outcome: "finished", run: { sent: 30 } });
    const turns = source.requests.map((request) => request.at);
    const gaps = turns.slice(1).map((at, index) => at - (turns[index] ?? 0));
    expect(Math.max(...gaps)).toBeLessThanOrEqual(2_020);
  });

  it("a run does not end while its mail is being moved, and sends what is due after that", async () => {
    const clock = new VirtualClock();
    const source = new MemorySource(2, clock);
    source.isMoving = true;
    const { signal } = new AbortController();
    const scope = { topic: "june", endpoint: "ses", maxLateMs: null } as const;
    const options = {
      ...endingOptions({ signal, hardSignal: signal, clock }, { perSecond: 100, concurrency: 2 }),
      scope,
    };
    const isMoved = async () => {
      await clock.sleep(10_000);
      source.add();
      source.isMoving = false;
    };
    const running = createSendLoop(source, async () => SENT, options).run(DEAF);
    const [result] = await clock.play(Promise.all([running, isMoved()]));
    expect(result).toMatchObject({ outcome: "finished", run: { sent: 3 } });
    // It looks about once a second, and no more often.
    expect(source.requests.length).toBeLessThan(30);
    // A run of all topics goes round it.
    source.isMoving = true;
    const all = endingOptions({ signal, hardSignal: signal, clock }, { perSecond: 100, concurrency: 2 });
    source.add();
    expect(await clock.play(createSendLoop(source, async () => SENT, all).run(DEAF))).toMatchObject({
      run: { sent: 1 },
    });
  });

  it("R1 G1 N9: tells other processes within 250 ms when a call left, and looks for that while it has not left", async () => {
    const clock = new VirtualClock();
    const source = new MemorySource(2, clock);
    source.rateWaitMs = 5_000;
    const leftAt: number[] = [];
    const deliver = async (_claim: Claim, onDeparted: () => void): Promise<Outcome> => {
      await clock.sleep(800);
      leftAt.push(clock.monotonic());
      onDeparted();
      await clock.sleep(1_900);
      return SENT;
    };
    const { signal } = new AbortController();
    const options = endingOptions({ signal, hardSignal: signal, clock }, { perSecond: 0.2, concurrency: 2, max: 1 });
    await clock.play(createSendLoop(source, deliver, options).run(DEAF));
    const [left = 0] = leftAt;
    const told = source.requests.find(({ departed }) => departed.length > 0);
    expect((told?.at ?? 0) - (told?.departed[0]?.leftAgoMs ?? 0)).toBeCloseTo(left);
    expect(told?.at).toBeLessThanOrEqual(left + 270);
    const claims = source.requests.filter(({ room }) => room > 0);
    expect(claims.map(({ withinMs }) => withinMs)).toEqual(claims.map(() => 50));
  });
});
