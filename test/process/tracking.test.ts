/** The whole way round: sent by `send`, read by a reader, told to a `serve` on the same job file. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { PAGE_CSP } from "../../src/serve/unsubscribe-page.ts";
import { readOutbox } from "../sandbox/endpoint.ts";
import { run, until, workFolder } from "../support/run.ts";
import { serve } from "../support/serve.ts";

const READER = { "user-agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", accept: "text/html" };
const HTML = `---
subject: Hello {{ name }}
from: News <news@example.com>
---
<!doctype html><html><body>
<p>Dear {{ name }}, <a href="https://shop.example/sale?for={{ name | url_encode }}&amp;x=1">a sale</a></p>
<p><a href="{{ unsubscribe_url }}">Unsubscribe</a> <a data-no-track href="https://shop.example/terms">Terms</a></p>
</body></html>`;

test.each<[string, Record<string, string>]>([
  ["the job file's key", {}],
  ["SES_MAIL_SECRET", { SES_MAIL_SECRET: "a secret for this test alone" }],
])(
  "links signed with %s lead to the gateway, which counts and unsubscribes",
  { timeout: 120_000 },
  async (_name, env) => {
    const folder = await workFolder();
    await writeFile(join(folder, "june.csv"), "email,name\nann@example.net,Ann & Co\n");
    await writeFile(join(folder, "june.html"), HTML);
    const { url: base, running } = await serve(folder, ["--sandbox"], { env });
    const flags = ["--content", "june.html", "--track-opens", "--track-clicks", "--unsubscribe", "--base-url", base];
    const later = await run(folder, ["schedule", "june.csv", "--topic", "july", "--at", "+1d", ...flags], { env });
    expect({ code: later.code, stderr: later.stderr }).toMatchObject({ code: 0 });
    // Whichever of the two processes sends it.
    const outbox = join(folder, "ses-mail-outbox");
    const now = await run(folder, ["send", "june.csv", "--sandbox", ...flags], { env });
    expect({ code: now.code, stderr: now.stderr }).toMatchObject({ code: 0 });
    await until(async () => (await readOutbox(outbox)).length > 0, "a mail in the outbox");
    const [{ mail } = { mail: null }] = await readOutbox(outbox);
    const headers = mail.headerLines as { key: string; line: string }[];

    const found = (pattern: RegExp) => (pattern.exec(String(mail.html))?.[1] ?? "").replaceAll("&amp;", "&");
    const pixel = found(/<img src="([^"]+)"/);
    const click = found(/href="([^"]+\/c\/[^"]+)"/);
    const leave = found(/href="([^"]+\/u\/[^"]+)"/);
    const header = (name: string) => headers.find(({ key }) => key === name)?.line.replace(/\s+/g, " ");
    expect(mail.html).toContain('<a href="https://shop.example/terms">');
    expect(mail.text).toContain("https://shop.example/sale?for=");
    expect(header("list-unsubscribe")).toBe(`List-Unsubscribe: <${leave}>`);
    expect(header("list-unsubscribe-post")).toBe("List-Unsubscribe-Post: List-Unsubscribe=One-Click");

    const image = await fetch(pixel, { headers: READER });
    expect([image.status, image.headers.get("content-type")]).toEqual([200, "image/gif"]);
    // Webmail is another origin.
    expect(image.headers.get("cross-origin-resource-policy")).toBe("cross-origin");
    const redirect = await fetch(click, { headers: READER, redirect: "manual" });
    const target = "https://shop.example/sale?for=Ann+%26+Co&x=1";
    expect([redirect.status, redirect.headers.get("location")]).toEqual([302, target]);
    // What scanners do.
    for (const method of ["GET", "HEAD"]) {
      const page = await fetch(leave, { method });
      expect([page.status, page.headers.get("content-security-policy")]).toEqual([200, PAGE_CSP]);
    }
    expect((await run(folder, ["suppress", "list"])).stdout).not.toContain("ann@");
    const body = new URLSearchParams({ "List-Unsubscribe": "One-Click" });
    expect((await fetch(leave, { method: "POST", body })).status).toBe(200);

    expect((await run(folder, ["suppress", "list"])).stdout).toMatch(/ann@example\.net.*unsubscribe/);
    expect((await run(folder, ["stats", "july", "--json"])).json).toMatchObject({ total: 1, suppressed: 1 });
    running.kill("SIGTERM");
    expect((await running.finished).code).toBe(0);
    expect((await run(folder, ["stats", "june", "--json"])).json).toMatchObject({ sent: 1, opened: 1, clicked: 1 });
    // Not a word of links, nor of whom they were for, in the log.
    const log = running.stderr();
    for (const secret of [
      "ann@example.net",
      ...[pixel, click, leave].map((link) => link.slice(base.length + 3, base.length + 60)),
    ])
      expect(log).not.toContain(secret);
  },
);
