import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Examiner } from "../../src/compose/mail/folder-files.ts";
import { AwayError } from "../../src/errors.ts";
import { compileContent } from "../../src/compose/mail/template.ts";
import { createMailer, type MailerOptions } from "../../src/deliver/mailer.ts";
import type { Ses } from "../../src/aws/ses.ts";
import type { Claim } from "../../src/deliver/source.ts";
import { type Content, type RenderedMail, type Tag, wholeMail } from "../../src/message.ts";
import { createLinks, type Links } from "../../src/tracking/links.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { CONTENT } from "../support/store-actions.ts";

const TRACKING = { baseUrl: "https://mail.example.com", opens: true, clicks: true, unsubscribe: true };
const LINKS = await createLinks({ jobId: "job", keys: async () => [Buffer.alloc(32, 1)], clock: new ManualClock() });

const claim = (change: Partial<Claim> = {}): Claim => ({
  id: 1,
  topicId: 1,
  contentId: 1,
  ingestId: 1,
  email: "ann@example.com",
  attempts: 0,
  expiresInMs: null,
  fields: JSON.stringify(["ann@example.com", "Ann"]),
  ...change,
});

/** A mailer over contents made by `contentOf`; what it looks up and sends is written down. */
function scene(
  contentOf: (id: number) => Content | Promise<Content>,
  links: () => Promise<Links> = async () => LINKS,
  answer: () => Promise<void> = async () => undefined,
  options: MailerOptions = {},
  isValid: () => boolean = () => true,
) {
  const contents: number[] = [];
  const ingests: number[] = [];
  const mails: { mail: RenderedMail; tags: Tag[] }[] = [];
  const ses: Ses = {
    ready: async () => undefined,
    async send(mail, tags) {
      mails.push({ mail: wholeMail(mail), tags });
      await answer();
      return { kind: "sent", sesMessageId: `ses-${mails.length}` };
    },
    account: () => Promise.reject(new Error("not asked")),
    close: () => undefined,
  };
  const library = {
    jobId: "job",
    async content(id: number) {
      contents.push(id);
      return contentOf(id);
    },
    async listColumns(id: number) {
      ingests.push(id);
      return ["email", "name"];
    },
  };
  const deliver = createMailer(library, ses, links, options);
  return {
    contents,
    ingests,
    mails,
    isFull: () => deliver.isFull?.(),
    deliver: (change?: Partial<Claim>) => deliver(claim(change), () => undefined, isValid),
  };
}

it.each([
  ["without links", CONTENT],
  ["with links", { ...CONTENT, tracking: TRACKING }],
])("a mail %s is handed over in the same step, once what it is made of is known", async (_name, content) => {
  const { mails, deliver } = scene(() => content);
  await deliver({ id: 1 });
  const second = deliver({ id: 2 });
  const third = deliver({ id: 3 });
  expect(mails.map(({ tags }) => tags.at(-1)?.value)).toEqual(["1", "2", "3"]);
  expect(await Promise.all([second, third])).toHaveLength(2);
});

