/** `dead` as users type it: letters of NATS and Redis listed, read, taken in again and dropped. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { NewDeadLetter } from "../../src/store/rows.ts";
import { encodeMail } from "../../src/queue/nats/payload.ts";
import { systemClock } from "../../src/time/clock.ts";
import { writeCampaign } from "../support/campaign.ts";
import { openJob } from "../support/job.ts";
import { startRedis } from "../support/redis.ts";
import { run, workFolder } from "../support/run.ts";
import { requireServers } from "../support/servers.ts";

const FROM = { SES_MAIL_FROM: "News <news@example.com>" };

const letter = (number: number, given: Partial<NewDeadLetter> = {}): NewDeadLetter => ({
  source: "nats",
  origin: `messages#${number}`,
  reason: "email: invalid",
  body: encodeMail({ uuid: `u${number}`, email: `r${number}@example.com`, subject: "Hello", body: "<p>Hi</p>" }),
  extras: null,
  ...given,
});

const jobLetter = (number: number, job: object, given: Partial<NewDeadLetter> = {}): NewDeadLetter => ({
  ...letter(number),
  source: "redis",
  origin: `email:send#1700000000000-${number}`,
  reason: 'template: there is no template "news"',
  body: Buffer.from(JSON.stringify({ id: `j${number}`, to: `j${number}@example.com`, template: "news", ...job })),
  ...given,
});

const BAD = letter(99, { body: Buffer.from("junk"), reason: "expected MessagePack" });

/** A folder whose job has these letters, which get the numbers 1, 2, … */
async function jobWith(...letters: NewDeadLetter[]) {
  const folder = await workFolder();
  await inStore(folder, async (store) => {
    for (const each of letters) await store.keepDead([each]);
  });
  return { folder, dead: (...args: string[]) => run(folder, ["dead", ...args], { env: FROM }) };
}

async function inStore<T>(
  folder: string,
  work: (store: Awaited<ReturnType<typeof openJob>>) => Promise<T>,
): Promise<T> {
  const store = await openJob(join(folder, "ses-mail.db"), systemClock);
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

const left = (folder: string): Promise<string[]> =>
  inStore(folder, async (store) =>
    (await store.deadLetters({ before: null, limit: 1_000 })).map(({ origin }) => origin).sort(),
  );

describe("what cannot be done is one line, and changes nothing", () => {
  it.each([
    [["retry"], "dead retry expects the numbers of dead letters, got none"],
    [["drop"], "dead drop expects the numbers of dead letters, got none"],
    [["drop", "1", "--all"], "dead drop expects either numbers, --reason or --all"],
    [["retry", "--all", "--reason", "x"], "dead retry expects either numbers, --reason or --all"],
    [["drop", "--reason", " "], "--reason expects a text"],
    [["retry", "1", "7", "8"], "there is no dead letter 7, 8; nothing was changed"],
    [["drop", "1", "7"], "there is no dead letter 7; nothing was changed"],
    [["show", "7"], "there is no dead letter 7"],
    [["show", "one"], 'expected the number of a dead letter, got "one"'],
    [["drop", "1", "0"], 'expected the number of a dead letter, got "0"'],
    [["drop", "1", "-1"], 'expected the number of a dead letter, got "-1"'],
    [["drop", "--all"], "dead drop expects --yes when there is no terminal to ask on"],
    [["retry", "--reason", "INVALID"], "dead retry expects --yes when there is no terminal to ask on"],
    [["retry", "1", "--header", "Subject: x"], "Subject"],
    [["retry", "1", "--templates", "nowhere"], '--templates expects a folder, got "nowhere"'],
    [["retry", "1", "--redis", "http://x"], "--redis expects an address such as"],
    [["lsit"], 'dead: expected list, show, retry or drop, got "lsit"'],
    [["7"], 'dead: expected list, show, retry or drop, got "7"'],
    [["list", "7"], 'dead list expects no arguments, got "7"'],
  ])("%j", async (args, words) => {
    const { folder, dead } = await jobWith(letter(1));
    const { code, stderr, stdout } = await dead(...args);
    expect(stderr).toContain(words);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(await left(folder)).toEqual(["messages#1"]);
  });

  it("retry without a sender", async () => {
    const { folder } = await jobWith(letter(1));
    const { code, stderr } = await run(folder, ["dead", "retry", "1"]);
    expect(stderr).toContain("dead retry expects the sender of the mail, got none; give --from or set SES_MAIL_FROM");
    expect(code).toBe(2);
    const bare = await run(folder, ["dead", "retry"]);
    expect(bare.stderr).toContain("dead retry expects the numbers of dead letters, got none");
    expect(bare.code).toBe(2);
  });

  it.each(["list", "show", "retry", "drop"])("%s where there is no job", async (command) => {
    const args = command === "list" ? [command] : [command, "1"];
    const { code, stderr } = await run(await workFolder(), ["dead", ...args], { env: FROM });
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining("there is no job") });
  });
});

