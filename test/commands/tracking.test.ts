/** `--track-opens`, `--track-clicks`, `--unsubscribe` and `--base-url`, as users type them. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { run, workFolder } from "../support/run.ts";
import { jobExists } from "../support/job.ts";

const BASE = "https://mail.example.com";
const ALL = ["--track-opens", "--track-clicks", "--unsubscribe"];
const HTML = `---
subject: Hello
from: News <news@example.com>
---
<p>Read <a href="https://example.com/a?b=1&amp;c=2">this</a></p>`;

async function campaign(html = HTML): Promise<string> {
  const folder = await workFolder();
  await writeFile(join(folder, "june.csv"), "email,name\nann@example.net,Ann\n");
  await writeFile(join(folder, "june.html"), html);
  return folder;
}

describe("what cannot be is exit 2, and nothing is made", () => {
  it.each<[string, string[], Record<string, string>, RegExp]>([
    ["opens without a base URL", ["--track-opens"], {}, /--track-opens expects --base-url, got none/],
    ["clicks without a base URL", ["--track-clicks"], {}, /--track-clicks expects --base-url/],
    ["unsubscribing without a base URL", ["--unsubscribe"], {}, /--unsubscribe expects --base-url/],
    ["http to elsewhere", [...ALL, "--base-url", "http://mail.example.com"], {}, /http is for this machine only/],
    ["no address", ["--base-url", "mail.example.com"], {}, /--base-url expects an address/],
    [
      "two ways to unsubscribe",
      ["--unsubscribe", "--base-url", BASE, "--unsubscribe-url", `${BASE}/x`],
      {},
      /exclude each other/,
    ],
    [
      "a switch that is neither on nor off",
      [],
      { SES_MAIL_TRACK_OPENS: "maybe" },
      /SES_MAIL_TRACK_OPENS expects 1, true or yes/,
    ],
    ["a setting without a base URL", [], { SES_MAIL_UNSUBSCRIBE: "yes" }, /--unsubscribe expects --base-url/],
  ])("%s", async (_name, flags, env, message) => {
    const folder = await campaign();
    const { code, stderr } = await run(folder, ["import", "june.csv", ...flags], { env });
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(message) });
    expect(await jobExists(join(folder, "ses-mail.db"))).toBe(false);
  });

  it("an unsubscribe URL in the front matter counts, too", async () => {
    const folder = await campaign(HTML.replace("subject:", "unsubscribe_url: https://example.com/u\nsubject:"));
    const { code, stderr } = await run(folder, ["preview", "june.csv", "--unsubscribe", "--base-url", BASE]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining("exclude each other") });
  });

  it("a short secret is told before anything is changed, and not shown", async () => {
    const folder = await campaign();
    const env = { SES_MAIL_SECRET: "hunter2" };
    const { code, stderr } = await run(folder, ["send", "june.csv", "--sandbox"], { env });
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining("SES_MAIL_SECRET expects") });
    expect(stderr).not.toContain("hunter2");
    expect(await jobExists(join(folder, "ses-mail.db"))).toBe(false);
  });
});

describe("preview", () => {
  const preview = async (flags: string[], env: Record<string, string> = {}, html = HTML) =>
    (await run(await campaign(html), ["preview", "june.csv", "--json", ...flags], { env })).json;

  it("shows where everything will be, with links for nobody", async () => {
    const html = HTML.replace("</p>", ` <a href="{{ unsubscribe_url }}">leave</a></p>`);
    const mail = await preview([...ALL, "--base-url", `${BASE}/mail/`], {}, html);
    const nobody = "A".repeat(32);
    expect(mail.html).toContain(`href="${BASE}/mail/c/${nobody}?u=https%3A%2F%2Fexample.com%2Fa%3Fb%3D1%26c%3D2"`);
    expect(mail.html).toContain(`href="${BASE}/mail/u/${nobody}"`);
    expect(mail.html).toContain(`src="${BASE}/mail/v1/events/open?request_id=${nobody}"`);
    expect(mail.headers).toContainEqual({ name: "List-Unsubscribe", value: `<${BASE}/mail/u/${nobody}>` });
    expect(mail.text).toContain("https://example.com/a?b=1&c=2");
  });

  it("takes settings from the environment, on and off", async () => {
    const env = {
      SES_MAIL_BASE_URL: BASE,
      SES_MAIL_TRACK_OPENS: "Yes",
      SES_MAIL_TRACK_CLICKS: "0",
      SES_MAIL_UNSUBSCRIBE: "",
    };
    const mail = await preview([], env);
    expect(mail.html).toContain("/v1/events/open");
    expect(mail.html).toContain(`href="https://example.com/a?b=1&amp;c=2"`);
    expect(mail.headers).toEqual([]);
    // A flag beats the environment.
    expect((await preview(["--track-clicks"], env)).html).toContain("/c/");
  });

  it("changes nothing for a base URL alone", async () => {
    expect((await preview(["--base-url", BASE])).html).not.toContain(BASE);
  });
});

it("without these options a topic goes on with the content it had; with them it is another", async () => {
  const folder = await campaign();
  expect((await run(folder, ["import", "june.csv"])).code).toBe(0);
  expect((await run(folder, ["import", "june.csv", "--base-url", BASE])).code).toBe(0);
  const other = await run(folder, ["import", "june.csv", "--track-opens", "--base-url", BASE]);
  expect({ code: other.code, stderr: other.stderr }).toEqual({
    code: 2,
    stderr: expect.stringContaining("--replace-content"),
  });
  const replaced = await run(folder, ["import", "june.csv", "--track-opens", "--base-url", BASE, "--replace-content"]);
  expect(replaced.code).toBe(0);
});

it("check looks at the author's links, and finds the way to unsubscribe", async () => {
  const folder = await campaign(HTML.replace("https://example.com/a", "http://example.com/a"));
  const args = ["check", "june.csv", "--json", "--no-account", "--no-dns", ...ALL, "--base-url", BASE];
  const { json } = await run(folder, args);
  const findings = json.findings as { check: string; severity: string }[];
  expect(findings.map(({ check }) => check)).toContain("content.links-http");
  expect(findings.find(({ check }) => check === "content.unsubscribe")).toMatchObject({ severity: "ok" });
});
