/** Amazon's side of the webhook (certificates, signatures, envelopes), and a webhook on a job file of its own. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { join } from "node:path";
import { Writable } from "node:stream";
import Fastify, { type FastifyInstance } from "fastify";
import { generate } from "selfsigned";
import { onTestFinished } from "vitest";
import { BODY_LIMITS, limitBodies } from "../../src/serve/bodies.ts";
import type { SnsSettings } from "../../src/serve/gateway.ts";
import { type Amazon, snsRoutes } from "../../src/serve/routes/sns.ts";
import type { HttpsAnswer } from "../../src/serve/sns/https-get.ts";
import { openJob } from "../support/job.ts";
import type { Store } from "../../src/store/store.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { type Json, workFolder } from "../support/run.ts";

export const TOPIC = "arn:aws:sns:us-east-1:123456789012:ses-events";
export const HOST = "https://sns.us-east-1.amazonaws.com";
export const CERT_URL = `${HOST}/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem`;
/** The ManualClock stands here. */
export const NOW = Date.UTC(2026, 9, 1);

export interface Signer {
  privateKey: KeyObject;
  publicKey: KeyObject;
  cert: string;
}

export interface CertificateOptions {
  name?: string;
  from?: number;
  until?: number;
  ca?: boolean;
  keySize?: number;
  keyType?: "rsa" | "ec";
}

export async function signer(options: CertificateOptions = {}): Promise<Signer> {
  const { name = "sns.amazonaws.com", from = Date.UTC(2026, 0, 1), until = Date.UTC(2027, 0, 1) } = options;
  const { ca = false, keySize = 2048, keyType = "rsa" } = options;
  const made = await generate([{ name: "commonName", value: name }], {
    algorithm: "sha256",
    keyType,
    keySize,
    notBeforeDate: new Date(from),
    notAfterDate: new Date(until),
    extensions: [{ name: "basicConstraints", cA: ca, critical: true }],
  });
  return { privateKey: createPrivateKey(made.private), publicKey: createPublicKey(made.public), cert: made.cert };
}

/** One that no certificate vouches for. */
export function strangersKey(): KeyObject {
  return generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
}

const SIGNED: Record<string, string[]> = {
  Notification: ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"],
  SubscriptionConfirmation: ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"],
  UnsubscribeConfirmation: ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"],
};

/** Signs the envelope as it stands. */
export function signed(envelope: Json, key: KeyObject): Json {
  const text = (SIGNED[envelope.Type] ?? [])
    .filter((name) => envelope[name] !== undefined && envelope[name] !== null)
    .map((name) => `${name}\n${envelope[name]}\n`)
    .join("");
  const algorithm = envelope.SignatureVersion === "1" ? "RSA-SHA1" : "RSA-SHA256";
  return { ...envelope, Signature: sign(algorithm, Buffer.from(text), key).toString("base64") };
}

export function notification(event: unknown, more: Json = {}): Json {
  return {
    Type: "Notification",
    MessageId: "fcfc3882-b356-4246-96f1-e74722dd1a7a",
    TopicArn: TOPIC,
    Subject: "Amazon SES Email Event Notification",
    Message: typeof event === "string" ? event : `${JSON.stringify(event)}\n`,
    Timestamp: new Date(NOW - 1_000).toISOString(),
    SignatureVersion: "2",
    SigningCertURL: CERT_URL,
    UnsubscribeURL: `${HOST}/?Action=Unsubscribe&SubscriptionArn=${TOPIC}:861f`,
    ...more,
  };
}

export function confirmation(Type: string, more: Json = {}): Json {
  const { Subject: _, UnsubscribeURL: __, ...rest } = notification("You have chosen to subscribe to the topic.");
  const SubscribeURL = `${HOST}/?Action=ConfirmSubscription&TopicArn=${TOPIC}&Token=2336412f37`;
  return { ...rest, Type, Token: "2336412f37", SubscribeURL, ...more };
}

export interface Webhook {
  app: FastifyInstance;
  store: Store;
  clock: ManualClock;
  /** URLs Amazon was asked for. */
  asked: string[];
  log(): Json[];
  post(body: unknown, headers?: Record<string, string>): Promise<{ status: number; json: Json; headers: Json }>;
}

export interface WebhookOptions {
  sns?: Partial<SnsSettings>;
  /** What the certificate host answers. Default: the certificate, to everybody. */
  certificate?: (url: string) => HttpsAnswer | Promise<HttpsAnswer>;
  confirm?: (url: string) => HttpsAnswer | Promise<HttpsAnswer>;
  store?: (store: Store) => Store;
}

export async function webhook(cert: string, options: WebhookOptions = {}): Promise<Webhook> {
  const clock = new ManualClock();
  const opened = await openJob(join(await workFolder(), "job.db"), clock);
  const store = options.store?.(opened) ?? opened;
  const asked: string[] = [];
  const ask =
    (answer: (url: string) => HttpsAnswer | Promise<HttpsAnswer>) =>
    async (url: string): Promise<HttpsAnswer> => {
      asked.push(url);
      return answer(url);
    };
  const amazon: Amazon = {
    fetchCertificate: ask(options.certificate ?? (() => ({ status: 200, body: cert }))),
    confirm: ask(options.confirm ?? (() => ({ status: 200, body: "<ConfirmSubscriptionResponse/>" }))),
  };
  const lines: string[] = [];
  const stream = new Writable({ write: (chunk, _, done) => (lines.push(String(chunk)), done()) });
  const app = Fastify({ logger: { stream } });
  const sns = { topicArns: [TOPIC], rawSecret: null, trustedKeys: [], maxAgeMs: 3_600_000, ...options.sns };
  limitBodies(app, BODY_LIMITS);
  await snsRoutes(app, { store, clock, settings: { sns } }, amazon);
  onTestFinished(async () => {
    await app.close();
    await opened.close();
  });
  return {
    app,
    store,
    clock,
    asked,
    log: () => lines.map((line) => JSON.parse(line)).filter(({ reqId }) => reqId === undefined),
    async post(body, headers = {}) {
      const payload = typeof body === "string" ? body : JSON.stringify(body);
      const type = { "content-type": "text/plain; charset=UTF-8" };
      const answer = await app.inject({
        method: "POST",
        url: "/v1/events/results",
        payload,
        headers: { ...type, ...headers },
      });
      return { status: answer.statusCode, json: answer.json(), headers: answer.headers };
    },
  };
}
