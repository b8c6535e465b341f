/** What those hear who brought messages and want to know what becomes of them. */
import { describe, expect, it } from "vitest";
import type { AcceptMessage, Report, Reporting } from "../../../src/store/rows.ts";
import type { Store } from "../../../src/store/store.ts";
import { bounce, delivery } from "../../feedback/events.ts";
import { EVERYTHING, failed, inDoubt, ingest, putBack, sent, settle, turn } from "../../support/store-actions.ts";
import { accept, content, counts, message, type Prepare } from "../bench.ts";
import { apply } from "./mail-events.ts";

const REDIS: Reporting = { via: "redis", name: "job-1" };
const NATS: Reporting = { via: "nats", name: "uuid-1" };

const bring = (store: Store, email: string, reports: Reporting, given: Partial<AcceptMessage> = {}) =>
  counts(store, [email], { reports, ...given });

const toTell = (store: Store, via: Reporting["via"] = "redis"): Promise<Report[]> => store.reports(via, 1_000);

const statesToTell = async (store: Store, via: Reporting["via"] = "redis"): Promise<string[]> =>
  (await toTell(store, via)).map(({ state }) => state);

/** Tells all that is to be told, and returns the states. */
async function tell(store: Store, via: Reporting["via"] = "redis"): Promise<string[]> {
  const reports = await toTell(store, via);
  await store.told(reports);
  return reports.map(({ state }) => state);
}

export function reports(prepare: Prepare): void {
  describe("nothing is to be told of", () => {
    nothing(prepare);
  });
  describe("told is", () => {
    telling(prepare);
  });
  describe("over NATS", () => {
    overNats(prepare);
  });
  describe("several processes", () => {
    together(prepare);
  });
}

function nothing(prepare: Prepare): void {
  it("messages of lists, and of requests that did not ask for it", async () => {
    const { open } = await prepare();
    const store = await open();
    await ingest(store, ["a@x.example"]);
    await bring(store, "b@x.example", REDIS, { topic: "asked" });
    await counts(store, ["c@x.example"], { topic: "not asked" });
    const { claims } = await turn(store, 9);
    await settle(store, ...claims.map((claim) => sent(claim)));
    expect((await toTell(store)).map(({ topic }) => topic)).toEqual(["asked"]);
    expect(await toTell(store, "nats")).toEqual([]);
  });

  it("a message that waits: who brought it knows that", async () => {
    const { open } = await prepare();
    const store = await open();
    await bring(store, "a@x.example", REDIS);
    await bring(store, "b@x.example", NATS);
    expect([await toTell(store), await toTell(store, "nats")]).toEqual([[], []]);
    await store.told([]);
  });

  it("more than is asked for, when what is still to be told is counted", async () => {
    const { open } = await prepare();
    const store = await open();
    for (const email of ["a@x.example", "b@x.example", "c@x.example"])
      await bring(store, email, REDIS, { topic: email });
    expect(await store.countReports(9)).toBe(0);
    const { claims } = await turn(store, 9);
    await settle(store, ...claims.map((claim) => sent(claim)));
    expect([await store.countReports(9), await store.countReports(2)]).toEqual([3, 2]);
    await tell(store);
    expect(await store.countReports(9)).toBe(0);
  });

  it("a duplicate: its mail has a name already", async () => {
    const { open } = await prepare();
    const store = await open();
    await bring(store, "a@x.example", REDIS, { uuid: "u-1" });
    expect(await bring(store, "a@x.example", { ...REDIS, name: "job-2" }, { uuid: "u-1" })).toEqual([0, 1, 0]);
    expect(await bring(store, "a@x.example", { ...REDIS, name: "job-3" })).toEqual([0, 1, 0]);
    await store.cancel("june");
    expect((await toTell(store)).map(({ name, state }) => [name, state])).toEqual([["job-1", "cancelled"]]);
  });

  it("a change that leaves the state as it is", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await bring(store, "a@x.example", REDIS);
    await store.reschedule("june", { notBefore: clock.now() + 1_000, times: null });
    expect(await toTell(store)).toEqual([]);
  });

  it("messages of a request that was refused", async () => {
    const { open } = await prepare();
    const store = await open();
    await counts(store, ["a@x.example"]);
    await store.cancel("june");
    expect(await accept(store, [message(["b@x.example"], { reports: REDIS })])).toMatchObject({ kind: "refused" });
    await store.retry("june", ["cancelled"]);
    expect(await toTell(store)).toEqual([]);
  });
}

