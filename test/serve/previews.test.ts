/** The mail of a topic and of one message, to be looked at and sent as a test. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Content } from "../../src/message.ts";
import { type TestGateway, testGateway } from "../support/gateway.ts";
import { type Json, workFolder } from "../support/run.ts";
import { addList, CONTENT } from "../support/store-actions.ts";

const { simpleParser } = createRequire(import.meta.url)("mailparser") as {
  simpleParser(this: void, source: Buffer): Promise<Json>;
};

const NEWS: Content = {
  ...CONTENT,
  from: "{{ shop }} 소식 <news@example.com>",
  replyTo: ["Help <help@example.com>"],
  subject: "Hello {{ name }}",
  html: '<style>p { color: red }</style><p>Hi {{ name }}</p><a href="https://example.com/x">x</a><script>alert(1)</script>',
  format: "html",
  text: "",
  headers: [{ name: "X-Shop", value: "{{ shop }}" }],
};

async function withNews(gateway: TestGateway, content: Partial<Content> = {}): Promise<TestGateway> {
  const row = (...fields: string[]) => ({ email: fields[0] ?? "", fields: JSON.stringify(fields), notBefore: 0 });
  await addList(gateway.store, [row("ann@example.com", "Ann & Co", "Shöp"), row("bob@example.com", "Bob", "Bobs")], {
    topic: "news",
    columns: ["email", "name", "shop"],
    content: { ...NEWS, ...content },
  });
  return gateway;
}

describe("a preview", () => {
  test("is the mail of the topic's first recipient, or of any message", async () => {
    const { get, store } = await withNews(await testGateway());
    expect(await get("/v1/topics/news/preview")).toEqual({
      status: 200,
      json: {
        problem: null,
        to: "ann@example.com",
        from: "Shöp 소식 <news@example.com>",
        reply_to: ["Help <help@example.com>"],
        subject: "Hello Ann & Co",
        headers: [{ name: "X-Shop", value: "Shöp" }],
        attachments: [],
        text: expect.stringContaining("Hi Ann & Co"),
        html_length: expect.any(Number),
      },
    });
    const [bob] = await store.messagesTo("bob@example.com", 1);
    expect((await get(`/v1/messages/${bob?.id}/preview`)).json).toMatchObject({
      to: "bob@example.com",
      subject: "Hello Bob",
    });
    for (const url of ["/v1/topics/none/preview", "/v1/messages/999/preview"])
      expect((await get(url)).status).toBe(404);
    expect((await get("/v1/messages/x/preview")).status).toBe(400);
  });

  test("says why there is no mail", async () => {
    const gateway = await withNews(await testGateway(), { subject: "{{ nobody_has_it }}" });
    const { status, json } = await gateway.get("/v1/topics/news/preview");
    expect([status, json.subject]).toEqual([200, "{{ nobody_has_it }}"]);
    expect(json.problem).toContain("nobody_has_it");
    expect((await gateway.call({ url: "/topics/news/mail" })).statusCode).toBe(422);
  });

  test("counts nothing: its links are those of the mail, and no picture tells of an open", async () => {
    const tracking = { baseUrl: "https://mail.example.com", opens: true, clicks: true, unsubscribe: true };
    const gateway = await withNews(await testGateway(), {
      tracking,
      html: `${NEWS.html}<a href="{{ unsubscribe_url }}">out</a>`,
    });
    const { body } = await gateway.call({ url: "/topics/news/mail" });
    expect(body).toContain('href="https://example.com/x"');
    expect(body).not.toContain("/v1/events/open");
    expect(body).toMatch(/href="https:\/\/mail\.example\.com\/u\/A+"/);
  });

  test("as a page it runs nothing, and loads nothing unless it is asked to", async () => {
    const { call } = await withNews(await testGateway());
    const page = await call({ url: "/topics/news/mail" });
    expect(page.statusCode).toBe(200);
    expect(page.body).toContain("Hi Ann &amp; Co");
    expect(page.headers).toMatchObject({
      "content-type": "text/html; charset=utf-8",
      "content-security-policy":
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'",
      "x-frame-options": "SAMEORIGIN",
      "referrer-policy": "no-referrer",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    });
    const asked = await call({ url: "/topics/news/mail?images=1" });
    expect(asked.headers["content-security-policy"]).toContain("img-src data: https: http:");
    expect(asked.headers["content-security-policy"]).toContain("sandbox; default-src 'none'");
  });

  test("shows the pictures of the content's folder, and lists its files", async () => {
    const folder = await workFolder();
    mkdirSync(join(folder, "img"));
    writeFileSync(
      join(folder, "img/a.gif"),
      Buffer.from("R0lGODlhAQABAIAAAAAAAAAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==", "base64"),
    );
    writeFileSync(join(folder, "terms.txt"), "terms");
    const gateway = await withNews(await testGateway(), {
      html: '<img src="img/a.gif" alt="a">',
      files: { folder, attachments: ["terms.txt"], inlineImages: true },
    });
    expect((await gateway.get("/v1/topics/news/preview")).json.attachments).toEqual([
      { name: "terms.txt", type: "text/plain" },
    ]);
    expect((await gateway.call({ url: "/topics/news/mail" })).body).toContain("data:image/gif;base64,R0lGOD");
  });

  test("needs a session or a key; a browser without one is sent to sign in", async () => {
    const { app } = await withNews(await testGateway());
    for (const url of ["/topics/news/mail", "/topics/news/report"]) {
      const page = await app.inject({ url, headers: { accept: "text/html,*/*" } });
      expect([page.statusCode, page.headers.location]).toEqual([303, "/"]);
      expect((await app.inject({ url })).statusCode).toBe(401);
    }
  });
});

