/** The webhook: whatever is not signed by an allowed SNS topic changes nothing, whatever is gets stored. */
import type { KeyObject } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import type { Store } from "../../src/store/store.ts";
import { bounce, complaint, delivery, oneOfEach, sesId } from "../feedback/events.ts";
import { type Json, until } from "../support/run.ts";
import { ingest, sent, settle, states, turn } from "../support/store-actions.ts";
import {
  CERT_URL,
  confirmation,
  HOST,
  notification,
  NOW,
  signed,
  signer,
  strangersKey,
  TOPIC,
  type Signer,
  type WebhookOptions,
  webhook as open,
} from "./sns.ts";

let amazon: Signer;
let stranger: KeyObject;
beforeAll(async () => {
  amazon = await signer();
  stranger = strangersKey();
});

const webhook = (options?: WebhookOptions) => open(amazon.cert, options);
const ann = bounce("Permanent", "General");
const suppressed = (store: Store) => store.countSuppressions();

async function addresses(store: Store): Promise<string[]> {
  const found: string[] = [];
  for await (const { address } of store.suppressions()) found.push(address);
  return found;
}

describe("R10 G8 P10: a forged message", () => {
  /** Each is signed after the change unless it says `signature`, so that only the one thing is wrong. */
  const other = "arn:aws:sns:us-east-1:123456789012:other";
  it.each<[string, Json]>([
    ["another SNS topic", { TopicArn: other }],
    ["an SNS topic that differs in case", { TopicArn: TOPIC.replace("ses", "SES") }],
    ["no SNS topic", { TopicArn: undefined }],
    ["a list of allowed topics for a topic", { TopicArn: [TOPIC] }],
    ["SignatureVersion 3", { SignatureVersion: "3" }],
    ["SignatureVersion as a number", { SignatureVersion: 2 }],
    ["SignatureVersion constructor", { SignatureVersion: "constructor" }],
    ["no SignatureVersion", { SignatureVersion: undefined }],
    ["too old", { Timestamp: new Date(NOW - 3_600_001).toISOString() }],
    ["of the future", { Timestamp: new Date(NOW + 15 * 60_000 + 1).toISOString() }],
    ["of no time", { Timestamp: "yesterday" }],
    ["an empty time", { Timestamp: "" }],
    ["a time as a number", { Timestamp: NOW }],
    ["a time of 5,000 letters", { Timestamp: "2026-10-01T00:00:00Z".padEnd(5_000, "0") }],
    ["a message that is an object", { Message: { eventType: "Bounce" } }],
    ["a message that is null", { Message: null }],
    ["no message", { Message: undefined }],
    ["a subject that is a number", { Subject: 1 }],
    ["a MessageId that is a list", { MessageId: ["a"] }],
    ["a very long MessageId", { MessageId: "a".repeat(100_000) }],
    ["no certificate", { SigningCertURL: undefined }],
    ["a certificate that is null", { SigningCertURL: null }],
    ["a certificate of another region", { SigningCertURL: CERT_URL.replace("us-east-1", "eu-west-1") }],
    ["a certificate in a bucket", { SigningCertURL: CERT_URL.replace("us-east-1", "s3-us-west-2") }],
    ["a bucket named sns", { SigningCertURL: CERT_URL.replace("us-east-1", "s3") }],
    ["a certificate in China", { SigningCertURL: CERT_URL.replace("amazonaws.com", "amazonaws.com.cn") }],
    ["a certificate in a query", { SigningCertURL: `${HOST}/?x=.pem` }],
    ["a query after the certificate", { SigningCertURL: `${CERT_URL}?a=.pem` }],
    ["a fragment", { SigningCertURL: `${CERT_URL}#.pem` }],
    ["http", { SigningCertURL: CERT_URL.replace("https:", "http:") }],
    ["HTTPS in capitals", { SigningCertURL: CERT_URL.replace("https:", "HTTPS:") }],
    ["file", { SigningCertURL: "file:///etc/ssl/cert.pem" }],
    ["a port", { SigningCertURL: CERT_URL.replace(".com/", ".com:443/") }],
    ["a user", { SigningCertURL: CERT_URL.replace("https://", "https://sns@") }],
    ["a user that looks like the host", { SigningCertURL: `https://sns.us-east-1.amazonaws.com@evil.example/a.pem` }],
    ["a host that begins alike", { SigningCertURL: CERT_URL.replace(".com/", ".com.evil.example/") }],
    ["a host that ends alike", { SigningCertURL: CERT_URL.replace("https://", "https://evil-") }],
    ["a host with a dot at its end", { SigningCertURL: CERT_URL.replace(".com/", ".com./") }],
    ["a host of look-alike letters", { SigningCertURL: CERT_URL.replace("amazonaws", "аmazonaws") }],
    ["a back slash", { SigningCertURL: CERT_URL.replace(".com/", ".com\\@evil.example/") }],
    ["a folder above", { SigningCertURL: `${HOST}/a/../SimpleNotificationService-${"a".repeat(32)}.pem` }],
    ["a short name", { SigningCertURL: `${HOST}/SimpleNotificationService-abc.pem` }],
    ["a line feed at the end", { SigningCertURL: `${CERT_URL}\n` }],
    ["a certificate of 270 KB", { SigningCertURL: `${HOST}/${"SimpleNotificationService-".repeat(10_000)}` }],
  ])("%s: 403, and nobody is asked anything", async (_, change) => {
    const { post, store, asked } = await webhook();
    const { status, json } = await post(signed(notification(ann, change), amazon.privateKey));
    expect({ status, error: typeof json.error }).toEqual({ status: 403, error: "string" });
    expect(asked).toEqual([]);
    expect(await suppressed(store)).toBe(0);
  });

  it.each<[string, (envelope: Json) => Json]>([
    ["another message", (envelope) => ({ ...envelope, Message: envelope.Message.replace("ann@", "bob@") })],
    ["a message without its line feed", (envelope) => ({ ...envelope, Message: envelope.Message.trimEnd() })],
    ["another MessageId", (envelope) => ({ ...envelope, MessageId: "1" })],
    ["another time", (envelope) => ({ ...envelope, Timestamp: new Date(NOW).toISOString() })],
    ["no subject", (envelope) => ({ ...envelope, Subject: undefined })],
    ["the other SignatureVersion", (envelope) => ({ ...envelope, SignatureVersion: "1" })],
    ["somebody else's key", (envelope) => signed(envelope, stranger)],
    ["a signature of nothing", (envelope) => ({ ...envelope, Signature: Buffer.alloc(256).toString("base64") })],
    ["a longer signature", (envelope) => ({ ...envelope, Signature: Buffer.alloc(512, 1).toString("base64") })],
  ])("%s: 403", async (_, change) => {
    const { post, store } = await webhook();
    const { status } = await post(change(signed(notification(ann), amazon.privateKey)));
    expect(status).toBe(403);
    expect(await suppressed(store)).toBe(0);
  });

  it.each([[""], ["sandbox"], ["a".repeat(343)], ["=".repeat(344)], ["a".repeat(300_000)], [null], [5], [["a"]], [{}]])(
    "the signature %.20j: 403, and nobody is asked anything",
    async (Signature) => {
      const { post, asked } = await webhook();
      expect((await post({ ...signed(notification(ann), amazon.privateKey), Signature })).status).toBe(403);
      expect(asked).toEqual([]);
    },
  );

  it("is not helped by an event beside the signed message", async () => {
    const { post, store } = await webhook();
    const envelope = signed(notification(delivery()), amazon.privateKey);
    const { status } = await post({
      ...ann,
      ...envelope,
      eventType: "Bounce",
      Records: [{ body: JSON.stringify(ann) }],
    });
    expect(status).toBe(200);
    expect(await suppressed(store)).toBe(0);
  });

  it("is not helped by __proto__", async () => {
    const { post, store } = await webhook();
    const envelope = JSON.stringify(signed(notification(ann), amazon.privateKey));
    const { Type: _, ...rest } = JSON.parse(envelope);
    expect((await post(`{"__proto__":${envelope}}`)).status).toBe(400);
    expect((await post(JSON.stringify(rest).replace("{", '{"__proto__":{"Type":"Notification"},'))).status).toBe(400);
    expect(await suppressed(store)).toBe(0);
  });
});

