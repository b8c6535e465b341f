// Signed SNS notifications a second: delivery events of known messages, over connections that stay, each answered when durable.
import { generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { writeFileSync } from "node:fs";
import { promisify } from "node:util";
import { machine, median, receiver, scratch } from "./support.js";
import { hammer, rawRequest, residentMb, sentCampaign, startServe } from "./serve-support.js";
import { deliveryEvent, mailOf } from "./ses-events.js";

const TOPIC = "arn:aws:sns:us-east-1:123456789012:ses-events";
const HASH = { 1: "RSA-SHA1", 2: "RSA-SHA256" };
const signText = promisify(sign);

export async function run([count = "20000", connections = "50", rounds = "3"]) {
  await scratch(async (folder) => {
    const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    writeFileSync(`${folder}/sns.pem`, publicKey.export({ type: "spki", format: "pem" }));
    const db = `${folder}/job.db`;
    const campaign = await sentCampaign(folder, db, Number(count) * Number(rounds));
    const far = await receiver();
    const args = ["--db", db, "--sns-topic-arn", TOPIC, "--sns-trust", `${folder}/sns.pem`];
    const served = await startServe(folder, args, { env: { AWS_ENDPOINT_URL_SESV2: far.url }, core: 0 });
    const figures = [];
    for (let round = 0; round < Number(rounds); round++) {
      const version = round % 2 === 0 ? "2" : "1";
      const part = campaign.messages.slice(round * Number(count), (round + 1) * Number(count));
      const requests = await Promise.all(
        part.map((message) => notification(campaign.jobId, message, version, privateKey)),
      );
      const seconds = await hammer(served.url, requests, Number(connections));
      figures.push(requests.length / seconds);
      console.log(
        `round ${round + 1}, signature version ${version}: ${(requests.length / seconds).toFixed(0)} events/s, ` +
          `${residentMb(served.pid).now.toFixed(0)} MB`,
      );
    }
    await served.stop();
    far.stop();
    console.log(
      `webhook, median of ${rounds}${served.pinned ? ", gateway on one core" : ""}: ${median(figures).toFixed(0)} events/s (goal 3,000)   [${machine()}]`,
    );
  });
}

async function notification(jobId, { id, email }, version, privateKey) {
  const now = new Date().toISOString();
  const fields = {
    Message: `${JSON.stringify(deliveryEvent(mailOf(jobId, id, email, now), email, now))}\n`,
    MessageId: randomUUID(),
    Subject: "Amazon SES Email Event Notification",
    Timestamp: now,
    TopicArn: TOPIC,
    Type: "Notification",
  };
  const text = Object.entries(fields)
    .map(([name, value]) => `${name}\n${value}\n`)
    .join("");
  const signature = await signText(HASH[version], Buffer.from(text), privateKey);
  const host = "https://sns.us-east-1.amazonaws.com";
  const body = JSON.stringify({
    ...fields,
    SignatureVersion: version,
    Signature: signature.toString("base64"),
    SigningCertURL: `${host}/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem`,
    UnsubscribeURL: `${host}/?Action=Unsubscribe&SubscriptionArn=${TOPIC}:861f14fa-4803-4c34-bb6c-74bb67524947`,
  });
  const headers = {
    "content-type": "text/plain; charset=UTF-8",
    "user-agent": "Amazon Simple Notification Service Agent",
    "x-amz-sns-message-type": "Notification",
    "x-amz-sns-topic-arn": TOPIC,
  };
  return rawRequest("POST", "/v1/events/results", headers, body);
}
