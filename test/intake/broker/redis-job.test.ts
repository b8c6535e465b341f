/** Jobs from Redis: their templates and data, when they leave, and why the rest is dead. */
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, test } from "vitest";
import { prepareContent } from "../../../src/compose/mail/tools.ts";
import type { Store } from "../../../src/store/store.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { templateContent } from "../../support/templates.ts";
import { inspect } from "../../store/sqlite/bench.ts";
import { ADDED, dead, job, raw, redisInlet } from "./bench.ts";

const NEWS = templateContent({ subject: "News", html: "<p>{{ name | default: 'you' }}</p>" });

/** An inlet whose store has the template `news`. */
async function withNews(...given: Parameters<typeof redisInlet>) {
  const inlet = await redisInlet(...given);
  await inlet.store.putTemplate("news", NEWS);
  return inlet;
}

async function only(store: Store, uuid: string) {
  const [message] = await store.messagesNamed(uuid, 10);
  if (message === undefined) throw new Error("there is none");
  const parts = await store.mailParts(message.id);
  const mail = (await prepareContent(parts!.content)).render(message.email, parts!.fields);
  return { message, mail, content: parts!.content };
}

describe("what nobody can send is a dead letter that names the field", () => {
  test.each<[string, object | string, RegExp]>([
    ["no JSON", "id=1", /^expected JSON$/],
    ["a list", "[]", /^expected a JSON object$/],
    ["null", "null", /^expected a JSON object$/],
    ["a misspelt field", { dealy: 60_000 }, /^dealy: unknown field$/],
    ["a field with a long name", { ["x".repeat(500)]: 1 }, /^x{60}…: unknown field$/],
    ["a prototype", '{"__proto__":{"id":"1"}}', /^__proto__: unknown field$/],
    ["no id", { id: null }, /^id: is missing$/],
    ["a blank id", { id: " " }, /^id: is missing$/],
    ["a long id", { id: "i".repeat(84) }, /^id: expected 1–83 printable characters$/],
    ["an id that reads backwards", { id: "j\u202e26" }, /^id: expected 1–83 printable characters$/],
    ["an id with NUL", { id: "a\u0000" }, /^id: expected 1–83 printable characters$/],
    [
      "an id that would be rounded",
      '{"id":9007199254740993,"to":"ann@example.com","template":"news"}',
      /^id: is a number with too many digits to be kept exactly; send it as a text$/,
    ],
    ["an id that is a fraction", { id: 1.5 }, /^id: expected text or a whole number$/],
    [
      "an issue that would be rounded",
      { templateData: { issueId: 2 ** 53 } },
      /^templateData\.issueId: is a number with too many digits to be kept exactly; send it as a text$/,
    ],
    [
      "an issue that is a fraction",
      { templateData: { issueId: 0.1 } },
      /^templateData\.issueId: expected text or a whole number$/,
    ],
    ["an id that is a list", { id: ["a"] }, /^id: expected text$/],
    ["no address", { to: null }, /^to: is missing$/],
    ["several addresses", { to: ["a@b.example"] }, /^to: expected text$/],
    ["a bad address", { to: "ann@" }, /^to: invalid email address: "ann@"/],
    ["an address that injects", { to: "a@example.com\nBcc: b@example.com" }, /^to: .*control character/],
    ["no template", { template: undefined }, /^template: is missing$/],
    ["an empty template", { template: "" }, /^template: is missing$/],
    ["an unknown template", { template: "newz" }, /^template: there is no template "newz" in the store$/],
    ["a template with NUL", { template: "news\u0000" }, /^template: expected a name/],
    ["a subject with a line break", { subject: "a\nBcc: b@example.com" }, /^subject: cannot hold line breaks/],
    ["a subject with NUL", { subject: "a\u0000" }, /^subject: cannot hold line breaks or control characters$/],
    ["a subject with half a character", { subject: "a\ud800" }, /^subject: holds half of a character/],
    ["a long subject", { subject: "s".repeat(999) }, /^subject: expected at most 998 characters$/],
    ["a blank subject", { subject: " " }, /^subject: cannot be blank$/],
    ["data that are a list", { templateData: [1] }, /^templateData: expected an object$/],
    ["data that are a text", { templateData: "name" }, /^templateData: expected an object$/],
    ["data with NUL", { templateData: { name: "a\u0000b" } }, /^templateData\.name: holds a NUL character$/],
    [
      "data with half a character",
      { templateData: { a: ["\ud800"] } },
      /^templateData\.a\[0\]: holds half of a character/,
    ],
    ["large data", { templateData: { a: "x".repeat(70_000) } }, /^templateData: are 69 KB of JSON/],
    ["a subject in the data", { templateData: { job_subject: "a" } }, /^templateData\.job_subject: stands for/],
    ["a bad issue", { templateData: { issueId: "a/b" } }, /^templateData\.issueId: /],
    [
      "an issue that is an object",
      { templateData: { issueId: {} } },
      /^templateData\.issueId: expected text or a whole number$/,
    ],
    ["a delay that is none", { delay: "soon" }, /^delay: expected a whole number$/],
    ["a delay before now", { delay: -1 }, /^delay: expected milliseconds, 0 or more$/],
    ["a delay of centuries", { delay: 1e13 }, /^delay: /],
    ["an endless delay", { delay: Number.MAX_SAFE_INTEGER }, /^delay: leads too far/],
    ["half a priority", { priority: 5.5 }, /^priority: expected a whole number$/],
    ["a type that is a number", { type: 1 }, /^type: expected text$/],
  ])("%s", async (_what, given, reason) => {
    const { take, store, letters } = await withNews();
    const delivery = job(given);
    expect(await take(delivery)).toEqual([expect.stringMatching(reason)]);
    expect(await letters()).toMatchObject([{ source: "redis", origin: delivery.id, extras: null }]);
    expect(await store.totals(null)).toMatchObject({ total: 0 });
  });

  test.each<[string, Uint8Array, RegExp]>([
    ["no bytes", new Uint8Array(), /^expected JSON$/],
    ["no UTF-8", Buffer.from([0x7b, 0xff, 0x7d]), /^expected JSON in UTF-8$/],
    ["a byte order mark", Buffer.from("\ufeff{}"), /^expected JSON$/],
    ["more than 10 MB", Buffer.alloc(10 * 1024 * 1024 + 1, 0x20), /^expected at most 10 MB$/],
    ["a million lists", Buffer.from("[".repeat(1_000_000)), /^expected JSON$/],
  ])("%s", async (_what, body, reason) => {
    const { take } = await withNews();
    expect(await take({ ...raw(body), at: ADDED })).toEqual([expect.stringMatching(reason)]);
  });

  it("when it was given out too often, with the reason of its broker", async () => {
    const { take } = await withNews();
    expect(await take({ ...job(), overdue: "taken 5 times and never accepted" }, job())).toEqual([
      "taken 5 times and never accepted",
      "done",
    ]);
  });

  it("when the template needs what the job does not have", async () => {
    const { take, store } = await redisInlet();
    await store.putTemplate("code", templateContent());
    const reason = expect.stringMatching(/^templateData\.code: .*missing|^templateData\.code/);
    expect(await take(job({ template: "code" }))).toEqual([reason]);
    expect(await take(job({ template: "code", templateData: { code: "1" } }))).toEqual(["done"]);
  });
});

