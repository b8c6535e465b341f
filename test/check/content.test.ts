import { describe, expect, test } from "vitest";
import { contentFindings, type Sample } from "../../src/check/content.ts";
import type { Finding } from "../../src/check/finding.ts";
import type { RenderedMail } from "../../src/message.ts";
import { only, troubles } from "./troubles.ts";

const WORDS = "the quick brown fox jumps over a lazy dog while twelve grey geese fly north";
const ONE_CLICK = [
  { name: "List-Unsubscribe", value: "<https://example.com/u/1>, <mailto:u@example.com>" },
  { name: "List-Unsubscribe-Post", value: "List-Unsubscribe=One-Click" },
];

const page = (body: string) => `<!doctype html><html lang="en"><head><title>June</title></head><body>${body}
  <a href="https://example.com/u/1">Unsubscribe</a></body></html>`;

function check(changes: Partial<RenderedMail> & Partial<Omit<Sample, "mail">> = {}): Finding[] {
  const { htmlBytes, ...mail } = changes;
  const rendered: RenderedMail = {
    from: "news@example.com",
    to: "ann@example.net",
    replyTo: [],
    subject: "Hello",
    html: page(`<p>${WORDS}</p>`),
    text: `${WORDS}\n\nUnsubscribe [https://example.com/u/1]`,
    headers: ONE_CLICK,
    tags: [],
    attachments: [],
    configurationSet: null,
    ...mail,
  };
  const bytes = htmlBytes ?? Buffer.byteLength(rendered.html);
  return contentFindings({ mail: rendered, htmlBytes: bytes, fileBytes: 0, subject: rendered.subject });
}

/** A body of the page, with a text that says the same. */
const body = (html: string) => check({ html: page(`<p>${WORDS}</p>${html}`) });

test("a good mail is all ok", () => {
  expect(troubles(check())).toEqual([]);
});

describe("size", () => {
  test("Gmail hides what comes after 102 KB", () => {
    expect(troubles(check({ htmlBytes: 102 * 1024 + 1 }))).toEqual(["warning content.html-size"]);
    expect(troubles(check({ htmlBytes: 102 * 1024 }))).toEqual([]);
  });

  const file = (megabytes: number) => ({
    fileName: "a.pdf",
    contentType: "application/pdf",
    data: Buffer.alloc(megabytes * 1024 * 1024).toString("base64"),
  });

  test("attachments over 10 MB are said once, not again as a large mail", () => {
    expect(troubles(check({ attachments: [file(6), file(5)] }))).toEqual(["warning content.attachments"]);
  });

  test("a mail that grows over 10 MB by its encoding only", () => {
    expect(troubles(check({ attachments: [file(9)] }))).toEqual(["warning content.message-size"]);
  });

  test("over 40 MB as sent, SES refuses it", () => {
    expect(troubles(check({ attachments: [file(31)] }))).toEqual([
      "warning content.attachments",
      "error content.message-size",
    ]);
  });
});

describe("subject", () => {
  test.each([
    ["x".repeat(79), ["warning content.subject-length"]],
    ["x".repeat(78), ["info content.subject-length"]],
    ["x".repeat(61), ["info content.subject-length"]],
    ["x".repeat(60), []],
    ["😀".repeat(60), []],
    ["BUY THIS NOW", ["info content.subject-capitals"]],
    ["NEWS 2026", []],
    ["여름 할인 안내입니다", []],
    ["Now! Really!", ["info content.subject-exclamation"]],
    ["Now!", []],
  ])("%s", (subject, expected) => {
    expect(troubles(check({ subject }))).toEqual(expected);
  });
});

describe("text alternative", () => {
  test.each([
    ["", ["warning content.text"]],
    [" \n\t", ["warning content.text"]],
    ["https://example.com/u/1", ["warning content.text"]],
    ["See the HTML", ["warning content.text"]],
    [
      "May news: roses bloom early this spring, and our garden opens its gates on Sunday",
      ["warning content.text-differs"],
    ],
  ])("%j", (text, expected) => {
    expect(troubles(check({ text }))).toEqual(expected);
  });

  test("hidden text of the HTML is not missed in it", () => {
    const preheader = `<div style="display:none">${"hidden words <br> ".repeat(50)}</div>`;
    expect(troubles(body(preheader))).toEqual([]);
  });

  test("Japanese has no spaces between its words", () => {
    const said = "新しい本が三冊届きました。冬の夜にどうぞ。";
    expect(troubles(check({ html: page(`<p>${said}</p>`), text: `${said} Unsubscribe` }))).toEqual([]);
    const other = "春の花が咲く庭園の見学会は日曜日です";
    expect(troubles(check({ html: page(`<p>${said}</p>`), text: other }))).toEqual(["warning content.text-differs"]);
  });
});

