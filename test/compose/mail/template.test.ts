import fc from "../../support/properties.ts";
import { Liquid } from "liquidjs";
import { describe, expect, test } from "vitest";
import { RenderProblem } from "../../../src/compose/problem.ts";
import { compileContent } from "../../../src/compose/mail/template.ts";
import { UserError } from "../../../src/errors.ts";
import type { Content, RenderedMail } from "../../../src/message.ts";

function content(change: Partial<Content> = {}): Content {
  return {
    from: "News <news@example.com>",
    replyTo: [],
    subject: "Hello",
    html: "<p>Hello</p>",
    text: "Hello",
    headers: [],
    tags: [],
    attachments: [],
    configurationSet: null,
    unsubscribeUrl: null,
    unsubscribeMailto: null,
    allowEmpty: false,
    ...change,
  };
}

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof UserError) return `${error.message} | ${error.hint}`;
    throw error;
  }
  return "nothing was refused";
}

function render(change: Partial<Content>, values: Record<string, string> = {}): RenderedMail {
  return compileContent(content(change)).render("ann@example.com", values);
}

/** The reason for one row, which `render` must agree with. */
function reason(change: Partial<Content>, values: Record<string, string>): string | null {
  const compiled = compileContent(content(change));
  const found = compiled.check(Object.keys(values))(Object.values(values));
  expect(problemOf(() => compiled.render("ann@example.com", values))).toBe(found);
  return found;
}

function problemOf(work: () => unknown): string | null {
  try {
    work();
    return null;
  } catch (error) {
    if (error instanceof RenderProblem) return error.message;
    throw error;
  }
}

describe("compileContent refuses", () => {
  test.each<[string, Partial<Content>, RegExp]>([
    ["an open output", { subject: "Hi {{ name" }, /subject, line 1.*not closed/],
    ["an open tag, with its line", { html: "a\nb\n{% if x %}c" }, /HTML, line 3.*not closed/],
    ["an unknown filter", { text: "\n{{ name | uppcase }}" }, /text, line 2.*no filter "uppcase".*did you mean upcase/],
    ["an unknown tag", { text: "{% script %}" }, /no tag "script".*assign/],
    ["a header's syntax", { headers: [{ name: "X-A", value: "{{" }] }, /header X-A, line 1/],
    ["include", { html: '{% include "/etc/passwd" %}' }, /include/],
    ["render", { html: '{% render "/etc/passwd" %}' }, /render/],
    ["layout", { html: '{% layout "/etc/passwd" %}' }, /layout/],
    ["an empty subject", { subject: "  " }, /subject is empty/],
    ["a subject with a line break", { subject: "a\r\nBcc: x@y.co" }, /subject contains a line break/],
    ["From", { from: "news" }, /from expects.*no @/],
    ["Reply-To", { replyTo: ["a@b.co", "x"] }, /reply_to expects/],
    [
      "a header SES writes",
      { headers: [{ name: "Reply-to", value: "a@b.co" }] },
      /Reply-to is written by SES.*--reply-to/,
    ],
    ["a header's name", { headers: [{ name: "X A", value: "1" }] }, /"X A"/],
    [
      "a header with a line break",
      { headers: [{ name: "X-A", value: "1\r\nBcc: x@y.co" }] },
      /X-A contains a line break/,
    ],
    ["an empty header", { headers: [{ name: "X-A", value: "" }] }, /X-A is empty/],
    [
      "a header that is too long",
      { headers: [{ name: "X-A", value: "a".repeat(994) }] },
      /X-A is 994 characters long, SES takes 993/,
    ],
    [
      "a header given twice",
      { headers: ["List-Id", "list-id"].map((name) => ({ name, value: "1" })) },
      /list-id is given twice/,
    ],
    [
      "List-Unsubscribe beside --unsubscribe-url",
      { headers: [{ name: "List-Unsubscribe", value: "<https://x.co>" }], unsubscribeUrl: "https://x.co" },
      /List-Unsubscribe is given twice/,
    ],
    [
      "16 headers with the unsubscribe pair",
      {
        headers: Array.from({ length: 14 }, (_, index) => ({ name: `X-${index}`, value: "1" })),
        unsubscribeUrl: "https://x.co",
      },
      /at most 15 headers, got 16/,
    ],
    ["an http unsubscribe URL", { unsubscribeUrl: "http://x.co/{{ email }}" }, /https/],
    ["an unsubscribe URL that is none", { unsubscribeUrl: "x.co" }, /https/],
    ["an unsubscribe URL without https, whatever its variables say", { unsubscribeUrl: "x.co/{{ email }}" }, /https/],
    [
      "a mail address for an unsubscribe URL",
      { unsubscribeUrl: "mailto:u@x.co?subject={{ email }}" },
      /unsubscribe_mailto/,
    ],
    ["an unsubscribe address that is none", { unsubscribeMailto: "x" }, /--unsubscribe-mailto.*no @/],
    ["a mailto with a line break", { unsubscribeMailto: "a@b.co?subject=x\r\ny" }, /--unsubscribe-mailto/],
  ])("%s", (_, change, expected) => {
    expect(refusal(() => compileContent(content(change)))).toMatch(expected);
  });
});

