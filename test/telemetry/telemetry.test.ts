import { spawnSync } from "node:child_process";
import { cp, mkdir, readFile } from "node:fs/promises";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, onTestFinished, test } from "vitest";
import { UserError } from "../../src/errors.ts";
import { scrubber } from "../../src/telemetry/scrub.ts";
import { startTelemetry } from "../../src/telemetry/start.ts";
import type { Env, Snapshot } from "../../src/telemetry/telemetry.ts";
import { workFolder } from "../support/run.ts";

interface Received {
  path: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** Takes in whatever is posted, answers `status`. */
async function receiver(answer: { status: number } = { status: 200 }) {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const raw = Buffer.concat(chunks);
      const body = request.headers["content-encoding"] === "gzip" ? gunzipSync(raw) : raw;
      received.push({ path: request.url ?? "", headers: request.headers, body });
      response.writeHead(answer.status, { "content-type": "application/json" }).end("{}");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return { port, url: `http://127.0.0.1:${port}`, dsn: `http://publickey@127.0.0.1:${port}/42`, received };
}

function starting(env: Env) {
  const notices: string[] = [];
  const started = startTelemetry(env, { version: "1.2.3", onNotice: (text) => notices.push(text) });
  return { started, notices };
}

async function begin(env: Env) {
  const { started, notices } = starting(env);
  return { telemetry: await started, notices };
}

/** An envelope is lines of JSON: its header, then a header and a payload for each item. */
function itemsOf({ body }: Received) {
  const [, ...lines] = body.toString("utf8").trim().split("\n");
  return lines.flatMap((line, i) => (i % 2 === 0 ? [] : [JSON.parse(line)]));
}

const SNAPSHOT: Snapshot = {
  sender: {
    state: "halted",
    reason: "credentials of bob@example.com expired",
    hint: null,
    perSecond: 12.5,
    run: {
      attempts: 130,
      sent: 100,
      handedOver: 0,
      failed: 7,
      expired: 2,
      inDoubt: 3,
      throttled: 11,
      retried: 5,
      elapsedMs: 1000,
      turns: 9,
      turnMs: 12.5,
      returns: 0,
    },
  },
  pending: 4321,
};

describe("Sentry", () => {
  test("an error arrives with its kind, place and stack", async () => {
    const far = await receiver();
    const { telemetry, notices } = await begin({ SENTRY_DSN: far.dsn, SENTRY_ENVIRONMENT: "staging" });
    const error = Object.assign(new RangeError("no room left"), { code: "SQLITE_FULL" });
    telemetry.captureError(error, { method: "POST", route: "/v1/messages", status: 500 });
    await telemetry.close();

    expect(far.received).toHaveLength(1);
    const [request] = far.received as [Received];
    expect(request.path).toMatch(/^\/api\/42\/envelope\//);
    expect(itemsOf(request)).toEqual([
      expect.objectContaining({
        level: "error",
        platform: "node",
        environment: "staging",
        release: "ses-mail@1.2.3",
        transaction: "POST /v1/messages",
        tags: { method: "POST", route: "/v1/messages", status: 500, code: "SQLITE_FULL" },
      }),
    ]);
    const [{ exception }] = itemsOf(request);
    expect(exception.values).toEqual([expect.objectContaining({ type: "RangeError", value: "no room left" })]);
    expect(exception.values[0].stacktrace.frames.at(-1).filename).toContain("telemetry.test.ts");
    expect(notices).toEqual([]);
  });

  test("no address, token, query or secret leaves, wherever in an error it stands", async () => {
    const far = await receiver();
    const { telemetry } = await begin({
      SENTRY_DSN: far.dsn,
      SES_MAIL_API_KEY: "correct horse battery staple",
      SES_MAIL_SECRET: "only-letters-in-here",
      AWS_SECRET_ACCESS_KEY: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    });
    const text = [
      'Jane <jane.doe@example.com> and "john doe"@example.org and josé@exämple.com at /unsubscribe?email=ann%40example.net',
      "https://hook:pass-word@mail.example.com/u/QmFzZTY0VG9rZW4tMTIzNDU2Nzg5?x=1#frag",
      "/v1/events/open?request_id=Zm9vYmFyLTEyMw.c2lnbmF0dXJl and /u/eyJhIjoxMjM0NTY3ODkwfQ.signature-part",
      "x-api-key: correct horse battery staple, only-letters-in-here, wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
      "    at bob@example.com (/no/frame:1:1)",
    ].join("\n");
    const error = Object.assign(new Error(text), {
      headers: { cookie: "session=cookie-value" },
      body: { emails: ["carol@example.com"] },
      cause: new Error("dave@example.com"),
    });
    telemetry.captureError(error, { method: "GET", route: "/u/:token", status: 500 });
    telemetry.captureError("erin@example.com was thrown", { crash: true });
    telemetry.captureError({ email: "frank@example.com" }, { crash: true });
    await telemetry.close();

    const bytes = far.received
      .map(({ body, headers, path }) => body.toString("utf8") + JSON.stringify(headers) + path)
      .join("\n");
    expect(far.received).toHaveLength(3);
    expect(bytes).toContain("[address]");
    const secrets =
      /jane|john|jos|ann%40|pass-word|QmFz|frag|Zm9v|c2lnb|eyJh|horse|only-letters|wJalr|bob|no\/frame.{0,3}lineno|cookie|carol|dave|erin|frank|example\.(com|org|net)\/u/;
    expect(bytes).not.toMatch(secrets);
  });

  test("a crash is fatal and not handled", async () => {
    const far = await receiver();
    const { telemetry } = await begin({ SENTRY_DSN: far.dsn });
    telemetry.captureError(new TypeError("undefined is not a function"), { crash: true });
    await telemetry.close();
    const [event] = itemsOf(far.received[0] as Received);
    expect(event).toMatchObject({ level: "fatal", environment: "production" });
    expect(event.exception.values[0].mechanism).toEqual({ type: "crash", handled: false });
  });

  test.each([
    ["1", 20],
    ["0", 0],
  ])("with SENTRY_TRACES_SAMPLE_RATE=%s, %d of 20 requests are reported", async (rate, reported) => {
    const far = await receiver();
    const { telemetry } = await begin({ SENTRY_DSN: far.dsn, SENTRY_TRACES_SAMPLE_RATE: rate });
    for (let i = 0; i < 20; i++) {
      telemetry.request({ method: "GET", route: "/v1/topics/:id", status: 200, durationMs: 250 });
    }
    telemetry.request({ method: "GET", route: null, status: 404, durationMs: 1 });
    await telemetry.close();
    const events = far.received.flatMap(itemsOf);
    expect(events).toHaveLength(reported);
    for (const event of events) {
      expect(event).toMatchObject({ type: "transaction", transaction: "GET /v1/topics/:id" });
      expect(event.contexts.trace).toMatchObject({ op: "http.server", data: { "http.response.status_code": 200 } });
      expect(event.timestamp - event.start_timestamp).toBeCloseTo(0.25, 3);
    }
  });

  test("a receiver that refuses, or is not there, is told once and stops nothing", async () => {
    const far = await receiver({ status: 403 });
    const { telemetry, notices } = await begin({ SENTRY_DSN: far.dsn });
    for (let i = 0; i < 3; i++) telemetry.captureError(new Error(`number ${i}`), {});
    await telemetry.close();
    expect(notices).toEqual(["Sentry does not take reports (HTTP 403); they are lost"]);

    const nobody = await begin({ SENTRY_DSN: "http://key@127.0.0.1:1/1" });
    nobody.telemetry.captureError(new Error("lost"), {});
    await nobody.telemetry.close();
    expect(nobody.notices).toHaveLength(1);
    expect(nobody.notices[0]).toMatch(/^Sentry does not take reports \(\w+\); they are lost$/);
  });

  test.each([
    [{ SENTRY_DSN: "sentry.example.com" }, "SENTRY_DSN expects https://<key>@<host>/<project>, got something else"],
    [
      { SENTRY_DSN: "http://k@127.0.0.1:1/1", SENTRY_TRACES_SAMPLE_RATE: "10%" },
      'SENTRY_TRACES_SAMPLE_RATE expects a number from 0 to 1, got "10%"',
    ],
    [
      { SENTRY_DSN: "http://k@127.0.0.1:1/1", SENTRY_TRACES_SAMPLE_RATE: "1.5" },
      'SENTRY_TRACES_SAMPLE_RATE expects a number from 0 to 1, got "1.5"',
    ],
  ])("%j is refused", async (env, message) => {
    await expect(starting(env).started).rejects.toMatchObject({ name: UserError.name, message });
  });
});

describe("OpenTelemetry", () => {
  test("metrics arrive over OTLP, with the last snapshot", async () => {
    const far = await receiver();
    const { telemetry, notices } = await begin({
      OTEL_EXPORTER_OTLP_ENDPOINT: `${far.url}/`,
      OTEL_RESOURCE_ATTRIBUTES: "deployment.environment=blue%20green,service.name=other",
      OTEL_SERVICE_NAME: "mailer",
    });
    telemetry.observe({ ...SNAPSHOT, pending: 1 });
    telemetry.observe(SNAPSHOT);
    telemetry.request({ method: "POST", route: "/v1/messages", status: 200, durationMs: 300 });
    telemetry.request({ method: "POST", route: "/v1/messages", status: 200, durationMs: 100 });
    telemetry.request({ method: "GET", route: null, status: 404, durationMs: 1 });
    telemetry.captureError(new Error("grace@example.com"), {});
    await telemetry.close();

    expect(far.received).toHaveLength(1);
    const [{ path, headers, body }] = far.received as [Received];
    expect(path).toBe("/v1/metrics");
    expect(headers["content-type"]).toBe("application/x-protobuf");
    expect(body.includes("example.com")).toBe(false);
    const { resource, metrics } = readMetrics(body);
    expect(resource).toMatchObject({
      "service.name": "mailer",
      "service.version": "1.2.3",
      "deployment.environment": "blue green",
    });
    expect(metrics).toMatchObject({
      "ses_mail.messages.sent": [{ value: 100 }],
      "ses_mail.messages.failed": [{ value: 7 }],
      "ses_mail.messages.expired": [{ value: 2 }],
      "ses_mail.messages.handed_over": [{ value: 0 }],
      "ses_mail.messages.in_doubt": [{ value: 3 }],
      "ses_mail.messages.retried": [{ value: 5 }],
      "ses_mail.calls.throttled": [{ value: 11 }],
      "ses_mail.messages.pending": [{ value: 4321 }],
      "ses_mail.rate": [{ value: 12.5 }],
      "ses_mail.halted": [{ value: 1 }],
    });
    const requests = metrics["http.server.request.duration"];
    expect(requests?.map(({ attributes }) => attributes)).toEqual([
      { "http.request.method": "POST", "http.response.status_code": "200", "http.route": "/v1/messages" },
      { "http.request.method": "GET", "http.response.status_code": "404" },
    ]);
    expect(requests?.[0]).toMatchObject({ count: 2 });
    expect(requests?.[0]?.sum).toBeCloseTo(0.4, 6);
    expect(notices).toEqual([]);
  });

  test("the endpoint for metrics is taken as it stands", async () => {
    const far = await receiver();
    const { telemetry } = await begin({
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1",
      OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: `${far.url}/otlp/in`,
    });
    telemetry.observe(SNAPSHOT);
    await telemetry.close();
    expect(far.received.map(({ path }) => path)).toEqual(["/otlp/in"]);
  });

  test("a collector that refuses is told once and stops nothing", async () => {
    const far = await receiver({ status: 400 });
    const { telemetry, notices } = await begin({ OTEL_EXPORTER_OTLP_ENDPOINT: far.url });
    telemetry.observe(SNAPSHOT);
    await telemetry.close();
    expect(notices).toEqual(["the OpenTelemetry collector does not take reports (400); they are lost"]);
  });

  test.each([
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: "127.0.0.1:4318" },
      "OTEL_EXPORTER_OTLP_ENDPOINT expects a URL such as http://127.0.0.1:4318, got something else",
    ],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4317", OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" },
      'OTEL_EXPORTER_OTLP_PROTOCOL expects http/protobuf, got "grpc"',
    ],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318", OTEL_METRIC_EXPORT_INTERVAL: "5s" },
      'OTEL_METRIC_EXPORT_INTERVAL expects milliseconds from 1000 to 86400000, got "5s"',
    ],
  ])("%j is refused", async (env, message) => {
    await expect(starting(env).started).rejects.toMatchObject({ name: UserError.name, message });
  });
});

