/** A job that has something of everything a store keeps. */
import { createHash } from "node:crypto";
import { readEvent } from "../../src/feedback/ses-event.ts";
import type { Content } from "../../src/message.ts";
import { forgottenSuppression } from "../../src/store/rules/forgotten.ts";
import { ALL_BULK } from "../../src/store/rules/suppress.ts";
import type { Store } from "../../src/store/store.ts";
import { accept, content, message } from "../store/bench.ts";
import type { ManualClock } from "./manual-clock.ts";
import { failed, handedOver, inDoubt, ingest, messagesOf, putBack, sent, settle, turn } from "./store-actions.ts";
import { delivery } from "../feedback/events.ts";
import { eventOf } from "../store/contract/mail-events.ts";
import { newsletter, tell } from "./story.ts";

/** Nothing of the job waits for a time that comes before this many ms. */
const LONG_MS = 30 * 86_400_000;

/** Fills an empty store. No process has a message in flight then; one was handed over to a broker, and nobody has said what became of it. */
export async function fillJob(store: Store, clock: ManualClock): Promise<void> {
  await removal(store, clock);
  await tell(store, clock, { fates: newsletter(60) });
  await visitsAndPeople(store, clock);
  await rehearsal(store);
  await waiting(store, clock);
  await gateway(store, clock);
  await programs(store, clock);
  await brokers(store, clock);
}

/** A topic that was pruned, somebody who was forgotten, and an event about each of them that came later. */
async function removal(store: Store, clock: ManualClock): Promise<void> {
  const { signal } = new AbortController();
  await ingest(store, ["a@x.example", "b@x.example"], { topic: "old", content: content("Old") });
  await accept(store, [message(["gone@x.example", "c@x.example"], { topic: null, uuid: "u-0" })]);
  await accept(store, [message(["gone@x.example"], { topic: null, content: content("only hers") })]);
  const { claims } = await turn(store, 9);
  await settle(store, ...claims.map((claim) => sent(claim)));
  await store.forget("gone@x.example", signal);
  clock.pass(LONG_MS);
  await accept(store, [message(["c@x.example"], { topic: null, content: content("Young") })]);
  const [young] = (await turn(store, 1)).claims;
  await settle(store, sent(young));
  await store.prune(LONG_MS / 2, { signal });
  const of = { job: store.jobId, to: ["a@x.example"] };
  await store.applyEvents([eventOf(delivery({ ...of, id: claims[0]?.id ?? 0 }))]);
}

async function visitsAndPeople(store: Store, clock: ManualClock): Promise<void> {
  const sentOnes = (await messagesOf(store, "june", ["sent"])).slice(0, 2);
  const ids = await Promise.all(sentOnes.map(async ({ email }) => (await store.messagesTo(email, 1))[0]?.id ?? 0));
  const at = clock.now();
  await store.applyVisits([
    { kind: "open", messageId: ids[0] ?? 0, at, machine: false, link: null },
    { kind: "click", messageId: ids[0] ?? 0, at, machine: false, link: "https://x.example/?a=\t\\N\"'{},한국어" },
    { kind: "open", messageId: ids[1] ?? 0, at, machine: true, link: null },
  ]);
  await store.unsubscribe([{ messageId: ids[1] ?? 0, at, from: "list" }]);
  await store.suppress([
    { address: "Ann@x.example", reason: "manual", source: "test", detail: "said so\\" },
    ...["weekly", "한국어 1", ALL_BULK].map((list) => ({
      address: "Ann@x.example",
      list,
      reason: "unsubscribe",
      source: "test",
    })),
    forgottenSuppression(store.jobId, "gone@x.example"),
  ]);
  await store.addKey({ name: "ci", digest: createHash("sha256").update("ci").digest(), scopes: ["send"] });
  await store.addKey({ name: "old", digest: createHash("sha256").update("old").digest(), scopes: ["admin", "read"] });
  await store.revokeKey("old");
  await store.signingKeys();
  await store.rotateSigningKey();
}

async function rehearsal(store: Store): Promise<void> {
  await ingest(store, ["a@x.example", "b@x.example"], { topic: "tried", content: content("Tried") });
  const { claims } = await turn(store, 1, { scope: { topic: "tried", endpoint: "sandbox", maxLateMs: null } });
  await settle(store, sent(claims[0]));
}