describe("a variable that is no column is refused before any row", () => {
  const columns = ["email", "first_name", "user.name"];
  const check = (change: Partial<Content>) => compileContent(content(change)).check(columns);

  test.each([
    ["{{ frist_name }}", /\{\{ frist_name \}\}.*did you mean \{\{ first_name \}\}.*default/],
    ["{{ constructor }}", /constructor/],
    ["{{ __proto__ }}", /__proto__/],
    ["{{ email.constructor }}", /email\.constructor/],
    ["{{ first_name.length }}", /first_name\.length/],
    ["{{ user.name }}", /did you mean \{\{ \["user\.name"\] \}\}/],
    ["{% if vip %}x{% endif %}", /vip/],
    ["{{ nick | default: 'x' }} {{ nick }}", /nick/],
    ["{{ 'x' | append: nick }}", /nick/],
    ["{{ Last Name }}", /Last Name/],
  ])("%s", (template, expected) => {
    for (const part of ["subject", "html", "text"])
      expect(refusal(() => check({ [part]: `x${template}` }))).toMatch(expected);
  });

  test("unless there is a default, or --allow-empty", () => {
    expect(check({ html: "{{ nick | default: 'friend' }}" })(["a@b.co", "Ann", ""])).toBeNull();
    expect(check({ html: "{{ nick }}", allowEmpty: true })(["a@b.co", "Ann", ""])).toBeNull();
    expect(render({ html: "Hi {{ nick }}!", allowEmpty: true }).html).toBe("Hi !");
  });
});

