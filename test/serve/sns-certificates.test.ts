/** Signing certificates: which are good, and how often Amazon is asked. */
import type { RequestListener } from "node:http";
import { createServer } from "node:https";
import { createServer as createTcpServer, type AddressInfo, type Server } from "node:net";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type Certificates, createCertificates } from "../../src/serve/sns/certificates.ts";
import { type HttpsAnswer, httpsGet } from "../../src/serve/sns/https-get.ts";
import { SnsRefusal } from "../../src/serve/sns/refusal.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { CERT_URL, type CertificateOptions, HOST, signer, type Signer } from "./sns.ts";

const ok = (body: string): HttpsAnswer => ({ status: 200, body });
const url = (n: number) => `${HOST}/SimpleNotificationService-${String(n).padStart(32, "0")}.pem`;

function certificates(answer: (url: string) => HttpsAnswer | Promise<HttpsAnswer>) {
  const clock = new ManualClock();
  const asked: string[] = [];
  const found = createCertificates(async (url) => {
    asked.push(url);
    return answer(url);
  }, clock);
  return { ...found, clock, asked };
}

/** 200, or the status of the refusal. */
async function statusOf({ keyOf }: Pick<Certificates, "keyOf">, url = CERT_URL): Promise<number> {
  try {
    await keyOf(url);
    return 200;
  } catch (error) {
    if (error instanceof SnsRefusal) return error.status;
    throw error;
  }
}

let amazon: Signer;
beforeAll(async () => {
  amazon = await signer();
});

describe("a certificate", () => {
  it("gives its key", async () => {
    const { keyOf } = certificates(() => ok(amazon.cert));
    expect((await keyOf(CERT_URL)).equals(amazon.publicKey)).toBe(true);
  });

  it.each<[string, number, CertificateOptions]>([
    ["of a younger region", 200, { name: "sns-signing.me-south-1.amazonaws.com" }],
    ["of GovCloud", 200, { name: "sns-us-gov-west-1.amazonaws.com" }],
    ["of China", 200, { name: "sns-cn-north-1.amazonaws.com.cn" }],
    ["with 3072 bits", 200, { keySize: 3072 }],
    ["that is over", 403, { until: Date.UTC(2026, 8, 30) }],
    ["that has not begun", 403, { from: Date.UTC(2026, 9, 2) }],
    ["of somebody else", 403, { name: "mail.example.com" }],
    ["of a host that looks alike", 403, { name: "sns.amazonaws.com.evil.example" }],
    ["of a host that ends alike", 403, { name: "evil-sns.amazonaws.com" }],
    ["of an authority", 403, { ca: true }],
    ["with a weak key", 403, { keySize: 1024 }],
    ["with a key that is not RSA", 403, { keyType: "ec" }],
  ])("%s: %i", async (_, status, options) => {
    const { cert } = await signer(options);
    expect(await statusOf(certificates(() => ok(cert)))).toBe(status);
  });

  it("that ran out while it was kept is refused", async () => {
    const found = certificates(() => ok(amazon.cert));
    expect(await statusOf(found)).toBe(200);
    found.clock.pass(100 * 86_400_000);
    expect(await statusOf(found)).toBe(403);
    expect(found.asked).toHaveLength(1);
  });

  it.each<[string, number, () => HttpsAnswer | Promise<HttpsAnswer>]>([
    ["is not there", 403, () => ({ status: 404, body: "" })],
    ["may not be had", 403, () => ({ status: 403, body: "" })],
    ["is elsewhere", 403, () => ({ status: 302, body: "" })],
    ["is asked for too often", 503, () => ({ status: 429, body: "" })],
    ["cannot be had now", 503, () => ({ status: 500, body: "" })],
    ["is no certificate", 503, () => ok("<html>log in first</html>")],
    ["is nothing", 503, () => ok("")],
    ["cannot be reached", 503, () => Promise.reject(new Error("ECONNREFUSED"))],
  ])("that %s: %i, and is not asked for again for half a minute", async (_, status, answer) => {
    let now = answer;
    const found = certificates(() => now());
    expect(await statusOf(found)).toBe(status);
    now = () => ok(amazon.cert);
    found.clock.pass(29_000);
    expect(await statusOf(found)).toBe(status);
    expect(found.asked).toHaveLength(1);
    found.clock.pass(1_001);
    expect(await statusOf(found)).toBe(200);
    expect(await statusOf(found)).toBe(200);
    expect(found.asked).toHaveLength(2);
  });
});