describe("what is no SNS message", () => {
  it.each([
    ["nothing", ""],
    ["a text", "hello"],
    ["half of one", '{"Type":"Notification"'],
    ["null", "null"],
    ["a number", "5"],
    ["a JSON text", '"Notification"'],
    ["a list", JSON.stringify([notification(ann)])],
    ["depth", "[".repeat(300_000)],
    ["closed depth", `${'{"a":'.repeat(40_000)}1${"}".repeat(40_000)}`],
    ["no type", "{}"],
    ["an unknown type", '{"Type":"Publish"}'],
    ["a type that every object has", '{"Type":"toString"}'],
    ["a type that is a list", '{"Type":["Notification"]}'],
  ])("%s: 400", async (_, body) => {
    const { post, asked } = await webhook();
    const { status, json } = await post(body);
    expect({ status, error: typeof json.error }).toEqual({ status: 400, error: "string" });
    expect(asked).toEqual([]);
  });

  it("has another type in its header than in its body: 400, in the words clients know", async () => {
    const { post } = await webhook();
    const envelope = signed(notification(ann), amazon.privateKey);
    const { status, json } = await post(envelope, { "x-amz-sns-message-type": "SubscriptionConfirmation" });
    expect([status, json]).toEqual([400, { error: "Invalid SNS Message Type" }]);
  });

  it("is larger than 1 MB: 413", async () => {
    const { post } = await webhook();
    expect((await post("a".repeat(327_681))).status).toBe(413);
  });
});

