/** A line of SNS that is read in parts says what it says when it is parsed whole. */
import { describe, expect, it } from "vitest";
import { DocumentSplitter, type DumpDocument } from "../../../src/feedback/dump/document-splitter.ts";
import { readPieces } from "../../../src/feedback/dump/documents.ts";
import { unwrapAnywhere } from "../../../src/feedback/envelopes/envelopes.ts";
import { parseJson } from "../../../src/feedback/envelopes/json-value.ts";
import { eventOfSnsLine } from "../../../src/feedback/envelopes/sns-line.ts";
import fc from "../../support/properties.ts";
import * as make from "../events.ts";
import { pieces } from "../read.ts";

/** What a dump comes to: the items of each record, and the text that the rejects file gets when it is broken. */
async function outcome(dump: string, splitter: DocumentSplitter) {
  const found: DumpDocument[] = [];
  for await (const some of readPieces(pieces(dump, 700), splitter)) found.push(...some);
  return found.map((document) => ({
    text: document.text,
    line: document.line,
    offset: document.offset,
    items: "malformed" in document ? [{ malformed: document.malformed }] : unwrapAnywhere(document.value),
  }));
}

/** The same, once as it is read and once with each line parsed whole. */
async function both(dump: string) {
  return {
    read: await outcome(dump, new DocumentSplitter()),
    whole: await outcome(dump, new DocumentSplitter(parseJson)),
  };
}

const event = (id: number, job?: string) => make.delivery({ id, ...(job !== undefined && { job }) });
const notification = (message: string, more: Record<string, unknown> = {}) => ({
  Type: "Notification",
  MessageId: "fcfc3882-b356-4246-96f1-000000000001",
  TopicArn: "arn:aws:sns:us-east-1:123456789012:ses-events",
  Subject: "Amazon SES Email Event Notification",
  Message: message,
  Timestamp: "2026-03-02T10:11:27.306Z",
  Signature: "Ab3/Ag==",
  ...more,
});
const line = (value: unknown, more?: Record<string, unknown>) =>
  JSON.stringify(notification(typeof value === "string" ? value : `${JSON.stringify(value)}\n`, more));

/** Texts that look like what the cut goes by. */
const MARKS = [
  ',"Message":"',
  '","Timestamp":"',
  '"Message"',
  ',"headers":[{"name":"a","value":"b"}],"commonHeaders":{',
  '],"commonHeaders":{"a":"b"},"tags":',
  ',\\"headers\\":[{\\"name\\":\\"a\\",\\"value\\":\\"b\\"}],\\"commonHeaders\\":',
  '"ses-mail-job":["j"]',
  '\\"ses-mail-job\\":[\\"k\\"],',
  '\\"ses-mail-message\\":[\\"9\\"],',
  '\\"eventType\\":\\"Send\\",',
  ',\\"mail\\":{}',
  ',\\"delivery\\":{}',
  '}},\\"delivery\\":{',
  '{\\"a\\":1},',
  ',"tags":{"ses:a":["b"],',
  '"ses:a":["b"],"ses:c":["d"],',
  ',\\"tags\\":{\\"ses:a\\":[\\"b\\"],',
  '\\"',
  '"',
  "\\",
  "\\u0022",
  "\u2028",
  "é",
  "\u0000",
  "{",
  "}",
  "[",
  "]",
  ",",
];

/** As SES writes bounces: what they say is before their mail. */
const BOUNCE = make.bounce("Permanent", "General", { id: 4, job: "j" }, { diagnosticCode: 'smtp; 550 "gone"' });
const KINDS = {
  Bounce: BOUNCE,
  Complaint: make.complaint({ id: 4, job: "j" }),
  Send: make.simple("Send", "send", {}, { id: 4, job: "j" }),
  Open: make.open({ id: 4, job: "j" }),
  Click: make.click({ id: 4, job: "j" }),
  Subscription: make.subscription(true, { id: 4, job: "j" }),
};
const typeFirst = (value: make.Json) => ({ eventType: value["eventType"], ...value });
const OF_ALL_KINDS = Object.values(KINDS).map(typeFirst);

const headersOf = (text: fc.Arbitrary<string>) => fc.array(fc.record({ name: text, value: text }), { maxLength: 4 });

/** An SES event with odd texts in odd places. */
const events = () => {
  const text = fc.oneof(fc.constantFrom(...MARKS, "x-request-id", "a"), fc.string({ maxLength: 12 }));
  return fc
    .record({
      base: fc.constantFrom(event(1, "j"), ...OF_ALL_KINDS, event(2), make.delivery({ id: 3, job: "j", legacy: true })),
      headers: fc.oneof(headersOf(text), text, fc.constant(undefined)),
      beside: fc.dictionary(fc.constantFrom("headers", "Records", "commonHeaders", "Message"), text, { maxKeys: 2 }),
      tags: fc.dictionary(
        fc.oneof(fc.constantFrom("ses:a", "ses:b", "request_id", "x"), text),
        fc.oneof(fc.array(text), text),
        {
          maxKeys: 3,
        },
      ),
      subject: text,
    })
    .map(({ base, headers, beside, tags, subject }) => {
      const mail = base["mail"] as Record<string, unknown>;
      const own = mail["tags"] as Record<string, unknown> | undefined;
      return {
        ...base,
        ...beside,
        mail: {
          ...mail,
          ...(headers !== undefined && { headers }),
          commonHeaders: { subject },
          ...(own !== undefined && { tags: { ...tags, ...own } }),
        },
      };
    });
};