describe("unsubscribe", () => {
  const list = (value: string) => ({ name: "List-Unsubscribe", value });
  const post = { name: "list-unsubscribe-post", value: "List-Unsubscribe=One-Click" };

  test.each([
    ["none", [], ["warning content.unsubscribe"]],
    ["mailto only", [list("<mailto:u@example.com>")], ["warning content.unsubscribe"]],
    ["https without Post", [list("<https://example.com/u>")], ["warning content.unsubscribe"]],
    ["Post without https", [list("<http://example.com/u>"), post], ["warning content.unsubscribe"]],
    ["no angle brackets", [list("https://example.com/u"), post], ["warning content.unsubscribe"]],
    ["one-click", [list("<https://example.com/u>"), post], []],
  ])("%s", (_name, headers, expected) => {
    expect(troubles(check({ headers }))).toEqual(expected);
  });

  test("a link readers see is asked for, in several languages", () => {
    const html = (link: string) =>
      `<html lang="ko"><title>t</title><p>${WORDS}</p><a href="https://example.com/">${link}</a>`;
    expect(troubles(check({ html: html("Home") }))).toEqual(["info content.unsubscribe-link"]);
    expect(troubles(check({ html: html("수신 거부") }))).toEqual([]);
    expect(troubles(check({ html: html("Se désabonner") }))).toEqual([]);
  });
});

describe("links", () => {
  test.each([
    ["", "empty"],
    [" # ", "empty"],
    ["/shop", "relative"],
    ["www.example.com", "relative"],
    ["//example.com/x", "relative"],
    ["example.com:8080/x", "relative"],
    ["http://localhost:3000/x", "local"],
    ["https://127.0.0.1/", "local"],
    ["https://192.168.0.4/", "local"],
    ["https://intranet/", "local"],
    ["https://[::1]/", "local"],
    ["file:///home/me/a.html", "a file"],
    ["javascript:alert(1)", "a script"],
    ["https://", "unreadable"],
    ["https:///x", "unreadable"],
    ["https://exa mple.com/", "unreadable"],
  ])("%j leads nowhere", (href, trouble) => {
    const findings = body(`<a href="${href}">x</a>`);
    expect(troubles(findings)).toEqual(["error content.links"]);
    expect(only(findings, "content.links").message).toContain(`(${trouble})`);
  });

  test.each([
    "#part",
    "mailto:a@example.com",
    "tel:+82212345678",
    "https://example.com/?a=1&amp;b=2",
    "HTTPS://EXAMPLE.COM",
  ])("%s is fine", (href) => {
    expect(troubles(body(`<a href="${href}">x</a>`))).toEqual([]);
  });

  test("http works, unprotected", () => {
    expect(troubles(body('<a href="http://example.com/">x</a>'))).toEqual(["warning content.links-http"]);
  });

  test("an anchor without href is no link", () => {
    expect(troubles(body('<a name="top"></a>'))).toEqual([]);
  });

  test("many are counted and three shown", () => {
    const links = Array.from({ length: 9 }, (_, index) => `<a href="/p${index}">x</a>`).join("");
    const { message } = only(body(links), "content.links");
    expect(message).toContain("9 links lead nowhere");
    expect(message).toMatch(/"\/p0" .*"\/p1" .*"\/p2" \(relative\) and 6 more$/);
  });

  test("conditional comments of Outlook are not looked into", () => {
    expect(troubles(body('<!--[if mso]><a href="">x</a><![endif]-->'))).toEqual([]);
  });
});

describe("images", () => {
  test.each([
    ['<img alt="">', ["error content.images"]],
    ['<img src="logo.png" alt="">', ["error content.images"]],
    ['<img src="cid:logo" alt="">', ["error content.images"]],
    ['<img src="data:image/png;base64,AAAA" alt="">', ["error content.images"]],
    ['<img src="file:///logo.png" alt="">', ["error content.images"]],
    ['<img src="http://localhost/logo.png" alt="">', ["error content.images"]],
    ['<img src="http://example.com/logo.png" alt="">', ["warning content.images-http"]],
    ['<img src="https://example.com/logo.png">', ["warning content.images-alt"]],
    ['<img src="https://example.com/logo.png" alt>', []],
    ['<img src="https://example.com/logo.png" alt="Logo">', []],
  ])("%s", (html, expected) => {
    expect(troubles(body(html))).toEqual(expected);
  });
});

describe("markup", () => {
  test("elements that mail programs remove are named once", () => {
    const findings = body(
      "<form><input></form><form></form><script>x()</script><iframe src='https://example.com'></iframe>",
    );
    expect(troubles(findings)).toEqual(["warning content.markup"]);
    expect(only(findings, "content.markup").message).toContain("<form>, <script>, <iframe>");
  });

  test("title and language", () => {
    const html = `<p>${WORDS}</p><a href="https://example.com/unsubscribe">x</a>`;
    expect(troubles(check({ html }))).toEqual(["info content.title", "info content.lang"]);
    expect(troubles(check({ html: `<html lang=""><title> </title>${html}` }))).toEqual([
      "info content.title",
      "info content.lang",
    ]);
  });
});

test("a header value near the limit of SES", () => {
  const long = { name: "X-Token", value: "x".repeat(901) };
  expect(troubles(check({ headers: [...ONE_CLICK, long] }))).toEqual(["warning content.header-length"]);
  expect(troubles(check({ headers: [...ONE_CLICK, { ...long, value: "x".repeat(900) }] }))).toEqual([]);
});