describe("the mailer", () => {
  it("signs each message's links for that message, and tags it", async () => {
    const { deliver, mails } = scene(() => ({
      ...CONTENT,
      html: `<a href="https://example.com/{{ name }}">x</a>{{ unsubscribe_url }}</body>`,
      tracking: TRACKING,
    }));
    await deliver({ id: 41 });
    await deliver({ id: 42 });
    for (const [index, id] of [41, 42].entries()) {
      const { mail, tags } = mails[index] ?? {};
      const html = mail?.html ?? "";
      const [, open = ""] = /request_id=([\w-]+)"/.exec(html) ?? [];
      const [, click = "", url = ""] = /\/c\/([\w-]+)\?u=([^"]+)"/.exec(html) ?? [];
      const [, leave = ""] = /\/u\/([\w-]+)/.exec(html) ?? [];
      expect(await LINKS.readOpen(open)).toBe(id);
      expect(await LINKS.readClick(click, decodeURIComponent(url))).toBe(id);
      expect(decodeURIComponent(url)).toBe("https://example.com/Ann");
      expect(await LINKS.readUnsubscribe(leave)).toBe(id);
      expect(mail?.headers[0]).toEqual({ name: "List-Unsubscribe", value: `<https://mail.example.com/u/${leave}>` });
      expect(tags).toContainEqual({ name: "ses-mail-message", value: String(id) });
    }
  });

  it.each(["content", "links"])(
    "passes it on when the store is away, and looks again the next time: %s",
    async (what) => {
      let isAway = true;
      const unless = <T>(found: T): T => {
        if (isAway) throw new AwayError("cannot reach the database");
        return found;
      };
      const content = { ...CONTENT, tracking: TRACKING };
      const { deliver, mails } =
        what === "content"
          ? scene(async () => unless(content))
          : scene(
              () => content,
              async () => unless(LINKS),
            );
      await expect(deliver()).rejects.toBeInstanceOf(AwayError);
      expect(mails).toEqual([]);
      isAway = false;
      expect(await deliver()).toMatchObject({ kind: "sent" });
    },
  );

  it("asks for the keys once, and only when a content has tracking", async () => {
    let asked = 0;
    const links = async () => (asked++, LINKS);
    const { deliver } = scene((id) => (id === 1 ? CONTENT : { ...CONTENT, tracking: TRACKING }), links);
    await deliver();
    expect(asked).toBe(0);
    await deliver({ contentId: 2 });
    await deliver({ contentId: 2 });
    expect(asked).toBe(1);
  });

  it("asks again for keys that could not be read", async () => {
    let asked = 0;
    const links = async () => {
      if (asked++ === 0) throw new Error("the job file is locked");
      return LINKS;
    };
    const { deliver } = scene(() => ({ ...CONTENT, tracking: TRACKING }), links);
    await expect(deliver()).rejects.toThrow("locked");
    expect(await deliver()).toMatchObject({ kind: "sent" });
  });

  it("looks a content up once for claims that come together", async () => {
    const { deliver, contents, ingests, mails } = scene(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      return CONTENT;
    });
    await Promise.all(Array.from({ length: 50 }, (_, id) => deliver({ id })));
    expect(contents).toEqual([1]);
    expect(ingests).toEqual([1]);
    expect(mails).toHaveLength(50);
  });

  it("looks again for what could not be read", async () => {
    let fails = true;
    const { deliver } = scene(() => {
      if (fails) throw new Error("the job file is locked");
      return CONTENT;
    });
    await expect(deliver()).rejects.toThrow("locked");
    fails = false;
    expect(await deliver()).toMatchObject({ kind: "sent" });
  });

  it("keeps some hundred contents and no more", async () => {
    const { deliver, contents } = scene((id) => ({ ...CONTENT, subject: `Hello ${id}` }));
    for (let id = 1; id <= 2_000; id++) await deliver({ contentId: id });
    await deliver({ contentId: 2_000 });
    expect(contents).toHaveLength(2_000);
    await deliver({ contentId: 1 });
    expect(contents).toHaveLength(2_001);
  });

  it("keeps some MB of contents and no more, but always the one that goes out now", async () => {
    const attachments = [{ fileName: "a.pdf", contentType: "application/pdf", data: "A".repeat(70 * 1024 * 1024) }];
    const { deliver, contents } = scene((id) => (id === 1 ? { ...CONTENT, attachments } : CONTENT));
    for (const contentId of [2, 1, 1, 1, 2]) await deliver({ contentId });
    expect(contents).toEqual([2, 1, 2]);
  });

  it("derives the text of a literal content, once", async () => {
    const { deliver, contents, mails } = scene(() => ({
      ...CONTENT,
      literal: true,
      subject: "{{ x }}",
      html: "<p>Hello {{ name }}</p>",
      text: "",
    }));
    await deliver();
    await deliver();
    expect(contents).toEqual([1]);
    expect(mails[0]?.mail).toMatchObject({
      subject: "{{ x }}",
      html: "<p>Hello {{ name }}</p>",
      text: "Hello {{ name }}\n",
    });
  });

  it("fails the message, not the run, when its content cannot be compiled or rendered", async () => {
    const { deliver, contents, mails } = scene((id) =>
      id === 1 ? { ...CONTENT, html: "{% if %}" } : { ...CONTENT, html: "{{ missing }}" },
    );
    expect(await deliver()).toMatchObject({
      kind: "rejected",
      unknown: false,
      reason: expect.stringMatching(/^cannot be rendered: HTML/),
    });
    expect(await deliver()).toMatchObject({ kind: "rejected" });
    expect(await deliver({ contentId: 2 })).toMatchObject({
      kind: "rejected",
      reason: expect.stringContaining("missing"),
    });
    expect(contents).toEqual([1, 2]);
    expect(mails).toEqual([]);
  });
});

describe("files of single messages", () => {
  /** A content in a folder of its own, and the claim of Ann as it was when the list was taken in. */
  function withInvoice(invoice: string) {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), "mailer-")));
    const path = join(folder, "Ann.pdf");
    writeFileSync(path, invoice);
    const content: Content = { ...CONTENT, files: { folder, attachments: ["{{ name }}.pdf"], inlineImages: false } };
    const fields = ["ann@example.com", "Ann"];
    const mail = compileContent(content).render("ann@example.com", { name: "Ann" });
    const { record } = new Examiner().examine(mail);
    return { folder, path, content, change: { fields: JSON.stringify([...fields, record]) } };
  }

  it("are read when the message leaves", async () => {
    const { content, change } = withInvoice("seven");
    const { deliver, mails } = scene(() => content);
    expect(await deliver(change)).toMatchObject({ kind: "sent" });
    const data = Buffer.from("seven").toString("base64");
    expect(mails[0]?.mail.attachments).toEqual([{ fileName: "Ann.pdf", contentType: "application/pdf", data }]);
    expect(mails[0]?.mail).not.toHaveProperty("files");
  });

  it("fail the message alone when one has changed, or is gone", async () => {
    const { content, change, path } = withInvoice("seven");
    const { deliver, mails } = scene((id) => (id === 1 ? content : CONTENT));
    writeFileSync(path, "more than seven");
    expect(await deliver(change)).toEqual({
      kind: "rejected",
      unknown: false,
      isOurs: true,
      reason: expect.stringMatching(/^the attachment Ann\.pdf has changed since the list was taken in/),
    });
    rmSync(path);
    expect(await deliver(change)).toMatchObject({ kind: "rejected", reason: expect.stringMatching(/no such file/) });
    expect(await deliver({ contentId: 2 })).toMatchObject({ kind: "sent" });
    expect(mails).toHaveLength(1);
  });

  it("stop the run when their folder is gone, or fail the message, as the caller wants it", async () => {
    const { content, change, folder } = withInvoice("seven");
    rmSync(folder, { recursive: true });
    const reason = expect.stringContaining(folder);
    expect(await scene(() => content).deliver(change)).toMatchObject({ kind: "halted", reason });
    const lenient = scene(() => content, undefined, undefined, { whenFolderIsGone: "fail" });
    expect(await lenient.deliver(change)).toMatchObject({ kind: "rejected", reason });
  });
});

