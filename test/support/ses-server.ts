/** A receiver that outlives the clients: SES as the sandbox plays it, inside the test's own process. */
import { closeSync, existsSync, openSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { LoggedCall } from "../../src/sandbox/call-log.ts";
import { parseFault } from "../../src/sandbox/faults.ts";
import { type Sandbox, type SandboxOptions, startSandbox } from "../../src/sandbox/server.ts";
import { until } from "./run.ts";

export interface SesServer {
  sandbox: Sandbox;
  /** Points a client at it. */
  env: { AWS_ENDPOINT_URL_SESV2: string };
  outbox: string;
  events: string;
  /** Resolves when `events` tells of every mail that was accepted: they are published a moment after the answer. */
  eventsAreIn(): Promise<void>;
  /** Every send call so far, in the order it was decided. */
  calls(): LoggedCall[];
  /** The addresses whose mail was accepted, one entry for each acceptance. */
  received(): string[];
  /** When each accepted recipient came in, monotonic ms, in order. */
  arrivals(): number[];
}

/** Accepts everything as fast as it comes, unless told otherwise. */
export async function sesServer(
  folder: string,
  options: Partial<Omit<SandboxOptions, "faults">> & { faults?: string[] } = {},
): Promise<SesServer> {
  const log = join(folder, "calls.ndjson");
  const [outbox, events] = [join(folder, "outbox"), join(folder, "events.ndjson")];
  const sandbox = await startSandbox({
    port: 0,
    rate: 100_000,
    quota: -1,
    latencyMs: 0,
    outbox: null,
    events: null,
    log,
    ...options,
    faults: (options.faults ?? []).map(parseFault),
  });
  onTestFinished(() => sandbox.close());
  const calls = linesOf<LoggedCall>(log);
  const accepted = () => calls().filter((call) => call.accepted > 0);
  const areIn = () => {
    const told = existsSync(events) ? readFileSync(events, "utf8") : "";
    return accepted().every((call) => call.message_ids.every((id) => told.includes(id)));
  };
  return {
    sandbox,
    env: { AWS_ENDPOINT_URL_SESV2: sandbox.url },
    outbox,
    events,
    eventsAreIn: () => until(areIn, "the events of SES"),
    calls,
    received: () => accepted().flatMap((call) => call.to),
    arrivals: () =>
      accepted()
        .map((call) => call.monotonic)
        .sort((a, b) => a - b),
  };
}

/** Reads a file of JSON lines that grows. Tests ask for it every few milliseconds, so only what is new is read. */
function linesOf<T>(file: string): () => T[] {
  const lines: T[] = [];
  const buffer = Buffer.alloc(65_536);
  let [at, rest] = [0, Buffer.alloc(0)];
  return () => {
    if (!existsSync(file)) return [];
    const handle = openSync(file, "r");
    for (let length = 1; length > 0; at += length) {
      length = readSync(handle, buffer, 0, buffer.length, at);
      rest = Buffer.concat([rest, buffer.subarray(0, length)]);
      const end = rest.lastIndexOf("\n") + 1;
      const text = rest.subarray(0, end).toString("utf8");
      for (const line of text.split("\n")) if (line !== "") lines.push(JSON.parse(line) as T);
      rest = rest.subarray(end);
    }
    closeSync(handle);
    return [...lines];
  };
}

/** The most of `instants` (ms, ascending) that any window of `windowMs` holds. */
export function mostInAnyWindow(instants: number[], windowMs = 1000): number {
  let most = 0;
  for (let from = 0, to = 0; to < instants.length; to++) {
    while (from < to && (instants[to] ?? 0) - (instants[from] ?? 0) >= windowMs) from++;
    most = Math.max(most, to - from + 1);
  }
  return most;
}

export function duplicates(values: string[]): string[] {
  const seen = new Set<string>();
  return values.filter((value) => seen.size === seen.add(value).size);
}
