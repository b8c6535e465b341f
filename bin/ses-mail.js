#!/usr/bin/env node
// Starts the program and turns signals into AbortSignals. The only place that touches `process`.
import module from "node:module";
import process from "node:process";

// The AWS SDK warns on stderr under Node 20; we know, and support it.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= "true";
// Node 22 and later can keep compiled code between runs.
module.enableCompileCache?.();

const { main } = await import("../dist/cli.js");
const { systemClock } = await import("../dist/time/clock.js");

const first = new AbortController();
const second = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    if (!first.signal.aborted) return first.abort(signal);
    second.abort(signal);
    // Whatever still holds the process after a second signal does not get to keep it.
    setTimeout(() => process.exit(signal === "SIGINT" ? 130 : 143), 3000).unref();
  });
}

process.exitCode = await main(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: process.cwd(),
  signal: first.signal,
  hardSignal: second.signal,
  clock: systemClock,
});
// Sockets kept alive for a next call must not keep the process.
const { stdout } = process;
if (stdout.writableLength > 0) stdout.once("drain", () => process.exit());
else process.exit();
