// Jobs of Redis taken in, in batches of 200, against a plain consumer of the same jobs that stores nothing: it reads as many with XREADGROUP,
// parses each, and acknowledges and removes each. In turn.
// First jobs of one issue, whose readers have data of their own, then jobs without a topic.
import { Redis as Client } from "ioredis";
import { createJobTemplates } from "../dist/intake/broker/job-templates.js";
import { createRedisReader } from "../dist/intake/broker/redis-job.js";
import { openRedis } from "../dist/queue/redis/redis.js";
import { systemClock } from "../dist/time/clock.js";
import { BATCH, BODY, compare, ENVELOPE, forEachKind, parts } from "./inlet-support.js";

const HTML = `<p>Dear {{ name }} in {{ city }},</p>${BODY}`;
const STREAM = "email:send";
const GROUP = "email:workers";

export async function run([count = "10000", pairs = "5"]) {
  const kinds = [
    { name: "jobs of an issue", issue: (round) => ({ issueId: round.replace(/\W+/g, "-") }) },
    { name: "jobs without a topic", issue: () => ({}) },
  ];
  await forEachKind(kinds, { program: "redis-server", args: configured }, (kind, places) =>
    one({ ...kind, ...places, count: Number(count), pairs: Number(pairs) }),
  );
}

/** Everything that was answered is on the disk. */
function configured({ folder, port }) {
  return ["--port", port, "--dir", folder, "--appendonly", "yes", "--appendfsync", "everysec", "--bind", "127.0.0.1"];
}

async function one({ issue, port, ...measured }) {
  const address = `redis://127.0.0.1:${port}`;
  const settings = { url: address, stream: STREAM, group: GROUP, consumer: "bench", mostDeliveries: 5 };
  const redis = await openRedis(settings, () => undefined);
  const client = new Client(address);
  const fill = async (round, most) => {
    for (const part of parts(most)) {
      const adding = client.pipeline();
      for (const i of part) adding.xadd(STREAM, "*", "data", JSON.stringify(jobOf(`${round} ${i}`, i, issue(round))));
      await adding.exec();
    }
    return redis.stream;
  };
  const templates = (store) =>
    createJobTemplates({ store, folder: null, from: ENVELOPE.from, clock: systemClock, remote: async () => HTML });
  await compare({
    ...measured,
    fill,
    readPlainly: (most) => readPlainly(client, most),
    read: createRedisReader({ stream: STREAM }),
    decode: ({ body }) => JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body)),
    templates,
  });
  client.disconnect();
  await redis.close();
}

/** All answers of one batch are waited for together. */
async function readPlainly(client, most) {
  await client.xgroup("CREATE", STREAM, GROUP, "0", "MKSTREAM").catch(() => undefined);
  for (let left = most; left > 0;) {
    const read = await client.xreadgroup(
      "GROUP",
      GROUP,
      "plain",
      "COUNT",
      BATCH,
      "BLOCK",
      2_000,
      "STREAMS",
      STREAM,
      ">",
    );
    const entries = read?.[0]?.[1] ?? [];
    const acknowledging = client.pipeline();
    for (const [id, [, data]] of entries) {
      if (typeof JSON.parse(data).to !== "string") throw new Error("a job that cannot be read");
      acknowledging.xack(STREAM, GROUP, id).xdel(STREAM, id);
    }
    await acknowledging.exec();
    left -= entries.length;
  }
}

function jobOf(id, i, issue) {
  const templateData = { ...issue, name: `Reader ${i}`, city: `City ${i % 300}` };
  const to = `reader${i}@example${i % 97}.com`;
  return {
    id,
    type: "NEWSLETTER",
    to,
    subject: `News for ${i}`,
    template: "news",
    templateData,
    priority: 5,
    delay: 0,
  };
}