describe("not configured, or not installed", () => {
  /** The compiled telemetry by itself, run by a process of its own. Folders without a package end the search for it. */
  async function runAlone(env: Record<string, string>) {
    const folder = await workFolder();
    const dist = new URL("../../dist/", import.meta.url).pathname;
    const { peerDependencies } = JSON.parse(await readFile(new URL("../../package.json", import.meta.url), "utf8"));
    for (const name of Object.keys(peerDependencies))
      await mkdir(join(folder, "node_modules", name), { recursive: true });
    await cp(join(dist, "telemetry"), join(folder, "telemetry"), { recursive: true });
    await cp(join(dist, "errors.js"), join(folder, "errors.js"));
    await cp(join(dist, "package.json"), join(folder, "package.json"));
    const script = `
      const { startTelemetry } = await import("./telemetry/start.js");
      const telemetry = await startTelemetry(process.env, { version: "1", onNotice: console.log }).catch((error) => {
        console.log(error.name + ": " + error.message + " | " + error.hint);
        process.exit(2);
      });
      telemetry.captureError(new Error("x"), { crash: true });
      telemetry.request({ method: "GET", route: "/", status: 200, durationMs: 1 });
      await telemetry.close();
      console.log("nothing was needed");`;
    const child = spawnSync(process.execPath, ["--input-type=module", "-e", script], {
      cwd: folder,
      env,
      encoding: "utf8",
    });
    return { code: child.status, output: (child.stdout + child.stderr).trim() };
  }

  test("without a variable, or with empty ones, no package is looked for", async () => {
    const nothing = { code: 0, output: "nothing was needed" };
    expect(await runAlone({})).toEqual(nothing);
    expect(await runAlone({ SENTRY_DSN: "", OTEL_EXPORTER_OTLP_ENDPOINT: " " })).toEqual(nothing);
  });

  test("a receiver whose package is missing is refused with the command that installs it", async () => {
    expect(await runAlone({ SENTRY_DSN: "http://key@127.0.0.1:1/1" })).toEqual({
      code: 2,
      output:
        "UserError: SENTRY_DSN is set, but what it needs is not installed beside ses-mail | npm install @sentry/core@11, or unset SENTRY_DSN",
    });
    const otel = await runAlone({ OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1" });
    expect(otel.code).toBe(2);
    expect(otel.output).toContain(
      "npm install @opentelemetry/sdk-metrics@2 @opentelemetry/resources@2 @opentelemetry/exporter-metrics-otlp-proto@0.223",
    );
  });
});

describe("scrub", () => {
  test.each([
    ["plain words stay: SQLITE_CONSTRAINT_PRIMARYKEY in /app/dist/store/sqlite/store.js:12:3", null],
    ["node_modules/@sentry/core stays", null],
    ["mail to a@b.example", "mail to [address]"],
    ["get https://example.com/u/abc?d=e now", "get https://example.com/[path] now"],
    ["get http://user:pw@example.com:8080", "get http://example.com:8080/[path]"],
    ["/v1/events/open?request_id=12", "/v1/events/open?[query]"],
    ["key sk_live_0123456789abcdef", "key [token]"],
    ["id 0100019cadc69a80-e882f9d0-8719-4f02-bf30-000000000001-000000", "id [token]"],
  ])("%s", (text, scrubbed) => {
    expect(scrubber({})(text)).toBe(scrubbed ?? text);
  });

  test("a secret is cut out before the text is shortened, and long texts are answered at once", () => {
    const scrub = scrubber({ SES_MAIL_SECRET: "s e c r e t w o r d s" });
    expect(scrub(`${"x ".repeat(490)}s e c r e t w o r d s`)).toMatch(/\[secret\]$/);
    for (const unit of ["a", "a@", '"', "a1", "a.", "://", "?"])
      expect(scrub(unit.repeat(1_000_000)).length).toBeLessThanOrEqual(1_000);
  });
});

type Field = { field: number; bytes: Buffer; number: number };

/** The wire format of protobuf, which is all that is needed to look into an OTLP request. */
function fieldsOf(bytes: Buffer): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const wire = tag & 7;
    const size = wire === 2 ? varint() : wire === 1 ? 8 : wire === 5 ? 4 : 0;
    const number = wire === 0 ? varint() : 0;
    fields.push({ field: tag >>> 3, bytes: bytes.subarray(at, at + size), number });
    at += size;
  }
  return fields;
}

