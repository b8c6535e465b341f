import { mkdtemp, readFile, readdir, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { SendEmailCommand, SESv2Client, type SendEmailCommandInput } from "@aws-sdk/client-sesv2";
import { onTestFinished } from "vitest";

import type { Clock } from "../../src/time/clock.ts";
import { startSandbox, type Sandbox, type SandboxOptions } from "../../src/sandbox/server.ts";

/** A clock that stands still until it is told to move. Sleeping moves it. */
export class TestClock implements Clock {
  ms = Date.UTC(2026, 0, 1);
  now = () => Math.floor(this.ms);
  monotonic = () => this.ms;
  sleep = async (ms: number) => {
    this.ms += ms;
  };
}

export interface Endpoint {
  sandbox: Sandbox;
  client: SESv2Client;
  folder: string;
  outbox: string;
  events: string;
  log: string;
}

/** A sandbox with everything switched on in a folder of its own, and the real SDK client pointed at it. */
export async function endpoint(options: Partial<SandboxOptions> = {}): Promise<Endpoint> {
  const folder = await mkdtemp(join(tmpdir(), "ses-sandbox-"));
  const [outbox, events, log] = [join(folder, "outbox"), join(folder, "events.ndjson"), join(folder, "calls.ndjson")];
  const sandbox = await startSandbox({
    port: 0,
    rate: 1000,
    quota: -1,
    latencyMs: 0,
    faults: [],
    outbox,
    events,
    log,
    ...options,
  });
  const client = clientOf(sandbox);
  onTestFinished(async () => {
    client.destroy();
    await sandbox.close();
    await rm(folder, { recursive: true, maxRetries: 20, retryDelay: 100 });
  });
  return { sandbox, client, folder, outbox, events, log };
}

export function clientOf(sandbox: Sandbox): SESv2Client {
  return new SESv2Client({
    endpoint: sandbox.url,
    region: "us-east-1",
    maxAttempts: 1,
    credentials: { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "secret" },
    // A busy machine answers late. One test waits for it.
    requestHandler: { requestTimeout: 3_000, throwOnRequestTimeout: true },
  });
}

export function mailTo(to: string | string[], more: Partial<SendEmailCommandInput> = {}): SendEmailCommandInput {
  return {
    FromEmailAddress: "News <news@example.com>",
    Destination: { ToAddresses: [to].flat() },
    Content: { Simple: { Subject: { Data: "Hello" }, Body: { Text: { Data: "Hi" } } } },
    ...more,
  };
}

export function send(client: SESv2Client, input: SendEmailCommandInput) {
  return client.send(new SendEmailCommand(input));
}

/** What an SDK call ended in: `200`, or the error's name, status and text. */
export async function outcome(
  call: Promise<unknown>,
): Promise<{ name: string; status: number | undefined; message: string }> {
  try {
    await call;
    return { name: "none", status: 200, message: "" };
  } catch (error) {
    const { name, message, $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } };
    return { name, status: $metadata?.httpStatusCode, message };
  }
}

// oxlint-disable-next-line typescript/no-explicit-any -- the tests look into JSON of many shapes
type Json = any;

export async function ndjson(path: string): Promise<Json[]> {
  const text = await readFile(path, "utf8");
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

/** The SES events of an events file, out of their envelopes. */
export async function innerEvents(path: string): Promise<Json[]> {
  return (await ndjson(path)).map((envelope) => JSON.parse(envelope.Message as string));
}

const { simpleParser } = createRequire(import.meta.url)("mailparser") as {
  simpleParser(this: void, source: Buffer): Promise<Json>;
};

export async function readOutbox(folder: string): Promise<{ name: string; source: string; mail: Json }[]> {
  // With `recursive`, an outbox with a folder for each topic is read as well.
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith(".eml")).sort();
  return Promise.all(
    names.map(async (name) => {
      const bytes = await readFile(join(folder, name));
      return { name, source: bytes.toString("utf8"), mail: await simpleParser(bytes) };
    }),
  );
}
