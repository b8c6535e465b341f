/** A queue is read like a dump; what is deleted from it is in the job file. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { Server } from "node:http";
import { join } from "node:path";
import { CreateQueueCommand, GetQueueAttributesCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { createSqsServer } from "local-aws-sqs";
import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { emptySummary, type IngestSummary } from "../../src/feedback/apply-dump.ts";
import type { EventSink } from "../../src/feedback/event-sink.ts";
import { createEventHandler } from "../../src/feedback/apply-queue.ts";
import { type ConsumeOptions, consume } from "../../src/queue/consume.ts";
import { createSqsQueue, parseQueueUrl, regionOf } from "../../src/aws/sqs.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { run, start, until, workFolder } from "../support/run.ts";
import { refusal, type SqsServer, sqsServer } from "../support/sqs-server.ts";
import { bounce, delivery, sns, subscriptionConfirmation } from "../feedback/events.ts";

beforeEach(() => {
  vi.stubEnv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
  vi.stubEnv("AWS_SECRET_ACCESS_KEY", "secret");
});

const deliveries = (count: number) => Array.from({ length: count }, (_, index) => sns(delivery({ id: index + 1 })));
const received = (server: SqsServer) => server.calls.filter((call) => call.operation === "ReceiveMessage");
const deleted = (server: SqsServer) => server.calls.filter((call) => call.operation === "DeleteMessageBatch");

type Applying = Pick<EventSink, "applyEvents">;

interface Reading {
  summary: IngestSummary;
  end: string;
  malformed: string[];
  retries: string[];
}

/** Reads the queue into `sink`, which takes everything unless told otherwise. */
async function read(
  server: SqsServer,
  options: Partial<ConsumeOptions> = {},
  sink: Applying = takeAll(),
): Promise<Reading> {
  const [malformed, retries]: [string[], string[]] = [[], []];
  const summary = emptySummary();
  const queue = createSqsQueue({ url: parseQueueUrl(server.url), region: "us-east-1", endpointFromChain: false });
  onTestFinished(() => queue.close());
  const handler = createEventHandler(sink, summary, {
    rejects: join(await workFolder(), "sqs.rejects"),
    onMalformed: (where, reason) => malformed.push(`${where}: ${reason}`),
    onNoRejects: (reason) => malformed.push(reason),
    onProgress: () => undefined,
  });
  onTestFinished(() => handler.close());
  const end = await consume(queue, handler.handle, {
    signal: new AbortController().signal,
    clock: new ManualClock(),
    once: true,
    max: null,
    onRetry: (reason) => retries.push(reason),
    onIdle: async () => undefined,
    ...options,
  });
  return { summary, end, malformed, retries };
}

function takeAll(): Applying & { batches: number[] } {
  const batches: number[] = [];
  return {
    batches,
    async applyEvents(events) {
      batches.push(events.length);
      return { applied: events.length, duplicates: 0, unmatched: 0, settled: 0, suppressed: 0 };
    },
  };
}

describe("what cannot be asked for", () => {
  it.each([
    [["ingest-events"], "expects a file, a folder or -"],
    [["ingest-events", "a.json", "--sqs", "https://sqs.us-east-1.amazonaws.com/1/q"], "both were given"],
    [["ingest-events", "a.json", "--once"], "--once works with --sqs only"],
    [["ingest-events", "a.json", "--max", "3"], "--max works with --sqs only"],
    [["ingest-events", "--sqs", "ses-events"], "expects a queue URL"],
    [["ingest-events", "--sqs", "arn:aws:sqs:us-east-1:123456789012:q"], "expects a queue URL"],
    [["ingest-events", "--sqs", "https://sqs.us-east-1.amazonaws.com/"], "expects a queue URL"],
    [["ingest-events", "--sqs", "https://sqs.us-east-1.amazonaws.com/1/q", "--max", "0"], "whole number of at least 1"],
  ])("%j", async (args, words) => {
    const folder = await workFolder();
    const { code, stderr } = await run(folder, args);
    expect(stderr).toContain(words);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(code).toBe(2);
    expect(existsSync(join(folder, "ses-mail.db"))).toBe(false);
  });

  it.each([
    ["https://sqs.eu-west-1.amazonaws.com/1/q", "eu-west-1"],
    ["https://sqs.us-gov-west-1.amazonaws.com/1/q", "us-gov-west-1"],
    ["https://sqs.cn-north-1.amazonaws.com.cn/1/q", "cn-north-1"],
    ["https://vpce-0a1-us-east-1a.sqs.us-east-2.vpce.amazonaws.com/1/q", "us-east-2"],
    ["https://ap-northeast-2.queue.amazonaws.com/1/q", "ap-northeast-2"],
    ["https://sqs.us-west-2.api.aws/1/q", "us-west-2"],
    ["http://localhost:9324/1/q", null],
    ["https://queue.amazonaws.com/1/q", null],
  ])("the region of %s is %s", (url, region) => {
    expect(regionOf(parseQueueUrl(url))).toBe(region);
  });
});

