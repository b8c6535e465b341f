import { PassThrough } from "node:stream";
import { expect, it } from "vitest";
import { createLog } from "../../src/serve/request-log.ts";

/** What a log writes to a terminal, or to something else. */
function written(isTTY: boolean): { log: ReturnType<typeof createLog>; text: () => string } {
  const stream = Object.assign(new PassThrough(), { isTTY });
  return { log: createLog(stream, "info"), text: () => String(stream.read() ?? "") };
}

it("writes lines of JSON into a file, and lines for people on a terminal", () => {
  const file = written(false);
  file.log.warn({ sent: 3 }, "sending");
  expect(JSON.parse(file.text())).toMatchObject({ level: 40, sent: 3, msg: "sending" });
  const terminal = written(true);
  terminal.log.warn({ sent: 3, state: "halted", hint: null, why: "no route" }, "nothing gets through");
  expect(terminal.text()).toMatch(
    /^\d\d:\d\d:\d\d WARN {2}nothing gets through {2}sent=3 {2}state=halted {2}why="no route"\n$/,
  );
});

it("indents the stack of an error below its line", () => {
  const { log, text } = written(true);
  log.error({ err: new TypeError("broken") }, "failed");
  expect(text()).toMatch(/^\S+ ERROR failed\n {4}TypeError: broken\n {4}at /);
});

it("foreign text cannot control the terminal", () => {
  const { log, text } = written(true);
  log.info({ path: "/\u001b[31m\u202e" }, "a\u001b]0;title\u0007b\nc");
  log.error({ err: new Error("x\u001b[2J") }, "y");
  const lines = text();
  expect(lines).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202e]/); // eslint-disable-line no-control-regex
  expect(lines).toContain("\\x1b");
});
