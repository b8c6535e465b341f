/** Workers and gateways that take mail in from real brokers, as real processes. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { openNats } from "../../src/queue/nats/nats.ts";
import { encodeMail } from "../../src/queue/nats/payload.ts";
import { noTrace } from "../support/expected.ts";
import { freePort } from "../support/free-port.ts";
import { inJob } from "../support/job.ts";
import { type NatsServer, startNats } from "../support/nats.ts";
import { type RedisServer, startRedis } from "../support/redis.ts";
import { type Json, run, runProcess, type Running, start, until, workFolder } from "../support/run.ts";
import { requireServers } from "../support/servers.ts";
import { type SesServer, sesServer } from "../support/ses-server.ts";

const FROM = ["--from", "Shop <shop@example.com>", "--rate", "100"];
const noNats = requireServers("nats");
const noRedis = requireServers("redis");
const WARN = 40;

const ready = (worker: Running) => /^working on .*$/m.exec(worker.stderr())?.[0];
const addressOf = (name: string | number) => `user${name}@example.com`;

async function setUp(): Promise<{ folder: string; ses: SesServer }> {
  const folder = await workFolder();
  return { folder, ses: await sesServer(folder) };
}

async function work(folder: string, args: string[], env: Record<string, string> = {}): Promise<Running> {
  const worker = start(folder, ["work", ...args], { env });
  await until(() => ready(worker) !== undefined || worker.child.exitCode !== null, "the worker to be ready");
  expect({ ready: ready(worker) !== undefined, stderr: worker.stderr() }).toMatchObject({ ready: true });
  return worker;
}

async function endsWell(...all: Running[]): Promise<void> {
  for (const running of all) running.kill("SIGTERM");
  for (const running of all) {
    const { code, stderr } = await running.finished;
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stderr).not.toMatch(/\n\s+at |Warning/);
  }
}

/** The lines of the log at this level or above. */
function logged(running: Running, level: number): string[] {
  const lines = running.stderr().match(/^\{.*\}$/gm) ?? [];
  return lines
    .map((line) => JSON.parse(line))
    .filter((line) => line.level >= level)
    .map(({ msg }) => msg);
}

/** Publishes mails as the ancestors' gateway does, and waits until the broker has each: the worker may still be making its stream. */
async function publish(server: NatsServer, ...mails: { uuid: string; email: string; body?: string }[]): Promise<void> {
  const nats = await openNats({ servers: [server.url], credsFile: null }, () => undefined);
  for (const { uuid, email, body = "<p>Hello</p>" } of mails) {
    const bytes = encodeMail({ uuid, email, subject: "Hello", body });
    const isStored = async () =>
      (await nats.publish("messages.email", bytes, { id: uuid, timeoutMs: 5_000 })).kind === "stored";
    await until(isStored, `${uuid} to be published`);
  }
  await nats.close();
}

const mails = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => ({ uuid: `u-${from + i}`, email: addressOf(from + i) }));

async function redis(): Promise<RedisServer> {
  const server = await startRedis();
  onTestFinished(() => server.stop());
  await server.ask("SET", "template:june", "<p>Dear reader</p>");
  return server;
}

function addJob(server: RedisServer, id: string, more: Record<string, unknown> = {}): Promise<unknown> {
  const job = { id, type: "NEWSLETTER", to: addressOf(id), subject: `Hello ${id}`, template: "june", templateData: {} };
  return server.ask("XADD", "email:send", "*", "id", id, "data", JSON.stringify({ ...job, ...more }));
}

/** How many messages of all topics are in this state. */
async function count(folder: string, state: string): Promise<number> {
  const { topics } = (await run(folder, ["stats", "--json"])).json;
  return topics.reduce((sum: number, topic: Json) => sum + topic[state], 0);
}

