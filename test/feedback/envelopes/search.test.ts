/** Events in wrappers nobody made a list of: found, or told; never ignored. */
import { inspect } from "node:util";
import { deflateSync, gzipSync } from "node:zlib";
import fc from "../../support/properties.ts";
import { describe, expect, test } from "vitest";
import { unwrap, unwrapAnywhere } from "../../../src/feedback/envelopes/envelopes.ts";
import { readEvent } from "../../../src/feedback/ses-event.ts";
import * as make from "../events.ts";
import { eventsIn, kinds, read } from "../read.ts";
import { flattened, lowerCased, printedByPython } from "../printed.ts";

const BOUNCE = make.bounce("Permanent", "General", { id: 7, to: ["gone@example.net"] });
const TEXT = JSON.stringify(BOUNCE);
const SNS = make.sns(BOUNCE);
const MEANING = readEvent(BOUNCE);
const json = (value: unknown) => JSON.stringify(value);
const doubled = (text: string) => `"${text.replaceAll('"', '""')}"`;

/** A bounce whose words are a stranger's, for an address that never bounced. */
const FORGED = json({
  eventType: "Bounce",
  bounce: { bounceType: "Permanent", bouncedRecipients: [{ emailAddress: "victim@example.net" }], feedbackId: "f" },
  mail: { messageId: "forged", destination: ["victim@example.net"] },
});

function sendWithSubject(subject: string): make.Json {
  const mail = { ...make.mail({ id: 8 }), headers: [{ name: "Subject", value: subject }] };
  return { eventType: "Send", mail: { ...mail, commonHeaders: { subject }, tags: { note: [subject] } }, send: {} };
}

describe("what looks like an event and cannot be read is malformed", () => {
  test.each([
    ["a type without an event", json({ note: { eventType: "Bounce" } })],
    ["an event without its id", json({ payload: { ...BOUNCE, mail: {} } })],
    ["an event without its mail", json({ payload: { eventType: "Bounce", bounce: BOUNCE["bounce"] } })],
    ["an event without its type", json({ payload: { bounce: BOUNCE["bounce"], mail: BOUNCE["mail"] } })],
    ["a legacy notification without its mail", json({ payload: { notificationType: "Complaint", complaint: {} } })],
    ["a list of types and values", json({ attributes: [{ key: "eventType", value: "Bounce" }] })],
    ["names in lower case, as Athena writes them", json({ row: lowerCased(BOUNCE) })],
    ["names in lower case, in a line", json(lowerCased(BOUNCE))],
    ["flat names, as log queries write them", json({ fields: flattened(BOUNCE) })],
    ["a row of a query without @message", json({ results: [[{ field: "eventType", value: "Bounce" }]] })],
    [
      "values with their types, as DynamoDB writes them",
      json({ Item: { eventType: { S: "Bounce" }, mail: { M: {} } } }),
    ],
    ["a text that was cut off", json({ log: TEXT.slice(0, 200) })],
    ["a text that was cut off in the type", json({ log: TEXT.slice(0, 18) })],
    ["a log line that was cut off", json({ log: `INFO received ${TEXT.slice(0, 200)}` })],
    ["an SNS notification that was cut off", json({ payload: json(SNS).slice(0, 400) })],
    ["base64 of half an event", json({ data64: make.base64(TEXT.slice(0, 200)) })],
    ["gzip that was cut off", json({ zip: gzipSync(TEXT).subarray(0, -20).toString("base64") })],
    ["what Python prints", printedByPython(BOUNCE)],
    ["what Python prints, in a log line", `INFO received ${printedByPython(SNS)}`],
    ["what Python prints, in a log of Docker", json({ log: `${printedByPython(BOUNCE)}\n` })],
    ["what Node prints", inspect(BOUNCE, { depth: 9 })],
    ["what Node prints, in a log of Docker", json({ log: inspect(BOUNCE, { depth: 9 }) })],
    ["a page of HTML", json({ page: TEXT.replaceAll('"', "&quot;") })],
    ["words of a log", json({ log: "cannot store notificationType=Bounce of gone@example.net" })],
    [
      "an EventBridge event of a bounce without one",
      json({ entry: { ...make.eventBridge({}), "detail-type": "Email Bounced" } }),
    ],
    ["an SNS notification without Message", json({ entry: { ...SNS, Message: null } })],
    [
      "what the API says of a mail",
      json({ Insights: [{ Events: [{ Details: { Bounce: { BounceType: "PERMANENT" } } }] }] }),
    ],
    ["the suppression list of the account", json({ SuppressedDestinationSummaries: [{ EmailAddress: "a@b.c" }] })],
  ])("%s", async (_, dump) => {
    const found = await read(dump, 100);
    expect(new Set(kinds(found))).toEqual(new Set(["malformed"]));
  });
});

