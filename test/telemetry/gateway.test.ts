/** What the gateway tells receivers outside: of requests, and when it ends. */
import Fastify from "fastify";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { StoppedError } from "../../src/errors.ts";
import { answerError, Refusal } from "../../src/serve/errors.ts";
import { type Observer, observeRequests } from "../../src/serve/observe.ts";
import { workFolder } from "../support/run.ts";
import { API_KEY, serve } from "../support/serve.ts";

async function observed(handler: () => never) {
  const captured: Parameters<Observer["captureError"]>[] = [];
  const requests: Parameters<Observer["request"]>[0][] = [];
  const app = Fastify();
  onTestFinished(() => app.close());
  observeRequests(app, {
    captureError: (...call) => void captured.push(call),
    request: (facts) => void requests.push(facts),
  });
  app.setErrorHandler(answerError);
  app.get("/v1/topics/:id", handler);
  const { statusCode } = await app.inject("/v1/topics/june?token=x");
  return { statusCode, captured, requests };
}

test("a bug is reported with the pattern of its route and the status it was answered with", async () => {
  const error = new TypeError("undefined is not a function");
  const { statusCode, captured, requests } = await observed(() => {
    throw error;
  });
  const facts = { method: "GET", route: "/v1/topics/:id", status: 500 };
  expect(statusCode).toBe(500);
  expect(captured).toEqual([[error, facts]]);
  expect(requests).toEqual([{ ...facts, durationMs: expect.any(Number) }]);
});

test.each([
  ["a full disk", new StoppedError("no space left"), 503],
  ["a gateway without a sender", new Refusal(503, "this gateway has no sender"), 503],
  ["a mistake of the client", new Refusal(400, "no messages"), 400],
])("%s is none", async (_what, error, status) => {
  const { statusCode, captured, requests } = await observed(() => {
    throw error;
  });
  expect(statusCode).toBe(status);
  expect(captured).toEqual([]);
  expect(requests).toHaveLength(1);
});

test("a request that matches no route has no route", async () => {
  const requests: Parameters<Observer["request"]>[0][] = [];
  const app = Fastify();
  onTestFinished(() => app.close());
  observeRequests(app, { captureError: () => undefined, request: (facts) => void requests.push(facts) });
  await app.inject("/u/a-token-of-somebody");
  expect(requests).toEqual([{ method: "GET", route: null, status: 404, durationMs: expect.any(Number) }]);
});

test("the gateway hands over what it measured when it ends, and nothing that is secret", async () => {
  const bodies: Buffer[] = [];
  const far = createServer((request, response) => {
    request.on("data", (chunk: Buffer) => bodies.push(chunk));
    request.on("end", () => response.end());
  });
  await new Promise<void>((resolve) => far.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    far.close();
    far.closeAllConnections();
  });
  const { port } = far.address() as AddressInfo;
  const gateway = await serve(await workFolder(), ["--sandbox"], {
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      SENTRY_DSN: `http://key@127.0.0.1:${port}/1`,
      SENTRY_TRACES_SAMPLE_RATE: "1",
    },
  });
  const message = { topic_id: "secret topic", emails: ["ann@example.com"], subject: "s", content: "<p>x</p>" };
  expect(await gateway.post("/v1/messages", { messages: [message] })).toMatchObject({ status: 200 });
  await gateway.get("/v1/topics/secret%20topic");
  gateway.running.kill("SIGTERM");
  expect(await gateway.running.finished).toMatchObject({ code: 0 });
  const received = Buffer.concat(bodies).toString("latin1");
  for (const told of ["ses_mail.messages.sent", "http.server.request.duration", "/v1/topics/:id", "POST /v1/messages"])
    expect(received).toContain(told);
  expect(received).not.toMatch(new RegExp(`${API_KEY}|ann@|secret topic|secret%20topic`));
});

test("asked to report where that is not understood, it does not start", async () => {
  const folder = await workFolder();
  await expect(serve(folder, ["--sandbox"], { env: { SENTRY_DSN: "sentry.example.com" } })).rejects.toThrow(
    "SENTRY_DSN expects https://<key>@<host>/<project>, got something else; Sentry shows it under Client Keys (DSN)",
  );
});