/** The one mail in the outbox. */
async function received({ ses }: TestGateway): Promise<Json> {
  const outbox = ses?.outbox ?? "";
  const names = readdirSync(outbox, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".eml"));
  expect(names).toHaveLength(1);
  return simpleParser(readFileSync(join(outbox, names[0] ?? "")));
}

describe("a test of a topic", () => {
  const send = async (gateway: TestGateway, body: object) => {
    const answer = await gateway.call({ method: "POST", url: "/v1/test", payload: body });
    return { status: answer.statusCode, json: answer.json() };
  };

  test("is its mail, with the values of its first recipient", async () => {
    const gateway = await withNews(await testGateway({ sending: true, outbox: true }));
    await gateway.store.cancel("news");
    expect((await send(gateway, { to: "me@example.com", topic: "news" })).status).toBe(200);
    const mail = await received(gateway);
    expect(mail?.subject).toBe("Hello Ann & Co");
    expect(mail?.from?.text).toContain("Shöp 소식");
    expect(mail?.html).toContain("Hi Ann &amp; Co");
    expect(mail?.text).toContain("Hi Ann & Co");
    expect(mail?.headers.get("x-shop")).toBe("=?UTF-8?B?U2jDtnA=?=");
  });

  test("has a link of its own to unsubscribe", async () => {
    const tracking = { baseUrl: "https://mail.example.com", opens: true, clicks: true, unsubscribe: true };
    const gateway = await withNews(await testGateway({ sending: true, outbox: true }), {
      tracking,
      html: `${NEWS.html}<a href="{{ unsubscribe_url }}">out</a>`,
    });
    await gateway.store.cancel("news");
    expect((await send(gateway, { to: "me@example.com", topic: "news" })).status).toBe(200);
    const mail = await received(gateway);
    const [, token = ""] = /https:\/\/mail\.example\.com\/u\/([\w-]+)/.exec(String(mail?.html)) ?? [];
    const id = await gateway.gateway.links.readUnsubscribe(token);
    expect(await gateway.store.addressee(id ?? 0)).toMatchObject({ email: "me@example.com" });
    expect(String(mail?.html)).not.toContain("unsubscribe.invalid");
    expect(String(mail?.html)).toContain("/v1/events/open");
    expect(JSON.stringify(mail?.headers.get("list"))).toContain(token);
  });

  test.each([
    [{ to: "me@example.com" }, 400],
    [{ to: "me@example.com", subject: "s" }, 400],
    [{ to: "me@example.com", topic: "news", html: "x" }, 400],
    [{ to: "me@example.com", topic: "none" }, 404],
    [{ to: "nobody", topic: "news" }, 400],
  ])("%j is refused", async (body, status) => {
    const gateway = await withNews(await testGateway());
    expect((await send(gateway, body)).status).toBe(status);
  });
});
