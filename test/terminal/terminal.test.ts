import { readFileSync } from "node:fs";
import { Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { undated } from "../support/expected.ts";
import { InterruptedError } from "../../src/errors.ts";
import { resultWritten } from "../../src/terminal/pipes.ts";
import { createTerminal, type Terminal, type TerminalOptions } from "../../src/terminal/terminal.ts";
import { fakeIo, type FakeIo } from "../support/fake-io.ts";
import { screenOf } from "../support/screen.ts";

const OPTIONS: TerminalOptions = { json: false, quiet: false, verbose: false, color: false };

async function open(
  io: Parameters<typeof fakeIo>[0] = {},
  options: Partial<TerminalOptions> = {},
): Promise<FakeIo & { terminal: Terminal }> {
  const fake = fakeIo(io);
  return { ...fake, terminal: await createTerminal(fake.io, { ...OPTIONS, ...options }) };
}

const EVIL = "\u001b[2Jbreaking\nnews\u202e";

describe("text from outside cannot reach the terminal as commands", () => {
  test("in lines", async () => {
    const { terminal, stderr } = await open({}, { verbose: true });
    terminal.info(EVIL);
    terminal.warn(EVIL);
    terminal.detail(EVIL);
    expect(undated(stderr())).toBe("\\x1b[2Jbreaking\\nnews\\u202e\n".repeat(3));
  });

  test("in results, where lines stay lines", async () => {
    const { terminal, stdout } = await open();
    terminal.result(EVIL);
    expect(stdout()).toBe("\\x1b[2Jbreaking\nnews\\u202e\n");
  });

  test("in tables and questions", async () => {
    const { terminal, stdin, stderr } = await open({ tty: true });
    expect(await terminal.table([EVIL], [[EVIL]])).not.toContain("\u001b");
    stdin.end();
    await terminal.confirm(EVIL);
    expect(stderr()).not.toContain("\u001b");
  });
});

describe("which lines are written", () => {
  test.each([
    [{}, "info\nwarn\n"],
    [{ verbose: true }, "info\nwarn\ndetail\n"],
    [{ quiet: true }, "warn\n"],
    [{ json: true }, "info\nwarn\n"],
  ])("with %j", async (options, expected) => {
    const { terminal, stderr, stdout } = await open({}, options);
    terminal.info("info");
    terminal.warn("warn");
    terminal.detail("detail");
    expect(undated(stderr())).toBe(expected);
    expect(stdout()).toBe("");
  });

  test("a result ends in one newline", async () => {
    const { terminal, stdout } = await open();
    terminal.result("one");
    terminal.result("two\n");
    expect(stdout()).toBe("one\ntwo\n");
  });

  test.each([
    [{}, "well\nbad\n"],
    [{ quiet: true }, "bad\n"],
    [{ json: true }, ""],
  ])("what was done, with %j", async (options, expected) => {
    const { terminal, stdout } = await open({}, options);
    terminal.done("well");
    terminal.done("bad", 1);
    expect(stdout()).toBe(expected);
    terminal.ending("well", 0);
    terminal.ending("bad", 1);
    expect(undated(stdout().slice(expected.length))).toBe(expected);
  });

  test("an ending has no time on a terminal", async () => {
    const { terminal, stdout } = await open({ tty: true });
    terminal.ending("june: 3 sent", 0);
    expect(stdout()).toBe("june: 3 sent\n");
  });

  test("with --json stdout is one JSON document and nothing else", async () => {
    const { terminal, stdout } = await open({}, { json: true });
    terminal.result("for people");
    terminal.json({ topic: "뉴스\u001b", total: 1 });
    expect(JSON.parse(stdout())).toEqual({ topic: "뉴스\u001b", total: 1 });
    expect(stdout().endsWith("}\n")).toBe(true);
  });
});

describe("colour", () => {
  const YELLOW = "\u001b[33mcareful\u001b[39m\n";
  const PLAIN = "careful\n";

  test.each([
    ["a terminal", { tty: true }, true, YELLOW],
    ["a pipe", {}, true, PLAIN],
    ["--no-color", { tty: true }, false, PLAIN],
    ["--no-color before FORCE_COLOR", { env: { FORCE_COLOR: "1" } }, false, PLAIN],
    ["NO_COLOR", { tty: true, env: { NO_COLOR: "1" } }, true, PLAIN],
    ["NO_COLOR before FORCE_COLOR", { env: { NO_COLOR: "1", FORCE_COLOR: "1" } }, true, PLAIN],
    ["an empty NO_COLOR", { tty: true, env: { NO_COLOR: "" } }, true, YELLOW],
    ["FORCE_COLOR into a pipe", { env: { FORCE_COLOR: "" } }, true, YELLOW],
    ["FORCE_COLOR=3 into a pipe", { env: { FORCE_COLOR: "3" } }, true, YELLOW],
    ["FORCE_COLOR=0", { tty: true, env: { FORCE_COLOR: "0" } }, true, PLAIN],
    ["TERM=dumb", { tty: true, env: { TERM: "dumb" } }, true, PLAIN],
  ])("%s", async (_name, io, color, expected) => {
    const { terminal, stderr } = await open(io, { color });
    terminal.warn("careful");
    expect("tty" in io ? stderr() : undated(stderr())).toBe(expected);
  });
});

describe("progress", () => {
  const STEP = { done: 50, failed: 1, inDoubt: 2, perSecond: 14 };

  test("is a line every five seconds where there is no terminal", async () => {
    const { terminal, stderr, pass } = await open();
    const progress = terminal.progress(1_000, "sent");
    progress.update({ ...STEP, done: 1 });
    pass(5_000);
    progress.update(STEP);
    progress.stop();
    expect(undated(stderr())).toBe(
      "sent 50 of 1,000 (14.0/s), failed 1, in doubt 2, about 1 min 8 s left\n".replace(" 8 s", ""),
    );
  });

  test.each([
    ["quiet", { tty: true }, { quiet: true }],
    ["quiet in a pipe", {}, { quiet: true }],
  ])("is nothing when %s", async (_name, io, options) => {
    const { terminal, stderr, pass } = await open(io, options);
    const progress = terminal.progress(1_000, "sent");
    pass(60_000);
    progress.update(STEP);
    progress.stop();
    expect(stderr()).toBe("");
  });

  test("is lines on a dumb terminal", async () => {
    const { terminal, stderr, pass } = await open({ tty: true, env: { TERM: "dumb" } });
    const progress = terminal.progress(null, "read");
    pass(5_000);
    progress.update({ done: 3, perSecond: 1 });
    progress.stop();
    expect(stderr()).toBe("read 3 (1.0/s)\n");
  });

  test.each([{}, { json: true }])(
    "is a bar on a terminal with %j, and the last step stays as a line",
    async (options) => {
      const { terminal, stderr, stdout } = await open({ tty: true }, options);
      const progress = terminal.progress(100, "sent");
      expect(screenOf(stderr())).toEqual([`[${"-".repeat(30)}] sent 0 of 100 (0.0/s)`]);
      progress.update({ done: 100, perSecond: 14 });
      progress.stop();
      progress.stop();
      expect(screenOf(stderr())).toEqual(["sent 100 of 100 (14.0/s)"]);
      expect(stdout()).toBe("");
    },
  );

  test("lines written meanwhile stand above the bar, whole and in order", async () => {
    const { terminal, stderr } = await open({ tty: true }, { verbose: true });
    terminal.info("before");
    const progress = terminal.progress(100, "sent");
    terminal.warn("one");
    progress.update({ done: 50, perSecond: 14 });
    terminal.info("two, which is longer than the bar is and than the line that was there before it, you see");
    terminal.detail("three");
    const [bar] = screenOf(stderr()).slice(-1);
    expect(bar).toBe(`[${"=".repeat(15)}${"-".repeat(15)}] sent 50 of 100 (14.0/s), about 4 s left`);
    expect(screenOf(stderr()).slice(0, -1)).toEqual([
      "before",
      "one",
      "two, which is longer than the bar is and than the line that was there before it, you see",
      "three",
    ]);
    progress.stop();
    terminal.info("after");
    expect(screenOf(stderr()).slice(4)).toEqual(["sent 50 of 100 (14.0/s)", "after"]);
  });

  test("a bar that is never updated leaves no trace", async () => {
    const { terminal, stderr } = await open({ tty: true });
    terminal.progress(100, "sent").stop();
    terminal.info("next");
    expect(screenOf(stderr())).toEqual(["next"]);
  });

  test("a second bar takes the place of one that was not stopped, and the first can still be", async () => {
    const { terminal, stderr } = await open({ tty: true });
    const first = terminal.progress(10, "read");
    const second = terminal.progress(20, "sent");
    first.update({ done: 1, perSecond: 1 });
    first.stop();
    second.stop();
    terminal.info("next");
    expect(screenOf(stderr())).toEqual(["next"]);
  });

  test("leaves the handling of signals to the program", async () => {
    const before = [process.listenerCount("SIGINT"), process.listenerCount("SIGTERM")];
    const { terminal } = await open({ tty: true });
    const progress = terminal.progress(10, "sent");
    expect([process.listenerCount("SIGINT"), process.listenerCount("SIGTERM")]).toEqual(before);
    progress.stop();
  });
});

describe("confirm", () => {
  test.each(["y", "Y", "yes", " YES "])("%j is yes", async (answer) => {
    const { terminal, stdin, stderr } = await open({ tty: true });
    stdin.write(`${answer}\n`);
    expect(await terminal.confirm("Send?")).toBe(true);
    expect(stderr()).toBe("Send? [y/N] ");
  });

  test.each(["", "n", "no", "ye", "yes please", "네"])("%j is no", async (answer) => {
    const { terminal, stdin } = await open({ tty: true });
    stdin.write(`${answer}\n`);
    expect(await terminal.confirm("Send?")).toBe(false);
  });

  test("the end of the input is no", async () => {
    const { terminal, stdin } = await open({ tty: true });
    stdin.end();
    expect(await terminal.confirm("Send?")).toBe(false);
  });

  test("a signal ends the wait, and after one nothing is asked", async () => {
    const { terminal, interrupt, stderr } = await open({ tty: true });
    const answer = terminal.confirm("Send?");
    await delay(5);
    interrupt();
    await expect(answer).rejects.toThrow(InterruptedError);
    await expect(terminal.confirm("Again?")).rejects.toThrow(InterruptedError);
    expect(stderr()).toBe("Send? [y/N] \n");
  });

  test("what it is about stands above the question, also when quiet", async () => {
    const { terminal, stdin, stderr } = await open({ tty: true }, { quiet: true });
    stdin.write("y\n");
    expect(await terminal.confirm("Send?", ["From  Ann\u001b[2J", "Rate  14"])).toBe(true);
    expect(stderr()).toBe("From  Ann\\x1b[2J\nRate  14\nSend? [y/N] ");
  });

  test.each(["stdin", "stderr"] as const)("nothing is asked when %s is no terminal", async (stream) => {
    const fake = fakeIo({ tty: true });
    fake.io[stream].isTTY = false;
    const terminal = await createTerminal(fake.io, OPTIONS);
    expect(await terminal.confirm("Send?")).toBe(true);
    expect(fake.stderr()).toBe("");
  });

  test("two questions in a row", async () => {
    const { terminal, stdin } = await open({ tty: true });
    stdin.write("y\n");
    expect(await terminal.confirm("One?")).toBe(true);
    stdin.write("n\n");
    expect(await terminal.confirm("Two?")).toBe(false);
  });
});

describe("table", () => {
  test("has numbers to the right, and Korean as wide as it is", async () => {
    const { terminal } = await open();
    const rows = [
      ["june", 40_000, "97.5 %"],
      ["뉴스레터", 3, "-"],
    ];
    expect((await terminal.table(["topic", "sent", "delivered"], rows)).split("\n")).toEqual([
      "topic       sent  delivered",
      "june      40,000     97.5 %",
      "뉴스레터       3          -",
    ]);
  });

  test("can be empty", async () => {
    const { terminal } = await open();
    expect(await terminal.table(["topic", "sent"], [])).toBe("topic  sent");
  });
});

describe("a reader that goes away", () => {
  function broken(code: string): NodeJS.ErrnoException {
    return Object.assign(new Error(code), { code });
  }

  test("is no error", async () => {
    const { io } = await open();
    expect(() => io.stdout.emit("error", broken("EPIPE"))).not.toThrow();
    expect(() => io.stderr.emit("error", broken("EPIPE"))).not.toThrow();
  });

  test("a full disk under stdout is one, under stderr it is not", async () => {
    const { io } = await open();
    io.stderr.emit("error", broken("ENOSPC"));
    await resultWritten(io);
    io.stdout.emit("error", broken("EPIPE"));
    await resultWritten(io);
    io.stdout.emit("error", broken("ENOSPC"));
    await expect(resultWritten(io)).rejects.toThrow(/cannot write the result to stdout/);
  });

  test("that stays and does not read: after a signal the rest is given up", async () => {
    const { io } = await open();
    const ended = new AbortController();
    const stuck = new Writable({ write: () => undefined });
    stuck.write("a result");
    const written = resultWritten({ ...io, stdout: stuck, signal: ended.signal });
    ended.abort("SIGINT");
    await expect(written).resolves.toBeUndefined();
    expect(stuck.writableLength).toBeGreaterThan(0);
  });

  test("streams are guarded once, however many terminals there are", async () => {
    const { io } = await open();
    const before = io.stdout.listenerCount("error");
    await createTerminal(io, OPTIONS);
    expect(io.stdout.listenerCount("error")).toBe(before);
  });
});

test("what only some runs need is not loaded with the file, so that --version starts fast", () => {
  const source = readFileSync(new URL("../../src/terminal/terminal.ts", import.meta.url), "utf8");
  const loaded = [...source.matchAll(/^import (?!type ).* from "(.*)";$/gm)].map((match) => match[1]);
  expect(loaded).toContain("../printable.ts");
  expect(loaded.filter((name) => !/^(?:\.|node:)/.test(name ?? ""))).toEqual([]);
});
