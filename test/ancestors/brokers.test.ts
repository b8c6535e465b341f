/** The two workers: their own settings and what their producers write, and nothing else. Only addresses are another one. */
import { readdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AckPolicy, DiscardPolicy, jetstream, jetstreamManager, StorageType } from "@nats-io/jetstream";
import { connect, nanos } from "@nats-io/transport-node";
import { Redis } from "ioredis";
import { simpleParser } from "mailparser";
import { describe, expect, it, onTestFinished } from "vitest";
import { startNats } from "../support/nats.ts";
import { startRedis } from "../support/redis.ts";
import { type Json, run, type Running, start, until, workFolder } from "../support/run.ts";
import { requireServers } from "../support/servers.ts";
import { type SesServer, sesServer } from "../support/ses-server.ts";

const noNats = requireServers("nats");
const noRedis = requireServers("redis");

/** `work` without an option. Its settings are in the `.env` of the old program. */
async function work(folder: string, dotenv: string, { env }: SesServer): Promise<Running> {
  await writeFile(join(folder, ".env"), dotenv);
  const worker = start(folder, ["work"], { env });
  onTestFinished(() => worker.kill("SIGKILL"));
  const ready = () => /^working on .*$/m.exec(worker.stderr())?.[0];
  await until(() => ready() !== undefined || worker.child.exitCode !== null, "the worker to be ready");
  expect(worker.stderr()).toMatch(/^working on /m);
  return worker;
}

async function endsWell(worker: Running): Promise<void> {
  worker.kill("SIGTERM");
  expect(await worker.finished).toMatchObject({ code: 0 });
}

/** What is published to a channel of Redis, from now on. */
async function listening(url: string, channel: string): Promise<Json[]> {
  const client = new Redis(url);
  onTestFinished(() => client.disconnect());
  const heard: Json[] = [];
  client.on("message", (_, text) => heard.push(JSON.parse(text)));
  await client.subscribe(channel);
  return heard;
}

/** The mails that SES got, by address. */
async function mails({ outbox }: SesServer) {
  const files = readdirSync(outbox, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".eml"));
  const parsed = await Promise.all(
    files.map(async (file) => {
      const mail = await simpleParser(readFileSync(join(outbox, file)));
      const field = (name: string) => (mail.headers.get(name) as { text: string }).text;
      return { from: field("from"), to: field("to"), subject: mail.subject, html: mail.html };
    }),
  );
  return new Map(parsed.map((mail) => [mail.to, mail]));
}

/** An array of texts as rmp_serde writes it: each length in as few bytes as it takes. */
function messagePack(...texts: string[]): Buffer {
  const parts = texts.map((text) => {
    const bytes = Buffer.from(text);
    const { length } = bytes;
    if (length < 32) return Buffer.concat([Buffer.from([0xa0 | length]), bytes]);
    if (length < 256) return Buffer.concat([Buffer.from([0xd9, length]), bytes]);
    return Buffer.concat([Buffer.from([0xda, length >> 8, length & 255]), bytes]);
  });
  return Buffer.concat([Buffer.from([0x90 | texts.length]), ...parts]);
}

const PIXEL = '<img src="http://localhost:3000/v1/events/open?requestId=1" width="1" height="1" />';

