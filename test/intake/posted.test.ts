/** What a request may say beyond addresses, subject and HTML: templates and data, files, headers, lists, kinds, expiry. */
import { describe, expect, test } from "vitest";
import { prepareContent } from "../../src/compose/mail/tools.ts";
import { readRequest, type RequestSurroundings } from "../../src/intake/request.ts";
import type { Content } from "../../src/message.ts";
import type { AcceptMessage } from "../../src/store/rows.ts";
import { shelfOf, templateContent } from "../support/templates.ts";
import { ENVELOPE } from "../support/envelope.ts";

const NOW = Date.UTC(2026, 9, 1);
const HELLO = { emails: ["ann@example.com"], subject: "Hello", content: "<p>Hello</p>" };

const TRACKING = { baseUrl: "https://mail.example.com", opens: true, clicks: true, unsubscribe: true };

const AROUND: RequestSurroundings = {
  now: NOW,
  zone: "Asia/Seoul",
  tracking: null,
  templates: shelfOf({
    code: templateContent({ kind: "transactional" }),
    news: templateContent({ subject: "News", html: "<p>{{ first_name | default: 'you' }}</p>", list: "weekly" }),
    영수증: templateContent({ html: "<p>{{ total }}</p>", headers: [{ name: "X-Shop", value: "{{ shop }}" }] }),
  }),
  envelope: ENVELOPE,
  knownUuids: async () => new Set(),
};

const read = (message: object, around: Partial<RequestSurroundings> = {}) =>
  readRequest({ messages: [message] }, { ...AROUND, ...around });

/** The only message of a request that is fine. */
async function accepted(message: object, around: Partial<RequestSurroundings> = {}): Promise<AcceptMessage> {
  const found = await read(message, around);
  if (found.kind !== "messages") throw new Error(JSON.stringify(found));
  const [only] = found.messages;
  return only!;
}

/** What is wrong, by path. */
async function wrong(message: object, around: Partial<RequestSurroundings> = {}): Promise<Record<string, string>> {
  const found = await read(message, around);
  if (found.kind !== "invalid") throw new Error("it is fine");
  return Object.fromEntries(
    (found.problems ?? []).map(({ path, message }) => [path.replace(/^messages\[0\]\.?/, ""), message]),
  );
}

/** The mail of a content to one address. */
async function mailOf(content: Content, values: Record<string, string> = {}) {
  return (await prepareContent(content)).render("ann@example.com", values);
}