describe("a job", () => {
  it("is a mail of its template, under its own subject, which is text", async () => {
    const { take, store } = await redisInlet();
    await store.putTemplate(
      "news",
      templateContent({ html: "<p>{{ job_subject }}, {{ name }}</p>", text: "{{ name }}" }),
    );
    const given = { id: "j1", subject: 'Tom & "Jerry" <3 {{ name }}', templateData: { name: "<b>" } };
    expect(await take(job(given))).toEqual(["done"]);
    const { mail } = await only(store, "redis:email:send:j1");
    expect(mail).toMatchObject({ subject: 'Tom & "Jerry" <3 {{ name }}', text: "<b>" });
    expect(mail.html).toContain("Tom &amp; &#34;Jerry&#34; &lt;3 {{ name }}, &lt;b&gt;");
  });

  it("without a subject has that of its template", async () => {
    const { take, store } = await withNews();
    expect(await take(job({ id: "j1", subject: null }))).toEqual(["done"]);
    expect((await only(store, "redis:email:send:j1")).mail.subject).toBe("News");
  });

  test.each([
    [10, 10],
    [8, 10],
    [7, 5],
    [5, 5],
    [3, 5],
    [2, 1],
    [-1, 1],
    ["10", 10],
    [undefined, 5],
    [null, 5],
  ])("of priority %s has priority %d", async (given, priority) => {
    const { accepted, take } = await watched();
    expect(await take(job({ priority: given }))).toEqual(["done"]);
    expect(accepted).toMatchObject([{ priority }]);
  });

  test.each(["VERIFICATION_CODE", "SUBSCRIPTION_CONFIRM", "SUBSCRIPTION_CANCEL", "subscription_confirmation"])(
    "of type %s is transactional",
    async (type) => {
      const { take, store } = await withNews();
      expect(await take(job({ id: "j1", type }))).toEqual(["done"]);
      expect((await only(store, "redis:email:send:j1")).content).toMatchObject({ kind: "transactional" });
    },
  );

  it("of any other type is of the kind of its template", async () => {
    const { take, store } = await withNews();
    expect(await take(job({ id: "j1", type: "NEWSLETTER" }))).toEqual(["done"]);
    expect((await only(store, "redis:email:send:j1")).content).not.toHaveProperty("kind");
  });

  it("with a delay is due that long after it was added, however late it comes", async () => {
    const { accepted, take } = await watched();
    await take(job({ delay: 60_000 }), job({ delay: "1000" }, 1_000_000_000_000), job({ delay: 0 }));
    expect(accepted.map(({ notBefore }) => notBefore)).toEqual([ADDED + 60_000, 1_000_000_001_000, 0]);
  });

  it("of an issue belongs to the topic of that issue, and its id is told", async () => {
    const { accepted, take } = await watched();
    const texts = { templateData: '{"issueId":"42"}' };
    await take(job({ templateData: { issueId: "42" } }), job({ templateData: { issueId: 42 } }), job(texts), job());
    expect(accepted.map(({ topic }) => topic)).toEqual(["issue-42", "issue-42", "issue-42", null]);
    expect(accepted.every(({ reports }) => reports?.via === "redis" && reports.name.startsWith("j"))).toBe(true);
  });

  async function watched() {
    const accepted: {
      priority: number;
      notBefore: number;
      topic: string | null;
      reports?: { via: string; name: string };
    }[] = [];
    const inlet = await withNews({}, ({ inbox }) => ({
      inbox: { take: (request) => (accepted.push(...request.messages), inbox.take(request)) },
    }));
    return { ...inlet, accepted };
  }

  it("that comes again is a repeat, and one with its id and other words is dead", async () => {
    const { take, store, counts } = await withNews();
    const first = { id: "j1", templateData: { name: "Ann", n: { a: 1, b: [2] } } };
    await take(job(first));
    await store.putTemplate("news", { ...NEWS, html: "<p>New {{ name }}</p>" });
    const same = { id: "j1", to: "ANN@example.com", templateData: { n: { b: [2], a: 1 }, name: "Ann" }, attempts: 2 };
    expect(await take(job(same))).toEqual(["done"]);
    const others = [
      { to: "bo@example.com" },
      { subject: "Other" },
      { subject: null },
      { templateData: { name: "Bo" } },
    ];
    for (const other of others)
      expect(await take(job({ ...first, ...other }))).toEqual(["uuid redis:email:send:j1 was used for another mail"]);
    expect(counts).toEqual({ accepted: 1, duplicates: 1, suppressed: 0, dead: dead({ clash: 4 }) });
  });
});

