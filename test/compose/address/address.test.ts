import fc from "../../support/properties.ts";
import { describe, expect, test } from "vitest";
import { parseAddress } from "../../../src/compose/address/address.ts";

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
