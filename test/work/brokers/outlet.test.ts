/** Mail that is handed over to NATS, as our own inlet sends it. */
import { describe, expect, it } from "vitest";
import { prepareContent } from "../../../src/compose/mail/tools.ts";
import { createMailer } from "../../../src/deliver/mailer.ts";
import type { Outcome } from "../../../src/deliver/outcome.ts";
import type { Claim } from "../../../src/deliver/source.ts";
import { readNatsMail } from "../../../src/intake/broker/nats-mail.ts";
import { readRequest } from "../../../src/intake/request.ts";
import type { Content, RenderedMail } from "../../../src/message.ts";
import type { Published } from "../../../src/queue/nats/nats.ts";
import { decodeMail } from "../../../src/queue/nats/payload.ts";
import { messageOfUuid } from "../../../src/store/rules/outlet-uuid.ts";
import { createLinks } from "../../../src/tracking/links.ts";
import { createOutlet } from "../../../src/work/brokers/outlet.ts";
import { ENVELOPE } from "../../intake/broker/bench.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { CONTENT } from "../../support/store-actions.ts";

const JOB = "0123456789abcdef";
const LINKS = await createLinks({ jobId: JOB, keys: async () => [Buffer.alloc(32, 1)], clock: new ManualClock() });

interface Put {
  subject: string;
  body: Uint8Array;
  id: string;
  extras: string | null;
}

const claim = (given: Partial<Claim> = {}): Claim => ({
  id: 42,
  topicId: 1,
  contentId: 1,
  ingestId: 1,
  email: "ann@example.com",
  attempts: 0,
  expiresInMs: null,
  fields: JSON.stringify(["ann@example.com", "Zoë"]),
  ...given,
});

/** A mailer of this content that hands over to a stream; it is answered as given. */
function scene(content: Partial<Content> = {}, published: Published = { kind: "stored" }, isConnected = true) {
  const put: Put[] = [];
  let departures = 0;
  const clock = new ManualClock();
  const outlet = createOutlet({
    nats: {
      isConnected: () => isConnected,
      async publish(subject, body, { id, extras = null, onDeparted }) {
        put.push({ subject, body, id, extras });
        onDeparted?.();
        return published;
      },
    },
    stream: "messages",
    subject: "messages.email",
    jobId: JOB,
    clock,
  });
  const whole = { ...CONTENT, from: "Here <here@example.org>", ...content };
  const library = { jobId: JOB, content: async () => whole, listColumns: async () => ["email", "name"] };
  const deliver = createMailer(library, outlet, async () => LINKS, {});
  return {
    put,
    clock,
    departures: () => departures,
    deliver: (given: Partial<Claim> = {}, isValid = () => true): Promise<Outcome> =>
      deliver(claim(given), () => void departures++, isValid),
  };
}

/** What our inlet makes of a mail, with the sender of its own. */
async function sentByInlet({
  body,
  extras,
}: Put): Promise<{ mail: RenderedMail; expiresAt: number | null; content: Content }> {
  const asked = readNatsMail({ body, extras }, { reports: true });
  if (asked.kind === "wrong") throw new Error(asked.reason);
  const around = {
    now: 0,
    zone: null,
    envelope: ENVELOPE,
    tracking: null,
    templates: { find: async () => ({ problem: "none" }), compiled: () => Promise.reject(new Error("none")) },
    knownUuids: async () => new Set<string>(),
  };
  const read = await readRequest({ messages: [asked.message] }, around);
  if (read.kind !== "messages") throw new Error(JSON.stringify(read));
  const [message] = read.messages;
  if (message === undefined) throw new Error("no message");
  const compiled = await prepareContent(message.content);
  return { mail: compiled.render(message.emails[0] ?? "", {}), expiresAt: message.expiresAt, content: message.content };
}

/** The same mail as this gateway would send it. */
const sentHere = async (content: Partial<Content>): Promise<RenderedMail> => {
  const compiled = await prepareContent({ ...CONTENT, from: "Here <here@example.org>", ...content });
  const { fields } = claim();
  const [email, name] = JSON.parse(fields) as [string, string];
  return compiled.render("ann@example.com", { email, name });
};

const words = ({ to, subject, html, text, replyTo, headers }: RenderedMail) => ({
  to,
  subject,
  html,
  text,
  replyTo,
  headers: [...headers].sort((a, b) => a.name.localeCompare(b.name)),
});

/** A mail with everything that can go. */
const RICH: Partial<Content> = {
  subject: "Grüße, {{ name }} {{ email }}",
  format: "html",
  html: "<html><head><style>p { color: red }</style></head><body><p>Hello {{ name }} &amp; {{ email }}</p></body></html>",
  text: "",
  replyTo: ['"Ännchen, \\"Frau\\"" <answers@example.org>', "more@example.org"],
  headers: [
    { name: "X-Order", value: "{{ name }}" },
    { name: "Feedback-ID", value: "a:b:c" },
  ],
  unsubscribeUrl: "https://example.org/leave?who={{ name }}",
  unsubscribeMailto: "leave@example.org",
};

