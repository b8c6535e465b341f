import { execFileSync } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { Examiner, findFiles, withFiles } from "../../../src/compose/mail/folder-files.ts";
import { attachmentAt, pictureAt } from "../../../src/compose/mail/mail-file.ts";
import { RenderProblem } from "../../../src/compose/problem.ts";
import { StoppedError } from "../../../src/errors.ts";
import type { RenderedMail } from "../../../src/message.ts";

function folder(files: Record<string, string>): string {
  const path = mkdtempSync(`${tmpdir()}/files-`);
  for (const [name, data] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), data);
  }
  return path;
}

function mailWith(at: string, ...paths: string[]): RenderedMail {
  return {
    from: "news@example.com",
    to: "ann@example.com",
    replyTo: [],
    subject: "Hello",
    html: "<p>Hello</p>",
    text: "Hello",
    headers: [],
    tags: [],
    attachments: [],
    configurationSet: null,
    files: paths.map((path) => (path.endsWith(".png") ? pictureAt(at, path) : attachmentAt(at, path))),
  };
}

/** Why both refuse the mail, while the list is taken in and when it leaves; they must agree. */
async function refusal(mail: RenderedMail): Promise<string> {
  const late = await withFiles(mail).catch((error: unknown) => error);
  expect(late).toBeInstanceOf(RenderProblem);
  expect(() => new Examiner().examine(mail)).toThrow((late as Error).message);
  return (late as Error).message;
}

