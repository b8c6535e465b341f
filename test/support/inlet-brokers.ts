/** NATS and Redis as those who put mail into them see them, so that one test can be about both. */
import { hostname } from "node:os";
import { AckPolicy, type ConsumerInfo, DeliverPolicy, jetstream, RetentionPolicy } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { encode } from "@msgpack/msgpack";
import { onTestFinished } from "vitest";
import { encodeMail } from "../../src/queue/nats/payload.ts";
import { managing, startNats } from "./nats.ts";
import { startRedis } from "./redis.ts";
import { until } from "./run.ts";

export type BrokerName = "nats" | "redis";

export interface InletBroker {
  port: number;
  /** What a worker says when it is done with something. */
  ack: string;
  /** What a worker says when nobody can take something. */
  refusal: string;
  /** The options of a worker that reaches it on this port. */
  options(port?: number): string[];
  /** Adds a mail for each number, and waits until the broker has them. */
  add(from: number, to: number): Promise<void>;
  /** Adds one each of twelve that nobody can take. One of them has the name of mail 0, which was added before. */
  addBad(): Promise<void>;
  /** How many are there that nobody has acknowledged, as it counts them. nats-server 2.9 may count one too many while mails come again. */
  waiting(): Promise<number>;
  /** How many it keeps. After kill -9 that may be more: nats-server 2.9 may remember that a mail is done, and keep it. */
  kept(): Promise<number>;
  /** Whether nothing will come again. Of NATS that may take half a minute to know: its numbers are wrong after kill -9. */
  isDone(): Promise<boolean>;
  /** How often it has given out a mail, all together. */
  given(): Promise<number>;
  /** What a worker that is gone was given is for others now. The test does not wait for the time after which it would be by itself. */
  letGo(processId: number | undefined): Promise<void>;
  /** kill -9, and a new start. `empty`: without anything that was in it. */
  restart(options?: { empty?: boolean }): Promise<void>;
}

export interface BrokerOptions {
  /** NATS: after so long a mail that nobody acknowledged comes again. Default: the worker makes the consumer. */
  ackWaitMs?: number;
  /** Redis: keeps what it has over a restart. NATS always does. */
  keeps?: boolean;
}

const mailbox = (number: number): string => `user${number}@example.com`;

export const mailboxes = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, at) => mailbox(from + at));

export const startBroker = (name: BrokerName, options: BrokerOptions = {}): Promise<InletBroker> =>
  name === "nats" ? natsBroker(options) : redisBroker(options);

const SUBJECT = "messages.email";
const AT_ONCE = 100;

async function natsBroker({ ackWaitMs }: BrokerOptions): Promise<InletBroker> {
  const server = await startNats({ config: "max_payload: 16MB" });
  if (ackWaitMs !== undefined)
    await managing(server.url, async ({ streams, consumers }) => {
      await streams.add({ name: "messages", subjects: ["messages.*"], retention: RetentionPolicy.Workqueue });
      await consumers.add("messages", {
        durable_name: "email-processor",
        filter_subject: SUBJECT,
        ack_policy: AckPolicy.Explicit,
        deliver_policy: DeliverPolicy.All,
        ack_wait: ackWaitMs * 1e6,
        max_ack_pending: 10_000,
      });
    });
  const info = () => managing(server.url, ({ consumers }) => consumers.info("messages", "email-processor"));
  const kept = () => managing(server.url, async ({ streams }) => (await streams.info("messages")).state.messages);
  return {
    port: server.port,
    ack: "$JS.ACK.",
    refusal: "+TERM",
    options: (port = server.port) => ["--nats", `nats://127.0.0.1:${port}`],
    add: (from, to) =>
      publish(
        server.url,
        Array.from({ length: to - from }, (_, at) => natsMail(from + at)),
      ),
    addBad: () => publish(server.url, badMails()),
    async waiting() {
      const { num_pending, num_ack_pending } = await info();
      return num_pending + num_ack_pending;
    },
    kept,
    isDone: async () => (await kept()) === 0 || comesNothing(await info()),
    given: async () => (await info()).delivered.consumer_seq,
    letGo: async () => undefined,
    restart: (options) => server.restart(options),
  };
}

/** What a busy machine may be late with something that is due again. */
const LATE_MS = 5_000;

/**
 * Whether a consumer that somebody reads will bring nothing more. nats-server 2.9 may keep, after kill -9, what is done, and wait for the
 * acknowledgement of a mail that it has deleted. So what counts in the end is that nothing came again when its time was up.
 */
function comesNothing({ num_pending, num_ack_pending, delivered, config }: ConsumerInfo): boolean {
  if (num_pending > 0) return false;
  const ackWaitMs = (config.ack_wait ?? 0) / 1e6;
  return num_ack_pending === 0 || Date.now() - Date.parse(String(delivered.last_active)) > ackWaitMs + LATE_MS;
}

