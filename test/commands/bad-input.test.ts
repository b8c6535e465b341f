// oxlint-disable vitest/expect-expect, vitest/valid-expect -- refused() holds the expectations; vitest takes a message as second argument
/**
 * What people really feed a mailer. Each thing that cannot be sent: one clear line on stderr, the documented exit code, not
 * one call, and nothing half done in the job file.
 */
import { chmod, copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Database } from "../../src/store/sqlite/driver.ts";
import { describe, expect, it } from "vitest";
import { undated } from "../support/expected.ts";
import { HTML, writeCampaign } from "../support/campaign.ts";
import { type Finished, type Json, run, type RunOptions, workFolder } from "../support/run.ts";
import { sesServer, type SesServer } from "../support/ses-server.ts";
import { jobExists } from "../support/job.ts";

interface Desk {
  folder: string;
  server: SesServer;
  run(args: string[], options?: RunOptions): Promise<Finished>;
  topics(): Promise<Json[]>;
}

async function desk(): Promise<Desk> {
  const folder = await workFolder();
  const server = await sesServer(folder);
  const call = (args: string[], options: RunOptions = {}) =>
    run(folder, args, { ...options, env: { ...server.env, ...options.env } });
  const topics = async () =>
    (await jobExists(join(folder, "ses-mail.db"))) ? (await call(["topics", "--json"])).json.topics : [];
  return { folder, server, run: call, topics };
}

/** Refused as a whole, as the contract says: exit 2 (or `code`), one line, nothing sent, nothing in the job file. */
async function refused({ server, topics }: Desk, result: Finished, words: RegExp): Promise<void> {
  expect(result.stderr.trimEnd().split("\n"), result.stderr).toHaveLength(1);
  expect(undated(result.stderr)).toMatch(/^ses-mail: /);
  expect(result.stderr).toMatch(words);
  expect(result.code).toBe(2);
  expect(result.stdout).toBe("");
  expect(server.calls()).toEqual([]);
  expect(await topics()).toEqual([]);
}

describe("a list that is none", () => {
  const NUL = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 1, 2, 3, 0, 0xff, 0xfe, 0, 0]);
  it.each<[string, string | Buffer, RegExp]>([
    ["empty", "", /empty/],
    ["header only", "email,name\n", /no rows/],
    ["blank lines only", "\n\n\n", /./],
    ["binary", Buffer.concat([NUL, Buffer.alloc(4000, 7), NUL]), /./],
    ["no column of addresses", "first,last\nAnn,Lee\n", /no column holds addresses.*--email-column/],
    ["two columns of addresses", "a,b\nann@example.net,bo@example.net\n", /several columns.*--email-column/],
    ["no header", "ann@example.net,Ann\nbo@example.net,Bo\n", /header/],
    ["the same column twice", "email,name,name\nann@example.net,A,B\n", /two columns/],
    ["a column without a name", "email,,name\nann@example.net,x,A\n", /no name/],
    [
      "cp949 without saying so",
      Buffer.from([...Buffer.from("email,name\nann@example.net,"), 0xc8, 0xab, 0xb1, 0xe6, 0x0a]),
      /--encoding/,
    ],
    ["not one valid row", "email,name\nann,Ann\nbo@,Bo\n", /no valid recipient/],
  ])("%s", async (_name, csv, words) => {
    const at = await desk();
    await writeFile(join(at.folder, "june.csv"), csv);
    await writeFile(join(at.folder, "june.html"), HTML);
    await refused(at, await at.run(["send", "june.csv"]), words);
  });

  it("a file that is not there, a folder, an empty stdin, an encoding and a delimiter there are not", async () => {
    const at = await desk();
    const file = await writeCampaign(at.folder, 2);
    await mkdir(join(at.folder, "lists"));
    await refused(at, await at.run(["send", "none.csv", "--content", "june.html"]), /none\.csv/);
    await refused(at, await at.run(["send", "lists", "--content", "june.html"]), /lists/);
    await refused(at, await at.run(["send", "june.html"]), /expected a list.*june\.html.*--content june\.html/);
    await refused(at, await at.run(["send", "-", "--content", "june.html", "--yes"]), /stdin.*empty/);
    await refused(at, await at.run(["send", file, "--encoding", "klingon"]), /klingon/);
    await refused(at, await at.run(["send", file, "--delimiter", "ab"]), /--delimiter/);
    await refused(at, await at.run(["send", file, "--email-column", "mail"]), /mail/);
  });
});

