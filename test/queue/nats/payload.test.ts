/** The mails of the ancestors: read and written as they do, and every kind of poison. */
import { describe, expect, it, test } from "vitest";
import { encode } from "@msgpack/msgpack";
import { decodeMail, encodeMail } from "../../../src/queue/nats/payload.ts";
import fc from "../../support/properties.ts";

const MAIL = { uuid: "u-1", email: "ann@example.com", subject: "Hi", body: "<p>Grüße</p>" };
const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ""), "hex"));
const bytes = (...parts: (Uint8Array | number[])[]): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(Buffer.concat(parts.map((part) => Buffer.from(part))));
const text = (value: string) => encode(value);

describe("what rmp_serde::to_vec writes for a struct of four strings", () => {
  // MessagePack's specification: 9x is an array, a0 to bf a short text, d9, da and db a text with a length of 1, 2 and 4 bytes.
  const UUID = "018f4a3e-7b0c-7def-8a1b-1234567890ab";
  const sample = bytes(
    hex("94 d9 24"),
    Buffer.from(UUID),
    hex("af 61 6e 6e 40 65 78 61 6d 70 6c 65 2e 63 6f 6d a2 48 69 da 01 2c"),
    Buffer.from("x".repeat(300)),
  );
  const mail = { uuid: UUID, email: "ann@example.com", subject: "Hi", body: "x".repeat(300) };

  it("is what we write, byte for byte", () => {
    expect(encodeMail(mail)).toEqual(sample);
  });

  it("is read", () => {
    expect(decodeMail(sample)).toEqual(mail);
  });
});

describe("what is read", () => {
  it.each([
    ["a map in any order", encode({ body: MAIL.body, uuid: MAIL.uuid, subject: MAIL.subject, email: MAIL.email })],
    ["an array with a long head", bytes(hex("dc 00 04"), encodeMail(MAIL).subarray(1))],
    ["an array with the longest head", bytes(hex("dd 00 00 00 04"), encodeMail(MAIL).subarray(1))],
    ["a text with a longer head than it needs", bytes(hex("94 db 00 00 00 03"), encodeMail(MAIL).subarray(2))],
  ])("%s", (_name, sent) => {
    expect(decodeMail(sent)).toEqual(MAIL);
  });

  it("a mail of nearly ten megabytes, and one of exactly ten", () => {
    const body = "b".repeat(10 * 1024 * 1024 - encodeMail({ ...MAIL, body: "b".repeat(70_000) }).length + 70_000);
    const mail = { ...MAIL, body };
    expect(encodeMail(mail)).toHaveLength(10 * 1024 * 1024);
    expect(decodeMail(encodeMail(mail))).toEqual(mail);
  });

  it("an empty address and a byte order mark, as they are: others judge addresses", () => {
    const mail = { ...MAIL, email: "", subject: "\ufeffHi" };
    expect(decodeMail(encodeMail(mail))).toEqual(mail);
  });
});

const withPart = (index: number, part: Uint8Array): Uint8Array => {
  const parts: Uint8Array[] = [text("u-1"), text("ann@example.com"), text("Hi"), text("body")];
  parts[index] = part;
  return bytes([0x94], ...parts);
};

