/** Calls to peers that begin and do not end, that cannot be reached, and that answer what makes no sense. The real SDK, real sockets. */
import { createServer as createHttpServer, type RequestListener } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { connect, createServer as createTcpServer, type AddressInfo, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { createHandler } from "../../src/aws/http-handler.ts";
import { connectSes, type Ses, type SesOptions } from "../../src/aws/ses.ts";
import { PLAIN_MAIL as MAIL } from "../support/plain-mail.ts";
import { workFolder } from "../support/run.ts";

let wire: "own" | "sdk" = "own";

function ses(endpoint: string, options: Partial<SesOptions> = {}): Ses {
  const client = connectSes({
    region: "us-east-1",
    endpoint,
    credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" },
    concurrency: 5,
    timeoutMs: 1_000,
    wire,
    ...options,
  });
  onTestFinished(() => client.close());
  return client;
}

async function portOf(server: ReturnType<typeof createTcpServer>, sockets: Set<Socket>): Promise<number> {
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** A server that speaks TCP and says what `speak` makes it say once something came in. */
async function tcpServer(speak: (socket: Socket) => void): Promise<{ port: number; connections: () => number }> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => socket.once("data", () => speak(socket)));
  return { port: await portOf(server, sockets), connections: () => sockets.size };
}

async function httpServer(listener: RequestListener): Promise<string> {
  const server = createHttpServer((request, response) => request.resume().on("end", () => listener(request, response)));
  return `http://127.0.0.1:${await portOf(server, new Set())}`;
}

const answering = (status: number, body: string, type?: string) =>
  httpServer((_request, response) =>
    response
      .writeHead(status, { "content-type": "application/json", ...(type && { "x-amzn-ErrorType": type }) })
      .end(body),
  );

/** A server in a process of its own. At SIGUSR2 it closes its connections, and writes a line to its argument when that is done. */
const CLOSING = `
  const sockets = [];
  const server = require("node:net").createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {}).on("data", () => socket.write("HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\n\\r\\nhi"));
  });
  process.on("SIGUSR2", () => {
    for (const socket of sockets) socket.end(() => require("node:fs").appendFileSync(process.argv[1], "closed\\n"));
  });
  server.listen(0, "127.0.0.1", () => console.log(server.address().port));`;

/** Stands still until `file` is there. */
function standStillUntil(file: string): void {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  const end = Date.now() + 25_000;
  while (!existsSync(file)) {
    if (Date.now() > end) throw new Error(`waited for ${file}`);
    Atomics.wait(cell, 0, 0, 5);
  }
}

const HEAD = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 30\r\n\r\n";
const ANSWER = `${HEAD}${'{"MessageId":"m-1"}'.padEnd(30)}`;

