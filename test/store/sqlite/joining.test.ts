/** A long list for a topic that exists goes in in parts. Until it is decided that it is in nothing of it is there, and from then on all of it will be. */
import { join } from "node:path";
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { InterruptedError } from "../../../src/errors.ts";
import { openArchive } from "../../../src/store/sqlite/archive.ts";
import { NO_WAITING } from "../../../src/store/sqlite/connection.ts";
import { type Connection, Database } from "../../../src/store/sqlite/driver.ts";
import { openStore, type SqliteStore } from "../../../src/store/sqlite/store.ts";
import type { ListCounts, ListTarget } from "../../../src/store/rows.ts";
import type { TopicRefusal } from "../../../src/store/rules/admit.ts";
import type { Store } from "../../../src/store/store.ts";
import type { ManualClock } from "../../support/manual-clock.ts";
import { commit, EVERYTHING, ingest, messagesOf, refusalOf, sent, settle, turn } from "../../support/store-actions.ts";
import { systemClock } from "../../../src/time/clock.ts";
import { content, counts } from "../bench.ts";
import { expectSound, expectSoundBreakdown } from "../sound.ts";
import { expectSoundFile, inspect, prepareSqlite, rows, type SqliteBench } from "./bench.ts";

/** How many the topic has before. Every fifth row of the list is one of them. */
const OLD = 5_000;
const LONG = 25_000;
/** More than one transaction puts in. */
const NEW = LONG - OLD;
/** The lease of a process that puts a list in. */
const LEASE_MS = 60_000;
/** After so long others finish a cancel. */
const SILENT_MS = 30_000;

const people = Array.from({ length: LONG }, (_, n) => `p${(n * 7_919) % LONG}@x.example`);
const old = people.filter((_, n) => n % 5 === 0);
const fresh = people.filter((_, n) => n % 5 !== 0);
const [first = "", middle = "", last = ""] = [fresh[0], fresh[NEW / 2], fresh.at(-1)];

const calm = () => new AbortController().signal;

/** What of the list has the id that it has on its way. */
interface OnItsWay {
  joins: number | null;
  recipients: number;
  messages: number;
  counted: number;
}

const onItsWay = (path: string): OnItsWay | undefined =>
  rows(
    path,
    `select joins, pending + suppressed + cancelled as counted,
       (select count(*) from recipient where recipient.topic_id = a.topic_id) as recipients,
       (select count(*) from message where message.topic_id = a.topic_id) as messages from arriving a`,
  )[0] as OnItsWay | undefined;

const STAGES = {
  "its recipients come": ({ joins, recipients, messages }: OnItsWay) =>
    joins === null && recipients > 0 && messages === 0 && recipients < NEW,
  "its messages come": ({ joins, messages }: OnItsWay) => joins === null && messages > 0 && messages < NEW,
  "its recipients join": ({ joins, recipients }: OnItsWay) => joins !== null && recipients > 0 && recipients < NEW,
  "its messages join": ({ joins, recipients, messages }: OnItsWay) =>
    joins !== null && recipients === 0 && messages > 0 && messages < NEW,
};
type Stage = keyof typeof STAGES;
const BEFORE: Stage[] = ["its recipients come", "its messages come"];
const AFTER: Stage[] = ["its recipients join", "its messages join"];
const ALL = [...BEFORE, ...AFTER];

/** Puts the list into topic june, which has the old ones, and calls `act` once at this stage. */
async function during(
  store: Store,
  path: string,
  stage: Stage,
  act: () => Promise<void> | void,
  target: Partial<ListTarget> = {},
): Promise<ListCounts> {
  const staging = await store.stage();
  let acted = false;
  let uncounted = 0;
  try {
    await staging.add(people.map((email) => ({ email, fields: JSON.stringify([email]), notBefore: 0 })));
    const adding = { isDone: false };
    const ended = commit(staging, target).finally(() => (adding.isDone = true));
    // Whoever waits below hears of it.
    ended.catch(() => undefined);
    while (!adding.isDone) {
      const list = acted ? undefined : onItsWay(path);
      if (list !== undefined && STAGES[stage](list)) {
        acted = true;
        uncounted = list.messages - list.counted;
        await act();
      }
      await setImmediate();
    }
    expect([acted, uncounted]).toEqual([true, 0]);
    return await ended;
  } finally {
    await staging.discard();
  }
}