describe("what no text of a mail may hold", () => {
  const news = { template: "news" };
  test("in data, with the path, for all addresses or for one", async () => {
    const data = { first_name: "a\u0000b", list: [{ deep: ["fine", "\ud800"] }], "\udc00": 1 };
    const expected = {
      "data.first_name": "holds a NUL character",
      "data.list[0].deep[1]": "holds half of a character (a lone surrogate)",
      data: "holds half of a character (a lone surrogate)",
    };
    expect(await wrong({ ...news, emails: ["ann@example.com"], data })).toEqual(expected);
    const to = [{ email: "bo@example.com" }, { email: "ann@example.com", data }];
    const below = Object.entries(expected).map(([path, message]) => [`to[1].${path}`, message]);
    expect(await wrong({ ...news, to })).toEqual(Object.fromEntries(below));
  });

  test("in texts that are sent as they are", async () => {
    const content = { subject: "s", emails: ["ann@example.com"], content: "<p>\u0000</p>", text: "a\u0000" };
    expect(await wrong(content)).toEqual({ content: "holds a NUL character", text: "holds a NUL character" });
    expect(await wrong({ ...HELLO, content: "<p>\ud800</p>", subject: "\udfff" })).toEqual({
      content: "holds half of a character (a lone surrogate)",
      subject: "holds half of a character (a lone surrogate)",
    });
  });

  test.each([
    ["topic_id", { topic_id: "a\ud800" }],
    ["uuid", { uuid: "a\ud800" }],
    ["emails[0]", { emails: ["a\ud800@example.com"] }],
    ["emails[0]", { emails: ["a@ex\ud800.example.com"] }],
    ["reply_to", { reply_to: "A\ud800 <a@example.com>" }],
    ["reply_to[0]", { reply_to: ["a\ud800@example.com"] }],
    ["headers.X-A", { headers: { "X-A": "a\ud800b" } }],
    ["headers.X-A", { headers: { "X-A": "\udc00" } }],
    ["headers.List-Help", { headers: { "List-Help": "<https://x.example/\ud800>" } }],
    ["headers.X-\ud800", { headers: { "X-\ud800": "a" } }],
    ["list", { list: "a\ud800" }],
    ["attachments[0].name", { attachments: [{ name: "a\ud800.pdf", data: "JVBERi0=" }] }],
    ["attachments[0].content_type", { attachments: [{ name: "a", content_type: "a/\ud800", data: "JVBERi0=" }] }],
    ["expires_in", { expires_in: "1h\ud800" }],
    ["priority", { priority: "low\ud800" }],
    ["kind", { kind: "bulk\ud800" }],
  ])("half of a character in %s", async (place, part) => {
    expect(Object.keys(await wrong({ ...HELLO, emails: ["ann@example.com"], ...part }))).toContain(place);
  });

  test("data that are nested without end are looked at all the same", async () => {
    let data: unknown = "\u0000";
    for (let depth = 0; depth < 10_000; depth++) data = [data];
    const [path] = Object.keys(await wrong({ ...news, emails: ["ann@example.com"], data: { a: data } }));
    expect(path).toMatch(/^data\.a/);
  });

  test("whole characters are fine", async () => {
    const data = { first_name: "👩‍👩‍👧 \t\n" };
    expect(await accepted({ ...news, emails: ["ann@example.com"], data })).toMatchObject({
      data: [JSON.stringify(data)],
    });
  });
});