describe("Amazon is not asked", () => {
  it("twice at the same time, also when the answer is bad", async () => {
    const found = certificates(() => ({ status: 404, body: "" }));
    expect(await Promise.all([1, 2, 3].map(() => statusOf(found)))).toEqual([403, 403, 403]);
    expect(found.asked).toHaveLength(1);
  });

  it("for more than four certificates at once", async () => {
    const waiting: ((answer: HttpsAnswer) => void)[] = [];
    const found = certificates(() => new Promise((resolve) => waiting.push(resolve)));
    const answers = [1, 2, 3, 4, 5].map((n) => statusOf(found, url(n)));
    expect(await answers[4]).toBe(503);
    for (const answer of waiting) answer(ok(amazon.cert));
    expect(await Promise.all(answers)).toEqual([200, 200, 200, 200, 503]);
    const again = statusOf(found, url(5));
    expect(found.asked).toHaveLength(5);
    waiting.at(-1)?.(ok(amazon.cert));
    expect(await again).toBe(200);
  });

  it("for more than twenty a minute that do not exist, and what is known stays good", async () => {
    const found = certificates((asked) => (asked === CERT_URL ? ok(amazon.cert) : { status: 404, body: "" }));
    expect(await statusOf(found)).toBe(200);
    for (let n = 0; n < 500; n++) await statusOf(found, url(n));
    expect(found.asked).toHaveLength(21);
    expect(await statusOf(found, url(999))).toBe(503);
    expect(await statusOf(found)).toBe(200);
    found.clock.pass(60_001);
    expect(await statusOf(found, url(999))).toBe(403);
  });

  it("for one it has told, while strangers name a thousand others", async () => {
    const found = certificates(() => ok(amazon.cert));
    for (let n = 0; n < 1_000; n++) {
      await statusOf(found, url(n));
      if (n % 50 === 0) await statusOf(found);
    }
    expect(found.asked.filter((asked) => asked === CERT_URL)).toHaveLength(1);
  });
});

describe("asking over https", () => {
  async function listening(server: Server): Promise<string> {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    return `https://localhost:${(server.address() as AddressInfo).port}/`;
  }

  async function serving(answer: RequestListener) {
    const { privateKey, cert } = await signer({ name: "localhost", until: Date.UTC(2100, 0, 1), from: 0 });
    const key = privateKey.export({ type: "pkcs8", format: "pem" });
    let requests = 0;
    const server = createServer({ key, cert }, (request, response) => {
      requests++;
      answer(request, response);
    });
    onTestFinished(() => server.closeAllConnections());
    return { url: await listening(server), ca: cert, requests: () => requests };
  }

  it("gives status and body, also of what it could be led away by", async () => {
    const { url, ca, requests } = await serving((_, response) =>
      response.writeHead(302, { location: "/elsewhere" }).end("hello"),
    );
    expect(await httpsGet(url, { ca })).toEqual({ status: 302, body: "hello" });
    expect(requests()).toBe(1);
  });

  it("wants a certificate that this machine trusts", async () => {
    const { url, requests } = await serving((_, response) => response.end("hello"));
    await expect(httpsGet(url)).rejects.toThrow(/certificate/);
    expect(requests()).toBe(0);
  });

  it("takes no more than 64 KB", async () => {
    const { url, ca } = await serving((_, response) => response.end("a".repeat(65_537)));
    await expect(httpsGet(url, { ca })).rejects.toThrow("larger than 65536 bytes");
  });

  it("waits for no answer, and no end of one, for ever", async () => {
    const silent = await serving(() => undefined);
    await expect(httpsGet(silent.url, { ca: silent.ca, timeLimitMs: 100 })).rejects.toThrow(/abort/);
    const slow = await serving((_, response) => void response.write("a"));
    await expect(httpsGet(slow.url, { ca: slow.ca, timeLimitMs: 100 })).rejects.toThrow(/abort/);
  });

  it("rejects when the other side hangs up, or is not there", async () => {
    const url = await listening(createTcpServer((socket) => void socket.destroy()));
    await expect(httpsGet(url)).rejects.toThrow(/ECONNRESET|disconnected/);
    await expect(httpsGet("https://127.0.0.1:1/")).rejects.toThrow("ECONNREFUSED");
  });
});
