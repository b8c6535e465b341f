// What there is to compare with: the same SDK, p-limit 64, one constant mail, nothing persisted.
import { SendEmailCommand, SESv2Client } from "@aws-sdk/client-sesv2";
import pLimit from "p-limit";
import process from "node:process";

const [url, count, html] = process.argv.slice(2);
const client = new SESv2Client({
  endpoint: url,
  region: "us-east-1",
  maxAttempts: 1,
  credentials: { accessKeyId: "bench", secretAccessKey: "bench" },
  requestHandler: { httpAgent: { maxSockets: 66, keepAlive: true } },
});
const body = "x".repeat(Number(html));
const limit = pLimit(64);
const started = performance.now();
const send = (i) =>
  client.send(
    new SendEmailCommand({
      FromEmailAddress: "News <news@example.com>",
      Destination: { ToAddresses: [`user${i}@example.com`] },
      Content: {
        Simple: {
          Subject: { Data: "News", Charset: "UTF-8" },
          Body: { Html: { Data: body, Charset: "UTF-8" }, Text: { Data: "News", Charset: "UTF-8" } },
        },
      },
    }),
  );
await Promise.all(Array.from({ length: Number(count) }, (_, i) => limit(() => send(i))));
const seconds = (performance.now() - started) / 1000;
console.log(JSON.stringify({ messages_per_second: Number(count) / seconds }));
client.destroy();