describe("rows that cannot be sent stop nobody else", () => {
  /** Sends `rows` below `email,name` with one good row at either end; returns the rejects file's lines. */
  async function rejects(rows: string | Buffer): Promise<{ lines: string[]; result: Finished; at: Desk }> {
    const at = await desk();
    const head = Buffer.from("email,name\nfirst@example.net,First\n");
    await writeFile(
      join(at.folder, "june.csv"),
      Buffer.concat([head, Buffer.from(rows as string), Buffer.from("last@example.net,Last\n")]),
    );
    await writeFile(join(at.folder, "june.html"), HTML);
    const result = await at.run(["send", "june.csv", "--rate", "200", "--json"]);
    expect(result.code, result.stderr).toBe(1);
    expect(at.server.received().sort()).toEqual(["first@example.net", "last@example.net"]);
    const { rows: total, added, duplicates, rejected, suppressed } = result.json.ingest;
    expect(total).toBe(added + duplicates + rejected + suppressed);
    const text = await readFile(join(at.folder, "june.csv.rejects.csv"), "utf8");
    return { lines: text.trimEnd().split("\n"), result, at };
  }

  it.each<[string, string, RegExp]>([
    ["a name with its address", "Ann <ann@x.example>,Ann", /bare address/],
    ["no dot", "a@b,Ann", /no dot/],
    ["no address", ",Ann", /no address/],
    ["two addresses", '"a@x.example, b@x.example",Ann', /./],
    ["a space inside", "an n@x.example,Ann", /space/],
    ["Cyrillic before the @", "аnn@x.example,Ann", /ASCII/],
    ["NUL in a value", "ann@x.example,A\u0000nn", /control character/],
    ["an escape sequence in a value", "ann@x.example,\u001b[31mAnn", /control character/],
    ["too few fields", "ann@x.example", /expected 2 fields, got 1/],
    ["too many fields", "ann@x.example,Ann,extra", /expected 2 fields, got 3/],
    ["an empty variable", "ann@x.example,", /name/],
    ["a quote that is never closed again", 'ann@x.example,"Ann"x', /./],
  ])("%s", async (_name, row, words) => {
    const { lines } = await rejects(`${row}\n`);
    expect(lines[0]).toBe("line,reason,email,name");
    expect(lines[1]).toMatch(/^3,/);
    expect(lines.slice(1).join("\n")).toMatch(words);
  });

  it("a line break in an address or in the subject's variable adds no header", async () => {
    const { at } = await rejects('"ann@x.example\nBcc: all@x.example",Ann\nbo@x.example,"Bo\r\nBcc: all@x.example"\n');
    expect(at.server.calls().every((call) => call.to.length === 1)).toBe(true);
  });

  it("a field of 5 MB", async () => {
    const { lines } = await rejects(`ann@x.example,${"x".repeat(5 * 1024 * 1024)}\n`);
    expect(lines[1]).toMatch(/^3,/);
    expect(lines[1]?.slice(0, 300)).toMatch(/larger|MB|bytes|limit/i);
  });

  it("spaces around an address are no part of it, capitals in the domain neither", async () => {
    const at = await desk();
    await writeFile(join(at.folder, "june.html"), HTML);
    await writeFile(join(at.folder, "june.csv"), "email,name\n  Ann@X.Example ,Ann\nann@x.example,Ann again\n");
    const result = await at.run(["send", "june.csv", "--rate", "100", "--json"]);
    expect(result.json.ingest).toMatchObject({ rows: 2, added: 1, duplicates: 1 });
    expect(at.server.received()).toEqual(["Ann@x.example"]);
  });
});