describe.skipIf(noNats)("a worker on NATS", () => {
  it("sends what comes, once, and keeps what nobody can send", { timeout: 60_000 }, async () => {
    const { folder, ses } = await setUp();
    const server = await startNats();
    const worker = await work(folder, ["--nats", server.url, ...FROM], ses.env);
    expect(ready(worker)).toMatch(/ as 1 of 1; nats messages\/email-processor; rate 100\/s shared$/);
    await publish(server, ...mails(0, 20), { uuid: "bad", email: "ann@" });
    await until(() => ses.received().length === 20, "the mail");
    await until(() => worker.stderr().includes("dead letter from nats messages#21"), "the dead letter");
    await endsWell(worker);
    expect(new Set(ses.received())).toEqual(new Set(mails(0, 20).map(({ email }) => email)));
    expect(worker.stderr()).toMatch(/"accepted":20,"duplicates":0,"dead":1,"msg":"nats: taken in"/);
    expect([await count(folder, "total"), await count(folder, "sent")]).toEqual([20, 20]);
  });

  it(
    "sends what is in the store while the broker is away, and takes mail in when it comes",
    { timeout: 60_000 },
    async () => {
      const { folder, ses } = await setUp();
      const server = await startNats({ start: false });
      await writeFile(join(folder, "june.csv"), "email\nann@example.com\n");
      await writeFile(join(folder, "june.html"), "<p>Hello</p>");
      const args = ["import", "june.csv", "--from", "a@example.com", "--subject", "June"];
      expect((await runProcess(folder, args)).code).toBe(0);
      const worker = await work(folder, ["--nats", server.url, ...FROM], ses.env);
      await until(() => ses.received().includes("ann@example.com"), "what was in the store");
      await until(() => logged(worker, WARN).length > 0, "the worker to miss the broker");
      expect(logged(worker, WARN)).toEqual([expect.stringMatching(/^nats: .*cannot reach/)]);
      await server.start();
      await publish(server, ...mails(0, 3));
      await until(() => ses.received().length === 4, "the mail");
      await endsWell(worker);
    },
  );

  it("goes on after the broker was killed, and sends nothing twice", { timeout: 60_000 }, async () => {
    const { folder, ses } = await setUp();
    const server = await startNats();
    const worker = await work(folder, ["--nats", server.url, ...FROM], ses.env);
    await publish(server, ...mails(0, 30));
    await until(() => ses.received().length > 5, "some mail");
    await server.restart();
    await publish(server, ...mails(30, 60));
    await until(() => ses.received().length === 60, "all mail");
    await endsWell(worker);
    expect(new Set(ses.received()).size).toBe(60);
  });

  it("only takes in with --no-send, without an account, and another one sends", { timeout: 60_000 }, async () => {
    const { folder, ses } = await setUp();
    const server = await startNats();
    const intake = await work(folder, ["--nats", server.url, ...FROM, "--no-send"], { AWS_REGION: "" });
    expect(ready(intake)).toMatch(/^working on \S+; nats messages\/email-processor; others send$/);
    await publish(server, ...mails(0, 5));
    await until(async () => (await count(folder, "pending")) === 5, "the mail to be stored");
    expect(ses.received()).toEqual([]);
    const sender = await work(folder, ["--rate", "100"], ses.env);
    expect(ready(sender)).toMatch(/ as 1 of 1; rate 100\/s shared$/);
    await until(() => ses.received().length === 5, "the mail");
    await endsWell(intake, sender);
  });

  it("with --no-send finishes what others left half done, and cancels what expires", { timeout: 60_000 }, async () => {
    const { folder, ses } = await setUp();
    const server = await startNats();
    const path = join(folder, "ses-mail.db");
    await writeFile(join(folder, "list.csv"), "email\nann@example.com\nben@example.com\n");
    await writeFile(join(folder, "list.html"), "<p>Hello</p>");
    const content = ["list.csv", "--from", "a@example.com", "--subject", "Hello"];
    for (const topic of ["moved", "closed"])
      expect((await run(folder, ["import", ...content, "--topic", topic])).code).toBe(0);
    const intake = await work(folder, ["--nats", server.url, ...FROM, "--no-send"], { AWS_REGION: "" });
    expect((await run(folder, ["import", ...content, "--topic", "late", "--expires-in", "1s"])).code).toBe(0);
    // As processes leave it that were killed a minute ago.
    const [ago, later] = [Date.now() - 60_000, Date.now() + 3_600_000];
    await inJob(
      path,
      `update sm.topic set moving_at = ${ago}, moving_to = '{"time":{"notBefore":${later},"last":1000,"times":null,"begunAt":${ago}},"content":null}' where name = 'moved';
       update sm.topic set cancelled_at = ${ago}, cancelling_at = ${ago} where name = 'closed'`,
    );
    const states = async () => {
      const rows = await inJob(
        path,
        "select t.name, m.state, m.error, m.not_before from sm.message m join sm.topic t on t.id = m.topic_id order by m.id",
      );
      return rows.map(({ name, state, error, not_before: at }) => `${name} ${state} ${error} ${Number(at) > 0}`);
    };
    const twice = (text: string) => [text, text];
    const expected = [
      ...twice("moved pending null true"),
      ...twice("closed cancelled null false"),
      ...twice("late cancelled expired false"),
    ];
    await until(async () => (await states()).join() === expected.join(), "the chores");
    const marked = "select name from sm.topic where moving_at is not null or cancelling_at is not null";
    await until(async () => (await inJob(path, marked)).length === 0, "all of it to be done");
    expect(logged(intake, WARN)).toContain("messages expired before they were sent");
    expect(ses.received()).toEqual([]);
    await endsWell(intake);
  });

  it("leaves with the broker what is too much for the store", { timeout: 60_000 }, async () => {
    const { folder, ses } = await setUp();
    const server = await startNats();
    const args = ["--nats", server.url, "--from", "a@example.com", "--no-send", "--inlet-max-pending", "10"];
    const intake = await work(folder, args);
    await publish(server, ...mails(0, 40));
    await until(() => intake.stderr().includes("(--inlet-max-pending)"), "the worker to say that it is full");
    // It counts what it received, also before that is stored.
    await until(async () => (await count(folder, "pending")) >= 10, "what there is room for to be stored");
    // It stores one batch while it receives the next, and does not see in the store what is just being stored.
    expect(await count(folder, "pending")).toBeLessThanOrEqual(20);
    const sender = await work(folder, ["--rate", "100"], ses.env);
    await until(() => ses.received().length === 40, "all mail");
    await endsWell(intake, sender);
  });

  it("rehearses in the sandbox", { timeout: 60_000 }, async () => {
    const folder = await workFolder();
    const server = await startNats();
    const worker = await work(folder, ["--sandbox", "--nats", server.url, ...FROM]);
    const words = "rehearsal: what brokers bring is taken from them";
    expect(logged(worker, WARN)).toContainEqual(expect.stringContaining(words));
    await publish(server, ...mails(0, 3));
    await until(async () => (await count(folder, "sent")) === 3, "the rehearsal");
    await endsWell(worker);
  });

  it("ends at once with exit 2 when it may not use the broker", { timeout: 60_000 }, async () => {
    const { folder, ses } = await setUp();
    const server = await startNats({ config: "authorization { user: mail, password: secret }" });
    const url = server.url.replace("//", "//mail:wrong@");
    for (const args of [["work"], ["work", "--no-send"], ["serve", "--port", "0"]]) {
      const env = { ...ses.env, SES_MAIL_API_KEY: "0123456789abcdef" };
      const { code, stderr } = await runProcess(folder, [...args, "--nats", url, ...FROM], { env });
      expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(/nats/i) });
      expect(stderr).not.toContain("wrong@");
      noTrace(stderr);
    }
  });
});