describe("a true message", () => {
  it.each([["1"], ["2"]])("with SignatureVersion %s is stored", async (SignatureVersion) => {
    const { post, store } = await webhook();
    const { status, json } = await post(signed(notification(ann, { SignatureVersion }), amazon.privateKey));
    expect([status, json]).toEqual([200, { status: "ok" }]);
    expect(await addresses(store)).toEqual(["ann@example.net"]);
  });

  it("needs no subject, no headers, and no particular content type", async () => {
    const { app, store } = await webhook();
    const { Subject: _, ...bare } = notification(ann);
    const payload = JSON.stringify(signed(bare, amazon.privateKey));
    for (const type of [undefined, "application/json", "nonsense", "text/plain; charset=UTF-8"]) {
      const headers = type === undefined ? {} : { "content-type": type };
      const answer = await app.inject({
        method: "POST",
        url: "/v1/events/results",
        payload: Buffer.from(payload),
        headers,
      });
      expect([type, answer.statusCode]).toEqual([type, 200]);
    }
    expect(await suppressed(store)).toBe(1);
  });

  it("keeps letters of every script", async () => {
    const { post, store } = await webhook();
    const event = bounce("Permanent", "General", { to: ["안녕@example.net"] }, { diagnosticCode: "smtp; 550 é 😀" });
    expect((await post(signed(notification(event), amazon.privateKey))).status).toBe(200);
    expect(await addresses(store)).toEqual(["안녕@example.net"]);
  });

  it("R12 G9 P3: of every kind, in event publishing and legacy format, is 200", async () => {
    const { post, store } = await webhook();
    for (const event of oneOfEach()) {
      const { status, json } = await post(signed(notification(event), amazon.privateKey));
      expect([status, json]).toEqual([200, { status: "ok" }]);
    }
    expect(await suppressed(store)).toBe(5);
  });

  it.each([
    ["the sentence of the set-up", "Successfully validated SNS topic for Amazon SES event publishing."],
    ["the sign of the set-up", { notificationType: "AmazonSnsSubscriptionSucceeded", message: "You have…" }],
    ["inbound mail", { notificationType: "Received", mail: {}, receipt: {} }],
    ["somebody's text", "hello"],
    ["nothing", ""],
    ["somebody's JSON", { alarm: "disk" }],
  ])("that is no event (%s) is ignored", async (_, message) => {
    const { post } = await webhook();
    const { status, json } = await post(signed(notification(message), amazon.privateKey));
    expect([status, json]).toEqual([200, { status: "ignored" }]);
  });

  it("with an event somewhere in somebody's JSON suppresses nobody: 400", async () => {
    const { post, store } = await webhook();
    const { status } = await post(signed(notification({ form: { text: JSON.stringify(ann) } }), amazon.privateKey));
    expect(status).toBe(400);
    expect(await suppressed(store)).toBe(0);
  });

  it("that ought to be an event and cannot be read is left to the dead-letter queue: 400", async () => {
    const { post, log } = await webhook();
    const { status } = await post(signed(notification({ eventType: "Bounce", mail: {} }), amazon.privateKey));
    expect(status).toBe(400);
    expect(log().at(-1)).toMatchObject({ msg: "SNS message refused", reason: expect.stringContaining("SES event") });
  });

  it("comes again, and changes nothing", async () => {
    const { post, store, clock } = await webhook();
    const envelope = signed(notification(ann), amazon.privateKey);
    expect((await post(envelope)).status).toBe(200);
    await store.unsuppress(["ann@example.net"]);
    clock.pass(3_500_000);
    expect(await post(envelope)).toMatchObject({ status: 200, json: { status: "ok" } });
    expect(await suppressed(store)).toBe(0);
    clock.pass(100_000);
    expect((await post(envelope)).status).toBe(403);
  });

  it("asks for its certificate once, also when many come at the same time", async () => {
    const { post, asked } = await webhook();
    const envelopes = oneOfEach().map((event) => signed(notification(event), amazon.privateKey));
    const answers = await Promise.all(envelopes.map((envelope) => post(envelope)));
    expect(answers.map(({ status }) => status)).toEqual(envelopes.map(() => 200));
    expect(asked).toEqual([CERT_URL]);
  });

  it("of a key that is trusted needs no certificate, but an allowed SNS topic and a time", async () => {
    const key = amazon.publicKey;
    const { post, asked } = await webhook({ sns: { trustedKeys: [key] } });
    const sandbox = (change: Json) => signed(notification(ann, change), amazon.privateKey);
    expect((await post(sandbox({ SigningCertURL: "none" }))).status).toBe(200);
    expect((await post(sandbox({ TopicArn: `${TOPIC}2` }))).status).toBe(403);
    expect((await post(sandbox({ Timestamp: "2026-09-01T00:00:00.000Z" }))).status).toBe(403);
    expect(asked).toEqual([]);
  });

  it("of Amazon is no good in a rehearsal, and is not asked about", async () => {
    const { post, asked } = await webhook({ sns: { trustedKeys: [(await signer()).publicKey], offline: true } });
    expect((await post(signed(notification(ann), amazon.privateKey))).status).toBe(403);
    expect(asked).toEqual([]);
  });

  it("of Amazon is good beside trusted keys", async () => {
    const { post } = await webhook({ sns: { trustedKeys: [(await signer()).publicKey] } });
    expect((await post(signed(notification(ann), amazon.privateKey))).status).toBe(200);
  });
});

