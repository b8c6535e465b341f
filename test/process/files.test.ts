/** Attachments and pictures of single messages, from the list to the mailbox. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, symlinkSync, utimesSync } from "node:fs";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { undated } from "../support/expected.ts";
import { readOutbox } from "../sandbox/endpoint.ts";
import { type Json, run, start, until, workFolder } from "../support/run.ts";
import { duplicates, sesServer } from "../support/ses-server.ts";
import { jobExists } from "../support/job.ts";

const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
  "base64",
);
const FRONT = 'subject: Your invoice\nfrom: News <news@example.com>\nattachments: ["invoices/{{ number }}.pdf"]';

/** A folder with `june.html` and `june.csv`, whose rows are `address,number`; the invoices 1 to `count` are there. */
async function campaign(rows: string[], count: number, { front = FRONT, html = "<p>Hello</p>", bytes = 100 } = {}) {
  const folder = await workFolder();
  await mkdir(join(folder, "invoices"));
  await writeFile(join(folder, "june.html"), `---\n${front}\n---\n${html}\n`);
  await writeFile(join(folder, "june.csv"), `email,number\n${rows.join("\n")}\n`);
  for (let number = 1; number <= count; number++) await writeFile(invoice(folder, number), pdf(number, bytes));
  return folder;
}

const invoice = (folder: string, number: number) => join(folder, "invoices", `${number}.pdf`);

/** Bytes that are those of no other invoice. */
function pdf(number: number, bytes = 100): Buffer {
  return Buffer.alloc(bytes, `%PDF ${number} \xff\0\r\n`, "latin1");
}

const rowsOf = (count: number) => Array.from({ length: count }, (_, index) => `p${index + 1}@example.net,${index + 1}`);

async function exported(folder: string): Promise<{ email: string; state: string; error: string | null }[]> {
  return (await run(folder, ["export", "june", "--json"])).json.messages;
}

const attached = (mail: Json) =>
  mail.attachments.map(({ filename, content }: Json) => ({
    filename,
    content: (content as Buffer).toString("base64"),
  }));