describe("what is wrong with a message", () => {
  test.each<[string, object, string[]]>([
    ["no addresses at all", { subject: "s", content: "c" }, ["emails"]],
    ["nothing at all", {}, ["emails", "subject", "content"]],
    ["addresses twice", { ...HELLO, to: [{ email: "bo@example.com" }] }, ["to"]],
    ["an empty to", { template: "news", to: [] }, ["to"]],
    [
      "no address in to",
      { template: "news", to: [{}, { email: "bo@" }, { email: "a@b.example", cc: 1 }] },
      ["to[0].email", "to[1].email", "to[2].cc"],
    ],
    ["data without a template", { ...HELLO, data: { a: 1 } }, ["data"]],
    [
      "data without a template, in to",
      { to: [{ email: "a@b.example", data: {} }], subject: "s", content: "c" },
      ["to[0].data"],
    ],
    ["data beside to", { template: "news", to: [{ email: "a@b.example" }], data: {} }, ["data"]],
    ["data that are a list", { template: "news", emails: ["a@b.example"], data: [1] }, ["data"]],
    ["a template and a subject", { ...HELLO, template: "news" }, ["subject", "content"]],
    ["an empty template", { template: "", emails: ["a@b.example"] }, ["template"]],
    [
      "uuids twice",
      {
        template: "news",
        to: [
          { email: "a@b.example", uuid: "u" },
          { email: "c@d.example", uuid: "u" },
        ],
      },
      ["to[1].uuid"],
    ],
    ["a uuid beside those in to", { template: "news", uuid: "v", to: [{ email: "a@b.example", uuid: "u" }] }, ["uuid"]],
    ["an empty text", { ...HELLO, text: "" }, ["text"]],
    ["a blank text", { ...HELLO, text: " \n" }, ["text"]],
    ["no mailbox", { ...HELLO, reply_to: "ann@" }, ["reply_to"]],
    ["no mailbox in a list", { ...HELLO, reply_to: ["ann@example.com", "bo@", 5] }, ["reply_to[2]", "reply_to[1]"]],
    ["a mailbox with a variable", { ...HELLO, reply_to: "{{ x }} <ann@example.com>" }, ["reply_to"]],
    [
      "a line break in a header",
      { ...HELLO, headers: { "X-A": "a\r\nBcc: all@example.com", "X-B": "fine" } },
      ["headers.X-A"],
    ],
    ["a line break in the name of a header", { ...HELLO, headers: { "X-A\r\nBcc": "a" } }, ["headers.X-A\r\nBcc"]],
    [
      "headers that SES writes",
      { ...HELLO, headers: { Bcc: "all@example.com", Subject: "s", "Message-ID": "<a@b>" } },
      ["headers.Bcc", "headers.Subject", "headers.Message-ID"],
    ],
    ["a header that is no text", { ...HELLO, headers: { "X-A": 5 } }, ["headers.X-A"]],
    ["a header twice", { ...HELLO, headers: { Comments: "a", comments: "b" } }, ["headers"]],
    [
      "one click without an address",
      { ...HELLO, headers: { "List-Unsubscribe-Post": "List-Unsubscribe=One-Click" } },
      ["headers"],
    ],
    [
      "a List-Id beside a list",
      { ...HELLO, list: "weekly", headers: { "List-Id": "<a.b.example>" } },
      ["headers.List-Id"],
    ],
    ["a list's name", { ...HELLO, list: "a/b" }, ["list"]],
    ["a kind", { ...HELLO, kind: "urgent" }, ["kind"]],
    [
      "a way to leave transactional mail",
      { ...HELLO, kind: "transactional", headers: { "List-Unsubscribe": "<https://example.com/>" } },
      ["headers"],
    ],
    ["both ends", { ...HELLO, expires_in: "10m", expires_at: "2026-10-02T00:00:00Z" }, ["expires_at"]],
    [
      "an end before the beginning",
      { ...HELLO, scheduled_at: "2026-10-03T00:00:00Z", expires_at: "2026-10-02T00:00:00Z" },
      ["expires_at"],
    ],
    ["an end that is over", { ...HELLO, expiresAt: "2026-09-30T00:00:00Z" }, ["expiresAt"]],
    ["an end that is no time", { ...HELLO, expires_at: "soon" }, ["expires_at"]],
    ["two ends", { ...HELLO, expires_in: "10m", expiresIn: "20m" }, ["expiresIn"]],
    ["a span of nothing", { ...HELLO, expires_in: "0m" }, ["expires_in"]],
    ["a span that is none", { ...HELLO, expires_in: "10 parsecs" }, ["expires_in"]],
    ["a span that is a number", { ...HELLO, expires_in: 600 }, ["expires_in"]],
  ])("%s", async (_name, message, paths) => {
    expect(Object.keys(await wrong(message)).toSorted()).toEqual(paths.toSorted());
  });

  test("names the template that was meant", async () => {
    expect(await wrong({ template: "New", emails: ["a@b.example"] })).toEqual({
      template: 'there is no template "New": did you mean "news"?',
    });
    expect(await wrong({ template: "영수", emails: ["a@b.example"] })).toEqual({
      template: 'there is no template "영수": did you mean "영수증"?',
    });
  });

  test("counts the addresses of emails and to together", async () => {
    const half = Array.from({ length: 5_001 }, (_, index) => `a${index}@example.com`);
    const body = {
      messages: [
        { ...HELLO, emails: half },
        { template: "news", to: half.map((email) => ({ email })) },
      ],
    };
    expect(await readRequest(body, AROUND)).toMatchObject({ problems: [{ message: "Max 10000 emails per request" }] });
  });

  test("is told at once, in every message and address", async () => {
    const found = await readRequest(
      {
        messages: [
          { template: "code", to: [{ email: "a@", data: { code: "1" } }, { email: "b@example.com" }] },
          { template: "kode", emails: ["c@"], expires_in: "x" },
          { ...HELLO, attachments: [{ name: "a/b", data: "?" }] },
        ],
      },
      AROUND,
    );
    if (found.kind !== "invalid") throw new Error("it is fine");
    const paths = (found.problems ?? []).map(({ path }) => path.replace(/(data)\..*/, "$1"));
    expect(paths.toSorted()).toEqual(
      [
        "messages[0].to[0].email",
        "messages[0].to[1].data",
        "messages[1].template",
        "messages[1].emails[0]",
        "messages[1].expires_in",
        "messages[2].attachments[0].name",
        "messages[2].attachments[0].data",
      ].toSorted(),
    );
  });

  test.each(["attachments", "to"])("%s with endless fields is not looked into", async (field) => {
    const crowd = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`x${index}`, 1]));
    expect(await wrong({ ...HELLO, [field]: [crowd] })).toEqual({ [`${field}[0]`]: "too many unknown fields" });
  });

  test("lists with endless items are not looked into", async () => {
    const many = (count: number) => Array.from({ length: count }, () => "x");
    expect(await wrong({ ...HELLO, reply_to: many(1_000) })).toEqual({ reply_to: "expected at most 25 mailboxes" });
    expect(await wrong({ ...HELLO, attachments: many(1_000) })).toEqual({
      attachments: "expected at most 50 attachments",
    });
    const headers = Object.fromEntries(many(1_000).map((x, index) => [`${x}-${index}`, "y"]));
    expect(await wrong({ ...HELLO, headers })).toEqual({ headers: "expected at most 15 headers" });
  });
});