function telling(prepare: Prepare): void {
  it("what a claim and its answer make of a message, with all that SES said", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    const result = await accept(store, [message(["a@x.example", "b@x.example", "c@x.example"], { reports: REDIS })]);
    const ids = result.kind === "stored" ? result.ids : null;
    const { claims } = await turn(store, 3);
    expect(await tell(store)).toEqual(["sending", "sending", "sending"]);
    await settle(store, sent(claims[0], "ses-a"), failed(claims[1], "refused"), inDoubt(claims[2], "no answer"));
    const common = { ...REDIS, topic: "june", sesMessageId: null, error: null, at: null };
    expect(await toTell(store)).toEqual([
      { ...common, messageId: ids?.[0], state: "sent", sesMessageId: "ses-a", at: clock.now() },
      { ...common, messageId: ids?.[1], state: "failed", error: "refused" },
      { ...common, messageId: ids?.[2], state: "in_doubt", error: "no answer" },
    ]);
    expect((await store.reports("redis", 2)).map(({ messageId }) => messageId)).toEqual(ids?.slice(0, 2));
    expect(await store.reports("redis", 0)).toEqual([]);
    expect(await tell(store)).toEqual(["sent", "failed", "in_doubt"]);
    expect(await toTell(store)).toEqual([]);
  });

  it("a message that became suppressed by being taken in", async () => {
    const { open } = await prepare();
    const store = await open();
    await store.suppress([{ address: "a@x.example", reason: "manual", source: "test" }]);
    expect(await bring(store, "a@x.example", REDIS)).toEqual([0, 0, 1]);
    expect(await bring(store, "a@x.example", NATS, { topic: "other" })).toEqual([0, 0, 1]);
    expect(await tell(store)).toEqual(["suppressed"]);
    expect(await tell(store, "nats")).toEqual(["suppressed"]);
  });

  it("what a person or time does: cancel, retry, suppress, expire", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await bring(store, "a@x.example", REDIS, { expiresIn: 5_000 });
    await store.cancel("june");
    expect(await tell(store)).toEqual(["cancelled"]);
    await store.retry("june", ["cancelled"]);
    expect(await tell(store)).toEqual(["pending"]);
    await store.suppress([{ address: "a@x.example", reason: "manual", source: "test" }]);
    expect(await tell(store)).toEqual(["suppressed"]);
    await store.unsuppress(["a@x.example"]);
    await store.retry("june", ["suppressed"]);
    expect(await tell(store)).toEqual(["pending"]);
    clock.pass(5_001);
    await turn(store, 1);
    const [expired] = await toTell(store);
    expect(expired).toMatchObject({ state: "cancelled", error: "expired" });
  });

  it("a proof by an event or a visit, and a process that died", async () => {
    const { open, clock } = await prepare();
    const store = await open();
    await accept(store, [message(["a@x.example", "b@x.example"], { reports: REDIS, topic: null })]);
    const { claims } = await turn(store, 2);
    await settle(store, ...claims.map((claim) => inDoubt(claim)));
    await tell(store);
    const [a, b] = claims;
    await apply(store, delivery({ job: store.jobId, id: a?.id ?? 0, to: ["a@x.example"] }));
    await store.applyVisits([{ kind: "open", messageId: b?.id ?? 0, at: clock.now(), machine: false, link: null }]);
    expect(await tell(store)).toEqual(["sent", "sent"]);
  });

  it("those whom a bounce of another mail suppresses", async () => {
    const { open } = await prepare();
    const store = await open();
    await counts(store, ["a@x.example"], { topic: "first" });
    const { claims } = await turn(store, 1);
    await settle(store, sent(claims[0]));
    await bring(store, "a@x.example", REDIS, { notBefore: 9e12 });
    await apply(
      store,
      bounce("Permanent", "General", { job: store.jobId, id: claims[0]?.id ?? 0, to: ["a@x.example"] }),
    );
    expect(await tell(store)).toEqual(["suppressed"]);
  });

  it("the end of a rehearsal: all of it waits again", async () => {
    const { open } = await prepare();
    const store = await open();
    await accept(store, [message(["a@x.example"], { reports: REDIS })], { endpoint: "sandbox" });
    const { claims } = await turn(store, 1, { scope: { ...EVERYTHING, endpoint: "sandbox" } });
    await turn(store, 0, { scope: { ...EVERYTHING, endpoint: "sandbox" }, settlements: [sent(claims[0])] });
    expect(await tell(store)).toEqual(["sent"]);
    await store.startAfresh("june", { signal: new AbortController().signal, notBefore: null });
    expect(await tell(store)).toEqual(["pending"]);
  });

  it("the newest state only, and a state that came while an older one was told stays to be told", async () => {
    const { open } = await prepare();
    const store = await open();
    await bring(store, "a@x.example", REDIS);
    const { claims } = await turn(store, 1);
    const before = await toTell(store);
    await settle(store, sent(claims[0]));
    expect(await statesToTell(store)).toEqual(["sent"]);
    await store.told(before);
    expect(await statesToTell(store)).toEqual(["sent"]);
    await store.told([{ messageId: claims[0]?.id ?? 0, state: "sent" }, ...before]);
    expect(await toTell(store)).toEqual([]);
    await store.told([{ messageId: 4_711, state: "sent" }]);
  });
}

