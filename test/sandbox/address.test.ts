import { expect, test } from "vitest";

import { checkMailbox, simulatorMailbox } from "../../src/sandbox/address.ts";

test.each([
  ["", "Illegal address"],
  ["ann", "Missing final '@domain'"],
  ["@example.net", "Missing local name"],
  ["ann@", "Missing domain"],
  ["ann lee@example.net", "Local address contains control or whitespace"],
  ["ann\r\nBcc:x@example.net", "Local address contains control or whitespace"],
  ["änn@example.net", "Local address contains control or whitespace"],
  ["a,b@example.net", "Local address contains illegal character"],
  ["a@example.net, b@example.net", "Domain contains control or whitespace"],
  ["a@b@example.net", "Domain contains illegal character"],
  ["ann@example.net\r\n", "Illegal address"],
  ['"a"b@example.net', "Local address contains illegal character"],
  [".ann@example.net", "Local address starts with dot"],
  ["ann.@example.net", "Local address ends with dot"],
  ["a..b@example.net", "Local address contains dot-dot"],
  ["ann@exa mple.net", "Domain contains control or whitespace"],
  ["ann@münchen.de", "Domain contains control or whitespace"],
  ["ann@exam_ple.net", "Domain contains illegal character"],
  ["ann@example..net", "Domain contains dot-dot"],
  ["ann@example.net.", "Domain ends with dot"],
  ["Lee, Ann <ann@example.net>", "Illegal address"],
  ["Équipe <ann@example.net>", "Illegal address"],
  ["Ann\r\n <ann@example.net>", "Illegal address"],
])("refuses %j", (text, problem) => {
  expect(() => checkMailbox(text)).toThrow(expect.objectContaining({ type: "BadRequestException", text: problem }));
});

test.each([
  ["ann@example.net", "ann@example.net"],
  ["Ann Lee <ann+x@example.net>", "ann+x@example.net"],
  ['"Lee, Ann" <ann@example.net>', "ann@example.net"],
  ["=?UTF-8?B?w4lxdWlwZQ==?= <news@example.com>", "news@example.com"],
  ['"a b"@example.net', '"a b"@example.net'],
  ["o'neil@xn--mnchen-3ya.de", "o'neil@xn--mnchen-3ya.de"],
])("takes %j", (text, address) => {
  expect(checkMailbox(text)).toBe(address);
});

test("knows the simulator's mailboxes by their local part", () => {
  expect(simulatorMailbox("Bounce+r17@Simulator.AmazonSES.com")).toBe("bounce");
  expect(simulatorMailbox("bounce@example.net")).toBeNull();
});
