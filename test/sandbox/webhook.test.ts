/** The sandbox as SNS: what it POSTs, to whom again, and the whole way into a job file. */
import { createPublicKey, verify } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { GetConfigurationSetEventDestinationsCommand } from "@aws-sdk/client-sesv2";
import Fastify from "fastify";
import { describe, expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/time/clock.ts";
import { Webhook } from "../../src/sandbox/webhook.ts";
import { BODY_LIMITS, limitBodies } from "../../src/serve/bodies.ts";
import { snsRoutes } from "../../src/serve/routes/sns.ts";
import { openStore } from "../../src/store/sqlite/store.ts";
import { run, start, until, workFolder } from "../support/run.ts";
import { CONTENT, ingest, settle, turn } from "../support/store-actions.ts";
import { clientOf, endpoint, type Endpoint, mailTo, ndjson, send } from "./endpoint.ts";

const TOPIC = "arn:aws:sns:us-east-1:123456789012:ses-events";

interface Post {
  headers: IncomingHttpHeaders;
  body: string;
  // oxlint-disable-next-line typescript/no-explicit-any -- the tests look into it
  envelope: any;
}

/** A webhook that notes what comes and answers what it is told. */
async function receiver(answer: (post: Post, n: number) => number | "hang up" | "hang" = () => 200) {
  const posts: Post[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString("utf8");
      const post = { headers: request.headers, body, envelope: JSON.parse(body) };
      posts.push(post);
      const status = answer(post, posts.length);
      if (status === "hang up") request.socket.destroy();
      else if (status !== "hang") response.writeHead(status, { location: "/elsewhere" }).end("{}");
    });
  });
  const url = await listen(server);
  return { url, posts };
}

