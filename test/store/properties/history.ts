// oxlint-disable vitest/no-standalone-expect -- the expectations stand in the model that the test plays
/** Random histories of a job, two processes at a time, against a model small enough to be seen to be right. */
import { expect } from "vitest";
import type { Claim, Settlement } from "../../../src/deliver/source.ts";
import { UserError } from "../../../src/errors.ts";
import { STATES, type State } from "../../../src/message.ts";
import { TopicRefusedError } from "../../../src/store/rules/admit.ts";
import type { Store } from "../../../src/store/store.ts";
import type { ManualClock } from "../../support/manual-clock.ts";
import fc from "../../support/properties.ts";
import {
  EVERYTHING,
  failed,
  inDoubt,
  ingest,
  messagesOf,
  putBack,
  putBackFor,
  sent,
  turn,
} from "../../support/store-actions.ts";
import type { Bench, Prepare } from "../bench.ts";
import { LEASE_OVER_MS } from "../contract/people.ts";

const EMAILS = ["a@x.example", "B@x.example", "c@x.example", "d@x.example"];
const TOPICS = ["june", "july"];
const KINDS = ["sent", "failed", "in_doubt", "put_back", "put_back_later", "keep"] as const;
type Kind = (typeof KINDS)[number];
const RETRIABLE: State[] = ["failed", "in_doubt", "cancelled", "suppressed"];
const LATER_MS = 3_000;

interface Message {
  topic: string;
  email: string;
  state: State;
  attempts: number;
  notBefore: number;
  /** The handle that holds it while `sending`. */
  holder: Handle | null;
  /** How often an answer "sent" was written: never twice, for nothing leaves `sent`. */
  timesSent: number;
}

interface Handle {
  store: Store;
  claims: Claim[];
}

type Operation =
  | { kind: "ingest"; topic: string; emails: string[]; later: boolean }
  | { kind: "turn"; handle: number; room: number; answers: Kind[] }
  | { kind: "cancel" | "reschedule"; topic: string }
  | { kind: "pause"; topic: string; forMs: number | null }
  | { kind: "resume"; topic: string }
  | { kind: "retry"; topic: string | null; states: State[] }
  | { kind: "suppress"; email: string }
  | { kind: "die"; handle: number }
  | { kind: "late"; answer: "sent" | "failed" | "put_back" | "in_doubt" }
  | { kind: "pass" };

const topic = fc.constantFrom(...TOPICS);
const handle = fc.nat(1);
const emails = fc.subarray(
  [...EMAILS, ...EMAILS.map((email) => email.toUpperCase().replace("X.EXAMPLE", "x.example"))],
  {
    minLength: 1,
  },
);
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("ingest" as const), topic, emails, later: fc.boolean() }) },
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant("turn" as const),
      handle,
      room: fc.nat(3),
      answers: fc.array(fc.constantFrom(...KINDS), { maxLength: 4 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom("cancel" as const, "reschedule" as const), topic }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("pause" as const),
      topic,
      // Over before, when and after something falls due later.
      forMs: fc.constantFrom(LATER_MS / 2, LATER_MS, 2 * LATER_MS, null),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("resume" as const), topic }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("retry" as const),
      topic: fc.oneof(topic, fc.constant(null)),
      states: fc.subarray(RETRIABLE, { minLength: 1 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("suppress" as const), email: fc.constantFrom(...EMAILS) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("die" as const), handle }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("late" as const),
      answer: fc.constantFrom("sent" as const, "failed" as const, "put_back" as const, "in_doubt" as const),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: "pass" as const }) },
);

class World {
  readonly #bench: Bench;
  readonly #clock: ManualClock;
  readonly #handles: Handle[] = [];
  /** Handles of processes taken for dead, whose answers may still come. */
  readonly #ghosts: Handle[] = [];
  readonly #messages = new Map<string, Message>();
  readonly #cancelled = new Set<string>();
  readonly #suppressed = new Set<string>();
  /** When each pause ends. */
  readonly #pausedUntil = new Map<string, number>();

  constructor(bench: Bench) {
    this.#bench = bench;
    this.#clock = bench.clock;
  }

  async open(): Promise<void> {
    for (let i = 0; i < 2; i++) this.#handles.push({ store: await this.#bench.open(), claims: [] });
  }