describe.skipIf(noNats)("messages-email-sender", () => {
  const settings = (url: string) => `NATS_URL=${url}
STREAM=messages
SUBJECT=messages.email
CONSUMER=email-processor
SES_RATE_PER_SEC=50
FROM_EMAIL=no-reply@example.com
CONCURRENCY_LIMIT=500
RUST_LOG=info
`;

  /** The stream and the consumer as the two old programs leave them. */
  async function leftBehind(url: string) {
    const connection = await connect({ servers: url });
    onTestFinished(() => connection.close());
    const manager = await jetstreamManager(connection);
    await manager.streams.add({
      name: "messages",
      subjects: ["messages.email"],
      storage: StorageType.File,
      discard: DiscardPolicy.Old,
      max_age: nanos(86_400_000),
      max_msgs: 1_000_000,
      max_bytes: 1 << 30,
    });
    await manager.consumers.add("messages", {
      durable_name: "email-processor",
      filter_subject: "messages.email",
      ack_policy: AckPolicy.Explicit,
      ack_wait: nanos(30_000),
      max_ack_pending: 1_000,
    });
    return { manager, js: jetstream(connection) };
  }

  it(
    "its variables, its stream, its consumer, and the payloads of messages-api-gateway",
    { timeout: 60_000 },
    async () => {
      const folder = await workFolder();
      const ses = await sesServer(folder, { outbox: join(folder, "outbox") });
      const server = await startNats();
      const { manager, js } = await leftBehind(server.url);
      const uuid = (n: number) => `01940000-0000-7000-8000-00000000000${n}`;
      const body = `<h1>안녕하세요! {{ name }}</h1>${"<p>특별 프로모션 내용을 확인하세요.</p>".repeat(20)}${PIXEL}`;
      const publish = (n: number, subject: string) =>
        js.publish("messages.email", messagePack(uuid(n), `user${n}@example.com`, subject, body));
      // Before the worker is there.
      await publish(1, "1월 뉴스레터");
      const worker = await work(folder, settings(server.url), ses);
      expect(worker.stderr()).toMatch(/nats messages\/email-processor; rate 50\/s shared$/m);
      await publish(2, "Welcome!");
      // The gateway had no way to say that it published before.
      await publish(1, "1월 뉴스레터");
      await js.publish("messages.email", Buffer.from("poison"));
      await until(() => ses.received().length === 2, "the mail");
      await until(async () => {
        const { num_pending, num_ack_pending } = await manager.consumers.info("messages", "email-processor");
        return num_pending === 0 && num_ack_pending === 0;
      }, "everything to be acknowledged");
      await endsWell(worker);
      expect(ses.received().sort()).toEqual(["user1@example.com", "user2@example.com"]);
      const received = await mails(ses);
      expect(received.get("user1@example.com")).toMatchObject({
        subject: "1월 뉴스레터",
        from: "no-reply@example.com",
      });
      expect(received.get("user1@example.com")?.html).toContain(body);
      // What it dropped is kept, and what it would lose is told.
      expect(worker.stderr()).toContain("dead letter from nats messages#4");
      expect(worker.stderr()).toContain("nats stream edit messages --max-age=0");
      expect((await run(folder, ["trace", uuid(1), "--json"])).json.messages).toMatchObject([{ state: "sent" }]);
    },
  );

  it("makes what is missing, as it did", { timeout: 60_000 }, async () => {
    const folder = await workFolder();
    const ses = await sesServer(folder);
    const server = await startNats();
    const worker = await work(folder, settings(server.url), ses);
    const connection = await connect({ servers: server.url });
    onTestFinished(() => connection.close());
    const manager = await jetstreamManager(connection);
    await until(async () => {
      const streams = await manager.streams.list().next();
      return streams.length === 1 && (await manager.consumers.list("messages").next()).length === 1;
    }, "the stream and the consumer");
    expect((await manager.streams.info("messages")).config.subjects).toEqual(["messages.*"]);
    expect((await manager.consumers.info("messages", "email-processor")).config).toMatchObject({
      ack_policy: AckPolicy.Explicit,
      filter_subject: "messages.email",
    });
    await endsWell(worker);
  });
});

