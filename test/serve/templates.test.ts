/** Templates over HTTP: kept, shown, previewed, removed, and used by what is posted. */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { InjectOptions } from "fastify";
import { type Json, until } from "../support/run.ts";
import { type TestGateway, testGateway, type TestGatewayOptions } from "../support/gateway.ts";

const CODE = `---
subject: "Your code is {{ code }}"
from: Shop <shop@example.com>
kind: transactional
---
<p>Hello {{ name | default: "you" }}, your code is <b>{{ code }}</b>.</p>
`;

const VARIABLES = [
  { name: "code", required: true, list: false },
  { name: "name", required: false, list: false },
];

interface Asked {
  gateway: TestGateway;
  ask(method: InjectOptions["method"], url: string, body?: unknown): Promise<{ status: number; json: Json }>;
  put(name: string, body: unknown): Promise<{ status: number; json: Json }>;
}

async function withTemplates(options: TestGatewayOptions = {}): Promise<Asked> {
  const gateway = await testGateway(options);
  const ask: Asked["ask"] = async (method, url, body) => {
    const json = { "content-type": "application/json" };
    const answer = await gateway.call({
      ...(method !== undefined && { method }),
      url,
      ...(body !== undefined && { payload: JSON.stringify(body), headers: json }),
    });
    return { status: answer.statusCode, json: answer.json() };
  };
  return { gateway, ask, put: (name, body) => ask("PUT", `/v1/templates/${encodeURIComponent(name)}`, body) };
}

test("a template is kept, shown, changed and removed", async () => {
  const { ask, put } = await withTemplates();
  expect(await put("code", { content: CODE })).toEqual({
    status: 200,
    json: { name: "code", version: 1, new: true, subject: "Your code is {{ code }}", variables: VARIABLES },
  });
  expect((await put("code", { content: CODE })).json).toMatchObject({ version: 1, new: false });
  expect((await put("code", { content: `${CODE}!` })).json).toMatchObject({ version: 2, new: true });
  expect(await ask("GET", "/v1/templates/code")).toMatchObject({
    status: 200,
    json: {
      name: "code",
      version: 2,
      from: "Shop <shop@example.com>",
      kind: "transactional",
      list: null,
      format: "html",
      content: expect.stringContaining("your code is <b>{{ code }}</b>"),
      text: null,
      variables: VARIABLES,
    },
  });
  expect((await ask("DELETE", "/v1/templates/code")).json).toEqual({ name: "code", removed: true });
  expect((await ask("GET", "/v1/templates/code")).status).toBe(404);
  expect((await ask("DELETE", "/v1/templates/code")).status).toBe(404);
});

test("names have spaces, and letters of every script in either form", async () => {
  const { ask, put } = await withTemplates();
  const name = "영수증 100%";
  expect((await put(name.normalize("NFD"), { content: CODE })).json.name).toBe(name);
  expect((await ask("GET", `/v1/templates/${encodeURIComponent(name)}`)).json.name).toBe(name);
  expect((await put("a/b", { content: CODE })).status).toBe(400);
  expect((await put("a\u200bb", { content: CODE })).status).toBe(400);
  const unknown = await ask("GET", `/v1/templates/${encodeURIComponent("영수증 100")}`);
  expect(unknown).toEqual({
    status: 404,
    json: { error: `there is no template "영수증 100": did you mean "${name}"?` },
  });
});

test.each<[string, unknown, RegExp]>([
  ["no content", {}, /content: is missing/],
  ["an unknown field", { content: CODE, subject: "s" }, /unknown field/],
  ["no format", { content: CODE, format: "txt" }, /html, md/],
  ["no subject", { content: "---\nfrom: a@b.example\n---\n<p>x</p>" }, /^content has no subject: write subject:/],
  ["half of a character", { content: CODE.replace("</p>", "\ud800</p>") }, /^content: holds half of a character/],
  [
    "half of a character that YAML writes as an escape",
    {
      content: String.raw`---
subject: "\uD83D"
---
<p>x</p>`,
    },
    /line 2: subject: the text holds half of a character/,
  ],
  ["half of a character in the text", { content: CODE, text: "a\udc00" }, /^text: holds half of a character/],
  ["a tag that is not closed", { content: CODE.replace("</p>", "{% if x %}</p>") }, /line 6/],
  ["an unknown key", { content: `---\nsubjekt: s\n---\n<p>x</p>` }, /line 2.*subject/],
  ["a file of this machine", { content: CODE.replace("kind:", "attachments: /etc/passwd\nkind:") }, /attachments/],
  [
    "pictures of this machine",
    { content: CODE.replace("kind:", "inline_images: true\nkind:") },
    /no files, so no pictures/,
  ],
  [
    "a way to leave transactional mail",
    { content: CODE.replace("kind:", "unsubscribe_url: https://example.com\nkind:") },
    /unsubscribe/,
  ],
])("%s is refused with its reason", async (_name, body, reason) => {
  const { ask, put } = await withTemplates();
  const { status, json } = await put("bad", body);
  expect({ status, error: json.error }).toEqual({ status: 400, error: expect.stringMatching(reason) });
  expect((await ask("GET", "/v1/templates")).json.templates).toEqual([]);
});