describe("attachments", () => {
  const file = (fields: object) => ({ ...HELLO, attachments: [{ name: "bill.pdf", data: "JVBERi0=", ...fields }] });

  test("go with the mail", async () => {
    const { content } = await accepted(file({}));
    expect(content.attachments).toEqual([{ fileName: "bill.pdf", contentType: "application/pdf", data: "JVBERi0=" }]);
    const own = await accepted(file({ name: "영수증", content_type: "text/plain; charset=utf-8" }));
    expect(own.content.attachments).toMatchObject([{ fileName: "영수증", contentType: "text/plain; charset=utf-8" }]);
  });

  test.each<[string, object, string]>([
    ["a path", { name: "../../etc/passwd" }, "name"],
    ["a path of Windows", { name: "c:\\bill.pdf" }, "name"],
    ["a line break", { name: "a\r\nb.pdf" }, "name"],
    ["a turned direction", { name: "a\u202efdp.exe" }, "name"],
    ["half of a character", { name: "a\ud800.pdf" }, "name"],
    ["dots", { name: ".." }, "name"],
    ["no name", { name: "" }, "name"],
    ["what SES refuses", { name: "run.exe" }, "name"],
    ["no base64", { data: "JVBERi0" }, "data"],
    ["base64 of addresses", { data: "JV_E-i0=" }, "data"],
    ["base64 with line breaks", { data: "JVBE\nRi0" }, "data"],
    ["padding in the middle", { data: "JV==Ri0=" }, "data"],
    ["an empty file", { data: "" }, "data"],
    ["no media type", { content_type: "pdf" }, "content_type"],
    ["a header in the media type", { contentType: "text/plain\r\nBcc: a@b.example" }, "contentType"],
    ["an unknown field", { path: "/etc/passwd" }, "path"],
  ])("%s is refused", async (_name, fields, path) => {
    expect(Object.keys(await wrong(file(fields)))).toEqual([`attachments[0].${path}`]);
  });

  test("have 10 MB together, over all messages", async () => {
    const megabytes = (count: number) => Buffer.alloc(count * 1024 * 1024, 1).toString("base64");
    const body = (more: string) => ({
      messages: [
        { ...HELLO, attachments: [{ name: "a.bin", data: megabytes(6) }] },
        {
          ...HELLO,
          attachments: [{ name: "b.bin", data: megabytes(4) }, ...(more ? [{ name: "c.bin", data: more }] : [])],
        },
      ],
    });
    expect(await readRequest(body(""), AROUND)).toMatchObject({ kind: "messages" });
    expect(await readRequest(body("AA=="), AROUND)).toMatchObject({
      problems: [{ path: "messages[1].attachments[1].data", message: expect.stringContaining("10 MB") }],
    });
  });
});