describe("what SQS refuses is one line", () => {
  it.each([
    [400, "QueueDoesNotExist", 2, "there is no queue"],
    [400, "InvalidAddress", 2, "there is no queue"],
    [400, "AccessDeniedException", 3, "sqs:ReceiveMessage"],
    [400, "KmsAccessDenied", 3, "kms:Decrypt"],
    [400, "ExpiredTokenException", 3, "AWS credentials"],
    [403, "SignatureDoesNotMatch", 3, "AWS credentials"],
    [400, "UnsupportedOperation", 3, "refused"],
    [503, "ServiceUnavailable", 3, "cannot be reached"],
  ])("%i %s: exit %i", async (status, type, code, words) => {
    const server = await sqsServer();
    server.script = () => refusal(status, type, "Somebody said no.");
    const result = await run(await workFolder(), ["ingest-events", "--sqs", server.url, "--once", "--json"]);
    expect(result.stderr.trim().split("\n")).toHaveLength(1);
    expect(result.stderr).toContain(words);
    expect(result.json).toMatchObject({ exit_code: code });
    expect(result.code).toBe(code);
  });

  it.each([
    [200, "cannot be reached"],
    [502, "cannot be reached"],
    [400, "refused"],
  ])("HTTP %i of something else", async (status, words) => {
    const server = await sqsServer();
    server.script = () => ({ status, body: "<html>\nSign in\n</html>" });
    const { code, stderr } = await run(await workFolder(), ["ingest-events", "--sqs", server.url, "--once"]);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(stderr).toContain(words);
    expect(stderr).toContain(`(the answer (HTTP ${status}) is not one of SQS)`);
    expect(code).toBe(3);
  });

  it("nobody listens, no credentials, no region", async () => {
    const folder = await workFolder();
    const closed = ["ingest-events", "--sqs", "http://127.0.0.1:1/1/q", "--once"];
    expect(await run(folder, closed)).toMatchObject({ code: 3, stderr: expect.stringContaining("cannot be reached") });
    const server = await sqsServer();
    const args = ["ingest-events", "--sqs", server.url, "--once"];
    const none = { AWS_ACCESS_KEY_ID: "", AWS_SECRET_ACCESS_KEY: "" };
    expect(await run(folder, args, { env: none })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("AWS_ACCESS_KEY_ID"),
    });
    expect(await run(folder, args, { env: { AWS_REGION: "" } })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("AWS_REGION"),
    });
    expect(server.calls).toEqual([]);
  });
});

describe("messages that cannot be read", () => {
  it("stay in the queue, are told and copied once, and stop nothing", async () => {
    const folder = await workFolder();
    const server = await sqsServer();
    const half = JSON.stringify(sns(delivery({ id: 9 }))).slice(0, -20);
    server.put(sns(delivery({ id: 1 })), half, "hello", sns(delivery({ id: 2 })));
    const { code, json, stderr } = await run(folder, ["ingest-events", "--sqs", server.url, "--once", "--json"]);
    expect(json).toMatchObject({ records: 4, events: 2, unmatched: 2, malformed: 2, ignored: 0 });
    expect(code).toBe(1);
    expect(server.left()).toEqual([half, "hello"]);
    expect(stderr.match(/SQS message/g)).toHaveLength(2);
    expect(await readFile(join(folder, "sqs.rejects"), "utf8")).toBe(`${half}\nhello\n`);
  });

  it("come again while it runs: not told again, not applied again, and --once ends all the same", async () => {
    const server = await sqsServer({ visibilityMs: 0 });
    server.put("hello", sns(bounce("Permanent", "General")));
    const mixed = [delivery({ id: 5 }), "{broken"];
    server.put(JSON.stringify(mixed));
    const { summary, end, malformed } = await read(server);
    expect(end).toBe("empty");
    expect(malformed).toHaveLength(2);
    // What is good in a message that is broken counts; the message stays.
    expect(summary).toMatchObject({ events: 2, malformed: 2 });
    expect(server.left()).toHaveLength(2);
  });
});

