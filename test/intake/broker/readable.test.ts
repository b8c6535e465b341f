/** What people see of a body that could not be taken in. */
import { encode } from "@msgpack/msgpack";
import { describe, expect, test } from "vitest";
import { readableBody } from "../../../src/intake/broker/readable.ts";
import fc from "../../support/properties.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);
const nats = (body: Uint8Array) => readableBody({ source: "nats", body });
const redis = (text: string) => readableBody({ source: "redis", body: bytesOf(text) });

describe("a body of NATS", () => {
  test("is taken apart as MessagePack, with the names of a mail", async () => {
    expect(await nats(encode(["id-1", "nobody", "Hello", "<p>\u202e가</p>"]))).toEqual({
      format: "MessagePack",
      fields: [
        { name: "uuid", text: "id-1" },
        { name: "email", text: "nobody" },
        { name: "subject", text: "Hello" },
        { name: "body", text: "<p>\u202e가</p>" },
      ],
      isCut: false,
    });
  });

  test("shows maps, other arrays, and values that are no texts", async () => {
    expect((await nats(encode({ uuid: "x", priority: 3, more: { a: [new Uint8Array([1, 2])] } }))).fields).toEqual([
      { name: "uuid", text: "x" },
      { name: "priority", text: "3" },
      { name: "more", text: '{\n  "a": [\n    "AQI="\n  ]\n}' },
    ]);
    expect((await nats(encode(["x", null]))).fields).toEqual([
      { name: "0", text: "x" },
      { name: "1", text: "null" },
    ]);
  });

  test("shows whole numbers of 64 bits as they are", async () => {
    const packed = encode([2n ** 53n + 1n, { id: 2n ** 53n + 1n, n: 7n }], { useBigInt64: true });
    expect((await nats(packed)).fields.map(({ text }) => text)).toEqual([
      "9007199254740993",
      '{\n  "id": "9007199254740993",\n  "n": 7\n}',
    ]);
  });

  test("may be JSON or any text", async () => {
    expect(await nats(bytesOf('{"uuid":"x"}'))).toMatchObject({
      format: "JSON",
      fields: [{ name: "uuid", text: "x" }],
    });
    expect(await nats(bytesOf("hello"))).toEqual({
      format: "text",
      fields: [{ name: "", text: "hello" }],
      isCut: false,
    });
    expect(await nats(bytesOf(""))).toEqual({ format: "text", fields: [{ name: "", text: "" }], isCut: false });
  });
});

test("a long field leaves the others their share", async () => {
  const found = await nats(encode(["x".repeat(100_000), "ann@example.com", "Hello", "y".repeat(60_000)]));
  expect(found.isCut).toBe(true);
  expect(found.fields.map(({ text }) => text.length)).toEqual([49_991, 15, 5, 49_991]);
  expect(found.fields[0]?.text.endsWith("x…")).toBe(true);
  const one = await nats(encode(["x", "y", "z".repeat(99_998)]));
  expect(one).toMatchObject({ isCut: false });
});

test("a job of Redis is shown field by field", async () => {
  const job = { id: "j1", to: "a@example.com", templateData: { name: "Ann" }, delay: 5 };
  expect(await redis(JSON.stringify(job))).toEqual({
    format: "JSON",
    fields: [
      { name: "id", text: "j1" },
      { name: "to", text: "a@example.com" },
      { name: "templateData", text: '{\n  "name": "Ann"\n}' },
      { name: "delay", text: "5" },
    ],
    isCut: false,
  });
});

test("a job with a number that would be rounded is shown as it came", async () => {
  const text = '{"id":"j1","templateData":{"issueId":9007199254740993}}';
  expect(await redis(text)).toEqual({ format: "text", fields: [{ name: "", text }], isCut: false });
});

test("bytes that are no text are listed, the first 4,096 of them", async () => {
  const { format, fields, isCut } = await nats(new Uint8Array([0xff, 0x41, 0x0a, ...new Uint8Array(14)]));
  expect({ format, isCut }).toEqual({ format: "bytes", isCut: false });
  expect(fields).toEqual([
    { name: "", text: expect.stringMatching(/^000000 {2}ff 41 0a 00 .* {2}\.A\.{14}\n000010 {2}00 {47}\.$/) },
  ]);
  const long = await nats(new Uint8Array(1_000_000).fill(0xff));
  expect(long.isCut).toBe(true);
  expect(long.fields[0]?.text.split("\n")).toHaveLength(256);
});

describe("a body of 10 MB", () => {
  const total = ({ fields }: Awaited<ReturnType<typeof readableBody>>) =>
    fields.reduce((sum, { name, text }) => sum + name.length + text.length, 0);

  test.each<[string, Uint8Array]>([
    ["one text", encode(["u", "e", "s", "x".repeat(10_000_000)])],
    ["many fields", bytesOf(`{${Array.from({ length: 900_000 }, (_, index) => `"k${index}":1`).join()}}`)],
    ["many items", bytesOf(`[${"1,".repeat(4_999_998)}1]`)],
    ["long names", bytesOf(`{"${"x".repeat(9_999_000)}":1}`)],
    ["arrays in arrays", bytesOf("[".repeat(5_000_000) + "]".repeat(5_000_000))],
    ["arrays in arrays in a field", bytesOf(`{"a":${"[".repeat(4_999_990)}${"]".repeat(4_999_990)}}`)],
    ["packed arrays in arrays", Buffer.alloc(10_000_000, 0x91)],
    ["no text", Buffer.alloc(10_000_000, 0xfe)],
  ])("of %s is cut", async (_name, body) => {
    const seen = await nats(body);
    expect(total(seen)).toBeLessThan(150_000);
    expect(seen.fields.length).toBeLessThanOrEqual(100);
  });

  test("says that it is cut", async () => {
    const seen = await nats(encode(["u", "e", "s", "x".repeat(10_000_000)]));
    expect(seen.isCut).toBe(true);
    expect(seen.fields.map(({ text }) => text.length)).toEqual([1, 1, 1, 99_998]);
  });
});

test("whatever came, something is shown", async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom("nats", "redis", "results"), fc.uint8Array(), async (source, body) => {
      const { fields } = await readableBody({ source, body });
      expect(fields.every(({ text }) => typeof text === "string")).toBe(true);
    }),
  );
});