describe("lists in other dress are read", () => {
  const text = "email,name\nann@example.net,홍길동\n";
  const cp949 = Buffer.concat([
    Buffer.from("email,name\nann@example.net,"),
    Buffer.from([0xc8, 0xab, 0xb1, 0xe6, 0xb5, 0xbf]),
    Buffer.from("\n"),
  ]);
  it.each<[string, Buffer, string[]]>([
    ["UTF-8 with BOM", Buffer.from(`\uFEFF${text}`), []],
    ["UTF-16 LE with BOM", Buffer.from(`\uFEFF${text}`, "utf16le"), []],
    ["UTF-16 LE without", Buffer.from(text, "utf16le"), []],
    ["UTF-16 BE with BOM", Buffer.from(`\uFEFF${text}`, "utf16le").swap16(), []],
    ["cp949", cp949, ["--encoding", "cp949"]],
    ["semicolons and CRLF", Buffer.from(text.replaceAll(",", ";").replaceAll("\n", "\r\n")), []],
    ["tabs and no end of line at the end", Buffer.from(text.replaceAll(",", "\t").trimEnd()), []],
  ])("%s", async (_name, csv, options) => {
    const at = await desk();
    await writeFile(join(at.folder, "june.csv"), csv);
    await writeFile(join(at.folder, "june.html"), HTML);
    const result = await at.run(["preview", "june.csv", ...options, "--json"]);
    expect(result.json, result.stderr).toMatchObject({ to: "ann@example.net", subject: "Hello 홍길동" });
  });

  it("2,000 columns", async () => {
    const at = await desk();
    const columns = Array.from({ length: 2000 }, (_, index) => `c${index}`);
    const csv = `email,name,${columns.join(",")}\nann@example.net,Ann,${columns.map((name) => `v-${name}`).join(",")}\n`;
    await writeFile(join(at.folder, "june.csv"), csv);
    await writeFile(join(at.folder, "june.html"), HTML.replace("welcome", "{{ c1999 }}"));
    const result = await at.run(["send", "june.csv", "--rate", "100", "--json"]);
    expect(result.json.totals).toMatchObject({ total: 1, sent: 1 });
  });
});

describe("G6 P1 P4: content that cannot be sent", () => {
  const front = (more: string) => `---\nsubject: "Hello"\nfrom: news@example.com\n${more}\n---\n<p>Hello</p>\n`;
  it.each<[string, string, RegExp]>([
    ["an unknown variable", HTML.replace("{{ name }}, welcome", "{{ nmae }}"), /nmae/],
    ["a way into the program", HTML.replace("welcome", "{{constructor}}"), /constructor/],
    ["a way into the prototype", HTML.replace("welcome", "{{ name.__proto__.polluted }}"), /./],
    ["a tag that is not closed", HTML.replace("welcome", "{% if name %}"), /if/],
    ["a filter there is not", HTML.replace("welcome", "{{ name | shout }}"), /shout/],
    ["broken YAML", "---\nsubject: [oops\n---\n<p>x</p>\n", /./],
    ["unknown front matter keys", front("subjcet: Hi"), /subjcet/],
    ["no subject", "---\nfrom: news@example.com\n---\n<p>x</p>\n", /subject/],
    ["no sender", "---\nsubject: Hi\n---\n<p>x</p>\n", /sender|from/],
    ["a sender that is none", front("").replace("news@example.com", "newsroom"), /newsroom/],
    ["a header over two lines", front('headers:\n  X-Note: "a\\r\\nBcc: all@x.example"'), /./],
    ["a header that is SES's own", front("headers:\n  Bcc: all@x.example"), /Bcc/i],
    ["an attachment that is not there", front("attachments: [none.pdf]"), /none\.pdf/],
    ["a topic with a slash", front("topic: a/b"), /a\/b/],
    ["an unsubscribe URL that is not https", front('unsubscribe_url: "http://x.example/u"'), /https/],
    ["nothing but front matter", "---\nsubject: Hi\nfrom: news@example.com\n---\n", /nothing else/],
    ["nothing", "", /./],
  ])("%s", async (_name, html, words) => {
    const at = await desk();
    const file = await writeCampaign(at.folder, 2);
    await writeFile(join(at.folder, "june.html"), html);
    const result = await at.run(["send", file]);
    await refused(at, result, words);
  });

  it("none at all, two to choose from, a file that is not there, a folder, a type we do not know", async () => {
    const at = await desk();
    await writeFile(join(at.folder, "list.csv"), "email,name\nann@example.net,Ann\n");
    await refused(at, await at.run(["send", "list.csv"]), /list\.html.*--content/);
    await refused(at, await at.run(["send", "list.csv", "--content", "none.html"]), /none\.html/);
    await mkdir(join(at.folder, "dir.html"));
    await refused(at, await at.run(["send", "list.csv", "--content", "dir.html"]), /dir\.html/);
    await writeFile(join(at.folder, "mail.docx"), "x");
    await refused(at, await at.run(["send", "list.csv", "--content", "mail.docx"]), /\.html or \.md/);
    await writeFile(join(at.folder, "list.html"), HTML);
    await writeFile(join(at.folder, "list.md"), HTML);
    await refused(at, await at.run(["send", "list.csv"]), /list\.html or .*list\.md/);
  });

  it("<script> in a value is text in HTML, and as it is in the subject", async () => {
    const at = await desk();
    await writeFile(join(at.folder, "june.html"), HTML);
    await writeFile(join(at.folder, "june.csv"), 'email,name\nann@example.net,"<script>alert(1)</script>"\n');
    const mail = (await at.run(["preview", "june.csv", "--json"])).json;
    expect(mail.html).toContain("&lt;script&gt;");
    expect(mail.html).not.toContain("<script>");
    expect(mail.subject).toBe("Hello <script>alert(1)</script>");
  });

  it("{{ }} in a value is a value", async () => {
    const at = await desk();
    await writeFile(join(at.folder, "june.html"), HTML);
    await writeFile(join(at.folder, "june.csv"), "email,name\nann@example.net,{{ email }}{{ 7 | times: 6 }}\n");
    expect((await at.run(["preview", "june.csv", "--json"])).json.subject).toBe("Hello {{ email }}{{ 7 | times: 6 }}");
  });
});

