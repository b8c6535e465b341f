/** `template` as users type it. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { run, workFolder } from "../support/run.ts";

const CODE = `---
subject: Your code
from: Shop <shop@example.com>
kind: transactional
---
<p>Hello {{ name | default: "you" }}, your code is {{ code }}.</p>
`;
const VARIABLES = [
  { name: "code", required: true, list: false },
  { name: "name", required: false, list: false },
];

async function folderWith(files: Record<string, string>): Promise<string> {
  const folder = await workFolder();
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

describe("bad input changes nothing", () => {
  it.each<[string[], string]>([
    [["add", "code"], "missing required argument 'file'; see ses-mail template add --help"],
    [["add", "a/b", "code.html"], "without /"],
    [["add", "", "code.html"], "1–100"],
    [["add", "code", "missing.html"], "no such file"],
    [["add", "code", "notes.txt"], ".html or .md"],
    [["add", "code", "bad.html"], "bad.html, line 6"],
    [["add", "code", "bare.html", "--from", "a@b.example"], "subject"],
    [["add", "code", "code.html", "--unsubscribe-url", "https://example.com/"], "transactional"],
    [["list"], "there is no job"],
    [["show", "code"], "there is no job"],
    [["preview", "code"], "there is no job"],
    [["remove", "code"], "there is no job"],
  ])("%j", async (args, words) => {
    const folder = await folderWith({
      "code.html": CODE,
      "bad.html": CODE.replace("</p>", "{% if x %}</p>"),
      "bare.html": "<p>x</p>",
      "notes.txt": "x",
    });
    const { code, stdout, stderr } = await run(folder, ["template", ...args]);
    expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: "", stderr: expect.stringContaining(words) });
    expect((await run(folder, ["template", "list"])).stderr).toContain("there is no job");
  });

  it.each<[string, string, RegExp]>([
    ["no JSON", "{code: 1}", /are not JSON/],
    ["a list", "[1]", /JSON object.*a list/],
    ["what lacks a variable", "{}", /data.*code/],
    ["a blank variable", '{"code": " "}', /data\.code/],
    [
      "half of a character",
      String.raw`{"code": ["\ud83d"]}`,
      /the data in data\.json: code\[0\] holds half of a character/,
    ],
    ["half of a character as a name", String.raw`{"\ud83d": 1}`, /the data in data\.json: a name holds half of a char/],
  ])("data that are %s", async (_name, data, words) => {
    const folder = await folderWith({ "code.html": CODE, "data.json": data });
    await run(folder, ["template", "add", "code", "code.html"]);
    const { code, stdout, stderr } = await run(folder, ["template", "preview", "code", "--data", "data.json"]);
    expect({ code, stdout, stderr }).toEqual({ code: 2, stdout: "", stderr: expect.stringMatching(words) });
  });

  it("a name that nobody gave says which was meant", async () => {
    const folder = await folderWith({ "code.html": CODE });
    await run(folder, ["template", "add", "code", "code.html"]);
    for (const command of ["show", "preview", "remove"])
      expect(await run(folder, ["template", command, "kode"])).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('there is no template "kode": did you mean "code"?'),
      });
    expect(await run(folder, ["template", "preview", "code", "--data", "none.json"])).toMatchObject({ code: 2 });
    expect(await run(folder, ["template", "preview", "code", "--to", "nobody"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("--to expects an address"),
    });
  });
});

describe("a template", () => {
  it("is kept in versions, listed, shown and removed", async () => {
    const folder = await folderWith({ "code.html": CODE });
    const added = await run(folder, ["template", "add", "code", "code.html", "--json"]);
    expect({ code: added.code, json: added.json }).toEqual({
      code: 0,
      json: { name: "code", version: 1, new: true, subject: "Your code", variables: VARIABLES },
    });
    const again = await run(folder, ["template", "add", "code", "code.html"]);
    expect(again.stderr + again.stdout).toContain('template "code" has this content already, in version 1');
    const next = await run(folder, ["template", "add", "code", "code.html", "--subject", "Another", "--json"]);
    expect(next.json).toMatchObject({ version: 2, new: true });
    const list = await run(folder, ["template", "list", "--json"]);
    expect(list.json).toEqual({
      templates: [{ name: "code", version: 2, subject: "Another", created_at: expect.stringMatching(/Z$/) }],
    });
    expect((await run(folder, ["template", "list"])).stdout).toMatch(/code +2 .*Another/);
    expect((await run(folder, ["template", "list", "--names"])).stdout).toBe("code\n");
    const shown = await run(folder, ["template", "show", "code"]);
    expect(shown.stdout).toContain("Subject: Another");
    expect(shown.stdout).toContain("your code is {{ code }}");
    expect((await run(folder, ["template", "show", "code", "--json"])).json).toMatchObject({
      name: "code",
      version: 2,
      kind: "transactional",
      format: "html",
      variables: VARIABLES,
    });
    expect((await run(folder, ["template", "remove", "code", "--json"])).json).toEqual({ name: "code", removed: true });
    expect((await run(folder, ["template", "list"])).stdout).toContain("there are no templates");
    expect((await run(folder, ["template", "add", "code", "code.html", "--json"])).json.version).toBe(3);
  });

  it("takes its sender from the environment, and its other settings from options", async () => {
    const folder = await folderWith({
      "news.md": "---\nsubject: News\n---\n# Hello {{ name }}\n",
      "news.txt": "Hi {{ name }}",
    });
    const options = ["--text", "news.txt", "--list", "weekly", "--header", "X-A: b", "--reply-to", "bo@example.com"];
    const env = { SES_MAIL_FROM: "News <news@example.com>" };
    expect(await run(folder, ["template", "add", "news", "news.md", ...options], { env })).toMatchObject({ code: 0 });
    expect((await run(folder, ["template", "show", "news", "--json"])).json).toMatchObject({
      from: "News <news@example.com>",
      format: "md",
      list: "weekly",
      reply_to: ["bo@example.com"],
      headers: [{ name: "X-A", value: "b" }],
      text: "Hi {{ name }}",
    });
  });

  it("is shown as the mail that data make: on the terminal, as JSON, as files", async () => {
    const folder = await folderWith({ "code.html": CODE, "data.json": '{"code": 4711, "name": "Ann"}' });
    await run(folder, ["template", "add", "code", "code.html"]);
    const preview = (...more: string[]) => run(folder, ["template", "preview", "code", "--data", "data.json", ...more]);
    const text = await preview();
    expect(text.code).toBe(0);
    expect(text.stdout).toMatch(/^Subject: Your code$/m);
    expect(text.stdout).toContain("Hello Ann, your code is 4711.");
    expect((await preview("--json", "--to", "ann@example.com")).json).toMatchObject({
      template: "code",
      version: 1,
      to: "ann@example.com",
      subject: "Your code",
      html: expect.stringContaining("4711"),
      files: null,
    });
    expect(await preview("--output", "out")).toMatchObject({ code: 0 });
    expect(await readFile(join(folder, "out", "mail.html"), "utf8")).toContain("your code is 4711");
    const piped = await run(folder, ["template", "preview", "code", "--data", "-"], {
      stdin: '{"code": "from stdin"}',
    });
    expect(piped.stdout).toContain("Hello you, your code is from stdin.");
  });

  it("has names of every script, and letters that a terminal would obey are shown, not obeyed", async () => {
    const folder = await folderWith({ "code.html": CODE.replace("Your code", "Your \\e[31m code") });
    await run(folder, ["template", "add", "영수증 1월".normalize("NFD"), "code.html"]);
    expect((await run(folder, ["template", "list", "--names"])).stdout).toBe("영수증 1월\n");
    expect(await run(folder, ["template", "remove", "영수증 1월".normalize("NFD")])).toMatchObject({ code: 0 });
  });

  it("keeps the files that go with it", async () => {
    const folder = await folderWith({});
    await mkdir(join(folder, "mail"));
    await writeFile(join(folder, "mail", "terms.txt"), "terms");
    await writeFile(join(folder, "mail", "code.html"), CODE.replace("kind:", "attachments: terms.txt\nkind:"));
    await run(folder, ["template", "add", "code", "mail/code.html"]);
    await writeFile(join(folder, "mail", "terms.txt"), "changed");
    expect((await run(folder, ["template", "show", "code", "--json"])).json.attachments).toEqual([
      { name: "terms.txt", type: "text/plain" },
    ]);
  });
});
