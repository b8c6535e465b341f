/** Peers that are away, silent or broken, and processes that stand still: real processes, real sockets, real signals. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { addresses, writeCampaign } from "../support/campaign.ts";
import { watchDepartures } from "../support/departures.ts";
import { freePort } from "../support/free-port.ts";
import { run, start, until, workFolder } from "../support/run.ts";
import { serve } from "../support/serve.ts";
import { duplicates, mostInAnyWindow, sesServer } from "../support/ses-server.ts";
import { jobExists } from "../support/job.ts";

const ACCOUNT = JSON.stringify({ SendQuota: { MaxSendRate: 50, Max24HourSend: 1000, SentLast24Hours: 0 } });
const HALF = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 30\r\n\r\n{"Mess';

/** Answers GetAccount whole, and begins an answer to each other call that it never ends. */
async function halfServer(): Promise<{ env: Record<string, string>; calls: () => number }> {
  let calls = 0;
  const server = createServer((request, response) => {
    if (request.url === "/v2/email/account") return void response.end(ACCOUNT);
    calls++;
    request.resume();
    request.socket.write(HALF);
  });
  return { env: { AWS_ENDPOINT_URL_SESV2: await listen(server) }, calls: () => calls };
}

async function listen(server: Server, port = 0): Promise<string> {
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe("an answer that begins and does not end", () => {
  it("is in doubt after --timeout, and every message gets its turn", { timeout: 60_000 }, async () => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 6);
    const { env, calls } = await halfServer();
    const args = ["send", file, "--rate", "50", "--concurrency", "2", "--timeout", "1s", "--json"];
    const ended = await start(folder, args, { env }).finished;
    expect(ended.code).toBe(1);
    expect(ended.json.totals).toMatchObject({ total: 6, in_doubt: 6, sending: 0 });
    expect(calls()).toBe(6);
  });

  it.each(["send", "serve"])("SIGTERM ends %s within that limit", { timeout: 60_000 }, async (command) => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 6);
    const { env, calls } = await halfServer();
    const limits = ["--concurrency", "2", "--timeout", "2s"];
    const running =
      command === "send"
        ? start(folder, ["send", file, ...limits], { env })
        : (await run(folder, ["import", file]), (await serve(folder, limits, { env })).running);
    await until(() => calls() >= 2, "two calls");
    running.kill("SIGTERM");
    const ended = await running.finished;
    expect(ended.code).toBe(command === "send" ? 143 : 0);
    const [topic] = (await run(folder, ["topics", "--json"])).json.topics;
    expect(topic).toMatchObject({ in_doubt: calls(), pending: 6 - calls(), sending: 0 });
  });
});

it(
  "answers that came while the process was stopped for longer than --timeout are read",
  { timeout: 60_000 },
  async () => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 5);
    const server = await sesServer(folder, { latencyMs: 500 });
    // The limit is far above what a busy machine takes to answer, and the stop is longer.
    const args = ["send", file, "--rate", "100", "--concurrency", "5", "--timeout", "6s", "--json"];
    const process = start(folder, args, { env: server.env });
    await until(() => server.calls().length === 5, "five calls");
    process.kill("SIGSTOP");
    await new Promise((resolve) => setTimeout(resolve, 8_000));
    process.kill("SIGCONT");
    const ended = await process.finished;
    expect(ended.json.run).toMatchObject({ sent: 5, in_doubt: 0 });
    expect(ended.code).toBe(0);
  },
);

it(
  "a connection that SES closed while the process was stopped is not used for the next mail",
  { timeout: 60_000 },
  async () => {
    const folder = await workFolder();
    let calls = 0;
    const server = createServer((request, response) => {
      request.resume().on("end", () => {
        response.end(`{"MessageId":"m-${++calls}"}`);
        // Only after a mail: the answer about the account must not close the connection of the first one.
        if (request.method === "POST") setTimeout(() => request.socket.end(), 1_000);
      });
    });
    server.keepAliveTimeout = 60_000;
    const gateway = await serve(folder, [], { env: { AWS_ENDPOINT_URL_SESV2: await listen(server) } });
    const post = (name: string, when: { scheduled_at?: string } = {}) =>
      gateway.post("/v1/messages", {
        messages: [{ topic_id: name, emails: [`${name}@example.com`], subject: "s", content: "c", ...when }],
      });
    await post("one");
    await until(async () => (await gateway.get("/v1/topics/one")).json.sent === 1, "the first mail");
    // Posted before the stop: a process that is stopped in the middle of a write keeps others from writing.
    const dueAt = Date.now() + 6_000;
    const later = await post("two", { scheduled_at: new Date(dueAt).toISOString() });
    expect(later.status).toBe(200);
    gateway.running.kill("SIGSTOP");
    await new Promise((resolve) => setTimeout(resolve, dueAt + 1_500 - Date.now()));
    gateway.running.kill("SIGCONT");
    const two = async () => (await gateway.get("/v1/topics/two")).json;
    await until(async () => (await two()).pending + (await two()).sending === 0, "the second mail");
    expect(await two()).toMatchObject({ sent: 1, in_doubt: 0 });
  },
);