describe("a row is refused for what only it lacks", () => {
  test.each<[string, Partial<Content>, Record<string, string>, string | RegExp]>([
    ["empty", { subject: "Hi {{ name }}" }, { name: "" }, "{{ name }} is empty and has no default"],
    ["white space", { html: "Hi {{ name }}" }, { name: " \t" }, "{{ name }} is empty and has no default"],
    ["behind a filter", { html: "{{ name | upcase }}" }, { name: "" }, /name.*is empty/],
    ["as a filter's argument", { html: '{{ "Hi " | append: name }}' }, { name: "" }, /name.*is empty/],
    [
      "in a branch taken",
      { html: "{% if vip %}{{ name }}{% endif %}" },
      { name: "", vip: "1" },
      /\{\{ name \}\} is empty/,
    ],
    ["beside a tag", { html: "{% if vip %}x{% endif %}{{ name }}" }, { name: "", vip: "" }, /\{\{ name \}\} is empty/],
    ["an assigned value", { html: '{% assign p = name | split: "," %}{{ p[1] }}' }, { name: "a" }, /p\[1\].*is empty/],
    ["a default that is empty too", { html: "{{ nick | default: name }}" }, { nick: "", name: "" }, /is empty/],
    [
      "a line break in the subject",
      { subject: "Hi {{ name }}" },
      { name: "a\r\nBcc: x@y.co" },
      /subject contains a line break/,
    ],
    [
      "a line break in a header",
      { headers: [{ name: "X-A", value: "{{ name }}" }] },
      { name: "a\nb" },
      /X-A contains a line break/,
    ],
    [
      "a long header",
      { headers: [{ name: "X-A", value: "{{ name }}" }] },
      { name: "a".repeat(1_000) },
      /X-A is 1000 characters/,
    ],
    ["a URL that is none", { unsubscribeUrl: "{{ url | raw }}" }, { url: "ftp://x" }, /unsubscribe URL/],
    [
      "a URL out of its brackets",
      { unsubscribeUrl: "{{ url | raw }}" },
      { url: "https://x.co/>,<y" },
      /unsubscribe URL/,
    ],
    ["a long URL", { unsubscribeUrl: "https://x.co/{{ id }}" }, { id: "a".repeat(1_000) }, /List-Unsubscribe is/],
    ["an endless loop", { html: "{% for i in (1..100000000) %}{{ i }}{% endfor %}{{ name }}" }, { name: "a" }, /limit/],
  ])("%s", (_, change, values, expected) => {
    expect(reason(change, values)).toMatch(expected);
  });

  test.each<[string, Partial<Content>, Record<string, string>]>([
    ["a value", { html: "{{ name }}" }, { name: "Ann" }],
    ["an empty default of the author's", { html: '{{ name | default: "" }}' }, { name: "" }],
    ["a default at the end of the filters", { html: '{{ name | capitalize | default: "friend" }}' }, { name: "" }],
    ["a branch not taken", { html: "{% if vip %}{{ name }}{% endif %}" }, { name: "", vip: "" }],
    ["a question for emptiness", { html: '{% if name != "" %}{{ name }}{% else %}friend{% endif %}' }, { name: " " }],
    ["--allow-empty", { subject: "Hi {{ name }}", html: "{{ name }}", allowEmpty: true }, { name: "" }],
  ])("but not for %s", (_, change, values) => {
    expect(reason(change, values)).toBeNull();
  });
});

