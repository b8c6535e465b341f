// Mails of NATS taken in, in batches of 200, against a plain consumer of the same mails that stores nothing: the library's own consume(),
// each mail decoded and acknowledged. In turn.
// First mails that differ in their subjects, so that each is a content of its own, then mails that are all the same but for the address.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { jetstream } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { readNatsMail } from "../dist/intake/broker/nats-mail.js";
import { openNats } from "../dist/queue/nats/nats.js";
import { decodeMail, encodeMail } from "../dist/queue/nats/payload.js";
import { createTemplateShelf } from "../dist/intake/templates.js";
import { BATCH, BODY, compare, forEachKind, parts } from "./inlet-support.js";

const SUBJECT = "messages.email";
const CONSUMER = "bench";

export async function run([count = "10000", pairs = "5"]) {
  const kinds = [
    { name: "mails that differ", subject: (round, i) => `News ${round} for reader ${i}` },
    { name: "mails that are the same", subject: () => "News" },
  ];
  await forEachKind(kinds, { program: "nats-server", args: configured }, (kind, places) =>
    one({ ...kind, ...places, count: Number(count), pairs: Number(pairs) }),
  );
}

function configured({ folder, port }) {
  const file = join(folder, "nats.conf");
  writeFileSync(file, `listen: 127.0.0.1:${port}\njetstream { store_dir: ${JSON.stringify(folder)} }\n`);
  return ["-c", file];
}

async function one({ subject, port, ...measured }) {
  const nats = await openNats({ servers: [`nats://127.0.0.1:${port}`], credsFile: null }, () => undefined);
  const queue = nats.queue({ stream: "messages", subject: SUBJECT, consumer: CONSUMER });
  // It makes the stream and the consumer. A request that stayed open would take mails that the plain consumer waits for.
  await queue.receive(1, 5_000, AbortSignal.timeout(500));
  const fill = async (round, most) => {
    for (const part of parts(most)) {
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
  const plain = await connect({ servers: `127.0.0.1:${port}` });
  await compare({
    ...measured,
    fill,
    readPlainly: (most) => readPlainly(plain, most),
    read: (delivery) => readNatsMail(delivery, { reports: false }),
    decode: ({ body }) => decodeMail(body),
    templates: createTemplateShelf,
  });
  await plain.close();
  await nats.close();
}

/** As the library's own examples do it. The acknowledgements have arrived when the server has answered what comes behind them. */
async function readPlainly(connection, most) {
  const consumer = await jetstream(connection).consumers.get("messages", CONSUMER);
  const messages = await consumer.consume({ max_messages: BATCH });
  let left = most;
  for await (const message of messages) {
    if ("wrong" in decodeMail(message.data)) throw new Error("a mail that cannot be read");
    message.ack();
    if (--left === 0) break;
  }
  await messages.close();
  await connection.flush();
}