describe("attachments with variables", () => {
  it("each recipient gets his own file, byte for byte; rows whose file cannot be sent are refused alone", async () => {
    const rows = [
      "p1@example.net,1",
      "p2@example.net,2",
      "gone@example.net,99",
      "up@example.net,../../june",
      "link@example.net,link",
      "pipe@example.net,pipe",
      "empty@example.net,empty",
      "root@example.net,/etc/passwd",
      "none@example.net,",
    ];
    const folder = await campaign(rows, 2, { bytes: 70_000 });
    const secret = await workFolder();
    await writeFile(join(secret, "secret.pdf"), "secret");
    symlinkSync(join(secret, "secret.pdf"), join(folder, "invoices", "link.pdf"));
    await writeFile(join(folder, "invoices", "empty.pdf"), "");
    execFileSync("mkfifo", [join(folder, "invoices", "pipe.pdf")]);
    const server = await sesServer(folder, { outbox: join(folder, "outbox") });

    const dry = await run(folder, ["send", "june.csv", "--dry-run", "--json"], { env: server.env });
    expect(dry).toMatchObject({ code: 1, json: { ingest: { added: 2, rejected: 7 } } });
    expect(dry.json.sample.files[0]).toMatchObject({ path: "invoices/1.pdf" });
    const check = await run(folder, ["check", "june.csv", "--no-account", "--no-dns", "--json"]);
    expect(check.json.recipients).toMatchObject({ added: 2, rejected: 7 });

    const sent = await run(folder, ["send", "june.csv", "--json"], { env: server.env });
    expect(sent).toMatchObject({ code: 1, json: { outcome: "finished", totals: { total: 2, sent: 2 } } });
    const rejects = readFileSync(join(folder, "june.csv.rejects.csv"), "utf8").split("\n");
    for (const [index, reason] of [
      /^4,.*invoices\/99\.pdf: no such file/,
      /^5,.*leads out of the content's folder,up@/,
      /^6,.*leads out of the content's folder by a symbolic link/,
      /^7,.*is not a file/,
      /^8,.*is empty/,
      /^9,.*no such file/,
      /^10,.*number \}\} is empty and has no default/,
    ].entries()) {
      expect(rejects[index + 1]).toMatch(reason);
    }
    const mails = await readOutbox(join(folder, "outbox"));
    expect(new Map(mails.map(({ mail }) => [mail.to.text, attached(mail)]))).toEqual(
      new Map(
        [1, 2].map((number) => [
          `p${number}@example.net`,
          [{ filename: `${number}.pdf`, content: pdf(number, 70_000).toString("base64") }],
        ]),
      ),
    );
    expect(mails).toHaveLength(2);
  });

  it("a file that changed, or is gone, between import and send fails its message alone; the export tells nothing of our records", async () => {
    const folder = await campaign(rowsOf(4), 4);
    const server = await sesServer(folder, { outbox: join(folder, "outbox") });
    expect((await run(folder, ["import", "june.csv"])).code).toBe(0);
    await writeFile(invoice(folder, 2), "corrected");
    renameSync(invoice(folder, 3), join(folder, "elsewhere.pdf"));
    // From another working directory, as cron would.
    const cron = await workFolder();
    const sent = await run(cron, ["send", "--db", join(folder, "ses-mail.db"), "--json"], { env: server.env });
    expect(sent).toMatchObject({ code: 1, json: { run: { sent: 2, failed: 2 }, totals: { sent: 2, failed: 2 } } });
    const rows = await exported(folder);
    expect(rows.map(({ state }) => state)).toEqual(["sent", "failed", "failed", "sent"]);
    expect(rows[1]?.error).toMatch(/invoices\/2\.pdf has changed since the list was taken in/);
    expect(rows[2]?.error).toMatch(/invoices\/3\.pdf: no such file/);
    const { stdout } = await run(folder, ["export", "june"]);
    expect(stdout.split("\n")[0]).toMatch(/,number$/);
    expect(stdout.split("\n")[1]).toMatch(/,1$/);

    // What was put back is sent by a retry; what was changed on purpose, under another topic.
    renameSync(join(folder, "elsewhere.pdf"), invoice(folder, 3));
    await run(folder, ["retry", "june", "--state", "failed", "--yes"]);
    const again = await run(folder, ["send", "--json"], { env: server.env });
    expect(again).toMatchObject({ code: 1, json: { run: { sent: 1, failed: 1 } } });
    await run(folder, ["export", "june", "--state", "failed", "--output", "rest.csv"]);
    const rest = ["send", "rest.csv", "--content", "june.html", "--topic", "june 2", "--json"];
    expect(await run(folder, rest, { env: server.env })).toMatchObject({ code: 0, json: { run: { sent: 1 } } });
    const mails = await readOutbox(join(folder, "outbox"));
    const receivers = mails.map(({ mail }) => String(mail.to.text));
    expect(receivers.sort()).toEqual(rowsOf(4).map((row) => row.split(",")[0]));
  });

  it("stops before anything fails when the folder is gone, and goes on when it is back", async () => {
    const folder = await campaign([], 0);
    const content = join(folder, "mailing");
    mkdirSync(join(content, "invoices"), { recursive: true });
    await writeFile(join(content, "june.html"), readFileSync(join(folder, "june.html")));
    await writeFile(join(content, "june.csv"), `email,number\n${rowsOf(3).join("\n")}\n`);
    for (const number of [1, 2, 3]) await writeFile(invoice(content, number), pdf(number));
    const server = await sesServer(folder);
    expect((await run(folder, ["import", "mailing/june.csv"])).code).toBe(0);
    renameSync(content, join(folder, "moved"));
    const stopped = await run(folder, ["send", "--json"], { env: server.env });
    expect(stopped).toMatchObject({ code: 3, json: { outcome: "halted", totals: { pending: 3, failed: 0 } } });
    expect(stopped.json.reason).toContain(content);
    renameSync(join(folder, "moved"), content);
    expect(await run(folder, ["send", "--json"], { env: server.env })).toMatchObject({
      code: 0,
      json: { totals: { sent: 3 } },
    });
  });

  it("the same command again resumes; another folder is another content, which --replace-content takes", async () => {
    const folder = await campaign(rowsOf(3), 3);
    const server = await sesServer(await workFolder());
    const send = ["send", "june.csv", "--json"];
    expect(await run(folder, [...send, "--max", "1"], { env: server.env })).toMatchObject({
      json: { totals: { sent: 1 } },
    });
    expect(await run(folder, [...send, "--max", "1"], { env: server.env })).toMatchObject({
      json: { totals: { sent: 2 } },
    });
    const moved = `${folder}-moved`;
    onTestFinished(() => rm(moved, { recursive: true, force: true }));
    renameSync(folder, moved);
    const refused = await run(moved, send, { env: server.env });
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("already has a different content") });
    expect(await run(moved, [...send, "--replace-content"], { env: server.env })).toMatchObject({
      code: 0,
      json: { totals: { sent: 3 } },
    });
    expect(duplicates(server.received())).toEqual([]);
  });

  it("--test-to and preview show the files of the row, and refuse a row whose file is not there", async () => {
    const folder = await campaign(["p1@example.net,1", "p9@example.net,9"], 1);
    const server = await sesServer(folder, { outbox: join(folder, "outbox") });
    const test = await run(folder, ["send", "june.csv", "--test-to", "me@example.org"], { env: server.env });
    expect(test.code).toBe(0);
    const [sample] = await readOutbox(join(folder, "outbox"));
    expect(attached(sample?.mail)).toEqual([{ filename: "1.pdf", content: pdf(1).toString("base64") }]);
    expect((await run(folder, ["preview", "june.csv"])).stdout).toContain("Attachment: 1.pdf (application/pdf)");
    const refused = await run(folder, ["preview", "june.csv", "--row", "2"]);
    expect(refused).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/row 2 \(line 3\) is refused: .*9\.pdf: no such file/),
    });
    await writeFile(join(folder, "june.csv"), "email,number\np9@example.net,9\n");
    const none = await run(folder, ["send", "june.csv", "--test-to", "me@example.org"], { env: server.env });
    expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining("no such file") });
  });

  it(
    "kill -9 in the middle: nobody is lost, nobody gets it twice, and what arrived is whole",
    { timeout: 180_000 },
    async () => {
      const count = 80;
      const folder = await campaign(rowsOf(count), count, { bytes: 60_000 });
      const server = await sesServer(folder, { latencyMs: 15, outbox: join(folder, "outbox") });
      const args = ["send", "june.csv", "--rate", "1000", "--concurrency", "8", "--json"];
      expect((await run(folder, ["import", "june.csv"])).code).toBe(0);
      for (let kill = 0; kill < 6; kill++) {
        const before = server.calls().length;
        const running = start(folder, args, { env: server.env });
        await until(
          () => server.calls().length >= before + 5 || running.child.exitCode !== null,
          "the calls after which it is killed",
        );
        running.kill("SIGKILL");
        await running.finished;
      }
      const { totals } = (await run(folder, args, { env: server.env })).json;
      expect(totals).toMatchObject({ total: count, pending: 0, sending: 0, failed: 0 });
      expect(totals.sent + totals.in_doubt).toBe(count);
      expect(totals.in_doubt).toBeGreaterThan(0);
      expect(duplicates(server.received())).toEqual([]);
      const mails = await readOutbox(join(folder, "outbox"));
      expect(mails.length).toBeGreaterThanOrEqual(totals.sent);
      for (const { mail } of mails) {
        const number = Number(/^p(\d+)@/.exec(mail.to.text)?.[1]);
        expect((mail.attachments[0].content as Buffer).equals(pdf(number, 60_000))).toBe(true);
      }
    },
  );

  const measures = existsSync("/proc/self/status");
  it.runIf(measures)("memory stays bounded: 60 mails of 5 MB with 50 hands", { timeout: 180_000 }, async () => {
    const count = 60;
    // Korean, because text of wide characters takes twice the memory.
    const folder = await campaign(rowsOf(count), count, { bytes: 5_000_000, html: "<p>안녕하세요</p>" });
    const server = await sesServer(folder, { latencyMs: 100 });
    const args = ["send", "june.csv", "--rate", "1000", "--concurrency", "50", "--timeout", "2m", "--json"];
    const running = start(folder, args, { env: server.env });
    let most = 0;
    const status = `/proc/${running.child.pid}/status`;
    const look = setInterval(() => {
      if (!existsSync(status)) return;
      most = Math.max(most, Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(status, "utf8"))?.[1] ?? 0) / 1024);
    }, 20);
    const { code, json } = await running.finished;
    clearInterval(look);
    expect({ code, sent: json.totals.sent }).toEqual({ code: 0, sent: count });
    // All at once they are 400 MB in base64, and several times that on their way.
    expect(most).toBeGreaterThan(50);
    expect(most).toBeLessThan(500);
  });
});