describe("renders", () => {
  const nasty = `<b>"O'Grady" & Söhne</b>`;

  test("each value escaped for where it stands", () => {
    const template = "{{ name }}";
    const mail = render(
      {
        subject: template,
        html: template,
        text: template,
        unsubscribeUrl: "https://x.co/?n={{ name }}",
        headers: [{ name: "X-A", value: template }],
      },
      { name: nasty },
    );
    expect(mail.html).toBe("&lt;b&gt;&#34;O&#39;Grady&#34; &amp; Söhne&lt;/b&gt;");
    expect(mail.subject).toBe(nasty);
    expect(mail.text).toBe(nasty);
    expect(mail.headers).toEqual([
      { name: "X-A", value: expect.stringMatching(/^<b>"O'Grady" & =\?UTF-8\?B\?[^ ]+\?=$/) as string },
      { name: "List-Unsubscribe", value: `<https://x.co/?n=${encodeURIComponent(nasty)}>` },
      { name: "List-Unsubscribe-Post", value: "List-Unsubscribe=One-Click" },
    ]);
  });

  test.each([
    ["{{ name | raw }}", "<b>"],
    ["{% raw %}{{ First Name }} {{ name }}{% endraw %}{{ name | raw }}", "{{ First Name }} {{ name }}<b>"],
    ["{{ name | escape }}", "&lt;b&gt;"],
    ["{{ name | upcase }}", "&lt;B&gt;"],
    ["{{ other | default: name }}", "&lt;b&gt;"],
    ["{% if name %}{{ name }}{% endif %}", "&lt;b&gt;"],
    ["{% for c in (1..2) %}{{ name }}{% endfor %}", "&lt;b&gt;&lt;b&gt;"],
    ['{% assign x = name | append: "&" %}{{ x }}', "&lt;b&gt;&amp;"],
  ])("%s as %s in HTML", (html, expected) => {
    expect(render({ html }, { name: "<b>" }).html).toBe(expected);
  });

  test("columns by any name", () => {
    const values = { "First Name": "Ann", "e-mail (work)": "w@x.co", 이름: "민지", "user.name": "u", City: "Bonn" };
    const html =
      '{{ First Name | upcase }} {{e-mail (work)}} {{- 이름 -}} {{ ["user.name"] }} {{ city }} {{ CITY }} {{ email }}';
    expect(render({ html }, values).html).toBe("ANN w@x.co민지u Bonn Bonn ann@example.com");
    expect(reason({ html }, values)).toBeNull();
    expect(compileContent(content({ html })).columns).toEqual(
      "CITY|First Name|city|e-mail (work)|email|user.name|이름".split("|"),
    );
  });

  test("a column called email beats the address, another spelling of the list later too", () => {
    const compiled = compileContent(content({ html: "{{ email }}/{{ name }}" }));
    expect(compiled.render("ann@x.co", { email: "cell", Name: "A" }).html).toBe("cell/A");
    expect(compiled.render("ann@x.co", { NAME: "B" }).html).toBe("ann@x.co/B");
  });

  test("From and Reply-To for the wire", () => {
    const mail = render({ from: "하버 <a@b.co>", replyTo: ["Na, me <c@d.co>"] });
    expect(mail.from).toMatch(/^=\?UTF-8\?B\?.*\?= <a@b\.co>$/);
    expect(mail.replyTo).toEqual(['"Na, me" <c@d.co>']);
    expect(mail.to).toBe("ann@example.com");
  });

  test.each([
    ["https://bücher.example/ab melden?n={{ name }}", "https://xn--bcher-kva.example/ab%20melden?n=Zo%C3%AB"],
    ["https://x.co/ü", "https://x.co/%C3%BC"],
    ["{{ url | raw }}", "https://x.co/%C3%BC?q=a%20b"],
  ])("the unsubscribe URL %s stands in its header as a URI", (unsubscribeUrl, uri) => {
    const { headers } = render({ unsubscribeUrl }, { name: "Zoë", url: "https://x.co/ü?q=a b" });
    expect(headers[0]?.value).toBe(`<${uri}>`);
  });

  test("a value in a header of URIs stands in an address, one in an id does not", () => {
    const headers = [{ name: "Archived-At", value: "<https://x.co/{{ name }}>" }];
    expect(render({ headers }, { name: "Tom & Jerry #1 <x>" }).headers[0]?.value).toBe(
      "<https://x.co/Tom%20%26%20Jerry%20%231%20%3Cx%3E>",
    );
    const id = [{ name: "List-Id", value: "News <{{ name }}.x.co>" }];
    expect(render({ headers: id }, { name: "a-b" }).headers[0]?.value).toBe("News <a-b.x.co>");
    expect(() => render({ headers: id }, { name: "Zoë" })).toThrow(/List-Id expects an id in ASCII/);
  });

  test("a list gives a List-Id before the unsubscribe headers, also to a content that is literal", () => {
    const unsubscribeUrl = "https://example.com/u";
    for (const given of [{}, { literal: true as const }])
      expect(render({ list: "weekly", unsubscribeUrl, ...given }).headers.map(({ name }) => name)).toEqual([
        "List-Id",
        "List-Unsubscribe",
        "List-Unsubscribe-Post",
      ]);
    const own = [{ name: "List-ID", value: "{{ list }} <own.example.com>" }];
    expect(render({ list: "weekly", headers: own }, { list: "Own" }).headers).toEqual([
      { name: "List-ID", value: "Own <own.example.com>" },
    ]);
    expect(render({ list: "a\r\nBcc: b@example.com" }).headers).toEqual([
      {
        name: "List-Id",
        value: expect.stringMatching(/^=\?UTF-8\?B\?\S+\?= <a-bcc-b-example-com-\w+\.example\.com>$/),
      },
    ]);
  });

  test("a List-Id counts as a header", () => {
    const headers = Array.from({ length: 15 }, (_, index) => ({ name: `X-${index}`, value: "x" }));
    expect(refusal(() => compileContent(content({ headers })))).toBe("nothing was refused");
    expect(refusal(() => compileContent(content({ headers, list: "weekly" })))).toContain("at most 15 headers, got 16");
  });

  test("a mailto alone gives no one-click header", () => {
    expect(render({ unsubscribeMailto: "u@x.co?subject=bye" }).headers).toEqual([
      { name: "List-Unsubscribe", value: "<mailto:u@x.co?subject=bye>" },
    ]);
    expect(render({ unsubscribeMailto: "u@x.co", unsubscribeUrl: "https://x.co/u" }).headers[0]?.value).toBe(
      "<https://x.co/u>, <mailto:u@x.co>",
    );
  });

  test("half an emoji is not sent", () => {
    expect(render({ html: "{{ name | split: '' | first }}" }, { name: "😀" }).html).toBe("\uFFFD");
  });

  test("what a header left empty by --allow-empty says: nothing", () => {
    const headers = [{ name: "X-A", value: "{{ name }}" }];
    expect(render({ headers, allowEmpty: true }, { name: "" }).headers).toEqual([]);
  });
});

