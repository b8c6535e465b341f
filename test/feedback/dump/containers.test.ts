import { gzipSync } from "node:zlib";
import fc from "../../support/properties.ts";
import { describe, expect, test } from "vitest";
import { readEvent } from "../../../src/feedback/ses-event.ts";
import * as make from "../events.ts";
import { eventsIn, kinds, read } from "../read.ts";

const EVENTS = make.oneOfEach();
const MEANING = EVENTS.map((event) => readEvent(event));
const NOTIFICATIONS = EVENTS.map((event) => make.sns(event));
const LINES = EVENTS.map((event) => JSON.stringify(event));
const EXPORTED = LINES.map((line) => `2026-03-02T09:00:01.000Z ${line}`);
const HALVES = [NOTIFICATIONS.slice(0, 7), NOTIFICATIONS.slice(7)];
const SQS = HALVES.map((half) => ({ Messages: half.map((notification) => make.sqsMessage(notification)) }));
const ndjson = (values: readonly unknown[]) => `${make.compact(values, "\n")}\n`;

const CONTAINERS: Record<string, string> = {
  "bare events, NDJSON": ndjson(EVENTS),
  "bare events, one array": make.compact([EVENTS], ""),
  "bare events, pretty array": make.pretty(EVENTS),
  "bare events, array of arrays": make.compact([[EVENTS.slice(0, 3), EVENTS.slice(3)]], ""),
  "bare events, pretty one behind the other": EVENTS.map(make.pretty).join("\n"),
  "bare events, pretty without line ends between": EVENTS.map(make.pretty).join(""),
  "Firehose objects without delimiters": make.compact(EVENTS, ""),
  "Firehose objects with spaces": make.compact(EVENTS, "  "),
  "a list with commas at line ends": make.compact(EVENTS, ",\n"),
  "JSON strings, one per line": ndjson(LINES),
  "SNS, NDJSON": ndjson(NOTIFICATIONS),
  "SNS, concatenated": make.compact(NOTIFICATIONS, ""),
  "SNS, pretty array": make.pretty(NOTIFICATIONS),
  "SNS of EventBridge": ndjson(EVENTS.map((event) => make.sns(make.eventBridge(event)))),
  "SQS of SNS, pretty as the AWS CLI prints": SQS.map(make.pretty).join("\n"),
  "SQS of SNS, compact": ndjson(SQS),
  "SQS of SNS, compact and concatenated": make.compact(SQS, ""),
  "SQS messages without their envelope": ndjson(SQS.flatMap(({ Messages }) => Messages)),
  "SQS, raw delivery": make.pretty({ Messages: EVENTS.map((event) => make.sqsMessage(event)) }),
  "SQS of EventBridge": make.pretty({ Messages: EVENTS.map((event) => make.sqsMessage(make.eventBridge(event))) }),
  "SQS of Lambda records of SNS": ndjson(EVENTS.map((event) => make.sqsMessage({ Records: [make.lambdaSns(event)] }))),
  "EventBridge, NDJSON": ndjson(EVENTS.map((event) => make.eventBridge(event))),
  "Lambda of SNS": make.pretty({ Records: EVENTS.map((event) => make.lambdaSns(event)) }),
  "Lambda of SQS of SNS": ndjson([{ Records: NOTIFICATIONS.map((message) => make.lambdaSqs(message)) }]),
  "Lambda of Kinesis": ndjson([{ Records: LINES.map((line) => ({ kinesis: { data: make.base64(line) } })) }]),
  "Firehose transform": ndjson([{ invocationId: "i", records: EVENTS.map((event) => make.firehoseRecord(event)) }]),
  "CloudWatch Logs subscription": ndjson([make.awslogs(LINES)]),
  "CloudWatch Logs through Firehose": ndjson([
    { records: [{ data: make.base64(JSON.stringify(make.awslogs(LINES))) }] },
  ]),
  "CloudWatch Logs, filter-log-events": make.pretty(make.filterLogEvents(LINES)),
  "CloudWatch Logs, filter-log-events, compact": ndjson([make.filterLogEvents(LINES)]),
  "CloudWatch Logs export": `${EXPORTED.join("\n")}\n`,
  "CloudWatch Logs export of pretty messages": EVENTS.map(
    (event) => `2026-03-02T09:00:01.000Z ${make.pretty(event)}`,
  ).join("\n"),
  "aws logs tail": LINES.map((line) => `2026-03-02T09:00:01.123000+00:00 eventlog/1 ${line}`).join("\n"),
  "log of a Lambda function": LINES.map((line) => `2026-03-02T09:00:01.123Z\t2f1d-44\tINFO\t${line}`).join("\n"),
  "log of a Lambda function, filter-log-events": make.pretty(
    make.filterLogEvents(LINES.map((line) => `2026-03-02T09:00:01.123Z\t2f1d-44\tINFO\t${line}\n`)),
  ),
  "CloudWatch Logs Insights": make.pretty({
    results: LINES.map((value) => [
      { field: "@timestamp", value: "2026-03-02 09:00:01.000" },
      { field: "@message", value },
      { field: "@ptr", value: "CmEKJgoiMTIzNDU2Nzg5MDEy" },
    ]),
    status: "Complete",
  }),
  "CloudWatch Logs Insights, console": make.pretty(
    EVENTS.map((event) => ({ "@timestamp": "2026-03-02 09:00:01.000", "@message": event })),
  ),
  "CloudWatch Logs Insights, CSV": `@timestamp,@message\n${LINES.map(
    (line) => `2026-03-02 09:00:01.000,"${line.replaceAll('"', '""')}\n"`,
  ).join("\n")}\n`,
  "an answer of Elasticsearch": ndjson([{ took: 1, hits: { hits: EVENTS.map((event) => ({ _source: event })) } }]),
  "a log of Docker": ndjson(LINES.map((log) => ({ log: `${log}\n`, stream: "stdout" }))),
  "log lines without a time": LINES.map((line) => `INFO received ${line} in 3 ms\n`).join(""),
  "the deepest way": ndjson([
    make.awslogs(
      EVENTS.map((event) => JSON.stringify({ Records: [make.lambdaSqs(make.sns(make.eventBridge(event)))] })),
    ),
  ]),
};

const utf16 = (text: string) => Buffer.from(`\uFEFF${text}`, "utf16le");
const ENCODINGS: Record<string, (text: string) => Buffer> = {
  "as it is": (text) => Buffer.from(text),
  "with a BOM": (text) => Buffer.from(`\uFEFF${text}`),
  "with CRLF and blank lines": (text) => Buffer.from(`\n\r\n${text.replaceAll("\n", "\r\n")}\r\n\r\n  \r\n`),
  "in UTF-16 LE": utf16,
  "in UTF-16 BE": (text) => utf16(text).swap16(),
  "in UTF-16 without a BOM": (text) => Buffer.from(text, "utf16le"),
  packed: (text) => gzipSync(text),
  "packed in two members": (text) => {
    const middle = Math.floor(text.length / 2);
    return Buffer.concat([gzipSync(text.slice(0, middle)), gzipSync(text.slice(middle)), Buffer.alloc(700)]);
  },
  "packed twice, in UTF-16": (text) => gzipSync(gzipSync(utf16(text))),
};

describe.each(Object.entries(CONTAINERS))("%s", (_, text) => {
  test.each(Object.entries(ENCODINGS))("gives the same events %s", async (_, encode) => {
    const found = await read(encode(text), 777);
    expect(kinds(found)).toEqual(EVENTS.map(() => "event"));
    expect(eventsIn(found)).toEqual(MEANING);
  });
});

test("the pieces the input comes in make no difference", async () => {
  const texts = Object.values(CONTAINERS);
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...texts), fc.integer({ min: 1, max: 3_000 }), async (text, size) => {
      expect(eventsIn(await read(text, size))).toEqual(MEANING);
    }),
    { numRuns: 60 },
  );
});

test("several dumps one behind the other, each with its BOM", async () => {
  const text = Object.values(CONTAINERS)
    .map((dump) => `\uFEFF${dump}`)
    .join("\n");
  const found = await read(text, 5_000);
  expect(new Set(kinds(found))).toEqual(new Set(["event"]));
  expect(found.length).toBe(Object.keys(CONTAINERS).length * EVENTS.length);
});

test("nothing is in an empty dump", async () => {
  for (const text of ["", "\n\n \r\n", "\uFEFF", "[]", "[ \n ]", '{"Messages": []}', '{"events":[]}\n', "\0\0\0"]) {
    expect({ text, found: await read(text) }).toEqual({ text, found: [] });
  }
});