describe("options that mean nothing", () => {
  it.each<[string[], RegExp]>([
    [["--rate", "fast"], /--rate expects recipients per second.*"fast"/],
    [["--rate", "0"], /--rate/],
    [["--rate", "-1"], /--rate/],
    [["--rate", "1e3"], /--rate/],
    [["--rate", "NaN"], /--rate/],
    [["--rate", ""], /--rate/],
    [["--concurrency", "0"], /--concurrency/],
    [["--concurrency", "1.5"], /--concurrency/],
    [["--max", "0"], /--max/],
    [["--max-attempts", "none"], /--max-attempts/],
    [["--on-quota", "panic"], /on-quota/],
    [["--timeout", "soon"], /--timeout/],
    [["--timeout", "0s"], /--timeout expects a duration.*above 0/],
    [["--max-late", "tomorrow"], /--max-late/],
    [["--topic", "a/b"], /a\/b/],
    [["--topic", ""], /topic/],
    [["--topic", "x".repeat(101)], /101/],
    [["--topic", "a\u0007b"], /control/],
    [["--from", "newsroom"], /from/],
    [["--from", "News <news@example.com>\r\nBcc: x@example.com"], /control/],
    [["--header", "Subject: other"], /Subject/],
    [["--header", "no colon"], /header/i],
    [["--tag", "a.b=c"], /a\.b/],
    [["--tag", "ses-mail-job=x"], /ses-mail-job/],
    [["--configuration-set", "my set"], /my set/],
    [["--test-to", "nobody"], /--test-to/],
    [["--unsubscribe-url", "javascript:alert(1)"], /https/],
    [["--no-such-option"], /no-such-option/],
    [["one-too-many.csv"], /./],
  ])("%s", async (options, words) => {
    const at = await desk();
    const file = await writeCampaign(at.folder, 2);
    await refused(at, await at.run(["send", file, ...options]), words);
  });

  it("from the environment, too", async () => {
    const at = await desk();
    const file = await writeCampaign(at.folder, 2);
    await refused(at, await at.run(["send", file], { env: { SES_MAIL_RATE: "fast" } }), /--rate/);
  });
});

