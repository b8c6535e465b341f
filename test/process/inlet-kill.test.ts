/** Nobody is written to twice, nobody is lost and nothing dies in vain when those who take mail in from brokers are killed. */
import { join } from "node:path";
import pg from "pg";
import { describe, expect, it } from "vitest";
import { endWell } from "../support/fleet.ts";
import type { BrokerName } from "../support/inlet-brokers.ts";
import { killed, ready, type Stage, stage, takenIn } from "../support/inlet-stage.ts";
import { Database } from "../../src/store/sqlite/driver.ts";
import { jobServer, schemaOf } from "../support/place.ts";
import { type Running, until } from "../support/run.ts";
import { requireServers } from "../support/servers.ts";
import { type StrikingProxy, strikingProxy } from "../support/striking-proxy.ts";

const BROKERS = (["nats", "redis"] as const).filter((name) => !requireServers(name));

/** Once there are as many as it takes. */
const killsOf = (name: BrokerName) => (jobServer() !== null ? 10 : name === "nats" ? 50 : 24);
/** One in so many is heard before it dies, so that its mails do not come again. */
const HEARD = 12;
const MAILS = 7;

/** Takes mails in until it says that it is done with some. Then it is killed, and unless `isHeard` the broker does not know. */
async function dies(
  { broker, intake }: Stage,
  proxy: StrikingProxy,
  { isHeard = false, word = broker.ack } = {},
): Promise<Running> {
  const struck = proxy.strike(word, isHeard ? "done" : "swallowed");
  const worker = intake(proxy.port);
  await Promise.race([struck, worker.finished]);
  await killed(worker);
  await broker.letGo(worker.child.pid);
  return worker;
}

describe.each(BROKERS)("workers that are killed between their commit and their word to %s", (name: BrokerName) => {
  it("everybody has one mail, whoever was killed", { timeout: 240_000 }, async () => {
    const here = await stage(name, { ackWaitMs: 1_000 });
    const sender = await here.work();
    let added = 0;
    const killSome = async (kills: number) => {
      const proxy = await strikingProxy(here.broker.port);
      for (let kill = 1; kill <= kills; kill++) {
        const adding = here.broker.add(added, (added += MAILS));
        await dies(here, proxy, { isHeard: kill % HEARD === 0 && kill < kills });
        await adding;
      }
      await proxy.close();
    };
    await Promise.all([killSome(killsOf(name) / 2), killSome(killsOf(name) / 2)]);

    const [stored, kept] = [await here.stored(), await here.broker.kept()];
    const last = here.intake();
    await ready(last);
    await here.expectEachOnce(added);
    await endWell([last, sender]);
    const { accepted, duplicates, dead } = takenIn(last);
    expect({ accepted, dead }).toEqual({ accepted: added - stored, dead: 0 });
    expect(duplicates).toBeGreaterThanOrEqual(stored - (added - kept));
    expect(duplicates).toBeGreaterThan(0);
    expect(await here.dead()).toEqual([]);
  });

  it("what nobody can take is dead once, and counted each time it came", { timeout: 120_000 }, async () => {
    const here = await stage(name, { ackWaitMs: 1_000 });
    const proxy = await strikingProxy(here.broker.port);
    await here.broker.add(0, 100);
    await here.broker.addBad();
    await here.broker.add(100, 1_000);
    const workers: Running[] = [];
    // The first dies when it has kept some that nobody can take, so that they come again.
    workers.push(await dies(here, proxy, { word: here.broker.refusal }));
    for (let kill = 0; kill < 2; kill++) workers.push(await dies(here, proxy));
    // It may be given some of them twice. Only so does it tell of more than twenty.
    workers.push(await here.work("--verbose", ...here.broker.options()));
    await here.expectEachOnce(1_000);
    await endWell(workers.slice(-1));

    const lines = workers.flatMap(({ stderr }) => [...stderr().matchAll(/dead letter from \w+ (\S+): /g)]);
    const times: Record<string, number> = {};
    for (const [, origin = ""] of lines) times[origin] = (times[origin] ?? 0) + 1;
    const dead = await here.dead();
    expect(dead).toHaveLength(12);
    await until(async () => (await here.broker.kept()) === 0, "the broker to keep nothing");
    expect(new Set(dead.map(({ reason }) => reason)).size).toBe(12);
    // One that was killed between its commit and its log line has counted a letter and told nobody.
    for (const each of dead) {
      const told = times[each.origin] ?? 0;
      expect(each.times).toBeGreaterThanOrEqual(told);
      expect(each.times).toBeLessThanOrEqual(told + workers.length - 1);
    }
    // They did come again, or the numbers prove nothing.
    expect(Math.max(...dead.map((each) => each.times))).toBeGreaterThan(1);
  });
});

/** Holds up all who write to the job until the result is called. */
async function holdUp(job: string): Promise<() => Promise<void>> {
  const server = jobServer();
  if (server === null) {
    const db = new Database(job);
    db.exec("begin immediate");
    return async () => {
      db.exec("rollback");
      db.close();
    };
  }
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  await client.query(`begin; lock table "${schemaOf(job)}".message in access exclusive mode`);
  return () => client.end();
}

describe.skipIf(requireServers("nats"))("two workers that are given the same mails at once", () => {
  it("take each in once", { timeout: 120_000 }, async () => {
    const mails = 100;
    const here = await stage("nats", { ackWaitMs: 100 });
    const workers = [await here.work(...here.broker.options()), await here.work(...here.broker.options())];
    const goOn = await holdUp(join(here.folder, "ses-mail.db"));
    await here.broker.add(0, mails);
    await until(async () => (await here.broker.given()) > 2 * mails, "both to have them");
    await goOn();
    await here.expectEachOnce(mails);
    await endWell(workers);
    const taken = workers.map(takenIn);
    expect(taken.reduce((sum, { accepted }) => sum + accepted, 0)).toBe(mails);
    expect(taken.reduce((sum, { duplicates }) => sum + duplicates, 0)).toBeGreaterThan(0);
    expect(await here.dead()).toEqual([]);
  });
});

describe.each(BROKERS)("two workers that read one queue of %s", (name: BrokerName) => {
  it("share what there is, and one goes on when the other is killed", { timeout: 120_000 }, async () => {
    const here = await stage(name, { ackWaitMs: 1_000 });
    const [sender, one] = [await here.work(), here.intake()];
    await ready(one);
    await here.broker.add(0, 100);
    await until(async () => (await here.stored()) > 0, "the first to take some in");
    const two = here.intake();
    await ready(two);
    const adding = (async () => {
      for (let at = 100; at < 600; at += 20) await here.broker.add(at, at + 20);
    })();
    await until(async () => (await here.stored()) >= 200, "some mail");
    await killed(one);
    await here.broker.letGo(one.child.pid);
    await adding;
    await here.expectEachOnce(600);
    await endWell([two, sender]);
    expect(takenIn(two)).toMatchObject({ accepted: expect.toSatisfy((count) => count > 0 && count < 600), dead: 0 });
  });
});
