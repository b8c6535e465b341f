/** The options for brokers: their forms, the variables of older programs, and what is an error before anything is opened. */
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { addServe } from "../../src/commands/serve.ts";
import { addWork } from "../../src/commands/work.ts";
import type { Act } from "../../src/commands/command.ts";
import { createComplaints } from "../../src/commands/complaints.ts";
import { createProgram } from "../../src/commands/global-options.ts";
import { takeOldNames } from "../../src/commands/old-names.ts";
import type { WorkFlags } from "../../src/work/gateway/worker.ts";
import { fakeIo } from "../support/fake-io.ts";
import { run, workFolder } from "../support/run.ts";

type Flags = WorkFlags;

/** What a command line and an environment come to. */
async function flagsOf(args: string[], env: Record<string, string> = {}): Promise<Flags> {
  const { io } = fakeIo({ env });
  const program = createProgram(io, "0", createComplaints(io));
  let flags: Flags | null = null;
  const act: Act =
    () =>
    async (...given: unknown[]) => {
      takeOldNames(given.at(-1) as Parameters<typeof takeOldNames>[0], env);
      flags = given.at(-2) as Flags;
    };
  addServe(program.command("serve"), act);
  addWork(program.command("work"), act);
  await program.parseAsync(args, { from: "user" });
  return flags as unknown as Flags;
}

describe("the variables of older programs", () => {
  const OF_NATS = {
    NATS_URL: "nats://broker:4222",
    STREAM: "orders",
    SUBJECT: "orders.mail",
    CONSUMER: "senders",
    NATS_RESULTS: "orders.results",
    SES_RATE_PER_SEC: "50",
    FROM_EMAIL: "shop@example.com",
    CONCURRENCY_LIMIT: "7",
  };

  it.each(["work", "serve"])("switch the inlet of NATS on, and say how it works: %s", async (command) => {
    expect(await flagsOf([command], OF_NATS)).toMatchObject({
      nats: ["nats://broker:4222"],
      natsStream: "orders",
      natsSubject: "orders.mail",
      natsConsumer: "senders",
      results: "orders.results",
      rate: 50,
      from: "shop@example.com",
      concurrency: 7,
    });
  });

  it("are beaten by ours, which are beaten by options", async () => {
    const env = { ...OF_NATS, SES_MAIL_NATS_STREAM: "ours", SES_MAIL_RATE: "20", SES_MAIL_NATS: "ours:4222" };
    const flags = await flagsOf(["work", "--rate", "3", "--nats-consumer", "mine"], env);
    expect(flags).toMatchObject({ nats: ["ours:4222"], natsStream: "ours", rate: 3, natsConsumer: "mine" });
    expect(flags.natsSubject).toBe("orders.mail");
  });

  it("count only where their inlet is on", async () => {
    const { NATS_URL: _, ...others } = OF_NATS;
    expect(await flagsOf(["work"], { ...others, REDIS_STREAM_NAME: "jobs", REDIS_MAX_RETRIES: "9" })).toMatchObject({
      natsStream: "messages",
      natsSubject: "messages.email",
      natsConsumer: "email-processor",
      redisStream: "email:send",
      maxAttempts: 3,
      oldNames: { used: [], ignored: [] },
    });
    const redisOnly = await flagsOf(["work", "--redis", "redis://jobs"], { ...others, REDIS_MAX_RETRIES: "9" });
    expect(redisOnly).toMatchObject({ natsStream: "messages", maxAttempts: 9, rate: 50, from: "shop@example.com" });
  });

  it("may be the longer ones", async () => {
    const env = { NATS_URL: "n:1", NATS_STREAM: "a", NATS_SUBJECT: "a.b", SES_FROM_EMAIL: "a@example.com" };
    expect(await flagsOf(["work"], { ...env, STREAM: "other" })).toMatchObject({
      natsStream: "a",
      natsSubject: "a.b",
      from: "a@example.com",
    });
  });

  it.each([
    [{ REDIS_HOST: "jobs" }, "redis://jobs:6379/0"],
    [
      { REDIS_HOST: "jobs", REDIS_PORT: "7000", REDIS_PASSWORD: "p@ss/word", REDIS_DATABASE: "3" },
      "redis://:p%40ss%2Fword@jobs:7000/3",
    ],
    [{ REDIS_HOST: "::1" }, "redis://[::1]:6379/0"],
  ])("make one address of Redis: %j", async (env, url) => {
    expect(await flagsOf(["work"], { ...env, REDIS_STREAM_NAME: "a:send", REDIS_CONSUMER_GROUP: "g" })).toMatchObject({
      redis: url,
      redisStream: "a:send",
      redisGroup: "g",
    });
  });

  it("are noted without their values, which may be secrets; empty ones are none", async () => {
    const { oldNames } = await flagsOf(["work"], {
      REDIS_HOST: "jobs",
      REDIS_PASSWORD: "hush",
      NATS_URL: "",
      STREAM: "orders",
      REDIS_RETRY_DELAY: "2000",
      BATCH_SIZE: "10",
    });
    expect(oldNames).toEqual({ used: ["REDIS_HOST, REDIS_PASSWORD give --redis"], ignored: ["REDIS_RETRY_DELAY"] });
  });

  it.each([
    [{ SES_RATE_PER_SEC: "0" }, /SES_RATE_PER_SEC expects recipients per second .* got "0"/],
    [{ CONCURRENCY_LIMIT: "0" }, /CONCURRENCY_LIMIT expects a whole number of at least 1, got "0"/],
    [{ CONCURRENCY_LIMIT: "many" }, /CONCURRENCY_LIMIT expects .* got "many"/],
    [{ STREAM: "a.b" }, /STREAM expects a name without spaces, dots, \* and >, got "a\.b"/],
    [{ SUBJECT: "a b" }, /SUBJECT expects a subject with or without wildcards, got "a b"/],
    [{ NATS_URL: "http://u:hush@nats" }, /NATS_URL expects addresses such as nats:\/\/.*, got "…\/\/…@nats"/],
    [{ REDIS_HOST: "jobs", REDIS_PORT: "0" }, /REDIS_PORT expects a whole number from 1 to 65535, got "0"/],
    [{ REDIS_HOST: "jobs", REDIS_DATABASE: "main" }, /REDIS_DATABASE expects a whole number, got "main"/],
    [{ REDIS_HOST: "u:hush@jobs" }, /REDIS_HOST expects the name or address of a host/],
    [{ REDIS_HOST: "jobs", REDIS_MAX_RETRIES: "0" }, /REDIS_MAX_RETRIES expects a whole number of at least 1/],
    [{ FROM_EMAIL: "nobody" }, /--from expects an address/],
  ])("that cannot be used are named, and nothing is opened: %j", async (env, words) => {
    const folder = await workFolder();
    const { code, stderr } = await run(
      folder,
      ["work", "--from", "a@example.com"].slice(0, "FROM_EMAIL" in env ? 1 : 3),
      {
        env: { NATS_URL: "nats://127.0.0.1:1", ...env },
      },
    );
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(words) });
    expect(stderr).not.toContain("hush");
    expect(existsSync(join(folder, "ses-mail.db"))).toBe(false);
  });
});