  async play(operation: Operation): Promise<void> {
    switch (operation.kind) {
      case "ingest":
        return this.#ingest(operation.topic, operation.emails, operation.later);
      case "turn":
        return this.#turn(this.#handle(operation.handle), operation.room, operation.answers);
      case "cancel":
        return this.#onTopic(operation.topic, (store) => this.#cancel(store, operation.topic));
      case "reschedule":
        return this.#onTopic(operation.topic, (store) => this.#reschedule(store, operation.topic));
      case "pause":
        return this.#onTopic(operation.topic, (store) => this.#pause(store, operation.topic, operation.forMs));
      case "resume":
        return this.#onTopic(operation.topic, (store) => this.#resume(store, operation.topic));
      case "retry":
        return this.#onTopic(operation.topic, (store) => this.#retry(store, operation.topic, operation.states));
      case "suppress":
        return this.#suppress(operation.email);
      case "die":
        return this.#die(operation.handle);
      case "late":
        return this.#late(operation.answer);
      case "pass":
        this.#clock.pass(LATER_MS);
    }
  }

  /** The store shows what the model says, message by message and in its counters. */
  async check(): Promise<void> {
    const { store } = this.#handle(0);
    const all = { total: 0, ...Object.fromEntries(STATES.map((state) => [state, 0])) } as Record<string, number>;
    for (const name of TOPICS) {
      const mine = this.#of(name);
      if (mine.length === 0) continue;
      const counts = Object.fromEntries(STATES.map((state) => [state, mine.filter((m) => m.state === state).length]));
      expect(await store.totals(name)).toEqual({ total: mine.length, ...counts });
      for (const [key, count] of Object.entries({ total: mine.length, ...counts })) all[key] = (all[key] ?? 0) + count;
      const shown = (await messagesOf(store, name)).map(({ email, state, attempts }) => [email, state, attempts]);
      expect(shown).toEqual(mine.map((m) => [m.email, m.state, m.attempts]));
      if (this.#cancelled.has(name)) expect(counts["pending"]).toBe(0);
    }
    expect(await store.totals(null)).toEqual(all);
    for (const name of [null, ...TOPICS]) await this.#checkOutlook(store, name);
    for (const message of this.#messages.values()) expect(message.timesSent).toBeLessThanOrEqual(1);
  }

  async #ingest(name: string, list: string[], later: boolean): Promise<void> {
    const { store } = this.#handle(0);
    const at = later ? this.#clock.now() + LATER_MS : 0;
    if (this.#cancelled.has(name)) {
      await expect(ingest(store, list, { topic: name, at })).rejects.toThrow(TopicRefusedError);
      return;
    }
    const expected = { added: 0, duplicates: 0, suppressed: 0 };
    for (const email of list) {
      const key = `${name} ${email.toLowerCase()}`;
      const isSuppressed = this.#suppressed.has(email.toLowerCase());
      if (this.#messages.has(key)) expected.duplicates++;
      else {
        expected[isSuppressed ? "suppressed" : "added"]++;
        const state = isSuppressed ? "suppressed" : "pending";
        this.#messages.set(key, { topic: name, email, state, attempts: 0, notBefore: at, holder: null, timesSent: 0 });
      }
    }
    expect(await ingest(store, list, { topic: name, at })).toEqual(expected);
  }

  async #turn(held: Handle, room: number, answers: Kind[]): Promise<void> {
    const settlements: Settlement[] = [];
    for (const kind of answers) {
      const claim = kind === "keep" ? undefined : held.claims.shift();
      if (claim) settlements.push(this.#answer(held, claim, kind));
    }
    const result = await turn(held.store, room, { settlements });
    for (const claim of result.claims) await this.#claimed(held, claim);
    expect(result.claims.length).toBeLessThanOrEqual(room);
    if (room > 0 && result.drained) expect(this.#due()).toEqual([]);
    else if (room > 0) expect(result.claims).toHaveLength(room);
  }

  async #claimed(held: Handle, claim: Claim): Promise<void> {
    const message = await this.#meet(claim);
    expect(message.state, `${message.email} was claimed`).toBe("pending");
    expect(message.notBefore).toBeLessThanOrEqual(this.#clock.now());
    expect(this.#cancelled.has(message.topic)).toBe(false);
    expect(this.#openAt(message.topic)).toBeLessThanOrEqual(this.#clock.now());
    expect(claim.attempts).toBe(message.attempts);
    message.state = "sending";
    message.holder = held;
    held.claims.push(claim);
  }

  #answer(held: Handle, claim: Claim, kind: Kind): Settlement {
    const message = this.#find(claim);
    const mine = message.state === "sending" && message.holder === held;
    const proof = message.state === "in_doubt" && (kind === "sent" || kind === "failed");
    const later = kind === "put_back_later";
    if (mine || proof) {
      if (kind === "sent" || kind === "failed" || kind === "in_doubt") {
        message.attempts += mine ? 1 : 0;
        message.state = kind;
        message.timesSent += kind === "sent" ? 1 : 0;
      } else {
        message.attempts += later ? 1 : 0;
        if (later) message.notBefore = this.#clock.now() + LATER_MS;
        const cancelled = this.#cancelled.has(message.topic);
        message.state = this.#suppressed.has(message.email.toLowerCase())
          ? "suppressed"
          : cancelled
            ? "cancelled"
            : "pending";
      }
      message.holder = null;
    }
    if (kind === "sent") return sent(claim);
    if (kind === "failed") return failed(claim);
    if (kind === "in_doubt") return inDoubt(claim);
    return later ? putBackFor(claim, LATER_MS) : putBack(claim);
  }

  async #onTopic(name: string | null, act: (store: Store) => Promise<void>): Promise<void> {
    const { store } = this.#handle(1);
    if (name === null || this.#of(name).length > 0) return act(store);
    await expect(store.cancel(name)).rejects.toThrow(UserError);
  }

  async #cancel(store: Store, name: string): Promise<void> {
    this.#cancelled.add(name);
    const taken = this.#of(name).filter((message) => message.state === "pending");
    for (const message of taken) message.state = "cancelled";
    const inFlight = this.#of(name).filter((message) => message.state === "sending").length;
    expect(await store.cancel(name)).toEqual({ cancelled: taken.length, inFlight });
  }

  async #pause(store: Store, name: string, forMs: number | null): Promise<void> {
    if (this.#cancelled.has(name)) {
      await expect(store.pause(name, forMs)).rejects.toThrow(TopicRefusedError);
      return;
    }
    await store.pause(name, forMs);
    this.#pausedUntil.set(name, forMs === null ? Infinity : this.#clock.now() + forMs);
  }

  async #resume(store: Store, name: string): Promise<void> {
    expect(await store.resume(name)).toBe(this.#openAt(name) > this.#clock.now());
    this.#pausedUntil.delete(name);
  }

  /** When a topic may be sent, as far as pauses decide it. */
  #openAt(name: string): number {
    return this.#pausedUntil.get(name) ?? 0;
  }

  async #reschedule(store: Store, name: string): Promise<void> {
    const notBefore = this.#clock.now() + LATER_MS;
    if (this.#cancelled.has(name)) {
      await expect(store.reschedule(name, { notBefore, times: null })).rejects.toThrow(TopicRefusedError);
      return;
    }
    const moved = this.#of(name).filter((message) => message.state === "pending");
    for (const message of moved) message.notBefore = notBefore;
    expect(await store.reschedule(name, { notBefore, times: null })).toBe(moved.length);
  }