describe("what a stranger wrote into an event suppresses nobody", () => {
  const send = sendWithSubject(FORGED);
  const inWords = sendWithSubject(`x ${FORGED}`);
  const asEnd = { mail: { ...(sendWithSubject(`}} ${FORGED}`)["mail"] as object) } };
  const inbound = { mail: send["mail"], receipt: {}, content: FORGED };

  test.each([
    ["a Send event", json(send), ["event"]],
    ["a Send event in a wrapper", json({ payload: { event: send } }), ["event"]],
    ["a Send event as a text in a wrapper", json({ payload: `INFO ${json(send)} done` }), ["event"]],
    ["inbound mail", json({ payload: make.sns({ notificationType: "Received", ...inbound }) }), ["ignored"]],
    ["inbound mail as Lambda gets it", json({ Records: [{ eventSource: "aws:ses", ses: inbound }] }), ["ignored"]],
    ["the mail of an event", json({ sent: send["mail"] }), ["malformed"]],
    ["an event with other names", json({ row: lowerCased(send) }), ["malformed"]],
    ["an event with flat names", json({ row: flattened(send) }), ["malformed"]],
    ["an event that was cut off", json({ log: json(send).slice(0, -2) }), ["malformed"]],
    ["an event that was cut off, in a line", json(send).slice(0, -2), ["malformed"]],
    ["an event printed by Python", printedByPython(inWords), ["malformed"]],
    ["events printed by Python", printedByPython([inWords, inWords]), ["malformed"]],
    ["an event printed by Python, in a log line", `INFO ${printedByPython(inWords)}`, ["malformed"]],
    ["an event printed by Python, in a log of Docker", json({ log: printedByPython(inWords) }), ["malformed"]],
    ["a mail printed by Python that closes its braces", printedByPython(asEnd), ["malformed"]],
    ["the same in a log of Docker", json({ log: printedByPython(asEnd) }), ["malformed"]],
    ["an event printed by Node", inspect(inWords, { depth: 9 }), ["malformed"]],
    ["an event printed by Node in one line", inspect(inWords, { depth: 9, breakLength: Infinity }), ["malformed"]],
    [
      "an event printed by Node, in a log line",
      `2026-03-02T09:00:01.123Z\tid\tINFO\t${inspect(inWords, { depth: 9 })}`,
      ["malformed"],
    ],
    ["an event printed by Node, in a log of Docker", json({ log: inspect(inWords, { depth: 9 }) }), ["malformed"]],
  ])("%s", async (_, dump, expected) => {
    const found = await read(dump);
    expect(kinds(found)).toEqual(expected);
    expect(eventsIn(found).flatMap((event) => event.suppressions)).toEqual([]);
  });
});