const inside = (fields: Field[], field: number) =>
  fields.filter((one) => one.field === field).map(({ bytes }) => fieldsOf(bytes));
const first = (fields: Field[], field: number) => fields.find((one) => one.field === field);

/** KeyValue lists: values of all kinds as text. */
function attributesOf(lists: Field[][]): Record<string, string> {
  return Object.fromEntries(
    lists.map((pair) => {
      const [value] = inside(pair, 2).flat();
      return [String(first(pair, 1)?.bytes), value?.field === 3 ? String(value.number) : String(value?.bytes)];
    }),
  );
}

/** opentelemetry/proto/metrics/v1/metrics.proto: numbers of sums and gauges, counts and sums of histograms. */
function readMetrics(body: Buffer) {
  const [resourceMetrics = []] = inside(fieldsOf(body), 1);
  const metrics = inside(resourceMetrics, 2).flatMap((scope) => inside(scope, 2));
  return {
    resource: attributesOf(inside(resourceMetrics, 1).flatMap((resource) => inside(resource, 1))),
    metrics: Object.fromEntries(metrics.map((metric) => [String(first(metric, 1)?.bytes), pointsOf(metric)])),
  };
}

function pointsOf(metric: Field[]) {
  const histogram = inside(metric, 9).flatMap((data) => inside(data, 1));
  const numbers = [5, 7].flatMap((kind) => inside(metric, kind).flatMap((data) => inside(data, 1)));
  return [
    ...numbers.map((point) => ({
      attributes: attributesOf(inside(point, 7)),
      value: first(point, 4)?.bytes.readDoubleLE() ?? Number(first(point, 6)?.bytes.readBigInt64LE()),
      count: 0,
      sum: 0,
    })),
    ...histogram.map((point) => ({
      attributes: attributesOf(inside(point, 9)),
      value: 0,
      count: Number(first(point, 4)?.bytes.readBigUInt64LE()),
      sum: first(point, 5)?.bytes.readDoubleLE() ?? 0,
    })),
  ];
}
