import { readFile, stat } from "node:fs/promises";

import { PutSuppressedDestinationCommand } from "@aws-sdk/client-sesv2";
import { describe, expect, test, vi } from "vitest";

import { endpoint, innerEvents, mailTo, ndjson, send, TestClock } from "./endpoint.ts";

async function eventsOf(to: string | string[]) {
  const { client, sandbox, events } = await endpoint();
  await send(client, mailTo(to));
  await sandbox.close();
  return innerEvents(events);
}

describe("the mailbox simulator", () => {
  test.each([
    ["ann@example.net", ["Send", "Delivery"]],
    ["success@simulator.amazonses.com", ["Send", "Delivery"]],
    ["constructor@simulator.amazonses.com", ["Send", "Delivery"]],
    ["bounce+7@simulator.amazonses.com", ["Send", "Bounce Permanent/General"]],
    ["suppressionlist@simulator.amazonses.com", ["Send", "Bounce Permanent/Suppressed"]],
    ["complaint@simulator.amazonses.com", ["Send", "Delivery", "Complaint"]],
    ["ooto@simulator.amazonses.com", ["Send", "Delivery", "Bounce Transient/General"]],
    ["softbounce@simulator.amazonses.com", ["Send", "Bounce Transient/MailboxFull"]],
    ["delay@simulator.amazonses.com", ["Send", "DeliveryDelay", "Delivery"]],
    ["reject@simulator.amazonses.com", ["Send", "Reject"]],
    ["open@simulator.amazonses.com", ["Send", "Delivery", "Open"]],
    ["click@simulator.amazonses.com", ["Send", "Delivery", "Open", "Click"]],
    ["unsubscribe@simulator.amazonses.com", ["Send", "Delivery", "Subscription"]],
    ["render@simulator.amazonses.com", ["Rendering Failure"]],
  ])("%s", async (to, expected) => {
    const found = await eventsOf(to);
    const named = found.map(({ eventType, bounce }) =>
      bounce ? `${eventType} ${bounce.bounceType}/${bounce.bounceSubType}` : eventType,
    );
    expect(named).toEqual(expected);
    for (const event of found) {
      const detail = { "Rendering Failure": "failure", DeliveryDelay: "deliveryDelay" }[event.eventType as string];
      expect(event).toHaveProperty(detail ?? (event.eventType as string).toLowerCase());
      expect("headers" in event.mail).toBe(detail === undefined);
    }
  });

  test("combines recipients of one call by what becomes of them", async () => {
    const at = (local: string) => `${local}@simulator.amazonses.com`;
    const found = await eventsOf([at("bounce+1"), at("success"), at("bounce+2")]);
    expect(found.map((event) => event.eventType)).toEqual(["Send", "Bounce", "Delivery"]);
    const bounced = found[1].bounce.bouncedRecipients as { emailAddress: string }[];
    expect(bounced.map((recipient) => recipient.emailAddress)).toEqual([at("bounce+1"), at("bounce+2")]);
    expect(found[2].delivery.recipients).toEqual([at("success")]);
  });
});

test("an address on the account's suppression list is accepted, counted and bounced", async () => {
  const { client, sandbox, events } = await endpoint();
  await client.send(new PutSuppressedDestinationCommand({ EmailAddress: "Ann@example.net", Reason: "BOUNCE" }));
  await send(client, mailTo("ann@example.net"));
  await sandbox.close();
  const [, bounce] = await innerEvents(events);
  expect(bounce.bounce).toMatchObject({ bounceType: "Permanent", bounceSubType: "OnAccountSuppressionList" });
  expect(sandbox.sentLast24Hours()).toBe(1);
});