describe("a mail that is handed over", () => {
  it.each<[string, Partial<Content>]>([
    ["a plain one", {}],
    ["with everything", RICH],
    ["with a text of its own", { ...RICH, text: "Only this, {{ name }}: {{ email }}" }],
    ["in braces that are no variables", { literal: true, html: "<p>{{ name }}</p>", text: "{% if %}" }],
    ["transactional", { ...RICH, kind: "transactional", unsubscribeUrl: null, unsubscribeMailto: null }],
    [
      "with a List-Id that its author wrote",
      { list: "weekly", headers: [{ name: "List-Id", value: "<w.example.org>" }] },
    ],
  ])("is the same when our inlet sends it, but for its sender: %s", async (_, content) => {
    const { deliver, put } = scene(content);
    expect(await deliver()).toMatchObject({ kind: "handed_over" });
    const { mail } = await sentByInlet(put[0] as Put);
    expect(words(mail)).toEqual(words(await sentHere(content)));
    expect(mail.from).toBe("News <news@example.com>");
  });

  it("keeps its list and its kind, and the list is named by whoever sends it", async () => {
    const { deliver, put } = scene({ ...RICH, list: "weekly" });
    await deliver();
    const { mail, content } = await sentByInlet(put[0] as Put);
    expect(content.list).toBe("weekly");
    expect(mail.headers.find(({ name }) => name === "List-Id")?.value).toBe("weekly <weekly.example.com>");
  });

  it("expires there when it does here", async () => {
    const { deliver, put, clock } = scene();
    await deliver({ expiresInMs: 60_000 });
    const { expiresAt } = await sentByInlet(put[0] as Put);
    expect(Math.abs((expiresAt ?? 0) - clock.now() - 60_000)).toBeLessThan(1_000);
  });

  it("leads back here by its links", async () => {
    const tracking = { baseUrl: "https://mail.example.org", opens: true, clicks: true, unsubscribe: true };
    const { deliver, put } = scene({ html: '<p><a href="https://example.org/">x</a></p></body>', tracking });
    await deliver();
    const { mail } = await sentByInlet(put[0] as Put);
    expect(mail.html).toContain("https://mail.example.org/c/");
    expect(mail.headers.map(({ name }) => name).sort()).toEqual(["List-Unsubscribe", "List-Unsubscribe-Post"]);
  });

  it("leaves out a promise of one click that its link, which is not https, cannot keep", async () => {
    const tracking = { baseUrl: "http://localhost:8025", opens: false, clicks: false, unsubscribe: true };
    const { deliver, put } = scene({ tracking });
    await deliver();
    const { mail } = await sentByInlet(put[0] as Put);
    expect(mail.headers.map(({ name }) => name)).toEqual(["List-Unsubscribe"]);
  });

  it("leaves a text out that is too long for a header: it is derived again", async () => {
    const html = `<p>${"words ".repeat(20_000)}</p>`;
    const { deliver, put } = scene({ html, text: "words ".repeat(20_000), replyTo: ["a@example.org"] });
    await deliver();
    const { mail } = await sentByInlet(put[0] as Put);
    expect(mail.replyTo).toEqual(["a@example.org"]);
    expect(mail.text.trim()).toMatch(/^words words/);
  });

  it("has no header when it has no more than a subject and HTML", async () => {
    const { deliver, put } = scene({ text: "" });
    await deliver();
    expect(put[0]?.extras).toBeNull();
  });

  it("is named by a UUID that says which message it is, and is new to the stream when it is tried again", async () => {
    const { deliver, put, clock } = scene();
    await deliver();
    clock.pass(1_000);
    await deliver({ attempts: 1 });
    clock.pass(1_000);
    await deliver();
    const uuids = put.map(({ body }) => (decodeMail(body) as { uuid: string }).uuid);
    // Whoever sent it before must not take it for the same mail: a person wants it to be sent again.
    expect(new Set(uuids).size).toBe(3);
    expect(uuids.map((uuid) => messageOfUuid(JOB, uuid))).toEqual([42, 42, 42]);
    expect(new Set(put.map(({ id }) => id)).size).toBe(3);
    expect(put[0]?.subject).toBe("messages.email");
  });
});

describe("what the stream answers", () => {
  it.each<[Published, Partial<Outcome>]>([
    [{ kind: "stored" }, { kind: "handed_over", subject: "Hello" }],
    [
      { kind: "unknown", reason: "no answer" },
      { kind: "in_doubt", reason: "NATS: no answer" },
    ],
    [{ kind: "refused", reason: "maximum messages exceeded" }, { kind: "halted" }],
    [{ kind: "refused", reason: "no stream takes the subject messages.email", why: "no-stream" }, { kind: "halted" }],
    [
      { kind: "refused", reason: "the message has 9 bytes; the server takes 8 (max_payload)", why: "too-large" },
      { kind: "rejected", unknown: false },
    ],
    [
      { kind: "refused", reason: "there is no connection to NATS", why: "away" },
      { kind: "transient", unreachable: true },
    ],
    [
      { kind: "refused", reason: "nats: cannot reach nats://mail:4222 (connection lost)", why: "away" },
      { kind: "transient", unreachable: true },
    ],
  ])("%j", async (published, outcome) => {
    const { deliver, departures } = scene({}, published);
    expect(await deliver()).toMatchObject(outcome);
    expect(departures()).toBe(1);
  });

  it("nothing leaves without a connection, with files, or too late", async () => {
    const away = scene({}, { kind: "stored" }, false);
    expect(await away.deliver()).toMatchObject({ kind: "transient", unreachable: true, server: "NATS" });
    const filed = scene({ attachments: [{ fileName: "a.txt", contentType: "text/plain", data: "YQ==" }] });
    expect(await filed.deliver()).toEqual({
      kind: "rejected",
      reason: "a mail with files cannot be handed over to NATS",
      unknown: false,
      isOurs: true,
    });
    const late = scene();
    expect(await late.deliver({}, () => false)).toMatchObject({ kind: "withheld" });
    expect([...away.put, ...filed.put, ...late.put]).toEqual([]);
  });
});
