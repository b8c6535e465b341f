import fc from "../support/properties.ts";
import { simpleParser } from "mailparser";
import { describe, expect, test } from "vitest";
import { wireHeader } from "../../src/compose/content/headers.ts";
import { foldHeader } from "../../src/sandbox/fold.ts";
import type { Mail } from "../../src/sandbox/mail.ts";
import { composeMime } from "../../src/sandbox/mime.ts";

const MAIL: Mail = {
  operation: "SendEmail",
  from: "News <news@example.com>",
  to: ["ann@example.net"],
  cc: [],
  recipients: ["ann@example.net"],
  replyTo: [],
  subject: "Hello",
  text: "text",
  html: null,
  headers: [],
  attachments: [],
  raw: null,
  tags: [],
  configurationSet: null,
  renderingFailure: null,
};

async function compose(changes: Partial<Mail>): Promise<string> {
  return (await composeMime({ ...MAIL, ...changes }, "<id@example.com>", new Date(0))).toString("latin1");
}

describe("folding", () => {
  test("a value is read back as it was, in lines of 76 characters unless a word is longer", () => {
    const word = fc.string({ unit: fc.constantFrom("a", "<", ",", "="), minLength: 1, maxLength: 120 });
    const spaces = fc.string({ unit: fc.constant(" "), minLength: 1, maxLength: 120 });
    const value = fc
      .array(fc.tuple(word, spaces), { minLength: 1, maxLength: 12 })
      .map((pieces) => pieces.flat().join("").trim());
    fc.assert(
      fc.property(value, (text) => {
        const folded = foldHeader("X-A", text);
        expect(folded.endsWith("\r\n")).toBe(true);
        expect(folded.replace(/\r\n(?=[ \t])/g, "")).toBe(`X-A: ${text}\r\n`);
        const lines = folded.split("\r\n").slice(0, -1);
        expect(lines.filter((line) => line.trim() === "")).toEqual([]);
        expect(lines.filter((line) => line.length > 76 && line.trim().includes(" "))).toEqual([]);
      }),
    );
  });

  test("a URL of 900 characters stays whole", async () => {
    const url = `https://example.com/${"a".repeat(900)}`;
    const message = await compose({
      headers: [{ name: "List-Unsubscribe", value: `<${url}>, <mailto:u@example.com>` }],
    });
    expect(message).toContain(`\r\n <${url}>,\r\n <mailto:u@example.com>\r\n`);
    expect(Math.max(...message.split("\r\n").map((line) => line.length))).toBeLessThanOrEqual(998);
  });
});

test.each<[string, Partial<Mail>]>([
  ["text", { text: "x".repeat(5000) }],
  ["text of many words", { text: "word ".repeat(1000) }],
  ["HTML", { html: `<p>${"x".repeat(5000)}</p>`, text: "short\nlines\r\nof both kinds\n" }],
  ["Korean", { html: "한".repeat(3000), text: "글".repeat(2000) }],
  ["a subject of many words", { subject: "word ".repeat(300).trim() }],
  ["a Korean subject", { subject: "한글 ".repeat(100).trim() }],
  ["a subject with a long gap", { subject: `a${" ".repeat(200)}b` }],
  [
    "an attachment",
    {
      attachments: [
        {
          fileName: `${"ä".repeat(80)}.txt`,
          contentType: "text/plain",
          data: "eHh4".repeat(3000),
          contentId: null,
          inline: false,
        },
      ],
    },
  ],
])("lines end in CRLF and are short: %s", async (_, changes) => {
  const message = await compose(changes);
  expect(message.replaceAll("\r\n", "")).not.toMatch(/[\r\n]/);
  for (const line of message.split("\r\n")) expect(line.trimStart().length).toBeLessThanOrEqual(78);
  const parsed = await simpleParser(Buffer.from(message, "latin1"));
  expect(parsed.subject).toBe((changes.subject ?? MAIL.subject).replace(/ +/g, " "));
});

test("structured headers are read back with what was written", async () => {
  const written: [string, string][] = [
    ["List-Id", "Müller-News <news.example.com>"],
    ["Disposition-Notification-To", "Ann Müller <ann@example.com>"],
    ["List-Unsubscribe", "<https://example.com/u?n=Zoë>, <mailto:u@example.com>"],
  ];
  const headers = written.map(([name, value]) => ({ name, ...(wireHeader(name, value) as { value: string }) }));
  const { headers: read } = await simpleParser(await compose({ headers, subject: "=?UTF-8?Q?hi?= Zoë" }));
  expect(read.get("subject")).toBe("=?UTF-8?Q?hi?= Zoë");
  expect(read.get("disposition-notification-to")).toMatchObject({
    value: [{ name: "Ann Müller", address: "ann@example.com" }],
  });
  expect(read.get("list")).toMatchObject({
    id: { id: "news.example.com" },
    unsubscribe: { url: "https://example.com/u?n=Zo%C3%AB", mail: "u@example.com" },
  });
});
