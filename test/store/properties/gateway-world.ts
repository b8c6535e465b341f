/** Random requests, turns, visits and decisions of people, on two handles of one job, beside a model of who was taken in. */
import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import type { Claim, Settlement } from "../../../src/deliver/source.ts";
import type {
  AcceptCounts,
  AcceptMessage,
  AcceptRequest,
  AcceptResult,
  RefusedMessage,
} from "../../../src/store/rows.ts";
import type { Store } from "../../../src/store/store.ts";
import fc from "../../support/properties.ts";
import { NO_TOPIC } from "../../../src/message.ts";
import {
  EVERYTHING,
  failed,
  inDoubt,
  ingest,
  messagesOf,
  putBack,
  refusalOf,
  sent,
  settle,
  turn,
} from "../../support/store-actions.ts";
import { type Bench, content, message, request } from "../bench.ts";

const TOPICS = ["june", "july", NO_TOPIC, null];
const EMAILS = ["a@x.example", "A@x.example", "b@x.example", "c@x.example"];
const SUBJECTS = ["Hello", "1", "2"];
const CONTENT_OF_LIST = { content: content("Hello") };
const CAP = { count: 2, windowMs: 5_000 };

const person = fc.record({
  email: fc.constantFrom(...EMAILS),
  data: fc.constantFrom('{"n":1}', '{"n":2}'),
  uuid: fc.option(fc.constantFrom("u1", "u4", "u5")),
});
const messages = fc.array(
  fc.record({
    topic: fc.constantFrom(...TOPICS),
    subject: fc.constantFrom(...SUBJECTS),
    people: fc.array(person, { minLength: 1, maxLength: 4 }),
    hasData: fc.boolean(),
    uuid: fc.option(fc.constantFrom("u1", "u2", "u3")),
    /** Each of the people has a uuid, and not the message. */
    named: fc.boolean(),
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

/** What the model says of a request; its ids are numbers of its own, one for each mail. */
type Told = Extract<AcceptResult, { kind: "stored" | "repeated" }>;

/** Who was taken in, and what decides who will be. */
class Model {
  /** Mails that may be there once only, by topic, content, data and address; and the number of each. */
  readonly taken = new Map<string, number>();
  /** The content each topic began with. */
  readonly own = new Map<string, string>();
  readonly cancelled = new Set<string>();
  readonly suppressed = new Set<string>();
  /** The mails that were accepted with a uuid, by address. */
  readonly #uuids = new Map<string, Map<string, number>>();
  readonly #answers = new Map<string, { fingerprint: string } & Omit<Told, "kind"> & { memo: string }>();
  #mails = 0;

  /** What the store has to answer. */
  accept({ messages: asked, repeat, endpoint, memo }: AcceptRequest): AcceptResult {
    const key = repeat && this.#answers.get(repeat.key);
    if (repeat && key) {
      const { fingerprint, ...kept } = key;
      return fingerprint === repeat.fingerprint ? { kind: "repeated", ...kept } : { kind: "conflict" };
    }
    const problems = asked.flatMap(({ topic }, index): RefusedMessage[] =>
      topic !== null && this.cancelled.has(topic) ? [{ message: index, topic, refusal: "cancelled", endpoint }] : [],
    );
    if (problems.length > 0) return { kind: "refused", problems };
    const counts = { added: 0, duplicates: 0, suppressed: 0 };
    const ids = asked.flatMap((each) => this.#add(each, counts));
    if (repeat) this.#answers.set(repeat.key, { fingerprint: repeat.fingerprint, counts, ids, memo });
    return { kind: "stored", counts, ids };
  }

  /** The mail of each address; null: which one it is is not known. */
  #add(asked: AcceptMessage, counts: { -readonly [name in keyof AcceptCounts]: number }): (number | null)[] {
    const { topic, emails, uuid, uuids, data } = asked;
    const known = uuid === null ? undefined : this.#uuids.get(uuid);
    const made = new Map<string, number>();
    if (uuid !== null && known === undefined) this.#uuids.set(uuid, made);
    const named = new Map<string, number>();
    const mails = emails.map((email, at) => {
      const address = email.toLowerCase();
      const own = uuids?.[at] ?? null;
      const before = known ?? (own === null ? undefined : this.#uuids.get(own));
      if (before !== undefined) {
        counts.duplicates++;
        return before.get(address) ?? null;
      }
      const apart = topic === null || topic === NO_TOPIC;
      const mail = apart ? this.#name(named, `${data?.[at]} ${address}`) : this.take(topic, asked, address, data?.[at]);
      if (own !== null) this.#uuids.set(own, new Map(mail.isNew ? [[address, mail.number]] : []));
      if (mail.isNew) made.set(address, made.get(address) ?? mail.number);
      counts[mail.isNew ? (this.suppressed.has(address) ? "suppressed" : "added") : "duplicates"]++;
      return mail.number;
    });
    return mails;
  }

  #name(mails: Map<string, number>, key: string): { number: number; isNew: boolean } {
    const found = mails.get(key);
    if (found !== undefined) return { number: found, isNew: false };
    mails.set(key, ++this.#mails);
    return { number: this.#mails, isNew: true };
  }

  /** The mail with this content and these data to the address in this topic. */
  take(topic: string, { content: { subject } }: Pick<AcceptMessage, "content">, address: string, data?: string) {
    if (!this.own.has(topic)) this.own.set(topic, subject);
    return this.#name(this.taken, `${topic} ${subject} ${data} ${address}`);
  }

  /** What a list of content "Hello" that goes into june has to be answered. */
  list(emails: string[]): { refused: string } | { added: number; duplicates: number; suppressed: number } {
    if (this.cancelled.has("june")) return { refused: "cancelled" };
    if ((this.own.get("june") ?? "Hello") !== "Hello") return { refused: "other-content" };
    const counts = { added: 0, duplicates: 0, suppressed: 0 };
    for (const address of emails.map((email) => email.toLowerCase())) {
      if (!this.take("june", CONTENT_OF_LIST, address).isNew) counts.duplicates++;
      else counts[this.suppressed.has(address) ? "suppressed" : "added"]++;
    }
    return counts;
  }
}

export class World {
  readonly #bench: Bench;
  readonly #model = new Model();
  readonly #stores: Store[] = [];
  #claimed: Claim[] = [];
  /** Ids of all messages that were ever handed out, in order; and by what may be handed out under one id only. */
  readonly #ids: number[] = [];
  readonly #idOf = new Map<string, number>();
  /** By the model's number of the mail. */
  readonly #idOfMail = new Map<number, number>();
  readonly #twice: string[] = [];
  readonly #unlike: unknown[] = [];
  #step = 0;

  constructor(bench: Bench) {
    this.#bench = bench;
  }

  async open(): Promise<void> {
    for (let i = 0; i < 2; i++) this.#stores.push(await this.#bench.open());
  }

  /** Another process than the one that holds what is in flight. */
  get store(): Store {
    return this.#stores[1]!;
  }

  async play(operation: Operation): Promise<void> {
    // The first holds what is in flight; the second is another process.
    const [first, second] = this.#stores as [Store, Store];
    const store = this.#step++ % 2 === 0 ? first : second;
    switch (operation.kind) {
      case "accept":
        return this.#accept(store, operation.requests);
      case "turn":
        return this.#turn(first, operation.room, operation.answers);
      case "visit":
        return this.#visit(store, operation);
      case "cancel":
        if (!(await store.topic(operation.topic))) return;
        await store.cancel(operation.topic);
        if (operation.topic !== NO_TOPIC) this.#model.cancelled.add(operation.topic);
        return;
      case "retry":
        if (!(await store.topic(operation.topic))) return;
        await store.retry(operation.topic, ["cancelled", "failed"]);
        this.#model.cancelled.delete(operation.topic);
        return;
      case "suppress":
        await store.suppress([{ address: operation.email, reason: "bounce", source: "test" }]);
        this.#model.suppressed.add(operation.email.toLowerCase());
        return;
      case "list":
        return this.#list(store, operation.emails);
      case "pass":
        this.#bench.clock.pass(3_000);
    }
  }

  async #turn(store: Store, room: number, answers: number[]): Promise<void> {
    const kinds: ((claim: Claim) => Settlement)[] = [
      (claim) => sent(claim),
      (claim) => failed(claim),
      (claim) => inDoubt(claim),
      (claim) => putBack(claim),
    ];
    const answered = this.#claimed.splice(0, answers.length);
    await settle(store, ...answered.map((claim, index) => (kinds[answers[index] ?? 0] ?? sent)(claim)));
    const scope = { ...EVERYTHING, recipientCap: CAP };
    const { claims } = await turn(store, room, { scope });
    this.#claimed.push(...claims);
    for (const claim of claims) await this.#note(store, claim);
  }

  async #note(store: Store, claim: Claim): Promise<void> {
    if (!this.#ids.includes(claim.id)) this.#ids.push(claim.id);
    const topic = (await store.addressee(claim.id))?.topic;
    if (topic === NO_TOPIC) return;
    const data = claim.fields.startsWith("{") ? claim.fields : "";
    const mail = `${topic} ${claim.contentId} ${data} ${claim.email.toLowerCase()}`;
    if ((this.#idOf.get(mail) ?? claim.id) !== claim.id) this.#twice.push(mail);
    this.#idOf.set(mail, claim.id);
  }

  async #visit(store: Store, { ids, click, machine }: { ids: number[]; click: boolean; machine: boolean }) {
    const at = this.#bench.clock.now();
    const link = click ? "https://x.example/" : null;
    const kind = click ? ("click" as const) : ("open" as const);
    // Of messages that were handed out; and of any number, which may be that of one that was not.
    const visits = ids.map((n) => ({ kind, messageId: this.#ids[n - 1] ?? n, at, machine, link }));
    await store.applyVisits(visits);
  }

  async #list(store: Store, emails: string[]): Promise<void> {
    // Refused when the topic is cancelled or has another content: then nothing changes.
    const wanted = this.#model.list(emails);
    const found =
      "refused" in wanted ? { refused: await refusalOf(ingest(store, emails)) } : await ingest(store, emails);
    this.#compare(found, wanted);
  }

  async #accept(store: Store, given: Extract<Operation, { kind: "accept" }>["requests"]): Promise<void> {
    const before = await store.totals(null);
    const now = this.#bench.clock.now();
    const asked = given.map(({ messages: own, key }) => {
      const all = own.map(({ subject, later, people, hasData, named, uuid, topic, priority }): AcceptMessage =>
        message(
          people.map(({ email }) => email),
          {
            topic,
            priority,
            content: content(subject),
            notBefore: later ? now + 3_000 : 0,
            uuid: named ? null : uuid,
            ...(hasData && { data: people.map(({ data }) => data) }),
            ...(named && { uuids: people.map((each) => each.uuid) }),
          },
        ),
      );
      const repeat = key === null ? null : { caller: "ci", key, fingerprint: JSON.stringify(own) };
      return request(all, { repeat, memo: `memo ${this.#step}` });
    });
    const results = await store.accept(asked);
    assert.equal(results.length, asked.length);
    let stored = 0;
    for (const [index, each] of asked.entries()) {
      const result = results[index];
      this.#compareAnswer(result, this.#model.accept(each));
      if (result?.kind !== "stored") continue;
      const { added, duplicates, suppressed } = result.counts;
      assert.equal(added + duplicates + suppressed, each.messages.flatMap(({ emails }) => emails).length);
      stored += added + suppressed;
      const people = each.messages.flatMap(({ emails }) => emails);
      for (const [at, id] of (result.ids ?? []).entries()) {
        const email = id === null ? people[at] : (await store.message(id))?.email;
        assert.equal(email?.toLowerCase(), people[at]?.toLowerCase());
      }
    }
    assert.equal((await store.totals(null)).total, before.total + stored);
  }

  /** Each mail of the model is a message with an id of its own, always the same. */
  #compareAnswer(found: AcceptResult | undefined, wanted: AcceptResult): void {
    if (!("ids" in wanted) || found === undefined || !("ids" in found)) return this.#compare(found, wanted);
    const ids = wanted.ids?.map((mail, at) => {
      if (mail === null) return null;
      const id = this.#idOfMail.get(mail);
      if (id !== undefined) return id;
      const told = found.ids?.[at] ?? 0;
      if ([...this.#idOfMail.values()].includes(told)) return `another id than ${told}`;
      this.#idOfMail.set(mail, told);
      return told;
    });
    this.#compare(found, { ...wanted, ids });
  }

  #compare(found: unknown, wanted: unknown): void {
    if (!isDeepStrictEqual(found, wanted)) this.#unlike.push({ found, wanted });
  }

  /** What must never be found; every list is to be empty. */
  async wrongs(): Promise<Record<string, unknown[]>> {
    const inFlight = new Map<string, number>();
    for (const { topic } of await this.store.topics()) {
      for (const { email } of await messagesOf(this.store, topic, ["sending"]))
        inFlight.set(email.toLowerCase(), (inFlight.get(email.toLowerCase()) ?? 0) + 1);
    }
    const overTheCap = [...inFlight].filter(([, count]) => count > CAP.count);
    return { twice: this.#twice, overTheCap, unlikeTheModel: this.#unlike };
  }
}