/** A job whose topic june has the old ones, and two handles on it. */
async function prepare(): Promise<SqliteBench & { one: SqliteStore; two: SqliteStore }> {
  const bench = await prepareSqlite();
  const [one, two] = [await bench.open(), await bench.open()];
  await ingest(one, old);
  return { ...bench, one, two };
}

/** Leaves what a process leaves that is killed at this stage. */
async function leaveDead({ path, clock }: SqliteBench, stage: Stage): Promise<void> {
  const [signal, hardSignal] = [new AbortController(), new AbortController()];
  const store = await openStore(path, clock, { signal: signal.signal, hardSignal: hardSignal.signal });
  const added = during(store, path, stage, () => (signal.abort(), hardSignal.abort()));
  await expect(added).rejects.toThrow(InterruptedError);
  await store.close();
  inspect(path, (db) => db.exec("update arriving set dropped = 0 where joins is null"));
  expect(rows(path, "select dropped from arriving")).toEqual([{ dropped: 0 }]);
  expect(onItsWay(path)).toBeDefined();
}

/** Sends one of them to the sandbox. */
async function rehearse(store: Store): Promise<void> {
  const sandbox = { scope: { ...EVERYTHING, endpoint: "sandbox" as const } };
  const { claims } = await turn(store, 1, sandbox);
  expect(claims).toHaveLength(1);
  await turn(store, 0, { ...sandbox, settlements: claims.map((claim) => sent(claim)) });
}

/** Sends all that the topic has before. */
async function sendOld(store: Store): Promise<void> {
  const { claims } = await turn(store, OLD);
  await settle(store, ...claims.map((claim) => sent(claim)));
}

const emailsOf = async (store: Store) => (await messagesOf(store, "june")).map(({ email }) => email);

async function expectAllSound({ path, clock, one }: SqliteBench & { one: Store }): Promise<void> {
  await expectSound(one, clock);
  await expectSoundBreakdown(one);
  expectSoundFile(path);
}

/** Why a topic does not take the list any more, how many messages are there then, and who did that. */
const REFUSALS: [TopicRefusal, left: number, act: (store: Store, clock: ManualClock) => Promise<void>][] = [
  ["cancelled", OLD, async (store) => void (await store.cancel("june"))],
  [
    "other-content",
    OLD + 1,
    async (store) => void (await ingest(store, ["q@x.example"], { content: content("b"), replaceContent: true })),
  ],
  [
    "pruned",
    0,
    async (store, clock) => {
      await sendOld(store);
      clock.pass(1_000);
      await store.prune(1, { signal: calm() });
    },
  ],
];

