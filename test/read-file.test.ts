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

describe("a file that cannot be read comes with what to do", () => {
  const hintOf = async (typed: string, cwd: string): Promise<string | null> => {
    const error: unknown = await readText(typed, "the content", cwd).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(UserError);
    return (error as UserError).hint;
  };
  const cwd = folder();
  mkdirSync(`${cwd}/lists`);
  for (const name of ["newsletter.csv", "june.csv", "lists/july.csv", "lists/both.csv", "lists/both.txt"])
    writeFileSync(`${cwd}/${name}`, "email\na@example.com\n");
  symlinkSync("nowhere", `${cwd}/link.csv`);

  test.each([
    ["newsleter.csv", "did you mean newsletter.csv?"],
    ["newsletter", "did you mean newsletter.csv?"],
    ["June.cvs", "did you mean june.csv?"],
    ["june.csv/", "is the path right? june.csv is a file, not a folder"],
    ["link.csv", "it is a link that leads nowhere"],
    ["june.pem", `is the path right? it starts at ${cwd}`],
    ["lisst", `is the path right? it starts at ${cwd}`],
    ["./lists/jully.csv", "did you mean lists/july.csv?"],
    [`${cwd}/lists/july`, `did you mean ${cwd}/lists/july.csv?`],
    ["lists/both", "did you mean lists/both.csv or lists/both.txt?"],
    ["nothing-like-it.csv", `is the path right? it starts at ${cwd}`],
    ["/nothing-like-it.csv", "is the path right?"],
    ["list/july.csv", "is the path right? there is no folder list"],
    ["june.csv/july.csv", "is the path right? june.csv is a file, not a folder"],
    ["june.csv/a/b.csv", "is the path right?"],
    ["lists", "name a file in it"],
    ["", "name a file"],
  ])("%s", async (typed, hint) => {
    expect(await hintOf(typed, cwd)).toBe(hint);
  });

  test("what is written needs none", () => {
    const error = Object.assign(new Error("ENOENT: no such file"), { code: "ENOENT", path: `${cwd}/newsleter.csv` });
    expect(fileProblem(error, "the output", "newsleter.csv", "write")).toMatchObject({ hint: null });
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
