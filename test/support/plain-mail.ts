/** A mail with nothing in it that need not be. */
import type { RenderedMail } from "../../src/message.ts";

export const PLAIN_MAIL: RenderedMail = {
  from: "News <news@example.com>",
  to: "ann@example.net",
  replyTo: [],
  subject: "Hello",
  html: "<p>Hello</p>",
  text: "Hello",
  headers: [],
  tags: [],
  attachments: [],
  configurationSet: null,
};