it("one of several senders is stopped and goes on: never more than the rate", { timeout: 120_000 }, async () => {
  const folder = await workFolder();
  const file = await writeCampaign(folder, 400);
  const server = await sesServer(folder);
  expect((await run(folder, ["import", file])).code).toBe(0);
  const departures = watchDepartures(folder);
  const env = { ...server.env, ...departures.env };
  const senders = [1, 2, 3].map(() => start(folder, ["send", "--rate", "50", "--json"], { env }));
  for (const [index, pauseMs] of [30, 150, 700, 1_500].entries()) {
    await until(() => server.received().length > 40 * (index + 1), "some mails");
    senders[0]?.kill("SIGSTOP");
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    senders[0]?.kill("SIGCONT");
  }
  const ended = await Promise.all(senders.map(({ finished }) => finished));
  expect(ended.map(({ code }) => code)).toEqual([0, 0, 0]);
  expect(duplicates(server.received())).toEqual([]);
  expect(server.received().sort()).toEqual(addresses(400).sort());
  const left = departures.read();
  expect(left).toHaveLength(400);
  // A process may be stopped after requests have left and before that is noted: those of one turn, 75 ms of the rate.
  expect(mostInAnyWindow(left)).toBeLessThanOrEqual(50 + 4);
});

it("senders that starve keep the rate", { timeout: 240_000 }, async () => {
  const folder = await workFolder();
  const file = await writeCampaign(folder, 600);
  const server = await sesServer(folder);
  expect((await run(folder, ["import", file])).code).toBe(0);
  const departures = watchDepartures(folder);
  const env = { ...server.env, ...departures.env };
  const senders = Array.from({ length: 16 }, () => start(folder, ["send", "--rate", "100", "--json"], { env }));
  const ended = await Promise.all(senders.map(({ finished }) => finished));
  expect(ended.map(({ code }) => code)).toEqual(ended.map(() => 0));
  const left = departures.read();
  expect(left).toHaveLength(600);
  expect(mostInAnyWindow(left)).toBeLessThanOrEqual(103);
});

describe("the gateway shows that nothing gets through, with one message waiting, and that it is over", () => {
  const post = { messages: [{ topic_id: "codes", emails: ["a@example.com"], subject: "s", content: "c" }] };

  it("SES cannot be reached", { timeout: 60_000 }, async () => {
    const folder = await workFolder();
    // Nobody listens there yet.
    const port = await freePort();
    const gateway = await serve(folder, [], { env: { AWS_ENDPOINT_URL_SESV2: `http://127.0.0.1:${port}` } });
    await gateway.post("/v1/messages", post);
    await until(async () => (await gateway.get("/ready")).json.sending === "halted", "ready to say so");
    const reason = expect.stringMatching(/^SES cannot be reached: connect ECONNREFUSED 127\.0\.0\.1:\d+/) as string;
    expect(await gateway.get("/ready")).toMatchObject({ status: 200, json: { status: "ok", reason } });
    expect((await gateway.get("/v1/overview")).json.sender).toMatchObject({ state: "halted", reason });
    expect((await gateway.get("/v1/topics/codes")).json).toMatchObject({ pending: 1, failed: 0, reason });
    expect((await gateway.get("/metrics")).json).toMatch(/^ses_mail_sender_halted 1$/m);
    expect(gateway.running.stderr()).toMatch(/"level":40,.*SES cannot be reached/);

    const server = createServer(
      (request, response) => void request.resume().on("end", () => response.end('{"MessageId":"m1"}')),
    );
    await listen(server, port);
    await until(async () => (await gateway.get("/v1/topics/codes")).json.sent === 1, "the message to be sent");
    expect((await gateway.get("/ready")).json).toMatchObject({ sending: "ok", reason: null });
    await until(() => gateway.running.stderr().includes("sending goes on"), "the log to say so");
    expect(gateway.running.stderr()).toMatch(/"level":30,.*sending goes on/);
    gateway.running.kill("SIGTERM");
    expect((await gateway.running.finished).code).toBe(0);
  });

  it.each([
    ["throttle", /throttles every call/],
    ["5xx", /takes no mail/],
    ["hang", /does not answer/],
    ["expired", /expired/i],
    ["pause", /paused/i],
  ])("SES and --fault %s", { timeout: 60_000 }, async (fault, reason) => {
    const folder = await workFolder();
    const server = await sesServer(folder, { faults: [fault] });
    const gateway = await serve(folder, ["--timeout", "60s"], { env: server.env });
    await gateway.post("/v1/messages", post);
    await until(async () => (await gateway.get("/ready")).json.sending === "halted", "ready to say so");
    expect(await gateway.get("/ready")).toMatchObject({ status: 200, json: { reason: expect.stringMatching(reason) } });
    expect((await gateway.get("/v1/overview")).json.sender.state).toBe("halted");
    expect(gateway.running.stderr()).toMatch(/"level":40,/);
  });
});

it(
  "an outage fails nobody: a list of five stays pending, and is sent when SES is back",
  { timeout: 60_000 },
  async () => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 5);
    const process = start(folder, ["send", file, "--rate", "50", "--json"]);
    await until(() => process.stderr().includes("SES cannot be reached"), "the run to say so");
    process.kill("SIGTERM");
    const stopped = await process.finished;
    expect(stopped.code).toBe(143);
    expect(stopped.json).toMatchObject({
      run: { attempts: 0, failed: 0 },
      totals: { pending: 5, failed: 0, in_doubt: 0 },
    });
    const server = await sesServer(folder);
    expect((await run(folder, ["send", file, "--json"], { env: server.env })).json.totals).toMatchObject({ sent: 5 });
  },
);

it.each(["127.0.0.1:8025", "localhost:8025", "foo", "ftp://127.0.0.1/"])(
  "the endpoint %s costs no message",
  async (endpoint) => {
    const folder = await workFolder();
    const file = await writeCampaign(folder, 2);
    const env = { AWS_ENDPOINT_URL_SESV2: endpoint };
    const ended = await start(folder, ["send", file, "--rate", "50", "--yes"], { env }).finished;
    expect(ended.code).toBe(2);
    expect(ended.stderr).toContain("AWS_ENDPOINT_URL_SESV2");
    expect(await jobExists(join(folder, "ses-mail.db"))).toBe(false);
  },
  30_000,
);
