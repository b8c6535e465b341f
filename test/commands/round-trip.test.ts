// oxlint-disable vitest/valid-expect -- vitest takes a message as second argument
/** Files the program wrote, given back to it: each recipient gets the mail he would have got from the list they were made of. */
import { createRequire } from "node:module";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { readFile, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import iconv from "iconv-lite";
import { describe, expect, it } from "vitest";
import { undated } from "../support/expected.ts";
import { type Finished, type Json, run, workFolder } from "../support/run.ts";
import { inJob } from "../support/job.ts";

const { simpleParser } = createRequire(import.meta.url)("mailparser") as {
  simpleParser(this: void, source: Buffer): Promise<Json>;
};

const HTML = `---
subject: "{{ state }}: {{ reason }}"
from: News <news@example.com>
---
<p>{{ email }}|{{ line }}|{{ note }}|{{ csv_state }}|{{ error | default: "none" }}|</p>
`;
const LIST = `Email,state,reason,line,note,csv_state,error
Ann@EXAMPLE.com,TX,vip,U6,"-10 %, '=1",'=1,
+bo@example.com,=1+1,"two
lines",+49 30 123," @home ",“x”,'boom
`;

/** Subject and text of each mail that was sent, by address; the outbox is emptied. */
async function mails(folder: string): Promise<Record<string, string[]>> {
  const outbox = join(folder, "ses-mail-outbox");
  const found: Record<string, string[]> = {};
  const files = existsSync(outbox) ? readdirSync(outbox, { recursive: true, encoding: "utf8" }) : [];
  for (const name of files.filter((each) => each.endsWith(".eml"))) {
    const mail = await simpleParser(readFileSync(join(outbox, name)));
    const to = [mail.to ?? []].flat()[0]?.text ?? "";
    found[to] = [mail.subject ?? "", mail.text ?? ""];
  }
  await rm(outbox, { recursive: true, force: true });
  return found;
}

/** Sends `file` into a topic of its own. */
function send(folder: string, file: string, topic: string, more: string[] = []): Promise<Finished> {
  const args = [
    "send",
    file,
    "--topic",
    topic,
    "--content",
    "list.html",
    "--sandbox",
    "--rate",
    "100",
    "--yes",
    "--json",
  ];
  return run(folder, [...args, ...more]);
}

async function desk(list: string | Buffer = LIST): Promise<string> {
  const folder = await workFolder();
  await writeFile(join(folder, "list.csv"), list);
  await writeFile(join(folder, "list.html"), HTML);
  return folder;
}

describe("an export makes the same mail", () => {
  it.each([
    ["as it is", [], (text: string) => text],
    ["raw", ["--raw"], (text: string) => text],
    [
      "saved with CRLF and empty columns and rows",
      [],
      (text: string) => `${text.replaceAll(/(?<!lin)(?<!wo)\n/g, ",,\r\n")},,\r\n`,
    ],
  ])("%s", async (_, options, saved) => {
    const folder = await desk(LIST.replace("two\nlines", "two lines"));
    expect((await send(folder, "list.csv", "one")).code).toBe(0);
    const first = await mails(folder);
    expect(first["Ann@example.com"]?.[1]).toContain("Ann@EXAMPLE.com|U6|-10 %, '=1|'=1|none|");
    for (const topic of ["two", "three"]) {
      const { stdout } = await run(folder, ["export", topic === "two" ? "one" : "two", ...options]);
      await writeFile(join(folder, "again.csv"), saved(stdout));
      const again = await send(folder, "again.csv", topic);
      expect(again.json.ingest, again.stderr).toMatchObject({ rows: 2, added: 2 });
      expect(await mails(folder)).toEqual(first);
    }
  });

  it("with addresses in a column of another name beside one called email", async () => {
    const folder = await desk(
      "email,work,state,reason,line,note,csv_state\nann@home.example,ann@work.example,TX,r,l,n,c\n",
    );
    expect((await send(folder, "list.csv", "one", ["--email-column", "work"])).code).toBe(0);
    const first = await mails(folder);
    expect(first["ann@work.example"]?.[1]).toContain("ann@home.example|");
    await run(folder, ["export", "one", "--output", "again.csv"]);
    for (const more of [[], ["--email-column", "work"]]) {
      expect((await send(folder, "again.csv", `again${more.length}`, more)).code).toBe(0);
      expect(await mails(folder)).toEqual(first);
    }
  });

  it("says nothing of its own states against writing to somebody", async () => {
    const folder = await desk();
    await send(folder, "list.csv", "one");
    await run(folder, ["export", "one", "--output", "again.csv"]);
    expect((await send(folder, "again.csv", "two")).stderr).not.toContain("nobody should write");
  });
});

describe("corrected rejects make the mail of the list", () => {
  it.each<[string, string[], (text: string) => string | Buffer]>([
    ["read like the list", [], (text) => text],
    [
      "of a list with semicolons, read with its options",
      ["--delimiter", ";"],
      (text) => text.replaceAll(/,(?=[^ ])/g, ";"),
    ],
    [
      "of a list in cp949, read with its options",
      ["--encoding", "cp949"],
      (text) => iconv.encode(text.replace("vip", "귀빈"), "cp949"),
    ],
  ])("%s", async (_, options, written) => {
    const list = LIST.replace("“x”", "x").replace("two\nlines", "two lines");
    const folder = await desk(written(list.replace("Ann@EXAMPLE.com", "Ann@")));
    const first = await send(folder, "list.csv", "one", options);
    expect(first.json.ingest, first.stderr).toMatchObject({ added: 1, rejected: 1 });
    await mails(folder);
    // Corrected in vain the first time.
    const rejects = await readFile(join(folder, "list.csv.rejects.csv"), "utf8");
    expect(rejects.split("\n")[0]).toBe("line,reason,Email,state,csv_reason,csv_line,note,csv_state,error");
    await writeFile(join(folder, "fixed.csv"), rejects.replace(",Ann@,", ",Ann@EXAMPLE,"));
    const second = await send(folder, "fixed.csv", "one", options);
    expect(second.code).toBe(2);
    const again = await readFile(join(folder, "fixed.csv.rejects.csv"), "utf8");
    await writeFile(join(folder, "fixed.csv"), again.replace(",Ann@EXAMPLE,", ",Ann@EXAMPLE.com,"));
    const third = await send(folder, "fixed.csv", "one", options);
    expect(third.json.ingest, third.stderr).toMatchObject({ rows: 1, added: 1, rejected: 0 });
    const mail = (await mails(folder))["Ann@example.com"];
    expect(mail?.[0]).toBe(options.includes("cp949") ? "TX: 귀빈" : "TX: vip");
    expect(mail?.[1]).toContain("Ann@EXAMPLE.com|U6|-10 %, '=1|'=1|none|");
  });
});

describe("suppressions come back", () => {
  it.each([[], ["--raw"]])("whole: reason, source, time, detail %j", async (...options) => {
    const [here, there] = [await workFolder(), await workFolder()];
    await run(here, ["suppress", "add", "ann@x.example", "--reason", "=reason", "--note", '\'=1+1, "quoted"']);
    await run(here, ["suppress", "add", "+bo@x.example", "--note", " - by phone\nafter noon "]);
    const { stdout } = await run(here, ["suppress", "export", ...options]);
    await writeFile(join(there, "left.csv"), stdout);
    expect((await run(there, ["suppress", "import", "left.csv", "--json"])).json).toMatchObject({
      added: 2,
      rejected: 0,
    });
    expect((await run(there, ["suppress", "list", "--json"])).json).toEqual(
      (await run(here, ["suppress", "list", "--json"])).json,
    );
  });
});

describe("a list that says itself who left", () => {
  const SAYS = /2 rows say themselves .*"status" is "unsubscribed" \(1\), "bounced" \(1\)/;
  const CSV = "email,status\nann@example.com,subscribed\nbob@example.com,unsubscribed\ncid@example.com,bounced\n";

  it.each([
    ["import", []],
    ["send", ["--dry-run"]],
    ["schedule", ["--at", "+2h"]],
    ["send", ["--sandbox", "--rate", "100", "--yes"]],
  ])("is taken, and %s %j tells once", async (command, options) => {
    const folder = await desk(CSV);
    await writeFile(join(folder, "list.html"), "---\nsubject: Hi\nfrom: news@example.com\n---\n<p>Hi</p>\n");
    const result = await run(folder, [command, "list.csv", ...options, "--json"]);
    expect(result.code, result.stderr).toBe(0);
    expect(result.json.ingest).toMatchObject({ rows: 3, added: 3, warnings: [expect.stringMatching(SAYS)] });
    expect(result.stderr.split("\n").filter((line) => SAYS.test(line))).toHaveLength(1);
  });

  it("is a finding of check", async () => {
    const folder = await desk(CSV);
    await writeFile(join(folder, "list.html"), "---\nsubject: Hi\nfrom: news@example.com\n---\n<p>Hi</p>\n");
    const { json } = await run(folder, ["check", "list.csv", "--no-account", "--no-dns", "--json"]);
    expect(json.findings).toContainEqual(
      expect.objectContaining({ check: "recipients.left", severity: "warning", message: expect.stringMatching(SAYS) }),
    );
    expect(json.recipients.left).toBe(2);
  });
});

describe("a topic is the same in both forms of Unicode", () => {
  const [nfc, nfd] = ["\u00e9t\u00e9", "e\u0301te\u0301"];

  it("named after a file of a Mac, and asked for as it is typed elsewhere", async () => {
    const folder = await workFolder();
    await writeFile(join(folder, `${nfd}.csv`), "email\nann@example.com\n");
    await writeFile(join(folder, `${nfd}.html`), "---\nsubject: Hi\nfrom: news@example.com\n---\n<p>Hi</p>\n");
    expect((await run(folder, ["import", `${nfd}.csv`, "--json"])).json.topic).toBe(nfc);
    for (const name of [nfc, nfd])
      expect((await run(folder, ["stats", name, "--json"])).json).toMatchObject({ topic: nfc });
    expect((await run(folder, ["cancel", nfd, "--json"])).json).toMatchObject({ topic: nfc, cancelled: 1 });
    expect((await run(folder, ["export", nfd])).stdout).toContain("ann@example.com,cancelled");
    expect((await run(folder, ["report", nfd, "--output", "r.html", "--json"])).json).toMatchObject({ topic: nfc });
    expect((await run(folder, ["retry", nfd, "--state", "cancelled", "--yes", "--json"])).json).toMatchObject({
      retried: 1,
    });
    const moved = await run(folder, ["schedule", "--topic", nfd, "--at", "+2h", "--json"]);
    expect(moved.json).toMatchObject({ topic: nfc, moved: 1 });
  });

  it("that an older version wrote goes on under its old name, and nobody is added twice", async () => {
    const folder = await desk("email\np1@example.net\np2@example.net\n");
    await writeFile(join(folder, "list.html"), "---\nsubject: Hi\nfrom: news@example.com\n---\n<p>Hi</p>\n");
    await run(folder, ["import", "list.csv", "--topic", "seed"]);
    await inJob(join(folder, "ses-mail.db"), `update sm.topic set name = '${nfd}'`);
    const again = await run(folder, ["import", "list.csv", "--topic", nfc, "--json"]);
    expect(again.json).toMatchObject({ topic: nfd, ingest: { added: 0, duplicates: 2 } });
    for (const name of [nfc, nfd])
      expect((await run(folder, ["stats", name, "--json"])).json).toMatchObject({ topic: nfd });
  });

  it.each([["ju\u200bne"], ["ju\u202ene"], ["june\ufeff"]])("with something invisible is refused: %j", async (name) => {
    const folder = await desk();
    const result = await run(folder, ["import", "list.csv", "--topic", name]);
    expect(result.code).toBe(2);
    expect(undated(result.stderr)).toMatch(/^ses-mail: a topic name expects characters that can be seen, got U\+.*\n$/);
  });
});

describe("a file that cannot be read or written is one line and exit 2", () => {
  it.each<[string, string[], (folder: string) => Promise<unknown>, RegExp]>([
    [
      "a list whose links lead in a circle",
      ["import", "loop.csv", "--content", "list.html"],
      (f) => symlink("loop.csv", join(f, "loop.csv")),
      /loop\.csv: its links lead in a circle/,
    ],
    [
      "content without end",
      ["import", "list.csv", "--content", "zero.html"],
      (f) => symlink("/dev/zero", join(f, "zero.html")),
      /zero\.html is larger than 40 MB/,
    ],
    [
      "a text of the kernel's",
      ["import", "list.csv", "--text", "/proc/self/mem"],
      async () => undefined,
      /cannot read the text \/proc\/self\/mem/,
    ],
    [
      "an export into a device that is full",
      ["export", "one", "--output", "/dev/full"],
      (f) => send(f, "list.csv", "one"),
      /the disk is full/,
    ],
  ])("%s", async (_, args, make, words) => {
    const folder = await desk();
    await make(folder);
    const result = await run(folder, args);
    expect(result.stderr.trimEnd().split("\n")).toHaveLength(1);
    expect(result.stderr).toMatch(words);
    expect([2, 3]).toContain(result.code);
  });

  it("a folder where the file of rejected rows belongs", async () => {
    const folder = await desk("email,state\nbad,x\nann@example.com,y\n");
    await writeFile(join(folder, "list.html"), "---\nsubject: Hi\nfrom: news@example.com\n---\n<p>Hi</p>\n");
    const { mkdir } = await import("node:fs/promises");
    await mkdir(join(folder, "list.csv.rejects.csv"));
    const result = await run(folder, ["import", "list.csv"]);
    expect(result.code).toBe(2);
    expect(undated(result.stderr)).toMatch(/^ses-mail: cannot write the file of rejected rows .*folder\n$/);
  });
});
