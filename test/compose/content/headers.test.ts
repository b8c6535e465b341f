import fc from "../../support/properties.ts";
import { simpleParser } from "mailparser";
import addressparser from "nodemailer/lib/addressparser";
import { describe, expect, test } from "vitest";
import { oneClickProblem } from "../../../src/compose/content/header-value.ts";
import { checkHeaderNames, mailtoUri, wireHeader } from "../../../src/compose/content/headers.ts";
import { UserError } from "../../../src/errors.ts";

/** An encoded-word or several, decoded. */
function decoded(words: string): string {
  return words
    .replace(/\?= +=\?/g, "?==?")
    .replace(/=\?UTF-8\?B\?([^?]*)\?=/g, (_, data: string) => Buffer.from(data, "base64").toString());
}

function wire(name: string, value: string): string {
  const wired = wireHeader(name, value);
  if ("problem" in wired) throw new Error(wired.problem);
  return wired.value;
}

describe("a header goes out as", () => {
  test.each([
    // Words that are not ASCII, and nothing else.
    ["X-A", "plain  text", "plain  text"],
    ["X-A", "  Zoë ", "=?UTF-8?B?Wm/Dqw==?="],
    ["X-A", "to Zoë Müller and Ann", "to =?UTF-8?B?Wm/DqyBNw7xsbGVy?= and Ann"],
    ["X-A", "a  é  b", "a  =?UTF-8?B?w6k=?=  b"],
    ["Comments", "=?UTF-8?Q?x?= y", "=?UTF-8?B?PT9VVEYtOD9RP3g/PQ==?= y"],
    ["X-Report", "Zoë <https://x.co/Zoë>", "=?UTF-8?B?Wm/Dqw==?= <https://x.co/Zo%C3%AB>"],
    ["Keywords", 'Müller, "a, b", Sale', '=?UTF-8?B?TcO8bGxlcg==?=, "a, b", Sale'],
    // RFC 2919
    ["List-Id", "Müller-News <news.example.com>", "=?UTF-8?B?TcO8bGxlci1OZXdz?= <news.example.com>"],
    ["List-Id", '"News, weekly" <news.example.com>', '"News, weekly" <news.example.com>'],
    ["List-Id", "<news.example.com>", "<news.example.com>"],
    // Mailboxes
    ["Disposition-Notification-To", "Ann Müller <a@b.co>", "=?UTF-8?B?QW5uIE3DvGxsZXI=?= <a@b.co>"],
    ["Errors-To", "Lee, Ann <a@b.co>; c@Bücher.de", '"Lee, Ann" <a@b.co>, c@xn--bcher-kva.de'],
    ["sender", "Ann @ ACME <a@b.co>", '"Ann @ ACME" <a@b.co>'],
    // RFC 2369
    ["List-Unsubscribe", "<https://x.co/u?n=Zoë>, <mailto:u@x.co>", "<https://x.co/u?n=Zo%C3%AB>, <mailto:u@x.co>"],
    [
      "List-Unsubscribe",
      "<https://x.co/?a=%20b c%zz>,<https://y.co>",
      "<https://x.co/?a=%20b%20c%25zz>, <https://y.co>",
    ],
    ["List-Unsubscribe", "<https://Bücher.de:80/ä?ö#ü>", "<https://xn--bcher-kva.de:80/%C3%A4?%C3%B6#%C3%BC>"],
    ["List-Unsubscribe", "<https://[::1]:80/x>,", "<https://[::1]:80/x>"],
    ["List-Owner", "<mailto:a#b@Bücher.de?subject=Zoë!>", "<mailto:a%23b@xn--bcher-kva.de?subject=Zo%C3%AB!>"],
    ["List-Owner", "<mailto:a%2Bb@x.co,c@x.co>", "<mailto:a+b@x.co,c@x.co>"],
    ["List-Help", "(Hilfe für (alle)) <ftp://x.co/é>", "(=?UTF-8?B?SGlsZmUgZsO8ciAoYWxsZSk=?=) <ftp://x.co/%C3%A9>"],
    ["List-Post", "no (announcements only)", "NO (announcements only)"],
    ["Archived-At", "<https://x.co/é>", "<https://x.co/%C3%A9>"],
    ["List-Unsubscribe-Post", "List-Unsubscribe=One-Click", "List-Unsubscribe=One-Click"],
    // Message ids and tokens
    ["References", "<a@b.co><c@[1.2.3.4]>", "<a@b.co> <c@[1.2.3.4]>"],
    ["Feedback-ID", "1:2:3:shop", "1:2:3:shop"],
  ])("%s: %s", (name, value, expected) => expect(wireHeader(name, value)).toEqual({ value: expected }));
});