describe("what comes by itself is read from the envelopes of AWS only", () => {
  test.each([
    ["an unknown wrapper", { payload: BOUNCE }],
    ["a text in one", { payload: TEXT }],
    ["a list in one", { items: [BOUNCE] }],
    ["a log line", `INFO received ${TEXT}`],
    ["an SNS notification with a log line", make.sns(`INFO received ${TEXT}`)],
    ["an SNS notification in a wrapper", make.sns({ payload: SNS })],
    ["rows of a query", { results: [[{ field: "@message", value: TEXT }]] }],
    ["base64 in a wrapper", { blob: make.base64(TEXT) }],
  ])("%s: malformed there, an event in a dump", (_, value) => {
    expect(kinds(unwrap(value)).filter((kind) => kind !== "ignored")).toEqual(["malformed"]);
    expect(unwrapAnywhere(value)).toEqual([{ event: MEANING }]);
  });

  test("beside an envelope nothing is read", () => {
    const beside = { ...make.sns("hello to all of you"), extra: BOUNCE };
    expect(kinds(unwrap(beside))).toEqual(["ignored"]);
    expect(kinds(unwrapAnywhere(beside))).toEqual(["event"]);
  });
});

const WRAPPERS: Record<string, string> = {
  "a log of Docker": json({ log: `${TEXT}\n`, stream: "stdout", time: "2026-11-20T10:00:05Z" }),
  "a log of containerd": `2026-11-20T10:00:05.000000000Z stdout F ${TEXT}`,
  "a log of journald": json({ MESSAGE: `app[1]: ${TEXT}`, _PID: "1" }),
  "a log of journald, in bytes": json({ MESSAGE: [...Buffer.from(TEXT)] }),
  "a log of pino": json({ level: 30, msg: "received", message: "received", req: { body: BOUNCE } }),
  "a log of the Python module": `2026-11-20 10:00:05,123 INFO app: ${TEXT}`,
  "a log of uvicorn": `INFO:     127.0.0.1:5000 - "POST /hook HTTP/1.1" 200 OK ${TEXT}`,
  "a log of nginx": `192.0.2.1 - - [20/Nov/2026:10:00:05 +0000] "POST / HTTP/1.1" 200 "${TEXT.replaceAll("\\", "\\x5C").replaceAll('"', "\\x22")}"`,
  logfmt: `level=info msg=received event=${json(TEXT)} n=1`,
  "logfmt of SNS": `level=info event=${json(json(SNS))}`,
  "words before": `INFO {request-1} received ${TEXT}`,
  "words that name the type before": `INFO notificationType: Bounce ${TEXT}`,
  "words behind": `${TEXT} took 3 ms`,
  "words around, with a time stamp": `2026-11-20T10:00:05.000Z INFO received ${TEXT} in 3 ms`,
  "words before an event over many lines": `INFO received ${make.pretty(BOUNCE)}`,
  "words before an event over many lines, with a time stamp": `2026-11-20T10:00:05.000Z\tid\tINFO\t${make.pretty(BOUNCE)}`,
  "Logs Insights, CLI": json({
    results: [
      [
        { field: "@timestamp", value: "x" },
        { field: "@message", value: TEXT },
        { field: "mail.messageId", value: "x" },
      ],
    ],
    status: "Complete",
  }),
  "Logs Insights, console": json([
    { "@timestamp": "x", "@message": BOUNCE, eventType: "Bounce", "mail.messageId": "x" },
  ]),
  "Logs Insights, console, texts": make.pretty([{ "@timestamp": "x", "@message": TEXT }]),
  "Logs Insights, CSV": `@timestamp,@message\n2026-11-20 10:00:05.000,${doubled(`${TEXT}\n`)}\n`,
  "Elasticsearch, a document": json({ _index: "ses", _source: BOUNCE }),
  "Elasticsearch, an answer": json({ took: 1, hits: { total: 1, hits: [{ _source: { message: TEXT } }] } }),
  Splunk: json({ sourcetype: "ses", event: BOUNCE }),
  Datadog: json({ content: { attributes: BOUNCE, service: "mail" } }),
  Loki: json({ streams: [{ stream: {}, values: [["1763632805", TEXT]] }] }),
  Sentry: json({ breadcrumbs: { values: [{ message: "received", data: { body: TEXT } }] } }),
  "a request": json({ headers: { "content-type": "text/plain" }, body: SNS }),
  "a request, its bytes": json({ headers: {}, body: Buffer.from(json(SNS)) }),
  "a request, its bytes as numbered members": json({ Payload: new Uint8Array(Buffer.from(TEXT)) }),
  "a request that was taken for a form": json({ body: { [json({ event: TEXT })]: "" } }),
  "a form": `payload=${encodeURIComponent(TEXT)}&x=1`,
  "a form in a form, in JSON": json({ body: `payload=${encodeURIComponent(encodeURIComponent(TEXT))}` }),
  "API Gateway": json({ requestContext: { stage: "v1" }, body: make.base64(json(SNS)), isBase64Encoded: true }),
  "a Lambda destination": json({
    version: "1.0",
    requestPayload: { Records: [make.lambdaSns(BOUNCE)] },
    responsePayload: null,
  }),
  "Step Functions": json({ executionArn: "arn", input: json({ detail: BOUNCE }), output: "{}" }),
  "Kafka Connect": json({ schema: { type: "struct" }, payload: SNS }),
  "Pub/Sub": json({ message: { data: make.base64(TEXT), attributes: { eventType: "Bounce" } }, subscription: "s" }),
  "SNS in SQS in SNS": json(make.sns(make.sqsMessage(SNS))),
  "EventBridge with a text as detail": json({ ...make.eventBridge(TEXT), "detail-type": "Email Bounced" }),
  "a wrapper that names the type": json({ eventType: "Bounce", event: BOUNCE }),
  "a wrapper with a type of its own": json({ eventType: "webhook.received", data: { object: SNS } }),
  "JSON in JSON in JSON": json(json(TEXT)),
  base64: make.base64(TEXT),
  "base64 in lines": json({ blob: make.base64(TEXT).replaceAll(/.{76}/g, "$&\r\n") }),
  "base64 in a path": `GET /hook/v1/${Buffer.from(TEXT).toString("base64url")}`,
  "base64 with escaped slashes, behind words": `data: ${json({ x: make.base64(`>>>???${TEXT}`) }).replaceAll("/", "\\/")}`,
  "hex, as PostgreSQL writes bytes": json({ payload: `\\x${Buffer.from(TEXT).toString("hex")}` }),
  "gzip in base64": json({ blob: gzipSync(json([SNS])).toString("base64") }),
  "zlib in base64": json({ blob: deflateSync(TEXT).toString("base64") }),
  "beside an empty list of records": json({ message: TEXT, events: [] }),
  "behind an empty list of records": json({ Records: [], extra: { body: BOUNCE } }),
  "in the second list of records": json({ Records: [], logEvents: [{ message: TEXT }] }),
  "below any number of brackets": `${"[".repeat(50)}${'{"a":'.repeat(500)}${TEXT}${"}".repeat(500)}${"]".repeat(50)}`,
  "as an object and as a text": json({ event: BOUNCE, raw: TEXT, original: { message: make.base64(TEXT) } }),
};

