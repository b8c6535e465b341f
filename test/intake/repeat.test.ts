import { expect, test } from "vitest";
import { repeatOf } from "../../src/intake/repeat.ts";
import fc from "../support/properties.ts";

const fingerprint = (body: unknown) => repeatOf({ caller: "ci", key: "k", body }).fingerprint;

/** The same value with the keys of every object the other way round. */
function turned(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(turned);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([name, each]) => [name, turned(each)])
      .reverse(),
  );
}

test("a body is known in whatever order its keys are written, and by nothing else", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), fc.jsonValue({ maxDepth: 4 }), (one, other) => {
      expect(fingerprint(turned(one))).toBe(fingerprint(one));
      const same = JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
      expect(fingerprint(one) === fingerprint(other)).toBe(same);
    }),
  );
});

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.entries(value)
    .map(([name, each]) => [name, sorted(each)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

test.each([
  [
    [1, 2],
    [2, 1],
  ],
  [{ a: 1 }, { a: "1" }],
  [{ a: null }, {}],
  [[], {}],
  [{ a: { b: 1 } }, { "a.b": 1 }],
])("%j is not %j", (one, other) => {
  expect(fingerprint(one)).not.toBe(fingerprint(other));
});

test("a body nested beyond anything that is taken in has a fingerprint, too", () => {
  const deep = JSON.parse(`${"[".repeat(5_000)}${"]".repeat(5_000)}`) as unknown;
  expect(fingerprint(deep)).toMatch(/^[0-9a-f]{64}$/);
});

test("the fingerprints of version 0.1.0 stay: a repeat may come after an upgrade", () => {
  const body = {
    messages: [{ subject: "Héllo", emails: ["ann@example.com"], content: "<p>x</p>" }],
    scheduled_at: null,
  };
  expect(fingerprint(body)).toBe("13c2bfaacee344d39ed06d0d2b82b068ed80e619067738fd2de6ee9076239de0");
});