const natsMail = (number: number): Uint8Array =>
  encodeMail({ uuid: `u-${number}`, email: mailbox(number), subject: "Hello", body: "<p>Hello</p>" });

/** What is no MessagePack, is not of this shape, or says what no mail can say. */
function badMails(): Uint8Array[] {
  const [uuid, email, subject, body] = ["bad", "bad@example.com", "Hello", "<p>Hello</p>"];
  const latin1 = Buffer.from(encode([uuid, email, subject, "xxxx"]));
  latin1[latin1.length - 1] = 0xe9;
  return [
    Buffer.from("junk"),
    encode([uuid, email, subject]),
    encode([uuid, email, subject, 4]),
    latin1,
    encode([uuid, email, subject, "a\0b"]),
    encode(["", email, subject, body]),
    encode([uuid, email, "", body]),
    encode([uuid, email, subject, ""]),
    encode([uuid, "bad@", subject, body]),
    encode({ uuid, email, subject, content: body }),
    encode([uuid, email, subject, "x".repeat(10 * 1024 * 1024)]),
    encode(["u-0", mailbox(0), subject, "<p>Another</p>"]),
  ];
}

/** A stream may still be in the making; what was not stored is published again. */
async function publish(url: string, bodies: readonly Uint8Array[]): Promise<void> {
  const nc = await connect({ servers: url });
  const js = jetstream(nc);
  const one = async (body: Uint8Array) => {
    const isStored = () =>
      js.publish(SUBJECT, body, { timeout: 5_000 }).then(
        () => true,
        () => false,
      );
    await until(isStored, "a mail to be published");
  };
  for (let at = 0; at < bodies.length; at += AT_ONCE) await Promise.all(bodies.slice(at, at + AT_ONCE).map(one));
  await nc.close();
}

const STREAM = "email:send";
const GROUP = "email:workers";
/** After so long the entries of others are taken over. */
const IDLE_MS = 60_000;

async function redisBroker({ keeps = false }: BrokerOptions): Promise<InletBroker> {
  const server = await startRedis({ appendOnly: keeps });
  onTestFinished(() => server.stop());
  const setTemplate = () => server.askEach([["SET", "template:june", "<p>Dear {{ name }}</p>"]]);
  await setTemplate();
  const write = (bodies: readonly string[]) =>
    server.askEach(bodies.map((data) => ["XADD", STREAM, "*", "data", data]));
  const kept = async () => Number(await server.ask("XLEN", STREAM));
  return {
    port: server.port,
    ack: "XACK",
    refusal: `${STREAM}:dlq`,
    options: (port = server.port) => ["--redis", `redis://127.0.0.1:${port}`],
    add: (from, to) => write(Array.from({ length: to - from }, (_, at) => JSON.stringify(job(from + at)))),
    addBad: () => write(badJobs()),
    waiting: kept,
    kept,
    isDone: async () => (await kept()) === 0,
    given: async () => entriesReadOf((await server.ask("XINFO", "GROUPS", STREAM)) as unknown[][]),
    async letGo(processId) {
      const consumer = `${hostname()}-${processId}`;
      const rows = (await server.ask("XPENDING", STREAM, GROUP, "-", "+", 10_000, consumer)) as string[][];
      const ids = rows.map(([id = ""]) => id);
      if (ids.length > 0) await server.ask("XCLAIM", STREAM, GROUP, consumer, 0, ...ids, "IDLE", IDLE_MS, "JUSTID");
    },
    async restart({ empty = false } = {}) {
      if (empty) await server.flush();
      await server.restart();
      if (empty) await setTemplate();
    },
  };
}

const entriesReadOf = ([group = []]: unknown[][]): number => Number(group[group.indexOf("entries-read") + 1]);

const job = (number: number) => ({
  id: `j-${number}`,
  type: "NEWSLETTER",
  to: mailbox(number),
  subject: `Hello ${number}`,
  template: "june",
  templateData: { name: "Ann" },
});

function badJobs(): string[] {
  const bad = { ...job(0), id: "bad", to: "bad@example.com" };
  const { id: _id, ...nameless } = bad;
  const { to: _to, ...homeless } = bad;
  return [
    "junk",
    "[1]",
    JSON.stringify(nameless),
    JSON.stringify(homeless),
    JSON.stringify({ ...bad, to: "bad@" }),
    JSON.stringify({ ...bad, dealy: 1 }),
    JSON.stringify({ ...bad, template: "july" }),
    JSON.stringify({ ...bad, templateData: {} }),
    JSON.stringify({ ...bad, delay: -1 }),
    JSON.stringify({ ...bad, priority: "soon" }),
    JSON.stringify({ ...bad, subject: "a\0b" }),
    JSON.stringify({ ...job(0), subject: "Another" }),
  ];
}
