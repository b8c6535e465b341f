/** Mails from NATS: what is taken in, and why the rest is dead. */
import { describe, expect, it, test } from "vitest";
import { prepareContent } from "../../../src/compose/mail/tools.ts";
import { base64url, dead, mail, natsInlet, raw } from "./bench.ts";

const MANY = "x".repeat(11 * 1024 * 1024);

describe("what nobody can send is a dead letter that names the field", () => {
  test.each<[string, Parameters<typeof mail>, RegExp]>([
    ["a bad address", [{ email: "ann@" }], /^email: invalid email address: "ann@"/],
    ["an address with a name", [{ email: "Ann <ann@example.com>" }], /^email: invalid email address: .*bare address/],
    ["two addresses", [{ email: "a@example.com, b@example.com" }], /^email: invalid email address/],
    ["an address with a line break", [{ email: "a@example.com\r\nBcc: b@example.com" }], /^email: .*control character/],
    ["a subject with a line break", [{ subject: "Hi\r\nBcc: b@example.com" }], /^subject: cannot hold line breaks/],
    ["a subject of blanks", [{ subject: "  " }], /^subject: cannot be blank/],
    ["a long subject", [{ subject: "s".repeat(999) }], /^subject: expected at most 998 characters$/],
    ["a body of blanks", [{ body: " \n " }], /^body: cannot be blank/],
    ["a long uuid", [{ uuid: "u".repeat(101) }], /^uuid: expected 1–100 printable characters$/],
    ["a uuid that reads backwards", [{ uuid: "u\u202e26" }], /^uuid: expected 1–100 printable characters$/],
    ["a uuid with what nobody sees", [{ uuid: "u\u200b1" }], /^uuid: expected 1–100 printable characters$/],
    ["a uuid with a control character", [{ uuid: "u\u001b[31m" }], /^uuid: expected 1–100 printable characters$/],
    [
      "several things",
      [{ email: "ann@", subject: " ", body: " ", uuid: "\n" }],
      /^[a-z]+: .*; [a-z]+: .*; and 1 more$/,
    ],
    ["NUL", [{ body: "a\u0000b" }], /NUL/],
    ["more than 10 MB", [{ body: MANY }], /10 MB/],
    ["extras that are no base64url", [{}, "{}"], /^Ses-Mail-Extras: expected JSON in base64url$/],
    ["extras that are no JSON", [{}, "AAAA"], /^Ses-Mail-Extras: expected JSON in base64url$/],
    ["extras that are no UTF-8", [{}, "____"], /^Ses-Mail-Extras: expected JSON in UTF-8$/],
    ["extras that are a list", [{}, base64url([1])], /^Ses-Mail-Extras: expected a JSON object/],
    ["large extras", [{}, { text: "x".repeat(70_000) }], /^Ses-Mail-Extras: expected at most 64 KB/],
    ["an unknown key of the extras", [{}, { cc: "bo@example.com" }], /^Ses-Mail-Extras\.cc: unknown field$/],
    ["a subject in the extras", [{}, { subject: "Other" }], /^Ses-Mail-Extras\.subject: unknown field$/],
    [
      "a header that injects",
      [{}, { headers: { "X-A": "1\r\nBcc: b@example.com" } }],
      /^Ses-Mail-Extras\.headers\.X-A: /,
    ],
    ["a header of ours", [{}, { headers: { Bcc: "b@example.com" } }], /^Ses-Mail-Extras\.headers\.Bcc: /],
    ["a reply_to that is none", [{}, { reply_to: "nobody" }], /^Ses-Mail-Extras\.reply_to: /],
    ["a kind that is none", [{}, { kind: "junk" }], /^Ses-Mail-Extras\.kind: expected one of/],
    ["a time without an offset", [{}, { expires_at: "2026-12-25 09:00" }], /^Ses-Mail-Extras\.expires_at: /],
    ["a text that is a number", [{}, { text: 1 }], /^Ses-Mail-Extras\.text: expected text$/],
    ["a text with half a character", [{}, { text: "a\ud800" }], /^Ses-Mail-Extras\.text: .*lone surrogate/],
  ])("%s", async (_what, given, reason) => {
    const { take, store, letters } = await natsInlet();
    const delivery = mail(...given);
    expect(await take(delivery)).toEqual([expect.stringMatching(reason)]);
    expect(await letters()).toMatchObject([{ source: "nats", origin: delivery.id, extras: delivery.extras }]);
    expect(Buffer.from((await letters())[0]!.body).equals(delivery.body)).toBe(true);
    expect(await store.totals(null)).toMatchObject({ total: 0 });
  });

  test.each<[string, Uint8Array]>([
    ["no bytes", new Uint8Array()],
    ["text", Buffer.from('{"uuid":"u1"}')],
    ["a list of three", Buffer.from([0x93, 0xa1, 0x61, 0xa1, 0x62, 0xa1, 0x63])],
    ["a number in the list", Buffer.from([0x94, 0xa1, 0x61, 0xa1, 0x62, 0xa1, 0x63, 0x01])],
    ["no UTF-8", Buffer.from([0x94, 0xa1, 0x61, 0xa1, 0x62, 0xa1, 0xff, 0xa1, 0x64])],
  ])("%s", async (_what, body) => {
    const { take, letters } = await natsInlet();
    const [reason] = await take(raw(body));
    expect(reason).not.toBe("done");
    expect((await letters()).map((letter) => letter.reason)).toEqual([reason]);
  });

  it("with a reason that a terminal can show", async () => {
    const { take } = await natsInlet();
    const [reason] = await take(mail({ email: "a\u001b]0;x\u0007@\u202eb" }));
    expect(reason).toMatch(/^email: /);
    expect(reason).not.toMatch(/[\p{Cc}\u202e]/u);
  });
});