async function listen(server: Server, port = 0): Promise<string> {
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/events/results`;
}

const eventOf = ({ envelope }: Post): string => JSON.parse(envelope.Message as string).eventType as string;
const counts = ({ sandbox }: Pick<Endpoint, "sandbox">) => sandbox.webhook?.counts;

test("calls that are to be held back wait for room, so that no event is lost", async () => {
  const { url, posts } = await receiver();
  const event = { Message: "{}", MessageId: "m", Subject: "s", Timestamp: "t", TopicArn: "a", Type: "Notification" };
  let tell = (_url: string) => undefined as void;
  const later = new Promise<string>((resolve) => (tell = resolve));
  const webhook = await Webhook.open({ url: later, holdsBack: true }, systemClock);
  await webhook.room();
  webhook.take(Array.from({ length: 5_050 }, () => event as never));
  let hasRoom = false;
  const room = webhook.room().then(() => (hasRoom = true));
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(hasRoom).toBe(false);
  tell(url);
  await room;
  expect(posts.length).toBeGreaterThanOrEqual(30);
  await webhook.close();
  expect(webhook.counts.delivered + webhook.counts.lost).toBe(5_050);
}, 60_000);

test("calls that are not to be held back never wait", async () => {
  const webhook = await Webhook.open({ url: new Promise<string>(() => undefined) }, systemClock);
  const event = { Message: "{}", MessageId: "m", Subject: "s", Timestamp: "t", TopicArn: "a", Type: "Notification" };
  webhook.take(Array.from({ length: 10_020 }, () => event as never));
  await webhook.room();
  expect(webhook.counts.lost).toBe(20);
});

describe("what is POSTed", () => {
  test.each(["1", "2"] as const)("is what SNS POSTs, with a signature of version %s", async (signatureVersion) => {
    const { url, posts } = await receiver();
    const { client, sandbox, events } = await endpoint({ webhook: { url, signatureVersion } });
    await send(client, mailTo("bounce@simulator.amazonses.com"));
    await sandbox.close();
    expect(posts.map(eventOf).sort()).toEqual(["Bounce", "Send"]);
    for (const { headers, envelope } of posts) {
      expect(headers).toMatchObject({
        "content-type": "text/plain; charset=UTF-8",
        "user-agent": "Amazon Simple Notification Service Agent",
        "x-amz-sns-message-type": "Notification",
        "x-amz-sns-message-id": envelope.MessageId,
        "x-amz-sns-topic-arn": TOPIC,
        "x-amz-sns-subscription-arn": expect.stringMatching(
          /^arn:aws:sns:us-east-1:123456789012:ses-events:[0-9a-f-]{36}$/,
        ),
      });
      const { Message, MessageId, Subject, Timestamp, Signature } = envelope;
      const text = `Message\n${Message}\nMessageId\n${MessageId}\nSubject\n${Subject}\nTimestamp\n${Timestamp}\nTopicArn\n${TOPIC}\nType\nNotification\n`;
      const hash = signatureVersion === "1" ? "RSA-SHA1" : "RSA-SHA256";
      const key = sandbox.webhook!.publicKey;
      expect(envelope.SignatureVersion).toBe(signatureVersion);
      expect(verify(hash, Buffer.from(text), key, Buffer.from(Signature, "base64"))).toBe(true);
    }
    // The file has the same messages, as ever.
    const ids = (await ndjson(events)).map(({ MessageId }) => MessageId as string);
    expect(ids.sort()).toEqual(posts.map(({ envelope }) => envelope.MessageId as string).sort());
    expect(counts({ sandbox })).toEqual({ delivered: 2, refused: 0, lost: 0 });
  });

  test("comes from the SNS topic that was asked for, and check is told of it", async () => {
    const { url, posts } = await receiver();
    const snsTopic = "arn:aws:sns:eu-west-1:210987654321:mine";
    const { client, sandbox } = await endpoint({ webhook: { url }, snsTopic, events: null });
    await send(client, mailTo("ann@example.net"));
    const ask = new GetConfigurationSetEventDestinationsCommand({ ConfigurationSetName: "default" });
    const { EventDestinations = [] } = await client.send(ask);
    expect(EventDestinations[0]?.SnsDestination?.TopicArn).toBe(snsTopic);
    await sandbox.close();
    expect(posts.map(({ envelope }) => envelope.TopicArn)).toEqual([snsTopic, snsTopic]);
    expect(posts[0]?.envelope.SigningCertURL).toMatch(/^https:\/\/sns\.eu-west-1\.amazonaws\.com\//);
  });

  test("comes late, repeated and out of order when it should", async () => {
    const { url, posts } = await receiver();
    const { client, sandbox } = await endpoint({
      webhook: { url },
      eventDelayMs: 60_000,
      eventCopies: 2,
      eventShuffle: true,
    });
    for (let n = 0; n < 10; n++) await send(client, mailTo(`a${n}@example.net`));
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(posts).toEqual([]);
    await sandbox.close();
    expect(posts).toHaveLength(40);
    expect(new Set(posts.map(({ envelope }) => envelope.MessageId)).size).toBe(40);
    expect(new Set(posts.map(({ envelope }) => envelope.Message)).size).toBe(20);
  });
});

describe("a receiver", () => {
  test.each([500, 503, 429, "hang up"] as const)("that answers %s gets it again, the same", async (trouble) => {
    const seen = new Set<string>();
    const { url, posts } = await receiver(({ envelope }) => {
      if (seen.has(envelope.MessageId)) return 200;
      seen.add(envelope.MessageId);
      return trouble;
    });
    const troubles: string[] = [];
    const onTrouble = (text: string) => void troubles.push(text);
    const { client, sandbox } = await endpoint({ webhook: { url, onTrouble } });
    await send(client, mailTo("ann@example.net"));
    await sandbox.close();
    expect(posts).toHaveLength(4);
    expect(new Set(posts.map(({ body }) => body)).size).toBe(2);
    expect(counts({ sandbox })).toEqual({ delivered: 2, refused: 0, lost: 0 });
    expect(troubles).toHaveLength(1);
  });

  test.each([400, 403, 302])("that answers %s does not", async (status) => {
    const { url, posts } = await receiver(() => status);
    const { client, sandbox } = await endpoint({ webhook: { url } });
    await send(client, mailTo("ann@example.net"));
    await sandbox.close();
    expect(posts).toHaveLength(2);
    expect(counts({ sandbox })).toEqual({ delivered: 0, refused: 2, lost: 0 });
  });

  test("that comes up later gets everything", async () => {
    let port = 0;
    const first = createServer();
    await new Promise<void>((resolve) => first.listen(0, "127.0.0.1", resolve));
    port = (first.address() as AddressInfo).port;
    await new Promise((resolve) => first.close(resolve));
    const troubles: string[] = [];
    const webhook = { url: `http://127.0.0.1:${port}/`, onTrouble: (text: string) => void troubles.push(text) };
    const { client, sandbox } = await endpoint({ webhook });
    await send(client, mailTo("ann@example.net"));
    await until(() => troubles.length > 0, "word of the trouble");
    await listen(
      createServer((request, response) => void request.resume().on("end", () => response.end())),
      port,
    );
    await until(() => sandbox.webhook?.counts.delivered === 2, "both deliveries");
    expect(troubles).toEqual([expect.stringContaining("cannot be reached")]);
  });

  test("whose address is known later gets everything", async () => {
    const { url, posts } = await receiver();
    let tell: (url: string) => void = () => undefined;
    const later = new Promise<string>((resolve) => (tell = resolve));
    const { client, sandbox } = await endpoint({ webhook: { url: later } });
    await send(client, mailTo("ann@example.net"));
    tell(url);
    await sandbox.close();
    expect(posts).toHaveLength(2);
  });

  test("that hangs, or never comes, holds nobody up for ever", async () => {
    const { url, posts } = await receiver(() => "hang");
    const closeOn = async (target: string | Promise<string>) => {
      const { client, sandbox } = await endpoint({ webhook: { url: target } });
      for (let n = 0; n < 20; n++) await send(client, mailTo(`a${n}@example.net`));
      await sandbox.close();
      expect(counts({ sandbox })).toEqual({ delivered: 0, refused: 0, lost: 40 });
    };
    await Promise.all([closeOn(url), closeOn(new Promise(() => undefined))]);
    expect(posts).toHaveLength(16);
  });
});

