import { expect, test } from "vitest";
import { accountFindings, unreadFinding } from "../../src/check/account.ts";
import type { AccountFacts } from "../../src/aws/ses-reader.ts";
import { only, troubles } from "./troubles.ts";

const ACCOUNT: AccountFacts = {
  perSecond: 14,
  quota: 50_000,
  sentLast24Hours: 1203.4,
  sendingEnabled: true,
  productionAccess: true,
  enforcement: "HEALTHY",
  suppressedReasons: ["BOUNCE", "COMPLAINT"],
};

test.each<[string, Partial<AccountFacts>, string[]]>([
  ["paused", { sendingEnabled: false }, ["error account.sending"]],
  ["shut down", { enforcement: "SHUTDOWN" }, ["error account.enforcement"]],
  ["on probation", { enforcement: "PROBATION" }, ["warning account.enforcement"]],
  ["in the SES sandbox", { productionAccess: false }, ["warning account.production-access"]],
  ["with nothing left", { sentLast24Hours: 50_000 }, ["warning account.quota"]],
  ["over its quota", { sentLast24Hours: 51_000 }, ["warning account.quota"]],
  ["without a quota", { quota: null }, []],
  ["healthy", {}, []],
])("an account %s", (_name, changes, expected) => {
  expect(troubles(accountFindings({ ...ACCOUNT, ...changes }, null))).toEqual(expected);
});

test("a list that does not fit: how much, and how many days more", () => {
  const findings = accountFindings(ACCOUNT, 150_000);
  expect(troubles(findings)).toEqual(["warning account.quota"]);
  expect(only(findings, "account.quota").message).toBe(
    "the list needs 150,000, 48,796 of 50,000 are left in these 24 hours: a run stops there, 3 more days at this quota",
  );
});

test("a list that fits to the last recipient", () => {
  expect(troubles(accountFindings(ACCOUNT, 48_796))).toEqual([]);
  expect(troubles(accountFindings(ACCOUNT, 48_797))).toEqual(["warning account.quota"]);
});

test("how long the list takes", () => {
  expect(only(accountFindings(ACCOUNT, 14 * 3600), "account.rate").message).toContain("about 1 h at");
  expect(troubles(accountFindings({ ...ACCOUNT, perSecond: 0 }, 1))).toEqual(["warning account.rate"]);
});

test("a quota of nothing does not promise days", () => {
  expect(only(accountFindings({ ...ACCOUNT, quota: 0 }, 5), "account.quota").message).toMatch(/a run stops there$/);
});

test("what may not be read is a warning that names the permission", () => {
  const denied = unreadFinding("account.read", "the account", { kind: "denied", action: "ses:GetAccount" });
  expect(denied.severity).toBe("warning");
  expect(denied.hint).toContain("ses:GetAccount");
});