describe("a mail", () => {
  it("is stored as it is, without a topic, under its uuid, and its sender is told what becomes of it", async () => {
    const accepted: unknown[] = [];
    const { take, store } = await natsInlet(({ inbox }) => ({
      inbox: { take: (request) => (accepted.push(...request.messages), inbox.take(request)) },
    }));
    expect(await take(mail({ subject: "{{ subject }}", body: "<p>{{ name }} </p>" }))).toEqual(["done"]);
    expect(accepted).toMatchObject([{ topic: null, priority: 5, uuid: "u1", reports: { via: "nats", name: "u1" } }]);
    const [message] = await store.messagesNamed("u1", 10);
    const parts = await store.mailParts(message!.id);
    expect(parts?.content).toMatchObject({ literal: true, subject: "{{ subject }}", html: "<p>{{ name }} </p>" });
  });

  it("is reported to nobody when nobody asked for results", async () => {
    const accepted: object[] = [];
    const { take } = await natsInlet(
      ({ inbox }) => ({ inbox: { take: (request) => (accepted.push(...request.messages), inbox.take(request)) } }),
      { reports: false },
    );
    await take(mail());
    expect(accepted).toHaveLength(1);
    expect(accepted[0]).not.toHaveProperty("reports");
  });

  it("has what its extras say", async () => {
    const { take, store } = await natsInlet();
    const extras = {
      text: "Hello {{ you }}",
      reply_to: ["Ann, Sales <ann@example.com>"],
      headers: { "X-Order": "{{4711}}" },
      list: "weekly",
      expires_at: "2099-01-01T00:00:00Z",
    };
    expect(await take(mail({}, extras))).toEqual(["done"]);
    const [message] = await store.messagesNamed("u1", 10);
    expect(message).toMatchObject({ expiresAt: Date.UTC(2099, 0, 1) });
    const { content } = (await store.mailParts(message!.id))!;
    expect(content).toMatchObject({ list: "weekly" });
    const sent = (await prepareContent(content)).render("ann@example.com", {});
    expect(sent).toMatchObject({ text: "Hello {{ you }}", subject: "Hello" });
    expect(sent.headers).toContainEqual({ name: "X-Order", value: "{{4711}}" });
    expect(sent.replyTo).toEqual([expect.stringContaining("<ann@example.com>")]);
  });

  it("that expired while it waited in its stream is taken in, and is never sent", async () => {
    const { take, store } = await natsInlet();
    expect(await take(mail({}, { expires_at: "2020-01-01T00:00:00Z" }))).toEqual(["done"]);
    expect(await store.expire(null)).toMatchObject({ expired: 1 });
    expect(await store.totals(null)).toMatchObject({ cancelled: 1 });
  });
});

