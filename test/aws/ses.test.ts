/** The real SDK over HTTP: against the sandbox, and against servers that misbehave as networks do. */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { connectSes, type Ses, type SesOptions } from "../../src/aws/ses.ts";
import type { RenderedMail } from "../../src/message.ts";
import { sesServer, type SesServer } from "../support/ses-server.ts";

const MAIL: RenderedMail = {
  from: "News <news@example.com>",
  to: "ann@example.net",
  replyTo: ["help@example.com"],
  subject: "Hello Ann, 안녕",
  html: "<p>Hello</p>",
  text: "Hello",
  headers: [{ name: "List-Unsubscribe", value: "<https://example.com/u/1>" }],
  tags: [{ name: "campaign", value: "june" }],
  attachments: [],
  configurationSet: "set-1",
};
const TAGS = [
  { name: "ses-mail-job", value: "abc" },
  { name: "ses-mail-message", value: "7" },
];

const FILE = { fileName: "a.txt", contentType: "text/plain", data: Buffer.from("hi").toString("base64") };
let wire: "own" | "sdk" = "own";

function ses(endpoint: string, options: Partial<SesOptions> = {}): Ses {
  const client = connectSes({
    region: "us-east-1",
    endpoint,
    credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" },
    concurrency: 5,
    timeoutMs: 2_000,
    wire,
    ...options,
  });
  onTestFinished(() => client.close());
  return client;
}

