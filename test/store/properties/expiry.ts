// oxlint-disable vitest/no-standalone-expect -- the expectations stand in the world that the test plays
/** Random histories of messages that expire: clocks that are set, outages, deaths, pauses, retries, and calls that leave late. */
import { expect } from "vitest";
import { type Call, Flight } from "../../../src/deliver/flight.ts";
import { instantOf } from "../../../src/deliver/validity.ts";
import type { State } from "../../../src/message.ts";
import { TopicRefusedError } from "../../../src/store/rules/admit.ts";
import type { Store } from "../../../src/store/store.ts";
import fc from "../../support/properties.ts";
import {
  EVERYTHING,
  failed,
  ingest,
  messagesOf,
  putBack,
  putBackFor,
  sent,
  turn,
} from "../../support/store-actions.ts";
import type { Bench, Prepare } from "../bench.ts";
import { LEASE_OVER_MS } from "../contract/people.ts";

const TOPICS = ["june", "july"];
const SPAN_MS = 10_000;
const RETRIABLE: State[] = ["failed", "in_doubt", "cancelled", "suppressed"];
const ENDINGS = ["sent", "failed", "throttled", "put back for later", "lost", "not yet"] as const;

type Operation =
  | { kind: "ingest"; topic: string; count: number; expiresInMs: number | null; later: boolean }
  | { kind: "turn"; handle: number; room: number }
  | { kind: "leave"; handle: number; endings: (typeof ENDINGS)[number][] }
  | { kind: "pause" | "resume" | "cancel" | "reschedule" | "retry"; topic: string }
  | { kind: "recover" | "restart"; handle: number }
  | { kind: "pass"; ms: number }
  | { kind: "set the clock"; ms: number };

const topic = fc.constantFrom(...TOPICS);
const handle = fc.nat(1);
const of = <Kind extends Operation["kind"]>(kind: Kind) => fc.constant(kind);
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: of("ingest"),
      topic,
      count: fc.integer({ min: 1, max: 4 }),
      expiresInMs: fc.constantFrom(SPAN_MS / 2, SPAN_MS, 3 * SPAN_MS, null),
      later: fc.boolean(),
    }),
  },
  { weight: 12, arbitrary: fc.record({ kind: of("turn"), handle, room: fc.integer({ min: 1, max: 4 }) }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: of("leave"),
      handle,
      endings: fc.array(fc.constantFrom(...ENDINGS), { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom(...(["pause", "resume", "cancel", "reschedule", "retry"] as const)),
      topic,
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("recover" as const, "restart" as const), handle }) },
  { weight: 6, arbitrary: fc.record({ kind: of("pass"), ms: fc.constantFrom(1, 700, SPAN_MS / 2, SPAN_MS) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: of("set the clock"), ms: fc.constantFrom(-SPAN_MS, -3_000, 3_000, SPAN_MS) }),
  },
);

interface Handle {
  store: Store;
  flight: Flight;
  calls: Call[];
}

class World {
  readonly #bench: Bench;
  readonly #handles: Handle[] = [];
  #people = 0;
  left = 0;

  constructor(bench: Bench) {
    this.#bench = bench;
  }

  async open(): Promise<void> {
    for (let i = 0; i < 2; i++) this.#handles.push(await this.#start());
  }

  async play(operation: Operation): Promise<void> {
    const { clock } = this.#bench;
    switch (operation.kind) {
      case "ingest":
        return this.#ingest(operation);
      case "turn":
        return this.#turn(this.#at(operation.handle), operation.room);
      case "leave":
        return this.#leave(this.#at(operation.handle), operation.endings);
      case "recover":
        await this.#at(operation.handle).store.recover();
        return undefined;
      case "restart":
        return this.#restart(operation.handle);
      case "pass":
        return clock.pass(operation.ms);
      case "set the clock":
        return clock.setForward(operation.ms);
      default:
        return this.#person(operation.kind, operation.topic);
    }
  }

