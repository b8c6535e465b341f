import { rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { CreateEmailTemplateCommand, SendBulkEmailCommand, type SendEmailCommandInput } from "@aws-sdk/client-sesv2";
import { describe, expect, test } from "vitest";

import { parseFault } from "../../src/sandbox/faults.ts";
import { endpoint, innerEvents, mailTo, ndjson, outcome, readOutbox, send, TestClock } from "./endpoint.ts";

const simple = (more: object): SendEmailCommandInput =>
  mailTo("ann@example.net", {
    Content: { Simple: { Subject: { Data: "s" }, Body: { Text: { Data: "t" } }, ...more } },
  });
const headers = (...list: [string, string][]) => simple({ Headers: list.map(([Name, Value]) => ({ Name, Value })) });
const fifteen: [string, string][] = Array.from({ length: 15 }, (_, index) => [`X-${index}`, "v"]);

describe("SendEmail refuses", () => {
  const cases: [string, SendEmailCommandInput, RegExp][] = [
    ["no recipient", mailTo([]), /^There are no recipients specified$/],
    ["51 recipients", mailTo(Array.from({ length: 51 }, (_, index) => `a${index}@example.net`)), /exceeds 50/],
    ["a bad recipient", mailTo("ann"), /^Missing final '@domain'$/],
    ["a bad reply-to", mailTo("ann@example.net", { ReplyToAddresses: ["x y@example.net"] }), /control or whitespace/],
    ["no content", mailTo("ann@example.net", { Content: {} }), /Exactly one of Simple, Raw and Template/],
    ["no body", simple({ Body: {} }), /neither Text nor Html/],
    ["no subject", simple({ Subject: undefined }), /content.simple.subject/],
    ["a line break in the subject", simple({ Subject: { Data: "a\r\nBcc: x@example.net" } }), /line break/],
    ["a header SES writes itself", headers(["reply-to", "x@example.net"]), /Header reply-to is not allowed/],
    ["a header name with a colon", headers(["X:", "v"]), /headers.1.member.name/],
    ["a line break in a header", headers(["X-A", "v\r\nBcc: x@example.net"]), /headers.1.member.value/],
    ["a header beyond ASCII", headers(["X-A", "ok"], ["X-B", "é"]), /headers.2.member.value/],
    ["an empty header", headers(["X-A", ""]), /headers.1.member.value/],
    ["a header too long", headers(["X-A", "v".repeat(994)]), /less than or equal to 995/],
    ["16 headers", headers(...fifteen, ["X-15", "v"]), /less than or equal to 15/],
    ["a header twice", headers(["List-Id", "<a>"], ["list-id", "<b>"]), /list-id may be given only once/],
    [
      "a dot in a tag",
      mailTo("ann@example.net", { EmailTags: [{ Name: "a", Value: "b.c" }] }),
      /Invalid tag value <b.c>/,
    ],
    [
      "a long tag",
      mailTo("ann@example.net", { EmailTags: [{ Name: "a".repeat(257), Value: "b" }] }),
      /Invalid tag name/,
    ],
    [
      "raw without From",
      mailTo("a@example.net", { FromEmailAddress: undefined, Content: { Raw: { Data: Buffer.from("X: y\r\n\r\n") } } }),
      /Missing required header 'From'/,
    ],
    ["a file without content", simple({ Attachments: [{ FileName: "a.txt" }] }), /rawContent/],
    [
      "a long Content-ID",
      simple({ Attachments: [{ FileName: "a.png", RawContent: Buffer.from("x"), ContentId: "x".repeat(79) }] }),
      /attachments.1.member.contentId/,
    ],
  ];

  test.each(cases)("%s", async (_, input, message) => {
    const { client, sandbox, outbox } = await endpoint();
    expect(await outcome(send(client, input))).toEqual({
      name: "BadRequestException",
      status: 400,
      message: expect.stringMatching(message) as string,
    });
    expect([sandbox.accepted, sandbox.sentLast24Hours(), (await readOutbox(outbox)).length]).toEqual([0, 0, 0]);
  });

  test("a missing sender without a word", async () => {
    const { client } = await endpoint();
    const { FromEmailAddress: _, ...nobody } = mailTo("ann@example.net");
    expect(await outcome(send(client, nobody))).toMatchObject({ name: "BadRequestException", status: 400 });
  });

  test("a paused and a suspended account", async () => {
    const paused = await endpoint({ sendingEnabled: false });
    expect(await outcome(send(paused.client, mailTo("a@example.net")))).toMatchObject({
      name: "SendingPausedException",
      status: 400,
    });
    const suspended = await endpoint({ enforcement: "SHUTDOWN" });
    expect(await outcome(send(suspended.client, mailTo("a@example.net")))).toMatchObject({
      name: "AccountSuspendedException",
    });
  });

  test("a configuration set that is not there, once a list is given", async () => {
    const { client } = await endpoint({ configurationSets: ["june"] });
    const withSet = (name: string) => outcome(send(client, mailTo("a@example.net", { ConfigurationSetName: name })));
    expect(await withSet("june")).toMatchObject({ status: 200 });
    expect(await withSet("july")).toEqual({
      name: "NotFoundException",
      status: 404,
      message: "Configuration set <july> does not exist.",
    });
  });

  test("unverified identities, those of recipients only in a sandbox account", async () => {
    const text = "Email address is not verified. The following identities failed the check in region US-EAST-1: ";
    const production = await endpoint({ verified: ["example.org"] });
    expect(await outcome(send(production.client, mailTo("a@example.net")))).toEqual({
      name: "MessageRejected",
      status: 400,
      message: `${text}news@example.com`,
    });
    const account = await endpoint({ verified: ["example.com"], sandboxAccount: true });
    expect(await outcome(send(account.client, mailTo(["a@example.net", "b@example.net"])))).toMatchObject({
      message: `${text}a@example.net, b@example.net`,
    });
    expect(await outcome(send(account.client, mailTo("success@simulator.amazonses.com")))).toMatchObject({
      status: 200,
    });
    expect(await outcome(send(account.client, mailTo("b@sub.example.com")))).toMatchObject({ status: 200 });
  });
});

describe("SendEmail accepts", () => {
  test("a full Simple message, and the outbox holds it as it was meant", async () => {
    const clock = new TestClock();
    const { client, outbox } = await endpoint({ clock });
    const { MessageId } = await send(client, {
      FromEmailAddress: "=?UTF-8?B?w4lxdWlwZQ==?= <news@example.com>",
      Destination: {
        ToAddresses: ["Ann <ann@example.net>"],
        CcAddresses: ["c@example.net"],
        BccAddresses: ["secret@example.net"],
      },
      ReplyToAddresses: ["help@example.com"],
      EmailTags: [{ Name: "ses-mail-message", Value: "7" }],
      Content: {
        Simple: {
          Subject: { Data: "안녕 Ann", Charset: "UTF-8" },
          Body: { Text: { Data: "plain ü" }, Html: { Data: "<p>héllo</p>" } },
          Headers: [
            { Name: "List-Unsubscribe", Value: `<https://example.com/u/${"x".repeat(300)}>, <mailto:u@example.com>` },
            { Name: "X-CamelCase", Value: "kept" },
          ],
          Attachments: [{ FileName: "résumé.txt", RawContent: Buffer.from("hello"), ContentType: "text/plain" }],
        },
      },
    });
    const [file, ...others] = await readOutbox(outbox);
    expect(others).toEqual([]);
    expect(file!.name).toBe(`${clock.now()}-${MessageId}.eml`);
    expect((await stat(join(outbox, file!.name))).mode & 0o777).toBe(0o600);
    expect(file!.mail).toMatchObject({
      subject: "안녕 Ann",
      messageId: `<${MessageId}@email.amazonses.com>`,
      date: new Date(clock.now()),
      from: { value: [{ name: "Équipe", address: "news@example.com" }] },
      to: { value: [{ name: "Ann", address: "ann@example.net" }] },
      cc: { value: [{ address: "c@example.net" }] },
      replyTo: { value: [{ address: "help@example.com" }] },
      html: "<p>héllo</p>",
      attachments: [{ filename: "résumé.txt", contentType: "text/plain", content: Buffer.from("hello") }],
    });
    expect(file!.mail.text.trim()).toBe("plain ü");
    expect(file!.source).toContain("\r\nX-CamelCase: kept\r\n");
    expect(file!.source).not.toContain("secret@example.net");
    expect(file!.source).not.toMatch(/ses-mail-message|x-ses-/i);
  });

  test("a raw message: SES's own Date and Message-ID, no Bcc, tags from the call before those in the message", async () => {
    const { client, outbox, events, sandbox } = await endpoint();
    const mime = [
      "From: News <news@example.com>",
      "To: ann@example.net,",
      "\tBob <bob@example.net>",
      "Bcc: secret@example.net",
      "Message-ID: <mine@example.com>",
      "Date: Thu, 1 Jan 1970 00:00:00 +0000",
      "X-SES-MESSAGE-TAGS: a=1, b=2",
      "Subject: raw",
      "",
      "body",
    ].join("\r\n");
    const Content = { Raw: { Data: Buffer.from(mime) } };
    const { MessageId } = await send(client, { Content });
    await send(client, { Content, EmailTags: [{ Name: "c", Value: "3" }] });
    await sandbox.close();
    const [first] = await readOutbox(outbox);
    expect(first!.mail).toMatchObject({ subject: "raw", messageId: `<${MessageId}@email.amazonses.com>` });
    expect(first!.source).not.toMatch(/secret|mine@|1970|X-SES/i);
    const sends = (await innerEvents(events)).filter((event) => event.eventType === "Send");
    expect(sends[0].mail).toMatchObject({
      destination: ["ann@example.net", "bob@example.net", "secret@example.net"],
      tags: { a: ["1"], b: ["2"] },
    });
    expect(sends[1].mail.tags).toMatchObject({ c: ["3"] });
    expect(sends[1].mail.tags).not.toHaveProperty("a");
  });

  test("an inline template, and reports one it cannot fill as an event only", async () => {
    const { client, outbox, events, sandbox } = await endpoint();
    const withData = (data: string) =>
      mailTo("ann@example.net", {
        Content: {
          Template: { TemplateContent: { Subject: "Hi {{name}}", Text: "{{ name }} & {{n}}" }, TemplateData: data },
        },
      });
    expect(await outcome(send(client, withData("[1]")))).toMatchObject({ name: "BadRequestException" });
    await send(client, withData('{"name":"Ann <3","n":5}'));
    await send(client, withData('{"name":"Bob"}'));
    await sandbox.close();
    const files = await readOutbox(outbox);
    expect(files.map(({ mail }) => [mail.subject, mail.text.trim()])).toEqual([["Hi Ann <3", "Ann <3 & 5"]]);
    expect((await innerEvents(events)).map((event) => event.eventType)).toEqual([
      "Send",
      "Delivery",
      "Rendering Failure",
    ]);
  });

  test("a stored template by name, and knows when there is none", async () => {
    const { client, outbox } = await endpoint();
    const input = mailTo("ann@example.net", {
      Content: { Template: { TemplateName: "t 1", TemplateData: '{"x":"1"}' } },
    });
    expect(await outcome(send(client, input))).toMatchObject({ name: "NotFoundException", status: 404 });
    await client.send(
      new CreateEmailTemplateCommand({ TemplateName: "t 1", TemplateContent: { Subject: "s{{x}}", Html: "h" } }),
    );
    await send(client, input);
    expect((await readOutbox(outbox)).map(({ mail }) => mail.subject)).toEqual(["s1"]);
  });

  test("nothing when the outbox cannot take it: 500, no event, not counted as accepted", async () => {
    const { client, outbox, events, sandbox } = await endpoint();
    await rm(outbox, { recursive: true });
    await writeFile(outbox, "in the way");
    expect(await outcome(send(client, mailTo("a@example.net")))).toMatchObject({
      name: "InternalFailure",
      status: 500,
    });
    await sandbox.close();
    expect([sandbox.accepted, await innerEvents(events)]).toEqual([0, []]);
  });
});

describe("SendBulkEmail", () => {
  const bulk = (to: string[]) => ({
    FromEmailAddress: "news@example.com",
    DefaultEmailTags: [{ Name: "campaign", Value: "c1" }],
    DefaultContent: {
      Template: {
        TemplateContent: { Subject: "Hi {{name}}", Text: "t" },
        TemplateData: '{"name":"friend"}',
        Headers: [{ Name: "X-A", Value: "default" }],
      },
    },
    BulkEmailEntries: to.map((address) => ({ Destination: { ToAddresses: [address] } })),
  });

  test("is refused as a whole without entries, and with more than 50", async () => {
    const { client } = await endpoint();
    const many = Array.from({ length: 51 }, () => "a@example.net");
    expect(await outcome(client.send(new SendBulkEmailCommand(bulk([]))))).toMatchObject({
      name: "BadRequestException",
    });
    expect(await outcome(client.send(new SendBulkEmailCommand(bulk(many))))).toMatchObject({
      name: "BadRequestException",
    });
  });

  test("answers entry by entry, in order, and counts each of them", async () => {
    const { client, sandbox, log } = await endpoint({ rate: 2, clock: new TestClock() });
    const input = bulk(["a@example.net", "broken", "b@example.net", "c@example.net"]);
    const { BulkEmailEntryResults } = await client.send(new SendBulkEmailCommand(input));
    expect(BulkEmailEntryResults).toEqual([
      { Status: "SUCCESS", MessageId: expect.any(String) as string },
      { Status: "INVALID_PARAMETER", Error: "Missing final '@domain'" },
      { Status: "SUCCESS", MessageId: expect.any(String) as string },
      { Status: "ACCOUNT_THROTTLED", Error: "Maximum sending rate exceeded." },
    ]);
    expect([sandbox.accepted, sandbox.sentLast24Hours()]).toEqual([2, 2]);
    expect(await ndjson(log)).toMatchObject([
      { operation: "SendBulkEmail", status: 200, accepted: 2, recipients: 4, tags: { campaign: "c1" } },
    ]);
  });

  test("says when the quota ends in the middle of it", async () => {
    const { client } = await endpoint({ quota: 1 });
    const { BulkEmailEntryResults } = await client.send(
      new SendBulkEmailCommand(bulk(["a@example.net", "b@example.net"])),
    );
    expect(BulkEmailEntryResults?.map((entry) => entry.Status)).toEqual(["SUCCESS", "ACCOUNT_DAILY_QUOTA_EXCEEDED"]);
  });

  test("replaces data, headers and tags for one entry", async () => {
    const { client, outbox, events, sandbox } = await endpoint();
    const input = bulk(["a@example.net"]);
    await client.send(
      new SendBulkEmailCommand({
        ...input,
        BulkEmailEntries: [
          {
            Destination: { ToAddresses: ["a@example.net"] },
            ReplacementTags: [{ Name: "campaign", Value: "c2" }],
            ReplacementHeaders: [{ Name: "x-a", Value: "own" }],
            ReplacementEmailContent: { ReplacementTemplate: { ReplacementTemplateData: '{"name":"Ann"}' } },
          },
        ],
      }),
    );
    await sandbox.close();
    const [file] = await readOutbox(outbox);
    expect(file!.mail.subject).toBe("Hi Ann");
    expect(file!.mail.headers.get("x-a")).toBe("own");
    expect((await innerEvents(events))[0].mail.tags).toMatchObject({
      campaign: ["c2"],
      "ses:operation": ["SendBulkEmail"],
    });
  });
});

describe("limits over the wire", () => {
  test("the rate: 429 until a second has passed", async () => {
    const clock = new TestClock();
    const { client } = await endpoint({ rate: 2, clock });
    const one = async () => (await outcome(send(client, mailTo("a@example.net")))).name;
    expect([await one(), await one(), await one()]).toEqual(["none", "none", "TooManyRequestsException"]);
    clock.ms += 999;
    expect(await one()).toBe("TooManyRequestsException");
    clock.ms += 1;
    expect(await one()).toBe("none");
  });

  test("the quota: counted in recipients, without the simulator's, free again after 24 hours", async () => {
    const clock = new TestClock();
    const { client, sandbox } = await endpoint({ quota: 3, clock });
    const to = async (...list: string[]) => (await outcome(send(client, mailTo(list)))).name;
    expect(await to("a@example.net", "b@example.net", "success+1@simulator.amazonses.com")).toBe("none");
    expect(sandbox.sentLast24Hours()).toBe(2);
    expect(await to("a@example.net", "b@example.net")).toBe("LimitExceededException");
    expect(await to("a@example.net")).toBe("none");
    expect(await to("success@simulator.amazonses.com")).toBe("none");
    clock.ms += 24 * 60 * 60 * 1000;
    expect(await to("a@example.net", "b@example.net", "c@example.net")).toBe("none");
  });
});

describe("a fault", () => {
  test.each([
    ["throttle", "TooManyRequestsException", 429, "Maximum sending rate exceeded."],
    ["quota", "LimitExceededException", 400, "Daily message quota exceeded."],
    ["reject", "MessageRejected", 400, "Address blacklisted."],
    ["pause", "SendingPausedException", 400, /^Sending paused for this account\./],
    ["expired", "ExpiredTokenException", 403, /expired/],
    ["5xx", "InternalFailure", 500, /internal error/],
  ])("%s answers as SES does, and accepts nothing", async (fault, name, status, message) => {
    const { client, sandbox, log } = await endpoint({ faults: [parseFault(fault)] });
    const found = await outcome(send(client, mailTo("a@example.net")));
    expect(found).toMatchObject({ name, status });
    expect(found.message).toMatch(message);
    expect(sandbox.accepted).toBe(0);
    expect(await ndjson(log)).toMatchObject([{ fault, status, error: name, accepted: 0 }]);
  });

  test("5xx takes turns with 503", async () => {
    const { client } = await endpoint({ faults: [parseFault("5xx")] });
    const statuses = [];
    for (let call = 0; call < 4; call++) statuses.push((await outcome(send(client, mailTo("a@example.net")))).status);
    expect(statuses).toEqual([500, 503, 500, 503]);
  });

  test("drop closes the connection and accepts nothing", async () => {
    const { client, sandbox, outbox, log } = await endpoint({ faults: [parseFault("drop:first=1")] });
    expect((await outcome(send(client, mailTo("a@example.net")))).status).toBeUndefined();
    expect(sandbox.accepted).toBe(0);
    expect(await readOutbox(outbox)).toEqual([]);
    expect(await ndjson(log)).toMatchObject([{ fault: "drop", status: null, message_ids: [] }]);
    await send(client, mailTo("a@example.net"));
  });

  test("hang never answers, and close() ends it", async () => {
    const { client, sandbox } = await endpoint({ faults: [parseFault("hang:first=1")] });
    const hanging = outcome(send(client, mailTo("a@example.net")));
    await send(client, mailTo("b@example.net"));
    await sandbox.close();
    expect((await hanging).status).toBeUndefined();
    expect(sandbox.accepted).toBe(1);
  });

  test("accept-then-drop has accepted the message: outbox, events, quota and log hold it", async () => {
    const { client, sandbox, outbox, events, log } = await endpoint({ faults: [parseFault("accept-then-drop")] });
    expect(await outcome(send(client, mailTo("a@example.net")))).toMatchObject({
      name: "TimeoutError",
      status: undefined,
    });
    await sandbox.close();
    expect([sandbox.accepted, sandbox.sentLast24Hours()]).toEqual([1, 1]);
    const [file] = await readOutbox(outbox);
    const [logged] = await ndjson(log);
    expect(logged).toMatchObject({ fault: "accept-then-drop", status: null, accepted: 1 });
    expect(file!.name).toContain(logged.message_ids[0]);
    expect((await innerEvents(events)).map((event) => event.eventType)).toEqual(["Send", "Delivery"]);
  });

  test("slow answers later, by the clock", async () => {
    const clock = new TestClock();
    const { client } = await endpoint({ clock, faults: [parseFault("slow:3s")], latencyMs: 50 });
    const before = clock.ms;
    await send(client, mailTo("a@example.net"));
    expect(clock.ms - before).toBe(3050);
  });
});

test("the log has a line for every send call, with what came and when", async () => {
  const clock = new TestClock();
  const { client, log } = await endpoint({ clock });
  clock.ms += 0.25;
  const { MessageId } = await send(
    client,
    mailTo("Ann <a@example.net>", { EmailTags: [{ Name: "ses-mail-message", Value: "9" }] }),
  );
  await outcome(send(client, mailTo("broken")));
  const [accepted, refused] = await ndjson(log);
  expect(accepted).toEqual({
    at: clock.now(),
    monotonic: clock.ms,
    operation: "SendEmail",
    status: 200,
    error: null,
    fault: null,
    accepted: 1,
    recipients: 1,
    to: ["a@example.net"],
    tags: { "ses-mail-message": "9" },
    message_ids: [MessageId],
  });
  expect(refused).toMatchObject({
    status: 400,
    error: "BadRequestException",
    accepted: 0,
    to: ["broken"],
    message_ids: [],
  });
});