const EXTRAS = { text: "Hello", reply_to: "Ann <ann@example.com>", headers: { "x-a": "1" }, list: "a", kind: "bulk" };

describe("a uuid that was used before", () => {
  test.each<[string, Parameters<typeof mail>, Parameters<typeof mail>]>([
    ["the same bytes", [], []],
    ["the address in upper case", [], [{ email: "ANN@EXAMPLE.COM" }]],
    ["blanks around the subject", [], [{ subject: " Hello " }]],
    ["the same extras", [{}, EXTRAS], [{}, EXTRAS]],
    ["headers in another spelling", [{}, EXTRAS], [{}, { ...EXTRAS, headers: { "X-A": "1" } }]],
    ["reply_to as a list", [{}, EXTRAS], [{}, { ...EXTRAS, reply_to: ["Ann <ann@example.com>"] }]],
  ])("is a repeat with %s", async (_what, first, second) => {
    const { take, counts, store } = await natsInlet();
    expect(await take(mail(...first))).toEqual(["done"]);
    expect(await take(mail(...second))).toEqual(["done"]);
    expect(counts).toEqual({ accepted: 1, duplicates: 1, suppressed: 0, dead: dead({}) });
    expect(await store.totals(null)).toMatchObject({ total: 1 });
  });

  test.each<[string, Parameters<typeof mail>, Parameters<typeof mail>]>([
    ["address", [], [{ email: "bo@example.com" }]],
    ["subject", [], [{ subject: "Other" }]],
    ["body", [], [{ body: "<p>hello</p>" }]],
    ["text", [{}, EXTRAS], [{}, { ...EXTRAS, text: "Bye" }]],
    ["reply_to", [{}, EXTRAS], [{}, { ...EXTRAS, reply_to: "bo@example.com" }]],
    ["header", [{}, EXTRAS], [{}, { ...EXTRAS, headers: { "x-a": "2" } }]],
    ["list", [{}, EXTRAS], [{}, { ...EXTRAS, list: "b" }]],
    ["kind", [], [{}, { kind: "transactional" }]],
    ["expiry", [], [{}, { expires_at: "2099-01-01T00:00:00Z" }]],
  ])("is a dead letter with another %s", async (_what, first, second) => {
    const { take, counts, letters } = await natsInlet();
    await take(mail(...first));
    expect(await take(mail(...second))).toEqual(["uuid u1 was used for another mail"]);
    expect(counts).toEqual({ accepted: 1, duplicates: 0, suppressed: 0, dead: dead({ clash: 1 }) });
    expect(await letters()).toHaveLength(1);
  });

  it("is a repeat although the gateway sends for somebody else since", async () => {
    let from = "Old <old@example.com>";
    const { take, counts } = await natsInlet(({ surroundings }) => ({
      surroundings: () => {
        const around = surroundings();
        return { ...around, envelope: { ...around.envelope!, from } };
      },
    }));
    await take(mail());
    from = "New <new@example.com>";
    expect(await take(mail())).toEqual(["done"]);
    expect(counts).toMatchObject({ duplicates: 1 });
  });

  it("is a repeat when its mail was forgotten, whatever it says now", async () => {
    const { take, store } = await natsInlet();
    await take(mail());
    await store.cancel("no-topic");
    await store.forget("ann@example.com", new AbortController().signal);
    await take(mail({ uuid: "u2", email: "bo@example.com" }));
    expect(await store.messagesNamed("u1", 10)).toEqual([]);
    const before = await store.totals(null);
    const [outcome] = await take(mail({ subject: "Other" }));
    expect(outcome).toBe("done");
    expect(await store.totals(null)).toMatchObject({ pending: before.pending });
  });

  it("is a dead letter also within one batch, and the first one of them is sent", async () => {
    const { take, store } = await natsInlet();
    expect(await take(mail(), mail({ subject: "Other" }), mail())).toEqual([
      "done",
      "uuid u1 was used for another mail",
      "done",
    ]);
    expect(await store.totals(null)).toMatchObject({ total: 1 });
  });
});