describe.skipIf(noRedis)("a worker on Redis", () => {
  it("sends what was there and what comes, and ends well", { timeout: 60_000 }, async () => {
    const { folder, ses } = await setUp();
    const server = await redis();
    await addJob(server, "1");
    const worker = await work(folder, ["--redis", server.url, ...FROM], ses.env);
    expect(ready(worker)).toMatch(/ as 1 of 1; redis email:send\/email:workers; rate 100\/s shared$/);
    await until(() => ses.received().length === 1, "the first mail");
    await addJob(server, "2");
    await until(() => ses.received().length === 2, "the second mail");
    await until(async () => (await server.ask("XLEN", "email:send")) === 0, "the acknowledgement");
    await endsWell(worker);
    expect(ses.received().sort()).toEqual([addressOf(1), addressOf(2)]);
    expect(worker.stderr()).toMatch(/"accepted":2,.*"msg":"redis: taken in"/);
    expect(worker.stderr()).toContain("at most 5/1h mails to one address");
  });

  it("says in Redis that a job waits, and reads the sets beside the stream", { timeout: 60_000 }, async () => {
    const folder = await workFolder();
    const server = await redis();
    const job = {
      id: "s1",
      type: "NEWSLETTER",
      to: addressOf(1),
      subject: "Hello",
      template: "june",
      templateData: {},
    };
    await server.ask("HSET", "email:job:s1", "data", JSON.stringify(job));
    await server.ask("ZADD", "email:send:priority", 10, "s1");
    const intake = await work(folder, ["--redis", server.url, ...FROM, "--no-send"]);
    await until(async () => (await count(folder, "pending")) === 1, "the job");
    // Told when it is stored, so a moment later.
    await until(async () => (await server.ask("GET", "email:status:s1")) === "pending", "the status");
    expect(await count(folder, "pending")).toBe(1);
    await endsWell(intake);
  });

  it("does not say that a job waits which comes again after its mail was sent", { timeout: 60_000 }, async () => {
    const { folder, ses } = await setUp();
    const server = await redis();
    await server.ask("SET", "template:june", "<p>Dear reader</p>");
    await addJob(server, "1");
    const worker = await work(folder, ["--redis", server.url, ...FROM], ses.env);
    const status = "email:status:1";
    await until(async () => (await server.ask("GET", status)) === "sent", "the status");
    await server.ask("DEL", status);
    await addJob(server, "1");
    await until(async () => (await server.ask("XLEN", "email:send")) === 0, "the acknowledgement");
    expect(await server.ask("GET", status)).toBeNull();
    await endsWell(worker);
    expect(worker.stderr()).toMatch(/"accepted":1,"duplicates":1/);
  });

  it("takes templates from a folder", { timeout: 60_000 }, async () => {
    const { folder, ses } = await setUp();
    const server = await redis();
    await writeFile(join(folder, "may.html"), "<p>May</p>");
    await addJob(server, "1", { template: "may" });
    const worker = await work(folder, ["--redis", server.url, "--templates", ".", ...FROM], ses.env);
    await until(() => ses.received().length === 1, "the mail");
    await endsWell(worker);
    expect(logged(worker, WARN)).toEqual([expect.stringMatching(/^redis: /)]);
  });

  it("goes on when Redis comes later, and when it was restarted", { timeout: 60_000 }, async () => {
    const { folder, ses } = await setUp();
    const server = await redis();
    await server.kill();
    const worker = await work(folder, ["--redis", server.url, ...FROM], ses.env);
    await until(() => logged(worker, WARN).length > 0, "the worker to miss Redis");
    expect(logged(worker, WARN)).toEqual([expect.stringMatching(/^redis: .* cannot be reached/)]);
    for (const id of ["1", "2"]) {
      await server.restart();
      await server.ask("SET", "template:june", "<p>Dear reader</p>");
      await addJob(server, id);
      await until(() => ses.received().includes(addressOf(id)), `mail ${id}`);
    }
    await endsWell(worker);
  });
});

