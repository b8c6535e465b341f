import { expect, test } from "vitest";
import { writeLink } from "../../../src/compose/text/link.ts";

test.each([
  ["Shop", "https://example.com/shop", "Shop [https://example.com/shop]"],
  ["Shop", "shop.html", "Shop [shop.html]"],
  ["", "https://example.com/shop", "https://example.com/shop"],
  ["https://example.com/", "https://example.com/", "https://example.com/"],
  ["example.com", "https://example.com/", "example.com"],
  ["Example.com", "http://example.com", "Example.com"],
  ["example.com/A", "https://example.com/a", "example.com/A [https://example.com/a]"],
  [
    "https://example.com/?a=1&b=2",
    "https://example.com/?a=1&b=3",
    "https://example.com/?a=1&b=2 [https://example.com/?a=1&b=3]",
  ],
  ["example.com/ä b", "https://example.com/%C3%A4%20b", "example.com/ä b"],
  ["100 %", "https://example.com/100%", "100 % [https://example.com/100%]"],
  ["ann@example.com", "mailto:ann@example.com", "ann@example.com"],
  ["Write to us", "mailto:ann@example.com", "Write to us [ann@example.com]"],
  ["Leave", "mailto:leave@example.com?subject=leave", "Leave [mailto:leave@example.com?subject=leave]"],
  ["", "MAILTO:ann@example.com", "ann@example.com"],
  ["+49 (30) 123-456", "tel:+4930123456", "+49 (30) 123-456"],
  ["Call us", "tel:+4930123456", "Call us [+4930123456]"],
  ["Top", "#top", "Top"],
  ["Top", "", "Top"],
  ["Click", "javascript:alert(1)", "Click"],
  ["Open", "data:text/html,x", "Open"],
  ["", "#top", ""],
])("%j to %j is written %j", (text, address, written) => {
  expect(writeLink(text, address)).toBe(written);
});
