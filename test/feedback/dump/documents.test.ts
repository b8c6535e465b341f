import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import fc from "../../support/properties.ts";
import { describe, expect, test } from "vitest";
import * as make from "../events.ts";
import { documents, eventsIn, pieces, read, readDocuments } from "../read.ts";

const MIB = 1_048_576;
const good = (id: number) => JSON.stringify(make.delivery({ id }));
const ids = (...numbers: number[]) => numbers.map(make.sesId);
const idsIn = async (input: string | Buffer, size?: number) =>
  eventsIn(await read(input, size)).map((event) => event.sesMessageId);

describe("bad input", () => {
  test("random bytes and random brackets never throw, and every byte is passed once", async () => {
    const brackets = fc.string({ unit: fc.constantFrom(...Array.from('{}[]",:\\\n \r1a')), maxLength: 400 });
    const bytes = fc.uint8Array({ maxLength: 400 }).map((array) => Buffer.from(array));
    const text = fc.oneof(
      brackets.map((value) => Buffer.from(value)),
      bytes,
    );
    await fc.assert(
      fc.asyncProperty(text, fc.integer({ min: 1, max: 50 }), async (input, size) => {
        const found = await documents(input, size);
        // An array that is never closed is told at the end, with the place where it began.
        const records = found.filter((document) => !("malformed" in document && document.malformed.includes("closed")));
        const offsets = records.map(({ offset }) => offset);
        expect(offsets).toEqual([...new Set(offsets)].sort((a, b) => a - b));
      }),
      { numRuns: 2_000 },
    );
  });

  test("good records after any line of garbage are read", async () => {
    const garbage = fc.string({ unit: fc.constantFrom(...Array.from('{}[]",:\\ 1aé')), maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(garbage, fc.integer({ min: 1, max: 900 }), async (line, size) => {
        // Behind an opened array the rest is read as its elements; a container cannot come out of this alphabet.
        const found = await idsIn(`${good(1)}\n${line}\n${good(2)}\n${good(3)}\n`, size);
        expect(found).toEqual(ids(1, 2, 3));
      }),
      { numRuns: 1_000 },
    );
  });

  test.each([
    ["a line of text", "hello"],
    ["a closing bracket", "}"],
    ["half an event", good(9).slice(0, 300)],
    ["an event without its end", good(9).slice(0, -1)],
    ["a number", "42"],
    ["null", "null"],
    ["two values", "1 2"],
    ["text in brackets", "[info] started"],
    ["a record with a line end in a string", '{"eventType": "Se\nnd"}'],
    ["NUL and control characters", '{"eventType":"Se\u0000nd\u0001"}'],
  ])("%s is told and does not stop the next", async (_, text) => {
    const found = await read(`${good(1)}\n${text}\n${good(2)}\n`);
    expect(eventsIn(found).map((event) => event.sesMessageId)).toEqual(ids(1, 2));
    const told = found.filter((item) => "malformed" in item);
    expect(told.length).toBeGreaterThanOrEqual(1);
    expect(told.length).toBeLessThanOrEqual(text.split("\n").length);
  });

  test("garbage before and behind events in one line", async () => {
    expect(await idsIn(`xx${good(1)}yy${good(2)}\n${good(3)}zz\n${good(4)}`)).toEqual(ids(1, 2, 3, 4));
  });

  test("an array that never ends is told once, behind its elements", async () => {
    const found = await documents(`[${good(1)},\n${good(2)},`);
    expect(found.map((document) => "malformed" in document)).toEqual([false, false, true]);
    expect(found[2]).toEqual({ malformed: "the input ends before this is closed", text: "[", line: 1, offset: 0 });
  });

  test("a container whose end is missing is told once, behind its elements", async () => {
    const text = `{"Messages": [${JSON.stringify(make.sqsMessage(make.delivery()))}], "Next`;
    const found = await documents(text);
    expect(found.map((document) => "malformed" in document)).toEqual([false, true]);
  });

  test("errors of the input itself are passed on", async () => {
    const failing = Readable.from(
      (async function* () {
        yield Buffer.from(`${good(1)}\n`);
        throw new Error("disk on fire");
      })(),
    );
    await expect(async () => {
      for await (const _ of readDocuments(failing));
    }).rejects.toThrow("disk on fire");
  });

  test("who stops reading early closes the input", async () => {
    const input = Readable.from(pieces(gzipSync(`${good(1)}\n`.repeat(2_000)), 100));
    for await (const _ of readDocuments(input)) break;
    expect(input.destroyed).toBe(true);
  });
});

describe("position", () => {
  test("line and byte of each record, whatever it is", async () => {
    const records = [good(1), make.pretty(make.delivery({ id: 2 })), "not 안녕 JSON", '{"broken":', good(3)];
    const text = `\n${records.join("\n")}\n[${good(4)},\n ${good(5)}]${good(6)}`;
    const bytes = Buffer.from(text);
    for (const size of [7, 100, 100_000]) {
      const found = await documents(text, size);
      expect(found.map((document) => document.text)).toEqual([...records, good(4), good(5), good(6)]);
      for (const { text: record, line, offset } of found) {
        const at = bytes.indexOf(record);
        expect(offset).toBe(at);
        expect(line).toBe(bytes.toString("utf8", 0, at).split("\n").length);
      }
    }
  });

  test("of a packed input it is the one in the text", async () => {
    const [, second] = await documents(gzipSync(`${good(1)}\n\n${good(2)}\n`));
    expect(second).toMatchObject({ line: 3, offset: Buffer.byteLength(good(1)) + 2 });
  });
});

describe("what stands around records", () => {
  const around = { note: "x".repeat(80), next: null };

  test("comes behind them, as a document of its own", async () => {
    const text = `\n${JSON.stringify({ before: 1, Messages: [{ a: 1 }, { a: 2 }], ...around })}\n${good(1)}`;
    for (const size of [7, 100_000]) {
      const found = await documents(text, size);
      expect(found).toMatchObject([
        { value: { a: 1 } },
        { value: { a: 2 } },
        { value: { before: 1, Messages: [], ...around }, line: 2, offset: 1 },
        { line: 3 },
      ]);
    }
  });

  test("a few characters do not", async () => {
    expect(await documents('{"Messages": [{"a":1}], "next": null}')).toHaveLength(1);
  });

  test("is malformed when it is too large", async () => {
    const found = await documents(`{"events":[{"a":1}],"x":"${"y".repeat(5 * MIB)}"}\n${good(1)}`, 65_536);
    expect(found).toMatchObject([
      { value: { a: 1 } },
      { malformed: "larger than 4,194,304 bytes", text: '{"events":[', line: 1, offset: 0 },
      { line: 2 },
    ]);
  });

  test("words in the line of a record are none, unless they speak of an event", async () => {
    expect(await documents(`${good(1)} took 3 ms\n`)).toHaveLength(1);
    expect(await documents(`${good(1)} and notificationType: Bounce\n`)).toHaveLength(2);
    expect(await documents(`${good(1)} "x": 1}\n`)).toHaveLength(2);
  });
});

describe("gzip", () => {
  const text = Array.from({ length: 40 }, (_, index) => good(index)).join("\n");
  const packed = gzipSync(text);
  /** What cannot be packed small, so that 16 KB of it hold few records. */
  const noise = Array.from({ length: 300 }, (_, id) => {
    return JSON.stringify({ ...make.delivery({ id }), noise: randomBytes(400).toString("base64") });
  });

  test("cut off anywhere it gives what can be unpacked, and one malformed record", async () => {
    const whole = await idsIn(text);
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 3, max: packed.length - 1 }),
        fc.integer({ min: 10, max: 2_000 }),
        async (at, size) => {
          const found = await read(packed.subarray(0, at), size);
          const events = eventsIn(found).map((event) => event.sesMessageId);
          expect(events).toEqual(whole.slice(0, events.length));
          expect(found.slice(events.length)).toEqual([{ malformed: "the gzip data is cut off" }]);
          // The checksum is 8 bytes: before it all the text is there.
          expect(events.length).toBeGreaterThanOrEqual(at >= packed.length - 8 ? whole.length : 0);
        },
      ),
      { numRuns: 100 },
    );
  });

  test("a cut costs no more than the block it is in", async () => {
    const large = gzipSync(noise.join("\n"));
    const found = await idsIn(large.subarray(0, large.length / 2));
    expect(found.length).toBeGreaterThan(90);
  });

  test("damaged inside: what was good before is kept, and the reason told", async () => {
    const damaged = Buffer.concat([gzipSync(noise.join("\n")), Buffer.from("this is not gzip")]);
    const found = await read(damaged);
    expect(eventsIn(found).length).toBeGreaterThan(280);
    expect(found.at(-1)).toEqual({ malformed: expect.stringMatching(/^the gzip data is damaged \(.+\)$/) });
  });

  test("members of any size, one behind the other, in pieces that end where members end", async () => {
    const members = [good(1), "\n", "", good(2), `\n${good(3)}`].map((part) => gzipSync(part));
    const inMembers = Readable.from(members) as AsyncIterable<Buffer>;
    const found: unknown[] = [];
    for await (const document of readDocuments(inMembers)) found.push(document);
    expect(found).toHaveLength(3);
    expect(await idsIn(Buffer.concat(members), 1)).toEqual(ids(1, 2, 3));
  });

  test("gzip inside gzip without end", async () => {
    let nested = gzipSync(good(1));
    for (let layer = 0; layer < 3; layer++) nested = gzipSync(nested);
    expect(await read(nested)).toEqual([{ malformed: "gzip inside gzip, more than 3 times" }]);
  });

  test("a bomb is unpacked piece by piece", async () => {
    const bomb = gzipSync(gzipSync(Buffer.alloc(30 * MIB, " ")));
    expect(await documents(bomb)).toEqual([]);
  });
});