test("come page by page", async () => {
  const { ask, put } = await withTemplates();
  for (const name of ["c", "a", "b"]) await put(name, { content: CODE });
  const first = (await ask("GET", "/v1/templates?limit=2")).json;
  expect(first).toMatchObject({ templates: [{ name: "a", variables: VARIABLES }, { name: "b" }], next: "b" });
  expect((await ask("GET", `/v1/templates?limit=2&after=${first.next}`)).json).toMatchObject({
    templates: [{ name: "c" }],
    next: null,
  });
});

test("need the scope admin, and a preview that of sending", async () => {
  const { gateway, put } = await withTemplates();
  await put("code", { content: CODE });
  for (const scope of ["read", "send"] as const)
    await gateway.store.addKey({
      name: scope,
      digest: createHash("sha256").update(`key of ${scope}`).digest(),
      scopes: [scope],
    });
  const status = async (scope: string, request: InjectOptions) =>
    (await gateway.call({ ...request, headers: { "x-api-key": `key of ${scope}` } })).statusCode;
  for (const [method, url] of [
    ["GET", ""],
    ["GET", "/code"],
    ["PUT", "/code"],
    ["DELETE", "/code"],
  ] as const)
    expect([method, url, await status("send", { method, url: `/v1/templates${url}` })]).toEqual([method, url, 403]);
  const preview = { method: "POST", url: "/v1/templates/code/preview", payload: { data: { code: "1" } } } as const;
  expect(await status("send", preview)).toBe(200);
  expect(await status("read", preview)).toBe(403);
});

test("a preview is the mail, or all that is wrong with the data", async () => {
  const { ask, put } = await withTemplates();
  await put("code", { content: CODE });
  const { status, json } = await ask("POST", "/v1/templates/code/preview", { data: { code: "<1>", name: "Ann" } });
  expect({ status, json }).toMatchObject({
    status: 200,
    json: {
      name: "code",
      version: 1,
      subject: "Your code is <1>",
      from: "Shop <shop@example.com>",
      to: "someone@example.com",
    },
  });
  expect(json.html).toContain("Hello Ann, your code is <b>&lt;1&gt;</b>");
  expect(json.text).toContain("Hello Ann, your code is <1>.");
  const bad = await ask("POST", "/v1/templates/code/preview", { data: {} });
  expect(bad).toMatchObject({ status: 400, json: { problems: [{ path: expect.stringMatching(/^data/) }] } });
  expect((await ask("POST", "/v1/templates/code/preview")).status).toBe(400);
  expect((await ask("POST", "/v1/templates/code/preview", { email: "nobody" })).json.problems).toMatchObject([
    { path: "email" },
  ]);
  expect((await ask("POST", "/v1/templates/kode/preview", {})).json.error).toContain('did you mean "code"?');
});

test("the page of a preview runs nothing and loads nothing", async () => {
  const { gateway, put } = await withTemplates();
  await put("code", { content: CODE.replace("<p>", "<script>x</script><p>") });
  const data = Buffer.from(JSON.stringify({ code: "한글" })).toString("base64url");
  const page = await gateway.call({ url: `/templates/code/mail?data=${data}` });
  expect(page.statusCode).toBe(200);
  expect(page.headers["content-security-policy"]).toMatch(/^sandbox; default-src 'none'/);
  expect(page.body).toContain("한글");
  expect((await gateway.call({ url: "/templates/code/mail?data=W10" })).statusCode).toBe(400);
  expect((await gateway.call({ url: "/templates/code/mail?data=!" })).statusCode).toBe(400);
});

// What is posted with a template -----------------------------------------------------------------------------------------

const to = (...people: [email: string, code: string][]) => people.map(([email, code]) => ({ email, data: { code } }));

test("two people get their own code, with the version that was there when it was posted", async () => {
  const { gateway, put } = await withTemplates({ sending: true, outbox: true });
  await put("code", { content: CODE });
  const first = await gateway.post({
    messages: [{ template: "code", to: to(["ann@example.com", "1234"], ["bo@example.com", "5678"]) }],
  });
  expect(first).toMatchObject({ status: 200, json: { total: 2, success: 2, ids: [1, 2] } });
  await until(async () => (await gateway.store.totals(null)).sent === 2, "both to be sent");
  const parts = await gateway.store.mailParts(2);
  expect(parts).toMatchObject({
    email: "bo@example.com",
    fields: { code: "5678" },
    content: { kind: "transactional" },
  });
});

