/** The program as users meet it: a real process, in a folder of its own, with nothing of the developer's environment. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

const BIN = new URL("../../bin/ses-mail.js", import.meta.url).pathname;

// oxlint-disable-next-line typescript/no-explicit-any -- the tests look into JSON of many shapes
export type Json = any;

export interface Finished {
  /** Null when a signal ended it. */
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  /** Stdout as JSON; throws with all that was written when it is none. */
  readonly json: Json;
}

export interface Running {
  child: ChildProcess;
  stdout(): string;
  stderr(): string;
  kill(signal: NodeJS.Signals): void;
  finished: Promise<Finished>;
}

export interface RunOptions {
  env?: Record<string, string>;
  stdin?: string | Buffer;
  /** Leaves stdin open behind it, like a pipe whose writer has nothing more to say for now. */
  holdStdin?: boolean;
  /** Runs it through `sh -c` with `$SES_MAIL` standing for the program. */
  shell?: string;
}

/** A new folder that is gone when the test is. */
export async function workFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "ses-mail-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Nothing in it reaches Amazon: without an endpoint of the test's own, calls go to a port where nobody listens. */
export function cleanEnv(folder: string): Record<string, string> {
  return {
    PATH: process.env["PATH"] ?? "",
    HOME: folder,
    TZ: "UTC",
    TMPDIR: tmpdir(),
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
    AWS_SECRET_ACCESS_KEY: "secret",
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_ENDPOINT_URL_SESV2: "http://127.0.0.1:1",
  };
}

/** Starts `ses-mail <args>` in `folder`; killed with the test if it still runs then. */
export function start(folder: string, args: string[], options: RunOptions = {}): Running {
  const env = { ...cleanEnv(folder), ...options.env };
  const child =
    options.shell === undefined
      ? spawn(process.execPath, [BIN, ...args], { cwd: folder, env })
      : spawn("sh", ["-c", options.shell], { cwd: folder, env: { ...env, SES_MAIL: `${process.execPath} ${BIN}` } });
  const [stdout, stderr] = [gather(child.stdout), gather(child.stderr)];
  // A program that does not read its input closes it: no concern of the test.
  child.stdin.on("error", () => undefined);
  child.stdin.write(options.stdin ?? "");
  if (!options.holdStdin) child.stdin.end();
  const finished = new Promise<Finished>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve(result(code, signal, stdout(), stderr())));
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  return { child, stdout, stderr, kill: (signal) => void child.kill(signal), finished };
}

/** Runs `ses-mail <args>` in `folder` to its end. */
export function run(folder: string, args: string[], options: RunOptions = {}): Promise<Finished> {
  return start(folder, args, options).finished;
}

/** Waits until `condition` holds, looking every few milliseconds. The test's own time limit ends it otherwise. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
}

function gather(stream: NodeJS.ReadableStream | null): () => string {
  const chunks: Buffer[] = [];
  stream?.on("data", (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString("utf8");
}

function result(code: number | null, signal: NodeJS.Signals | null, stdout: string, stderr: string): Finished {
  return {
    code,
    signal,
    stdout,
    stderr,
    get json(): Json {
      try {
        return JSON.parse(stdout);
      } catch {
        throw new Error(`expected JSON on stdout (exit ${code}), got:\n${stdout}\nstderr:\n${stderr}`);
      }
    },
  };
}
