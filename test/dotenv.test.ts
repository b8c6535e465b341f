import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { dropEmptySettings, loadDotenv } from "../src/dotenv.ts";
import { UserError } from "../src/errors.ts";

function folder(): string {
  return mkdtempSync(join(tmpdir(), "ses-mail-dotenv-"));
}

function load(text: string, env: Record<string, string | undefined> = {}): Record<string, string | undefined> {
  const cwd = folder();
  writeFileSync(join(cwd, ".env"), text);
  loadDotenv(cwd, env);
  return env;
}

test("a file that cannot be read is the user's error", () => {
  const cwd = folder();
  symlinkSync(".env", join(cwd, ".env"));
  expect(() => loadDotenv(cwd, {})).toThrow(UserError);
  expect(() => loadDotenv(cwd, {})).toThrow("ELOOP");
});

test("no file, or a folder of that name, changes nothing", () => {
  const env = { A: "1" };
  const cwd = folder();
  loadDotenv(cwd, env);
  mkdirSync(join(cwd, ".env"));
  loadDotenv(cwd, env);
  expect(env).toEqual({ A: "1" });
});

test("what is set already is never overridden, not even when it is empty", () => {
  expect(load("A=file\nB=file\nC=file\n", { A: "shell", B: "", C: undefined })).toEqual({
    A: "shell",
    B: "",
    C: "file",
  });
});

test("quotes, comments, export, CRLF and a byte order mark are understood", () => {
  const text =
    "\uFEFFFIRST=1\r\n# a comment\r\nexport AWS_REGION=\"ap-northeast-2\"\r\nSES_MAIL_FROM='뉴스 <a@example.com>'\r\nnonsense\r\n";
  expect(load(text)).toEqual({ FIRST: "1", AWS_REGION: "ap-northeast-2", SES_MAIL_FROM: "뉴스 <a@example.com>" });
});

test("a setting of ours that is empty is not given, whatever the file says; others are left alone", () => {
  const env = load("SES_MAIL_RATE=5\nSES_MAIL_TZ=\n", { SES_MAIL_RATE: "", SES_MAIL_DB: "x.db", AWS_REGION: "" });
  dropEmptySettings(env);
  expect(env).toEqual({ SES_MAIL_DB: "x.db", AWS_REGION: "" });
});