describe("an event before its message is known", () => {
  it("R11: is stored, and counts as soon as the answer of SES is written", async () => {
    const { post, store } = await webhook();
    await ingest(store, ["ann@example.net"]);
    const { claims } = await turn(store, 1);
    // Legacy notifications have no tags: only the id that the answer brings leads to the message.
    const event = delivery({ legacy: true, id: 7 });
    expect(await post(signed(notification(event), amazon.privateKey))).toMatchObject({ status: 200 });
    expect(await store.topic("june")).toMatchObject({ sending: 1, delivered: 0 });
    await settle(store, { ...sent(claims[0]), sesMessageId: sesId(7) } as Parameters<typeof settle>[1]);
    await store.matchKeptEvents();
    expect(await store.topic("june")).toMatchObject({ sent: 1, delivered: 1 });
  });

  it("finds it by its tags while it is still under way", async () => {
    const { post, store } = await webhook();
    await ingest(store, ["ann@example.net"]);
    const { claims } = await turn(store, 1);
    const event = complaint({ job: store.jobId, id: claims[0]?.id ?? 0 });
    expect((await post(signed(notification(event), amazon.privateKey))).status).toBe(200);
    expect(await store.topic("june")).toMatchObject({ complained: 1 });
    expect(await states(store)).toEqual({ "ann@example.net": "sending" });
  });
});

describe("a job file that takes nothing", () => {
  it("is 503 and a time to come again; then it is stored", async () => {
    let broken = true;
    const { post, store, log } = await webhook({
      store: (store) => ({
        ...store,
        applyEvents: async (batch) => {
          if (broken) throw new Error("database or disk is full");
          return store.applyEvents(batch);
        },
      }),
    });
    const envelope = signed(notification(ann), amazon.privateKey);
    const { status, json, headers } = await post(envelope);
    expect([status, json]).toEqual([503, { error: "The event cannot be stored now" }]);
    expect(headers["retry-after"]).toBe("5");
    expect(log().some(({ err }) => err?.message === "database or disk is full")).toBe(true);
    broken = false;
    expect((await post(envelope)).status).toBe(200);
    expect(await suppressed(store)).toBe(1);
  });
});