describe.skipIf(noNats || noRedis)("both brokers", () => {
  it("are read by one worker, whose settings are those of older programs", { timeout: 60_000 }, async () => {
    const { folder, ses } = await setUp();
    const [nats, server] = [await startNats(), await redis()];
    const env = {
      NATS_URL: nats.url,
      CONSUMER: "mailers",
      SES_RATE_PER_SEC: "50",
      FROM_EMAIL: "shop@example.com",
      REDIS_HOST: "127.0.0.1",
      REDIS_PORT: String(server.port),
      SCHEDULER_INTERVAL: "60",
    };
    const worker = await work(folder, ["--verbose"], { ...ses.env, ...env });
    expect(ready(worker)).toMatch(
      / as 1 of 1; nats messages\/mailers; redis email:send\/email:workers; rate 50\/s shared$/,
    );
    expect(worker.stderr()).toContain(
      "settings of older programs: NATS_URL gives --nats; REDIS_HOST, REDIS_PORT give --redis; CONSUMER gives --nats-consumer; SES_RATE_PER_SEC gives --rate; FROM_EMAIL gives --from",
    );
    expect(worker.stderr()).toContain("SCHEDULER_INTERVAL does nothing: there is no scheduler to wait for");
    await Promise.all([publish(nats, ...mails(0, 5)), addJob(server, "r1")]);
    await until(() => ses.received().length === 6, "all mail");
    await endsWell(worker);
  });

  it("are read by a gateway, which tells of them", { timeout: 60_000 }, async () => {
    const { folder, ses } = await setUp();
    const nats = await startNats();
    const away = await freePort();
    const headers = { "x-api-key": "0123456789abcdef" };
    const args = ["serve", "--port", "0", "--nats", nats.url, "--redis", `redis://127.0.0.1:${away}`, ...FROM];
    const gateway = start(folder, args, { env: { ...ses.env, SES_MAIL_API_KEY: headers["x-api-key"] } });
    const url = () => /listening on (\S+)/.exec(gateway.stderr())?.[1];
    await until(() => url() !== undefined, "the gateway");
    await publish(nats, ...mails(0, 3));
    await until(() => ses.received().length === 3, "the mail");
    const answer = await fetch(`${url()}/ready`);
    expect([answer.status, await answer.json()]).toEqual([
      200,
      expect.objectContaining({ status: "ok", inlets: { nats: "connected", redis: "away" } }),
    ]);
    const metrics = await (await fetch(`${url()}/metrics`, { headers })).text();
    expect(metrics).toContain('ses_mail_inlet_accepted_total{inlet="nats"} 3');
    expect(metrics).toContain("\nses_mail_dead_letters 0\n");
    expect(metrics).toContain("\nses_mail_outbox 0\n");
    expect(gateway.stderr()).toContain("taking mail in from nats messages/email-processor");
    await endsWell(gateway);
  });
});