it("makes no call for a claim that ran out while it waited for memory", async () => {
  const attachments = [{ fileName: "a.pdf", contentType: "application/pdf", data: "A".repeat(60 * 1024 * 1024) }];
  let answer = () => undefined as void;
  const answered = () => new Promise<void>((resolve) => (answer = resolve));
  let isValid = true;
  const { deliver, mails } = scene(
    () => ({ ...CONTENT, attachments }),
    undefined,
    answered,
    {},
    () => isValid,
  );
  const [first, second] = [deliver({ id: 1 }), deliver({ id: 2 })];
  await expect.poll(() => mails.length).toBe(1);
  isValid = false;
  answer();
  expect(await first).toMatchObject({ kind: "sent" });
  expect(await second).toMatchObject({ kind: "withheld" });
  expect(mails).toHaveLength(1);
});

it("holds back what would take too much memory, and says so", async () => {
  const attachments = [{ fileName: "a.pdf", contentType: "application/pdf", data: "A".repeat(25 * 1024 * 1024) }];
  const answers: (() => void)[] = [];
  const answer = () => new Promise<void>((resolve) => answers.push(resolve));
  const { deliver, mails, isFull } = scene(
    (id) => (id === 1 ? { ...CONTENT, attachments } : CONTENT),
    undefined,
    answer,
  );
  /** So many are handed over, and a moment later it is still so. */
  const handedOver = async (count: number) => {
    await expect.poll(() => mails.length).toBe(count);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(mails).toHaveLength(count);
  };
  const sent = [deliver(), deliver()];
  await handedOver(2);
  expect(isFull()).toBe(false);
  sent.push(deliver(), deliver(), deliver({ contentId: 2 }));
  await handedOver(3);
  // What has no attachments waits for nothing.
  expect(mails.map(({ mail }) => mail.attachments.length)).toEqual([1, 1, 0]);
  expect(isFull()).toBe(true);
  for (let count = 3; count <= 5; count++) {
    answers.shift()?.();
    await handedOver(Math.min(5, count + 1));
  }
  expect(isFull()).toBe(false);
  for (const end of answers) end();
  expect((await Promise.all(sent)).map(({ kind }) => kind)).toEqual(Array(5).fill("sent"));
});
