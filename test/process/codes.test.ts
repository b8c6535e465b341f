/**
 * What a product with a sign-in, a shop and a newsletter asks of one gateway: codes that arrive at once beside a newsletter, capped and
 * valid for ten minutes; confirmations; readers who leave the newsletter and still get their codes; and a person who asks what is
 * known of her, and to be forgotten.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { simpleParser } from "mailparser";
import { expect, test } from "vitest";
import { freePort } from "../support/free-port.ts";
import { type Json, runProcess, until, workFolder } from "../support/run.ts";
import { API_KEY, serve, type Served } from "../support/serve.ts";
import { duplicates, sesServer, type SesServer } from "../support/ses-server.ts";

const SAMPLES = new URL("../../examples/templates/", import.meta.url).pathname;
const SNS_TOPIC = "arn:aws:sns:us-east-1:123456789012:ses-events";
const RATE = 10;
const READERS = Array.from({ length: 900 }, (_, index) => `reader${index}@example.net`);
const [ANN, BEN, NOOR] = ["ann@example.com", "ben@example.com", "noor@example.com"];
const MINUTE = 60_000;

interface Product {
  folder: string;
  ses: SesServer;
  gateway: Served;
}

/** A gateway with the templates of the examples, and an Amazon that reports to it. */
async function product(options: string, env: Record<string, string> = {}): Promise<Product> {
  const folder = await workFolder();
  const key = join(folder, "sns.pem");
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const webhook = { url: Promise.resolve(`${url}/v1/events/results`), keyFile: key };
  const ses = await sesServer(folder, { webhook, snsTopic: SNS_TOPIC, outbox: join(folder, "outbox") });
  const gateway = await serve(
    folder,
    `--port ${port} --recipient-cap 5/1h --unsubscribe --base-url ${url} --sns-topic-arn ${SNS_TOPIC} --sns-trust ${key} ${options}`.split(
      " ",
    ),
    { env: { ...ses.env, ...env } },
  );
  for (const name of ["verification-code.en", "subscription-confirmation.en", "newsletter.en"]) {
    const body = { format: "html", content: readFileSync(join(SAMPLES, `${name}.html`), "utf8") };
    const response = await fetch(`${url}/v1/templates/${name}`, {
      method: "PUT",
      headers: { "x-api-key": API_KEY, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    expect([name, response.status, await response.json()]).toEqual([
      name,
      200,
      expect.objectContaining({ version: 1 }),
    ]);
  }
  return { folder, ses, gateway };
}

const dataOf = (name: string): Json => JSON.parse(readFileSync(join(SAMPLES, `${name}.json`), "utf8"));

/** A message with a code, as docs/api.md posts it. */
const code = (email: string, number: number, expires_in = "10m") => ({
  template: "verification-code.en",
  to: [
    { email, data: { ...dataOf("verification-code.en"), code: String(480_000 + number) }, uuid: `${email}-${number}` },
  ],
  priority: "high",
  expires_in,
});

async function post({ gateway }: Product, message: Json): Promise<Json> {
  const { status, json } = await gateway.post("/v1/messages", { messages: [message] });
  expect({ status, json }).toMatchObject({ status: 200 });
  return json;
}

async function messageOf({ gateway }: Product, uuid: string): Promise<Json> {
  const { json } = await gateway.get(`/v1/messages?uuid=${encodeURIComponent(uuid)}`);
  expect(json.messages).toHaveLength(1);
  return json.messages[0];
}

/** The mails to an address in the order they came, parsed. */
async function mailsTo(address: string, { ses, folder }: Product) {
  const names = readdirSync(join(folder, "outbox"), { recursive: true, encoding: "utf8" });
  const mails = await Promise.all(
    names
      .filter((name) => name.endsWith(".eml"))
      .map((name) => readFileSync(join(folder, "outbox", name)))
      .filter((mail) => mail.includes(address))
      .map((mail) => simpleParser(mail)),
  );
  expect(mails).toHaveLength(ses.received().filter((to) => to === address).length);
  return mails.toSorted((a, b) => Number(a.date) - Number(b.date));
}

const issue = (topic_id: string, emails: string[]) => {
  const { name: _name, unsubscribe_url: _url, ...data } = dataOf("newsletter.en");
  data.issue.title = `The letter of ${topic_id}`;
  return { topic_id, template: "newsletter.en", emails, data, priority: "low" };
};

test(
  "codes beside a newsletter, a reader who leaves it, and a person who is forgotten",
  { timeout: 180_000 },
  async () => {
    const place = await product(`--rate ${RATE}`);
    const { gateway, ses, folder } = place;

    // The newsletter of December is on its way.
    expect(await post(place, issue("december", [ANN, ...READERS]))).toMatchObject({
      count: READERS.length + 1,
      ids: expect.any(Array),
    });
    await until(() => ses.received().includes(ANN) && ses.received().length > RATE, "the newsletter to be on its way");

    // Codes overtake it: not more than a second of it goes before them. Five an hour.
    for (let number = 1; number <= 5; number++) {
      await post(place, code(BEN, number));
      // Counted from the answer on: how long that takes is no matter of priority.
      const before = ses.received().length;
      await until(() => ses.received().filter((to) => to === BEN).length === number, "a code");
      const at = ses.received().findLastIndex((to) => to === BEN);
      expect(at - before).toBeLessThan(2 * RATE);
      const { state, created_at, expires_at } = await messageOf(place, `${BEN}-${number}`);
      expect([state, Date.parse(expires_at) - Date.parse(created_at)]).toEqual([
        expect.stringMatching(/^sen/),
        10 * MINUTE,
      ]);
    }
    // The sixth waits for its turn, which comes too late, while those of others leave.
    await post(place, code(BEN, 6, "4s"));
    await post(place, code(NOOR, 1));
    await until(() => ses.received().includes(NOOR), "the code of somebody else");
    expect(await messageOf(place, `${BEN}-6`)).toMatchObject({ attempts: 0, sent_at: null });
    await until(async () => (await messageOf(place, `${BEN}-6`)).state !== "pending", "the sixth code to expire");
    expect(await messageOf(place, `${BEN}-6`)).toMatchObject({
      state: "cancelled",
      error: "expired",
      attempts: 0,
      sent_at: null,
    });
    const toBen = await mailsTo(BEN, place);
    expect(toBen.map(({ subject }) => subject)).toEqual(
      [1, 2, 3, 4, 5].map((number) => `${480_000 + number} is your Harbour verification code`),
    );

    // A confirmation is transactional: nothing to unsubscribe from.
    const { email: _email, ...confirm } = dataOf("subscription-confirmation.en");
    await post(place, { template: "subscription-confirmation.en", to: [{ email: NOOR, data: confirm }] });
    await until(() => ses.received().filter((to) => to === NOOR).length === 2, "the confirmation");
    const confirmation = (await mailsTo(NOOR, place)).find(({ subject }) => subject?.startsWith("Please confirm"));
    expect(confirmation?.text).toContain(confirm.confirm_url);
    expect(confirmation?.text).toContain(NOOR);
    expect(confirmation?.headers.has("list")).toBe(false);

    // Ann leaves the newsletter with her mail program's own button.
    const [letter] = await mailsTo(ANN, place);
    const { unsubscribe } = (letter?.headers.get("list") ?? {}) as Json;
    const left = await fetch(unsubscribe.url, {
      method: "POST",
      body: new URLSearchParams({ "List-Unsubscribe": "One-Click" }),
    });
    expect(left.status).toBe(200);
    expect((await gateway.get(`/v1/messages?email=${ANN}`)).json.suppressions).toMatchObject([
      { address: ANN, reason: "unsubscribe", list: "newsletter" },
    ]);
    // The next issue does not come to her, and her code does.
    expect(await post(place, issue("january", [ANN, NOOR]))).toMatchObject({ count: 2, suppressed: 1 });
    await post(place, code(ANN, 1));
    await until(async () => (await messageOf(place, `${ANN}-1`)).delivered_at !== null, "Ann's code");
    const toAnn = await mailsTo(ANN, place);
    expect(toAnn.map(({ subject }) => subject)).toEqual([
      "The letter of december",
      "480001 is your Harbour verification code",
    ]);

    // All of that went beside the newsletter, which then ends.
    const { json: december } = await gateway.get("/v1/topics/december");
    expect(december.pending).toBeGreaterThan(0);
    expect((await gateway.remove("/v1/topics/december")).json).toMatchObject({
      status: "ok",
      cancelled: expect.any(Number),
    });
    await until(async () => (await gateway.get("/v1/topics/december")).json.sending === 0, "what was in flight");

    // What is known of Ann, and then nothing.
    const traced = await runProcess(folder, ["trace", ANN, "--json"]);
    expect([traced.code, traced.stderr]).toEqual([0, ""]);
    expect(traced.json.messages.map((message: Json) => [message.topic, message.state]).toSorted()).toEqual([
      ["december", "sent"],
      ["january", "suppressed"],
      ["no-topic", "sent"],
    ]);
    expect(traced.json.suppressions).toMatchObject([{ address: ANN, list: "newsletter", reason: "unsubscribe" }]);
    const forgotten = await runProcess(folder, ["forget", ANN, "--yes", "--json"]);
    expect(forgotten.code).toBe(0);
    expect(forgotten.json).toMatchObject({ address: ANN, forgotten: { messages: 3, suppressions: 1 } });
    expect((await gateway.get(`/v1/messages?email=${ANN}`)).json.messages).toEqual([]);
    expect((await gateway.get("/v1/topics/december")).json).toMatchObject({ total: READERS.length + 1 });
    // Nobody writes to her again.
    expect(await post(place, code(ANN, 2))).toMatchObject({ suppressed: 1 });
    const again = await runProcess(folder, ["forget", ANN, "--yes", "--json"]);
    expect(again.json).toMatchObject({ forgotten: { messages: 1 } });

    gateway.running.kill("SIGTERM");
    expect((await gateway.running.finished).code).toBe(0);
    expect(ses.received().filter((to) => to === ANN)).toHaveLength(2);
    expect(duplicates(ses.received().filter((to) => READERS.includes(to)))).toEqual([]);
    const written = readdirSync(folder).filter((name) => name.startsWith("ses-mail.db"));
    for (const name of written) expect(readFileSync(join(folder, name)).includes(ANN)).toBe(false);
  },
);

test(
  "a code that waits for the cap is valid for ten minutes and leaves no second later",
  { timeout: 120_000 },
  async () => {
    // Time passes sixty times as fast for the gateway: ten minutes are ten seconds.
    const hurry = {
      HURRY: "60",
      HURRY_FROM: String(process.hrtime.bigint()),
      NODE_OPTIONS: `--import ${new URL("../support/hurry.js", import.meta.url).pathname}`,
    };
    const place = await product(`--rate ${RATE} --sns-max-age 10h`, hurry);
    for (let number = 1; number <= 6; number++) await post(place, code(BEN, number));
    await until(() => place.ses.received().length === 5, "five codes");
    await until(async () => (await messageOf(place, `${BEN}-6`)).state === "cancelled", "the sixth to expire");
    expect(await messageOf(place, `${BEN}-6`)).toMatchObject({ error: "expired", attempts: 0 });
    // Codes of a second batch are over the cap as well, and those of a first one stay what they are.
    for (let number = 1; number <= 5; number++) expect((await messageOf(place, `${BEN}-${number}`)).state).toBe("sent");
    expect(place.ses.received()).toHaveLength(5);
  },
);