test("an event comes in an SNS envelope and names its message", async () => {
  const clock = new TestClock();
  const { client, sandbox, events } = await endpoint({ clock });
  const { MessageId } = await send(
    client,
    mailTo("Ann <ann@example.net>", {
      ConfigurationSetName: "newsletter",
      EmailTags: [
        { Name: "ses-mail-job", Value: "j" },
        { Name: "ses-mail-message", Value: "35" },
      ],
    }),
  );
  await sandbox.close();
  expect((await stat(events)).mode & 0o777).toBe(0o600);
  const [envelope] = await ndjson(events);
  expect(envelope).toEqual({
    Type: "Notification",
    MessageId: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
    TopicArn: "arn:aws:sns:us-east-1:123456789012:ses-events",
    Subject: "Amazon SES Email Event Notification",
    Message: expect.stringMatching(/\}\n$/) as string,
    Timestamp: new Date(clock.now()).toISOString(),
    SignatureVersion: "1",
    Signature: "sandbox",
    SigningCertURL: expect.stringMatching(/^https:\/\/sns\.us-east-1\.amazonaws\.com\//) as string,
    UnsubscribeURL: expect.stringContaining("Action=Unsubscribe") as string,
  });
  expect((await innerEvents(events))[0]).toEqual({
    eventType: "Send",
    mail: {
      timestamp: new Date(clock.now()).toISOString(),
      source: "news@example.com",
      sourceArn: "arn:aws:ses:us-east-1:123456789012:identity/example.com",
      sendingAccountId: "123456789012",
      messageId: MessageId,
      destination: ["ann@example.net"],
      headersTruncated: false,
      headers: [
        { name: "From", value: "News <news@example.com>" },
        { name: "To", value: "Ann <ann@example.net>" },
        { name: "Subject", value: "Hello" },
        { name: "MIME-Version", value: "1.0" },
        { name: "Content-Type", value: "text/plain; charset=UTF-8" },
      ],
      commonHeaders: {
        from: ["News <news@example.com>"],
        to: ["Ann <ann@example.net>"],
        messageId: MessageId,
        subject: "Hello",
      },
      tags: {
        "ses:operation": ["SendEmail"],
        "ses:configuration-set": ["newsletter"],
        "ses:source-ip": ["127.0.0.1"],
        "ses:from-domain": ["example.com"],
        "ses:caller-identity": ["ses-mail-sandbox"],
        "ses-mail-job": ["j"],
        "ses-mail-message": ["35"],
      },
    },
    send: {},
  });
});

test("headers beyond 10 KB are cut, and the event says so", async () => {
  const { client, sandbox, events } = await endpoint();
  const Headers = Array.from({ length: 15 }, (_, index) => ({ Name: `X-${index}`, Value: "v".repeat(900) }));
  const Content = { Simple: { Subject: { Data: "s" }, Body: { Text: { Data: "t" } }, Headers } };
  await send(client, mailTo("a@example.net", { Content }));
  await sandbox.close();
  const [sent] = await innerEvents(events);
  expect(sent.mail.headersTruncated).toBe(true);
  expect(sent.mail.headers.length).toBeLessThan(15);
});

test("events wait for their delay by the clock; close() waits for none", async () => {
  const clock = new TestClock();
  const { client, sandbox, events } = await endpoint({ clock, eventDelayMs: 60_000 });
  await send(client, mailTo("first@example.net"));
  clock.ms += 59_999;
  await send(client, mailTo("second@example.net"));
  clock.ms += 1;
  await vi.waitFor(async () => expect(await innerEvents(events)).toHaveLength(2), { timeout: 20_000 });
  const [, delivery] = await innerEvents(events);
  expect(delivery.mail.destination).toEqual(["first@example.net"]);
  expect(Date.parse(delivery.delivery.timestamp as string) - Date.parse(delivery.mail.timestamp as string)).toBe(
    60_000,
  );
  await sandbox.close();
  expect(await innerEvents(events)).toHaveLength(4);
});

test("copies are the same event published again", async () => {
  const { client, sandbox, events } = await endpoint({ eventCopies: 3 });
  await send(client, mailTo("bounce@simulator.amazonses.com"));
  await sandbox.close();
  const envelopes = await ndjson(events);
  expect(envelopes).toHaveLength(6);
  expect(new Set(envelopes.map((envelope) => envelope.MessageId)).size).toBe(6);
  expect(new Set(envelopes.map((envelope) => envelope.Message)).size).toBe(2);
});

test("shuffling loses and invents nothing", async () => {
  // Nothing is due before close(), so everything is written together.
  const { client, sandbox, events } = await endpoint({
    eventShuffle: true,
    eventDelayMs: 60_000,
    clock: new TestClock(),
  });
  for (let index = 0; index < 20; index++) await send(client, mailTo(`a${index}@example.net`));
  await sandbox.close();
  const found = (await innerEvents(events)).map((event) => `${event.mail.destination[0]} ${event.eventType}`);
  const inOrder = Array.from({ length: 20 }, (_, index) => [
    `a${index}@example.net Send`,
    `a${index}@example.net Delivery`,
  ]).flat();
  expect(found).not.toEqual(inOrder);
  expect([...found].sort()).toEqual([...inOrder].sort());
});

test("the file is appended to, and stays NDJSON", async () => {
  const { client, sandbox, events } = await endpoint();
  await Promise.all(Array.from({ length: 50 }, (_, index) => send(client, mailTo(`a${index}@example.net`))));
  await sandbox.close();
  const text = await readFile(events, "utf8");
  expect(text.endsWith("\n")).toBe(true);
  expect(await innerEvents(events)).toHaveLength(100);
});
