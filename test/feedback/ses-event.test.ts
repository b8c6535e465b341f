import fc from "../support/properties.ts";
import { describe, expect, test } from "vitest";
import { parseEventTime } from "../../src/feedback/event-time.ts";
import { isMachine } from "../../src/feedback/machine.ts";
import { readEvent, type SesEvent } from "../../src/feedback/ses-event.ts";
import * as make from "./events.ts";

function meaning(json: unknown): SesEvent {
  const event = readEvent(json);
  if ("malformed" in event) throw new Error(event.malformed);
  return event;
}

const suppressed = (json: unknown) => meaning(json).suppressions.map(({ address, reason }) => `${reason} ${address}`);

describe("bad input", () => {
  test.each([
    ["null", null, "an SES event without eventType"],
    ["a number", 1, "an SES event without eventType"],
    ["a text", "Bounce", "an SES event without eventType"],
    ["an array", [make.delivery()], "an SES event without eventType"],
    ["an empty object", {}, "an SES event without eventType"],
    ["a type that is no text", { ...make.delivery(), eventType: ["Send"] }, "an SES event without eventType"],
    ["no mail", { eventType: "Send" }, "a Send event without mail.messageId"],
    ["a mail that is an array", { eventType: "Send", mail: [1] }, "a Send event without mail.messageId"],
    ["a mail without id", { eventType: "Send", mail: { messageId: 5 } }, "a Send event without mail.messageId"],
    [
      "a bounce without its detail",
      { ...make.bounce("Permanent", "General"), bounce: null },
      'a Bounce event without "bounce"',
    ],
    ["a complaint without its detail", { ...make.complaint(), complaint: [] }, 'a Complaint event without "complaint"'],
    [
      "a bounce that does not say of which kind",
      { ...make.bounce("Permanent", "General"), bounce: { bouncedRecipients: [{ emailAddress: "ann@example.net" }] } },
      "a Bounce event without bounceType",
    ],
    [
      "a permanent bounce of one of several that does not say of whom",
      { ...make.bounce("Permanent", "General", { to: ["a@b.c", "d@e.f"] }), bounce: { bounceType: "Permanent" } },
      "a Bounce event that names no address",
    ],
    [
      "a permanent bounce of what is no address",
      make.bounce("Permanent", "General", { to: ["nobody"] }),
      "a Bounce event that names no address",
    ],
    [
      "a bounce of a type that is not known",
      { ...make.bounce("Permanent", "General"), eventType: "Bounced" },
      'an event of the unknown type Bounced that holds a "bounce"',
    ],
    [
      "a complaint of a type that is not known",
      { ...make.complaint(), eventType: "Spam" },
      'an event of the unknown type Spam that holds a "complaint"',
    ],
  ])("%s", (_, json, malformed) => {
    expect(readEvent(json)).toEqual({ malformed });
  });

  test("any JSON is either malformed or a whole event", () => {
    const eventLike = fc.record(
      {
        eventType: fc.oneof(
          fc.constantFrom("Bounce", "Complaint", "Open", "Subscription", "__proto__", "constructor"),
          fc.anything(),
        ),
        mail: fc.oneof(
          fc.record({ messageId: fc.string(), tags: fc.anything(), destination: fc.anything() }),
          fc.anything(),
        ),
        bounce: fc.oneof(
          fc.record({ bounceType: fc.constantFrom("Permanent", "toString"), bouncedRecipients: fc.anything() }),
          fc.anything(),
        ),
        complaint: fc.record({ complainedRecipients: fc.array(fc.anything()), timestamp: fc.anything() }),
        subscription: fc.anything(),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), eventLike), (json) => {
        const event = readEvent(json);
        if ("malformed" in event) return;
        expect(event.sesMessageId).not.toBe("");
        for (const { address } of event.suppressions) expect(address).toMatch(/^[^@\s]+@[^@\s]+$/);
      }),
      { numRuns: 2_000 },
    );
  });

  test("names of Object.prototype are only names", () => {
    const json = JSON.parse(
      '{"eventType":"constructor","__proto__":{"eventType":"Bounce"},' +
        '"mail":{"messageId":"m","tags":{"__proto__":{"ses-mail-job":["evil"]}},"__proto__":{"destination":["a@b.c"]}}}',
    ) as unknown;
    expect(meaning(json)).toMatchObject({ type: "unknown", rawType: "constructor", jobId: null, destination: [] });
    const bounce = make.bounce("constructor", "toString");
    expect(meaning(bounce).suppressions).toEqual([]);
  });

  test.each(["0", "-1", "1.5", "1e3", "abc", "", "12345678901234567890", " 7"])(
    "message tag %j is none of ours",
    (id) => {
      const event = make.delivery();
      (event["mail"] as { tags: object }).tags = { "ses-mail-message": [id] };
      expect(meaning(event).messageId).toBeNull();
    },
  );
});

