/** Unsubscriptions through the links of mails, and taking them back. */
import { expect, it } from "vitest";
import type { Claim } from "../../../src/deliver/source.ts";
import type { Suppression, Unsubscription } from "../../../src/store/rows.ts";
import type { Store } from "../../../src/store/store.ts";
import { bounce, complaint, delivery, subscription } from "../../feedback/events.ts";
import { failed, inDoubt, ingest, messagesOf, putBack, settle, states, turn } from "../../support/store-actions.ts";
import type { Prepare } from "../bench.ts";
import { everything } from "../sound.ts";
import { accepted, apply, of } from "./mail-events.ts";

const leave = (claim: Claim | undefined, at = 1_000, from: Unsubscription["from"] = "list"): Unsubscription => ({
  messageId: claim?.id ?? Number.NaN,
  at,
  from,
});

/** Messages to these addresses, sent. */
async function sentTo(store: Store, emails: string[], topic = "june"): Promise<Claim[]> {
  await ingest(store, emails, { topic });
  const scope = { topic, endpoint: "ses", maxLateMs: null } as const;
  const { claims } = await turn(store, emails.length, { scope });
  await settle(store, ...claims.map(accepted));
  return claims;
}

async function suppressed(store: Store): Promise<Suppression[]> {
  const found: Suppression[] = [];
  for await (const each of store.suppressions()) found.push(each);
  return found;
}

const counted = async (store: Store, topic = "june") => (await store.topic(topic))?.unsubscribed;