describe("a bounce is found once", () => {
  test.each(Object.entries(WRAPPERS))("in %s", async (_, dump) => {
    for (const size of [97, 1_000_000]) {
      expect((await read(dump, size)).filter((item) => !("ignored" in item))).toEqual([{ event: MEANING }]);
    }
  });

  test("each of several in one record, in order", async () => {
    const events = make.oneOfEach();
    const texts = events.map((event) => json(event));
    const expected = events.map((event) => readEvent(event));
    const dumps = [json({ batch: events }), json({ log: texts.join("\n") }), json({ a: texts, b: { c: texts } })];
    for (const dump of dumps) expect(eventsIn(await read(dump))).toEqual(expected);
  });

  test("rows of a query count as records, whatever is in them", async () => {
    const row = (value: string) => [
      { field: "@message", value },
      { field: "@ptr", value: "CmEK" },
    ];
    const results = [row(TEXT), row("START RequestId: 1"), row(TEXT.slice(0, 90)), row(json(SNS))];
    const dump = make.pretty({ results, status: "Complete", statistics: { recordsMatched: 4 } });
    expect(kinds(await read(dump, 777))).toEqual(["event", "ignored", "malformed", "event"]);
  });

  test("an answer of any size is read piece by piece", async () => {
    const hits = Array.from({ length: 5_000 }, (_, id) => ({ _source: make.bounce("Permanent", "General", { id }) }));
    const dump = json({ took: 3, hits: { total: 5_000, hits }, _shards: {} });
    expect(dump.length).toBeGreaterThan(4_194_304);
    expect(kinds(await read(dump, 65_536))).toEqual(hits.map(() => "event"));
  });
});

