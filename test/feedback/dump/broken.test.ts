import fc from "../../support/properties.ts";
import { describe, expect, test } from "vitest";
import * as make from "../events.ts";
import { eventsIn, kinds, read } from "../read.ts";

/** What a cut leaves behind can look like anything: found once and for all, not now and then in somebody's build. */
const FIXED = { seed: 20260302 };

const EVENTS = make.oneOfEach().slice(0, 6);
const BROKEN_AT = 2;
const IDS = EVENTS.map((_, index) => make.sesId(index + 1));
const OTHERS = IDS.filter((_, index) => index !== BROKEN_AT);

/** Records that stand one behind the other, joined; the third is spoilt. */
interface Layout {
  record: (event: unknown) => string;
  join: (records: string[]) => string;
}

const lines = (records: string[]) => `${records.join("\n")}\n`;
const indented = (record: unknown, by: string) => JSON.stringify(record, null, 4).replaceAll("\n", `\n${by}`);
const message = (event: unknown) => make.sqsMessage(make.sns(event));

const LAYOUTS: Record<string, Layout> = {
  "NDJSON of events": { record: (event) => JSON.stringify(event), join: lines },
  "NDJSON of SNS": { record: (event) => JSON.stringify(make.sns(event)), join: lines },
  "NDJSON of EventBridge": { record: (event) => JSON.stringify(make.eventBridge(event)), join: lines },
  "NDJSON with CRLF": { record: (event) => JSON.stringify(event), join: (records) => records.join("\r\n") },
  "pretty documents": { record: make.pretty, join: lines },
  "events without delimiters": { record: (event) => JSON.stringify(event), join: (records) => records.join("") },
  "SNS without delimiters": { record: (event) => JSON.stringify(make.sns(event)), join: (records) => records.join("") },
  "compact array": { record: (event) => JSON.stringify(event), join: (records) => `[${records.join(",")}]` },
  "array, one element per line": {
    record: (event) => JSON.stringify(make.sns(event)),
    join: (records) => `[\n${records.join(",\n")}\n]\n`,
  },
  "pretty array": {
    record: (event) => indented(event, "    "),
    join: (records) => `[\n    ${records.join(",\n    ")}\n]\n`,
  },
  "pretty SQS dump": {
    record: (event) => indented(message(event), "        "),
    join: (records) => `{\n    "Messages": [\n        ${records.join(",\n        ")}\n    ]\n}\n`,
  },
  "compact SQS dump": {
    record: (event) => JSON.stringify(message(event)),
    join: (records) => `{"Messages":[${records.join(",")}]}\n`,
  },
  "compact Lambda records": {
    record: (event) => JSON.stringify(make.lambdaSns(event)),
    join: (records) => `{"Records":[${records.join(",")}]}\n`,
  },
  "log export": { record: (event) => `2026-03-02T09:00:01.000Z ${JSON.stringify(event)}`, join: lines },
};

/** Layouts in which a record ends with its line: what is lost and what is told can be exact. */
const ONE_PER_LINE = /NDJSON|per line|export/;

function spoilt({ record, join }: Layout, spoil: (text: string) => string): string {
  return join(EVENTS.map((event, index) => (index === BROKEN_AT ? spoil(record(event)) : record(event))));
}

describe.each(Object.entries(LAYOUTS))("%s", (name, layout) => {
  const length = layout.record(EVENTS[BROKEN_AT]).length;

  test("a record cut off anywhere costs itself only", async () => {
    const cutAt = fc.integer({ min: 1, max: length - 1 });
    await fc.assert(
      fc.asyncProperty(cutAt, fc.integer({ min: 100, max: 9_000 }), async (at, size) => {
        const found = await read(
          spoilt(layout, (text) => text.slice(0, at)),
          size,
        );
        const ids = eventsIn(found).map((event) => event.sesMessageId);
        expect(ids.filter((id) => OTHERS.includes(id))).toEqual(OTHERS);
        // A piece too short to be known as JSON may be taken for words of a log.
        const malformed = kinds(found).filter((kind) => kind === "malformed").length;
        expect(malformed).toBeGreaterThanOrEqual(at > 30 ? 1 : 0);
        expect(malformed).toBeLessThanOrEqual(ONE_PER_LINE.test(name) ? 1 : Infinity);
      }),
      { ...FIXED, numRuns: 200 },
    );
  });

  test("a record with a piece missing inside costs itself only", async () => {
    const from = fc.integer({ min: 1, max: length - 2 });
    await fc.assert(
      fc.asyncProperty(from, fc.integer({ min: 1, max: 60 }), async (at, missing) => {
        const found = await read(spoilt(layout, (text) => text.slice(0, at) + text.slice(at + missing)));
        const ids = eventsIn(found).map((event) => event.sesMessageId);
        expect(ids.filter((id) => OTHERS.includes(id))).toEqual(OTHERS);
      }),
      { ...FIXED, numRuns: 200 },
    );
  });

  test.each(["{", '{"a":', '{"a":[', '{"a":[{', '{"a":"', '{"a":{"b":1', "{oops}", '{"a":tru}', '{"a":"\\x"}'])(
    "%s in place of a record",
    async (text) => {
      const found = await read(
        spoilt(layout, (record) => (record.startsWith("2026") ? record.slice(0, 25) : "") + text),
      );
      expect(eventsIn(found).map((event) => event.sesMessageId)).toEqual(OTHERS);
      expect(kinds(found)).toContain("malformed");
    },
  );

  test("a dump cut off anywhere gives what was whole", async () => {
    const text = layout.join(EVENTS.map(layout.record));
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: text.length }), async (at) => {
        const whole = EVENTS.filter((event) => text.slice(0, at).includes(layout.record(event)));
        const found = eventsIn(await read(text.slice(0, at))).map((event) => event.sesMessageId);
        expect(found.slice(0, whole.length)).toEqual(IDS.slice(0, whole.length));
        expect(found.length).toBeLessThanOrEqual(whole.length + 1);
      }),
      { ...FIXED, numRuns: 100 },
    );
  });
});

test("an element that seems to end early does not hide the next one", async () => {
  // Without one backslash the last string and its object close in the middle of the Body, and `"},{"` looks like a string.
  const records = EVENTS.map((event) => JSON.stringify(message(event)));
  const spoiltOne = records.map((text, index) => (index === BROKEN_AT ? text.replace(/\\"\}"\}$/, '"}"}') : text));
  expect(spoiltOne[BROKEN_AT]).not.toBe(records[BROKEN_AT]);
  const ids = eventsIn(await read(`{"Messages":[${spoiltOne.join(",")}]}`)).map((event) => event.sesMessageId);
  expect(ids.filter((id) => OTHERS.includes(id))).toEqual(OTHERS);
});

test.each(["pretty documents", "pretty array", "pretty SQS dump"])(
  "%s: a broken record over many lines is told once, and nothing inside it is taken for a record",
  async (name) => {
    const layout = LAYOUTS[name] as Layout;
    // Broken in its first line behind the bracket: all that is nested in it follows.
    const found = await read(spoilt(layout, (text) => text.replace('": ', '" oops ')));
    expect(kinds(found)).toEqual(["event", "event", "malformed", "event", "event", "event"]);
  },
);
