import { gzipSync } from "node:zlib";
import fc from "../../support/properties.ts";
import { describe, expect, test } from "vitest";
import { unwrap, unwrapAnywhere } from "../../../src/feedback/envelopes/envelopes.ts";
import * as make from "../events.ts";
import { kinds, read } from "../read.ts";

const EVENT = make.delivery();

describe("bad input", () => {
  test("any JSON and any text give items, never an exception", () => {
    const names = [
      "Type",
      "Message",
      "Sns",
      "Records",
      "Messages",
      "detail",
      "detail-type",
      "awslogs",
      "data",
      "Body",
      "eventType",
      "__proto__",
    ];
    const key = fc.oneof(fc.constantFrom(...names), fc.string());
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 6 },
        fc.jsonValue(),
        fc.array(tie("tree"), { maxLength: 3 }),
        fc.dictionary(key, tie("tree"), { maxKeys: 4 }),
      ),
    }));
    fc.assert(
      fc.property(tree, (value) => {
        const texts = [value, JSON.stringify(value)];
        for (const item of texts.flatMap((text) => [...unwrap(text), ...unwrapAnywhere(text)])) {
          expect(["event", "ignored", "malformed"]).toEqual(expect.arrayContaining(Object.keys(item)));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test.each([
    ["null", null],
    ["a number", 7],
    ["a text that is not JSON", "hello"],
    ["an empty text", ""],
    ["an event without mail", { eventType: "Bounce" }],
    ["an SNS notification without Message", { ...make.sns(EVENT), Message: undefined }],
    ["an SNS notification of half an event", make.sns('{"eventType":"Bou')],
    ["an SQS message of half a notification", { ...make.sqsMessage(EVENT), Body: '{"Type":"Notif' }],
    ["an EventBridge mail event without one", make.eventBridge({ nothing: 1 })],
    ["awslogs that are not base64", { awslogs: { data: "%%%" } }],
    ["awslogs that are not gzip", { awslogs: { data: make.base64("{}") } }],
    ["awslogs without data", { awslogs: {} }],
    ["awslogs cut off", { awslogs: { data: gzipSync("x".repeat(100)).subarray(0, 15).toString("base64") } }],
    ["a bomb", { awslogs: { data: gzipSync(Buffer.alloc(20_000_000)).toString("base64") } }],
    ["a Firehose record of half an event", { recordId: "1", data: make.base64('{"eventType":"Bou') }],
    ["a log line of half an event", { message: '{"eventType":"Bou', timestamp: 1 }],
  ])("%s is malformed", (_, value) => {
    expect(kinds(unwrap(value))).toEqual(["malformed"]);
    expect(kinds(unwrapAnywhere(value))).toEqual(["malformed"]);
  });

  test("envelopes inside each other without end", () => {
    let arrays: unknown = EVENT;
    for (let depth = 0; depth < 20; depth++) arrays = [arrays];
    expect(unwrap(arrays)).toEqual([{ malformed: "more than 8 envelopes inside each other" }]);
  });
});

describe("what is readable and no event of a sent mail", () => {
  test.each([
    ["SubscriptionConfirmation", make.subscriptionConfirmation(), "SubscriptionConfirmation"],
    [
      "UnsubscribeConfirmation",
      { ...make.subscriptionConfirmation(), Type: "UnsubscribeConfirmation" },
      "UnsubscribeConfirmation",
    ],
    [
      "the sentence of a new event destination",
      make.sns("Successfully validated SNS topic for Amazon SES event publishing."),
      "Successfully validated SNS topic for Amazon SES event publishing.",
    ],
    [
      "the same sentence alone (raw delivery)",
      "Successfully validated SNS topic for Amazon SES event publishing.",
      "Successfully validated SNS topic for Amazon SES event publishing.",
    ],
    [
      "the greeting of a legacy topic",
      make.sns({ notificationType: "AmazonSnsSubscriptionSucceeded", message: "You have successfully subscribed" }),
      "AmazonSnsSubscriptionSucceeded",
    ],
    [
      "inbound mail",
      make.sns({ notificationType: "Received", mail: make.mail(), receipt: {} }),
      "inbound mail (Received)",
    ],
    ["somebody else's text", make.sns("the build is green"), "a text: the build is green"],
    [
      "the state of the account",
      { ...make.eventBridge({ version: "1.0", data: {} }), "detail-type": "Sending Status Enabled" },
      "EventBridge event Sending Status Enabled",
    ],
    [
      "another service",
      { ...make.eventBridge({ state: "ok" }), source: "aws.ec2", "detail-type": "EC2 State" },
      "EventBridge event EC2 State",
    ],
    ["an S3 event", { Records: [{ eventSource: "aws:s3", s3: {} }] }, "a record of aws:s3"],
    ["other JSON", { hello: "world" }, "JSON that is no SES event"],
    [
      "a control message of CloudWatch Logs",
      { messageType: "CONTROL_MESSAGE", logEvents: [] },
      "CloudWatch Logs control message",
    ],
    [
      "a line of the Lambda platform",
      "START RequestId: 2f1d Version: $LATEST",
      "START RequestId: 2f1d Version: $LATEST",
    ],
    ["a log line of words", { message: "cold start\n", timestamp: 1 }, "a text: cold start"],
  ])("%s", (_, value, ignored) => {
    expect(unwrap(value)).toEqual([{ ignored }]);
    expect(unwrapAnywhere(value)).toEqual([{ ignored }]);
  });

  test("a packed control message of CloudWatch Logs", () => {
    const control = {
      messageType: "CONTROL_MESSAGE",
      logEvents: [{ id: "", message: "CWL CONTROL MESSAGE: Checking health" }],
    };
    const data = gzipSync(JSON.stringify(control)).toString("base64");
    expect(unwrap({ awslogs: { data } })).toEqual([{ ignored: "CloudWatch Logs control message" }]);
  });
});

test("each record inside counts, good or not", async () => {
  const dump = {
    Messages: [make.sqsMessage(make.sns(EVENT)), { Body: "{" }, make.sqsMessage(make.subscriptionConfirmation())],
  };
  const expected = ["event", "malformed", "ignored"];
  expect(kinds(unwrap(dump))).toEqual(expected);
  expect(kinds(await read(make.pretty(dump)))).toEqual(expected);
  expect(kinds(await read(`${JSON.stringify(dump)}\n`))).toEqual(expected);
});

test("one broken element of a container does not take the others along", async () => {
  const dump = JSON.stringify({ Records: [make.lambdaSns(EVENT), make.lambdaSns(EVENT), make.lambdaSns(EVENT)] });
  const at = dump.indexOf("EventSource", dump.length / 3);
  const found = await read(`${dump.slice(0, at)}"${dump.slice(at)}\n${JSON.stringify(EVENT)}`);
  expect(kinds(found)).toEqual(["event", "malformed", "event", "event"]);
});

test("a file of everything that is not an event keeps its counts", async () => {
  const lines = [
    JSON.stringify(make.sns(EVENT)),
    JSON.stringify(make.subscriptionConfirmation()),
    "Successfully validated SNS topic for Amazon SES event publishing.",
    '{"hello":"world"}',
    "oops",
    "2026-03-02T09:00:00.000Z START RequestId: 1",
    JSON.stringify(EVENT),
  ];
  expect(kinds(await read(lines.join("\n")))).toEqual(
    "event ignored ignored ignored malformed ignored event".split(" "),
  );
});