describe("a subscription", () => {
  it("of an allowed SNS topic is confirmed with SNS itself, whatever SubscribeURL says", async () => {
    const SubscribeURL = "https://169.254.169.254/latest/meta-data/";
    const { post, asked, log } = await webhook();
    const envelope = signed(confirmation("SubscriptionConfirmation", { SubscribeURL }), amazon.privateKey);
    const { status, json } = await post(envelope, { "x-amz-sns-message-type": "SubscriptionConfirmation" });
    expect([status, json.status, typeof json.message, json.url]).toEqual([
      200,
      "subscription_confirmed",
      "string",
      SubscribeURL,
    ]);
    const [, confirmed] = asked;
    expect(asked).toHaveLength(2);
    const url = new URL(confirmed ?? "");
    expect(url.origin + url.pathname).toBe(`${HOST}/`);
    expect(Object.fromEntries(url.searchParams)).toEqual({
      Action: "ConfirmSubscription",
      TopicArn: TOPIC,
      Token: "2336412f37",
      Version: "2010-03-31",
    });
    expect(log().at(-1)).toMatchObject({ level: 30, sns_topic: TOPIC });
  });

  it("cannot put anything else into the question", async () => {
    const { post, asked } = await webhook();
    const Token = "a&Action=DeleteTopic#/../";
    expect((await post(signed(confirmation("SubscriptionConfirmation", { Token }), amazon.privateKey))).status).toBe(
      200,
    );
    const url = new URL(asked[1] ?? "");
    expect([url.searchParams.getAll("Action"), url.searchParams.get("Token")]).toEqual([
      ["ConfirmSubscription"],
      Token,
    ]);
  });

  it.each<[string, Json]>([
    ["of another SNS topic", { TopicArn: `${TOPIC}2` }],
    ["without a token", { Token: undefined }],
    ["with a token that is an object", { Token: {} }],
    ["without SubscribeURL", { SubscribeURL: null }],
    ["that is old", { Timestamp: "2026-09-01T00:00:00.000Z" }],
  ])("%s is refused, and nobody is asked", async (_, change) => {
    const { post, asked } = await webhook();
    expect((await post(signed(confirmation("SubscriptionConfirmation", change), amazon.privateKey))).status).toBe(403);
    expect(asked).toEqual([]);
  });

  it("with another token than the signed one is refused", async () => {
    const { post, asked } = await webhook();
    const envelope = { ...signed(confirmation("SubscriptionConfirmation"), amazon.privateKey), Token: "other" };
    expect((await post(envelope)).status).toBe(403);
    expect(asked).toEqual([CERT_URL]);
  });

  it.each<[string, () => Promise<{ status: number; body: string }>]>([
    ["redirects", async () => ({ status: 302, body: "" })],
    ["refuses", async () => ({ status: 400, body: "<Error/>" })],
    ["is not there", async () => Promise.reject(new Error("getaddrinfo ENOTFOUND"))],
  ])("is 503 when SNS %s", async (_, confirm) => {
    const { post } = await webhook({ confirm });
    expect((await post(signed(confirmation("SubscriptionConfirmation"), amazon.privateKey))).status).toBe(503);
  });

  it("that ends is told to whoever reads the log", async () => {
    const { post, log, asked } = await webhook();
    const { status } = await post(signed(confirmation("UnsubscribeConfirmation"), amazon.privateKey));
    expect(status).toBe(200);
    expect(log().at(-1)).toMatchObject({ level: 40, sns_topic: TOPIC, msg: expect.stringContaining("unsubscribed") });
    expect(asked).toEqual([CERT_URL]);
  });
});

