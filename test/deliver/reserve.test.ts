/** How the loop goes on while bulk mail waits because of the reserve. */
import { describe, expect, it } from "vitest";
import type { Outcome } from "../../src/deliver/outcome.ts";
import { createSendLoop } from "../../src/deliver/send.ts";
import type { EndingOptions, ReserveWatch, SendOptions } from "../../src/deliver/sender.ts";
import type { Scope, Turn, TurnRequest } from "../../src/deliver/source.ts";
import { MemorySource } from "../support/memory-source.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const REASON = "The quota is for others";

/** A source of bulk mail that keeps to the reserve. */
class Reserved extends MemorySource {
  sent = 0;

  override async turn(request: TurnRequest): Promise<Turn> {
    const { reserve } = request.scope;
    const used = this.sent + this.count("sending");
    const most = reserve === undefined ? Infinity : Math.max(0, reserve.left - reserve.keep - used);
    const turn = await super.turn({ ...request, room: Math.min(request.room, most) });
    this.sent += request.settlements.filter(({ kind }) => kind === "sent").length;
    const reserved = request.room > most && this.count("pending") > 0;
    const drained = request.room > 0 && (reserved || turn.drained || this.count("pending") === 0);
    return { ...turn, reserved, drained };
  }

  override nextDueInMs = async (scope?: Scope) => {
    const { reserve } = scope ?? {};
    const isKept = reserve !== undefined && reserve.left - reserve.keep - this.sent <= 0;
    return this.count("pending") > 0 && !isKept ? 0 : null;
  };
}

function setUp(count: number, ending: Partial<EndingOptions> | null) {
  const clock = new VirtualClock();
  const source = new Reserved(count, clock);
  const stop = new AbortController();
  const notices: string[] = [];
  const asked: number[] = [];
  const account = { left: 12, next: 12 };
  const reserve: ReserveWatch = {
    now: () => ({ keep: 10, left: account.left, ageMs: 0 }),
    async refresh() {
      asked.push(clock.monotonic());
      account.left = account.next;
    },
    reason: () => REASON,
  };
  const common = {
    scope: { topic: null, endpoint: "ses", maxLateMs: null } as const,
    rate: () => ({ perSecond: 1_000, concurrency: 10 }),
    maxAttempts: 3,
    checkpoint: async () => null,
    reserve,
    io: { signal: stop.signal, hardSignal: new AbortController().signal, clock },
  };
  const options: SendOptions =
    ending === null
      ? { ...common, whenDrained: "wait" }
      : { ...common, whenDrained: "end", max: null, onQuota: "stop", ...ending };
  const deliver = async (_: unknown, onDeparted: () => void): Promise<Outcome> => {
    onDeparted();
    return { kind: "sent", sesMessageId: "ses" };
  };
  const loop = createSendLoop(source, deliver, options);
  const halts: (string | null)[] = [];
  const run = () =>
    loop.run({ onNotice: (text) => notices.push(text), onHalt: (halt) => halts.push(halt?.reason ?? null) });
  return { clock, source, stop, loop, run, notices, halts, asked, account };
}

describe("a run that ends", () => {
  it("sends what there is beyond the reserve, asks SES once more, and stops like for a used-up quota", async () => {
    const { clock, run, asked, notices } = setUp(5, {});
    expect(await clock.play(run())).toMatchObject({ outcome: "quota", reason: REASON, run: { sent: 2 } });
    expect(asked).toHaveLength(1);
    // Its answer says it.
    expect(notices).toEqual([]);
  });

  it("goes on when SES has more than was thought", async () => {
    const { clock, run, account } = setUp(5, {});
    account.next = 15;
    expect(await clock.play(run())).toMatchObject({ outcome: "finished", run: { sent: 5 } });
  });

  it("finishes when nothing is kept back", async () => {
    const { clock, run, asked } = setUp(2, {});
    expect(await clock.play(run())).toMatchObject({ outcome: "finished", run: { sent: 2 } });
    expect(asked).toEqual([]);
  });

  it("waits with --on-quota wait, asks now and then, and goes on when there is quota", async () => {
    const { clock, run, asked, notices, account } = setUp(5, { onQuota: "wait" });
    const [result] = await clock.play(Promise.all([run(), clock.sleep(60_000).then(() => (account.next = 20))]));
    expect(result).toMatchObject({ outcome: "finished", run: { sent: 5 } });
    expect(notices).toEqual([`${REASON}.`]);
    expect(asked.length).toBeGreaterThan(3);
    expect(asked.length).toBeLessThan(12);
    for (const [at, time] of asked.entries()) expect(time - (asked[at - 1] ?? 0)).toBeGreaterThanOrEqual(1_000);
  });
});

describe("a loop that waits for mail", () => {
  it("shows why bulk mail waits, asks now and then, does not spin, and goes on when there is quota", async () => {
    const { clock, run, loop, source, stop, notices, halts, asked, account } = setUp(5, null);
    const story = async () => {
      await clock.sleep(5_000);
      expect(loop.status()).toMatchObject({ state: "idle", reason: REASON, run: { sent: 2 } });
      expect(notices).toEqual([`${REASON}.`]);
      await clock.sleep(55_000);
      expect(asked.length).toBeGreaterThan(3);
      expect(source.requests.length).toBeLessThan(60);
      expect(notices).toHaveLength(1);
      account.next = 20;
      await clock.sleep(15_000);
      expect(loop.status()).toMatchObject({ state: "idle", reason: null, run: { sent: 5 } });
      expect(halts).toEqual([null]);
    };
    await clock.play(Promise.all([run(), story().finally(() => stop.abort("SIGTERM"))]));
  });
});