describe("a message is deleted when its events are in the job file, and not before", () => {
  it("nothing is deleted when applying fails", async () => {
    const server = await sqsServer();
    server.put(...deliveries(5));
    const applyEvents = () => Promise.reject(new Error("no space left on the disk"));
    await expect(read(server, {}, { applyEvents })).rejects.toThrow("no space left");
    expect(deleted(server)).toEqual([]);
    expect(server.left()).toHaveLength(5);
  });

  it("each batch is deleted after its own commit", async () => {
    const server = await sqsServer();
    server.put(...deliveries(35));
    const order: string[] = [];
    const through = (call: { operation: string }) => {
      order.push(call.operation);
      return null;
    };
    server.script = through;
    const sink = takeAll();
    await read(
      server,
      {},
      {
        applyEvents: async (events) => {
          order.push("commit");
          return sink.applyEvents(events);
        },
      },
    );
    expect(order.slice(0, 3)).toEqual(["ReceiveMessage", "commit", "DeleteMessageBatch"]);
    const afterCommits = order.filter((_, index) => order[index - 1] === "commit");
    expect(new Set(afterCommits)).toEqual(new Set(["DeleteMessageBatch"]));
    expect(server.left()).toEqual([]);
  });

  it("what SQS could not delete is deleted when it comes again, and counts once", async () => {
    const server = await sqsServer({ visibilityMs: 0 });
    server.put(sns(delivery()));
    let refusals = 0;
    server.script = ({ operation, input }) => {
      if (operation !== "DeleteMessageBatch" || ++refusals > 2) return null;
      const [{ Id }] = input["Entries"] as [{ Id: string }];
      return { status: 200, body: { Failed: [{ Id, Code: "InternalError", SenderFault: false }], Successful: [] } };
    };
    const stop = new AbortController();
    const onIdle = async () => {
      if (server.left().length === 0) stop.abort("SIGINT");
    };
    const { summary, end } = await read(server, { once: false, signal: stop.signal, onIdle });
    expect(end).toBe("interrupted");
    expect(summary).toMatchObject({ records: 1, events: 1, applied: 1 });
    expect(refusals).toBe(3);
  });

  it("readable messages that are no events are deleted", async () => {
    const server = await sqsServer();
    server.put(subscriptionConfirmation(), sns("Successfully validated SNS topic for Amazon SES event publishing."));
    expect((await read(server)).summary).toMatchObject({ records: 2, ignored: 2, events: 0, malformed: 0 });
    expect(server.left()).toEqual([]);
  });

  it("an event in a wrapper nobody knows is neither taken nor deleted", async () => {
    const server = await sqsServer();
    server.put({ payload: deliveries(1)[0] }, sns({ note: "hello" }));
    expect((await read(server)).summary).toMatchObject({ records: 2, ignored: 1, events: 0, malformed: 1 });
    expect(server.left()).toHaveLength(1);
  });
});