it("an empty attachment is refused before anything is stored, and the topic is free without it", async () => {
  const folder = await campaign(rowsOf(1), 1, { front: "subject: Hi\nfrom: news@example.com" });
  await writeFile(join(folder, "empty.txt"), "");
  const server = await sesServer(folder);
  for (const more of [["--dry-run"], []]) {
    const refused = await run(folder, ["send", "june.csv", "--attach", "empty.txt", ...more], { env: server.env });
    expect(refused).toMatchObject({ code: 2, stdout: "" });
    expect(undated(refused.stderr)).toMatch(/^ses-mail: .*empty\.txt is empty/);
  }
  expect(await jobExists(join(folder, "ses-mail.db"))).toBe(false);
  expect((await run(folder, ["send", "june.csv"], { env: server.env })).code).toBe(0);
});

describe("inline_images", () => {
  const front = `${FRONT}\ninline_images: true`;
  const html = `<!doctype html><html><head><style>.b { background: url("img/bg.png") }</style></head><body>
<!--[if mso]><v:fill src="img/bg.png" /><![endif]-->
<img src="img/my%20logo.png?v=2" alt="Logo"><p class="b">Hi</p><img src="img/{{ number }}.png" alt=""><img src="img/my%20logo.png" alt="Logo">
<img src="https://example.com/web.png" alt="web"></body></html>`;

  async function pictures(more: { html?: string } = {}) {
    const folder = await campaign(rowsOf(3), 3, { front, html, ...more });
    mkdirSync(join(folder, "img"));
    for (const name of ["my logo", "bg", "1", "2"])
      await writeFile(join(folder, "img", `${name}.png`), Buffer.concat([PNG, Buffer.from(name)]));
    return folder;
  }

  it("local pictures go with the mail, each once, beside its attachments", async () => {
    const folder = await pictures();
    const server = await sesServer(folder, { outbox: join(folder, "outbox") });
    const sent = await run(folder, ["send", "june.csv", "--json"], { env: server.env });
    expect(sent).toMatchObject({ code: 1, json: { ingest: { added: 2, rejected: 1 }, totals: { sent: 2 } } });
    expect(readFileSync(join(folder, "june.csv.rejects.csv"), "utf8")).toContain("the picture img/3.png: no such file");
    const mails = await readOutbox(join(folder, "outbox"));
    for (const { mail, source } of mails) {
      const number = /^p(\d)@/.exec(mail.to.text)?.[1];
      const shown = mail.attachments.filter(({ related }: Json) => related);
      expect(shown.map(({ filename }: Json) => filename)).toEqual(["bg.png", "my logo.png", `${number}.png`]);
      expect(shown.every(({ contentDisposition }: Json) => contentDisposition === "inline")).toBe(true);
      expect(mail.attachments.filter(({ related }: Json) => !related).map(({ filename }: Json) => filename)).toEqual([
        `${number}.pdf`,
      ]);
      for (const { filename, content } of shown)
        expect((content as Buffer).equals(readFileSync(join(folder, "img", filename)))).toBe(true);
      // Every reference has its part, and every part its reference.
      const html = source.replaceAll("=\r\n", "").replaceAll("=3D", "=");
      const references = [...html.matchAll(/cid:([^"')]+)/g)].map(([, id]) => id);
      expect(references).toHaveLength(5);
      expect(new Set(references)).toEqual(new Set(shown.map(({ cid }: Json) => cid)));
      expect(html).toContain('src="https://example.com/web.png"');
      expect(source.indexOf("multipart/mixed")).toBeLessThan(source.indexOf("multipart/related"));
      expect(mail.text).not.toContain("cid:");
    }
  });

  it("check is content with them, preview shows them, and the page needs no other file", async () => {
    const folder = await pictures();
    const check = await run(folder, ["check", "june.csv", "--no-account", "--no-dns", "--json"]);
    const images = check.json.findings.filter(({ check: name }: Json) => name === "content.images");
    expect(images).toMatchObject([{ severity: "ok" }]);
    const { code } = await run(folder, ["preview", "june.csv", "--output", "seen"]);
    expect(code).toBe(0);
    const page = readFileSync(join(folder, "seen", "mail.html"), "utf8");
    expect(page).not.toContain("cid:");
    const logo = Buffer.concat([PNG, Buffer.from("my logo")]).toString("base64");
    expect(page.split(`src="data:image/png;base64,${logo}"`)).toHaveLength(3);
    expect(readFileSync(join(folder, "seen", "headers.txt"), "utf8")).toContain("Picture: my logo.png (image/png)");
    expect((await readdir(join(folder, "seen"))).sort()).toEqual(["headers.txt", "mail.html", "mail.txt"]);
  });

  it("without it, send says that nobody will see the picture", async () => {
    const folder = await campaign(rowsOf(1), 1, {
      front: "subject: Hi\nfrom: news@example.com",
      html: '<img src="logo.png">',
    });
    const server = await sesServer(folder);
    const sent = await run(folder, ["send", "june.csv"], { env: server.env });
    expect(sent.code).toBe(0);
    expect(sent.stderr).toMatch(/No reader will see the picture logo\.png: write inline_images: true/);
  });

  it("a picture that changed since fails the messages that show it", async () => {
    const folder = await pictures();
    const server = await sesServer(folder);
    await run(folder, ["import", "june.csv"]);
    utimesSync(join(folder, "img", "1.png"), 1, 1);
    const sent = await run(folder, ["send", "--json"], { env: server.env });
    expect(sent).toMatchObject({ code: 1, json: { run: { sent: 1, failed: 1 } } });
    expect((await exported(folder))[0]?.error).toMatch(/the picture img\/1\.png has changed/);
  });
});
