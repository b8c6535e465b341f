import fc from "../../support/properties.ts";
import { describe, expect, it, test } from "vitest";
import { compileContent } from "../../../src/compose/mail/template.ts";
import { prepareContent } from "../../../src/compose/mail/tools.ts";
import { UserError } from "../../../src/errors.ts";
import type { Content, Tracking } from "../../../src/message.ts";
import { messageLinks } from "../../../src/tracking/message-links.ts";
import { CONTENT } from "../../support/store-actions.ts";

const TRACKING: Tracking = { baseUrl: "https://mail.example.com", opens: true, clicks: true, unsubscribe: true };
const OWN = "https://mail.example.com/u/for-7";
const LINKS = messageLinks(
  TRACKING,
  { open: (id) => `open-${id}`, click: (id) => `click-${id}`, unsubscribe: (id) => `for-${id}` },
  7,
);

function render(change: Partial<Content>, values: Record<string, string> = {}) {
  return compileContent({ ...CONTENT, tracking: TRACKING, ...change }).render("ann@example.com", values, LINKS);
}

const only = (on: Partial<Tracking>): Tracking => ({
  ...TRACKING,
  opens: false,
  clicks: false,
  unsubscribe: false,
  ...on,
});

describe("a mail carries", () => {
  test.each([
    ["opens", only({ opens: true }), { pixel: true, click: false, header: false }],
    ["clicks", only({ clicks: true }), { pixel: false, click: true, header: false }],
    ["unsubscribe", only({ unsubscribe: true }), { pixel: false, click: false, header: true }],
    ["everything", TRACKING, { pixel: true, click: true, header: true }],
  ])("what is asked for: %s", (_name, tracking, expected) => {
    const { html, headers } = render({ html: `<a href="https://example.com/">x</a>`, tracking });
    expect({
      pixel: html.includes("/v1/events/open?request_id=open-7"),
      click: html.includes("/c/click-7?u=https%3A%2F%2Fexample.com%2F"),
      header: headers.length > 0,
    }).toEqual(expected);
  });

  it("the headers of RFC 8058 also when the gateway is on this machine and has no https", () => {
    const tracking = { ...TRACKING, baseUrl: "http://127.0.0.1:8080" };
    const { headers } = compileContent({ ...CONTENT, tracking }).render("ann@example.com", {});
    expect(headers.map(({ name }) => name)).toEqual(["List-Unsubscribe", "List-Unsubscribe-Post"]);
  });

  it("these headers, and a mail address when there is one", () => {
    const post = { name: "List-Unsubscribe-Post", value: "List-Unsubscribe=One-Click" };
    expect(render({}).headers).toEqual([{ name: "List-Unsubscribe", value: `<${OWN}>` }, post]);
    expect(render({ unsubscribeMailto: "leave@example.com" }).headers).toEqual([
      { name: "List-Unsubscribe", value: `<${OWN}>, <mailto:leave@example.com>` },
      post,
    ]);
  });

  it("links of values, too, and leaves the text part alone", () => {
    const html = `<a href="https://example.com/?n={{ name | url_encode }}">{{ html | raw }}</a>`;
    const values = { name: "A&B", html: `</a><a href='https://b.example/'>b` };
    const mail = render({ html, text: "https://example.com/ {{ name }}" }, values);
    expect(mail.html).toContain("u=https%3A%2F%2Fexample.com%2F%3Fn%3DA%2526B");
    expect(mail.html).toContain("<a href='https://mail.example.com/c/click-7?u=https%3A%2F%2Fb.example%2F'>");
    expect(mail.text).toBe("https://example.com/ A&B");
  });

  it("nothing without tracking, and its stored form is the one it always was", () => {
    const { tracking: _none, ...content } = { ...CONTENT, tracking: undefined };
    const html = `<a href="https://example.com/">x</a>`;
    expect(compileContent({ ...content, html }).render("ann@example.com", {}).html).toBe(html);
  });
});

describe("{{ unsubscribe_url }}", () => {
  it("is the message's own link in subject, HTML and text, and is not tracked", () => {
    const mail = render({
      subject: "x {{ unsubscribe_url }}",
      html: `<a href="{{unsubscribe_url}}">leave</a><a href="{{ Unsubscribe_URL }}">leave</a>`,
      text: "{{ unsubscribe_url }}",
    });
    expect(mail.subject).toBe(`x ${OWN}`);
    expect(mail.html).toMatch(new RegExp(`^<a href="${OWN}">leave</a><a href="${OWN}">leave</a><img `));
    expect(mail.text).toBe(OWN);
  });

  it("wins over a column of that name, even an empty one", () => {
    const content = { ...CONTENT, html: "{{ unsubscribe_url }}", tracking: only({ unsubscribe: true }) };
    const compiled = compileContent(content);
    const check = compiled.check(["email", "unsubscribe_url"]);
    expect(check(["ann@example.com", ""])).toBeNull();
    const values = { email: "ann@example.com", unsubscribe_url: "https://elsewhere.example/" };
    expect(compiled.render("ann@example.com", values, LINKS).html).toBe(OWN);
  });

  it("is a column like any other without --unsubscribe, and an unknown one says how to get it", () => {
    const tracking = only({ opens: true });
    const compiled = compileContent({ ...CONTENT, html: "{{ unsubscribe_url }}", tracking });
    expect(compiled.check(["unsubscribe_url"])([""])).toMatch(/empty/);
    expect(() => compiled.check(["email"])).toThrow(
      expect.objectContaining({ hint: expect.stringContaining("--unsubscribe with --base-url") }),
    );
  });

  it("is known to the check of rows, in tags and with filters as well", () => {
    const html =
      "{% if unsubscribe_url %}<a href='{{ unsubscribe_url }}'>x</a>{% endif %}{{ unsubscribe_url | upcase }}";
    const check = compileContent({ ...CONTENT, html, tracking: TRACKING }).check(["email"]);
    expect(check(["ann@example.com"])).toBeNull();
    expect(render({ html }).html).toContain(`<a href='${OWN}'>x</a>${OWN.toUpperCase()}`);
  });

  it("of another service is not tracked either", () => {
    const url = "https://elsewhere.example/u?e={{ email }}";
    const mail = render({
      html: `<a href="https://elsewhere.example/u?e=ann%40example.com">leave</a><a href="https://example.com/">x</a>`,
      unsubscribeUrl: url,
      tracking: only({ clicks: true }),
    });
    expect(mail.html).toMatch(/^<a href="https:\/\/elsewhere.example\/u\?e=ann%40example.com">.*\/c\/click-7/);
  });
});