describe.skipIf(noRedis)("the Redis queue of a newsletter service", () => {
  const TEMPLATES = {
    newsletter: "<h1>{{ title }}</h1>{{ content | raw }}",
    verification: "<p>{{ code }}</p>",
    confirm: "<p>Welcome {{ name }}</p>",
  };

  it(
    "its variables, and its jobs: of the stream, of both sets, with either form of entries",
    { timeout: 60_000 },
    async () => {
      const folder = await workFolder();
      const ses = await sesServer(folder, { outbox: join(folder, "outbox") });
      const server = await startRedis({ settings: ["requirepass s3cr3t"] });
      onTestFinished(() => server.stop());
      for (const [name, html] of Object.entries(TEMPLATES)) await server.ask("SET", `template:${name}`, html);
      await server.ask("XGROUP", "CREATE", "email:send", "email:workers", "0", "MKSTREAM");
      const progress = await listening(server.url, "email:progress:7");
      const job = (id: string, more: object) => ({
        id,
        type: "NEWSLETTER",
        to: `${id}@example.com`,
        subject: "1월호",
        template: "newsletter",
        templateData: { issueId: "7", title: "1월호", content: "<p>본문</p>" },
        priority: 5,
        delay: 0,
        attempts: 0,
        maxAttempts: 3,
        createdAt: Date.now(),
        ...more,
      });
      const add = (made: ReturnType<typeof job>) =>
        server.ask("XADD", "email:send", "*", "id", made.id, "data", JSON.stringify(made), "priority", made.priority);
      const addTo = async (set: string, score: number, made: ReturnType<typeof job>) => {
        await server.ask("HSET", `email:job:${made.id}`, "data", JSON.stringify(made));
        await server.ask("ZADD", `email:send:${set}`, score, made.id);
      };
      const code = { type: "VERIFICATION_CODE", subject: "인증 코드", template: "verification", priority: 10 };

      await add(job("reader1", {}));
      const worker = await work(
        folder,
        `REDIS_HOST=127.0.0.1
REDIS_PORT=${server.port}
REDIS_PASSWORD=s3cr3t
REDIS_DATABASE=0
REDIS_STREAM_NAME=email:send
REDIS_CONSUMER_GROUP=email:workers
REDIS_MAX_RETRIES=3
REDIS_RETRY_DELAY=2000
SES_FROM_EMAIL=news@example.com
`,
        ses,
      );
      expect(worker.stderr()).toMatch(/redis email:send\/email:workers/);
      expect(worker.stderr()).not.toContain("s3cr");
      await add(job("reader2", {}));
      // The same job again, as its retries made it.
      await add(job("reader1", {}));
      await addTo("priority", 10, job("code1", { ...code, templateData: { code: "482915" } }));
      await addTo("delayed", Date.now() + 500, job("later1", { delay: 500 }));
      const confirm = job("confirm1", {
        type: "SUBSCRIPTION_CONFIRM",
        template: "confirm",
        templateData: { name: "Ann" },
      });
      const fields = Object.entries(confirm).flatMap(([name, value]) => [
        name,
        typeof value === "object" ? JSON.stringify(value) : String(value),
      ]);
      await server.ask("XADD", "email:send", "*", ...fields);
      await until(() => ses.received().length === 5, "all mail");
      // What the plan never did: the entries are acknowledged by their own ids, and gone.
      await until(async () => (await server.ask("XLEN", "email:send")) === 0, "the stream to be empty");
      // So are those of the sets and their keys, of which another reader sees to it in its own time.
      await until(
        async () => (await server.ask("EXISTS", "email:send:priority", "email:send:delayed", "email:job:code1")) === 0,
        "the sets to be empty",
      );
      for (const id of ["reader1", "code1"]) {
        await until(async () => (await server.ask("GET", `email:status:${id}`)) === "sent", `the state of ${id}`);
        expect(await server.ask("TTL", `email:status:${id}`)).toBeGreaterThan(86_000);
      }
      await until(() => progress.some(({ completed }) => completed === 3), "the progress of the issue");
      expect(progress.at(-1)).toEqual({ completed: 3, total: 3, percentage: 100 });
      await endsWell(worker);
      expect(new Set(ses.received())).toEqual(
        new Set(["reader1", "reader2", "code1", "later1", "confirm1"].map((id) => `${id}@example.com`)),
      );
      const received = await mails(ses);
      expect(received.get("reader1@example.com")).toMatchObject({ subject: "1월호", from: "news@example.com" });
      expect(received.get("reader1@example.com")?.html).toContain("<h1>1월호</h1><p>본문</p>");
      expect(received.get("code1@example.com")?.html).toContain("482915");
      expect((await run(folder, ["stats", "issue-7", "--json"])).json).toMatchObject({ total: 3, sent: 3 });
    },
  );
});
