/** What brings trouble to those who take mail in from brokers: a store that goes away, signals, kills. */
import { describe, expect, it, onTestFinished } from "vitest";
import { openNats } from "../../src/queue/nats/nats.ts";
import { encodeMail } from "../../src/queue/nats/payload.ts";
import { fleet } from "../support/fleet.ts";
import { type NatsServer, startNats } from "../support/nats.ts";
import { startRedis } from "../support/redis.ts";
import { run, type Running, start, until, workFolder } from "../support/run.ts";
import { requireServers } from "../support/servers.ts";
import { sesServer } from "../support/ses-server.ts";

const noNats = requireServers("nats");
const noRedis = requireServers("redis");
const noPostgres = requireServers("postgres");

const FROM = ["--from", "shop@example.com", "--rate", "200"];
const addressOf = (name: string | number) => `user${name}@example.com`;
const isReady = (worker: Running) => /^working on /m.test(worker.stderr());

async function publisher(server: NatsServer) {
  const nats = await openNats({ servers: [server.url], credsFile: null }, () => undefined);
  onTestFinished(() => nats.close());
  const one = async (i: number) => {
    const bytes = encodeMail({ uuid: `u-${i}`, email: addressOf(i), subject: "Hello", body: "<p>Hello</p>" });
    const isStored = async () =>
      (await nats.publish("messages.email", bytes, { id: `u-${i}`, timeoutMs: 5_000 })).kind === "stored";
    await until(isStored, `mail ${i} to be published`);
  };
  return async (from: number, to: number) => {
    for (let i = from; i < to; i++) await one(i);
  };
}

const addresses = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => addressOf(from + i));

describe.skipIf(noNats || noPostgres)("a store that goes away", () => {
  it("holds up what is taken in, and nothing is lost or sent twice", { timeout: 180_000 }, async () => {
    const nats = await startNats();
    const many = await fleet();
    const worker = await many.work(["--nats", nats.url, ...FROM]);
    const publish = await publisher(nats);
    await publish(0, 20);
    await until(() => many.ses.received().length === 20, "the first mail");
    await many.database.stop("immediate");
    await publish(20, 40);
    await until(() => worker.stderr().includes("cannot reach"), "the worker to notice");
    const before = many.ses.received().length;
    await many.database.start();
    await until(() => many.ses.received().length === 40, "the mail that came meanwhile");
    expect(before).toBe(20);
    worker.kill("SIGTERM");
    const { code, stderr } = await worker.finished;
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(many.ses.received().toSorted()).toEqual(addresses(0, 40).toSorted());
  });

  it("does not keep those who only take mail in from ending", { timeout: 180_000 }, async () => {
    const nats = await startNats();
    const many = await fleet();
    const intake = await many.work(["--no-send", "--nats", nats.url, ...FROM]);
    const publish = await publisher(nats);
    await publish(0, 5);
    await until(async () => (await many.rows("select 1 from sm.message")).length === 5, "the first mail");
    await many.database.stop("immediate");
    await publish(5, 10);
    intake.kill("SIGTERM");
    expect(await intake.finished).toMatchObject({ code: 0 });
    await many.database.start();
    const worker = await many.work(["--nats", nats.url, ...FROM]);
    await until(() => many.ses.received().length === 10, "all mail");
    worker.kill("SIGTERM");
    expect(await worker.finished).toMatchObject({ code: 0 });
    expect(new Set(many.ses.received()).size).toBe(10);
  });
});

describe.skipIf(noNats)("workers that are killed", () => {
  it("leave nothing behind that is not taken in by the next one", { timeout: 180_000 }, async () => {
    const folder = await workFolder();
    const ses = await sesServer(folder);
    const nats = await startNats();
    const publish = await publisher(nats);
    const begin = () => start(folder, ["work", "--no-send", "--nats", nats.url, ...FROM], { env: ses.env });
    let intake = begin();
    await until(() => isReady(intake), "the first worker");
    const publishing = publish(0, 200);
    const pending = async () => (await run(folder, ["stats", "--json"])).json.topics[0]?.pending ?? 0;
    for (const least of [20, 80]) {
      await until(async () => (await pending()) >= least, `${least} mails`);
      intake.kill("SIGKILL");
      await intake.finished;
      intake = begin();
    }
    await publishing;
    await until(async () => (await pending()) === 200, "all mail to be taken in");
    await until(() => isReady(intake), "the last worker");
    intake.kill("SIGTERM");
    expect((await intake.finished).code).toBe(0);
  });

  it("end at once at the second signal", { timeout: 60_000 }, async () => {
    const folder = await workFolder();
    const ses = await sesServer(folder, { faults: ["hang:after=0"] });
    const nats = await startNats();
    const worker = start(folder, ["work", "--nats", nats.url, ...FROM], { env: ses.env });
    await until(() => isReady(worker), "the worker");
    await (
      await publisher(nats)
    )(0, 3);
    const sending = async () => (await run(folder, ["stats", "--json"])).json.topics[0]?.sending ?? 0;
    await until(async () => (await sending()) === 3, "the calls");
    // Two of the same kind may come in as one.
    worker.kill("SIGINT");
    worker.kill("SIGTERM");
    const { code, stderr } = await worker.finished;
    expect({ code, stderr }).toMatchObject({ code: expect.toSatisfy((found) => found === 130 || found === 143) });
  });
});

describe.skipIf(noRedis)("who wrote a job for Redis", () => {
  it("is told what becomes of it, and how far its issue is", { timeout: 60_000 }, async () => {
    const folder = await workFolder();
    const ses = await sesServer(folder);
    const redis = await startRedis();
    onTestFinished(() => redis.stop());
    await redis.ask("SET", "template:june", "<p>{{ name }}</p>");
    const worker = start(folder, ["work", "--redis", redis.url, ...FROM], { env: ses.env });
    await until(() => isReady(worker), "the worker");
    for (const [id, data] of [
      ["good", { issueId: "7", name: "Ann" }],
      ["bad", { issueId: "7" }],
    ] as const) {
      const job = { id, type: "NEWSLETTER", to: addressOf(id), subject: "June", template: "june", templateData: data };
      await redis.ask("XADD", "email:send", "*", "id", id, "data", JSON.stringify(job));
    }
    await until(async () => (await redis.ask("GET", "email:status:good")) === "sent", "the status");
    await until(async () => (await redis.ask("XLEN", "email:send:dlq")) === 1, "the dead letter in Redis");
    worker.kill("SIGTERM");
    expect(await worker.finished).toMatchObject({ code: 0 });
    expect(ses.received()).toEqual([addressOf("good")]);
    expect(worker.stderr()).toMatch(/dead letter from redis email:send#.*name/);
  });
});
