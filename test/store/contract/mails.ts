// oxlint-disable vitest/valid-expect -- vitest takes a message as second argument
/** Single messages: by id, by address, by the client's own name; and what their mails are made of. */
import { expect, it } from "vitest";
import { NO_TOPIC } from "../../../src/message.ts";
import { addList, CONTENT, ingest, putBackFor, sent, settle, turn } from "../../support/store-actions.ts";
import { AT, bounce, delivery } from "../../feedback/events.ts";
import { accept, content, counts, message, type Prepare } from "../bench.ts";
import { accepted, apply, MAILED_AT, of } from "./mail-events.ts";

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

  it("messages are found by the name under which somebody is told of them, and uuids by how they begin", async () => {
    const { open } = await prepare();
    const store = await open();
    const at = (email: string, uuid: string, name: string) => ({
      ...message([email], { topic: "one", uuid }),
      reports: { via: "redis" as const, name },
    });
    await accept(store, [at("a@x.example", "redis:s:j1", "j1"), at("b@x.example", "redis:t:j1", "j1")]);
    await accept(store, [at("c@x.example", "redis:s:j10", "j10")]);
    const emails = async (name: string, limit = 9) =>
      (await store.messagesReportedAs(name, limit)).map(({ email }) => email);
    expect(await emails("j1")).toEqual(["b@x.example", "a@x.example"]);
    expect(await emails("j1", 1)).toEqual(["b@x.example"]);
    for (const other of ["j", "J1", "", "j1\0"]) expect(await emails(other), other).toEqual([]);
    expect(await store.uuidsFrom("redis:s:", 9)).toEqual(["redis:s:j1", "redis:s:j10"]);
    expect(await store.uuidsFrom("redis:", 2)).toEqual(["redis:s:j1", "redis:s:j10"]);
    for (const other of ["redis:s:j11", "REDIS", "redis\0"]) expect(await store.uuidsFrom(other, 9), other).toEqual([]);
  });

  it("messages are found by the id that SES gave them", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, ["a@x.example", "b@x.example"]);
    const [a, b] = (await turn(store, 2)).claims;
    await settle(store, sent(a, "0100-a"), sent(b, "0100-b"));
    expect((await store.messagesBySesId("0100-b", 9)).map(({ id }) => id)).toEqual([b?.id]);
    for (const other of ["0100", "", "0100-B", "none", "0100-b\0"])
      expect(await store.messagesBySesId(other, 9), other).toEqual([]);
    expect(await store.messagesBySesId("0100-b", 0)).toEqual([]);
  });

  it("the history of a message has all that was told of it, by SES and by its links", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(store, ["a@x.example", "b@x.example"]);
    await counts(store, ["c@x.example"], { topic: "codes" });
    const [a, b, c] = (await turn(store, 3)).claims;
    await settle(store, ...[a, b, c].map(accepted));
    const at = clock.now();
    await apply(store, delivery(of(store, a)), bounce("Permanent", "General", of(store, b)));
    const visit = { messageId: a?.id ?? 0, at, machine: false };
    await store.applyVisits([
      { ...visit, kind: "click", link: "https://x.example/" },
      { ...visit, kind: "click", link: "https://x.example/" },
      { ...visit, kind: "click", link: "https://x.example/", machine: true },
      { ...visit, kind: "open", link: null },
    ]);
    await store.unsubscribe([{ messageId: a?.id ?? 0, at: at + 5, from: "list" }]);
    const histories = await store.histories([a?.id ?? 0, b?.id ?? 0, c?.id ?? 0, 999_999]);
    expect([...histories.keys()]).toEqual([a?.id, b?.id, c?.id]);
    const first = histories.get(a?.id ?? 0);
    expect(first).toMatchObject({ list: "june.csv", endpoint: "ses", cancelledAt: null, expiresAt: null, kept: [] });
    expect(first?.feedback).toEqual({
      mailedAt: MAILED_AT,
      bouncedAt: null,
      softBouncedAt: null,
      readerOpenedAt: at,
      unsubscribedAt: at + 5,
      opens: 1,
      machineOpens: 0,
    });
    const click = { type: "click", at, detail: "https://x.example/", isVisit: true };
    expect(first?.events).toHaveLength(3);
    expect(first?.events).toEqual(
      expect.arrayContaining([
        { type: "delivery", at: Date.parse(AT), machine: false, detail: null, times: 1, isVisit: false },
        { ...click, machine: false, times: 2 },
        { ...click, machine: true, times: 1 },
      ]),
    );
    expect(histories.get(b?.id ?? 0)?.feedback?.bouncedAt).toBe(Date.parse(AT));
    expect(histories.get(c?.id ?? 0)).toMatchObject({ list: null, feedback: null, events: [] });
    expect(await store.histories([])).toEqual(new Map());
  });

  it("the history of a message has the events that are kept under its SES message id", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await ingest(store, ["a@x.example"]);
    const [a] = (await turn(store, 1)).claims;
    await apply(store, delivery({ ...of(store, a), job: "another" }));
    await settle(store, accepted(a));
    expect((await store.histories([a?.id ?? 0])).get(a?.id ?? 0)?.kept).toEqual([
      { type: "delivery", at: Date.parse(AT), receivedAt: clock.now() },
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
