import { mkdirSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { writeCampaign } from "../support/campaign.ts";
import { run, workFolder } from "../support/run.ts";

async function campaign(): Promise<string> {
  const folder = await workFolder();
  await writeFile(join(folder, "june.csv"), "email\nann@example.com\n");
  await writeFile(join(folder, "june.html"), "---\nsubject: s\nfrom: news@example.com\n---\n<p>Hello</p>\n");
  return folder;
}

test.each([
  ["june.csv", /--output .*june\.csv expects a folder, and a file has that name/],
  ["june.csv/preview", /--output .*preview expects a folder/],
  ["taken", /cannot write the preview to .*taken\/mail\.html: it is a folder/],
])("--output %s, which cannot be written to, is refused", async (output, expected) => {
  const folder = await campaign();
  mkdirSync(join(folder, "taken", "mail.html"), { recursive: true });
  const { code, stderr } = await run(folder, ["preview", "june.csv", "--output", output]);
  expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(expected) });
});

test("an outbox that is a file is refused before anything is sent", async () => {
  const folder = await campaign();
  await writeFile(join(folder, "ses-mail-outbox"), "");
  const { code, stderr } = await run(folder, ["send", "june.csv", "--sandbox", "--yes"]);
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: expect.stringMatching(/the outbox .*ses-mail-outbox\S* expects a folder, and a file has that name/),
  });
});

test("shows one recipient's mail, on stdout or as files", async () => {
  const folder = await workFolder();
  const file = await writeCampaign(folder, 3);
  const shown = await run(folder, ["preview", file, "--row", "2", "--json"]);
  expect(shown.code).toBe(0);
  expect(shown.json).toMatchObject({ row: 2, to: "p2@example.net", subject: "Hello Person 2" });
  await run(folder, ["preview", file, "--output", "out"]);
  expect(await readFile(join(folder, "out", "mail.html"), "utf8")).toContain("Dear Person 1");
  expect((await run(folder, ["preview", file, "--row", "9"])).code).toBe(2);
});
