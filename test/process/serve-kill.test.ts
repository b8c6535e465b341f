/** The gateway under the hardest condition: it dies without warning while clients post, and clients try again. */
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { expect, it } from "vitest";
import { run, start, until, workFolder } from "../support/run.ts";
import { API_KEY, serve, type Served } from "../support/serve.ts";
import { duplicates, sesServer } from "../support/ses-server.ts";

const REQUESTS = 60;
const EACH = 20;
const KILLS = 5;
const CONCURRENCY = 8;

const emails = (request: number) => Array.from({ length: EACH }, (_, index) => `r${request}-${index}@example.net`);

/** A client as clients should be: the same Idempotency-Key until there is an answer. */
async function postUntilAnswered(served: () => Promise<Served>, request: number): Promise<number> {
  const body = { messages: [{ topic_id: "news", emails: emails(request), subject: "News", content: "<p>Hello</p>" }] };
  for (;;) {
    try {
      const { post } = await served();
      const { status, json } = await post("/v1/messages", body, { "idempotency-key": `request-${request}` });
      expect({ status, json }).toMatchObject({ status: 200 });
      return json.count as number;
    } catch (error) {
      // The server is gone, or was gone before it answered.
      if (!(error instanceof TypeError)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}

it("R3–R6 G2 G3 P7: kill -9 while clients post and mail goes out: what was answered is kept, nobody is lost or written to twice", async () => {
  const folder = await workFolder();
  const server = await sesServer(folder, { latencyMs: 15 });
  const args = ["--rate", "400", "--concurrency", String(CONCURRENCY), "--quiet"];
  let served = serve(folder, args, { env: server.env });
  await served;

  const counts: number[] = [];
  const clients = [0, 1, 2].map(async (client) => {
    for (let request = client; request < REQUESTS; request += 3) {
      counts.push(await postUntilAnswered(() => served, request));
    }
  });
  for (let kill = 0; kill < KILLS; kill++) {
    const before = server.calls().length;
    const { running } = await served;
    await until(() => server.calls().length > before + 5 + Math.random() * 60, "the calls after which it is killed");
    running.kill("SIGKILL");
    await running.finished;
    served = serve(folder, args, { env: server.env });
  }
  await Promise.all(clients);
  const { get, running } = await served;
  await until(async () => {
    const { json } = await get("/v1/topics/news");
    return json.pending === 0 && json.sending === 0;
  }, "nobody to be pending");
  running.kill("SIGTERM");
  expect((await running.finished).code).toBe(0);

  const total = REQUESTS * EACH;
  const rows: { email: string; state: string }[] = (await run(folder, ["export", "news", "--json"])).json.messages;
  const received = server.received();
  const inDoubt = new Set(rows.filter((row) => row.state === "in_doubt").map((row) => row.email));
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(total);
  expect(rows.map((row) => row.email).sort()).toEqual(
    Array.from({ length: REQUESTS }, (_, request) => emails(request))
      .flat()
      .sort(),
  );
  expect(duplicates(received)).toEqual([]);
  expect(rows.filter((row) => row.state !== "sent" && row.state !== "in_doubt")).toEqual([]);
  const arrived = new Set(received);
  expect(rows.filter((row) => row.state === "sent" && !arrived.has(row.email))).toEqual([]);
  expect(inDoubt.size).toBeLessThanOrEqual(KILLS * CONCURRENCY);
}, 300_000);

it("R4 G3 N5 P12: SIGTERM finishes what is in flight, answers included, and leaves nothing in doubt", async () => {
  const folder = await workFolder();
  const server = await sesServer(folder, { latencyMs: 200 });
  const { post, running } = await serve(folder, ["--rate", "200", "--concurrency", "20"], { env: server.env });
  await post("/v1/messages", { messages: [{ emails: emails(1), subject: "News", content: "<p>Hello</p>" }] });
  await until(() => running.child.exitCode !== null || server.sandbox.accepted > 2, "3 mails");
  running.kill("SIGTERM");
  const { code } = await running.finished;

  expect(code).toBe(0);
  const { json } = await run(folder, ["topics", "--json"]);
  const [topic] = json.topics;
  expect(topic).toMatchObject({ total: EACH, sending: 0, in_doubt: 0, failed: 0 });
  expect(topic.sent).toBe(server.received().length);
  expect(topic.sent + topic.pending).toBe(EACH);
});

it("R5 G15: a client that hangs up changes nothing: its mail is stored whole and sent, and tells readers no id", async () => {
  const folder = await workFolder();
  const server = await sesServer(folder, { outbox: join(folder, "outbox") });
  const { url, get, running } = await serve(folder, ["--rate", "1000"], { env: server.env });
  const body = JSON.stringify({
    messages: [{ topic_id: "news", emails: emails(1), subject: "News", content: "<p>Hello</p>" }],
  });
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, "connect");
  const head = `POST /v1/messages HTTP/1.1\r\nhost: ${hostname}\r\nx-api-key: ${API_KEY}\r\ncontent-length: ${body.length}\r\n\r\n`;
  // Gone before there is an answer.
  socket.write(head + body, () => socket.destroy());
  await until(async () => (await get("/v1/topics/news")).json.sent === EACH, "all mails");
  running.kill("SIGTERM");
  expect((await running.finished).code).toBe(0);

  expect(server.received().sort()).toEqual(emails(1).sort());
  const files = await readdir(join(folder, "outbox"));
  const mail = await readFile(join(folder, "outbox", files[0] ?? ""), "utf8");
  const headers = mail.split(/\r?\n\r?\n/)[0] ?? "";
  expect([...headers.matchAll(/^([\w-]+):/gm)].map(([, name]) => name)).toEqual([
    "From",
    "To",
    "Subject",
    "Message-ID",
    "Date",
    "MIME-Version",
    "Content-Type",
  ]);
});

it("N9: a gateway and a cron job on the same job file share the work, nobody is written to twice", async () => {
  const folder = await workFolder();
  const server = await sesServer(folder, { latencyMs: 10 });
  const { post, get, running } = await serve(folder, ["--rate", "300"], { env: server.env });
  await post("/v1/messages", {
    messages: [
      {
        topic_id: "news",
        emails: [...emails(1), ...emails(2), ...emails(3)],
        subject: "News",
        content: "<p>Hello</p>",
      },
    ],
  });
  const cron = start(folder, ["send", "--rate", "300", "--json"], { env: server.env });
  await cron.finished;
  await until(async () => (await get("/v1/topics/news")).json.sent === 3 * EACH, "all mails");
  running.kill("SIGTERM");
  await running.finished;
  expect(duplicates(server.received())).toEqual([]);
  expect(server.received().length).toBe(3 * EACH);
});

it("after a crash the log says as JSON, as everything else, what is in doubt", async () => {
  const folder = await workFolder();
  // Without an answer the mails are in flight however long the test takes to look.
  const server = await sesServer(folder, { faults: ["hang"] });
  const first = await serve(folder, ["--timeout", "60s"], { env: server.env });
  await first.post("/v1/messages", {
    messages: [{ emails: emails(1).slice(0, 3), subject: "News", content: "<p>Hello</p>" }],
  });
  await until(async () => (await first.get("/v1/overview")).json.totals.sending === 3, "3 mails in flight");
  first.running.kill("SIGKILL");
  await first.running.finished;

  const { running } = await serve(folder, [], { env: server.env });
  running.kill("SIGTERM");
  const { stderr } = await running.finished;
  const lines = stderr.trimEnd().split("\n");
  const logged = lines.filter((line) => !line.startsWith("listening on ")).map((line) => JSON.parse(line));
  expect(logged).toContainEqual(expect.objectContaining({ level: 40, in_doubt: 3 }));
});

it.each([
  ["--header", "bad"],
  ["--tag", "bad"],
  ["--reply-to", "bad"],
])("a wrong %s is exit 2, also without a sender", async (...option) => {
  const { code, stderr } = await run(await workFolder(), ["serve", "--port", "0", ...option], {
    env: { SES_MAIL_API_KEY: "a-key-for-the-tests-only" },
  });
  expect([code, stderr.trimEnd().split("\n").length]).toEqual([2, 1]);
});