// What is done to the topic meanwhile goes in steps, as the list does, and comes too late now and then.
describe.each(BEFORE)("a list for a topic that exists, while %s", { retry: 4 }, (stage) => {
  it("is gone after a signal, and goes in when it comes again", async () => {
    const { path, clock } = await prepare();
    const stop = new AbortController();
    const store = await openStore(path, clock, { signal: stop.signal });
    await expect(during(store, path, stage, () => stop.abort())).rejects.toThrow(InterruptedError);
    expect(await emailsOf(store)).toEqual(old);
    await expectSound(store, clock);
    expectSoundFile(path);
    await store.close();
    const again = await openStore(path, clock);
    expect(await ingest(again, people)).toEqual({ added: NEW, duplicates: OLD, suppressed: 0 });
    await again.close();
  });

  it("is removed by the next who opens the file to work when its process was killed", async () => {
    const bench = await prepare();
    const { path, clock, open, one } = bench;
    await leaveDead(bench, stage);
    expect(await one.totals("june")).toMatchObject({ total: OLD });
    clock.pass(LEASE_MS + 1);
    await open();
    expect(onItsWay(path)).toBeUndefined();
    expect(await emailsOf(one)).toEqual(old);
    await expectAllSound(bench);
  });

  it.each(REFUSALS)("is refused, and gone, when its topic is %s by then", async (refusal, left, act) => {
    const bench = await prepare();
    const { path, clock, one, two } = bench;
    const taking = during(one, path, stage, () => act(two, clock));
    expect(await refusalOf(taking)).toBe(refusal);
    expect(rows(path, "select count(*) as messages from message")).toEqual([{ messages: left }]);
    expect(onItsWay(path)).toBeUndefined();
    await expectAllSound(bench);
  });

  it("goes into a new topic when a request has set its topic aside, as a rehearsal", async () => {
    const bench = await prepare();
    const { path, one, two } = bench;
    await rehearse(two);
    const added = await during(one, path, stage, async () => {
      expect(await counts(two, ["q@x.example"])).toEqual([1, 0, 0]);
    });
    expect(added).toEqual({ added: LONG, duplicates: 0, suppressed: 0 });
    expect(await emailsOf(one)).toEqual(["q@x.example", ...people]);
    expectSoundFile(path);
  });

  it("has its own time when the topic is given another one", async () => {
    const bench = await prepare();
    const { path, clock, one, two } = bench;
    const at = clock.now() + 9_000;
    const added = await during(one, path, stage, async () => {
      expect(await two.reschedule("june", { notBefore: at, times: null })).toBe(OLD);
    });
    expect(added).toEqual({ added: NEW, duplicates: OLD, suppressed: 0 });
    expect(rows(path, "select not_before as at, count(*) as many from message group by 1 order by 1")).toEqual([
      { at: 0, many: NEW },
      { at, many: OLD },
    ]);
    await expectAllSound(bench);
  });

  it("has its own time when somebody died who was giving the topic another one", async () => {
    const bench = await prepare();
    const { path, clock, open, one } = bench;
    const at = clock.now() + 9_000;
    await during(one, path, stage, () =>
      bench.leaveMoving({
        time: { notBefore: at, times: null, last: OLD + LONG, begunAt: clock.now() },
        content: null,
      }),
    );
    clock.pass(SILENT_MS + 1);
    await open();
    expect(rows(path, "select not_before as at, count(*) as many from message group by 1 order by 1")).toEqual([
      { at: 0, many: NEW },
      { at, many: OLD },
    ]);
    await expectAllSound(bench);
  });

  it("begins again when others took its process for dead, as they do after the machine slept", async () => {
    const bench = await prepare();
    const { path, clock, open, one } = bench;
    const added = await during(one, path, stage, async () => {
      clock.pass(LEASE_MS + 1);
      await open();
    });
    expect(added).toEqual({ added: NEW, duplicates: OLD, suppressed: 0 });
    await expectAllSound(bench);
  });
});

