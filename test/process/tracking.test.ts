/** The whole way round: sent by `send`, read by a reader, told to a server on the same job file. */
import { readdir, readFile, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import Fastify from "fastify";
import { simpleParser } from "mailparser";
import { expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/clock.ts";
import type { Gateway } from "../../src/serve/gateway.ts";
import { trackingRoutes } from "../../src/serve/routes/tracking.ts";
import { openStore } from "../../src/store/sqlite.ts";
import { openLinks } from "../../src/tracking/links.ts";
import { run, workFolder } from "../support/run.ts";

const READER = { "user-agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", accept: "text/html" };
const HTML = `---
subject: Hello {{ name }}
from: News <news@example.com>
---
<!doctype html><html><body>
<p>Dear {{ name }}, <a href="https://shop.example/sale?for={{ name | url_encode }}&amp;x=1">a sale</a></p>
<p><a href="{{ unsubscribe_url }}">Unsubscribe</a> <a data-no-track href="https://shop.example/terms">Terms</a></p>
</body></html>`;

/** A server over the job file that `send` is going to make, on a port that is known before. */
async function listen(folder: string, env: Record<string, string>) {
  const store = await openStore(join(folder, "ses-mail.db"), systemClock, () => undefined);
  const links = await openLinks(store, env, systemClock);
  const app = Fastify({ logger: false });
  await trackingRoutes(app, { store, links, clock: systemClock } as Gateway);
  await app.listen({ port: 0, host: "127.0.0.1" });
  let closed: Promise<void> | null = null;
  const close = () => (closed ??= app.close());
  onTestFinished(async () => {
    await close();
    store.close();
  });
  return { store, close, base: `http://127.0.0.1:${(app.server.address() as AddressInfo).port}` };
}

test.each<[string, Record<string, string>]>([
  ["the job file's key", {}],
  ["SES_MAIL_SECRET", { SES_MAIL_SECRET: "a secret for this test alone" }],
])("links signed with %s", { timeout: 60_000 }, async (_name, env) => {
  const folder = await workFolder();
  await writeFile(join(folder, "june.csv"), "email,name\nann@example.net,Ann & Co\nbob@example.net,Bob\n");
  await writeFile(join(folder, "june.html"), HTML);
  const { store, close, base } = await listen(folder, env);
  const flags = ["--track-opens", "--track-clicks", "--unsubscribe", "--base-url", base];
  const first = await run(folder, ["send", "june.csv", "--sandbox", "--max", "1", ...flags], { env });
  expect(first.stderr).not.toContain("error");
  const [file = ""] = await readdir(join(folder, "ses-mail-outbox"));
  const mail = await simpleParser(await readFile(join(folder, "ses-mail-outbox", file)));
  const to = [mail.to].flat()[0]?.value[0]?.address;
  const html = String(mail.html);
  const attribute = (pattern: RegExp) => (pattern.exec(html)?.[1] ?? "").replaceAll("&amp;", "&");
  const [pixel, click, leave] = [/<img src="([^"]+)"/, /href="([^"]+\/c\/[^"]+)"/, /href="([^"]+\/u\/[^"]+)"/].map(
    attribute,
  );

  expect(to).toBe("ann@example.net");
  expect(html).toContain('<a href="https://shop.example/terms">');
  expect(mail.headerLines.find(({ key }) => key === "list-unsubscribe")?.line).toContain(`<${leave}>`);
  expect(mail.headerLines.find(({ key }) => key === "list-unsubscribe-post")?.line).toMatch(
    /List-Unsubscribe=One-Click$/,
  );
  expect(mail.text).toContain("https://shop.example/sale?for=");

  expect((await fetch(pixel ?? "", { headers: READER })).headers.get("content-type")).toBe("image/gif");
  const redirect = await fetch(click ?? "", { headers: READER, redirect: "manual" });
  expect([redirect.status, redirect.headers.get("location")]).toEqual([
    302,
    "https://shop.example/sale?for=Ann+%26+Co&x=1",
  ]);
  // What scanners do.
  for (const method of ["GET", "HEAD"]) expect((await fetch(leave ?? "", { method })).status).toBe(200);
  expect(await store.countSuppressions()).toBe(0);
  const body = new URLSearchParams({ "List-Unsubscribe": "One-Click" });
  expect((await fetch(leave ?? "", { method: "POST", body })).status).toBe(200);

  await close();
  const { json } = await run(folder, ["stats", "june", "--json"]);
  expect(json).toMatchObject({ total: 2, sent: 1, pending: 1, opened: 1, clicked: 1 });
  const { stdout } = await run(folder, ["suppress", "list"]);
  expect(stdout).toMatch(/ann@example\.net.*unsubscribe/);
  // Nobody who left is written to again, in whatever topic; cron's `send` renders the others the same.
  const second = await run(folder, ["send", "--sandbox", "--json"], { env });
  expect(second.json).toMatchObject({ run: { sent: 1 } });
  const july = await run(folder, ["import", "june.csv", "--topic", "july", "--json", ...flags], { env });
  expect(july.json).toMatchObject({ ingest: { added: 1, suppressed: 1 } });
  const files = await readdir(join(folder, "ses-mail-outbox"));
  const mails = await Promise.all(files.map((name) => readFile(join(folder, "ses-mail-outbox", name), "utf8")));
  expect(mails.every((eml) => eml.includes(`List-Unsubscribe: <${base}/u/`))).toBe(true);
});
