import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { describe, expect, onTestFinished, test } from "vitest";
import { fileProblem, readBytes, readText } from "../src/read-file.ts";
import { UserError } from "../src/errors.ts";

const folder = (): string => mkdtempSync(`${tmpdir()}/read-`);

async function refusal(path: string): Promise<string> {
  const error: unknown = await readText(path, "the content").catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(UserError);
  return (error as UserError).message;
}

describe("a file that cannot be read is one line", () => {
  test.each<[string, (path: string) => void | Promise<void>, RegExp]>([
    ["that is not there", () => undefined, /no such file/],
    ["that is a folder", (path) => mkdirSync(path), /it is a folder/],
    ["whose links lead in a circle", (path) => symlinkSync(path, path), /links lead in a circle/],
    ["that is a socket", listen, /it is a socket/],
    ["of 3 GB", large, /larger than 40 MB/],
    ["without end", (path) => symlinkSync("/dev/zero", path), /larger than 40 MB/],
    ["that is empty", (path) => symlinkSync("/dev/null", path), /is empty/],
    ["of the kernel", (path) => symlinkSync("/proc/self/mem", path), /cannot read the content .*: /],
  ])("%s", async (_, make, words) => {
    const path = `${folder()}/x.html`;
    await make(path);
    expect(await refusal(path)).toMatch(words);
  });

  test.each([
    [{ code: "ESTALE", syscall: "read", message: "ESTALE: stale file handle, read" }, "stale file handle (ESTALE)"],
    [{ code: "EAGAIN", syscall: "read", message: "odd" }, "the system refuses it (EAGAIN)"],
    [{ code: "EIO", syscall: "read", message: "EIO: i/o error, read" }, "the disk or the network drive fails"],
  ])("%j", ({ message, ...rest }, because) => {
    const problem = fileProblem(Object.assign(new Error(message), rest), "the list", "x.csv");
    expect((problem as Error).message).toBe(`cannot read the list x.csv: ${because}`);
  });

  test("errors that no file caused stay what they are", () => {
    for (const error of [new TypeError("bug"), Object.assign(new Error("busy"), { code: "SQLITE_BUSY" }), "text"])
      expect(fileProblem(error, "the list", "x.csv")).toBe(error);
  });
});

test("a pipe is read like a file", async () => {
  const path = `${folder()}/pipe`;
  execFileSync("mkfifo", [path]);
  const writer = spawn("sh", ["-c", 'printf "hello" > "$0"', path]);
  onTestFinished(() => void writer.kill());
  expect((await readBytes(path, "the text")).toString()).toBe("hello");
});

async function listen(path: string): Promise<void> {
  const server = createServer();
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(path, resolve));
}

/** Takes no room on the disk. */
function large(path: string): void {
  writeFileSync(path, "");
  truncateSync(path, 3 * 1024 * 1024 * 1024);
}