describe("refuses", () => {
  test.each([
    ["X-A", " ", /X-A is empty/],
    ["X-A", "a\r\nBcc: x@y.co", /line break/],
    ["X-A", "a\u0085b", /control character/],
    ["X-A", "a".repeat(994), /994 characters long, SES takes 993/],
    ["X-A", "é".repeat(400), /characters long, SES takes 993/],
    ["X-A", "a".repeat(100_000), /100000 characters long/],
    ["List-Id", "news.example.com", /List-Id expects an id in ASCII, in angle brackets/],
    ["List-Id", "News <news>", /expects an id/],
    ["List-Id", "<news.müller.de>", /in ASCII/],
    ["Disposition-Notification-To", "zoë@b.co", /U\+00EB/],
    ["Disposition-Notification-To", "Ann", /no @/],
    ["Sender", "a@b.co, c@d.co", /Sender expects one address/],
    ["Errors-To", `${"Ann ".repeat(90)}<a@b.co>`, /SES takes 320/],
    ["List-Unsubscribe", "https://x.co/u", /expects URIs in angle brackets/],
    ["List-Unsubscribe", "<u@x.co>", /write <mailto:u@x\.co>/],
    ["List-Unsubscribe", "<click here>", /no URI/],
    ["List-Unsubscribe", "<https://>", /no web address/],
    ["List-Unsubscribe", "<https://a b.co/>", /no web address/],
    ["List-Unsubscribe", "<mailto:zoë@x.co>", /U\+00EB/],
    ["List-Unsubscribe", "<https://x.co> or <mailto:a@b.co>", /"or" outside the brackets/],
    ["List-Unsubscribe", "<https://x.co> <mailto:a@b.co>", /commas between/],
    ["List-Help", "(only a comment)", /expects URIs/],
    ["List-Help", "NO", /expects URIs/],
    ["Archived-At", "<https://x.co/1>, <https://x.co/2>", /expects one URI/],
    ["List-Unsubscribe-Post", "yes", /expects List-Unsubscribe=One-Click/],
    ["References", "a@b.co", /message ids/],
    ["References", "<a@b.co>, <c@d.co>", /spaces between/],
    ["In-Reply-To", "<zoë@b.co>", /in ASCII/],
    ["Precedence", "büro", /takes ASCII only/],
    ["X-SES-CONFIGURATION-SET", "büro", /takes ASCII only/],
    ["Keywords", ", ", /no words/],
  ])("%s: %j", (name, value, problem) => {
    const wired = wireHeader(name, value);
    expect("problem" in wired && wired.problem).toMatch(problem);
  });

  test.each([
    [["List-Unsubscribe-Post"], /means nothing without List-Unsubscribe/],
    [["X-{{ name }}"], /same for every recipient/],
    [["Comments", "comments"], /given twice/],
  ])("the names %j", (names, problem) => {
    expect(() => checkHeaderNames(names)).toThrow(UserError);
    expect(() => checkHeaderNames(names)).toThrow(problem);
  });

  test("one click without an https address", () => {
    const post = { name: "List-Unsubscribe-Post", value: "List-Unsubscribe=One-Click" };
    expect(oneClickProblem([{ name: "list-unsubscribe", value: "<mailto:u@x.co>" }, post])).toMatch(/https/);
    expect(oneClickProblem([{ name: "list-unsubscribe", value: "<https://x.co>" }, post])).toBeNull();
    expect(oneClickProblem([])).toBeNull();
  });

  test("variables in --unsubscribe-mailto", () => {
    expect(() => mailtoUri("{{name}}@x.co")).toThrow(/same for every recipient/);
    expect(mailtoUri("a#b@x.co?subject=x")).toBe("mailto:a%23b@x.co?subject=x");
  });
});