  /** Long after everything has expired, and whatever is paused: nothing of it waits any more, and it says why. */
  async end(): Promise<void> {
    this.#bench.clock.pass(100 * SPAN_MS);
    const { store } = this.#at(0);
    await turn(store, 0);
    const names = (await store.topics()).map((row) => row.topic);
    for (const name of names) {
      await store.retry(name, RETRIABLE);
      for (const { email, state, error } of await messagesOf(store, name)) {
        const [record] = (await store.messagesTo(email, 9)).filter((each) => each.topic === name);
        if (record?.expiresAt == null) continue;
        expect(state, `${email} has expired`).not.toBe("pending");
        // What a person cancelled before it expired has no error.
        if (state === "cancelled") expect([null, "expired", "later"]).toContain(error);
      }
    }
  }

  async #start(): Promise<Handle> {
    return { store: await this.#bench.open(), flight: new Flight(this.#bench.clock), calls: [] };
  }

  #at(index: number): Handle {
    return this.#handles[index]!;
  }

  async #ingest({ topic: name, count, expiresInMs, later }: Extract<Operation, { kind: "ingest" }>): Promise<void> {
    const emails = Array.from({ length: count }, () => `p${this.#people++}@x.example`);
    const at = later ? this.#bench.clock.now() + SPAN_MS : 0;
    await orRefused(ingest(this.#at(0).store, emails, { topic: name, at, expiresInMs }));
  }

  async #turn({ store, flight, calls }: Handle, room: number): Promise<void> {
    const calledAt = instantOf(this.#bench.clock);
    const taken = await store.turn({
      settlements: [],
      room,
      perSecond: 1e9,
      withinMs: 3_600_000,
      scope: EVERYTHING,
      departed: [],
      throttledAgoMs: null,
    });
    for (const { expiresInMs } of taken.claims) expect(expiresInMs ?? 1).toBeGreaterThan(0);
    calls.push(...flight.board(taken, calledAt));
  }

  /** Some calls are made now, if they still may, and end. */
  async #leave({ store, calls }: Handle, endings: (typeof ENDINGS)[number][]): Promise<void> {
    for (const ending of endings) {
      const call = calls.shift();
      if (call === undefined) return;
      const { claim } = call;
      if (!call.isValid()) {
        await turn(store, 0, { settlements: [putBack(claim)] });
        continue;
      }
      this.left++;
      const { expiresAt = null } = (await store.message(claim.id)) ?? {};
      if (expiresAt !== null) expect(this.#bench.clock.now(), `${claim.email} left in time`).toBeLessThan(expiresAt);
      if (ending === "sent") await turn(store, 0, { settlements: [sent(claim)] });
      if (ending === "failed") await turn(store, 0, { settlements: [failed(claim)] });
      if (ending === "throttled") await turn(store, 0, { settlements: [putBack(claim)] });
      if (ending === "put back for later") await turn(store, 0, { settlements: [putBackFor(claim, 2_000)] });
      // Its process has to try again before it makes any other call.
      if (ending === "not yet") calls.unshift(call);
    }
  }

  async #restart(index: number): Promise<void> {
    this.#bench.clock.pass(LEASE_OVER_MS);
    this.#handles[index] = await this.#start();
  }

  async #person(kind: "pause" | "resume" | "cancel" | "reschedule" | "retry", name: string): Promise<void> {
    const { store } = this.#at(1);
    if ((await store.topic(name)) === null) return;
    if (kind === "pause") await orRefused(store.pause(name, null));
    if (kind === "resume") await store.resume(name);
    if (kind === "cancel") await store.cancel(name);
    if (kind === "retry") await store.retry(name, RETRIABLE);
    const notBefore = this.#bench.clock.now() + SPAN_MS;
    if (kind === "reschedule") await orRefused(store.reschedule(name, { notBefore, times: null }));
  }
}

async function orRefused(work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof TopicRefusedError)) throw error;
  }
}

/** No call leaves after its message has expired, and nothing that has expired waits for ever. */
export async function expiryHistories(prepare: Prepare, share: number): Promise<void> {
  let left = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 5, maxLength: 50, size: "max" }), async (operations) => {
      const bench = await prepare();
      try {
        const world = new World(bench);
        await world.open();
        for (const each of operations) await world.play(each);
        await world.end();
        left += world.left;
        await bench.inspect();
      } finally {
        await bench.dispose();
      }
    }),
    { numRuns: Math.ceil(80 * share) },
  );
  // Histories in which nothing leaves would prove nothing.
  expect(left).toBeGreaterThan(100 * share);
}
