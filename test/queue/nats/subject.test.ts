/** Which subjects a pattern of NATS takes. */
import { expect, it } from "vitest";
import { takesSubject } from "../../../src/queue/nats/subject.ts";

it.each([
  ["a.b", "a.b", true],
  ["a.b", "a.c", false],
  ["a.*", "a.b", true],
  ["a.*", "a", false],
  ["a.*", "a.b.c", false],
  ["*.b", "a.b", true],
  ["*.b", "a.c", false],
  ["a.>", "a.b.c", true],
  ["a.>", "a", false],
  ["a.>", "b.c", false],
  [">", "a", true],
])("%s takes %s: %s", (pattern, subject, takes) => {
  expect(takesSubject(pattern, subject)).toBe(takes);
});
