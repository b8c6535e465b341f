/** The report of `check` for people. */
import { expect, it } from "vitest";
import { reportOf } from "../../src/check/report.ts";

it("what DNS or SES said stays in its line; a hint has lines of its own", () => {
  const finding = {
    check: "dns.spf",
    severity: "error",
    message: "got v=spf1\nDNS: fine",
    hint: "one\ntwo\u202e",
  } as const;
  expect(reportOf([finding]).split("\n").slice(0, 4)).toEqual([
    "DNS",
    "  ✗ got v=spf1\\nDNS: fine",
    "      one",
    "      two\\u202e",
  ]);
});