describe("the files of a mail", () => {
  test("are read as they are, attachments and pictures", async () => {
    const at = folder({ "a/b.pdf": "\0binary\xff", "c.png": "picture" });
    const mail = await withFiles({
      ...mailWith(at, "a/b.pdf", "c.png"),
      attachments: [{ fileName: "fixed.txt", contentType: "text/plain", data: "eA==" }],
    });
    expect(mail.attachments).toEqual([
      { fileName: "fixed.txt", contentType: "text/plain", data: "eA==" },
      { fileName: "b.pdf", contentType: "application/pdf", data: Buffer.from("\0binary\xff").toString("base64") },
      {
        fileName: "c.png",
        contentType: "image/png",
        data: Buffer.from("picture").toString("base64"),
        contentId: pictureAt(at, "c.png").contentId,
      },
    ]);
    expect(mail.files).toBeUndefined();
  });

  test("may be reached by a link inside the folder, and by a folder that is one", async () => {
    const at = folder({ "real/a.pdf": "x" });
    symlinkSync("real/a.pdf", join(at, "b.pdf"));
    const linked = join(folder({}), "linked");
    symlinkSync(at, linked);
    expect((await withFiles(mailWith(linked, "b.pdf"))).attachments).toHaveLength(1);
    expect(new Examiner().examine(mailWith(linked, "b.pdf")).bytes).toBe(4);
  });

  test.skipIf(process.getuid?.() === 0)("are refused with their list when they cannot be read", () => {
    const at = folder({ "secret.pdf": "secret" });
    chmodSync(join(at, "secret.pdf"), 0);
    const examine = () => new Examiner().examine(mailWith(at, "secret.pdf"));
    expect(examine).toThrow("cannot read the attachment secret.pdf: permission denied");
  });

  test("are refused for their message when they cannot be sent", async () => {
    const outside = folder({ "secret.pdf": "secret" });
    const at = folder({ "empty.pdf": "", "dir.pdf/x": "x", "file.pdf": "x" });
    symlinkSync(join(outside, "secret.pdf"), join(at, "link.pdf"));
    symlinkSync(outside, join(at, "sub"));
    symlinkSync("loop.pdf", join(at, "loop.pdf"));
    symlinkSync("/proc/self/environ", join(at, "env.pdf"));
    execFileSync("mkfifo", [join(at, "pipe.pdf")]);
    expect(await refusal(mailWith(at, "gone.pdf"))).toBe("cannot read the attachment gone.pdf: no such file");
    expect(await refusal(mailWith(at, "file.pdf/x.pdf"))).toMatch(/no such file/);
    expect(await refusal(mailWith(at, `${"x".repeat(300)}/a.pdf`))).toMatch(/name is too long/);
    expect(await refusal(mailWith(at, "empty.pdf"))).toMatch(/empty\.pdf is empty/);
    expect(await refusal(mailWith(at, "dir.pdf"))).toMatch(/dir\.pdf is not a file/);
    expect(await refusal(mailWith(at, "pipe.pdf"))).toMatch(/pipe\.pdf is not a file/);
    for (const path of ["link.pdf", "sub/secret.pdf", "env.pdf"]) {
      expect(await refusal(mailWith(at, path))).toMatch(/leads out of the content's folder by a symbolic link/);
    }
    expect(await refusal(mailWith(at, "loop.pdf"))).toMatch(/too many symbolic links/);
  });

  test("are limited together, with what goes to everybody", async () => {
    const at = folder({ "a.pdf": "x", "b.pdf": "x" });
    truncateSync(join(at, "a.pdf"), 15_000_000);
    truncateSync(join(at, "b.pdf"), 16_000_000);
    expect(await refusal(mailWith(at, "a.pdf", "b.pdf"))).toMatch(/the mail is 40\.\d MB.*SES takes 40 MB.*b\.pdf/);
    const fixed = [{ fileName: "f", contentType: "a/b", data: "A".repeat(21_000_000) }];
    expect(await refusal({ ...mailWith(at, "b.pdf"), attachments: fixed })).toMatch(/40 MB/);
    expect(await refusal(mailWith(at, ...Array.from({ length: 496 }, () => "a.pdf")))).toMatch(/496 attachments/);
    expect(new Examiner().examine(mailWith(at, "b.pdf")).bytes).toBe(21_333_336);
  });
});

describe("a file that changed since the list was taken in", () => {
  const sent = async (mail: RenderedMail, record: string | null) => (await findFiles(mail, record)).read();

  test.each<[string, (path: string) => void]>([
    ["other bytes", (path) => writeFileSync(path, "two")],
    ["longer", (path) => writeFileSync(path, "one more")],
    ["another time", (path) => utimesSync(path, 1, 1)],
  ])("fails its message: %s", async (_, change) => {
    const at = folder({ "a.pdf": "one", "b.pdf": "one" });
    const [a, b] = [mailWith(at, "a.pdf"), mailWith(at, "b.pdf")];
    const examiner = new Examiner();
    const records = [a, b].map((mail) => examiner.examine(mail).record);
    // The clock of some file systems stands still for some milliseconds.
    await new Promise((resolve) => setTimeout(resolve, 20));
    change(join(at, "a.pdf"));
    await expect(sent(a, records[0] ?? "")).rejects.toThrow(
      /the attachment a\.pdf has changed since.*retry.*another topic/,
    );
    expect(await sent(b, records[1] ?? "")).toHaveLength(1);
  });

  test("is sent again when it is put back, and when nothing is known of it", async () => {
    const at = folder({ "a.pdf": "one", "b.pdf": "two" });
    utimesSync(join(at, "a.pdf"), 1_000, 1_000);
    const { record } = new Examiner().examine(mailWith(at, "a.pdf"));
    writeFileSync(join(at, "a.pdf"), "two");
    writeFileSync(join(at, "a.pdf"), "one");
    utimesSync(join(at, "a.pdf"), 1_000, 1_000);
    expect(await sent(mailWith(at, "a.pdf"), record)).toHaveLength(1);
    // The content was replaced: it names other files than those that were looked at.
    expect(await sent(mailWith(at, "b.pdf"), record)).toHaveLength(1);
  });

  test("is noticed between being found and being read", async () => {
    const at = folder({ "a.pdf": "one", "other.pdf": "two" });
    const found = await findFiles(mailWith(at, "a.pdf"), null);
    rmSync(join(at, "a.pdf"));
    await expect(found.read()).rejects.toThrow(RenderProblem);
    symlinkSync("other.pdf", join(at, "a.pdf"));
    await expect(found.read()).rejects.toThrow(RenderProblem);
  });

  test("stops everything when its folder is gone", async () => {
    const at = folder({ "a.pdf": "one" });
    rmSync(at, { recursive: true });
    await expect(withFiles(mailWith(at, "a.pdf"))).rejects.toThrow(StoppedError);
  });
});

test("a file that many rows name is looked at once, and memory does not grow with those that differ", () => {
  const at = folder({ "a.png": "one" });
  const examiner = new Examiner();
  const { record } = examiner.examine(mailWith(at, "a.png"));
  rmSync(join(at, "a.png"));
  expect(examiner.examine(mailWith(at, "a.png")).record).toBe(record);
  for (let i = 0; i < 5_000; i++) expect(() => examiner.examine(mailWith(at, `${i}.png`))).toThrow(/no such file/);
  // By then it was forgotten.
  expect(() => examiner.examine(mailWith(at, "a.png"))).toThrow(/no such file/);
});