describe("options that would do nothing", () => {
  it.each([
    ["send --subject Hi", "--subject expects a recipients file"],
    ["send --content june.html", "--content expects a recipients file"],
    ["send --attach june.pdf", "--attach expects a recipients file"],
    ["send --replace-content", "--replace-content expects a recipients file"],
    ["send --expires-in 2h", "--expires-in expects a recipients file"],
    ["schedule --topic june --at +2h --tag a=b", "--tag expects a recipients file"],
    ["send --tenant t3", "--tenant expects a recipients file"],
    ["send --topic june --from news@example.com", "--from expects a recipients file"],
    ["send --reply-to news@example.com", "--reply-to expects a recipients file"],
    ["send --configuration-set main", "--configuration-set expects a recipients file"],
    ["send --list weekly", "--list expects a recipients file"],
    ["send --unsubscribe-mailto a@example.com", "--unsubscribe-mailto expects a recipients file"],
    ["send --track-opens", "--track-opens expects a recipients file"],
    ["send --base-url https://example.com", "--base-url expects a recipients file"],
    ["send --delimiter ;", "--delimiter expects a recipients file"],
    ["schedule --topic june --at +2h --tenant t6", "--tenant expects a recipients file"],
    ["check --subject Hi", "--subject expects a recipients file"],
    ["check --topic june", "--topic expects a recipients file"],
    ["check --tenant t6", "--tenant expects a recipients file"],
    ["sandbox --event-delay 1s", "--event-delay expects --events or --webhook"],
    ["sandbox --event-copies 2", "--event-copies expects --events or --webhook"],
    ["sandbox --event-shuffle", "--event-shuffle expects --events or --webhook"],
    ["sandbox --events e --webhook-key key.pem", "--webhook-key expects --webhook"],
    ["sandbox --webhook-signature 1", "--webhook-signature expects --webhook"],
  ])("%s", async (line, words) => {
    const { code, stderr } = await run(await workFolder(), line.split(" "));
    expect(stderr).toContain(words);
    expect({ code, lines: stderr.trimEnd().split("\n").length }).toEqual({ code: 2, lines: 1 });
  });

  it.each([["send"], ["schedule", "--topic", "june", "--at", "+2h"]])(
    "what the environment says is for all lists, and may be there without one: %s",
    async (...line) => {
      const folder = await workFolder();
      await writeFile(join(folder, ".env"), "SES_MAIL_TENANT=t1\nSES_MAIL_TRACK_OPENS=1\nSES_MAIL_DELIMITER=;\n");
      const env = { AWS_REGION: "us-east-1", SES_MAIL_FROM: "News <news@example.com>", SES_MAIL_LIST: "weekly" };
      const { code, stderr } = await run(folder, line, { env });
      // There is no job.
      expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(/ses-mail\.db|no job/i) });
    },
  );

  it("a check without a list looks at the sender and at the configuration set", async () => {
    const line = ["check", "--from", "news@example.com", "--configuration-set", "main", "--no-account", "--no-dns"];
    const { code, stderr } = await run(await workFolder(), line);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });
});

it.each([
  ["send june.csv --at +2h", "unknown option '--at' of ses-mail send; it is one of ses-mail schedule"],
  ["schedule june.csv", "--at <when>' not specified; see ses-mail schedule --help"],
  ["serve --outlet kafka", '--outlet expects nats, got "kafka"; see ses-mail serve --help'],
  ["completion ksh", 'completion expects one of bash, zsh, fish, got "ksh"; see ses-mail completion --help'],
  ["send --on-quota it's", '--on-quota expects one of stop, wait, got "it\'s"; see ses-mail send --help'],
  ["send --sbject Hi", "(Did you mean --subject?)"],
])("%s: says what to do", async (line, words) => {
  const { code, stderr } = await run(await workFolder(), line.split(" "));
  expect(stderr).toContain(words);
  expect({ code, lines: stderr.trimEnd().split("\n").length }).toEqual({ code: 2, lines: 1 });
});

it("a choice in the environment is named by its variable", async () => {
  const { code, stderr } = await run(await workFolder(), ["serve"], { env: { SES_MAIL_OUTLET: "kafka" } });
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: expect.stringContaining('SES_MAIL_OUTLET expects nats, got "kafka"; see ses-mail serve --help'),
  });
});