test("no value gets out of HTML, a URL or a header line", () => {
  const compiled = compileContent(
    content({
      html: '<a title="{{ v }}">{{ v | upcase }}{% if v %}{{ v }}{% endif %}</a>',
      unsubscribeUrl: "https://x.co/{{ v }}",
      headers: [{ name: "X-A", value: "{{ v }}" }],
    }),
  );
  const check = compiled.check(["v"]);
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (v) => {
      if (check([v]) !== null) return;
      const mail = compiled.render("a@b.co", { v });
      expect(mail.html.match(/[<>"]/g)?.join("")).toBe('<""><>');
      for (const { value } of mail.headers) expect(value).toMatch(/^[ -~]{1,995}$/);
      expect(mail.headers[1]?.value).toMatch(/^<https:[^<>]*>$/);
    }),
  );
});

test("templates without tags come out as LiquidJS itself writes them", () => {
  const liquid = new Liquid({ outputEscape: "escape", jsTruthy: true });
  const piece = fc.constantFrom(
    "<p>",
    " ",
    "\n",
    "{{ a }}",
    "{{b}}",
    "{{- a -}}",
    "{{ a | upcase }}",
    '{{ b | default: "&" }}',
    "{{ a.size }}",
    '{{ "x" }}',
  );
  const value = fc
    .string({ unit: fc.constantFrom("x", "<", "&", '"', "'", "김", " ", "$&") })
    .map((text) => `v${text}`);
  fc.assert(
    fc.property(fc.array(piece, { minLength: 1 }), value, value, (pieces, a, b) => {
      const html = pieces.join("");
      expect(render({ html }, { a, b }).html).toBe(liquid.parseAndRenderSync(html, { a, b }));
    }),
  );
});

test("check and render agree on every row", () => {
  const template = fc.constantFrom(
    "{{ a }}",
    '{{ a | default: "x" }}',
    "{{ a | default: b }}",
    "{{ a | append: b }}",
    "{{ a | split: ',' | last }}",
    "{% if a %}{{ b }}{% endif %}",
    "{% unless a %}{{ b }}{% endunless %}",
    "plain",
  );
  const value = fc.constantFrom("", " ", "x", "x,y", "a\nb", "<&>");
  fc.assert(
    fc.property(template, template, template, value, value, (subject, html, text, a, b) => {
      const compiled = compileContent(
        content({ subject, html, text, headers: [{ name: "X-A", value: `-${subject}` }] }),
      );
      const found = compiled.check(["a", "b"])([a, b]);
      const work = (): unknown => compiled.render("x@y.co", { a, b });
      expect(problemOf(work)).toBe(found);
    }),
  );
});
