import { describe, expect, it } from "vitest";
import { isObject, jsonObject, utf8Text, withoutMark } from "../src/json.ts";

const bytes = (text: string) => Buffer.from(text);

describe("a text in bytes", () => {
  it("is read as it is, with its byte order mark", () => {
    expect(utf8Text(bytes("\uFEFFGrüße 👋"))).toBe("\uFEFFGrüße 👋");
    expect(utf8Text(new Uint8Array())).toBe("");
  });

  it("is none when the bytes are not UTF-8: cut off, too long, half a pair", () => {
    for (const wrong of [[0xc3], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xff]])
      expect(utf8Text(Uint8Array.from(wrong))).toBeNull();
  });

  it("loses only a mark at its beginning", () => {
    expect(withoutMark("\uFEFFa\uFEFF")).toBe("a\uFEFF");
  });
});

describe("a JSON object in bytes", () => {
  it("is read with and without a byte order mark", () => {
    expect(jsonObject(bytes('{"a": [1]}'))).toEqual({ a: [1] });
    expect(jsonObject(bytes('\uFEFF{"a": null}'))).toEqual({ a: null });
  });

  it("is none when it is anything else, or no JSON at all", () => {
    for (const text of ["null", "[]", '"{}"', "7", "{", "", "{} {}"]) expect(jsonObject(bytes(text))).toBeNull();
    expect(jsonObject(Buffer.concat([bytes('{"a":"'), Buffer.of(0xff), bytes('"}')]))).toBeNull();
  });

  it("is told from null and lists", () => {
    expect([{}, null, [], "x"].map(isObject)).toEqual([true, false, false, false]);
  });
});