describe("a content that is posted", () => {
  test("without anything new is what it was before", async () => {
    const { content } = await accepted(HELLO, { tracking: TRACKING });
    expect(JSON.stringify(content)).toBe(
      JSON.stringify({
        ...ENVELOPE,
        subject: "Hello",
        html: "<p>Hello</p>",
        text: "",
        attachments: [],
        allowEmpty: false,
        literal: true,
        tracking: TRACKING,
      }),
    );
  });

  test("has its own text, answers and headers, as they were written", async () => {
    const envelope = {
      ...ENVELOPE,
      headers: [
        { name: "X-A", value: "gateway" },
        { name: "X-C", value: "kept" },
      ],
    };
    const { content } = await accepted(
      { ...HELLO, text: "Hi {{ x }}", reply_to: "Ann <ann@example.com>", headers: { "x-a": "{{ y }}", "X-B": "한글" } },
      { envelope },
    );
    const mail = await mailOf(content);
    expect(mail).toMatchObject({ text: "Hi {{ x }}", replyTo: ["Ann <ann@example.com>"] });
    expect(mail.headers).toEqual([
      { name: "X-C", value: "kept" },
      { name: "x-a", value: "{{ y }}" },
      { name: "X-B", value: "=?UTF-8?B?7ZWc6riA?=" },
    ]);
  });

  test("that one person waits for has neither tracking nor a way to leave", async () => {
    const envelope = {
      ...ENVELOPE,
      unsubscribeUrl: "https://example.com/leave",
      unsubscribeMailto: "leave@example.com",
    };
    const { content } = await accepted({ ...HELLO, kind: "transactional" }, { tracking: TRACKING, envelope });
    expect(content).toMatchObject({ kind: "transactional", unsubscribeUrl: null, unsubscribeMailto: null });
    expect(content).not.toHaveProperty("tracking");
    expect((await mailOf(content)).headers).toEqual([]);
    expect(
      await wrong({ ...HELLO, kind: "transactional", content: "{{ unsubscribe_url }}" }, { tracking: TRACKING }),
    ).toEqual({
      content: "transactional mail has no way to unsubscribe, got {{ unsubscribe_url }}",
    });
  });

  test("has a list", async () => {
    const { content } = await accepted({ ...HELLO, list: "주간" });
    expect(content.list).toBe("주간");
  });

  test("has its times", async () => {
    expect(await accepted(HELLO)).toMatchObject({ notBefore: 0, expiresAt: null, expiresIn: null });
    expect(await accepted({ ...HELLO, expires_in: "10m" })).toMatchObject({ expiresAt: null, expiresIn: 600_000 });
    expect(await accepted({ ...HELLO, expires_at: "2026-10-02 09:00" })).toMatchObject({
      expiresAt: Date.UTC(2026, 9, 2),
      expiresIn: null,
    });
  });

  test("may have expired when it was taken in before", async () => {
    const known = { knownUuids: async () => new Set(["u"]) };
    const expires_at = "2026-09-30T00:00:00Z";
    expect(await read({ ...HELLO, uuid: "u", expires_at }, known)).toMatchObject({ kind: "messages" });
    const { emails: _emails, ...hello } = HELLO;
    const to = (uuid: string) => ({
      ...hello,
      to: [
        { email: "a@b.example", uuid: "u" },
        { email: "c@d.example", uuid },
      ],
      expires_at,
    });
    expect(Object.keys(await wrong(to("v"), known))).toEqual(["expires_at"]);
  });

  test("goes to addresses with names of their own", async () => {
    const { emails: _emails, ...hello } = HELLO;
    const to = [{ email: "Ann@BÜCHER.example", uuid: "u-1" }, { email: "bo@example.com" }];
    expect(await accepted({ ...hello, to })).toMatchObject({
      emails: ["Ann@xn--bcher-kva.example", "bo@example.com"],
      uuid: null,
      uuids: ["u-1", null],
    });
    expect(await accepted({ ...hello, to: [{ email: "bo@example.com" }], uuid: "u-2" })).not.toHaveProperty("uuids");
  });
});