describe.each(AFTER)("a list that is in, while %s", (stage) => {
  it("goes on after a signal", async () => {
    const bench = await prepare();
    const { path, clock } = bench;
    const stop = new AbortController();
    const store = await openStore(path, clock, { signal: stop.signal });
    const added = await during(store, path, stage, () => stop.abort());
    expect(added).toEqual({ added: NEW, duplicates: OLD, suppressed: 0 });
    await store.close();
    await expectAllSound(bench);
  });

  it("is moved to its end by the next who opens the file to work when its process was killed", async () => {
    const bench = await prepare();
    const { path, clock, open, one } = bench;
    await leaveDead(bench, stage);
    // It may be at work just now.
    await open();
    expect(onItsWay(path)).toBeDefined();
    clock.pass(LEASE_MS + 1);
    await expect(one.finishOthersWork(AbortSignal.abort())).rejects.toThrow(InterruptedError);
    await open();
    expect(onItsWay(path)).toBeUndefined();
    expect(await emailsOf(one)).toEqual([...old, ...fresh]);
    expect(await ingest(one, people)).toEqual({ added: 0, duplicates: LONG, suppressed: 0 });
    await expectAllSound(bench);
  });

  it("is moved once when others took its process for dead, as they do after the machine slept", async () => {
    const bench = await prepare();
    const { path, clock, open, one } = bench;
    const added = await during(one, path, stage, async () => {
      clock.pass(LEASE_MS + 1);
      await open();
    });
    expect(added).toEqual({ added: NEW, duplicates: OLD, suppressed: 0 });
    expect(await emailsOf(one)).toEqual([...old, ...fresh]);
    await expectAllSound(bench);
  });

  it("is not taken for the next list, which has the same id on its way when another process has moved all of this one", async () => {
    const bench = await prepare();
    const { path, clock, open, one } = bench;
    const id = 2 * LONG;
    /** As another process does it, and then the next list begins. */
    const replace = (db: Connection): void => {
      db.pragma("foreign_keys = off");
      db.exec(
        `begin;
         update recipient set topic_id = 1; update message set topic_id = 1; update topic set pending = ${LONG};
         update arriving set joins = null, first_id = ${id}, last_id = ${id}, pending = 1;
         insert into ingest (id, topic_id, file, columns, first_id, last_id, created_at) values (9, 2, '', '[]', ${id}, ${id}, 0);
         insert into recipient (address, topic_id, message_id) values ('q@x.example', 2, ${id});
         insert into message (id, topic_id, content_id, ingest_id, email, fields) values (${id}, 2, 1, 9, 'q@x.example', '[]');
         commit`,
      );
    };
    const added = await during(one, path, stage, () => inspect(path, replace));
    expect(added).toEqual({ added: NEW, duplicates: OLD, suppressed: 0 });
    expect(rows(path, "select topic_id from recipient where message_id = ?", id)).toEqual([{ topic_id: 2 }]);
    expect(onItsWay(path)).toEqual({ joins: null, recipients: 1, messages: 1, counted: 1 });
    clock.pass(LEASE_MS + 1);
    await open();
    await expectAllSound(bench);
  });

  it("is claimed as far as it has joined, and later the rest of it", async () => {
    const bench = await prepare();
    const { path, one, two } = bench;
    const claimed: string[] = [];
    const send = async () => {
      const { claims } = await turn(two, OLD + 100);
      claimed.push(...claims.map(({ email }) => email));
      await settle(two, ...claims.map((claim) => sent(claim)));
    };
    await during(one, path, stage, send);
    expect(claimed.length).toBeGreaterThanOrEqual(OLD);
    while (claimed.length < LONG) await send();
    expect(claimed).toEqual([...old, ...fresh]);
    await expectAllSound(bench);
  });

  it("is cancelled with its topic, whatever has joined, and put back", async () => {
    const bench = await prepare();
    const { path, one, two } = bench;
    const added = await during(one, path, stage, async () => {
      expect(await two.cancel("june")).toEqual({ cancelled: LONG, inFlight: 0 });
    });
    expect(added).toEqual({ added: NEW, duplicates: OLD, suppressed: 0 });
    await expectAllSound(bench);
    expect(await two.retry("june", ["cancelled"])).toBe(LONG);
    await expectAllSound(bench);
  });

  it("is cancelled with its topic when nothing else of it waits, and nothing of it in the end", async () => {
    const bench = await prepare();
    const { path, one, two } = bench;
    await sendOld(two);
    await during(one, path, stage, async () => {
      // The first half of it may have joined.
      const joined = (await two.topic("june"))?.pending ?? 0;
      if (joined === 0) await two.suppress(fresh.map((address) => ({ address, reason: "manual", source: "test" })));
      const { cancelled } = await two.cancel("june");
      expect(cancelled).toBe(joined === 0 ? 0 : NEW);
    });
    expect(rows(path, "select cancelling_at from topic")).toEqual([{ cancelling_at: null }]);
    await expectAllSound(bench);
  });

  it("is cancelled in the end when who cancelled its topic, of which nothing else waited, was killed", async () => {
    const bench = await prepare();
    const { path, clock, open, one, two } = bench;
    await sendOld(two);
    await during(one, path, stage, async () => {
      const killed = await openStore(path, clock, { hardSignal: AbortSignal.abort() });
      await expect(killed.cancel("june")).rejects.toThrow(InterruptedError);
      await killed.close();
    });
    clock.pass(SILENT_MS + 1);
    await open();
    expect(await one.totals("june")).toMatchObject({ sent: OLD, cancelled: NEW });
    await expectAllSound(bench);
  });

  it("is cancelled by who finishes that of a process that was killed", async () => {
    const bench = await prepare();
    const { clock, open, one } = bench;
    await leaveDead(bench, stage);
    await bench.leaveClosed();
    clock.pass(LEASE_MS + 1);
    await open();
    expect(await one.totals("june")).toMatchObject({ cancelled: LONG, pending: 0 });
    await expectAllSound(bench);
  });

  it("is put back with what else was suppressed", async () => {
    const bench = await prepare();
    const { path, one, two } = bench;
    await two.suppress([{ address: last, reason: "manual", source: "test" }]);
    await during(one, path, stage, async () => {
      await two.unsuppress([last]);
      expect(await two.retry(stage === AFTER[0] ? "june" : null, ["suppressed"])).toBe(1);
    });
    expect(await one.totals("june")).toMatchObject({ pending: LONG, suppressed: 0 });
    await expectAllSound(bench);
  });

  it("is given another time with its topic", async () => {
    const bench = await prepare();
    const { path, clock, one, two } = bench;
    const at = clock.now() + 9_000;
    await during(one, path, stage, async () => {
      expect(await two.reschedule("june", { notBefore: at, times: null })).toBe(LONG);
    });
    expect(rows(path, "select distinct not_before as at from message")).toEqual([{ at }]);
    await expectAllSound(bench);
  });

  it("gets the content that the next list brings", async () => {
    const bench = await prepare();
    const { path, one, two } = bench;
    await during(one, path, stage, async () => {
      await ingest(two, ["q@x.example"], { content: content("b"), replaceContent: true });
    });
    expect(rows(path, "select count(distinct content_id) as many, count(*) as total from message")).toEqual([
      { many: 1, total: LONG + 1 },
    ]);
    await expectAllSound(bench);
  });

  it("is not pruned with what was sent before", async () => {
    const bench = await prepare();
    const { path, clock, one, two } = bench;
    await sendOld(two);
    const added = await during(one, path, stage, async () => {
      clock.pass(1_000);
      await two.prune(1, { signal: calm() });
    });
    expect(added).toEqual({ added: NEW, duplicates: OLD, suppressed: 0 });
    expect(await one.totals("june")).toMatchObject({ sent: OLD, pending: NEW });
    await expectAllSound(bench);
  });

  it("is rehearsed when its topic is, and started afresh with it", async () => {
    const bench = await prepare();
    const { path, one, two } = bench;
    const rehearsal = { reason: "bounce", source: "test", rehearsal: true };
    await two.suppress([first, last].map((address) => ({ address, ...rehearsal })));
    await during(one, path, stage, async () => {
      await rehearse(two);
      await two.suppress([{ address: middle, ...rehearsal }]);
      expect(rows(path, "select email from message where state = 'suppressed' order by id")).toEqual(
        [first, middle, last].map((email) => ({ email })),
      );
      await two.suppress([{ address: fresh[7] ?? "", reason: "manual", source: "test" }]);
      await two.startAfresh("june", { signal: calm(), notBefore: null });
    });
    expect(await one.topic("june")).toMatchObject({ endpoint: null, pending: LONG - 1, suppressed: 1 });
    await expectAllSound(bench);
  });

  it("is counted in a copy of the file, and moved there", async () => {
    const bench = await prepare();
    const { path, clock, one, two } = bench;
    const copied = join(path, "..", "copy.db");
    await during(one, path, stage, async () => {
      expect(await two.backup(copied)).toMatchObject({ messages: LONG });
    });
    clock.pass(LEASE_MS + 1);
    const copy = await openStore(copied, clock);
    expect(await emailsOf(copy)).toEqual([...old, ...fresh]);
    await expectSound(copy, clock);
    await copy.close();
    expectSoundFile(copied);
  });

  it("keeps its job from leaving for another place", async () => {
    const { path, clock, one } = await prepare();
    await during(one, path, stage, async () => {
      const archive = openArchive(path, clock, NO_WAITING);
      await expect(archive.moveTo("elsewhere", "1")).rejects.toThrow("a list is being put into topic june");
      await archive.close();
    });
  });
});