const NAMES =
  "X-A Comments Keywords List-Id Sender Errors-To Disposition-Notification-To List-Unsubscribe List-Post Archived-At References Precedence";
const PIECES = [
  "<",
  ">",
  "(",
  ")",
  '"',
  "\\",
  ",",
  "@",
  ":",
  "https://x.co/",
  "mailto:",
  "a@b.co",
  "é",
  "한국어",
  "👩‍🚀",
  " ",
  "  ",
].concat(["%", "%20", "=?UTF-8?Q?x?=", "\r\n", "\u0000", "\ud800", "\u2028", "a.b", "NO", "x".repeat(90)]);

describe("whatever the values are", () => {
  const name = fc.constantFrom(...NAMES.split(" "));
  const value = fc.array(fc.constantFrom(...PIECES), { maxLength: 12 }).map((pieces) => pieces.join(""));

  test("what goes out is printable ASCII within the limits, and nothing in angle brackets is encoded as words", () => {
    fc.assert(
      fc.property(name, value, (header, text) => {
        const wired = wireHeader(header, text);
        const problem = "problem" in wired ? wired.problem : "header";
        expect(problem).toMatch(/^header/);
        fc.pre("value" in wired);
        expect(wired.value).toMatch(/^[!-~](?:[ -~]*[!-~])?$/);
        expect(header.length + wired.value.length).toBeLessThanOrEqual(996);
        for (const word of wired.value.match(/=\?[^ ]*\?=/g) ?? []) expect(word.length).toBeLessThanOrEqual(75);
        const isStructured = header !== "X-A" && header !== "Comments";
        const brackets = isStructured ? wired.value.replace(/"(?:[^"\\]|\\.)*"/g, "").match(/<[^<>]*>/g) : null;
        expect((brackets ?? []).filter((each) => each.includes("=?"))).toEqual([]);
      }),
      { numRuns: 2000 },
    );
  });

  test("readers see unstructured text as it was written", () => {
    const unit = fc.constantFrom("a", "é", "한", " ", "=?", "?=", "👩‍🚀", "=?UTF-8?Q?x?=", ",", "<", '"');
    return fc.assert(
      fc.asyncProperty(fc.string({ unit, maxLength: 60 }), async (text) => {
        const written = text.trim();
        fc.pre(written !== "");
        const { subject } = await simpleParser(`Subject: ${wire("X-A", written)}\r\n\r\n`);
        expect(subject).toBe(written);
      }),
    );
  });

  test("the mailboxes of an address header are those that were written", () => {
    const person = fc.string({
      unit: fc.constantFrom("a", "é", ",", '"', "@", "(", " ", "."),
      minLength: 1,
      maxLength: 12,
    });
    fc.assert(
      fc.property(fc.array(person, { minLength: 1, maxLength: 4 }), (people) => {
        const names = people.map((each) => each.trim());
        const written = names.map((each, index) => `"${each.replace(/["\\]/g, "\\$&")}" <a${index}@b.co>`).join(", ");
        const read = addressparser(wire("Errors-To", written), { flatten: true });
        expect(read.map((each) => [decoded(each.name), each.address])).toEqual(
          names.map((each, index) => [each, `a${index}@b.co`]),
        );
      }),
    );
  });

  test("a URI that is read back means what was written", () => {
    const part = fc.string({
      unit: fc.constantFrom("z", "é", "한", " ", "%41", "%", "&", "+", "{", '"', "😀"),
      maxLength: 20,
    });
    fc.assert(
      fc.property(part, (query) => {
        const uri = wire("List-Unsubscribe", `<https://x.co/?q=${query}&end>`).slice(1, -1);
        expect(uri).toMatch(/^[!-~]+$/);
        expect(decodeURIComponent(uri.slice("https://x.co/?q=".length))).toBe(`${query.replaceAll("%41", "A")}&end`);
      }),
    );
  });
});