describe("a template", () => {
  test("gives the content, and each address has its data", async () => {
    const to = [
      { email: "ann@example.com", data: { code: "1234" } },
      { email: "bo@example.com", data: { code: "5678" } },
    ];
    const message = await accepted({ template: "code", to }, { tracking: TRACKING });
    expect(message.data).toEqual(['{"code":"1234"}', '{"code":"5678"}']);
    expect(message.content).toMatchObject({ from: "Shop <shop@example.com>", kind: "transactional" });
    expect(message.content).not.toHaveProperty("tracking");
    expect(message.content).not.toHaveProperty("literal");
    expect((await mailOf(message.content, { code: "1234" })).html).toContain("1234");
  });

  test("has the same data for all of emails, or none", async () => {
    const emails = ["ann@example.com", "bo@example.com"];
    expect((await accepted({ template: "news", emails, data: { first_name: "Ann" } })).data).toEqual([
      '{"first_name":"Ann"}',
      '{"first_name":"Ann"}',
    ]);
    expect((await accepted({ template: "news", emails })).data).toEqual(["{}", "{}"]);
  });

  test("is found in either form of Unicode", async () => {
    const message = { emails: ["a@b.example"], data: { total: "5", shop: "Tea" } };
    expect(await accepted({ ...message, template: "영수증".normalize("NFD") })).toMatchObject({
      content: { subject: "Your code" },
    });
  });

  test("takes what the gateway adds, and what the message says beats it", async () => {
    const envelope = {
      ...ENVELOPE,
      replyTo: ["gateway@example.com"],
      headers: [{ name: "X-Gateway", value: "yes" }],
      tags: [{ name: "who", value: "gateway" }],
      configurationSet: "events",
    };
    const around = { envelope, tracking: TRACKING };
    const plain = await accepted({ template: "news", emails: ["a@b.example"] }, around);
    expect(plain.content).toMatchObject({
      replyTo: ["gateway@example.com"],
      headers: [{ name: "X-Gateway", value: "yes" }],
      tags: [{ name: "who", value: "gateway" }],
      configurationSet: "events",
      tracking: TRACKING,
      list: "weekly",
    });
    const { content } = await accepted(
      {
        template: "news",
        emails: ["a@b.example"],
        text: "{{ literally }}",
        reply_to: ["Bo <bo@example.com>"],
        headers: { "X-Gateway": "{{ no }}" },
        list: "daily",
        attachments: [{ name: "a.txt", data: "QQ==" }],
      },
      around,
    );
    expect(content.list).toBe("daily");
    expect(await mailOf(content)).toMatchObject({
      text: "{{ literally }}",
      replyTo: ["Bo <bo@example.com>"],
      headers: expect.arrayContaining([{ name: "X-Gateway", value: "{{ no }}" }]),
      attachments: [{ fileName: "a.txt" }],
    });
  });

  test("needs no data for what the message says itself", async () => {
    const message = { template: "영수증", emails: ["a@b.example"], data: { total: "5" } };
    expect(Object.keys(await wrong(message))[0]).toMatch(/^data/);
    expect(await accepted({ ...message, headers: { "x-shop": "Tea" } })).toMatchObject({ data: ['{"total":"5"}'] });
  });

  test("of bulk mail may be sent as mail that somebody waits for, and the other way round", async () => {
    const emails = ["a@b.example"];
    const urgent = await accepted({ template: "news", emails, kind: "transactional" }, { tracking: TRACKING });
    expect(urgent.content).not.toHaveProperty("tracking");
    const bulk = await accepted(
      { template: "code", emails, data: { code: "1" }, kind: "bulk" },
      { tracking: TRACKING },
    );
    expect(bulk.content).toMatchObject({ tracking: TRACKING });
    expect(bulk.content).not.toHaveProperty("kind");
  });

  test("with a way to leave of its own keeps it", async () => {
    const templates = shelfOf({
      own: templateContent({ html: "<p>x</p>", unsubscribeUrl: "https://example.com/leave" }),
    });
    const { content } = await accepted({ template: "own", emails: ["a@b.example"] }, { templates, tracking: TRACKING });
    expect(content.tracking).toEqual({ ...TRACKING, unsubscribe: false });
    const kind = "transactional";
    expect(await wrong({ template: "own", emails: ["a@b.example"], kind }, { templates })).toEqual({
      template: expect.stringContaining("no way to unsubscribe"),
    });
  });

  test("has its data bounded: once in a request, many times in the store", async () => {
    const emails = Array.from({ length: 5_000 }, (_, index) => `a${index}@example.com`);
    const data = { first_name: "x".repeat(4_000) };
    expect(await wrong({ template: "news", emails, data })).toEqual({ data: expect.stringContaining("16 MB") });
  });

  test("has data that are not nested without end", async () => {
    let data: object = {};
    for (let depth = 0; depth < 10; depth++) data = { a: data };
    expect(await wrong({ template: "news", emails: ["a@b.example"], data })).toEqual({
      "data.a.a.a.a.a.a.a.a.a.a": "is nested more than 10 levels deep",
    });
  });

  test("is read once in a request, so that all messages have one version", async () => {
    const versions = [templateContent({ html: "one" }), templateContent({ html: "two" })];
    let reads = 0;
    const templates = {
      ...AROUND.templates,
      find: async (name: string) => ({
        name,
        version: ++reads,
        createdAt: reads,
        content: versions[reads - 1] ?? versions[0]!,
      }),
    };
    const messages = Array.from({ length: 5 }, () => ({ template: "t", emails: ["a@b.example"] }));
    const found = await readRequest({ messages }, { ...AROUND, templates });
    if (found.kind !== "messages") throw new Error(JSON.stringify(found));
    expect(new Set(found.messages.map(({ content }) => content)).size).toBe(1);
    expect(reads).toBe(1);
  });

  test("many of them: a request may name a hundred, and use each in a few ways", async () => {
    const contents = Object.fromEntries(
      Array.from({ length: 101 }, (_, index) => [`t${index}`, templateContent({ html: "x" })]),
    );
    const templates = shelfOf(contents);
    const messages = Object.keys(contents).map((template) => ({ template, emails: ["a@b.example"] }));
    expect(await readRequest({ messages }, { ...AROUND, templates })).toMatchObject({
      problems: [{ path: "messages[100].template", message: expect.stringContaining("100 templates") }],
    });
    const lists = Array.from({ length: 101 }, (_, index) => ({
      template: "t1",
      emails: ["a@b.example"],
      list: `l${index}`,
    }));
    expect(await readRequest({ messages: lists }, { ...AROUND, templates })).toMatchObject({
      problems: [{ path: "messages[100].template", message: expect.stringContaining("100 ways") }],
    });
  });
});

