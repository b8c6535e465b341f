/** Random requests, turns, visits and decisions of people, on two handles of one job file. */
import assert from "node:assert/strict";
import fc from "../support/properties.ts";
import { NO_TOPIC } from "../../src/store/store.ts";
import { openStore } from "../../src/store/sqlite/store.ts";
import type { AcceptMessage, AcceptResult, Store } from "../../src/store/store.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { EVERYTHING, failed, inDoubt, ingest, putBack, sent, settle, turn } from "../support/store-actions.ts";
import { content, expectSound, message, request, rows } from "./bench.ts";

const TOPICS = ["june", "july", NO_TOPIC, null];
const EMAILS = ["a@x.example", "A@x.example", "b@x.example", "c@x.example"];
const SUBJECTS = ["Hello", "1", "2"];
const CAP = { count: 2, windowMs: 5_000 };

const messages = fc.array(
  fc.record({
    topic: fc.constantFrom(...TOPICS),
    subject: fc.constantFrom(...SUBJECTS),
    emails: fc.array(fc.constantFrom(...EMAILS), { minLength: 1, maxLength: 4 }),
    uuid: fc.option(fc.constantFrom("u1", "u2", "u3")),
    later: fc.boolean(),
    priority: fc.constantFrom(1, 5, 10),
  }),
  { minLength: 1, maxLength: 3 },
);
const requests = fc.array(fc.record({ messages, key: fc.option(fc.constantFrom("k1", "k2")) }), {
  minLength: 1,
  maxLength: 3,
});
export const operation = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("accept" as const), requests }) },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant("turn" as const), room: fc.nat(4), answers: fc.array(fc.nat(3)) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("visit" as const),
      ids: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 5 }),
      click: fc.boolean(),
      machine: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("cancel" as const), topic: fc.constantFrom("june", NO_TOPIC) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("retry" as const), topic: fc.constantFrom("june", NO_TOPIC) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("suppress" as const), email: fc.constantFrom(...EMAILS) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("list" as const), emails: fc.subarray(EMAILS, { minLength: 1 }) }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: "pass" as const }) },
);
export type Operation = typeof operation extends fc.Arbitrary<infer Each> ? Each : never;

export class World {
  readonly #clock = new ManualClock();
  readonly #path: string;
  readonly #stores: Store[] = [];
  readonly #uuids = new Set<string>();
  #claimed: Parameters<typeof sent>[0][] = [];
  #step = 0;

  constructor(path: string) {
    this.#path = path;
  }

  async open(): Promise<void> {
    for (let i = 0; i < 2; i++) this.#stores.push(await openStore(this.#path, this.#clock));
  }

  close(): void {
    for (const store of this.#stores) store.close();
  }

  async play(operation: Operation): Promise<void> {
    // The first holds what is in flight; the second is another process.
    const [first, second] = this.#stores as [Store, Store];
    const store = this.#step++ % 2 === 0 ? first : second;
    switch (operation.kind) {
      case "accept":
        return this.#accept(store, operation.requests);
      case "turn": {
        const kinds = [sent, failed, inDoubt, putBack];
        const answered = this.#claimed.splice(0, operation.answers.length);
        await settle(first, ...answered.map((claim, index) => (kinds[operation.answers[index] ?? 0] ?? sent)(claim)));
        const scope = { ...EVERYTHING, recipientCap: CAP };
        this.#claimed.push(...(await turn(first, operation.room, { scope })).claims);
        return;
      }
      case "visit": {
        const at = this.#clock.now();
        const link = operation.click ? "https://x.example/" : null;
        const kind = operation.click ? "click" : "open";
        await store.applyVisits(
          operation.ids.map((messageId) => ({ kind, messageId, at, machine: operation.machine, link })),
        );
        return;
      }
      case "cancel":
        if (await store.topic(operation.topic)) await store.cancel(operation.topic);
        return;
      case "retry":
        if (await store.topic(operation.topic)) await store.retry(operation.topic, ["cancelled", "failed"]);
        return;
      case "suppress":
        await store.suppress([{ address: operation.email, reason: "bounce", source: "test" }]);
        return;
      case "list":
        // Refused when the topic is cancelled or has another content: then nothing changes.
        await ingest(store, operation.emails).catch((error: Error) => assert.equal(error.name, "UserError"));
        return;
      case "pass":
        this.#clock.pass(3_000);
    }
  }

  async #accept(
    store: Store,
    given: {
      messages: {
        topic: string | null;
        subject: string;
        emails: string[];
        uuid: string | null;
        later: boolean;
        priority: number;
      }[];
      key: string | null;
    }[],
  ): Promise<void> {
    const before = await store.totals(null);
    const asked = given.map(({ messages: own, key }) => {
      const all = own.map(({ subject, later, emails, ...rest }): AcceptMessage =>
        message(emails, { ...rest, content: content(subject), notBefore: later ? this.#clock.now() + 3_000 : 0 }),
      );
      const repeat = key === null ? null : { caller: "ci", key, fingerprint: JSON.stringify(own) };
      return request(all, { repeat });
    });
    const results = await store.accept(asked);
    let stored = 0;
    for (const [index, result] of results.entries()) stored += this.#stored(asked[index]?.messages ?? [], result);
    assert.equal((await store.totals(null)).total, before.total + stored);
  }

  /** How many messages it made; each address is accounted for, and uuids are taken once. */
  #stored(own: readonly AcceptMessage[], result: AcceptResult): number {
    if (result.kind !== "stored") return 0;
    const { added, duplicates, suppressed } = result.counts;
    assert.equal(added + duplicates + suppressed, own.flatMap(({ emails }) => emails).length);
    let repeated = 0;
    for (const { uuid, emails } of own) {
      if (uuid === null) continue;
      if (this.#uuids.has(uuid)) repeated += emails.length;
      this.#uuids.add(uuid);
    }
    assert.ok(duplicates >= repeated);
    return added + suppressed;
  }

  /** What must never be found; every list is to be empty. */
  wrongs(): Record<string, unknown[]> {
    expectSound(this.#path);
    const named = `from message m join topic t on t.id = m.topic_id where t.name <> '${NO_TOPIC}'`;
    const cancelled = "m.state = 'pending' and t.cancelled_at is not null";
    const find = (sql: string, ...parameters: unknown[]) => rows(this.#path, sql, ...parameters);
    return {
      twice: find(`select 1 ${named} group by m.topic_id, m.content_id, lower(m.email) having count(*) > 1`),
      overTheCap: find(
        "select 1 from message where state = 'sending' group by lower(email) having count(*) > ?",
        CAP.count,
      ),
      pendingInCancelled: find(`select m.id from message m join topic t on t.id = m.topic_id where ${cancelled}`),
    };
  }
}