describe("what others wrote stays in its line", () => {
  const POISON = "a@example.com\r\nBcc: evil@example.com";

  it("the fields of a letter, and all that its head says", async () => {
    const mail = { uuid: "u7", email: POISON, subject: "s\u2028Reason: none", body: "b\nFrom: x" };
    const poison = letter(1, {
      origin: "a\nFrom: x",
      reason: "r\nSize: 1",
      extras: "e\nTo: x",
      body: encodeMail(mail),
    });
    const { dead } = await jobWith(poison, jobLetter(2, { "a\nb": "c" }));
    const { stdout } = await dead("show", "1");
    expect(stdout).not.toMatch(/^(?:Bcc|Size: 1$|To|From: x|Reason: none)/m);
    expect(stdout).toContain("email: a@example.com\\r\\nBcc: evil@example.com\n");
    expect(stdout).toContain("subject: s\\u2028Reason: none\n");
    expect((await dead("show", "2")).stdout).toContain("a\\nb: c\n");
  });

  it("the beginning of a long field, and all others", async () => {
    const body = encodeMail({ uuid: "u".repeat(100_000), email: "ann@", subject: "Hello", body: "<p>Hi</p>" });
    const { dead } = await jobWith(letter(1, { body }));
    const { stdout } = await dead("show", "1");
    expect(stdout).toContain(`\nuuid: ${"u".repeat(2_000)}…\nemail: ann@\nsubject: Hello\nbody: <p>Hi</p>\n`);
    expect(stdout).toContain("… and more; --json has all");
  });

  it("a long origin is cut in the list, and whole everywhere else", async () => {
    const origin = `email:send:priority ${JSON.stringify({ id: "j1", data: "가".repeat(300) })}`;
    const { dead } = await jobWith(letter(1, { origin }), letter(2));
    const { stdout } = await dead("list");
    const longest = Math.max(...stdout.split("\n").map((line) => line.length));
    expect({ longest, isCut: stdout.includes(`${origin.slice(0, 40)}…`) }).toEqual({
      longest: expect.any(Number),
      isCut: true,
    });
    expect(longest).toBeLessThan(200);
    expect(stdout).toContain("messages#2 ");
    expect((await dead("show", "1")).stdout).toContain(origin);
    expect((await dead("list", "--json")).json.dead[1].origin).toBe(origin);
  });
});