describe.each(["own", "sdk"] as const)("by the wire %s", (way) => {
  beforeEach(() => {
    wire = way;
  });

  describe("an answer that begins and does not end is in doubt after --timeout", () => {
    it.each<[string, (socket: Socket) => void]>([
      ["no byte", () => undefined],
      ["half a head", (socket) => void socket.write("HTTP/1.1 200 OK\r\nConte")],
      ["a head", (socket) => void socket.write(HEAD)],
      ["six bytes of the body", (socket) => void socket.write(`${HEAD}{"Mess`)],
      [
        "a chunk without an end",
        (s) => void s.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n{"Mess\r\n'),
      ],
      ["100 Continue and nothing more", (socket) => void socket.write("HTTP/1.1 100 Continue\r\n\r\n")],
    ])("%s", async (_name, speak) => {
      const { port } = await tcpServer(speak);
      expect(await ses(`http://127.0.0.1:${port}`).send(MAIL, [])).toMatchObject({ kind: "in_doubt" });
    });

    it.each(["head", "body"])("a byte at a time, in the %s", async (where) => {
      const text = where === "head" ? `HTTP/1.1 200 OK\r\nX: ${"x".repeat(500)}` : `${HEAD.replace("30", "300")}{"Mess`;
      const { port } = await tcpServer((socket) => {
        socket.write(where === "head" ? "" : text);
        let at = 0;
        const timer = setInterval(() => socket.write(where === "head" ? (text[at++ % text.length] ?? "x") : " "), 20);
        socket.on("close", () => clearInterval(timer));
      });
      expect(await ses(`http://127.0.0.1:${port}`).send(MAIL, [])).toMatchObject({ kind: "in_doubt" });
    });

    it("an answer without end is not kept", async () => {
      const url = await httpServer((_request, response) => {
        response.writeHead(200, { "content-type": "application/json" });
        const more = () => {
          while (!response.destroyed && response.write(Buffer.alloc(65_536, 32)));
        };
        response.on("drain", more);
        more();
      });
      expect(await ses(url, { timeoutMs: 20_000 }).send(MAIL, [])).toMatchObject({
        kind: "in_doubt",
        reason: expect.stringContaining("longer than"),
      });
    });

    it("the account, too", async () => {
      const { port } = await tcpServer((socket) => void socket.write(`${HEAD}{"Send`));
      expect(await ses(`http://127.0.0.1:${port}`).account(200)).toMatchObject({ kind: "in_doubt" });
    });
  });

  describe("what never left is no attempt", () => {
    it("a TLS handshake that does not end", async () => {
      const { port } = await tcpServer(() => undefined);
      const outcome = await ses(`https://127.0.0.1:${port}`).send(MAIL, []);
      expect(outcome).toMatchObject({ kind: "transient", unreachable: true });
    });

    it("a TLS handshake that is broken off", async () => {
      const { port } = await tcpServer((socket) => void socket.destroy());
      const outcome = await ses(`https://127.0.0.1:${port}`, { timeoutMs: 2_000 }).send(MAIL, []);
      expect(outcome).toMatchObject({ kind: "transient", unreachable: true });
    });

    it("an endpoint that speaks no TLS, and one whose certificate nobody knows: somebody has to mend that", async () => {
      const plain = await tcpServer((socket) => void socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
      expect(await ses(`https://127.0.0.1:${plain.port}`, { timeoutMs: 2_000 }).send(MAIL, [])).toMatchObject({
        kind: "halted",
      });
      const tls = createTlsServer(ownCertificate());
      const port = await portOf(tls, new Set());
      expect(await ses(`https://127.0.0.1:${port}`, { timeoutMs: 2_000 }).send(MAIL, [])).toMatchObject({
        kind: "halted",
      });
    });

    it("an endpoint with a certificate that is known is sent to, over one connection", async () => {
      vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
      onTestFinished(() => void vi.unstubAllEnvs());
      const sockets = new Set<Socket>();
      const server = createHttpsServer(ownCertificate(), (request, response) =>
        request.resume().on("end", () => response.end(`{"MessageId":"${request.headers.host}"}`)),
      );
      const port = await portOf(server, sockets);
      const client = ses(`https://localhost:${port}`, { timeoutMs: 10_000 });
      for (let mail = 0; mail < 2; mail++)
        expect(await client.send(MAIL, [])).toEqual({ kind: "sent", sesMessageId: `localhost:${port}` });
      expect(sockets.size).toBe(1);
    });

    it("a TLS record that is damaged", async () => {
      vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0");
      onTestFinished(() => void vi.unstubAllEnvs());
      const { url, downstream } = await damaging();
      const client = ses(url, { timeoutMs: 10_000 });
      expect(await client.send(MAIL, [])).toMatchObject({ kind: "sent" });
      // While nobody uses the connection: it is not used again.
      downstream.inject(Buffer.from("1503030002022f", "hex"));
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(await client.send(MAIL, [])).toMatchObject({ kind: "sent" });
      // In the answer: nobody knows what became of the mail, and that is known at once.
      downstream.isDamaged = true;
      const outcome = await client.send(MAIL, []);
      expect(outcome).toMatchObject({ kind: "in_doubt", reason: expect.not.stringContaining("came to an end") });
    });

    it("nobody listens: the reason names the address, also of a name with two addresses", async () => {
      const { port } = await tcpServer(() => undefined);
      const free = port === 9 ? 10 : 9;
      for (const host of ["127.0.0.1", "localhost"]) {
        expect(await ses(`http://${host}:${free}`, { timeoutMs: 2_000 }).send(MAIL, [])).toMatchObject({
          kind: "transient",
          unreachable: true,
          reason: expect.stringMatching(/connect ECONNREFUSED .*:9/),
        });
      }
    });

    it("credentials that do not come: nothing is sent when they come at last", async () => {
      const { port, connections } = await tcpServer((socket) => void socket.write(ANSWER));
      let give: (value: { accessKeyId: string; secretAccessKey: string }) => void = () => undefined;
      const credentials = () => new Promise((resolve) => (give = resolve));
      const client = ses(`http://127.0.0.1:${port}`, { credentials: credentials as never });
      expect(await client.send(MAIL, [])).toMatchObject({ kind: "transient", unreachable: true });
      give({ accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" });
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(connections()).toBe(0);
    });

    it.each([
      ["127.0.0.1:8025", "without http://"],
      ["localhost:8025", "without http://, with a name"],
      ["foo", "no URL"],
      ["ftp://127.0.0.1", "another protocol"],
      ["http://", "no host"],
    ])("the endpoint %s: %s", async (endpoint) => {
      vi.stubEnv("AWS_ENDPOINT_URL_SESV2", endpoint);
      onTestFinished(() => void vi.unstubAllEnvs());
      const hint = expect.stringContaining("AWS_ENDPOINT_URL_SESV2") as string;
      expect(await ses("", { endpoint: undefined }).send(MAIL, [])).toMatchObject({ kind: "halted", hint });
    });

    it("a header that no request can have", async () => {
      const url = await answering(200, '{"MessageId":"m-1"}');
      const credentials = { accessKeyId: "AKID", secretAccessKey: "s", sessionToken: "a\nb" };
      expect(await ses(url, { credentials }).send(MAIL, [])).toMatchObject({ kind: "halted" });
    });
  });

  describe("an answer that makes no sense", () => {
    it.each<[number, string]>([
      [200, '{"MessageId":{"a":1}}'],
      [200, '{"MessageId":5}'],
      [200, '{"MessageId":""}'],
      [200, '{"MessageId":null}'],
      [200, '{"MessageId":["m"]}'],
      [200, '{"MessageId":"a megabyte"}'],
      [200, '{"MessageId":"a\\u001b[31mb"}'],
      [200, "5"],
      [200, "null"],
      [200, '"text"'],
      [200, "[]"],
      [200, ""],
      [200, "<html>Sign in</html>"],
      [200, '{"__type":"MessageRejected","message":"no"}'],
      [202, "{}"],
      [204, ""],
      [301, ""],
      [304, ""],
      [307, "<html>Moved</html>"],
    ])("%i %s: this message is in doubt", async (status, text) => {
      const body = text.replace("a megabyte", "m".repeat(1_000_000));
      const outcome = await ses(await answering(status, body), { timeoutMs: 5_000 }).send(MAIL, []);
      expect(outcome).toMatchObject({ kind: "in_doubt" });
      expect(outcome.kind === "in_doubt" && outcome.reason.length).toBeLessThan(700);
    });

    it.each(["constructor", "__proto__", "toString", "hasOwnProperty"])(
      "an error type %s is an unknown one",
      async (type) => {
        for (const url of [
          await answering(400, '{"message":"no"}', type),
          await answering(400, JSON.stringify({ message: "no", code: type })),
        ]) {
          const outcome = await ses(url, { timeoutMs: 5_000 }).send(MAIL, []);
          expect(outcome).toMatchObject({ kind: "rejected", unknown: true });
        }
      },
    );

    it("a long text is cut", async () => {
      for (const status of [400, 500]) {
        const url = await answering(status, JSON.stringify({ message: "é🙂".repeat(500_000) }), "MessageRejected");
        const outcome = await ses(url, { timeoutMs: 5_000 }).send(MAIL, []);
        const reason = "reason" in outcome ? outcome.reason : "";
        expect(reason).toMatch(/é🙂/);
        expect(reason.isWellFormed()).toBe(true);
        expect(reason.length).toBeLessThan(1_100);
      }
    });

    it("an account of nonsense has no allowance, and nothing breaks", async () => {
      const body =
        '{"SendQuota":{"MaxSendRate":"fast","Max24HourSend":{"a":1},"SentLast24Hours":null},"EnforcementStatus":7}';
      expect(await ses(await answering(200, body)).account(2_000)).toMatchObject({
        perSecond: 0,
        quota: 0,
        sentLast24Hours: 0,
      });
    });
  });

  describe("a call that may not leave when its connection stands", () => {
    it("is withheld without a byte, and its connection serves the next call", async () => {
      const { port, connections } = await tcpServer((socket) => void socket.write(ANSWER));
      const client = ses(`http://127.0.0.1:${port}`, { timeoutMs: 2_000 });
      let asked = 0;
      // True while the request is made; false when the connection stands.
      expect(await client.send(MAIL, [], undefined, () => asked++ === 0)).toMatchObject({ kind: "withheld" });
      expect(await client.send(MAIL, [])).toEqual({ kind: "sent", sesMessageId: "m-1" });
      expect(connections()).toBe(1);
    });

    it("is withheld without a byte, too, when the connection has served others", async () => {
      const bodies: string[] = [];
      const sockets = new Set<Socket>();
      const server = createHttpServer((request, response) => {
        bodies.push(String(request.headers["content-length"]));
        request.resume().on("end", () => response.end('{"MessageId":"m-1"}'));
      });
      const client = ses(`http://127.0.0.1:${await portOf(server, sockets)}`, { timeoutMs: 2_000 });
      expect(await client.send(MAIL, [])).toMatchObject({ kind: "sent" });
      for (const allowed of [1, 2]) {
        let asked = 0;
        const mayLeave = () => asked++ < allowed;
        expect(await client.send(MAIL, [], undefined, mayLeave)).toMatchObject({ kind: "withheld" });
      }
      expect(await client.send(MAIL, [])).toMatchObject({ kind: "sent" });
      expect([bodies.length, sockets.size]).toEqual([2, 1]);
    });
  });

  describe("connections", () => {
    /** Counts connections, and answers each request as `answer` does. */
    async function counting(answer: RequestListener) {
      const sockets = new Set<Socket>();
      const server = createHttpServer((request, response) =>
        request.resume().on("end", () => answer(request, response)),
      );
      const url = `http://127.0.0.1:${await portOf(server, sockets)}`;
      return { url, sockets, server };
    }

    it("one that the server closes after its answer is given to nobody else", async () => {
      const { url, sockets } = await counting((_, response) =>
        response.writeHead(200, { connection: "close" }).end('{"MessageId":"m-1"}'),
      );
      const client = ses(url, { concurrency: 1, timeoutMs: 5_000 });
      const outcomes = await Promise.all(Array.from({ length: 12 }, () => client.send(MAIL, [])));
      expect(outcomes.map(({ kind }) => kind)).toEqual(Array.from({ length: 12 }, () => "sent"));
      expect(sockets.size).toBe(12);
    });

    it("one that the server closes while nobody uses it is replaced", async () => {
      const { url, sockets, server } = await counting((_, response) => response.end('{"MessageId":"m-1"}'));
      const client = ses(url, { timeoutMs: 5_000 });
      expect(await client.send(MAIL, [])).toMatchObject({ kind: "sent" });
      server.closeIdleConnections();
      await expect.poll(() => [...sockets].every(({ closed }) => closed)).toBe(true);
      // The news of it are on their way.
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(await client.send(MAIL, [])).toMatchObject({ kind: "sent" });
      expect(sockets.size).toBe(2);
    });

    it("one that the server closed while this process stood still: nothing left, and it is an error of the network", async () => {
      const closed = join(await workFolder(), "closed");
      const far = spawn(process.execPath, ["-e", CLOSING, closed], { stdio: ["ignore", "pipe", "inherit"] });
      onTestFinished(() => void far.kill());
      const [line] = (await once(far.stdout, "data")) as [Buffer];
      const handler = createHandler({ maxSockets: 2 });
      onTestFinished(() => handler.destroy());
      const [hostname, port] = ["127.0.0.1", Number(String(line))];
      const request = { protocol: "http:", hostname, port, method: "POST", path: "/", headers: {}, body: "x" };
      await handler.handle(request);
      await new Promise((resolve) => setTimeout(resolve, 20));
      far.kill("SIGUSR2");
      standStillUntil(closed);
      let hasLeft = false;
      const errand = {
        message: () => request,
        mayLeave: () => true,
        onLeaving: () => void (hasLeft = true),
        onDeparted: () => undefined,
      };
      const failed = await handler.exchange(request, errand).answer.catch((error: unknown) => error);
      expect({ code: (failed as { code?: string }).code, hasLeft }).toEqual({ code: "ECONNRESET", hasLeft: false });
    });

    it("no more of them than calls may be in flight, whoever waits", async () => {
      const { url, sockets } = await counting((_, response) => response.end('{"MessageId":"m-1"}'));
      const client = ses(url, { concurrency: 3, timeoutMs: 10_000 });
      const outcomes = await Promise.all(Array.from({ length: 200 }, () => client.send(MAIL, [])));
      expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(["sent"]));
      expect(sockets.size).toBeLessThanOrEqual(5);
    });

    it.each([
      [413, 4_000_000],
      [400, 24_000_000],
    ])(
      "one whose server answers %i before it has read all, and reads no more, keeps nobody up",
      async (status, size) => {
        const answer = `HTTP/1.1 ${status} No\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`;
        const server = createTcpServer((socket) => {
          socket.once("data", (chunk) => {
            const isLarge = /content-length: \d{7}/i.test(String(chunk));
            socket.pause().write(isLarge ? answer : ANSWER);
          });
        });
        const url = `http://127.0.0.1:${await portOf(server, new Set())}`;
        const client = ses(url, { concurrency: 1, timeoutMs: 5_000 });
        const large = { ...MAIL, html: "x".repeat(size) };
        for (let mail = 0; mail < 4; mail++) expect(await client.send(large, [])).toMatchObject({ kind: "rejected" });
        expect(await client.send(MAIL, [])).toEqual({ kind: "sent", sesMessageId: "m-1" });
      },
    );

    it("when none comes to stand, everybody hears of it, also who waited for another one to be free", async () => {
      const { port, connections } = await tcpServer((socket) => void socket.destroy());
      const client = ses(`https://127.0.0.1:${port}`, { concurrency: 1, timeoutMs: 10_000 });
      const outcomes = await Promise.all(Array.from({ length: 9 }, () => client.send(MAIL, [])));
      expect(outcomes.map((outcome) => outcome.kind)).toEqual(Array.from({ length: 9 }, () => "transient"));
      expect(connections()).toBe(9);
    });

    it("none is made any more when the client is closed, and whoever waits hears of it", async () => {
      const { port, connections } = await tcpServer(() => undefined);
      const client = ses(`http://127.0.0.1:${port}`, { concurrency: 1, timeoutMs: 10_000 });
      const outcomes = Promise.all(Array.from({ length: 6 }, () => client.send(MAIL, [])));
      await expect.poll(connections).toBe(3);
      client.close();
      expect(new Set((await outcomes).map(({ kind }) => kind))).toEqual(new Set(["in_doubt", "transient"]));
      expect(await client.send(MAIL, [])).toMatchObject({ kind: "transient" });
      expect(connections()).toBe(3);
    });

    it.each([
      ["103 Early Hints", "Link: </a>\r\n"],
      ["100 Continue", ""],
      ["100 Continue", "Connection: keep-alive\r\nContent-Length: 5\r\n"],
      ["102 Processing", ""],
      ["199 Something", ""],
    ])("%s before the answer, even in pieces or twice, is no answer", async (line, headers) => {
      const early = `HTTP/1.1 ${line}\r\n${headers}\r\n`;
      const server = createTcpServer((socket) => {
        socket.on("data", () => {
          socket.write(early.slice(0, 9));
          setTimeout(() => socket.write(early.slice(9)), 10);
          setTimeout(() => socket.write(early + ANSWER), 20);
        });
      });
      const sockets = new Set<Socket>();
      const client = ses(`http://127.0.0.1:${await portOf(server, sockets)}`, { timeoutMs: 10_000 });
      for (let mail = 0; mail < 3; mail++)
        expect(await client.send(MAIL, [])).toEqual({ kind: "sent", sesMessageId: "m-1" });
      expect(sockets.size).toBe(1);
    });

    it("100 Continue and then a refusal, or the end of the connection: that is what counts", async () => {
      const early = "HTTP/1.1 100 Continue\r\n\r\n";
      const refusing = await tcpServer(
        (socket) => void socket.write(`${early}HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n`),
      );
      expect(await ses(`http://127.0.0.1:${refusing.port}`).send(MAIL, [])).toMatchObject({ kind: "rejected" });
      const ending = await tcpServer((socket) => void socket.end(early));
      expect(await ses(`http://127.0.0.1:${ending.port}`).send(MAIL, [])).toEqual({
        kind: "in_doubt",
        reason: "ECONNRESET: the connection was closed before the answer was there",
      });
    });

    it.each([
      ["with what it wants", "Connection: upgrade\r\nUpgrade: websocket\r\n"],
      ["with nothing more", ""],
    ])("101 Switching Protocols %s is a broken answer", async (_name, headers) => {
      const { port } = await tcpServer(
        (socket) => void socket.write(`HTTP/1.1 101 Switching Protocols\r\n${headers}\r\n${ANSWER}`),
      );
      expect(await ses(`http://127.0.0.1:${port}`, { timeoutMs: 10_000 }).send(MAIL, [])).toEqual({
        kind: "in_doubt",
        reason: "ProtocolError: the server wants to speak another protocol (HTTP 101) instead of answering",
      });
    });

    it.each([
      ["no HTTP", "220 mail.example.com ESMTP\r\n", /^ProtocolError: the answer breaks the rules of HTTP: \S/],
      ["endless headers", `HTTP/1.1 200 OK\r\nX: ${"x".repeat(100_000)}\r\n\r\n`, /its headers are too long$/],
      ["a body that ends early", "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}", /^(?!.*(?:UND_ERR|HPE_|Parser)).+/],
    ])("an answer with %s is a broken one, in words that are nobody's names", async (_name, text, reason) => {
      const { port } = await tcpServer((socket) => void socket.end(text));
      const outcome = await ses(`http://127.0.0.1:${port}`, { timeoutMs: 10_000 }).send(MAIL, []);
      expect(outcome).toEqual({ kind: "in_doubt", reason: expect.stringMatching(reason) });
      expect(JSON.stringify(outcome)).not.toMatch(/UND_ERR|HPE_|HTTPParser/);
    });

    it("a mail has left when the last of it is on its way, not before", async () => {
      let beginToRead: () => void = () => undefined;
      const read = new Promise<void>((resolve) => (beginToRead = resolve));
      const sockets = new Set<Socket>();
      const server = createTcpServer((socket) => {
        socket.pause();
        void read.then(() => {
          let bytes = 0;
          socket.on("data", (chunk: Buffer) => (bytes += chunk.length) > 16_000_000 && socket.write(ANSWER)).resume();
        });
      });
      const client = ses(`http://127.0.0.1:${await portOf(server, sockets)}`, { timeoutMs: 20_000 });
      let departed = 0;
      const sent = client.send({ ...MAIL, html: "x".repeat(16_000_000) }, [], () => departed++);
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect(departed).toBe(0);
      beginToRead();
      expect(await sent).toEqual({ kind: "sent", sesMessageId: "m-1" });
      expect(departed).toBe(1);
    });
  });
});

/** SES over TLS behind something that may change what comes from it. */
async function damaging() {
  const { key, cert } = ownCertificate();
  const tls = createHttpsServer({ key, cert }, (request, response) =>
    request.resume().on("end", () => response.end('{"MessageId":"m-1"}')),
  );
  const inner = await portOf(tls, new Set());
  let last: Socket | null = null;
  const downstream = { isDamaged: false, inject: (bytes: Buffer) => void last?.write(bytes) };
  const outer = createTcpServer((near) => {
    last = near;
    const far = connect(inner, "127.0.0.1");
    far.on("error", () => undefined).on("close", () => near.end());
    near.on("close", () => far.destroy());
    near.pipe(far);
    far.on("data", (bytes: Buffer) => {
      if (downstream.isDamaged) bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
      near.write(bytes);
    });
  });
  return { url: `https://localhost:${await portOf(outer, new Set())}`, downstream };
}

function ownCertificate(): { key: Buffer; cert: Buffer } {
  const folder = mkdtempSync(join(tmpdir(), "ses-mail-tls-"));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", key, "-out", cert], { stdio: "ignore" }); // prettier-ignore
  const files = { key: readFileSync(key), cert: readFileSync(cert) };
  rmSync(folder, { recursive: true });
  return files;
}
