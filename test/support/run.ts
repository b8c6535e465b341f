/**
 * The program as users meet it, in a folder of its own and with nothing of the developer's environment. `run` calls it
 * inside the test's own process, which is quick. `start` and `runProcess` start a real one, for what only a process has:
 * signals, crashes, pipes, locks, several at once, its start and its end.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { isDeepStrictEqual } from "node:util";
import { onTestFinished, TestRunner } from "vitest";
import type { Io } from "../../src/io.ts";
import { type Clock, systemClock } from "../../src/time/clock.ts";
import { placed } from "./place.ts";

/** As bin/ sets it. */
const QUIET = { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true" };
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
}

export interface InProcessOptions extends RunOptions {
  /** Default: the machine's. */
  clock?: Clock;
  /** All three streams are terminals of 80 columns. */
  tty?: boolean;
}

export interface ProcessOptions extends RunOptions {
  /** Leaves stdin open behind it, like a pipe whose writer has nothing more to say for now. */
  holdStdin?: boolean;
  /** Runs it through `sh -c` with `$SES_MAIL` standing for the program. */
  shell?: string;
}

/** A new folder that is gone when the test is. */
export async function workFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "ses-mail-"));
  // A process that was just killed may still write its last file there.
  onTestFinished(() => rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }));
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

/** Runs `ses-mail <args>` in `folder` to its end, in this process. Two at once must be of one folder and one environment. */
export async function run(folder: string, args: string[], options: InProcessOptions = {}): Promise<Finished> {
  // Loaded here, because many tests need a folder and no program.
  const { main } = await import("../../src/cli.ts");
  const here = placed(folder, { args, env: { ...QUIET, ...cleanEnv(folder), ...options.env } });
  const leave = enter({ env: here.env, cwd: folder });
  const { io, stdout, stderr } = surroundings(folder, options);
  try {
    return result(await main(here.args, io), null, stdout(), stderr());
  } finally {
    leave();
  }
}

function surroundings(folder: string, options: InProcessOptions) {
  const screen = options.tty === true ? { isTTY: true, columns: 80 } : {};
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const never = new AbortController().signal;
  const io: Io = {
    stdin: Object.assign(stdin, screen),
    stdout: Object.assign(stdout, screen),
    stderr: Object.assign(stderr, screen),
    env: process.env,
    cwd: folder,
    signal: new AbortController().signal,
    hardSignal: never,
    clock: options.clock ?? systemClock,
  };
  stdin.end(options.stdin ?? "");
  return { io, stdout: gather(stdout), stderr: gather(stderr) };
}

interface Surroundings {
  env: NodeJS.ProcessEnv;
  cwd: string;
}

let entered: { here: Surroundings; before: Surroundings; count: number } | null = null;

/**
 * Makes `here` the environment and the working directory of this process until the result is called, because not only the
 * program looks there: the AWS SDK and the file system do. Throws while others hold.
 */
function enter(here: Surroundings): () => void {
  if (entered === null) {
    entered = { here, before: { env: process.env, cwd: process.cwd() }, count: 0 };
    process.env = { ...here.env };
    process.chdir(here.cwd);
  }
  if (!isDeepStrictEqual(entered.here, here)) throw new Error("two folders or environments at once: use runProcess");
  entered.count++;
  return () => {
    if (entered === null || --entered.count > 0) return;
    process.env = entered.before.env;
    process.chdir(entered.before.cwd);
    entered = null;
  };
}

/** The machine's clock as it will be in `ms`. */
export function ahead(ms: number): Clock {
  return { ...systemClock, now: () => systemClock.now() + ms };
}

/** Starts `ses-mail <args>` in `folder`; killed with the test if it still runs then. */
export function start(folder: string, args: string[], options: ProcessOptions = {}): Running {
  const { args: words, env } = placed(folder, { args, env: { ...cleanEnv(folder), ...options.env } });
  const child =
    options.shell === undefined
      ? spawn(process.execPath, [BIN, ...words], { cwd: folder, env })
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

/** Runs `ses-mail <args>` in `folder` to its end, in a process of its own. */
export function runProcess(folder: string, args: string[], options: ProcessOptions = {}): Promise<Finished> {
  return start(folder, args, options).finished;
}

/**
 * Waits until `condition` holds, looking every few milliseconds. Just before the test's own time limit it fails and says
 * that it waited for `what`: an emergency brake, no measure of anything.
 */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const test = TestRunner.getCurrentTest();
  const end = (test?.result?.startTime ?? Date.now()) + (test?.timeout ?? 30_000) - 1_000;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`waited for ${what} until the test's time was up`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
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