describe("meaning", () => {
  test.each(make.oneOfEach().map((event, index) => [index, event] as const))("of example %i", (index, json) => {
    const to = `user${index + 1}@example.net`;
    const event = meaning(json);
    const isLegacy = "notificationType" in json;
    expect(event).toMatchObject({
      sesMessageId: make.sesId(index + 1),
      jobId: isLegacy ? null : "4f2a",
      messageId: isLegacy ? null : index + 1,
      mailedAt: Date.parse("2026-03-02T09:00:00.000Z"),
      destination: [to],
    });
    expect(event.recipients.map(({ address }) => address)).toEqual([to]);
  });

  test.each([
    [make.oneOfEach()[0], { type: "send", at: Date.parse("2026-03-02T09:00:00Z") }],
    [make.delivery(), { type: "delivery", at: Date.parse(make.AT), reason: null }],
    [
      make.bounce("Permanent", "General", {}, { status: "5.1.1", diagnosticCode: "smtp; 550 no" }),
      {
        type: "bounce",
        bounceType: "Permanent",
        bounceSubType: "General",
        reason: "smtp; 550 no",
        feedbackId: "feedback-1",
      },
    ],
    [make.complaint(), { type: "complaint", complaintType: "abuse", machine: false }],
    [make.simple("Reject", "reject", { reason: "Bad content" }), { type: "reject", reason: "Bad content" }],
    [make.open(), { type: "open", machine: true, at: Date.parse(make.AT) }],
    [make.click(), { type: "click", machine: false, link: "https://example.com/?x={1}" }],
    [make.renderingFailure(), { type: "rendering_failure", reason: "Attribute 'first_name' is not present." }],
    [{ ...make.renderingFailure(), eventType: "RENDERING_FAILURE" }, { type: "rendering_failure" }],
    [make.deliveryDelay(), { type: "delivery_delay", reason: "MailboxFull" }],
    [make.subscription(false), { type: "subscription" }],
    [make.simple("Tomorrow", "tomorrow", {}), { type: "unknown", rawType: "Tomorrow", suppressions: [] }],
  ])("%#", (json, expected) => {
    expect(meaning(json)).toMatchObject(expected);
  });

  test("an id with a domain is the same id", () => {
    const event = make.delivery();
    event["mail"] = { ...make.mail(), messageId: `<${make.sesId(1)}@email.amazonses.com>` };
    expect(meaning(event).sesMessageId).toBe(make.sesId(1));
  });

  test.each([
    [make.open(), "198.51.100.7"],
    [make.open(), "GoogleImageProxy"],
    [make.click(), "198.51.100.8"],
    [make.click(), "Mozilla/5.0"],
    [make.complaint(), "Example-FBL"],
  ])("%#: the IP address and the user agent are not taken over", (json, personal) => {
    expect(JSON.stringify(json)).toContain(personal);
    expect(JSON.stringify(meaning(json))).not.toContain(personal);
  });

  test("huge texts are cut", () => {
    const event = make.simple("Click", "click", { link: "y".repeat(9_000) });
    expect(meaning(event)).toMatchObject({ link: "y".repeat(4_096) });
    const reject = make.simple("Reject", "reject", { reason: "x".repeat(9_000) });
    expect(meaning(reject)).toMatchObject({ reason: "x".repeat(1_000) });
  });
});

test.each([
  ["2026-03-02T09:00:15.183Z", "2026-03-02T09:00:15.183Z"],
  ["2026-03-02T09:00:15Z", "2026-03-02T09:00:15.000Z"],
  ["2018-10-08T14:05:45 +0000", "2018-10-08T14:05:45.000Z"],
  ["2012-05-25T14:59:35-05:00", "2012-05-25T19:59:35.000Z"],
  ["2012-05-25T14:59:35.123456+0900", "2012-05-25T05:59:35.123Z"],
  ["2026-03-02 09:00:15", "2026-03-02T09:00:15.000Z"],
  ["yesterday", null],
  ["", null],
  ["2026-13-02T09:00:15.183Z", null],
  ["1772442000", null],
])("time %s", (text, expected) => {
  const instant = parseEventTime(text);
  expect(instant === null ? null : new Date(instant).toISOString()).toBe(expected);
});

test.each([
  ["Mozilla/5.0", true],
  ["Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)", true],
  ["YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html", true],
  ["Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0) Chrome/103 BingPreview/1.0b", true],
  ["python-requests/2.31", true],
  ["Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)", false],
  ["Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Thunderbird/115", false],
  ["", false],
  [null, false],
])("user agent %s is a machine: %s", (userAgent, expected) => {
  expect(isMachine(userAgent)).toBe(expected);
});