test.each([
  ["a Parquet file", "50415231"],
  ["a zip file", "504b0304"],
  ["a Zstandard file", "28b52ffd"],
  ["an SQLite file", "53514c69746520666f726d6174203300"],
])("%s is one malformed record, not one for each of its lines", async (name, magic) => {
  const bytes = Buffer.concat([Buffer.from(magic, "hex"), Buffer.from("\n{\n}\n\n".repeat(20))]);
  expect(await documents(bytes)).toEqual([
    { malformed: `${name}: event dumps are read as text or gzip`, text: "", line: 1, offset: 0 },
  ]);
});

describe("large records", () => {
  const large = (bytes: number) => JSON.stringify({ ...make.delivery({ id: 7 }), padding: "x".repeat(bytes) });

  test("up to 4 MiB are read", async () => {
    expect(await idsIn(`${large(4 * MIB - 2_000)}\n${good(2)}`, 65_536)).toEqual(ids(7, 2));
  });

  const TOO_LARGE = "larger than 4,194,304 bytes";

  test.each([
    ["in a line", large(5 * MIB)],
    ["printed pretty", make.pretty(JSON.parse(large(5 * MIB)))],
    ["that are not JSON", "x".repeat(5 * MIB)],
  ])("beyond that they are malformed and cost nothing else, %s", async (_, text) => {
    for (const size of [65_536, 8 * MIB]) {
      const found = await documents(`${good(1)}\n${text}\n${good(2)}\n`, size);
      expect(found.map((document) => "malformed" in document && document.malformed)).toEqual([false, TOO_LARGE, false]);
      expect(found[1]?.text).toBe(Buffer.from(text).toString("utf8", 0, 65_536));
      expect(found[1]?.line).toBe(2);
      expect(found[2]?.line).toBe(2 + text.split("\n").length);
    }
  });

  test("in an array they cost themselves", async () => {
    const found = await documents(`[${good(1)},${large(9 * MIB)},${good(2)}]\n${good(3)}`, 65_536);
    expect(found.map((document) => "malformed" in document && document.malformed)).toEqual([
      false,
      TOO_LARGE,
      false,
      false,
    ]);
  });

  test("broken ones are kept whole up to 1 MiB", async () => {
    const broken = large(MIB / 2).slice(0, -5);
    const found = await documents(`${broken}\n${good(2)}`, 65_536);
    expect(found[0]).toMatchObject({ malformed: "not JSON", text: broken });
  });

  test("an array or container of any size is never held", async () => {
    const message = JSON.stringify(make.sqsMessage(make.sns(make.delivery())));
    const count = 3_000;
    const text = `{"Messages":[${Array(count).fill(message).join(",")}]}\n${good(1)}`;
    expect(text.length).toBeGreaterThan(4 * MIB);
    expect(await idsIn(text, 65_536)).toHaveLength(count + 1);
  });

  test("brackets nested without end", async () => {
    for (const nested of ["[".repeat(100_000), '{"a":'.repeat(100_000), `${"[".repeat(9_000)}${"]".repeat(9_000)}`]) {
      expect(await idsIn(`${nested}\n${good(1)}\n`, 10_000)).toEqual(ids(1));
    }
  });
});
