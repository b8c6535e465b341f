// Mails of NATS taken in, against a consumer of the same mails that only decodes and acknowledges them: in turn, in batches of 200.
// First mails that differ in their subjects, so that each is a content of its own, then mails that are all the same but for the address.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { readNatsMail } from "../dist/intake/broker/nats-mail.js";
import { openNats } from "../dist/queue/nats/nats.js";
import { decodeMail, encodeMail } from "../dist/queue/nats/payload.js";
import { createTemplateShelf } from "../dist/intake/templates.js";
import { compare, withServer } from "./inlet-support.js";
import { withPostgres } from "./postgres-server.js";
import { scratch } from "./support.js";

const BODY = `<p>${"Lorem ipsum dolor sit amet. ".repeat(72)}</p>`;
const SUBJECT = "messages.email";
const PUBLISHED_AT_ONCE = 500;

export async function run([count = "10000", pairs = "5"]) {
  // It is started first: while initdb runs, nobody here answers the broker.
  await withPostgres(async ({ url }) => {
    for (const { name, subject } of [
      { name: "mails that differ", subject: (round, i) => `News ${round} for reader ${i}` },
      { name: "mails that are the same", subject: () => "News" },
    ])
      await scratch((folder) =>
        withServer("nats-server", configured, (port) => one({ name, subject, port, folder, count, pairs, url })),
      );
  });
}

function configured({ folder, port }) {
  const file = join(folder, "nats.conf");
  writeFileSync(file, `listen: 127.0.0.1:${port}\njetstream { store_dir: ${JSON.stringify(folder)} }\n`);
  return ["-c", file];
}

async function one({ name, subject, port, folder, count, pairs, url }) {
  const nats = await openNats({ servers: [`nats://127.0.0.1:${port}`], credsFile: null }, () => undefined);
  const queue = nats.queue({ stream: "messages", subject: SUBJECT, consumer: "bench" });
  await queue.receive(1, 0, new AbortController().signal);
  const fill = async (round, most) => {
    for (let first = 0; first < most; first += PUBLISHED_AT_ONCE) {
      const part = Array.from({ length: Math.min(PUBLISHED_AT_ONCE, most - first) }, (_, i) => first + i);
      const mails = part.map((i) => ({
        uuid: `${round} ${i}`,
        email: `reader${i}.x${part.length}@example${i % 97}.com`,
        subject: subject(round, i),
        body: BODY,
      }));
      const published = await Promise.all(
        mails.map((mail) => nats.publish(SUBJECT, encodeMail(mail), { id: mail.uuid, timeoutMs: 30_000 })),
      );
      const lost = published.find(({ kind }) => kind !== "stored");
      if (lost !== undefined) throw new Error(lost.reason);
    }
    return queue;
  };
  await compare({
    name,
    folder,
    postgres: url,
    count: Number(count),
    pairs: Number(pairs),
    fill,
    read: (delivery) => readNatsMail(delivery, { reports: false }),
    decode: ({ body }) => decodeMail(body),
    templates: createTemplateShelf,
  });
  await nats.close();
}