describe("an SNS line", () => {
  const plainHeaders = (value: make.Json) => {
    const headers = [
      { name: "From", value: '"Example News" <news@example.com>' },
      { name: "X-Empty", value: "" },
    ];
    return { ...value, mail: { ...(value["mail"] as object), headers } };
  };
  const MAIL = {
    timestamp: "2026-03-02T09:00:00.000Z",
    messageId: make.sesId(4),
    destination: ["ann@example.net"],
    tags: { "ses-mail-job": ["j"], "ses-mail-message": ["4"] },
  };

  it("of a delivery is read without what nobody reads", () => {
    const { timestamp, recipients } = event(4, "j")["delivery"] as make.Json;
    const found = { eventType: "Delivery", mail: MAIL, delivery: { timestamp, recipients } };
    expect(eventOfSnsLine(line(plainHeaders(event(4, "j"))))).toEqual(found);
  });

  it.each(Object.entries(KINDS))("of a %s is read without the headers and tags that nobody reads", (type, value) => {
    const { mail: _, ...rest } = value;
    expect(eventOfSnsLine(line(plainHeaders(typeFirst(value))))).toEqual({ ...rest, eventType: type, mail: MAIL });
  });

  it("is read with its tags in any order", () => {
    const { tags: _, ...mail } = plainHeaders(event(4, "j")).mail as make.Json;
    const tags = { a: ["b"], "ses-mail-message": ["4"], "ses:a": ["b", "c"], "ses-mail-job": ["j"], d: ["e"] };
    expect(eventOfSnsLine(line({ ...event(4, "j"), mail: { ...mail, tags } }))).toMatchObject({ mail: MAIL });
  });

  it("is parsed whole when it is of no job: whoever sent its mail may be named in a header", () => {
    expect(eventOfSnsLine(line(plainHeaders(event(4))))).toBeNull();
  });

  it.each([
    ["another type", line(event(1, "j"), { Type: "SubscriptionConfirmation" })],
    ["a member of others", line(event(1, "j"), { MessageAttributes: {} })],
    ["a member that is no text", line(event(1, "j"), { Token: { Message: "x" } })],
    ["two texts", line(event(1, "j")).replace(',"Timestamp"', ',"Message":"","Timestamp"')],
    ["two texts, one in disguise", line(event(1, "j")).replace(',"Signature"', ',"Mess\\u0061ge":"","Signature"')],
    ["a notification in a notification", line(line(event(1, "j")))],
    ["EventBridge in it", line({ "detail-type": "Email Delivered", source: "aws.ses", detail: event(1, "j") })],
    ["a text", line("Successfully validated SNS topic for Amazon SES event publishing.")],
    ["records in the event", line({ ...event(1, "j"), Records: [event(2, "j")] })],
    ["broken JSON in it", line(JSON.stringify(event(1, "j")).slice(0, -1))],
    ["broken JSON around it", line(event(1, "j")).replace('"Type":', '"Type"')],
    ["headers without a comma between", line(event(1, "j")).replace("},{", "}{")],
    ["no comma behind the mail", line(plainHeaders(KINDS.Open)).replace('}},\\"open\\"', '}}x\\"open\\"')],
    ["a bounce and a delivery", line({ ...plainHeaders(typeFirst(BOUNCE)), delivery: event(4, "j")["delivery"] })],
    ["a bounce with a mail in it", line({ ...typeFirst(BOUNCE), bounce: { a: [{}], mail: {} } })],
    ["two mails", line(plainHeaders(KINDS.Click)).replace(',\\"click\\"', ',\\"mail\\":{},\\"click\\"')],
    ["two objects", line(event(1, "j")) + line(event(2, "j"))],
    ["an event by itself", JSON.stringify(event(1, "j"))],
  ])("says the same as whole: %s", async (_, text) => {
    const { read, whole } = await both(`${text}\n${line(event(5, "j"))}\n`);
    expect(read).toEqual(whole);
  });

  it("says the same as whole, whatever is in it", async () => {
    const lines = fc.array(
      fc.oneof(
        events().map((value) => line(value)),
        events().map((value) => JSON.stringify(value)),
      ),
      {
        minLength: 1,
        maxLength: 3,
      },
    );
    await fc.assert(
      fc.asyncProperty(lines, fc.constantFrom("\n", "", " ", ","), async (texts, between) => {
        const { read, whole } = await both(texts.join(between));
        expect(read).toEqual(whole);
      }),
      { numRuns: 2_000 },
    );
  });

  it("says the same as whole when parts of it are cut out, doubled or strange", async () => {
    const change = fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      out: fc.nat(60),
      put: fc.constantFrom("", ...MARKS),
    });
    await fc.assert(
      fc.asyncProperty(events(), fc.array(change, { minLength: 1, maxLength: 3 }), async (value, changes) => {
        let text = line(value);
        for (const { at, out, put } of changes) {
          const from = Math.floor(at * text.length);
          text = text.slice(0, from) + put + text.slice(from + (out % 3 === 0 ? out : 0));
        }
        const { read, whole } = await both(`${text}\n${line(event(5, "j"))}\n`);
        expect(read).toEqual(whole);
      }),
      { numRuns: 5_000 },
    );
  });
});
