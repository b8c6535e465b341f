/** Commands whose store is on a server, as far as they need none. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { run, workFolder } from "../support/run.ts";

const SERVER = "postgres://mail:secret@db.internal/mail?sslmode=require";

it("backup of a server says what copies it, and nothing of the password", async () => {
  const folder = await workFolder();
  const env = { SES_MAIL_DB_SCHEMA: "letters" };
  const { code, stderr, json } = await run(folder, ["backup", "a copy.dump", "--db", SERVER, "--json"], { env });
  expect(code).toBe(2);
  expect(json.error).toBe(
    "backup copies a job file, and postgres://mail@db.internal/mail is a server; " +
      "use: pg_dump --schema=letters --format=custom --file='a copy.dump' 'postgres://mail@db.internal/mail?sslmode=require'",
  );
  expect(stderr).toContain(json.error);
  expect(stderr).not.toContain("secret");
});

describe("an address that is none", () => {
  it.each([
    [["--db", "mysql://root:secret@db/shop"], {}, /^--db expects a file, or a server .* begins with mysql:/],
    [[], { SES_MAIL_DB: "postgres://mail:secr@et@db/mail" }, /^SES_MAIL_DB expects a server .* cannot be read/],
    [[], { SES_MAIL_DB: "http://secret@db/" }, /^SES_MAIL_DB expects a file/],
  ] as const)("%j %j is one line and exit 2", async (args, env, words) => {
    const { code, stderr, json } = await run(await workFolder(), ["stats", "--json", ...args], { env });
    expect(code).toBe(2);
    expect(json).toEqual({ error: expect.stringMatching(words), exit_code: 2 });
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(stderr).not.toMatch(/secr|et@/);
  });
});

it("a DATABASE_URL in .env is not used by a command that somebody types, and is hinted at", async () => {
  const folder = await workFolder();
  await writeFile(join(folder, ".env"), `DATABASE_URL=${SERVER}\n`);
  const { code, json } = await run(folder, ["stats", "--json"]);
  expect(code).toBe(2);
  expect(json.error).toContain(`there is no job file ${folder}/ses-mail.db`);
  expect(json.error).toContain("DATABASE_URL counts for serve and work only");
  expect(json.error).not.toContain("mail@db");
});