function overNats(prepare: Prepare): void {
  it("neither that it waits nor that it is on its way; what was to be told is dropped when it waits again", async () => {
    const { open } = await prepare();
    const store = await open();
    await bring(store, "a@x.example", NATS);
    const { claims } = await turn(store, 1);
    expect(await toTell(store, "nats")).toEqual([]);
    await settle(store, failed(claims[0]));
    expect(await statesToTell(store, "nats")).toEqual(["failed"]);
    await store.retry("june", ["failed"]);
    expect(await toTell(store, "nats")).toEqual([]);
    const again = await turn(store, 1);
    await settle(store, sent(again.claims[0]));
    expect(await toTell(store)).toEqual([]);
    expect(await tell(store, "nats")).toEqual(["sent"]);
  });

  it("reports wait while those by the other broker are told, the oldest messages first", async () => {
    const { open } = await prepare();
    const store = await open();
    for (const [at, reports] of [NATS, REDIS, NATS, REDIS].entries())
      await bring(store, `${at}@x.example`, { ...reports, name: `${at}` });
    await store.cancel("june");
    expect((await toTell(store)).map(({ name }) => name)).toEqual(["1", "3"]);
    expect(await tell(store)).toEqual(["cancelled", "cancelled"]);
    expect((await store.reports("nats", 1)).map(({ name }) => name)).toEqual(["0"]);
    expect(await tell(store, "nats")).toEqual(["cancelled", "cancelled"]);
  });
}

function together(prepare: Prepare): void {
  it("that ask for reports at once for the first time all get them", async () => {
    const { open } = await prepare();
    const stores = await Promise.all(Array.from({ length: 4 }, () => open()));
    const results = await Promise.all(
      stores.map((store, at) => bring(store, `${at}@x.example`, { ...REDIS, name: `job-${at}` })),
    );
    expect(results).toEqual(stores.map(() => [1, 0, 0]));
    await stores[0]?.cancel("june");
    const told = await toTell(stores[1] ?? (await open()));
    expect(told.map(({ name }) => name).toSorted()).toEqual(["job-0", "job-1", "job-2", "job-3"]);
  });

  it("hear what a process does that was open before anybody asked", async () => {
    const { open } = await prepare();
    const [old, store] = [await open(), await open()];
    await counts(old, ["old@x.example"]);
    await turn(old, 1);
    await bring(store, "a@x.example", REDIS, { topic: "asked" });
    const { claims } = await turn(old, 1);
    await settle(old, sent(claims[0]));
    expect(await tell(store)).toEqual(["sent"]);
  });

  it("beside a list that is put in", async () => {
    const { open } = await prepare();
    const [one, two] = [await open(), await open()];
    const people = Array.from({ length: 3_000 }, (_, at) => `p${at}@x.example`);
    const [list] = await Promise.all([
      ingest(one, people, { topic: "list", content: content("List") }),
      bring(two, "a@x.example", REDIS),
    ]);
    expect(list.added).toBe(3_000);
    const { claims } = await turn(two, 1, { scope: { ...EVERYTHING, topic: "june" } });
    await settle(two, putBack(claims[0], { attempted: true }));
    expect(await statesToTell(one)).toEqual(["pending"]);
  });
}
