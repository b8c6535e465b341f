/** A process that stood still (a laptop that slept, a virtual machine that was paused): what it claimed others may have taken for lost. */
import { describe, expect, it } from "vitest";
import type { Outcome } from "../../src/deliver/outcome.ts";
import { createSendLoop } from "../../src/deliver/send.ts";
import type { EndingOptions } from "../../src/deliver/sender.ts";
import type { Claim, Source, Turn, TurnRequest } from "../../src/deliver/source.ts";
import { prepareSqlite } from "../store/sqlite/bench.ts";
import { MemorySource } from "../support/memory-source.ts";
import { ingest, states } from "../support/store-actions.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const SENT: Outcome = { kind: "sent", sesMessageId: "ses" };
const VALID_MS = 45_000;
const DEAF = { onNotice: () => undefined };

function options(clock: EndingOptions["io"]["clock"], concurrency = 10): EndingOptions {
  const { signal } = new AbortController();
  return {
    scope: { topic: null, endpoint: "ses", maxLateMs: null },
    rate: () => ({ perSecond: 1_000, concurrency }),
    whenDrained: "end",
    maxAttempts: 3,
    max: null,
    onQuota: "stop",
    checkpoint: async () => null,
    io: { signal, hardSignal: signal, clock },
  };
}

/** A source whose first turn is followed by a nap. */
class NapSource extends MemorySource {
  #nap: (() => void) | null;

  constructor(count: number, clock: VirtualClock, nap: () => void) {
    super(count, clock);
    this.validForMs = VALID_MS;
    this.#nap = nap;
  }

  override async turn(request: TurnRequest): Promise<Turn> {
    const turn = await super.turn(request);
    this.#nap?.();
    this.#nap = null;
    return turn;
  }
}

/** Sends five messages; the process stands still once, after its first claims and before their calls. */
async function sleepAfterClaiming(ahead: { wall?: number; monotonic?: number }) {
  const clock = new VirtualClock();
  const source = new NapSource(5, clock, () => clock.jump(ahead));
  const calls: number[] = [];
  const deliver = async ({ id }: Claim, onDeparted: () => void): Promise<Outcome> => {
    calls.push(id);
    onDeparted();
    await clock.sleep(50);
    return SENT;
  };
  const result = await clock.play(createSendLoop(source, deliver, options(clock)).run(DEAF));
  const putBack = source.settlements.filter(({ kind }) => kind === "put_back");
  return { source, calls, result, putBack };
}

describe("a process that slept between a claim and its call", () => {
  it.each([
    ["as the wall clock tells", { wall: VALID_MS }],
    ["as the monotonic clock tells", { monotonic: VALID_MS }],
    ["as both clocks tell", { wall: VALID_MS, monotonic: VALID_MS }],
    ["while somebody set the wall clock back", { wall: -3_600_000, monotonic: VALID_MS }],
  ])(
    "for longer than its claims are valid, %s: puts them back without a call, and sends them later",
    async (_, ahead) => {
      const { source, calls, result, putBack } = await sleepAfterClaiming(ahead);
      expect(putBack).toHaveLength(5);
      for (const settlement of putBack) expect(settlement).toMatchObject({ delayMs: null, attempted: false });
      expect(calls).toHaveLength(5);
      expect(new Set(calls)).toEqual(new Set([1, 2, 3, 4, 5]));
      expect(result).toMatchObject({ outcome: "finished", run: { sent: 5, attempts: 5, retried: 0, failed: 0 } });
      expect([...source.messages.values()].map(({ attempts }) => attempts)).toEqual([1, 1, 1, 1, 1]);
    },
  );

  it("for a little less: makes the calls", async () => {
    const { calls, putBack } = await sleepAfterClaiming({ wall: VALID_MS - 1, monotonic: VALID_MS - 1 });
    expect(putBack).toEqual([]);
    expect(calls).toHaveLength(5);
    expect(new Set(calls)).toEqual(new Set([1, 2, 3, 4, 5]));
  });

  it("counts from when the turn was called, not from when its answer came", async () => {
    const clock = new VirtualClock();
    const source = new MemorySource(2, clock);
    source.validForMs = VALID_MS;
    const slow: Source = {
      ...delegate(source),
      async turn(request) {
        const turn = await source.turn(request);
        if (turn.claims.length > 0 && source.requests.length === 1) await clock.sleep(VALID_MS);
        return turn;
      },
    };
    const calls: number[] = [];
    const deliver = async ({ id }: Claim): Promise<Outcome> => (calls.push(id), SENT);
    await clock.play(createSendLoop(slow, deliver, options(clock)).run(DEAF));
    expect(source.settlements.filter(({ kind }) => kind === "put_back")).toHaveLength(2);
    expect(calls).toHaveLength(2);
    expect(new Set(calls)).toEqual(new Set([1, 2]));
  });

  it("a call that waited for a free hand is looked at when its turn comes", async () => {
    const clock = new VirtualClock();
    const source = new MemorySource(3, clock);
    source.validForMs = VALID_MS;
    // More than there are hands for, as a source does that finds out late what an earlier turn claimed.
    const generous: Source = {
      ...delegate(source),
      turn: (request) => source.turn({ ...request, room: request.room * 3 }),
    };
    const calls: number[] = [];
    const deliver = async ({ id }: Claim, onDeparted: () => void): Promise<Outcome> => {
      calls.push(id);
      onDeparted();
      if (calls.length === 1) clock.jump({ wall: VALID_MS });
      return SENT;
    };
    const result = await clock.play(createSendLoop(generous, deliver, options(clock, 1)).run(DEAF));
    expect(source.settlements.slice(0, 3)).toMatchObject([
      { kind: "sent", id: 1 },
      { kind: "put_back", id: 2, attempted: false },
      { kind: "put_back", id: 3, attempted: false },
    ]);
    expect(calls).toEqual([1, 2, 3]);
    expect(result.run).toMatchObject({ sent: 3, attempts: 3 });
  });
});

it("G2: what another process took for lost meanwhile stays in doubt, and no call is made for it", async () => {
  const { open, clock } = await prepareSqlite();
  const [store, other] = [await open(), await open()];
  await ingest(store, ["a@x.example", "b@x.example"]);
  let naps = 1;
  const sleepy: Source = {
    ...delegate(store),
    async turn(request) {
      const turn = await store.turn(request);
      if (turn.claims.length > 0 && naps-- > 0) {
        clock.pass(61_000);
        expect(await other.recover()).toBe(turn.claims.length);
      }
      return turn;
    },
  };
  const calls: string[] = [];
  const deliver = async ({ email }: Claim, onDeparted: () => void): Promise<Outcome> => {
    calls.push(email);
    onDeparted();
    return SENT;
  };
  const one = { ...options(clock), rate: () => ({ perSecond: 1, concurrency: 1 }) };
  const result = await createSendLoop(sleepy, deliver, one).run(DEAF);
  expect(calls).toEqual(["b@x.example"]);
  expect(await states(store)).toEqual({ "a@x.example": "in_doubt", "b@x.example": "sent" });
  expect(result.run).toMatchObject({ sent: 1, attempts: 1 });
});

function delegate(source: Source): Source {
  return {
    name: source.name,
    patienceMs: source.patienceMs,
    turn: (request) => source.turn(request),
    recover: () => source.recover(),
    nextDueInMs: (scope) => source.nextDueInMs(scope),
    outlook: (scope) => source.outlook(scope),
  };
}