test("--unsubscribe beside another unsubscribe URL is refused", () => {
  const content = { ...CONTENT, tracking: TRACKING, unsubscribeUrl: "https://example.com/u" };
  expect(() => compileContent(content)).toThrow(UserError);
  expect(() => compileContent({ ...content, tracking: only({ opens: true }) })).not.toThrow();
});

test("fifteen headers are too many with two of ours", () => {
  const headers = Array.from({ length: 14 }, (_, index) => ({ name: `X-${index}`, value: "x" }));
  expect(() => compileContent({ ...CONTENT, headers, tracking: TRACKING })).toThrow(/at most 15 headers, got 16/);
});

test("without a message the links are those of a sample: whole, and for nobody", () => {
  const html = `<a href="https://example.com/">x</a> {{ unsubscribe_url }}`;
  const mail = compileContent({ ...CONTENT, html, tracking: TRACKING }).render("ann@example.com", {});
  const nobody = "A".repeat(32);
  for (const path of [`/v1/events/open?request_id=${nobody}`, `/c/${nobody}?u=https%3A%2F%2F`, `/u/${nobody}`])
    expect(mail.html).toContain(`https://mail.example.com${path}`);
});

describe("a literal content", () => {
  const literal = (change: Partial<Content>): Content => ({ ...CONTENT, literal: true, text: "", ...change });

  it("is sent as it is, whatever it looks like", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "binary" }),
        fc.constantFrom("{{ name }}", "{% if %}", "{{", "{% raw %}", ""),
        (a, b) => {
          const html = `<p>${a}${b}</p>`;
          expect(compileContent(literal({ html })).render("ann@example.com", { name: "Ann" }).html).toBe(html);
        },
      ),
    );
    const mail = compileContent(literal({ subject: "{{ name }} {% x" })).render("ann@example.com", {});
    expect(mail.subject).toBe("{{ name }} {% x");
  });

  it("gets its text from the HTML, and keeps one it has", async () => {
    const html = `<h1>Hello {{ you }}</h1><p>Read <a href="https://example.com/">this</a></p>`;
    const textOf = async (content: Content) =>
      (await prepareContent(content)).render("ann@example.com", { you: "x" }).text;
    expect(await textOf(literal({ html }))).toBe("Hello {{ you }}\n\nRead this [https://example.com/]\n");
    expect(await textOf(literal({ html, text: "own" }))).toBe("own");
    expect(await textOf({ ...CONTENT, html, text: "" })).toBe("");
  });

  it("that nests without end goes out all the same", async () => {
    const html = `${"<div>".repeat(200_000)}x`;
    const mail = (await prepareContent(literal({ html }))).render("ann@example.com", {});
    expect(mail.html).toBe(html);
    expect(mail.text).toMatch(/^x?\n$/);
  });

  it("has exactly {{ unsubscribe_url }} replaced, and only with --unsubscribe", async () => {
    const html = `<a href="{{ unsubscribe_url }}">a</a> {{unsubscribe_url}} {{  unsubscribe_url }} {{ unsubscribe_url | upcase }}`;
    const content = literal({ html, subject: "{{unsubscribe_url}}", tracking: only({ unsubscribe: true }) });
    const mail = (await prepareContent(content)).render("ann@example.com", {}, LINKS);
    expect(mail.html).toBe(`<a href="${OWN}">a</a> ${OWN} {{  unsubscribe_url }} {{ unsubscribe_url | upcase }}`);
    expect(mail.subject).toBe(OWN);
    expect(mail.text).toContain(`a [${OWN}] ${OWN}`);
    const without = compileContent({ ...content, tracking: only({ opens: true }) });
    expect(without.render("ann@example.com", {}, LINKS).html).toContain(html);
  });

  it("has its links tracked like any other", () => {
    const content = literal({ html: `<a href="https://example.com/">{{ x }}</a></body>`, tracking: TRACKING });
    const { html } = compileContent(content).render("ann@example.com", {}, LINKS);
    expect(html).toMatch(
      /^<a href="https:\/\/mail.example.com\/c\/click-7\?u=[^"]+">\{\{ x \}\}<\/a><img [^>]+><\/body>$/,
    );
  });

  it("is still refused a subject that is no subject", () => {
    expect(() => compileContent(literal({ subject: "a\r\nBcc: x@example.com" }))).toThrow(UserError);
    expect(() => compileContent(literal({ subject: "  " }))).toThrow(UserError);
  });
});
