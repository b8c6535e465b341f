// One peer as a process of its own: sends `count` mails of 10 KB with 64 in flight, and persists nothing.
import { createRequire } from "node:module";
import process from "node:process";
import pLimit from "p-limit";

const [name, folder, url, count] = process.argv.slice(2);
const load = createRequire(`${folder}/package.json`);
const html = "x".repeat(10_000);
const config = {
  endpoint: url,
  region: "us-east-1",
  maxAttempts: 1,
  credentials: { accessKeyId: "bench", secretAccessKey: "bench" },
  requestHandler: { httpAgent: { maxSockets: 66, keepAlive: true } },
};

const peers = {
  nodemailer() {
    const { SESv2Client, SendEmailCommand } = load("@aws-sdk/client-sesv2");
    const SES = { sesClient: new SESv2Client(config), SendEmailCommand };
    const transport = load("nodemailer").createTransport({ SES });
    return (i) =>
      transport.sendMail({
        from: "News <news@example.com>",
        to: `user${i}@example.com`,
        subject: "News",
        html,
        text: "News",
      });
  },
  "node-ses"() {
    const client = load("node-ses").createClient({ key: "bench", secret: "bench", amazon: url });
    return (i) =>
      new Promise((resolve, reject) => {
        const mail = {
          to: `user${i}@example.com`,
          from: "news@example.com",
          subject: "News",
          message: html,
          altText: "News",
        };
        client.sendEmail(mail, (error) => (error ? reject(new Error(JSON.stringify(error))) : resolve()));
      });
  },
};

const send = peers[name]();
const limit = pLimit(64);
// What a peer answers, such as the whole mail, is not kept: that would be the benchmark's memory and not the peer's.
await Promise.all(Array.from({ length: Number(count) }, (_, i) => limit(() => send(i).then(() => undefined))));
console.log(JSON.stringify({ sent: Number(count) }));
process.exit();