describe("R2 G7 P1: a time that cannot be: never now", () => {
  it.each<[string[], RegExp]>([
    [["--at", "yesterday"], /yesterday/],
    [["--at", "now"], /now/],
    [["--at", ""], /./],
    [["--at", "2099-02-30 09:00"], /2099-02-30/],
    [["--at", "2099-12-25"], /2099-12-25/],
    [["--at", "12/25/2099 09:00"], /12\/25/],
    [["--at", "2020-01-01 09:00"], /future/],
    [["--at", "2020-01-01T09:00:00Z"], /future/],
    [["--at", "-2h"], /./],
    [["--at", "+2 fortnights"], /fortnights/],
    [["--at", "2027-03-28 02:30", "--tz", "Europe/Berlin"], /skip/],
    [["--at", "2099-12-25 09:00", "--tz", "Mars/Olympus"], /Mars\/Olympus/],
    [["--at", "2099-12-25 09:00", "--tz", "Asia/Soeul"], /Asia\/Seoul/],
    [["--at", "+2h", "--tz-column", "name"], /local time/],
    [["--at", "2099-12-25 09:00", "--tz-column", "zone"], /zone/],
    [[], /--at/],
  ])("%s", async (options, words) => {
    const at = await desk();
    const file = await writeCampaign(at.folder, 2);
    await refused(at, await at.run(["schedule", file, ...options]), words);
  });

  it("a time that comes twice takes the first, and says so", async () => {
    const at = await desk();
    const file = await writeCampaign(at.folder, 1);
    const result = await at.run(["schedule", file, "--at", "2027-10-31 02:30", "--tz", "Europe/Berlin", "--json"]);
    expect(result.code).toBe(0);
    expect(result.json.scheduled_at).toBe("2027-10-31T00:30:00.000Z");
    expect(result.stderr).toContain("twice");
  });

  it("neither a file nor a topic; a topic there is not", async () => {
    const at = await desk();
    await refused(at, await at.run(["schedule", "--at", "+1h"]), /neither/);
    await refused(at, await at.run(["schedule", "--topic", "june", "--at", "+1h"]), /june|there is no job/);
  });
});

describe("a job file that is none", () => {
  it("a text file, another program's, a newer one, a folder, in a folder that is not there", async () => {
    const at = await desk();
    const file = await writeCampaign(at.folder, 2);
    const path = (name: string) => join(at.folder, name);
    await writeFile(path("text.db"), "this is no database\n".repeat(300));
    const other = new Database(path("other.db"));
    other.exec("create table customer (id integer)");
    other.close();
    await at.run(["import", file, "--db", "new.db"]);
    const newer = new Database(path("new.db"));
    newer.pragma("user_version = 99");
    newer.close();
    await mkdir(path("dir.db"));
    for (const [db, words] of [
      ["text.db", /job file/],
      ["other.db", /another program/],
      ["new.db", /newer/],
      ["dir.db", /folder/],
      ["none/x.db", /mkdir/],
    ] as const) {
      for (const args of [["send", file], ["topics"], ["send"]]) {
        const result = await at.run([...args, "--db", db]);
        // Who only looks is told that there is no job file.
        await refused(at, result, db === "none/x.db" && args.length === 1 ? /no job file|mkdir/ : words);
      }
    }
    expect(await readFile(path("text.db"), "utf8")).toBe("this is no database\n".repeat(300));
  });

  it("commands that only look make none", async () => {
    const at = await desk();
    for (const args of [
      ["topics"],
      ["stats"],
      ["export", "june"],
      ["cancel", "june"],
      ["send"],
      ["retry", "june", "--state", "failed", "--yes"],
    ]) {
      await refused(at, await at.run(args), /there is no job/);
      expect(await jobExists(join(at.folder, "ses-mail.db"))).toBe(false);
    }
  });

  it.skipIf(process.getuid?.() === 0)("a file that may not be written (not as root, who may everything)", async () => {
    const at = await desk();
    const file = await writeCampaign(at.folder, 2);
    await at.run(["import", file]);
    await copyFile(join(at.folder, "ses-mail.db"), join(at.folder, "ro.db"));
    await chmod(join(at.folder, "ro.db"), 0o400);
    expect((await at.run(["send", "--db", "ro.db"])).code).toBe(2);
  });
});

describe("the same topic with another content", () => {
  it("is refused, says how to go on, and --replace-content changes what was not sent", async () => {
    const at = await desk();
    const file = await writeCampaign(at.folder, 4);
    await at.run(["send", file, "--rate", "100", "--max", "2"]);
    await writeFile(join(at.folder, "june.html"), HTML.replace("Hello", "Welcome"));
    const refusal = await at.run(["send", file]);
    expect(refusal.code).toBe(2);
    expect(refusal.stderr).toMatch(/different content.*--topic.*--replace-content/);
    expect(at.server.received()).toHaveLength(2);
    const replaced = await at.run(["send", file, "--replace-content", "--rate", "100", "--json"]);
    expect(replaced.code).toBe(0);
    expect(replaced.json.totals).toMatchObject({ total: 4, sent: 4 });
    expect(new Set(at.server.received()).size).toBe(4);
  });
});
