import { encode } from "@msgpack/msgpack";
import { describe, expect, it } from "vitest";
import { fitLetter, letterBatches, letterNames, MOST_REASON } from "../../src/store/dead-letters.ts";
import type { NewDeadLetter } from "../../src/store/rows.ts";

const letter = (given: Partial<NewDeadLetter> = {}): NewDeadLetter => ({
  source: "nats",
  origin: "messages#1",
  reason: "no",
  body: Buffer.alloc(0),
  extras: null,
  ...given,
});

const ADDRESS = "ann@x.example";
const isNamed = (body: string | Uint8Array, address = ADDRESS, extras: string | null = null) =>
  letterNames(address)(letter({ body: typeof body === "string" ? Buffer.from(body) : body, extras }));

describe("a letter does not name", () => {
  it.each([
    ["nobody", ""],
    ["a longer local part", "joann@x.example"],
    ["another one with a tag", "jo+ann@x.example"],
    ["a longer domain", "ann@x.example.org"],
    ["a longer end", "ann@x.examples"],
    ["another domain", "ann@y.example"],
    ["a longer one in JSON", String.raw`{"to":"jo\u0061nn@x.example"}`],
  ])("%s", (_, body) => {
    expect(isNamed(body)).toBe(false);
  });

  it("those whose addresses end or begin like this one in MessagePack", () => {
    expect(isNamed(encode(["u-1", "joann@x.example", "Hello", "<p>"]))).toBe(false);
    expect(isNamed(encode(["u-1", "ann@x.example.org", "Hello", "<p>"]))).toBe(false);
    expect(isNamed(encode(["u-1", `jo.${"a".repeat(40)}ann@x.example`, "Hello", "<p>"]))).toBe(false);
  });
});

describe("a letter names", () => {
  it.each([
    ["an address alone", "ann@x.example"],
    ["in capitals", "ANN@X.EXAMPLE"],
    ["in a header", "To: Ann <ann@x.example>, Bob <bob@x.example>"],
    ["at the end of a sentence", "Write to ann@x.example."],
    ["in JSON", String.raw`{"to":"ann@x.example"}`],
    ["in JSON in JSON", String.raw`{"data":"{\"to\":\"ann@x.example\"}"}`],
    ["escaped in JSON", String.raw`{"to":"\u0061NN\u0040x.example"}`],
    ["after one that is longer", "joann@x.example ann@x.example"],
  ])("%s", (_, body) => {
    expect(isNamed(body)).toBe(true);
  });

  it("addresses of every length in MessagePack, whatever the head of the text looks like", () => {
    for (let length = 1; length < 300; length++) {
      const address = `${"a".repeat(length)}@x.example`;
      expect(isNamed(encode(["u-1", address, "Hello", "<p>"]), address), `${length} characters`).toBe(true);
    }
    expect(isNamed(encode([`${ADDRESS}${" ".repeat(70_000)}`]))).toBe(true);
    expect(isNamed(encode([`${ADDRESS}${" ".repeat(0x61_62 - ADDRESS.length)}`]))).toBe(true);
  });

  it("a domain in either form", () => {
    const address = "jürgen@xn--bcher-kva.example";
    expect(isNamed("an JÜRGEN@bücher.example", address)).toBe(true);
    expect(isNamed("an jürgen@xn--bcher-kva.example", address)).toBe(true);
    expect(isNamed(String.raw`{"to":"j\u00fcrgen@b\u00FCcher.example"}`, address)).toBe(true);
  });

  it("in its extras, as they are and in base64url", () => {
    expect(isNamed("", ADDRESS, `reply-to ${ADDRESS}`)).toBe(true);
    expect(isNamed("", ADDRESS, Buffer.from(`{"reply_to":"${ADDRESS}"}`).toString("base64url"))).toBe(true);
    expect(isNamed("", ADDRESS, "e30")).toBe(false);
  });
});

describe("what is kept", () => {
  it("has its bytes, also when they are a part of a larger buffer", () => {
    const { body } = fitLetter(letter({ body: new Uint8Array([1, 2, 3, 4]).subarray(1, 3) }));
    expect([...body]).toEqual([2, 3]);
  });

  it("has texts with an end, without what no column takes", () => {
    const fit = fitLetter(letter({ origin: "o".repeat(9_000), reason: `${"r".repeat(998)}𝄞𝄞𝄞`, extras: "\0\udc00" }));
    expect(fit.origin.length).toBeLessThanOrEqual(500);
    expect(Array.from(fit.reason)).toHaveLength(MOST_REASON);
    expect(fit.reason.isWellFormed()).toBe(true);
    expect(fit.extras).toBe("\ufffd\ufffd");
  });
});

it("letters go in batches that are small, each of them once and in order", () => {
  const large = { body: Buffer.alloc(5_000_000) };
  const some = Array.from({ length: 450 }, () => ({ body: Buffer.alloc(1) }));
  const all = [large, ...some, large, large];
  const batches = letterBatches(all);
  expect(batches.map(({ length }) => length)).toEqual([1, 200, 200, 50, 1, 1]);
  expect(batches.flat()).toEqual(all);
  expect(letterBatches([])).toEqual([]);
});