describe("the jobs of an issue", () => {
  it("share one content, whatever their subjects and data are, in many batches", async () => {
    const { take, store, path } = await withNews();
    for (let batch = 0; batch < 5; batch++)
      await take(
        ...Array.from({ length: 100 }, (_, index) =>
          job({
            to: `r${batch * 100 + index}@example.com`,
            subject: `Issue 7 for ${index}`,
            templateData: { issueId: 7, name: `N${index}` },
          }),
        ),
      );
    expect(await store.totals("issue-7")).toMatchObject({ total: 500, pending: 500 });
    expect(inspect(path, (db) => db.prepare("select count(distinct content_id) from message").pluck().get())).toBe(1);
  });
});

describe("a template that is not in the store", () => {
  it("is read from the folder, with its front matter, before Redis is asked", async () => {
    const folder = await folderWith({
      "hi.html": "---\nsubject: From the file\nfrom: Shop <shop@example.com>\n---\n<p>Hi {{ name }}</p>",
    });
    const asked: string[] = [];
    const remote = async (name: string) => (asked.push(name), name === "there" ? "<p>Remote {{ name }}</p>" : null);
    const { take, store } = await redisInlet({ folder, remote });
    const data = { templateData: { name: "Ann" } };
    const given = [
      { id: "a", template: "hi", subject: null, ...data },
      { id: "b", template: "hi", ...data },
      { id: "c", template: "there", ...data },
    ];
    expect(await take(...given.map((each) => job(each)))).toEqual(["done", "done", "done"]);
    expect(asked).toEqual(["there"]);
    const [a, b, c] = await Promise.all(["a", "b", "c"].map((id) => only(store, `redis:email:send:${id}`)));
    expect(a!.mail).toMatchObject({ subject: "From the file", from: "Shop <shop@example.com>" });
    expect(b!.mail).toMatchObject({ subject: "Hello" });
    expect(b!.mail.html).toContain("Hi Ann");
    expect(c!.mail).toMatchObject({ subject: "Hello", from: "News <news@example.com>" });
    expect(c!.mail.html).toContain("Remote Ann");
  });

  test.each(["../secret", "..", "/etc/passwd", "..\\secret", ".hidden", "sub/inner", "C:secret", "secret.html/."])(
    "is not looked for outside of the folder: %s",
    async (template) => {
      const folder = await folderWith({ "templates.html": "x", ".hidden.html": "<p>x</p>" });
      const inner = join(folder, "templates");
      await writeFile(join(folder, "secret.html"), "<p>secret</p>");
      const { take } = await redisInlet({ folder: inner });
      expect(await take(job({ template }))).toEqual([
        `template: there is no template ${JSON.stringify(template)} in the store or --templates`,
      ]);
    },
  );

  it("may be a link in the folder, as a mounted one has", async () => {
    const folder = await folderWith({ "real.html": "<p>Hi</p>" });
    await symlink(join(folder, "real.html"), join(folder, "linked.html"));
    const { take } = await redisInlet({ folder });
    expect(await take(job({ template: "linked" }))).toEqual(["done"]);
  });

  it("is a problem of its jobs when it cannot be used, and not of the others", async () => {
    const folder = await folderWith({ "bad.html": "<p>{{ name</p>", "bare.html": "<p>Hi</p>" });
    const remote = async (name: string) =>
      name === "list" ? { problem: "the Redis key template:list is no string" } : name === "empty" ? "" : null;
    const { take } = await redisInlet({ folder, remote });
    const given = [
      { template: "bad" },
      { template: "bare", subject: null },
      { template: "empty" },
      { template: "list" },
      { template: "bare" },
    ];
    expect(await take(...given.map((each) => job(each)))).toEqual([
      expect.stringMatching(/^template: "bad" cannot be used: /),
      expect.stringMatching(/^template: "bare" cannot be used: .*no subject/),
      expect.stringMatching(/^template: "empty" cannot be used: .*empty/),
      'template: "list" cannot be used: the Redis key template:list is no string',
      "done",
    ]);
  });

  it("is read again after a minute, and after some seconds when there was none", async () => {
    const clock = new ManualClock();
    let html: string | null = null;
    let asked = 0;
    const remote = async () => (asked++, html);
    const { take, store } = await redisInlet({ remote, clock });
    const unknown = 'template: there is no template "late" in the store or Redis';
    expect(await take(job({ template: "late" }))).toEqual([unknown]);
    html = "<p>first</p>";
    expect(await take(job({ template: "late" }))).toEqual([unknown]);
    clock.pass(5_000);
    expect(await take(job({ template: "late" }))).toEqual(["done"]);
    html = "<p>second</p>";
    clock.pass(59_999);
    await take(job({ id: "still", template: "late" }));
    clock.pass(1);
    await take(job({ id: "new", template: "late" }));
    expect(asked).toBe(3);
    expect((await only(store, "redis:email:send:still")).content.html).toBe("<p>first</p>");
    expect((await only(store, "redis:email:send:new")).content.html).toBe("<p>second</p>");
  });

  it("is the one of the store as soon as that has it", async () => {
    const { take, store } = await redisInlet({ remote: async () => "<p>remote</p>" });
    await take(job({ id: "a" }));
    await store.putTemplate("news", NEWS);
    await take(job({ id: "b" }));
    expect((await only(store, "redis:email:send:a")).content.html).toBe("<p>remote</p>");
    expect((await only(store, "redis:email:send:b")).content.html).toBe(NEWS.html);
  });
});

async function folderWith(files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "ses-mail-templates-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}