describe("suppression", () => {
  test.each([
    ["Permanent", "General", "bounce"],
    ["Permanent", "NoEmail", "bounce"],
    ["Permanent", "Suppressed", "bounce"],
    ["Permanent", "OnAccountSuppressionList", "bounce"],
    ["Permanent", "OnTenantSuppressionList", "bounce"],
    ["Permanent", "InventedTomorrow", "bounce"],
    ["Permanent", "EmailValidationSuppressed", null],
    ["Permanent", "UnsubscribedRecipient", "unsubscribe"],
    ["Transient", "General", null],
    ["Transient", "MailboxFull", null],
    ["Transient", "MessageTooLarge", null],
    ["Transient", "CustomTimeoutExceeded", null],
    ["Transient", "ContentRejected", null],
    ["Transient", "AttachmentRejected", null],
    ["Transient", "NoEmail", null],
    ["Undetermined", "Undetermined", null],
    ["InventedTomorrow", "General", null],
  ])("bounce %s/%s: %s", (type, subType, reason) => {
    for (const legacy of [false, true]) {
      expect(suppressed(make.bounce(type, subType, { legacy }))).toEqual(reason ? [`${reason} ann@example.net`] : []);
    }
  });

  test.each(["Bounce", "bounce", "BOUNCE"])("a type is known in any spelling: %s", (eventType) => {
    const event = { ...make.bounce("PERMANENT", "General"), eventType };
    expect(meaning(event)).toMatchObject({ type: "bounce", bounceType: "Permanent" });
    expect(suppressed(event)).toEqual(["bounce ann@example.net"]);
  });

  test("a bounce without subtype follows its type", () => {
    const event = make.bounce("Permanent", "General");
    delete (event["bounce"] as make.Json)["bounceSubType"];
    expect(suppressed(event)).toEqual(["bounce ann@example.net"]);
  });

  test.each([
    [{ action: "failed", status: "5.0.0" }, true],
    [{ status: "5.4.4" }, true],
    [{ action: "delayed", status: "4.0.0" }, false],
    [{ action: "delayed" }, false],
    [{ action: "failed", status: "4.4.7" }, false],
    [{ status: "4.2.2" }, false],
    [{ action: "relayed", status: "2.0.0" }, false],
  ])("one recipient of a permanent bounce with %j: %s", (recipient, expected) => {
    expect(suppressed(make.bounce("Permanent", "General", {}, recipient))).toHaveLength(expected ? 1 : 0);
  });

  test("of several recipients only those that failed", () => {
    const event = make.bounce("Permanent", "General", {
      to: ["bad@example.net", "slow@example.net", "fine@example.net"],
    });
    const bouncedRecipients = [
      { emailAddress: "bad@example.net", action: "failed", status: "5.0.0" },
      { emailAddress: "slow@example.net", action: "delayed", status: "4.0.0" },
    ];
    event["bounce"] = { ...(event["bounce"] as object), bouncedRecipients };
    expect(suppressed(event)).toEqual(["bounce bad@example.net"]);
  });

  test("a name, odd case and the DSN's type are not part of an address", () => {
    for (const emailAddress of ["Ann Lee <ANN@Example.NET>", "rfc822; Ann@Example.net", " ann@EXAMPLE.net\t"]) {
      const event = make.bounce("Permanent", "General");
      event["bounce"] = { ...(event["bounce"] as object), bouncedRecipients: [{ emailAddress }] };
      expect(suppressed(event)).toEqual(["bounce ann@example.net"]);
    }
  });

  test("a forwarded mail: the address it was sent to, and the one that failed", () => {
    const event = make.bounce("Permanent", "General", { to: ["ann@example.net"] });
    const bouncedRecipients = [{ emailAddress: "forward@example.org", action: "failed", status: "5.1.1" }];
    event["bounce"] = { ...(event["bounce"] as object), bouncedRecipients };
    expect(suppressed(event)).toEqual(["bounce ann@example.net", "bounce forward@example.org"]);
    event["mail"] = make.mail({ to: ["ann@example.net", "bob@example.net"] });
    expect(suppressed(event)).toEqual(["bounce forward@example.org"]);
  });

  test("a report that names nobody speaks of the only recipient, or of none", () => {
    const only = make.complaint({}, { complainedRecipients: [] });
    expect(suppressed(only)).toEqual(["complaint ann@example.net"]);
    const several = make.complaint({ to: ["ann@example.net", "bob@example.net"] }, { complainedRecipients: null });
    expect(suppressed(several)).toEqual([]);
  });

  test.each([
    [{ complaintFeedbackType: "abuse" }, true],
    [{ complaintFeedbackType: "fraud" }, true],
    [{ complaintFeedbackType: undefined }, true],
    [{ complaintFeedbackType: null, complaintSubType: "OnAccountSuppressionList" }, true],
    [{ complaintFeedbackType: "not-spam" }, false],
    [{ complaintFeedbackType: "Not-Spam" }, false],
  ])("complaint %j: %s", (fields, expected) => {
    expect(suppressed(make.complaint({}, fields))).toEqual(expected ? ["complaint ann@example.net"] : []);
  });

  test("leaving everything suppresses, leaving one topic does not", () => {
    expect(suppressed(make.subscription(true))).toEqual(["unsubscribe ann@example.net"]);
    expect(suppressed(make.subscription(false))).toEqual([]);
    expect(
      suppressed(make.simple("Subscription", "subscription", { newTopicPreferences: { unsubscribeAll: "yes" } })),
    ).toEqual([]);
  });

  test("leaving a topic suppresses for it, unless it was left before", () => {
    const was = (...statuses: string[]) => ({
      unsubscribeAll: false,
      topicSubscriptionStatus: statuses.map((subscriptionStatus, index) => ({
        topicName: `t${index}`,
        subscriptionStatus,
      })),
    });
    const leaves = (detail: Record<string, unknown>) =>
      meaning(make.simple("Subscription", "subscription", detail)).suppressions.map((each) => each.leaves);
    const [before, now] = [was("OptIn", "OptIn", "OptOut", "OptIn"), was("OptOut", "OptIn", "OptOut", "OPTOUT")];
    const topics = ["t0", "t3"].map((name) => ({ kind: "topic", name }));
    expect(leaves({ contactList: "main", newTopicPreferences: now, oldTopicPreferences: before })).toEqual(topics);
    expect(leaves({ newTopicPreferences: was("OptOut") })).toEqual(topics.slice(0, 1));
    const everything = { newTopicPreferences: { ...now, unsubscribeAll: true }, oldTopicPreferences: before };
    const whole = { kind: "contact list", topics: ["t0", "t2", "t3"] };
    expect(leaves({ ...everything, contactList: "main" })).toEqual([{ ...whole, name: "main" }]);
    for (const contactList of [undefined, "", "/bulk", 7, "a".repeat(65)])
      expect(leaves({ ...everything, contactList })).toEqual([{ ...whole, name: null }]);
    for (const topicSubscriptionStatus of [
      null,
      "OptOut",
      [null],
      [{ topicName: "/bulk", subscriptionStatus: "OptOut" }],
    ])
      expect(leaves({ newTopicPreferences: { topicSubscriptionStatus } })).toEqual([]);
  });

  test("no other event suppresses", () => {
    for (const json of [make.delivery(), make.open(), make.click(), make.deliveryDelay(), make.renderingFailure()]) {
      expect(suppressed(json)).toEqual([]);
    }
  });

  test("the detail is for people", () => {
    const recipient = { action: "failed", status: "5.1.1", diagnosticCode: "smtp; 550 5.1.1 unknown" };
    const details = [make.bounce("Permanent", "General", {}, recipient), make.complaint(), make.subscription(true)];
    expect(details.map((json) => meaning(json).suppressions[0]?.detail)).toEqual([
      "Permanent/General, smtp; 550 5.1.1 unknown",
      "abuse",
      "UnsubscribeHeader, contact list main",
    ]);
  });
});