async function waiting(store: Store, clock: ManualClock): Promise<void> {
  const people = ["a@x.example", "b@x.example", "c@x.example", "ann@x.example"];
  await ingest(store, people, { topic: "later", content: content("Later"), at: clock.now() + LONG_MS });
  await ingest(store, people, { topic: "mixed", content: content("Mixed") });
  const { claims } = await turn(store, 3, { scope: { topic: "mixed", endpoint: "ses", maxLateMs: null } });
  await settle(
    store,
    failed(claims[0], "it said\tno\n\\"),
    inDoubt(claims[1]),
    putBack(claims[2], { attempted: true }),
  );
  await store.retry("mixed", ["failed"]);
  await store.pause("mixed", null);
  await ingest(store, people, { topic: "off", content: content("Off") });
  await store.cancel("off");
  await ingest(store, people, { topic: "short", content: content("Short") });
  await store.pause("short", LONG_MS);
}

async function gateway(store: Store, clock: ManualClock): Promise<void> {
  const codes: Content = { ...content("Code"), list: "한국어 1", kind: "transactional" };
  await accept(store, [message(["a@x.example", "gone@x.example"], { topic: "codes of a list", content: codes })]);
  const notBefore = clock.now() + LONG_MS;
  await accept(store, [message(["a@x.example", "z@x.example"], { topic: "codes", uuid: "u-1", notBefore })], {
    repeat: { caller: "ci", key: "k-1", fingerprint: "f" },
  });
  await accept(store, [
    message(["a@x.example"], { topic: "codes", uuid: "u-2", notBefore, content: content("other") }),
  ]);
  const stranger = readEvent({
    eventType: "Delivery",
    mail: { timestamp: new Date(clock.now()).toISOString(), messageId: "unknown", destination: ["q@x.example"] },
    delivery: { timestamp: new Date(clock.now()).toISOString(), recipients: ["q@x.example"] },
  });
  if ("malformed" in stranger) throw new Error(stranger.malformed);
  await store.applyEvents([stranger]);
}

/** A template in two versions and one that was removed, and mail with data, names and an end of its own. */
async function programs(store: Store, clock: ManualClock): Promise<void> {
  await store.putTemplate("code", content("{{ code }}"));
  await store.putTemplate("code", content("Your code: {{ code }}"));
  await store.putTemplate("old", content("Old"));
  await store.removeTemplate("old");
  const template = await store.template("code");
  const notBefore = clock.now() + LONG_MS;
  const posted = { content: template?.content ?? content("none"), topic: "welcome", notBefore, expiresIn: LONG_MS };
  const data = ['{"code":"1\\t\\\\N","order":{"items":[1,null,"한국어 🎉"]}}', '{"code":"2"}'];
  await accept(store, [message(["a@x.example", "b@x.example"], { ...posted, data, uuids: ["p-1", null] })]);
  await accept(store, [message(["a@x.example"], { ...posted, data: ["{}"], topic: null, expiresAt: notBefore + 1 })]);
}

/** What brokers brought: mail that is reported, told of and still to be told of, mail of another program, and what was not taken. */
async function brokers(store: Store, clock: ManualClock): Promise<void> {
  const notBefore = clock.now() + LONG_MS;
  for (const [via, topic] of [
    ["redis", "issue-1"],
    ["nats", "issue-2"],
    ["redis", "issue-3"],
  ] as const)
    await accept(store, [message(["a@x.example"], { topic, notBefore, reports: { via, name: `${topic} 한국어` } })]);
  await store.cancel("issue-1");
  await store.cancel("issue-2");
  await store.told(await store.reports("redis", 9));
  await store.cancel("issue-3");
  const past = [
    { state: "sent", sesMessageId: null, sentAt: clock.now() - LONG_MS },
    { state: "failed", error: "it said\tno\n\\" },
  ] as const;
  await accept(
    store,
    past.map((each) => message([`${each.state}@x.example`], { topic: "moved", past: each })),
  );
  const letter = { source: "nats", reason: "not MessagePack", extras: null } as const;
  await store.keepDead([
    { ...letter, origin: "messages#1", body: Buffer.from([0, 255, 92, 34]) },
    { ...letter, origin: "messages#2", body: Buffer.alloc(0), extras: "e30" },
    { ...letter, source: "redis", origin: "email:send#0-1", body: Buffer.alloc(2_000, 7) },
    { ...letter, source: "results", origin: "gone", body: Buffer.from("x") },
  ]);
  const [newest] = await store.deadLetters({ before: null, limit: 1 });
  await store.dropDead([newest?.id ?? 0]);
  await ingest(store, ["a@x.example"], { topic: "handed over", content: content("Handed over") });
  const { claims } = await turn(store, 1, { scope: { topic: "handed over", endpoint: "ses", maxLateMs: null } });
  await settle(store, handedOver(claims[0]));
}
