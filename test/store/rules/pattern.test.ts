import { expect, test } from "vitest";
import { patternOf } from "../../../src/store/rules/pattern.ts";

test.each([
  ["", ""],
  ["\t \n", ""],
  ["User unknown", "User unknown"],
  ["smtp; 550 5.1.1 <Ann.Lee+x@mail.example>: user unknown", "smtp; 550 5.1.1 <…>: user unknown"],
  ["smtp; 550-5.1.1 gone - a1-20020a05600c.12 - gsmtp", "smtp; 550-5.1.1 gone - … - gsmtp"],
  ["554 from 203.0.113.7 at 09:15:59\r\nretry", "554 from … at … retry"],
  ["listed, see https://bl.example/why/5?ip=203.0.113.7&id=99 or ask", "listed, see https://bl.example/why/5 or ask"],
  ["queued as 4F2A9C1B77, connection [2001:db8:0:0:1::2]", "queued as …, connection […]"],
  ["HTTP/1.1 502 Bad Gateway", "HTTP/1.1 502 Bad Gateway"],
  [
    "the peer wants TLS 1.2, we have TLSv1.3 (OpenSSL/3.0.13).",
    "the peer wants TLS 1.2, we have TLSv1.3 (OpenSSL/3.0.13).",
  ],
  ["it speaks HTTP/1.1.", "it speaks HTTP/1.1."],
  ["refused with 550-5.1.1.", "refused with 550-5.1.1."],
  ["ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: x", "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: x"],
  ["ERR_HTTP2_STREAM_ERROR", "ERR_HTTP2_STREAM_ERROR"],
  ["user/123456, user/7.1234, order-v2-778, A1B2_C3D4E5, 12.345.678", "…, …, …, …, …"],
  ["id=550-5.1.12345 v20.1.2-rc1 0100019cadc69a80-e882f9d0-8719", "… … …"],
  ["MessageRejected: Email address is not verified.", "MessageRejected: Email address is not verified."],
])("%j reads %j", (text, pattern) => {
  expect(patternOf(text)).toBe(pattern);
});

test("of a long text only the beginning counts", () => {
  const cause = "mailbox full, ".repeat(80);
  expect(patternOf(`${cause}one`)).toBe(patternOf(`${cause}${"another@".repeat(50_000)}`));
});