  async #retry(store: Store, name: string | null, states: State[]): Promise<void> {
    let retried = 0;
    for (const each of name === null ? TOPICS.filter((other) => !this.#cancelled.has(other)) : [name]) {
      let pending = 0;
      for (const message of this.#of(each).filter((m) => states.includes(m.state))) {
        message.attempts = 0;
        message.state = this.#suppressed.has(message.email.toLowerCase()) ? "suppressed" : "pending";
        pending += message.state === "pending" ? 1 : 0;
      }
      if (pending > 0 || states.includes("cancelled")) this.#cancelled.delete(each);
      retried += pending;
    }
    expect(await store.retry(name, states)).toBe(retried);
  }

  async #suppress(email: string): Promise<void> {
    const address = email.toLowerCase();
    const isNew = !this.#suppressed.has(address);
    this.#suppressed.add(address);
    for (const message of this.#messages.values()) {
      if (message.email.toLowerCase() === address && message.state === "pending") message.state = "suppressed";
    }
    const entries = [{ address: email, reason: "bounce", source: "test" }];
    expect(await this.#handle(0).store.suppress(entries)).toBe(isNew ? 1 : 0);
  }

  /** The process stops without a word; the other one lives on, and a new one comes. */
  async #die(index: number): Promise<void> {
    const dead = this.#handle(index);
    this.#clock.pass(LEASE_OVER_MS);
    await turn(this.#handle(1 - index).store, 0);
    const store = await this.#bench.open();
    const lost = [...this.#messages.values()].filter((message) => message.holder === dead);
    expect(store.recovered).toBe(lost.length);
    for (const message of lost)
      Object.assign(message, { state: "in_doubt", attempts: message.attempts + 1, holder: null });
    this.#ghosts.push(dead);
    this.#handles[index] = { store, claims: [] };
  }

  /** An answer of a process that was taken for dead. */
  async #late(answer: "sent" | "failed" | "put_back" | "in_doubt"): Promise<void> {
    const ghost = this.#ghosts.find((each) => each.claims.length > 0);
    const claim = ghost?.claims.shift();
    if (!ghost || !claim) return;
    await turn(ghost.store, 0, { settlements: [this.#answer(ghost, claim, answer)] });
  }

  #handle(index: number): Handle {
    const found = this.#handles[index];
    if (!found) throw new Error("no such handle");
    return found;
  }

  #of(name: string): Message[] {
    return [...this.#messages.values()].filter((message) => message.topic === name);
  }

  #due(): Message[] {
    const now = this.#clock.now();
    return [...this.#messages.values()].filter(
      (m) =>
        m.state === "pending" && Math.max(m.notBefore, this.#openAt(m.topic)) <= now && !this.#cancelled.has(m.topic),
    );
  }

  async #checkOutlook(store: Store, name: string | null): Promise<void> {
    const scope = { ...EVERYTHING, topic: name };
    const outlook = this.#outlook(name);
    expect(await store.outlook(scope)).toEqual(outlook);
    expect(await store.nextDueInMs(scope)).toBe(outlook.due > 0 ? 0 : outlook.nextDueInMs);
  }

  /** Nothing here is ever too late, for no limit is asked for. */
  #outlook(name: string | null) {
    const mine = name === null ? [...this.#messages.values()] : this.#of(name);
    const waiting = mine.filter(
      (m) => m.state === "pending" && !this.#cancelled.has(m.topic) && this.#openAt(m.topic) < Infinity,
    );
    const later = waiting
      .map((m) => Math.max(m.notBefore, this.#openAt(m.topic)) - this.#clock.now())
      .filter((ms) => ms > 0);
    return { due: waiting.length - later.length, late: 0, nextDueInMs: later.length > 0 ? Math.min(...later) : null };
  }

  /** Messages by the id they were claimed with. */
  readonly #met = new Map<number, Message>();

  #find(claim: Claim): Message {
    const message = this.#met.get(claim.id);
    if (!message) throw new Error(`${claim.email} was never claimed`);
    return message;
  }

  async #meet(claim: Claim): Promise<Message> {
    const whom = await this.#handle(0).store.addressee(claim.id);
    const message = this.#messages.get(`${whom?.topic} ${claim.email.toLowerCase()}`);
    if (!message || whom?.email !== claim.email) throw new Error(`${claim.email} was never added to ${whom?.topic}`);
    expect(this.#met.get(claim.id) ?? message, "an id is one message's").toBe(message);
    this.#met.set(claim.id, message);
    return message;
  }
}

/** Nobody is claimed by two, counts add up, nothing leaves sent. */
export async function histories(prepare: Prepare, share: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(operation, { minLength: 5, maxLength: 60, size: "max" }), async (operations) => {
      const bench = await prepare();
      try {
        const world = new World(bench);
        await world.open();
        for (const each of operations) {
          await world.play(each);
          await world.check();
        }
        await bench.inspect();
      } finally {
        await bench.dispose();
      }
    }),
    { numRuns: Math.ceil(80 * share) },
  );
}