describe("how it asks", () => {
  it("one long poll of 20 s while there is little, ten calls at once while there is much", async () => {
    const server = await sqsServer();
    server.put(...deliveries(400));
    const stop = new AbortController();
    const sink = takeAll();
    const onIdle = async () => stop.abort("SIGTERM");
    await read(server, { once: false, signal: stop.signal, onIdle }, sink);
    const asked = received(server).map(({ input }) => [input["MaxNumberOfMessages"], input["WaitTimeSeconds"]]);
    expect(asked[0]).toEqual([10, 20]);
    expect(asked).toContainEqual([10, 1]);
    expect(Math.max(...sink.batches)).toBe(100);
    expect(sink.batches.reduce((sum, size) => sum + size, 0)).toBe(400);
    expect(server.left()).toEqual([]);
  });

  it("asks for no more than --max allows", async () => {
    const server = await sqsServer();
    server.put(...deliveries(30));
    expect(await read(server, { max: 13 })).toMatchObject({ end: "limit", summary: { records: 13, events: 13 } });
    expect(server.left()).toHaveLength(17);
  });

  it("changes neither the visibility timeout nor anything else of the queue, and signs for its region", async () => {
    const server = await sqsServer();
    server.put(...deliveries(3));
    await read(server);
    expect(new Set(server.calls.map(({ operation }) => operation))).toEqual(
      new Set(["ReceiveMessage", "DeleteMessageBatch"]),
    );
    for (const { input, authorization } of received(server)) {
      expect(input).not.toHaveProperty("VisibilityTimeout");
      expect(authorization).toContain("/us-east-1/sqs/aws4_request");
    }
  });

  it("a queue that is out of reach for a while is no reason to end, unless --once", async () => {
    const server = await sqsServer();
    server.put(...deliveries(2));
    let failures = 0;
    server.script = () => (++failures <= 6 ? refusal(503, "ServiceUnavailable", "later") : null);
    const stop = new AbortController();
    const onIdle = async () => stop.abort("SIGINT");
    const { summary, retries } = await read(server, { once: false, signal: stop.signal, onIdle });
    expect(retries.length).toBeGreaterThan(0);
    expect(summary.events).toBe(2);
    failures = 0;
    await expect(read(server)).rejects.toThrow("cannot be reached");
  });
});

describe("as a program", () => {
  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("reads until %s, answers with what it did, and ends with %i", async (signal, code) => {
    const server = await sqsServer({ waitMs: 20_000 });
    server.put(...deliveries(3));
    const reader = start(await workFolder(), ["ingest-events", "--sqs", server.url, "--json"]);
    await until(() => server.left().length === 0 && received(server).length >= 2, "the queue to be empty");
    reader.kill(signal);
    const result = await reader.finished;
    expect(result.json).toMatchObject({ records: 3, unmatched: 3, malformed: 0 });
    expect(result.code).toBe(code);
  });

  it("takes the queue and the region from the environment, as cron has it; files on the command line beat it", async () => {
    const folder = await workFolder();
    const server = await sqsServer();
    server.put(...deliveries(1));
    const env = { ...server.env, AWS_REGION: "", AWS_DEFAULT_REGION: "eu-central-1" };
    const piped = { env, stdin: JSON.stringify(delivery({ id: 7 })) };
    expect((await run(folder, ["ingest-events", "-", "--json"], piped)).json).toMatchObject({ records: 1 });
    expect(server.calls).toEqual([]);
    expect((await run(folder, ["ingest-events", "--once", "--json"], { env })).json).toMatchObject({ records: 1 });
    expect(received(server)[0]?.authorization).toContain("/eu-central-1/sqs/");
  });
});

/** An emulator that others wrote: what we take for SQS is not only our own idea of it. */
describe("local-aws-sqs", () => {
  it("envelopes, raw delivery and poison, with its own visibility timeout", async () => {
    const server: Server = await createSqsServer({ port: 0, hostname: "127.0.0.1" });
    onTestFinished(() => void server.close());
    const { port } = server.address() as { port: number };
    const endpoint = `http://127.0.0.1:${port}`;
    const client = new SQSClient({ region: "us-east-1", endpoint });
    onTestFinished(() => client.destroy());
    const created = await client.send(
      new CreateQueueCommand({ QueueName: "ses-events", Attributes: { VisibilityTimeout: "60" } }),
    );
    const QueueUrl = `${endpoint}${new URL(created.QueueUrl ?? "").pathname}`;
    const bodies = [...deliveries(23), delivery({ id: 50 }), subscriptionConfirmation(), "poison"];
    for (const body of bodies) {
      const MessageBody = typeof body === "string" ? body : JSON.stringify(body);
      await client.send(new SendMessageCommand({ QueueUrl, MessageBody }));
    }
    const folder = await workFolder();
    const { json, code } = await run(folder, ["ingest-events", "--sqs", QueueUrl, "--once", "--json"]);
    expect(json).toMatchObject({ records: 26, events: 24, unmatched: 24, ignored: 1, malformed: 1 });
    expect(code).toBe(1);
    const { Attributes } = await client.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }));
    expect(Attributes).toMatchObject({ ApproximateNumberOfMessagesNotVisible: "1" });
  });
});
