import { tmpdir } from "node:os";
import { PassThrough } from "node:stream";
import type { Clock } from "../../src/time/clock.ts";
import type { Io } from "../../src/io.ts";

export interface FakeIo {
  io: Io;
  /** What the user types, or pipes in. */
  stdin: PassThrough;
  /** What was written so far. */
  stdout: () => string;
  stderr: () => string;
  /** Lets time pass. */
  pass: (ms: number) => void;
  /** The first SIGINT. */
  interrupt: () => void;
}

/** Surroundings of the program without a process. `tty` makes all three streams terminals of 80 columns. */
export function fakeIo(options: { tty?: boolean; env?: Record<string, string>; cwd?: string } = {}): FakeIo {
  const abort = new AbortController();
  const clock = fakeClock();
  const screen = options.tty === true ? { isTTY: true, columns: 80 } : {};
  const stdin = Object.assign(new PassThrough(), screen);
  const [stdout, stderr] = [recorder(), recorder()];
  return {
    io: {
      stdin,
      stdout: Object.assign(stdout.stream, screen),
      stderr: Object.assign(stderr.stream, screen),
      env: options.env ?? {},
      cwd: options.cwd ?? tmpdir(),
      signal: abort.signal,
      hardSignal: new AbortController().signal,
      clock,
    },
    stdin,
    stdout: stdout.text,
    stderr: stderr.text,
    pass: (ms) => clock.pass(ms),
    interrupt: () => abort.abort("SIGINT"),
  };
}

function recorder(): { stream: PassThrough; text: () => string } {
  const chunks: Buffer[] = [];
  const stream = new PassThrough();
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  return { stream, text: () => Buffer.concat(chunks).toString("utf8") };
}

function fakeClock(): Clock & { pass(ms: number): void } {
  let elapsed = 0;
  return {
    now: () => Date.parse("2026-10-01T00:00:00Z") + elapsed,
    monotonic: () => elapsed,
    sleep: async (ms) => {
      elapsed += ms;
    },
    pass: (ms) => {
      elapsed += ms;
    },
  };
}