test("a later version changes nothing of what was accepted", async () => {
  const { gateway, put, ask } = await withTemplates();
  await put("code", { content: CODE });
  await gateway.post({ messages: [{ template: "code", to: to(["ann@example.com", "1"]) }] });
  await put("code", { content: CODE.replace("Hello", "Goodbye") });
  await ask("DELETE", "/v1/templates/code");
  expect((await gateway.store.mailParts(1))?.content.html).toContain("Hello");
});

test("a repeat gets the same answer letter for letter, with its ids, also when the template is gone", async () => {
  const { gateway, put, ask } = await withTemplates();
  await put("code", { content: CODE });
  const post = () =>
    gateway.call({
      method: "POST",
      url: "/v1/messages",
      headers: { "content-type": "application/json", "idempotency-key": "k" },
      payload: JSON.stringify({
        messages: [{ template: "code", to: to(["ann@example.com", "1"]), expires_in: "10m" }],
      }),
    });
  const first = await post();
  await ask("DELETE", "/v1/templates/code");
  const again = await post();
  expect(first.json()).toMatchObject({ success: 1, ids: [1] });
  expect(again.body).toBe(first.body);
  expect(again.headers["idempotency-replayed"]).toBe("true");
});

test("nothing is stored when one of them is wrong", async () => {
  const { gateway, put } = await withTemplates();
  await put("code", { content: CODE });
  const answer = await gateway.post({
    messages: [
      { template: "code", to: to(["ann@example.com", "1"]) },
      { template: "kode", emails: ["bo@example.com"] },
    ],
  });
  expect(answer).toMatchObject({
    status: 400,
    json: {
      problems: [{ path: "messages[1].template", message: 'there is no template "kode": did you mean "code"?' }],
    },
  });
  expect(await gateway.store.totals(null)).toMatchObject({ total: 0 });
});

test("a thousand addresses are told their messages, more are not", async () => {
  const { gateway } = await withTemplates();
  const people = (count: number) => ({
    messages: [
      {
        topic_id: `t${count}`,
        subject: "s",
        content: "<p>x</p>",
        to: Array.from({ length: count }, (_, index) => ({ email: `a${index}@example.com` })),
      },
    ],
  });
  expect((await gateway.post(people(1_000))).json.ids).toHaveLength(1_000);
  const { json } = await gateway.post(people(1_001));
  expect(json.success).toBe(1_001);
  expect(json).not.toHaveProperty("ids");
});

test("files, headers and a text of its own leave as they were posted", async () => {
  const { gateway } = await withTemplates({ sending: true, outbox: true });
  const { json } = await gateway.post({
    messages: [
      {
        emails: ["ann@example.com"],
        subject: "Bill",
        content: "<p>Your bill</p>",
        text: "Your bill {{ here }}",
        reply_to: "Bo <bo@example.com>",
        headers: { "X-Order": "4711 {% x %}" },
        attachments: [{ name: "bill.txt", data: Buffer.from("five euros").toString("base64") }],
      },
    ],
  });
  expect(json).toMatchObject({ success: 1 });
  await until(async () => (await gateway.store.totals(null)).sent === 1, "it to be sent");
  const eml = await onlyMail(gateway);
  expect(eml).toMatch(/^X-Order: 4711 \{% x %\}\r?$/m);
  expect(eml).toMatch(/^Reply-To: .*bo@example\.com/m);
  expect(eml).toContain("Your bill {{ here }}");
  expect(eml).toMatch(/filename="?bill\.txt/);
  expect(eml).toContain(Buffer.from("five euros").toString("base64"));
});

/** The only mail that was sent. */
async function onlyMail({ ses }: TestGateway): Promise<string> {
  const outbox = ses?.outbox ?? "";
  const names = (await readdir(outbox, { recursive: true })).filter((name) => name.endsWith(".eml"));
  expect(names).toHaveLength(1);
  return readFile(join(outbox, names[0] ?? ""), "utf8");
}

test("10 MB of files and 10,000 addresses fit, and more is too large", async () => {
  const { gateway } = await withTemplates();
  const data = Buffer.alloc(10 * 1024 * 1024, 7).toString("base64");
  const emails = Array.from({ length: 10_000 }, (_, index) => `reader${index}@example.com`);
  const message = { emails, subject: "s", content: "<p>x</p>", attachments: [{ name: "a.bin", data }] };
  expect((await gateway.post({ messages: [message] })).json).toMatchObject({ success: 10_000 });
  expect(await gateway.post({ messages: [{ ...message, content: "x".repeat(3 * 1024 * 1024) }] })).toMatchObject({
    status: 413,
  });
});