/** A server that answers every call with `listener`, and how many calls it saw. */
async function rawServer(listener: RequestListener): Promise<{ url: string; calls: () => number }> {
  let calls = 0;
  const server = createServer((request, response) => {
    request.resume();
    request.on("end", () => {
      calls++;
      listener(request, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, calls: () => calls };
}

const json = (response: ServerResponse, status: number, body: string, type?: string) =>
  response
    .writeHead(status, { "content-type": "application/json", ...(type && { "x-amzn-ErrorType": type }) })
    .end(body);

describe.each(["own", "sdk"] as const)("by the wire %s", (way) => {
  beforeEach(() => {
    wire = way;
  });

  describe("promise 2: an answer that is lost: in doubt after exactly one call", () => {
    const lost: [string, RequestListener][] = [
      ["the connection is reset", ({ socket }: IncomingMessage) => void socket.resetAndDestroy()],
      ["the connection is closed", ({ socket }: IncomingMessage) => void socket.destroy()],
      [
        "the answer is cut short",
        ({ socket }: IncomingMessage, response: ServerResponse) => {
          response.writeHead(200, { "content-type": "application/json", "content-length": "100" });
          response.write('{"Mess');
          setTimeout(() => socket.destroy(), 20);
        },
      ],
      ["the answer names no message", (_request, response) => void json(response, 200, "{}")],
      ["the answer is empty", (_request, response) => void json(response, 200, "")],
      ["something else answered 200", (_request, response) => void response.writeHead(200).end("<html>Sign in</html>")],
    ];

    it.each(lost)("%s", async (_name, listener) => {
      const server = await rawServer(listener);
      expect((await ses(server.url).send(MAIL, TAGS)).kind).toBe("in_doubt");
      expect(server.calls()).toBe(1);
    });

    it("no answer comes at all: after --timeout", async () => {
      const server = await rawServer(() => undefined);
      expect((await ses(server.url, { timeoutMs: 1_000 }).send(MAIL, TAGS)).kind).toBe("in_doubt");
      expect(server.calls()).toBe(1);
    });
  });

  describe("what was certainly not accepted", () => {
    it("nobody listens", async () => {
      const server = await rawServer(() => undefined);
      const { port } = new URL(server.url);
      const gone = createServer();
      await new Promise<void>((resolve) => gone.listen(0, "127.0.0.1", resolve));
      const free = (gone.address() as AddressInfo).port;
      await new Promise((resolve) => gone.close(resolve));
      expect(String(free)).not.toBe(port);
      const outcome = await ses(`http://127.0.0.1:${free}`).send(MAIL, TAGS);
      expect(outcome).toMatchObject({ kind: "transient", unreachable: true });
    });

    it("a name that does not exist", async () => {
      const outcome = await ses("http://ses-mail-test.invalid").send(MAIL, TAGS);
      expect(outcome).toMatchObject({ kind: "transient", unreachable: true });
    });

    it("a proxy's 503 in HTML, once: the SDK does not try again behind our back", async () => {
      const server = await rawServer((_request, response) => void response.writeHead(503).end("<html>Busy</html>"));
      expect(await ses(server.url).send(MAIL, TAGS)).toMatchObject({ kind: "transient", unreachable: false });
      expect(server.calls()).toBe(1);
    });

    it("500 and 429 of SES, once each", async () => {
      for (const [status, type, kind] of [
        [500, "InternalFailure", "transient"],
        [429, "TooManyRequestsException", "throttled"],
      ] as const) {
        const server = await rawServer((_request, response) => void json(response, status, '{"message":"no"}', type));
        expect((await ses(server.url).send(MAIL, TAGS)).kind).toBe(kind);
        expect(server.calls()).toBe(1);
      }
    });

    it.each([408, 421, 425])("HTTP %i: the request was not processed, and may be made again", async (status) => {
      const server = await rawServer((_request, response) => void response.writeHead(status).end("<html>Late</html>"));
      expect(await ses(server.url).send(MAIL, TAGS)).toMatchObject({ kind: "transient", unreachable: false });
      expect(server.calls()).toBe(1);
    });

    it("a redirect is not followed", async () => {
      const server = await rawServer((_request, response) => void response.writeHead(302, { location: "/x" }).end());
      expect(await ses(server.url).send(MAIL, TAGS)).toMatchObject({ kind: "in_doubt" });
      expect(server.calls()).toBe(1);
    });
  });

  describe("an answer that is not one of SES: one sentence without a word of the SDK, and the outcome of its status", () => {
    const html = "<html>\n<body>Busy</body>\n</html>";
    const deep = "[".repeat(100_000) + "]".repeat(100_000);
    it.each([
      [502, "HTML", html, "transient"],
      [503, "nothing", "", "transient"],
      [429, "HTML", html, "throttled"],
      [404, "HTML", html, "transient"],
      [403, "HTML", html, "transient"],
      [400, "null", "null", "rejected"],
      [400, "a name that is no text", '{"__type":{"a":1},"message":{"b":2}}', "transient"],
      [400, "deep arrays", deep, "transient"],
      [500, "a text", '"no"', "transient"],
      [302, "HTML", html, "in_doubt"],
      [200, "HTML", html, "in_doubt"],
      [200, "null", "null", "in_doubt"],
    ])("HTTP %i, %s", async (status, _what, body, kind) => {
      const server = await rawServer((_request, response) => void json(response, status, body));
      const reason = `the answer (HTTP ${status}) is not one of SES`;
      const outcome = await ses(server.url).send(MAIL, TAGS);
      expect(outcome).toMatchObject({ kind, reason });
      // Of a 5xx nobody knows whether SES gave it.
      expect("isForeign" in outcome).toBe(kind === "transient" && status < 500);
      expect(server.calls()).toBe(1);
    });

    it("has the text that it has for people, in one line", async () => {
      const server = await rawServer((_request, response) => void json(response, 403, '{"message":"Not\\n here"}'));
      const reason = "the answer (HTTP 403) is not one of SES: Not here";
      expect(await ses(server.url).send(MAIL, TAGS)).toMatchObject({ kind: "rejected", reason });
    });
  });

  describe("expired credentials", () => {
    const expired = (response: ServerResponse) =>
      json(
        response,
        403,
        '{"message":"The security token included in the request is expired"}',
        "ExpiredTokenException",
      );
    const keys = [
      "AWS_SHARED_CREDENTIALS_FILE",
      "AWS_CONFIG_FILE",
      "AWS_PROFILE",
      "AWS_ACCESS_KEY_ID",
      "AWS_EC2_METADATA_DISABLED",
    ];
    let before: (string | undefined)[];
    beforeEach(() => {
      before = keys.map((key) => process.env[key]);
    });
    afterEach(() => {
      for (const [index, key] of keys.entries()) {
        if (before[index] === undefined) delete process.env[key];
        else process.env[key] = before[index];
      }
    });

    it("are resolved again once: renewed ones go on where the old ones ended", async () => {
      const folder = await mkdtemp(join(tmpdir(), "ses-mail-aws-"));
      onTestFinished(() => rm(folder, { recursive: true }));
      const file = join(folder, "credentials");
      const write = (id: string) =>
        writeFile(file, `[default]\naws_access_key_id = ${id}\naws_secret_access_key = s\n`);
      await write("AKIDOLD");
      for (const key of keys) delete process.env[key];
      Object.assign(process.env, {
        AWS_SHARED_CREDENTIALS_FILE: file,
        AWS_CONFIG_FILE: join(folder, "none"),
        AWS_EC2_METADATA_DISABLED: "true",
      });
      const seen: string[] = [];
      const server = await rawServer((request, response) => {
        const id = /Credential=([^/]+)/.exec(request.headers.authorization ?? "")?.[1] ?? "";
        seen.push(id);
        if (id === "AKIDOLD") void write("AKIDNEW").then(() => expired(response));
        else json(response, 200, '{"MessageId":"m1"}');
      });
      const client = ses(server.url, { credentials: undefined });
      expect(await client.send(MAIL, TAGS)).toEqual({ kind: "sent", sesMessageId: "m1" });
      expect(await client.send(MAIL, TAGS)).toEqual({ kind: "sent", sesMessageId: "m1" });
      expect(seen).toEqual(["AKIDOLD", "AKIDNEW", "AKIDNEW"]);
    });

    it("that are still expired stop the run, and say to renew them", async () => {
      const server = await rawServer((_request, response) => void expired(response));
      const outcome = await ses(server.url).send(MAIL, TAGS);
      expect(outcome).toMatchObject({ kind: "halted", hint: expect.stringContaining("renew") });
      expect(server.calls()).toBe(2);
    });

    it("none at all: stops, nothing was sent", async () => {
      for (const key of keys) delete process.env[key];
      const none = {
        AWS_SHARED_CREDENTIALS_FILE: "/none",
        AWS_CONFIG_FILE: "/none",
        AWS_EC2_METADATA_DISABLED: "true",
      };
      Object.assign(process.env, none);
      const server = await rawServer((_request, response) => void json(response, 200, '{"MessageId":"m1"}'));
      const outcome = await ses(server.url, { credentials: undefined }).send(MAIL, TAGS);
      expect(outcome).toMatchObject({ kind: "halted", hint: expect.stringContaining("AWS_ACCESS_KEY_ID") });
      expect(server.calls()).toBe(0);
    });
  });

  describe("against the sandbox", () => {
    async function sandbox(...args: Parameters<typeof sesServer> extends [string, ...infer Rest] ? Rest : never) {
      const folder = await mkdtemp(join(tmpdir(), "ses-mail-sdk-"));
      onTestFinished(() => rm(folder, { recursive: true }));
      const server: SesServer = await sesServer(folder, ...args);
      return { folder, server, client: ses(server.sandbox.url) };
    }

    it("promise 4: a mail arrives as it was rendered, with the tags by which events find it", async () => {
      const folder = await mkdtemp(join(tmpdir(), "ses-mail-outbox-"));
      onTestFinished(() => rm(folder, { recursive: true }));
      const { server, client } = await sandbox({ outbox: folder });
      const outcome = await client.send({ ...MAIL, attachments: [FILE] }, TAGS);
      expect(outcome.kind).toBe("sent");
      const [call] = server.calls();
      expect(call).toMatchObject({
        to: ["ann@example.net"],
        tags: { campaign: "june", "ses-mail-job": "abc", "ses-mail-message": "7" },
      });
      expect("sesMessageId" in outcome && [outcome.sesMessageId]).toEqual(call?.message_ids);
      const { readdir } = await import("node:fs/promises");
      const [file = ""] = await readdir(folder);
      const source = await readFile(join(folder, file), "utf8");
      for (const part of ["From: News <news@example.com>", "To: ann@example.net", "List-Unsubscribe", "a.txt"])
        expect(source).toContain(part);
    });

    it("tells when a call goes on the wire, before its answer is there", async () => {
      const { client } = await sandbox({ latencyMs: 100 });
      const order: string[] = [];
      const answered = client.send(MAIL, TAGS, () => order.push("left")).then(() => order.push("answered"));
      await answered;
      expect(order).toEqual(["left", "answered"]);
    });

    it.each([
      ["throttle", "throttled"],
      ["quota", "quota"],
      ["5xx", "transient"],
      ["reject", "rejected"],
      ["pause", "halted"],
      ["expired", "halted"],
      ["drop", "in_doubt"],
      ["accept-then-drop", "in_doubt"],
    ])("--fault %s is %s", async (fault, kind) => {
      const { server, client } = await sandbox({ faults: [fault] });
      expect((await client.send(MAIL, TAGS)).kind).toBe(kind);
      // Expired credentials are looked at once more; anything else is called once.
      expect(server.calls()).toHaveLength(fault === "expired" ? 2 : 1);
    });

    it("reads the account", async () => {
      const { client } = await sandbox({ rate: 25, quota: 1000 });
      await client.send(MAIL, TAGS);
      expect(await client.account(1000)).toEqual({
        perSecond: 25,
        quota: 1000,
        sentLast24Hours: 1,
        sendingEnabled: true,
        productionAccess: true,
        enforcement: "HEALTHY",
      });
      const unlimited = await sandbox({ quota: -1 });
      expect(await unlimited.client.account(1000)).toMatchObject({ quota: null });
    });

    it("an account that cannot be read says why, and does not throw", async () => {
      const server = await rawServer(
        (_request, response) => void json(response, 403, '{"message":"no"}', "AccessDeniedException"),
      );
      expect(await ses(server.url).account(1000)).toMatchObject({ kind: "halted" });
    });
  });

  describe("a call that must not leave any more when its request is ready", () => {
    it("makes no request, and is withheld", async () => {
      const { url, calls } = await rawServer((_request, response) => json(response, 200, '{"MessageId":"m-1"}'));
      const client = ses(url);
      let departed = 0;
      const send = (mayLeave: () => boolean) => client.send(MAIL, TAGS, () => departed++, mayLeave);
      expect(await send(() => false)).toMatchObject({ kind: "withheld" });
      expect([calls(), departed]).toEqual([0, 0]);
      expect(await send(() => true)).toEqual({ kind: "sent", sesMessageId: "m-1" });
      expect([calls(), departed]).toEqual([1, 1]);
    });

    it("is asked again before a second request with fresh credentials", async () => {
      const { url, calls } = await rawServer((_request, response) =>
        json(response, 403, "{}", "ExpiredTokenException"),
      );
      const outcome = await ses(url).send(MAIL, TAGS, () => undefined, () => calls() === 0); // prettier-ignore
      expect(outcome).toMatchObject({ kind: "withheld" });
      expect(calls()).toBe(1);
    });
  });
});