export function unsubscriptions(prepare: Prepare): void {
  it("suppress the address, in every topic, and count the message once, at its earliest time", async () => {
    const { open, clock } = await prepare();
    const [one, two] = [await open(), await open()];
    const [ann, bob] = await sentTo(one, ["Ann@x.example", "bob@x.example"]);
    await ingest(one, ["ann@x.example", "cy@x.example"], { topic: "july" });
    expect(await one.unsubscribe([leave(ann, 50), leave(ann, 40)])).toBe(1);
    expect(await two.unsubscribe([leave(ann, 30), leave(bob, 60)])).toBe(1);
    expect(await one.unsubscribe([leave(ann, 70)])).toBe(0);
    expect((await messagesOf(one)).map(({ unsubscribedAt }) => unsubscribedAt)).toEqual([30, 60]);
    expect(await counted(one)).toBe(2);
    expect(await states(one, "july")).toEqual({ "ann@x.example": "suppressed", "cy@x.example": "pending" });
    const why = { reason: "unsubscribe", source: "link", detail: 'link in "june"', createdAt: clock.now() };
    expect(await suppressed(one)).toMatchObject([
      { address: "ann@x.example", ...why },
      { address: "bob@x.example", ...why },
    ]);
  });

  it("count on the topic of the mail that was left", async () => {
    const { open } = await prepare();
    const store = await open();
    const [june] = await sentTo(store, ["ann@x.example"], "june");
    const [july] = await sentTo(store, ["ann@x.example"], "july");
    await sentTo(store, ["ann@x.example"], "august");
    await store.unsubscribe([leave(june), leave(july)]);
    expect((await store.topics()).map(({ unsubscribed }) => unsubscribed)).toEqual([1, 1, 0]);
  });

  it("of a message that does not exist change nothing, nor does an empty batch", async () => {
    const { open } = await prepare();
    const store = await open();
    await sentTo(store, ["ann@x.example"]);
    const before = await everything(store);
    const ids = [0, -1, 999_999_999, 2 ** 53, 1.5, Number.NaN];
    expect(await store.unsubscribe(ids.map((messageId) => ({ messageId, at: 1, from: "list" as const })))).toBe(0);
    expect(await store.unsubscribe([])).toBe(0);
    for (const id of ids) expect(await store.resubscribe(id)).toBe(false);
    expect(await everything(store)).toEqual(before);
  });

  it("of a batch that fails: all of it, or nothing", async () => {
    const { open } = await prepare();
    const store = await open();
    const [ann, bob] = await sentTo(store, ["ann@x.example", "bob@x.example"]);
    const before = await everything(store);
    await expect(store.unsubscribe([leave(ann), leave(bob, 0.5)])).rejects.toThrow(/integer|bigint/i);
    expect(await everything(store)).toEqual(before);
    expect(await store.unsubscribe([leave(ann)])).toBe(1);
  });

  it("of a mail that never left are heeded and not counted, and prove nothing", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, ["ann@x.example", "bob@x.example"]);
    const [ann, bob] = (await turn(store, 2)).claims;
    await settle(store, failed(ann), putBack(bob));
    expect(await store.unsubscribe([leave(ann), leave(bob)])).toBe(0);
    expect(await states(store)).toEqual({ "ann@x.example": "failed", "bob@x.example": "suppressed" });
    expect(await counted(store)).toBe(0);
    expect(await store.countSuppressions()).toBe(2);
  });

  it("prove that a message in doubt was sent, like any visit", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, ["ann@x.example", "bob@x.example"]);
    const [ann, bob] = (await turn(store, 2)).claims;
    await settle(store, inDoubt(ann));
    expect(await store.unsubscribe([leave(ann), leave(bob)])).toBe(2);
    // The call of the other one is still under way.
    expect(await store.totals("june")).toMatchObject({ sent: 1, sending: 1 });
    await settle(store, inDoubt(bob));
    expect(await store.totals("june")).toMatchObject({ sent: 2, in_doubt: 0 });
  });

  it("of the contact list of SES count as well, in either order", async () => {
    const { open } = await prepare();
    const store = await open();
    const [ann, bob] = await sentTo(store, ["ann@x.example", "bob@x.example"]);
    await store.unsubscribe([leave(ann)]);
    await apply(store, subscription(true, of(store, ann)), subscription(true, of(store, bob)));
    expect(await store.unsubscribe([leave(bob)])).toBe(0);
    expect(await counted(store)).toBe(2);
  });

  it("are taken back: the address is free, and nothing is counted; what was stopped waits for a retry", async () => {
    const { open } = await prepare();
    const store = await open();
    const [ann] = await sentTo(store, ["Ann@x.example"]);
    await ingest(store, ["ann@x.example"], { topic: "july" });
    await store.unsubscribe([leave(ann)]);
    expect(await store.resubscribe(ann?.id ?? 0)).toBe(true);
    expect(await suppressed(store)).toEqual([]);
    expect((await messagesOf(store))[0]).toMatchObject({ unsubscribedAt: null, state: "sent" });
    expect(await counted(store)).toBe(0);
    expect(await states(store, "july")).toEqual({ "ann@x.example": "suppressed" });
    expect(await store.retry("july", ["suppressed"])).toBe(1);
    // And may unsubscribe again.
    expect(await store.resubscribe(ann?.id ?? 0)).toBe(true);
    expect(await store.unsubscribe([leave(ann)])).toBe(1);
    expect(await counted(store)).toBe(1);
  });

  it("taken back through another mail: the first one stays counted", async () => {
    const { open } = await prepare();
    const store = await open();
    const [june] = await sentTo(store, ["ann@x.example"], "june");
    const [july] = await sentTo(store, ["ann@x.example"], "july");
    await store.unsubscribe([leave(june)]);
    expect(await store.resubscribe(july?.id ?? 0)).toBe(true);
    expect(await store.countSuppressions()).toBe(0);
    expect((await store.topics()).map(({ unsubscribed }) => unsubscribed)).toEqual([1, 0]);
  });

  it("taken back do not free an address that a person, a bounce or a complaint suppresses, before or after", async () => {
    const { open } = await prepare();
    const store = await open();
    const names = ["manual", "bounced", "later", "complained", "soft"];
    const claims = await sentTo(
      store,
      names.map((name) => `${name}@x.example`),
    );
    const [manual, bounced, later, complained, soft] = claims;
    await store.suppress([{ address: "manual@x.example", reason: "asked", source: "manual" }]);
    await apply(store, bounce("Permanent", "General", of(store, bounced)));
    await store.unsubscribe(claims.map((claim) => leave(claim)));
    await apply(
      store,
      bounce("Permanent", "General", of(store, later)),
      complaint(of(store, complained)),
      bounce("Transient", "MailboxFull", of(store, soft)),
    );
    const answers = [];
    for (const claim of [manual, bounced, later, complained, soft])
      answers.push(await store.resubscribe(claim?.id ?? 0));
    expect(answers).toEqual([false, false, false, false, true]);
    expect((await suppressed(store)).map(({ address, reason, source }) => [address, reason, source])).toEqual([
      ["bounced@x.example", "bounce", "event"],
      ["complained@x.example", "complaint", "event"],
      ["later@x.example", "bounce", "event"],
      ["manual@x.example", "asked", "manual"],
    ]);
    expect(await counted(store)).toBe(0);
  });

  it("taken back here still hold when the contact list of SES was left", async () => {
    const { open } = await prepare();
    const store = await open();
    const [ann] = await sentTo(store, ["ann@x.example"]);
    await apply(store, delivery(of(store, ann)), subscription(true, of(store, ann)));
    expect(await store.resubscribe(ann?.id ?? 0)).toBe(false);
    expect(await counted(store)).toBe(1);
    expect(await suppressed(store)).toMatchObject([{ reason: "unsubscribe", source: "event" }]);
  });
}