test("loops that go round too often together are refused, and the others get their turns meanwhile", async () => {
  const templates = shelfOf({ long: templateContent({ html: "{% for i in list %}{{ i | date: '%Y' }}{% endfor %}" }) });
  const list = Array.from({ length: 1_000 }, () => "2026-01-01");
  const to = Array.from({ length: 60 }, (_, index) => ({ email: `a${index}@example.com`, data: { list } }));
  let turns = 0;
  const others = setInterval(() => turns++, 0);
  const found = await readRequest({ messages: [{ template: "long", to }] }, { ...AROUND, templates });
  clearInterval(others);
  expect(found.kind).toBe("messages");
  expect(turns).toBeGreaterThan(0);
  const shared = templateContent({ html: "{% for i in list %}{% for j in list %}{{ j }}{% endfor %}{% endfor %}" });
  const wide = { list: Array.from({ length: 300 }, () => 1) };
  const many = Array.from({ length: 6 }, (_, index) => ({ email: `b${index}@example.com`, data: wide }));
  expect(
    await readRequest(
      { messages: [{ template: "wide", to: many }] },
      { ...AROUND, templates: shelfOf({ wide: shared }) },
    ),
  ).toMatchObject({ kind: "invalid", problems: [{ path: expect.stringMatching(/^messages\[0\]\.to\[5\]\.data/) }] });
});