describe.each(ALL)("a list for a topic that exists, while %s,", (stage) => {
  it("reaches nobody a second time who is posted to meanwhile", async () => {
    const bench = await prepare();
    const { path, one, two } = bench;
    const posts: number[] = [];
    const added = await during(one, path, stage, async () => {
      const [posted = 0] = await counts(two, [first, middle, last, "q@x.example"]);
      posts.push(posted);
      await settle(two, ...(await turn(two, 9)).claims.map((claim) => sent(claim)));
    });
    expect((posts[0] ?? 0) + added.added).toBe(NEW + 1);
    expect(added.added + added.duplicates).toBe(LONG);
    expect(await one.totals("june")).toMatchObject({ total: LONG + 1 });
    await expectAllSound(bench);
  });

  it("keeps mail from who is suppressed meanwhile", async () => {
    const bench = await prepare();
    const { path, one, two } = bench;
    const some = fresh.filter((_, n) => n % 100 === 0);
    await during(one, path, stage, async () => {
      await two.suppress(some.map((address) => ({ address, reason: "complaint", source: "test" })));
    });
    const stopped = (await messagesOf(one, "june")).filter(({ state }) => state === "suppressed");
    expect(stopped.map(({ email }) => email)).toEqual(some);
    expect(await one.totals("june")).toMatchObject({ pending: LONG - some.length, suppressed: some.length });
    await expectAllSound(bench);
  });

  it("leaves nothing of who is forgotten meanwhile, unless mail to him waits", async () => {
    const bench = await prepare();
    const { path, clock, one, two } = bench;
    await two.suppress([first, last].map((address) => ({ address, reason: "manual", source: "test" })));
    await during(one, path, stage, async () => {
      const there = new Set(
        rows(path, "select lower(email) as email from message").map((each) => (each as { email: string }).email),
      );
      for (const address of [first, last].filter((each) => there.has(each)))
        expect(await two.forget(address, calm())).toMatchObject({ kind: "forgotten", messages: 1 });
      for (const address of [middle].filter((each) => there.has(each)))
        expect(await two.forget(address, calm())).toEqual({
          kind: "waiting",
          topics: [{ topic: "june", pending: 1, sending: 0 }],
        });
      for (const address of [first, last].filter((each) => there.has(each)))
        expect(rows(path, "select * from recipient where address = ?", address)).toEqual([]);
    });
    await expectAllSound(bench);
    expect(await one.totals("june")).toMatchObject({ total: LONG, pending: LONG - 2, suppressed: 2 });
    expect(clock.now()).toBeGreaterThan(0);
  });

  it("counts what expires meanwhile", async () => {
    const bench = await prepare();
    const { path, clock, one, two } = bench;
    const expire = async () => {
      clock.pass(5_001);
      await two.expire("june");
    };
    expect(await during(one, path, stage, expire, { expiresInMs: 5_000 })).toMatchObject({ added: NEW });
    while ((await one.expire("june")).more);
    expect(await one.totals("june")).toMatchObject({ cancelled: NEW, pending: OLD });
    await expectAllSound(bench);
  });

  it("shares its topic with another list that comes at once, and nobody is there twice", async () => {
    const bench = await prepare();
    const { path, one, two } = bench;
    const others = Array.from({ length: 12_000 }, (_, n) => `q${n}@x.example`);
    const all: ListCounts[] = [];
    all.push(
      await during(one, path, stage, async () => {
        all.push(await ingest(two, [...others, ...fresh.slice(0, 11_000)]));
      }),
    );
    expect(all.reduce((sum, { added }) => sum + added, 0)).toBe(NEW + others.length);
    expect(await one.totals("june")).toMatchObject({ total: LONG + others.length, pending: LONG + others.length });
    await expectAllSound(bench);
  });
});