describe("options for brokers that cannot be used", () => {
  const FROM = ["--from", "a@example.com"];

  it.each([
    [
      ["work", "--nats", "ftp://x", ...FROM],
      /--nats expects addresses such as nats:\/\/127\.0\.0\.1:4222, got "ftp:\/\/x"/,
    ],
    [["work", "--nats", "nats://u:hush@a:b,c", ...FROM], /--nats expects addresses .* got "…\/\/…@a:b"/],
    [
      ["work", "--nats", "nats://u:hush,x@a", ...FROM],
      /--nats expects addresses .* got one that cannot be read; write %2C/,
    ],
    [["work", "--redis", "localhost:6379", ...FROM], /--redis expects an address such as redis:\/\//],
    [["work", "--redis", "redis://:hush@h/jobs", ...FROM], /--redis expects an address .* got "…\/\/…@h\/jobs"/],
    [["work", "--inlet-max-pending", "0"], /--inlet-max-pending expects a whole number of at least 1, got "0"/],
    [["work", "--nats-stream", "a b"], /--nats-stream expects a name/],
    [["work", "--nats-subject", "a..b"], /--nats-subject expects a subject/],
    [["work", "--results", "a.*"], /--results expects a subject without wildcards, got "a\.\*"/],
    [
      ["work", "--redis", "redis://127.0.0.1:1", "--redis-stream", "s".repeat(58)],
      /--redis-stream expects a name of at most 57 characters, got one of 58/,
    ],
    [["work", "--redis-stream", ""], /--redis-stream expects a name without spaces/],
    [["work", "--outlet", "redis"], /--outlet.*nats/],
    [["work", "--outlet-timeout", "soon", "--outlet", "nats", "--nats", "nats://a"], /--outlet-timeout expects/],
    [
      ["work", "--nats", "nats://a"],
      /mail from nats messages\/email-processor expects a sender, got none; give it with --from, SES_MAIL_FROM or FROM_EMAIL/,
    ],
    [["serve", "--redis", "redis://a"], /mail from redis email:send\/email:workers expects a sender, got none/],
    [["work", "--no-send"], /work --no-send has nothing to do: no broker is given/],
    [["work", "--no-send", "--redis", "redis://a"], /expects a sender/],
    [["work", "--outlet", "nats"], /--outlet nats expects --nats, got none/],
    [["serve", "--outlet", "nats", "--redis", "redis://a", ...FROM], /--outlet nats expects --nats, got none/],
    [
      ["work", "--outlet", "nats", "--nats", "nats://a", "--no-send"],
      /--outlet nats expects a process that hands mail over, got --no-send/,
    ],
    [
      ["serve", "--outlet", "nats", "--nats", "nats://a", "--sandbox"],
      /--outlet nats expects real mail, got --sandbox/,
    ],
    [
      ["serve", "--outlet", "nats", "--nats", "nats://a", "--nats-subject", "a.>"],
      /--nats-subject expects a subject without wildcards with --outlet nats/,
    ],
    [["work", "--results", "a"], /--results expects --nats, got none/],
    [
      ["work", "--nats", "nats://a", "--results", "messages.email", ...FROM],
      /--results expects another subject than that of the mail \(--nats-subject\), got "messages\.email";/,
    ],
    ...["messages.*", "messages.>", "*.results", ">"].map((subject): [string[], RegExp] => [
      ["work", "--nats", "nats://a", "--nats-subject", subject, "--results", "messages.results", ...FROM],
      /--results expects another subject .* got "messages\.results", which ".*" takes; name one/,
    ]),
    [
      ["serve", "--nats", "nats://a", "--outlet", "nats", "--nats-subject", "messages.results", ...FROM],
      /--results expects another subject .* got "messages\.results";/,
    ],
    [["work", "--templates", "."], /--templates expects --redis, got none/],
    [["work", "--nats-creds", "a"], /--nats-creds expects --nats, got none/],
    [["work", "--nats-stream", "orders", "--sandbox"], /--nats-stream expects --nats, got none/],
    [["serve", "--redis-group", "g", "--sandbox"], /--redis-group expects --redis, got none/],
    [["work", "--inlet-max-pending", "9"], /--inlet-max-pending expects --nats or --redis, got none/],
    [["work", "--outlet-timeout", "1h", "--nats", "nats://a", ...FROM], /--outlet-timeout expects --outlet, got none/],
    [["work", "--nats", "nats://a", "--nats-creds", "none.creds", ...FROM], /none\.creds/],
    [
      ["work", "--redis", "redis://a", "--templates", "file.html", ...FROM],
      /--templates expects a folder, got "file\.html"/,
    ],
    [["work", "--redis", "redis://a", "--from", "nobody"], /--from expects an address/],
    [["work", "--redis", "redis://a", "--unsubscribe", ...FROM], /--unsubscribe expects --base-url/],
    [["work", "--redis", "redis://a", "--recipient-cap", "5", ...FROM], /--recipient-cap expects mails and a time/],
  ])("%j", async (args, words) => {
    const folder = await workFolder();
    await writeFile(join(folder, "file.html"), "x");
    const { code, stderr } = await run(folder, args, { env: { SES_MAIL_API_KEY: "0123456789abcdef" } });
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(words) });
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(stderr).not.toContain("hush");
    expect(existsSync(join(folder, "ses-mail.db"))).toBe(false);
  });
});

it("the help has the brokers under a heading of their own", async () => {
  const { stdout } = await run(await workFolder(), ["work", "--help"]);
  const [, brokers = ""] = stdout.split("\nBrokers:\n");
  expect(brokers).toMatch(/^ {2}--nats <url>/);
  for (const option of [
    "--redis <url>",
    "--templates <dir>",
    "--inlet-max-pending <n>",
    "--outlet <broker>",
    "--results <subject>",
  ])
    expect(brokers).toContain(option);
});
