#!/usr/bin/env node
// Starts the program and turns signals into AbortSignals. No other file reads the arguments, the environment, the
// streams or the signals of the process.
const { fstatSync, writeSync } = require("node:fs");
const { enableCompileCache } = require("node:module");
const { Writable } = require("node:stream");

// The AWS SDK warns on stderr under Node 20. ses-mail still supports that version.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= "true";
// Node 22 and later can keep compiled code between runs.
enableCompileCache?.();

const { main } = require("../dist/cli.js");
const { systemClock } = require("../dist/time/clock.js");

const first = new AbortController();
const second = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    if (!first.signal.aborted) return first.abort(signal);
    second.abort(signal);
    // Something may still keep the process alive after a second signal. It gets three seconds.
    setTimeout(() => process.exit(signal === "SIGINT" ? 130 : 143), 3000).unref();
  });
}

// A folder that was deleted is still the one we work in, and has no name.
function workingFolder() {
  try {
    return process.cwd();
  } catch (error) {
    writeSync(2, `ses-mail: the working folder is gone or cannot be reached (${error.code}); cd to another one\n`);
    process.exit(2);
  }
}

// Node's own stream for a file believes that a write the disk cut short was a whole one.
const fileOutput = new Writable({
  write(chunk, _encoding, done) {
    try {
      for (let at = 0; at < chunk.length;) at += writeSync(1, chunk, at);
      done();
    } catch (error) {
      done(error);
    }
  },
});

const io = {
  // Made when it is read: most commands read nothing.
  get stdin() {
    return process.stdin;
  },
  stdout: fstatSync(1).isFile() ? fileOutput : process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: workingFolder(),
  signal: first.signal,
  hardSignal: second.signal,
  clock: systemClock,
};
// What never settles must not look like an end.
process.exitCode = 70;
// All that was written has been accepted. Sockets that are kept open for the next call would keep the process alive.
void main(process.argv.slice(2), io).then((code) => process.exit(code));