describe("list", () => {
  it("shows them newest first, also without its name, and says when there are none", async () => {
    const { folder, dead } = await jobWith(letter(1), BAD, letter(1));
    const { json } = await dead("list", "--json");
    expect(json).toEqual({
      dead: [
        {
          id: 2,
          source: "nats",
          origin: "messages#99",
          reason: "expected MessagePack",
          times: 1,
          received_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
          bytes: 4,
        },
        expect.objectContaining({ id: 1, times: 2 }),
      ],
    });
    const { stdout } = await dead();
    expect(stdout.split("\n").slice(1, 3)).toEqual([
      expect.stringMatching(/^2 +nats +messages#99 +1 .*expected MessagePack$/),
      expect.stringMatching(/^1 +nats +messages#1 +2 .*email: invalid$/),
    ]);
    await run(folder, ["dead", "drop", "1", "2"]);
    expect((await dead()).stdout).toBe("no dead letters\n");
    expect((await dead("list", "--json")).json).toEqual({ dead: [] });
  });

  it("shows any number of them, each once", async () => {
    const { dead } = await jobWith(...Array.from({ length: 501 }, (_, index) => letter(index)));
    const { json } = await dead("list", "--json");
    expect(json.dead.map(({ id }: { id: number }) => id)).toEqual(
      Array.from({ length: 501 }, (_, index) => 501 - index),
    );
  });

  it("gives a terminal nothing to obey", async () => {
    const { dead, folder } = await jobWith(letter(1, { reason: "\u001b[31mred", origin: "x\u202e#1" }));
    expect((await dead()).stdout).toMatch(/x\\u202e#1.*\\x1b\[31mred/);
    const shown = await run(folder, ["dead"], { tty: true });
    expect(shown.stdout).not.toContain("\u001b[31m");
  });
});

describe("show", () => {
  it("has the mail of NATS by its fields, and its bytes", async () => {
    const html = "<p>One</p>\n<p>\u001b[2J</p>";
    const body = encodeMail({ uuid: "u1", email: "ann@", subject: "Hi\u0007", body: html });
    const { dead } = await jobWith(letter(1, { body, extras: "e30" }));
    const { stdout } = await dead("show", "1");
    expect(stdout).toContain("From: nats messages#1\nReason: email: invalid\n");
    expect(stdout).toContain("Ses-Mail-Extras: e30\n");
    expect(stdout).toContain("email: ann@\nsubject: Hi\\x07\nbody: <p>One</p>\\n<p>\\x1b[2J</p>\n");
    const { json } = await dead("show", "1", "--json");
    expect(json).toMatchObject({ id: 1, extras: "e30", payload: { format: "MessagePack", cut: false } });
    expect(json.payload.fields).toContainEqual({ name: "body", text: html });
    expect(Buffer.from(json.body, "base64").equals(body)).toBe(true);
  });

  it("has a job of Redis by its fields, what is no JSON as text, and other bytes in hexadecimal", async () => {
    const job = jobLetter(1, { subject: "a" });
    const text = jobLetter(2, {}, { body: Buffer.from("hello\nworld") });
    const bytes = jobLetter(3, {}, { body: Buffer.from([0x41, 0x1b, 0xff, 0x00]) });
    const { dead } = await jobWith(job, text, bytes);
    expect((await dead("show", "1")).stdout).toContain("\n\nid: j1\nto: j1@example.com\n");
    expect((await dead("show", "2")).stdout).toContain("\n\nhello\nworld\n");
    expect((await dead("show", "3")).stdout).toMatch(/\n\n000000 {2}41 1b ff 00 +A\.\.\.\n$/);
    expect((await dead("show", "3", "--json")).json).toMatchObject({ payload: { format: "bytes" }, body: "QRv/AA==" });
  });

  it("shows people the beginning of a large one", async () => {
    const { dead } = await jobWith(jobLetter(1, {}, { body: Buffer.from("x".repeat(200_000)) }));
    const { stdout } = await dead("show", "1");
    expect(stdout.length).toBeLessThan(110_000);
    expect(stdout).toContain("… and more; --json has all");
  });
});

describe("drop", () => {
  it("removes those that are named, those with a reason, or all", async () => {
    const { folder, dead } = await jobWith(letter(1), letter(2), BAD, letter(3), jobLetter(4, {}));
    expect((await dead("drop", "1", "1", "--json")).json).toEqual({ dropped: 1 });
    expect(await left(folder)).toEqual(["email:send#1700000000000-4", "messages#2", "messages#3", "messages#99"]);
    expect((await dead("drop", "--reason", "messagepack", "--yes")).stdout).toBe("1 dead letter dropped\n");
    expect(await left(folder)).toEqual(["email:send#1700000000000-4", "messages#2", "messages#3"]);
    const asked = await run(folder, ["dead", "drop", "--all"], { tty: true, stdin: "n\n" });
    expect({ code: asked.code, stderr: asked.stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining("3 dead letters?"),
    });
    expect(await left(folder)).toHaveLength(3);
    const agreed = await run(folder, ["dead", "drop", "--all"], { tty: true, stdin: "y\n" });
    expect(agreed.code).toBe(0);
    expect(await left(folder)).toEqual([]);
  });
});

describe("retry", () => {
  it("takes in what can be taken now, and says of the others why they stay dead", async () => {
    const { folder, dead } = await jobWith(letter(1), BAD, jobLetter(3, { subject: "Hi" }), jobLetter(4, { id: null }));
    const first = await dead("retry", "--all", "--yes", "--json");
    expect(first.code).toBe(1);
    expect(first.json).toEqual({
      taken: 1,
      dead: [
        { id: 4, reason: "id: is missing" },
        { id: 3, reason: 'template: there is no template "news" in the store; Redis is not asked without --redis' },
        { id: 2, reason: expect.stringMatching(/./) },
      ],
    });
    expect(first.stderr).toContain("dead letter 4 stays dead: id: is missing");
    expect(await left(folder)).toEqual(["email:send#1700000000000-3", "email:send#1700000000000-4", "messages#99"]);
    // Who cannot look into Redis knows nothing new about it.
    expect((await dead("list", "--json")).json.dead[1]).toMatchObject({
      id: 3,
      times: 1,
      reason: 'template: there is no template "news"',
    });
    await writeFile(join(folder, "news.html"), "---\nsubject: News\n---\n<p>Hi</p>");
    expect((await run(folder, ["template", "add", "news", "news.html"], { env: FROM })).code).toBe(0);
    const second = await dead("retry", "3");
    expect({ code: second.code, stdout: second.stdout }).toEqual({
      code: 0,
      stdout: "1 dead letter taken in, 0 still dead\n",
    });
    const { json } = await dead("list", "--json");
    expect(json.dead).toMatchObject([
      { id: 4, times: 2, reason: "id: is missing" },
      { id: 2, times: 2 },
    ]);
    const nats = await run(folder, ["trace", "u1", "--json"]);
    expect(nats.json.messages).toMatchObject([{ email: "r1@example.com", state: "pending" }]);
    const redis = await run(folder, ["trace", "redis:email:send:j3", "--json"]);
    expect(redis.json.messages).toMatchObject([{ email: "j3@example.com", state: "pending" }]);
  });

  it("finds templates in a folder", async () => {
    const { folder, dead } = await jobWith(jobLetter(1, { subject: "Hi" }));
    await mkdir(join(folder, "templates"));
    await writeFile(join(folder, "templates", "news.html"), "<p>Hi</p>");
    expect((await dead("retry", "1", "--templates", "templates")).code).toBe(0);
    expect(await left(folder)).toEqual([]);
  });

  it.skipIf(requireServers("redis"))("finds templates in Redis, where it is asked for them", async () => {
    const redis = await startRedis({});
    onTestFinished(() => redis.stop());
    await redis.ask("SET", "template:news", "<p>Hi</p>");
    const { folder, dead } = await jobWith(
      jobLetter(1, { subject: "Hi" }),
      jobLetter(2, { subject: "Hi", template: "x" }),
    );
    const { code, json } = await dead("retry", "--all", "--yes", "--json", "--redis", redis.url);
    expect({ code, json }).toEqual({
      code: 1,
      json: { taken: 1, dead: [{ id: 2, reason: 'template: there is no template "x" in the store or Redis' }] },
    });
    expect(await left(folder)).toEqual(["email:send#1700000000000-2"]);
    const wrong = await dead("retry", "2", "--redis", `redis://:wrong@127.0.0.1:${redis.port}/77777`);
    expect({ code: wrong.code, stderr: wrong.stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining("DB index is out of range"),
    });
    expect((await dead("list", "--json")).json.dead).toMatchObject([{ id: 2, times: 2 }]);
  });

  it("of mail that was stored since adds nothing", async () => {
    const { folder, dead } = await jobWith(letter(1), letter(2, { body: letter(1).body }));
    expect((await dead("retry", "1", "2", "--json")).json).toEqual({ taken: 2, dead: [] });
    expect((await run(folder, ["stats", "no-topic", "--json"])).json).toMatchObject({ total: 1 });
    await inStore(folder, (store) => store.keepDead([letter(1)]));
    expect((await dead("retry", "--all", "--yes", "--json")).json).toEqual({ taken: 1, dead: [] });
    expect((await run(folder, ["stats", "no-topic", "--json"])).json).toMatchObject({ total: 1 });
  });

  it("counts a delay from when the job was added, and knows the stream of a set", async () => {
    const added = Date.UTC(2030, 0, 1);
    const late = jobLetter(1, { id: "late", delay: 60_000, subject: "a" }, { origin: `email:send#${added}-0` });
    const set = jobLetter(2, { id: "set", subject: "a" }, { origin: "email:send:priority#set" });
    const { folder, dead } = await jobWith(late, set);
    await writeFile(join(folder, "news.html"), "<p>Hi</p>");
    expect((await dead("retry", "--all", "--yes", "--templates", ".")).code).toBe(0);
    const { json } = await run(folder, ["trace", "redis:email:send:late", "--json"]);
    expect(json.messages).toMatchObject([{ not_before: new Date(added + 60_000).toISOString() }]);
    const other = await run(folder, ["trace", "redis:email:send:set", "--json"]);
    expect(other.json.messages).toHaveLength(1);
  });

  it.each([
    [[], {}, 0],
    [["--results", "messages.results"], {}, 1],
    [[], { SES_MAIL_RESULTS: "messages.results" }, 1],
    [[], { NATS_RESULTS: "messages.results" }, 1],
  ])("with %j and %j leaves %i reports to be told on NATS", async (flags, env, count) => {
    const { folder } = await jobWith(letter(1));
    const { code } = await run(folder, ["dead", "retry", "1", ...flags], { env: { ...FROM, ...env } });
    expect(code).toBe(0);
    await inStore(folder, async (store) => {
      await store.cancel("no-topic");
      expect(await store.reports("nats", 10)).toHaveLength(count);
    });
  });

  it("of many works in parts", async () => {
    const letters = Array.from({ length: 250 }, (_, index) => letter(index + 1));
    const { folder, dead } = await jobWith(...letters);
    expect((await dead("retry", "--reason", "Invalid", "-y", "--json")).json).toEqual({ taken: 250, dead: [] });
    expect(await left(folder)).toEqual([]);
    expect((await run(folder, ["stats", "no-topic", "--json"])).json).toMatchObject({ total: 250 });
  });

  it.each([
    [["--sandbox"], ["issue-1"]],
    [[], ["issue-1", "issue-1 (rehearsal)"]],
  ])("with %j in a topic that was rehearsed makes the topics %j", async (flags, topics) => {
    const { folder, dead } = await jobWith(jobLetter(1, { subject: "Hi", templateData: { issueId: 1 } }));
    await writeCampaign(folder, 1);
    await writeFile(join(folder, "news.html"), "<p>Hi</p>");
    expect((await run(folder, ["send", "june.csv", "--topic", "issue-1", "--sandbox", "-y"])).code).toBe(0);
    const { code, stderr } = await dead("retry", "1", "--templates", ".", ...flags);
    expect(code).toBe(0);
    expect(stderr.includes("was only rehearsed")).toBe(topics.length > 1);
    const { json } = await run(folder, ["topics", "--names", "--json"]);
    expect(json.topics.sort()).toEqual(topics);
  });
});
