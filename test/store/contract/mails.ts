/** Single messages: by id, by address, by the client's own name; and what their mails are made of. */
import { expect, it } from "vitest";
import { NO_TOPIC } from "../../../src/message.ts";
import { addList, CONTENT, ingest, putBackFor, sent, settle, turn } from "../../support/store-actions.ts";
import { content, counts, type Prepare } from "../bench.ts";

export function mails(prepare: Prepare): void {
  it("a message is found by its id, with what became of it", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    const addedAt = clock.now();
    await ingest(store, ["Ann@x.example", "b@x.example"]);
    clock.pass(1_000);
    const [ann, b] = (await turn(store, 2)).claims;
    await settle(store, sent(ann, "ses-ann"), putBackFor(b, 60_000, { error: "throttled" }));
    await store.applyVisits([{ kind: "open", messageId: ann?.id ?? 0, at: clock.now(), machine: false, link: null }]);
    expect(await store.message(ann?.id ?? 0)).toEqual({
      id: ann?.id,
      uuid: null,
      topic: "june",
      email: "Ann@x.example",
      state: "sent",
      attempts: 1,
      error: null,
      sesMessageId: "ses-ann",
      createdAt: addedAt,
      notBefore: null,
      expiresAt: null,
      sentAt: clock.now(),
      deliveredAt: null,
      bouncedAt: null,
      bounceType: null,
      bounceSubtype: null,
      complainedAt: null,
      openedAt: clock.now(),
      clickedAt: null,
    });
    // A back-off is no time that somebody chose.
    expect(await store.message(b?.id ?? 0)).toMatchObject({ state: "pending", notBefore: null, error: "throttled" });
    for (const id of [0, -1, 999_999_999, 2 ** 53]) expect(await store.message(id)).toBeNull();
  });

  it("messages to an address come newest first, from every topic, whatever the case", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    const at = clock.now() + 86_400_000;
    await ingest(store, ["Ann@x.example", "joann@x.example"]);
    clock.pass(1_000);
    const later = clock.now();
    await counts(store, ["ANN@x.example"], { topic: null });
    clock.pass(1_000);
    await counts(store, ["ann@x.example"], { topic: null, notBefore: at });
    await store.suppress([{ address: "ann@x.example", reason: "bounce", source: "test" }]);
    await ingest(store, ["ann@x.example"], { topic: "july" });
    const found = await store.messagesTo("aNN@x.example", 9);
    expect(found.map(({ topic, state, notBefore }) => [topic, state, notBefore])).toEqual([
      ["july", "suppressed", null],
      [NO_TOPIC, "suppressed", at],
      [NO_TOPIC, "suppressed", null],
      ["june", "suppressed", null],
    ]);
    // Requests share a list of their own, but each message has its own time.
    expect(found.map(({ createdAt }) => createdAt - later)).toEqual([1_000, 1_000, 0, -1_000]);
    expect((await store.messagesTo("ann@x.example", 2)).map(({ topic }) => topic)).toEqual(["july", NO_TOPIC]);
    expect(await store.messagesTo("nn@x.example", 9)).toEqual([]);
    expect(await store.messagesTo("ann@x.example", 0)).toEqual([]);
  });

  it("messages are found by the client's own name, one for each address, and carry it", async () => {
    const { open } = await prepare();
    const store = await open();
    await counts(store, ["z@x.example"], { topic: null });
    await counts(store, ["a@x.example", "b@x.example", "a@x.example"], { topic: null, uuid: "one" });
    await counts(store, ["c@x.example"], { topic: null, uuid: "two" });
    await counts(store, ["d@x.example"], { topic: null });
    // Everybody was there before, so nothing was made for this name.
    await counts(store, ["e@x.example"], { topic: "codes" });
    await counts(store, ["e@x.example"], { topic: "codes", uuid: "three" });
    const emails = async (uuid: string, limit = 9) =>
      (await store.messagesNamed(uuid, limit)).map(({ email, uuid: kept }) => [email, kept]);
    expect(await emails("one")).toEqual([
      ["b@x.example", "one"],
      ["a@x.example", "one"],
    ]);
    expect(await emails("one", 1)).toEqual([["b@x.example", "one"]]);
    expect(await emails("two")).toEqual([["c@x.example", "two"]]);
    expect(await emails("three")).toEqual([]);
    expect(await emails("none")).toEqual([]);
    const uuidOf = async (email: string) => (await store.messagesTo(email, 1))[0]?.uuid;
    expect(await Promise.all(["z", "a", "d", "e"].map((name) => uuidOf(`${name}@x.example`)))).toEqual([
      null,
      "one",
      null,
      null,
    ]);
  });

  it("a mail is made of its own content and its recipient's values, a sample of the topic's", async () => {
    const { open } = await prepare();
    const store = await open();
    const row = (email: string, name: string) => ({ email, fields: JSON.stringify([email, name]), notBefore: 0 });
    const target = { topic: "named", columns: ["email", "name"] };
    await addList(store, [row("ann@x.example", "Ann"), row("b@x.example", "Bob")], target);
    await addList(store, [row("ann@x.example", "Ann"), row("c@x.example", "Cy")], target);
    const ann = {
      topic: "named",
      email: "ann@x.example",
      content: CONTENT,
      fields: { email: "ann@x.example", name: "Ann" },
    };
    expect(await store.sampleParts("named")).toEqual(ann);
    const [last] = await store.messagesTo("c@x.example", 1);
    expect(await store.mailParts(last?.id ?? 0)).toEqual({
      ...ann,
      email: "c@x.example",
      fields: { email: "c@x.example", name: "Cy" },
    });
    const codes = [content("1"), content("2")];
    for (const code of codes) await counts(store, ["d@x.example"], { topic: "codes", content: code });
    const [second] = await store.messagesTo("d@x.example", 1);
    expect(await store.mailParts(second?.id ?? 0)).toEqual({
      topic: "codes",
      email: "d@x.example",
      content: codes[1],
      fields: {},
    });
    expect(await store.sampleParts("codes")).toMatchObject({ email: "d@x.example", content: codes[0] });
    expect(await store.mailParts(0)).toBeNull();
    await expect(store.sampleParts("none")).rejects.toThrow("none");
  });

  it("a topic whose list was empty has a sample without a recipient", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, [], { topic: "empty" });
    expect(await store.sampleParts("empty")).toEqual({ topic: "empty", email: null, content: CONTENT, fields: {} });
    await ingest(store, ["a@x.example"], { topic: "empty" });
    expect(await store.sampleParts("empty")).toMatchObject({ email: "a@x.example" });
  });
}
