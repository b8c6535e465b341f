/** Everything at once: big requests, verification codes, SES's events by the webhook, readers' opens. Nothing is lost. */
import { join } from "node:path";
import { expect, it } from "vitest";
import { systemClock } from "../../src/time/clock.ts";
import { openJob } from "../support/job.ts";
import { openLinks } from "../../src/tracking/links.ts";
import { until, workFolder } from "../support/run.ts";
import { serve } from "../support/serve.ts";
import { duplicates, sesServer } from "../support/ses-server.ts";

const LIST = 10_000;
const CODES = 15;
const READERS = 200;
/** What the one machine that plays Amazon, gateway and readers can sign, send and answer. */
const RATE = 200;
const ENOUGH = 1_500;
const codeTo = (code: number) => `code${code}@example.net`;
const SNS_TOPIC = "arn:aws:sns:us-east-1:123456789012:ses-events";

it("10,000 addresses in one request, codes that overtake them, their events, opens, a cancellation: nothing is lost or sent twice", async () => {
  const folder = await workFolder();
  const key = join(folder, "sns.pem");
  let known: (url: string) => void = () => undefined;
  const url = new Promise<string>((resolve) => (known = resolve));
  const server = await sesServer(folder, { latencyMs: 5, webhook: { url, keyFile: key }, snsTopic: SNS_TOPIC });
  const gateway = await serve(
    folder,
    `--rate ${RATE} --quiet --sns-topic-arn ${SNS_TOPIC} --sns-trust ${key} --track-opens --base-url http://127.0.0.1:1`.split(
      " ",
    ),
    { env: server.env },
  );
  known(`${gateway.url}/v1/events/results`);

  const emails = Array.from({ length: LIST }, (_, index) => `p${index}@example.net`);
  const news = { topic_id: "news", emails, subject: "News", content: "<p>Hello</p>", priority: "low" };
  const answer = await gateway.post("/v1/messages", { messages: [news] });
  expect(answer).toMatchObject({ status: 200, json: { total: LIST, count: LIST, errors: 0, duplicates: 0 } });

  /** How many had left when a code's request was answered. */
  const left: number[] = [];
  for (let code = 0; code < CODES; code++) {
    const message = { emails: [codeTo(code)], subject: `Your code: ${code}`, content: "<p>1234</p>", priority: "high" };
    expect((await gateway.post("/v1/messages", { messages: [message] })).json.count).toBe(1);
    left.push(server.sandbox.accepted);
    await until(
      () => server.sandbox.accepted > left.at(-1)! + 100 || server.sandbox.accepted === LIST + code + 1,
      "100 mails more",
    );
  }

  const store = await openJob(join(folder, "ses-mail.db"), systemClock);
  const links = await openLinks(store, {}, systemClock);
  const read = async (id: number) => {
    const image = await fetch(`${gateway.url}/v1/events/open?request_id=${links.open(id)}`);
    expect(image.headers.get("content-type")).toBe("image/gif");
    await image.arrayBuffer();
  };
  await until(() => server.sandbox.accepted >= READERS + CODES, "the mails whose readers open them");
  for (let id = 1; id <= READERS; id++) await read(id);

  await until(() => server.sandbox.accepted >= ENOUGH, "the mails before the cancellation");
  const { cancelled } = (await gateway.remove("/v1/topics/news")).json;
  const settled = async () => {
    // Not all the time: this process also signs what SES says.
    await new Promise((resolve) => setTimeout(resolve, 200));
    const { json } = await gateway.get("/v1/topics/news");
    return json.sending === 0 && json.delivered === json.sent && json.opened === READERS;
  };
  await until(
    async () => (await settled()) || (server.sandbox.webhook?.counts.lost ?? 0) > 0,
    "all that SES and readers say to be counted",
  );
  const { json } = await gateway.get("/v1/topics/news");
  await store.close();
  gateway.running.kill("SIGTERM");
  expect((await gateway.running.finished).code).toBe(0);

  expect(json).toMatchObject({ total: LIST, failed: 0, in_doubt: 0, pending: 0, suppressed: 0 });
  expect(json.sent + json.cancelled).toBe(LIST);
  expect(json.cancelled - cancelled).toBeLessThanOrEqual(2 * RATE);
  const received = server.received();
  expect(duplicates(received)).toEqual([]);
  expect(received.length).toBe(json.sent + CODES);
  expect(server.sandbox.webhook?.counts).toMatchObject({ refused: 0, lost: 0 });
  // A second of the newsletter at most went before a code; most codes wait for what is in flight only.
  const overtaken = left.map((before, code) => received.indexOf(codeTo(code)) - before);
  expect(Math.max(...overtaken)).toBeLessThan(RATE);
}, 300_000);
