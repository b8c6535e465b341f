/** `key` as users type it. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/time/clock.ts";
import { openJob } from "../support/job.ts";
import { run, workFolder } from "../support/run.ts";

describe("bad input changes nothing", () => {
  it.each([
    [["key", "add"], "missing required argument"],
    [["key", "add", "two words"], `got "two words"`],
    [["key", "add", ""], `got ""`],
    [["key", "add", "n".repeat(65)], "1 to 64"],
    [["key", "add", "../x"], "letters"],
    [["key", "add", "SES_MAIL_API_KEY"], "environment"],
    [["key", "add", "ci", "--scope", "send,write"], `got "write"`],
    [["key", "add", "ci", "--scope", ""], `got ""`],
    [["key", "list"], "there is no job"],
    [["key", "revoke", "ci"], "there is no job"],
    [["key", "rotate"], "there is no job"],
  ])("%j", async (args, words) => {
    const folder = await workFolder();
    const { code, stdout, stderr } = await run(folder, args);
    expect(stderr).toContain(words);
    expect(stdout).toBe("");
    expect(code).toBe(2);
    expect((await run(folder, ["key", "list"])).stderr).toContain("there is no job");
  });

  it("an unknown name, one in use, and one revoked before", async () => {
    const folder = await workFolder();
    await run(folder, ["key", "add", "ci"]);
    const again = await run(folder, ["key", "add", "ci"]);
    expect(again).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("key revoke ci") });
    expect(await run(folder, ["key", "revoke", "web"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("keys here: ci"),
    });
    expect((await run(folder, ["key", "revoke", "ci"])).code).toBe(0);
    expect(await run(folder, ["key", "revoke", "ci"])).toMatchObject({ code: 2 });
    expect((await run(folder, ["key", "list", "--json"])).json.keys).toHaveLength(1);
  });
});

describe("a key", () => {
  it("is printed once, alone on stdout, and kept as its SHA-256 only", async () => {
    const folder = await workFolder();
    const { code, stdout, stderr } = await run(folder, ["key", "add", "ci"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^smk_[A-Za-z0-9]{32,}\n$/);
    const key = stdout.trim();
    expect(stderr).not.toContain(key);
    const list = await run(folder, ["key", "list"]);
    expect(list.stdout).toContain("ci");
    expect(list.stdout).not.toContain(key);
    const store = await openJob(join(folder, "ses-mail.db"), systemClock);
    const [kept] = await store.keys();
    await store.close();
    expect(kept?.digest).toEqual(createHash("sha256").update(key).digest());
  });

  it("stands nowhere in the job file", async () => {
    const folder = await workFolder();
    const key = (await run(folder, ["key", "add", "ci"])).stdout.trim();
    expect((await readFile(join(folder, "ses-mail.db"))).includes(key)).toBe(false);
    expect((await readFile(join(folder, "ses-mail.db"))).includes("ci")).toBe(true);
  });

  it("may what it was given, and is listed with when it was made and revoked", async () => {
    const folder = await workFolder();
    const first = (await run(folder, ["key", "add", "ci", "--json"])).json;
    expect(first).toEqual({ name: "ci", scopes: ["send", "read"], key: expect.stringMatching(/^smk_/) });
    const second = (await run(folder, ["key", "add", "boss", "--scope", " admin,send,admin", "--json"])).json;
    expect(second.scopes).toEqual(["send", "admin"]);
    expect(second.key).not.toBe(first.key);
    expect((await run(folder, ["key", "revoke", "ci", "--json"])).json).toEqual({ name: "ci", revoked: true });
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/);
    expect((await run(folder, ["key", "list", "--json"])).json).toEqual({
      keys: [
        { name: "ci", scopes: ["send", "read"], created_at: time, revoked_at: time },
        { name: "boss", scopes: ["send", "admin"], created_at: time, revoked_at: null },
      ],
    });
  });
});

it("rotate makes a new signing key and keeps the older ones", async () => {
  const folder = await workFolder();
  await run(folder, ["key", "add", "ci"]);
  expect((await run(folder, ["key", "rotate", "--json"])).json).toEqual({ signing_keys: 1 });
  const { code, stdout } = await run(folder, ["key", "rotate"]);
  expect([code, stdout]).toEqual([0, expect.stringContaining("stay good")]);
  expect((await run(folder, ["key", "rotate", "--json"])).json).toEqual({ signing_keys: 3 });
});
