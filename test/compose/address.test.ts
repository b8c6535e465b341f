import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatMailbox, parseAddress, parseMailbox } from "../../src/compose/address.ts";

describe("parseAddress refuses", () => {
  test.each([
    ["", /no address/],
    ["   ", /no address/],
    ["ann", /no @/],
    ["@x.com", /before the @/],
    ["ann@", /after the @/],
    ["a@b@x.com", /more than one @/],
    ["Ann <ann@x.com>", /bare address/],
    ["<ann@x.com>", /bare address/],
    ["ann@x", /no dot/],
    ["ann@localhost", /no dot/],
    [".ann@x.com", /dot/],
    ["ann.@x.com", /dot/],
    ["a..n@x.com", /dot/],
    ["an n@x.com", /space/],
    ["ann@x .com", /space/],
    ["ann,@x.com", /character/],
    ['"ann"@x.com', /quoted/],
    ["안녕@x.com", /U\+C548/],
    ["\u200bann@x.com", /U\+200B/],
    ["ann@x.com\r\nBcc: b@x.com", /control/],
    ["ann\u0000@x.com", /control/],
    ["ann@[127.0.0.1]", /IP address/],
    ["ann@127.0.0.1", /IP address/],
    ["ann@x.com/y", /domain/],
    ["ann@x.com?y", /domain/],
    ["ann@x%2ecom", /domain/],
    ["ann@-x.com", /cannot exist/],
    ["ann@x-.com", /cannot exist/],
    ["ann@x..com", /cannot exist/],
    ["ann@x.com.", /cannot exist/],
    ["ann@x_y.com", /domain/],
    [`${"a".repeat(65)}@x.com`, /64/],
    [`ann@${"a".repeat(64)}.com`, /cannot exist/],
    [`ann@${"abc.".repeat(80)}com`, /254/],
  ])("%j", (raw, problem) => {
    const parsed = parseAddress(raw);
    expect(parsed).toHaveProperty("problem");
    expect("problem" in parsed && parsed.problem).toMatch(problem);
  });
});

test.each([
  ["ann@x.com", "ann@x.com"],
  ["  ann@x.com\t\n", "ann@x.com"],
  ["Ann.O'Grady+news@Example.COM", "Ann.O'Grady+news@example.com"],
  ["a@b.co", "a@b.co"],
  [`${"a".repeat(64)}@x.com`, `${"a".repeat(64)}@x.com`],
  ["kim@한국.kr", "kim@xn--3e0b707e.kr"],
  ["kim@Bücher.example", "kim@xn--bcher-kva.example"],
])("parseAddress(%j) is %s", (raw, address) => {
  expect(parseAddress(raw)).toEqual({ address });
});

test("what parseAddress gives, it takes again unchanged", () => {
  expect.hasAssertions();
  fc.assert(
    fc.property(fc.emailAddress(), (raw) => {
      const parsed = parseAddress(raw);
      fc.pre("address" in parsed);
      expect(parseAddress(parsed.address)).toEqual(parsed);
    }),
  );
});

test.each([
  ["ann@x.com", null, "ann@x.com"],
  ["Ann <ann@x.com>", "Ann", "Ann <ann@x.com>"],
  ['"Na, me" <a@b.co>', "Na, me", '"Na, me" <a@b.co>'],
  ['"say \\"hi\\"" <a@b.co>', 'say "hi"', '"say \\"hi\\"" <a@b.co>'],
  ["J. Doe <a@b.co>", "J. Doe", '"J. Doe" <a@b.co>'],
  ["<a@b.co>", null, "a@b.co"],
])("parseMailbox(%j)", (raw, name, wire) => {
  const mailbox = parseMailbox(raw);
  expect(mailbox).toMatchObject({ name });
  expect("address" in mailbox && formatMailbox(mailbox)).toBe(wire);
});

test.each([
  "",
  "Ann",
  "Ann <ann>",
  "Ann <a@b.co",
  "a@b.co, c@d.co",
  "a@b.co, Ann <c@d.co>",
  "Ann\r\nBcc: x@y.co <a@b.co>",
])("parseMailbox refuses %j", (raw) => expect(parseMailbox(raw)).toHaveProperty("problem"));

test("a name in any script comes out as encoded-words of at most 75 characters that decode to it", () => {
  const nonAscii = fc.string({ unit: "grapheme", minLength: 1, maxLength: 120 }).map((text) => `한${text}`);
  fc.assert(
    fc.property(nonAscii, (name) => {
      const wire = formatMailbox({ name, address: "a@b.co" });
      const words = wire.slice(0, -" <a@b.co>".length).split(" ");
      for (const word of words) expect(word.length).toBeLessThanOrEqual(75);
      const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
      const decoded = words.map((word) => decoder.decode(Buffer.from(word.slice(10, -2), "base64")));
      expect(decoded.join("")).toBe(name);
    }),
  );
});
