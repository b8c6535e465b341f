/** A message is handed to one process, once, when it is due. */
import { expect, it } from "vitest";
import { addList, EVERYTHING, ingest, messagesOf, sent, settle, states, turn } from "../../support/store-actions.ts";
import type { Prepare } from "../bench.ts";
import { PEOPLE } from "./people.ts";

export function claims(prepare: Prepare): void {
  it("gives nothing where there is nothing, whatever is asked for", async () => {
    const { open } = await prepare();
    const store = await open();
    for (const topic of [null, "june"])
      expect(await turn(store, 5, { scope: { ...EVERYTHING, topic } })).toMatchObject({ claims: [], drained: true });
    await ingest(store, PEOPLE);
    expect((await turn(store, 0)).claims).toEqual([]);
    expect((await turn(store, 9, { scope: { ...EVERYTHING, topic: "may" } })).claims).toEqual([]);
    expect(await store.totals("june")).toMatchObject({ pending: 5, sending: 0 });
  });

  it("hands a message to one process only", async () => {
    const { open } = await prepare();
    const [one, two] = [await open(), await open()];
    await ingest(one, PEOPLE);
    const first = (await turn(one, 3)).claims.map((claim) => claim.email);
    const second = (await turn(two, 3)).claims.map((claim) => claim.email);
    expect([...first, ...second].sort()).toEqual(PEOPLE);
    expect((await turn(one, 3)).claims).toEqual([]);
    expect(await two.totals("june")).toMatchObject({ pending: 0, sending: 5 });
  });

  it("hands a message to one process only, also when all ask at once", async () => {
    const { open } = await prepare();
    const stores = [await open(), await open(), await open()];
    const many = Array.from({ length: 300 }, (_, index) => `p${index}@x.example`);
    const [first] = stores;
    if (first) await ingest(first, many);
    const turns = await Promise.all(Array.from({ length: 30 }, (_, n) => turn(stores[n % 3] ?? stores[0]!, 10)));
    const emails = turns.flatMap(({ claims }) => claims.map(({ email }) => email));
    expect(emails.toSorted()).toEqual(many.toSorted());
  });

  it("has every claim durably in flight before it is handed out", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE);
    await turn(store, 2);
    expect(Object.values(await states(await open()))).toEqual(["sending", "sending", "pending", "pending", "pending"]);
  });

  it("tells of a claim all that its mail is made of", async () => {
    const { open } = await prepare();
    const store = await open();
    const fields = JSON.stringify(['"Zoë" \\ O\'Neil\n', "zoe@x.example", "🎉"]);
    await addList(store, [{ email: "Zoe@x.example", fields, notBefore: 0 }], { columns: ["name", "email", "gift"] });
    const [claim] = (await turn(store, 1)).claims;
    expect(claim).toMatchObject({ email: "Zoe@x.example", fields, attempts: 0 });
    expect(await store.addressee(claim?.id ?? 0)).toEqual({ email: "Zoe@x.example", topic: "june" });
    expect((await messagesOf(store))[0]?.fields).toEqual({
      name: '"Zoë" \\ O\'Neil\n',
      email: "zoe@x.example",
      gift: "🎉",
    });
  });

  it("keeps what is not due, of another topic, or of another endpoint", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(store, ["later@x.example"], { topic: "later", at: clock.now() + 1000 });
    await ingest(store, ["now@x.example"], { topic: "now" });
    const of = async (scope: Partial<typeof EVERYTHING>) =>
      (await turn(store, 9, { scope: { ...EVERYTHING, ...scope } })).claims.map((claim) => claim.email);
    expect(await of({ topic: "later" })).toEqual([]);
    expect(await of({})).toEqual(["now@x.example"]);
    await ingest(store, ["more@x.example"], { topic: "now" });
    expect(await of({ endpoint: "sandbox" })).toEqual([]);
    clock.pass(1000);
    expect(await of({ topic: "later" })).toEqual(["later@x.example"]);
    expect(await of({})).toEqual(["more@x.example"]);
  });

  it("notes where a topic goes with its first claim, and keeps to it", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE);
    const endpoint = async () => (await store.topic("june"))?.endpoint;
    expect(await endpoint()).toBeNull();
    await turn(store, 1, { scope: { ...EVERYTHING, endpoint: "sandbox" } });
    expect(await endpoint()).toBe("sandbox");
    expect((await turn(store, 9)).claims).toEqual([]);
    expect(await endpoint()).toBe("sandbox");
    expect((await turn(store, 9, { scope: { ...EVERYTHING, endpoint: "sandbox" } })).claims).toHaveLength(4);
  });

  it("goes by priority, then topic, then order of arrival", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, ["1@x.example", "2@x.example"], { topic: "a" });
    await ingest(store, ["3@x.example"], { topic: "b" });
    await ingest(store, ["4@x.example"], { topic: "c", priority: 10 });
    const emails = (await turn(store, 9)).claims.map((claim) => claim.email);
    expect(emails).toEqual(["4@x.example", "1@x.example", "2@x.example", "3@x.example"]);
  });

  it("gives within one topic and priority what was due first", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    const at = clock.now();
    const row = (email: string, after: number) => ({ email, fields: "[]", notBefore: after === 0 ? 0 : at + after });
    await addList(store, [row("third@x.example", 20), row("second@x.example", 10), row("first@x.example", 0)]);
    clock.pass(20);
    const emails = (await turn(store, 9)).claims.map((claim) => claim.email);
    expect(emails).toEqual(["first@x.example", "second@x.example", "third@x.example"]);
  });

  it("leaves alone what is overdue by more than the limit", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(store, ["late@x.example"], { at: clock.now() + 1000 });
    await ingest(store, ["atonce@x.example"]);
    clock.pass(3_601_001);
    const scope = { ...EVERYTHING, maxLateMs: 3_600_000 };
    expect((await turn(store, 9, { scope })).claims.map((claim) => claim.email)).toEqual(["atonce@x.example"]);
    expect((await turn(store, 9)).claims.map((claim) => claim.email)).toEqual(["late@x.example"]);
  });

  it("writes answers and claims in one turn", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, PEOPLE);
    const [first] = (await turn(store, 1)).claims;
    const next = await turn(store, 2, { settlements: [sent(first)] });
    expect(next.claims.map(({ email }) => email)).toEqual(["b@x.example", "c@x.example"]);
    expect(await store.totals("june")).toMatchObject({ sent: 1, sending: 2, pending: 2 });
    await settle(store, ...next.claims.map((claim) => sent(claim)));
  });
}