describe("key", () => {
  const keyOf = (json: unknown) => meaning(json).key;

  test("is equal for the same event of event publishing and legacy notification", () => {
    for (const event of [
      make.delivery,
      make.complaint,
      (options: make.MailOptions) => make.bounce("Permanent", "General", options),
    ]) {
      expect(keyOf(event({ legacy: true }))).toBe(keyOf(event({ legacy: false })));
    }
  });

  test("is equal whatever the order and spelling of recipients", () => {
    const to = ["ann@example.net", "bob@example.net"];
    const other = ["Bob <BOB@example.net>", "Ann@Example.net", "ann@example.net"];
    expect(keyOf(make.delivery({ to: other }))).toBe(keyOf(make.delivery({ to })));
  });

  test("is equal for times written in two ways", () => {
    const at = (timestamp: string) => make.simple("Open", "open", { timestamp });
    expect(keyOf(at("2026-03-02T09:00:15 +0000"))).toBe(keyOf(at("2026-03-02T09:00:15.000Z")));
    expect(keyOf(at("once"))).not.toBe(keyOf(at("twice")));
  });

  test("differs by message, type, recipient and time", () => {
    const later = make.simple("Open", "open", { timestamp: "2026-03-02T10:00:00.000Z" });
    const other = [
      make.delivery(),
      make.delivery({ id: 2 }),
      make.delivery({ to: ["bob@example.net"] }),
      make.deliveryDelay(),
      make.open(),
      later,
      make.click(),
      make.complaint(),
      make.bounce("Permanent", "General"),
      make.complaint({ id: 2 }),
      make.simple("A", "a", {}),
      make.simple("B", "b", {}),
    ].map(keyOf);
    expect(new Set(other).size).toBe(other.length);
  });
});