describe.skipIf(noNats)("a gateway with an outlet", () => {
  const KEY = "0123456789abcdef";

  async function serve(
    folder: string,
    args: string[],
    env: Record<string, string>,
  ): Promise<{ gateway: Running; url: string }> {
    const gateway = start(folder, ["serve", "--port", "0", ...args], { env: { SES_MAIL_API_KEY: KEY, ...env } });
    const url = () => /listening on (\S+)/.exec(gateway.stderr())?.[1];
    await until(() => url() !== undefined || gateway.child.exitCode !== null, "the gateway");
    expect({ isUp: url() !== undefined, stderr: gateway.stderr() }).toMatchObject({ isUp: true });
    return { gateway, url: url() ?? "" };
  }

  const post = (url: string, emails: string[]) =>
    fetch(`${url}/v1/messages`, {
      method: "POST",
      headers: { "x-api-key": KEY, "content-type": "application/json" },
      body: JSON.stringify({ messages: [{ topic_id: "news", emails, subject: "News", content: "<p>News</p>" }] }),
    });

  /** How many mails the gateway has noted as handed over. */
  const handed = async (folder: string) =>
    (await inJob(join(folder, "ses-mail.db"), "select message_id from sm.handed")).length;

  /** One mail is found by the name that it was handed over under, at both ends, and each says where it knows what from. */
  async function tellsOfIt(outer: string, inner: string, address: string): Promise<void> {
    const told = async (folder: string, what: string) => {
      const { messages } = (await run(folder, ["trace", what, "--json"])).json;
      const [{ email, ses_message_id: id, history }] = messages;
      const from = history.map(({ what: happened, source }: Json) => `${happened} ${source}`);
      return { email, id, history, from };
    };
    const near = await told(outer, address);
    expect(near.from).toEqual(["added request", "handed_over store", "sent result"]);
    expect(near.history.at(-1).text).toBe(`was sent as ${near.id}, as whoever took it from NATS said`);
    const name: string = near.history[1].detail;
    expect(await told(outer, name.toUpperCase())).toEqual(near);
    expect(await told(inner, name)).toMatchObject({
      email: address,
      id: near.id,
      from: expect.arrayContaining(["added broker", "sent answer"]),
    });
  }

  it(
    "hands mail over to a worker with a store of its own, and hears what became of it",
    { timeout: 90_000 },
    async () => {
      const [outer, { folder: inner, ses }] = [await workFolder(), await setUp()];
      const nats = await startNats();
      // Nothing of AWS is needed.
      const args = ["--outlet", "nats", "--nats", nats.url, ...FROM];
      const { gateway, url } = await serve(outer, args, {
        AWS_REGION: "",
        AWS_ACCESS_KEY_ID: "",
        AWS_SECRET_ACCESS_KEY: "",
      });
      const people = Array.from({ length: 30 }, (_, i) => addressOf(i));
      expect((await post(url, people)).status).toBe(200);
      // A mail that NATS has is "sending" before that is noted, too.
      await until(async () => (await handed(outer)) === 30, "all of it to be handed over");
      const worker = await work(inner, ["--nats", nats.url, "--results", "messages.results", ...FROM], ses.env);
      await until(async () => (await count(outer, "sent")) === 30, "the results");
      expect(ses.received().toSorted()).toEqual(people.toSorted());
      expect([await count(inner, "sent"), await count(outer, "sending")]).toEqual([30, 0]);
      await tellsOfIt(outer, inner, addressOf(7));
      const ready = await (await fetch(`${url}/ready`)).json();
      expect(ready).toMatchObject({ status: "ok", inlets: { results: "connected" } });
      await endsWell(gateway, worker);
      expect(gateway.stderr()).toContain(
        "handing mail over to nats messages.email: others send it, and report on messages.results",
      );
    },
  );

  it("says what nobody reports on is in doubt", { timeout: 90_000 }, async () => {
    const folder = await workFolder();
    const nats = await startNats();
    const { gateway, url } = await serve(folder, ["--outlet", "nats", "--nats", nats.url, ...FROM], {});
    await post(url, [addressOf(1)]);
    await until(async () => (await handed(folder)) === 1, "the mail to be handed over");
    await endsWell(gateway);
    expect(await count(folder, "sending")).toBe(1);
    const args = ["--outlet", "nats", "--nats", nats.url, "--outlet-timeout", "1ms", ...FROM];
    const { gateway: again } = await serve(folder, args, {});
    await until(async () => (await count(folder, "in_doubt")) === 1, "the doubt");
    await endsWell(again);
    expect(again.stderr()).toContain("1 message handed over: nobody reported on them in time");
  });

  it("is a worker, too", { timeout: 90_000 }, async () => {
    const { folder } = await setUp();
    const nats = await startNats();
    const worker = await work(folder, ["--outlet", "nats", "--nats", nats.url, "--rate", "50"]);
    expect(ready(worker)).toMatch(/ as 1 of 1; outlet nats messages\.email; rate 50\/s shared$/);
    await endsWell(worker);
  });
});