test.each([
  ["no URL", { webhook: { url: "nonsense" } }, "http or https"],
  ["another scheme", { webhook: { url: "ftp://127.0.0.1/" } }, "http or https"],
  ["a password", { webhook: { url: "http://a:b@127.0.0.1/" } }, "password"],
  ["a key file that cannot be", { webhook: { url: "http://127.0.0.1/", keyFile: "/nowhere/key.pem" } }, "/nowhere"],
  ["an SNS topic that is none", { webhook: { url: "http://127.0.0.1/" }, snsTopic: "mine" }, "ARN"],
])("%s is refused", async (_, options, words) => {
  await expect(endpoint(options)).rejects.toThrow(words);
});

test("the whole way: accepted, POSTed, verified, in the job file", async () => {
  const folder = await workFolder();
  const store = await openStore(join(folder, "job.db"), systemClock);
  const keyFile = join(folder, "sns.pem");
  let tell: (url: string) => void = () => undefined;
  const url = new Promise<string>((resolve) => (tell = resolve));
  const { sandbox } = await endpoint({ webhook: { url, keyFile }, eventCopies: 2, eventShuffle: true });
  const client = clientOf(sandbox);
  const app = Fastify();
  const trustedKeys = [createPublicKey(await readFile(keyFile))];
  const sns = { topicArns: [TOPIC], rawSecret: null, trustedKeys, maxAgeMs: 3_600_000 };
  const unreachable = () => Promise.reject(new Error("nobody is to be asked"));
  limitBodies(app, BODY_LIMITS);
  await snsRoutes(
    app,
    { store, clock: systemClock, settings: { sns } },
    { fetchCertificate: unreachable, confirm: unreachable },
  );
  onTestFinished(async () => {
    client.destroy();
    await app.close();
    await store.close();
  });

  const boxes = ["success", "bounce", "complaint", "softbounce", "open", "click", "unsubscribe"];
  await ingest(
    store,
    boxes.map((box) => `${box}@simulator.amazonses.com`),
    { content: CONTENT },
  );
  const { claims } = await turn(store, boxes.length);
  tell(`${await app.listen({ port: 0, host: "127.0.0.1" })}/v1/events/results`);
  for (const { id, topicId, email } of claims) {
    const EmailTags = [
      { Name: "ses-mail-job", Value: store.jobId },
      { Name: "ses-mail-message", Value: String(id) },
    ];
    const { MessageId = "" } = await send(client, mailTo(email, { EmailTags }));
    await settle(store, { kind: "sent", id, topicId, sesMessageId: MessageId });
  }
  await sandbox.close();

  expect(sandbox.webhook?.counts).toMatchObject({ refused: 0, lost: 0 });
  expect(await store.topic("june")).toMatchObject({
    sent: 7,
    delivered: 5,
    bounced_permanent: 1,
    bounced_transient: 1,
    complained: 1,
    opened: 2,
    clicked: 1,
  });
  const suppressed: Record<string, string> = {};
  for await (const { address, reason } of store.suppressions()) suppressed[address] = reason;
  expect(suppressed).toEqual({
    "bounce@simulator.amazonses.com": "bounce",
    "complaint@simulator.amazonses.com": "complaint",
    "unsubscribe@simulator.amazonses.com": "unsubscribe",
  });
});

test.each([
  ["--webhook-key", "sns.pem"],
  ["--webhook-signature", "1"],
])("%s without --webhook is exit 2, and writes nothing", async (option, value) => {
  const folder = await workFolder();
  const { code, stderr } = await run(folder, ["sandbox", "--port", "0", "--no-outbox", option, value]);
  expect([code, stderr]).toEqual([2, expect.stringContaining(`${option} expects --webhook, got none`)]);
  expect(await readdir(folder)).toEqual([]);
});

test("the command writes the key, tells of trouble, and counts", async () => {
  const { url, posts } = await receiver((_, n) => (n === 1 ? 403 : 200));
  const folder = await workFolder();
  const sandbox = start(folder, ["sandbox", "--port", "0", "--no-outbox", "--webhook", url, "--json"]);
  await until(() => /listening on (\S+)/.test(sandbox.stderr()), "the sandbox to listen");
  const [, address = ""] = /listening on (\S+)/.exec(sandbox.stderr()) ?? [];
  const client = clientOf({ url: address } as Parameters<typeof clientOf>[0]);
  await send(client, mailTo("ann@example.net"));
  client.destroy();
  await until(() => posts.length === 2, "both posts");
  sandbox.kill("SIGINT");
  const { stderr, json } = await sandbox.finished;
  expect(json).toEqual({ accepted: 1, webhook: { delivered: 1, refused: 1, lost: 0 } });
  expect(stderr).toContain("the webhook answered 403");
  const key = createPublicKey(await readFile(join(folder, "ses-mail-sandbox-sns.pem")));
  expect(key.asymmetricKeyDetails?.modulusLength).toBe(2048);
});