it("a list of which nobody is new any more when it is decided adds nothing", async () => {
  const bench = await prepare();
  const { path, one, two } = bench;
  const added = await during(one, path, "its messages come", async () => {
    for (let at = 0; at < NEW; at += 5_000) await ingest(two, fresh.slice(at, at + 5_000));
  });
  expect(added.added).toBe(0);
  expect(added.duplicates).toBe(LONG);
  expect(await one.totals("june")).toMatchObject({ total: LONG });
  await expectAllSound(bench);
});

it("a list whose topic got all of it before its first part changes nothing", async () => {
  const { path, clock, open } = await prepareSqlite();
  const store = await openStore(path, systemClock);
  await ingest(store, ["q@x.example"]);
  await ingest(store, people, { topic: "july" });
  const other = new Database(path);
  other.exec("begin immediate");
  const adding = ingest(store, people);
  // By now it was compared, and waits for the file.
  await sleep(500);
  other.exec(`update recipient set topic_id = 1; update message set topic_id = 1; update ingest set topic_id = 1;
    update topic set pending = iif(id = 1, ${LONG + 1}, 0)`);
  other.exec("commit");
  other.close();
  expect(await adding).toEqual({ added: 0, duplicates: LONG, suppressed: 0 });
  await store.close();
  expect(rows(path, "select count(*) as lists from ingest")).toEqual([{ lists: 2 }]);
  await expectSound(await open(), clock);
  expectSoundFile(path);
});