describe("poison", () => {
  it.each([
    ["nothing", new Uint8Array(), "it is empty"],
    ["JSON of an object", Buffer.from(JSON.stringify(MAIL)), "it is JSON"],
    ["JSON of an array", Buffer.from(JSON.stringify(["u", "a", "s", "b"])), "it is JSON"],
    ["a word", Buffer.from("hello"), "neither the array"],
    ["a byte that MessagePack never uses", hex("c1"), "neither the array"],
    ["nil", encode(null), "neither the array"],
    ["a number", encode(7), "neither the array"],
    ["a text", text("hello"), "neither the array"],
    ["an array of three", encode(["u", "a", "s"]), "got an array of 3"],
    ["an array of five", encode(["u", "a", "s", "b", "x"]), "got an array of 5"],
    ["an empty array", encode([]), "got an array of 0"],
    ["an array in an array", encode([["u", "a", "s", "b"]]), "got an array of 1"],
    ["a number for a uuid", withPart(0, encode(7)), "uuid is not a text"],
    ["nil for an address", withPart(1, encode(null)), "email is not a text"],
    ["bytes for a subject", withPart(2, encode(new Uint8Array([1, 2]))), "subject is not a text"],
    ["an array for a body", withPart(3, encode(["b"])), "body is not a text"],
    ["an unknown name", encode({ ...MAIL, delay: "1" }), 'the unknown name "delay"'],
    ["a long one", encode({ ...MAIL, ["가".repeat(500)]: "1" }), `the unknown name "${"가".repeat(60)}…"`],
    ["__proto__ for a name", bytes([0x84], text("__proto__"), text("x")), 'the unknown name "__proto__"'],
    ["a name twice", bytes([0x84], text("uuid"), text("a"), text("uuid"), text("b")), "the map has uuid twice"],
    ["a missing name", encode({ uuid: "u", email: "a", subject: "s" }), "the map has no body"],
    ["a number for a name", bytes([0x81, 1], text("a")), "name 1 of the map is not a text"],
    ["a number in a map", encode({ ...MAIL, body: 7 }), "body is not a text"],
    ["bytes behind it", bytes(encodeMail(MAIL), [0]), "there is 1 byte behind the mail"],
    ["two mails in one", bytes(encodeMail(MAIL), encodeMail(MAIL)), "there are 39 bytes behind the mail"],
    ["an end in the body", encodeMail(MAIL).subarray(0, -1), "body is cut off"],
    ["an end in a head", hex("94 d9"), "uuid is cut off"],
    ["an end between texts", encodeMail(MAIL).subarray(0, 5), "email is missing"],
    ["an end in the head of the array", hex("dc 00"), "got an array of no whole length"],
    ["a text of four gigabytes that is not there", hex("94 db ff ff ff ff 61"), "uuid is cut off"],
    ["an array of four thousand million", hex("dd ff ff ff ff"), "got an array of 4294967295"],
    ["bytes that are no UTF-8", withPart(2, hex("a2 c3 28")), "subject is not UTF-8"],
    ["half a character", withPart(3, hex("a1 c3")), "body is not UTF-8"],
    ["a surrogate in UTF-8", withPart(3, hex("a3 ed a0 80")), "body is not UTF-8"],
    ["a NUL", withPart(2, text("a\0b")), "subject has a NUL character"],
    ["an empty uuid", withPart(0, text("")), "uuid is empty"],
    ["an empty subject", withPart(2, text("")), "subject is empty"],
    ["an empty body", withPart(3, text("")), "body is empty"],
  ])("%s", (_name, sent, reason) => {
    const wrong = decodeMail(sent) as { wrong: string };
    expect(Object.keys(wrong)).toEqual(["wrong"]);
    expect(wrong.wrong).toContain(reason);
    expect(wrong.wrong).not.toMatch(/[\r\n]/);
  });

  it("more than ten megabytes", () => {
    expect(decodeMail(new Uint8Array(10 * 1024 * 1024 + 1))).toEqual({
      wrong: "it has 10485761 bytes; expected 10 MB at most",
    });
  });

  it("lists in one another, ten million deep, without the memory they would take", () => {
    const before = process.memoryUsage().rss;
    expect(decodeMail(new Uint8Array(10 * 1024 * 1024).fill(0x94))).toEqual({ wrong: "uuid is not a text" });
    expect(process.memoryUsage().rss - before).toBeLessThan(200 * 1024 * 1024);
  });
});

const part = fc
  .string({ unit: "binary", minLength: 1 })
  .filter((value) => !value.includes("\0") && value.isWellFormed());
const mails = fc.record({ uuid: part, email: part, subject: part, body: part });

test("whatever is written is read again, as an array and as a map", () => {
  fc.assert(
    fc.property(mails, (mail) => {
      expect(decodeMail(encodeMail(mail))).toEqual(mail);
      expect(decodeMail(encode(mail))).toEqual(mail);
    }),
  );
});

test("whatever comes, it is a mail or has a reason, and never both", () => {
  const anything = fc.oneof(fc.uint8Array({ maxLength: 60 }), mangled());
  fc.assert(
    fc.property(anything, (sent) => {
      const read = decodeMail(sent);
      expect(Object.keys(read)).toEqual("wrong" in read ? ["wrong"] : ["uuid", "email", "subject", "body"]);
    }),
  );
});

/** A mail with one byte changed, or cut off. */
function mangled() {
  return fc.tuple(mails, fc.nat(), fc.integer({ min: 0, max: 255 }), fc.boolean()).map(([mail, at, byte, isCut]) => {
    const sent = Uint8Array.from(encodeMail(mail));
    const place = at % sent.length;
    if (isCut) return sent.subarray(0, place);
    sent[place] = byte;
    return sent;
  });
}