describe("a raw delivery", () => {
  const RAW = { "x-amz-sns-rawdelivery": "true", "x-amz-sns-topic-arn": TOPIC };
  const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString("base64")}` });
  const secret = { sns: { rawSecret: "a secret: 안녕" } };

  it("is refused where no secret was agreed on, marked as one or not, with a password or without", async () => {
    const { post, store } = await webhook();
    for (const headers of [{}, RAW, basic("sns:"), { ...RAW, ...basic("sns:null") }]) {
      expect((await post(ann, headers)).status).toBe(403);
    }
    expect(await suppressed(store)).toBe(0);
  });

  it("is stored with the password", async () => {
    const { post, store } = await webhook(secret);
    expect(await post(ann, { ...RAW, ...basic("sns:a secret: 안녕") })).toMatchObject({
      status: 200,
      json: { status: "ok" },
    });
    expect(await post(complaint({ to: ["bob@example.net"] }), basic("x:a secret: 안녕"))).toMatchObject({
      status: 200,
    });
    expect(await post("Successfully validated SNS topic", { ...RAW, ...basic(":a secret: 안녕") })).toMatchObject({
      status: 200,
      json: { status: "ignored" },
    });
    expect(await suppressed(store)).toBe(2);
  });

  it("without a password is asked for one, as SNS wants it; a wrong one is refused", async () => {
    const { post, store, log } = await webhook(secret);
    const first = await post(ann, RAW);
    expect([first.status, first.headers["www-authenticate"]]).toEqual([401, expect.stringContaining('Basic realm="')]);
    expect((await post(ann, { ...RAW, authorization: "Bearer a secret" })).status).toBe(401);
    expect((await post(ann, { ...RAW, authorization: "Basic !!" })).status).toBe(401);
    for (const text of ["sns:", "sns:a secret", "a secret: 안녕", "sns:a secret: 안녕 "]) {
      expect((await post(ann, { ...RAW, ...basic(text) })).status).toBe(403);
    }
    expect(await suppressed(store)).toBe(0);
    expect(JSON.stringify(log())).not.toContain("a secret");
  });

  it("of another SNS topic is refused", async () => {
    const { post } = await webhook(secret);
    const headers = { ...RAW, ...basic("sns:a secret: 안녕"), "x-amz-sns-topic-arn": `${TOPIC}2` };
    expect((await post(ann, headers)).status).toBe(403);
  });
});

describe("without --sns-topic-arn", () => {
  it("everything is refused, and the answer says why", async () => {
    const { post, asked } = await webhook({
      sns: { topicArns: [], rawSecret: "secret", trustedKeys: [amazon.publicKey] },
    });
    const authorization = `Basic ${Buffer.from("sns:secret").toString("base64")}`;
    const answers = await Promise.all([
      post(signed(notification(ann), amazon.privateKey)),
      post(signed(confirmation("SubscriptionConfirmation"), amazon.privateKey)),
      post(ann, { authorization }),
      post("null"),
    ]);
    for (const { status, json } of answers) {
      expect([status, json.error]).toEqual([403, expect.stringContaining("--sns-topic-arn")]);
    }
    expect(asked).toEqual([]);
  });
});

describe("the log", () => {
  it("has a line a second for each reason, with how many and from where, and nothing of what was sent", async () => {
    const { post, log, clock } = await webhook();
    const forged = { ...signed(notification(ann), stranger) };
    const headers = { "x-amz-sns-topic-arn": `${TOPIC}\n${"x".repeat(9_000)}`.replace("\n", "") };
    for (let n = 0; n < 5; n++) await post(forged, headers);
    await post("null");
    clock.pass(1_000);
    await post(forged);
    const refused = log().filter(({ msg }) => msg === "SNS message refused");
    expect(refused.map((line) => [line.reason, line.refused])).toEqual([
      ["The signature is wrong", 1],
      ["The body must be an SNS message: a JSON object", 1],
      ["The signature is wrong", 5],
    ]);
    expect(refused[0].sns_topic).toContain(TOPIC);
    expect(JSON.stringify(refused).length).toBeLessThan(1_500);
    expect(JSON.stringify(log())).not.toContain("ann@example.net");
  });
});

it("what comes together is stored together", async () => {
  const batches: number[] = [];
  const { post } = await webhook({
    store: (store) => ({
      ...store,
      applyEvents: (batch) => {
        batches.push(batch.length);
        return store.applyEvents(batch);
      },
    }),
  });
  const events = Array.from({ length: 40 }, (_, id) => delivery({ id: id + 1 }));
  await post(signed(notification(events[0]), amazon.privateKey));
  await Promise.all(events.map((event) => post(signed(notification(event), amazon.privateKey))));
  await until(() => batches.length > 1, "a second batch");
  expect(batches.reduce((a, b) => a + b)).toBe(41);
  expect(batches.length).toBeLessThan(20);
});