test("other JSON and other logs are ignored, whatever they look like", () => {
  const values = [
    { level: 30, msg: "hello", url: "/?q=%7B%22a%22%3A1%7D", id: "x".repeat(80), sum: make.base64("y".repeat(90)) },
    { eventType: "AwsApiCall", eventSource: "ses.amazonaws.com", requestParameters: { destination: {} } },
    { eventType: "invoice.paid", data: { amount: 3 } },
    { log: '{"a":{"b":1}} done' },
    { log: '{"a":{"b":1' },
    { log: "{{ name }} and ${name} and {" },
    { results: { a: 1 }, hits: 3 },
    { list: [[], {}, [[]], "", null, 0, "x"] },
  ];
  for (const value of values)
    expect({ value, kinds: kinds(unwrapAnywhere(value)) }).toEqual({ value, kinds: ["ignored"] });
});

describe("any wrapper", () => {
  const word = fc.stringMatching(/^[a-z]{1,12}$/);
  /** What stands beside the event: of many kinds, and never a piece of one. */
  const other = fc.oneof(fc.integer(), fc.boolean(), fc.constant(null), word, fc.array(word, { maxLength: 3 }));
  type Wrap = (inner: unknown) => unknown;
  const asText = (inner: unknown) => (typeof inner === "string" ? inner : json(inner));
  const wrap: fc.Arbitrary<Wrap> = fc.oneof(
    fc.tuple(word, fc.dictionary(word, other, { maxKeys: 3 })).map(([key, rest]): Wrap => (inner) => ({
      ...rest,
      [key]: inner,
    })),
    fc.tuple(word, fc.dictionary(word, other, { maxKeys: 3 })).map(([key, rest]): Wrap => (inner) => ({
      [key]: inner,
      [`${key}2`]: rest,
    })),
    fc.array(word, { maxLength: 2 }).map((rest): Wrap => (inner) => ({ list: [...rest, inner] })),
    fc.tuple(word, word).map(([before, behind]): Wrap => (inner) => ({ log: `${before}: ${asText(inner)} ${behind}` })),
    fc.constantFrom<Wrap[]>(
      (inner) => json(inner),
      (inner) => ({ Message: asText(inner), Type: "Notification" }),
      (inner) => ({ body: make.base64(asText(inner)), isBase64Encoded: true }),
      (inner) => ({ blob: gzipSync(asText(inner)).toString("base64") }),
      (inner) => ({ body: `payload=${encodeURIComponent(asText(inner))}` }),
      (inner) => ({ logEvents: [{ id: "1", message: asText(inner) }] }),
    ),
  );
  const events = make.oneOfEach();

  test("of up to six layers gives the event, and nothing else", async () => {
    const layers = fc.array(wrap, { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...events), layers, async (event, wraps) => {
        const value = wraps.reduce<unknown>((inner, outer) => outer(inner), event);
        const found = [...(await read(`${json(value)}\n`)), ...unwrapAnywhere(value)];
        expect(found.filter((item) => !("ignored" in item))).toEqual([
          { event: readEvent(event) },
          { event: readEvent(event) },
        ]);
      }),
      { numRuns: 1_000 },
    );
  });

  test("of any number of layers gives the event or a defect", async () => {
    const layers = fc.array(wrap, { minLength: 7, maxLength: 18 });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...events), layers, async (event, wraps) => {
        const value = wraps.reduce<unknown>((inner, outer) => outer(inner), event);
        const found = (await read(`${json(value)}\n`)).filter((item) => !("ignored" in item));
        expect(found).toHaveLength(1);
        expect([{ event: readEvent(event) }, { malformed: expect.any(String) as string }]).toContainEqual(found[0]);
      }),
      { numRuns: 300 },
    );
  });

  test("of a bounce that was cut off gives a defect", async () => {
    const layers = fc.array(wrap, { minLength: 1, maxLength: 5 });
    // Shorter pieces are not looked for in base64: ids and hashes are as long.
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 40, max: TEXT.length - 1 }), layers, async (at, wraps) => {
        const value = wraps.reduce<unknown>((inner, outer) => outer(inner), { text: TEXT.slice(0, at) });
        expect(kinds(unwrapAnywhere(value)).filter((kind) => kind !== "ignored")).toEqual(["malformed"]);
      }),
      { numRuns: 500 },
    );
  });
});

