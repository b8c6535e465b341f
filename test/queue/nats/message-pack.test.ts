/** MessagePack of any shape, also of those who want to use up our memory. */
import { encode } from "@msgpack/msgpack";
import { expect, test } from "vitest";
import { messagePackValue } from "../../../src/queue/nats/message-pack.ts";
import fc from "../../support/properties.ts";

const values = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.string({ unit: "grapheme", maxLength: 300 }),
    fc.integer(),
    fc.double({ noNaN: true, noInteger: true }),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 400 }),
    fc.date({ min: new Date(0), max: new Date("2200-01-01"), noInvalidDate: true }),
    fc.array(tie("value"), { maxLength: 20 }),
    fc.dictionary(
      fc.string().filter((key) => key !== "__proto__"),
      tie("value"),
      { maxKeys: 20, noNullPrototype: true },
    ),
  ),
})).value;

test("what was packed is unpacked", () => {
  fc.assert(
    fc.property(values, (value) => {
      expect(messagePackValue(encode(value))).toEqual({ value });
    }),
  );
});

test("a whole number of 64 bits is not rounded", () => {
  const value = [2n ** 53n + 1n, -(2n ** 63n)];
  expect(messagePackValue(encode(value, { useBigInt64: true }))).toEqual({ value });
});

test("any bytes have an answer, and a value more or less is none", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const found = messagePackValue(bytes);
      expect(found === null || "value" in found).toBe(true);
    }),
  );
  const mail = encode(["u", "a@example.com", "s", "b".repeat(70_000)]);
  expect(messagePackValue(mail)).toEqual({ value: ["u", "a@example.com", "s", "b".repeat(70_000)] });
  expect(messagePackValue(new Uint8Array([...mail.subarray(0, 100), ...mail]))).toBeNull();
  expect(messagePackValue(mail.subarray(0, -1))).toBeNull();
  expect(messagePackValue(new Uint8Array([...mail, 0xc0]))).toBeNull();
  expect(messagePackValue(new Uint8Array())).toBeNull();
});

test.each<[string, number[]]>([
  ["arrays in arrays", [0x91]],
  ["arrays that announce 65,535 values", [0xdc, 0xff, 0xff]],
  ["arrays that announce four billion", [0xdd, 0xff, 0xff, 0xff, 0xff]],
  ["maps in maps", [0x81, 0xa1, 0x78]],
  ["numbers", [0x01]],
])("10 MB of %s are refused without making room for them", (_name, unit) => {
  const bytes = Buffer.alloc(10_000_000, Buffer.from(unit));
  const before = process.memoryUsage().heapUsed;
  expect(messagePackValue(bytes)).toBeNull();
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(20_000_000);
});
