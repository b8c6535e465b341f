/** The headers of a mail for people. */
import { expect, it } from "vitest";
import { headerLines } from "../../../src/compose/mail/header-lines.ts";

it("a header that hides a line break in an encoded word stays one line", () => {
  const headers = [{ name: "X-Order", value: "=?UTF-8?B?YQpUbzogYg==?=" }];
  const mail = {
    from: "a@example.com",
    to: "b@example.com",
    replyTo: [],
    subject: "s",
    html: "",
    text: "",
    headers,
    tags: [],
    configurationSet: null,
  };
  expect(
    headerLines({ ...mail, attachments: [] })
      .split("\n")
      .at(-1),
  ).toBe("X-Order: a\\nTo: b");
});