/** Of all of these only the end is awaited: one that takes more than time in proportion never comes. */
describe("what costs much", () => {
  const SIZE = 1_000_000;
  const times = (text: string) => text.repeat(SIZE / text.length);
  const traced = (text: string) => `${times(text)} eventType: Bounce`;
  const bomb = (bytes: number) => gzipSync(Buffer.alloc(bytes, "[")).toString("base64");

  test.each([
    ["opened arrays", () => ({ x: times("[") })],
    ["nested arrays", () => JSON.parse("[".repeat(SIZE / 2) + "]".repeat(SIZE / 2)) as unknown],
    ["nested objects", () => JSON.parse('{"a":'.repeat(SIZE / 6) + "1" + "}".repeat(SIZE / 6)) as unknown],
    ["members", () => Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`k${i}`, "a text of words"]))],
    ["base64 without end", () => ({ x: times("eyJ") })],
    ["a bomb within the limit", () => ({ x: bomb(16_000_000) })],
  ])("%s: ignored", (_, value) => {
    expect(kinds(unwrapAnywhere(value()))).toEqual(["ignored"]);
  });

  test.each([
    ["braces", () => ({ x: traced("{") })],
    ["braces with quotes", () => ({ x: traced('{"') })],
    ["braces with escaped quotes", () => ({ x: traced('{\\"') })],
    ["braces with doubled quotes", () => ({ x: traced('{""x') })],
    ["words in braces", () => ({ x: traced("{request} ") })],
    ["objects", () => ({ x: traced('{"a":1}') })],
    ["opened objects", () => ({ x: traced('{"a":') })],
    ["encoded braces", () => ({ x: traced("%7B&") })],
    ["types without end", () => ({ x: times('eventType":"Bounce ') })],
    ["bombs", () => ({ x: Array.from({ length: 20 }, () => bomb(17_000_000)) })],
    ["small bombs, many", () => ({ x: Array.from({ length: 100 }, () => bomb(1_000_000)) })],
    ["damaged bombs", () => ({ x: Array.from({ length: 50 }, () => bomb(8_000_000).slice(0, -12)) })],
  ])("%s: malformed", (_, value) => {
    expect(kinds(unwrapAnywhere(value()))).toEqual(["malformed"]);
  });

  test.each([
    ["arrays", "[".repeat(10_000_000)],
    ["objects", '{"a":'.repeat(2_000_000)],
    ["lists of records", '{"results":['.repeat(1_000_000)],
    ["what stands around records", `{"events":[],"x":"${"y".repeat(5_000_000)}"}`],
    ["objects printed by Python", "{'a': 1}".repeat(1_000_000)],
  ])("10 MB of %s are told once", async (_, text) => {
    expect(kinds(await read(text, 262_144))).toEqual(["malformed"]);
  });
});
