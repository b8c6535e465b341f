import { expect, test } from "vitest";
import { UserError } from "../../src/errors.ts";
import { parseBaseUrl } from "../../src/tracking/base-url.ts";

test.each([
  ["https://mail.example.com", "https://mail.example.com"],
  ["https://mail.example.com/", "https://mail.example.com"],
  [" https://Mail.Example.com:443// ", "https://mail.example.com"],
  ["https://example.com:8443/mail/", "https://example.com:8443/mail"],
  ["https://메일.example", "https://xn--h32bq4v.example"],
  ["http://localhost:8080", "http://localhost:8080"],
  ["http://127.0.0.1:8080/", "http://127.0.0.1:8080"],
  ["http://[::1]:8080", "http://[::1]:8080"],
])("%j is %s", (typed, expected) => {
  expect(parseBaseUrl(typed)).toBe(expected);
});

test.each([
  ["", /no https address/],
  ["mail.example.com", /no https address/],
  ["ftp://example.com", /no https address/],
  ["javascript:alert(1)", /no https address/],
  ["http://mail.example.com", /this machine only/],
  ["http://localhost.example.com", /this machine only/],
  ["http://127.0.0.1.example.com", /this machine only/],
  ["https://user:pass@example.com", /user name/],
  ["https://example.com/?a=b", /query or fragment/],
  ["https://example.com/?", /query or fragment/],
  ["https://example.com/#a", /query or fragment/],
  ["https://example.com/a'b", /characters/],
  ["https://example.com/a&b", /characters/],
  [`https://example.com/${"a".repeat(300)}`, /longer/],
])("%j is refused", (typed, reason) => {
  expect(() => parseBaseUrl(typed)).toThrow(UserError);
  expect(() => parseBaseUrl(typed)).toThrow(reason);
});
