import { spawn, execFileSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { InterruptedError, StoppedError, UserError } from "../../src/errors.ts";
import { writeOutput } from "../../src/report/output.ts";
import { fakeIo } from "../support/fake-io.ts";

function folder(): string {
  return mkdtempSync(join(tmpdir(), "ses-mail-output-"));
}

function inFolder(): ReturnType<typeof fakeIo> & { cwd: string } {
  const cwd = folder();
  return { ...fakeIo({ cwd }), cwd };
}

const LONG = `${"x".repeat(1_023)}\n`;

function* manyLines(count: number): Generator<string> {
  for (let line = 0; line < count; line++) yield LONG;
}

describe("a file that cannot be written", () => {
  test("in a folder that does not exist is the user's error, said before anything is read", async () => {
    const { io } = inFolder();
    let asked = false;
    function* lines(): Generator<string> {
      asked = true;
      yield "a\n";
    }
    const attempt = writeOutput("missing/stats.csv", lines(), io);
    await expect(attempt).rejects.toThrow(UserError);
    await expect(attempt).rejects.toThrow("cannot write missing/stats.csv: there is no folder missing");
    expect(asked).toBe(false);
  });

  test("below a file, or being a folder, is the user's error", async () => {
    const { io, cwd } = inFolder();
    writeFileSync(join(cwd, "file"), "");
    mkdirSync(join(cwd, "sub"));
    await expect(writeOutput("file/stats.csv", "", io)).rejects.toThrow("there is no folder file");
    await expect(writeOutput("sub", "", io)).rejects.toThrow("cannot write sub: it is a folder");
    await expect(writeOutput("", "", io)).rejects.toThrow("it is a folder");
    expect(readdirSync(cwd).sort()).toEqual(["file", "sub"]);
  });

  test.skipIf(process.getuid?.() === 0)("for want of permission is the user's error", async () => {
    const { io, cwd } = inFolder();
    chmodSync(cwd, 0o500);
    await expect(writeOutput("stats.csv", "a\n", io)).rejects.toThrow("permission denied");
  });

  test.skipIf(process.platform !== "linux")("on a full disk can be resumed", async () => {
    const { io } = inFolder();
    const attempt = writeOutput("/dev/full", manyLines(100), io);
    await expect(attempt).rejects.toThrow(StoppedError);
    await expect(attempt).rejects.toThrow("cannot write /dev/full: the disk is full");
  });
});

describe("a file", () => {
  test("is whole, private, and alone in its folder", async () => {
    const { io, cwd, stdout } = inFolder();
    await writeOutput("stats.csv", ["a,b\n", "1,2\n"], io);
    expect(readFileSync(join(cwd, "stats.csv"), "utf8")).toBe("a,b\n1,2\n");
    expect(statSync(join(cwd, "stats.csv")).mode & 0o777).toBe(0o600);
    expect(readdirSync(cwd)).toEqual(["stats.csv"]);
    expect(stdout()).toBe("");
  });

  test("replaces an older one, and its permissions", async () => {
    const { io, cwd } = inFolder();
    writeFileSync(join(cwd, "stats.csv"), "old and longer", { mode: 0o644 });
    await writeOutput(join(cwd, "stats.csv"), "new", io);
    expect(readFileSync(join(cwd, "stats.csv"), "utf8")).toBe("new");
    expect(statSync(join(cwd, "stats.csv")).mode & 0o777).toBe(0o600);
  });

  test("can be empty", async () => {
    const { io, cwd } = inFolder();
    await writeOutput("empty", [], io);
    expect(readFileSync(join(cwd, "empty"), "utf8")).toBe("");
  });

  test("stays as it was when the lines end in an error", async () => {
    const { io, cwd } = inFolder();
    writeFileSync(join(cwd, "stats.csv"), "old");
    async function* lines(): AsyncGenerator<string> {
      yield* manyLines(1_000);
      throw new Error("the job file is broken");
    }
    await expect(writeOutput("stats.csv", lines(), io)).rejects.toThrow("the job file is broken");
    expect(readFileSync(join(cwd, "stats.csv"), "utf8")).toBe("old");
    expect(readdirSync(cwd)).toEqual(["stats.csv"]);
  });

  test("stays as it was when interrupted, however fast the lines come", async () => {
    const { io, cwd, interrupt } = inFolder();
    writeFileSync(join(cwd, "stats.csv"), "old");
    const attempt = writeOutput("stats.csv", manyLines(1_000_000), io);
    setTimeout(interrupt, 20);
    await expect(attempt).rejects.toThrow(InterruptedError);
    expect(readFileSync(join(cwd, "stats.csv"), "utf8")).toBe("old");
    expect(readdirSync(cwd)).toEqual(["stats.csv"]);
  });

  test("is written through a symbolic link, which stays one", async () => {
    const { io, cwd } = inFolder();
    const elsewhere = join(folder(), "real.csv");
    writeFileSync(elsewhere, "old");
    symlinkSync(elsewhere, join(cwd, "link.csv"));
    await writeOutput("link.csv", "new", io);
    expect(lstatSync(join(cwd, "link.csv")).isSymbolicLink()).toBe(true);
    expect(readFileSync(elsewhere, "utf8")).toBe("new");
  });

  test.skipIf(process.platform === "win32")("that is a pipe is written to, not replaced", async () => {
    const { io, cwd } = inFolder();
    execFileSync("mkfifo", [join(cwd, "pipe")]);
    const reader = spawn("cat", [join(cwd, "pipe")], { stdio: ["ignore", "pipe", "inherit"] });
    const read = reader.stdout.toArray();
    await writeOutput("pipe", ["through ", "a pipe\n"], io);
    expect(Buffer.concat(await read).toString()).toBe("through a pipe\n");
    expect(statSync(join(cwd, "pipe")).isFIFO()).toBe(true);
  });
});

describe("stdout", () => {
  test.each([null, "-"])("is meant by %j, and stays open", async (path) => {
    const { io, cwd, stdout } = inFolder();
    await writeOutput(path, ["뉴스\u001b,", "=1\r\n"], io);
    io.stdout.write("more");
    expect(stdout()).toBe("뉴스\u001b,=1\r\nmore");
    expect(readdirSync(cwd)).toEqual([]);
  });

  test("that is slow is not flooded", async () => {
    let taken = 0;
    let given = 0;
    let most = 0;
    const stdout = new Writable({
      highWaterMark: 1,
      write(chunk: Buffer, _encoding, done) {
        taken += chunk.length;
        most = Math.max(most, given - taken);
        setImmediate(done);
      },
    });
    function* lines(): Generator<string> {
      for (const line of manyLines(10_000)) {
        given += line.length;
        yield line;
      }
    }
    await writeOutput(null, lines(), { ...fakeIo().io, stdout });
    expect(taken).toBe(10_000 * LONG.length);
    expect(most).toBeLessThan(40 * 65_536);
  });

  test("whose reader goes away is no error, and nothing more is read for it", async () => {
    const head = spawn("head", ["-n", "1"], { stdio: ["pipe", "pipe", "inherit"] });
    head.stdin.on("error", () => undefined);
    const read = head.stdout.toArray();
    let given = 0;
    function* lines(): Generator<string> {
      for (const line of manyLines(1_000_000)) {
        given += 1;
        yield line;
      }
    }
    await writeOutput(null, lines(), { ...fakeIo().io, stdout: head.stdin });
    expect(Buffer.concat(await read).toString()).toBe(LONG);
    expect(given).toBeLessThan(1_000_000);
    await writeOutput(null, "again", { ...fakeIo().io, stdout: head.stdin });
  });

  test("that blocks can be interrupted", async () => {
    const { io, interrupt } = fakeIo();
    const stdout = new Writable({ highWaterMark: 1, write() {} });
    const attempt = writeOutput(null, manyLines(1_000), { ...io, stdout });
    await delay(10);
    interrupt();
    await expect(attempt).rejects.toThrow(InterruptedError);
  });

  test("that fails for another reason is an error", async () => {
    const stdout = new Writable({
      write(_chunk, _encoding, done) {
        done(Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" }));
      },
    });
    await expect(writeOutput(null, "a", { ...fakeIo().io, stdout })).rejects.toThrow(
      "cannot write stdout: the disk is full",
    );
  });

  test("of a child process gets every byte before it ends", async () => {
    const cat = spawn("wc", ["-c"], { stdio: ["pipe", "pipe", "inherit"] });
    const read = cat.stdout.toArray();
    await writeOutput(null, manyLines(5_000), { ...fakeIo().io, stdout: cat.stdin });
    cat.stdin.end();
    await once(cat, "close");
    expect(Number(Buffer.concat(await read).toString())).toBe(5_000 * LONG.length);
  });
});
