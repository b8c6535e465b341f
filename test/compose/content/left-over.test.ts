import fc from "../../support/properties.ts";
import { describe, expect, test } from "vitest";
import type { Content } from "../../../src/message.ts";
import { leftOverReport, leftOverTags, placeholdersIn } from "../../../src/compose/content/left-over.ts";
import { CONTENT } from "../../support/store-actions.ts";

describe("tags of other systems", () => {
  test.each([
    ["Hi *|FNAME|*, *|IF:VIP|*", ["*|FNAME|*", "*|IF:VIP|*"]],
    ["your code is %%code%%.", ["%%code%%"]],
    ['[[firstname]] [[data:name:"x"]]', ["[[firstname]]", '[[data:name:"x"]]']],
    ["Hi %recipient.name% %unsubscribe_url% %FIRSTNAME%", ["%recipient.name%", "%unsubscribe_url%", "%FIRSTNAME%"]],
    ["https://x.co/?e=%recipient.email%", ["%recipient.email%"]],
    ["[firstname,fallback=] [Name,fallback=friend]", ["[firstname,fallback=]", "[Name,fallback=friend]"]],
    ["[UNSUBSCRIBEURL]", ["[UNSUBSCRIBEURL]"]],
    ["<<First Name>>", ["<<First Name>>"]],
    ["&lt;&lt;Name&gt;&gt;", ["&lt;&lt;Name&gt;&gt;"]],
    ["«First_Name» «Vorname»", ["«First_Name»", "«Vorname»"]],
    ["${name} #{name} {$name} {!Contact.Name}", ["${name}", "#{name}", "{$name}", "{!Contact.Name}"]],
    ["<%= name %> [% name %] ##name##", ["<%= name %>", "[% name %]", "##name##"]],
    ["Hi {name}, {first_name}", ["{name}", "{first_name}"]],
    ["Hi { name }}", ["{ name }}"]],
    ["Hi { { name } }", ["{ { name } }"]],
    ["{ % if vip % } {# note #}", ["{ % if vip % }", "{# note #}"]],
    ["｛｛ name ｝｝ ｛{first_name}｝", ["｛｛ name ｝｝", "｛{first_name}｝"]],
    ["｛％ if vip ％｝", ["｛％ if vip ％｝"]],
    ["*|FNAME|* and *|FNAME|*", ["*|FNAME|*"]],
  ])("%s", (text, tags) => {
    expect(leftOverTags(text)).toEqual(tags);
  });

  test.each([
    "100%% off, 50% to 60%, 5%-10%, 20%rabatt%, 100%or50%",
    "[1] [a] [[1]] a[0][1] [sic]",
    "«слово», « mot », «Hallo», <<",
    "https://x.co/?a=%C3%A4%20bc%E2%80%A6&x=%20name%20#top",
    "{{ name }} {{ 'x[[y]]' | append: '%%z%%' }} {% if a == '*|b|*' %}{% endif %}",
    "{% raw %}{{ name }}{% endraw %}",
    "@media print{.a{width:100%;height:50%}}.b{color:red} @media x{#nav{a:b}#c{d:e}}",
    "<!--[if mso]><td><![endif]-->",
    "if (a) {return}} function(){x}",
    "*bold* ** |a|b| $5 #1 ## Title {} { }",
    "Ann <ann@example.com>, 3 < 4 > 2",
  ])("nothing in %s", (text) => {
    expect(leftOverTags(text)).toEqual([]);
  });

  test("a mail that is ready has no Liquid of its own any more", () => {
    expect(placeholdersIn("Hi {{ name }} {% if x %} *|A|*")).toEqual([
      "{{ name }} {% if x %} *|A|*",
      "{% if x %} *|A|*",
      "*|A|*",
    ]);
    expect(placeholdersIn("<style>.a{b{c:d}}</style> 100 %}")).toEqual([]);
  });

  test("plain words and numbers are never taken for tags", () => {
    const word = fc.string({ unit: fc.constantFrom(...Array.from("abcäöü 0123456789.,;:!?-%€$()'\n")) });
    fc.assert(
      fc.property(word, (text) => {
        expect(leftOverTags(text.replaceAll(/%(?=\S)/g, "% "))).toEqual([]);
      }),
    );
  });
});

describe("what send says", () => {
  test("nothing about a content of ours", () => {
    expect(leftOverReport({ ...CONTENT, html: "<p>{{ name }}</p>", text: "{{ name }}" })).toBeNull();
  });

  test.each<[string, Partial<Content>]>([
    ["preheader", { preheader: "Hi *|FNAME|*" }],
    ["from", { from: "*|FNAME|* <a@example.com>" }],
    ["reply_to", { replyTo: ["*|FNAME|* <a@example.com>"] }],
    ["unsubscribe URL", { unsubscribeUrl: "https://example.com/*|FNAME|*" }],
    ["attachments", { files: { folder: "/x", attachments: ["*|FNAME|*.pdf"], inlineImages: false } }],
  ])("what stands in %s", (place, change) => {
    expect(leftOverReport({ ...CONTENT, ...change })).toContain(`*|FNAME|* (${place})`);
  });

  test("up to three tags, and where each is", () => {
    const report = leftOverReport({
      ...CONTENT,
      subject: "Hi *|FNAME|*",
      html: "<p>*|FNAME|* %%code%% &lt;&lt;Name&gt;&gt;</p>",
      text: "*|FNAME|* %%code%% <<Name>> [[x]] ##yy##",
      headers: [{ name: "X-Id", value: "%%code%%" }],
    });
    expect(report).toContain(
      "*|FNAME|* (subject, HTML, text), %%code%% (HTML, text, header X-Id), <<Name>> (HTML, text) and 2 more",
    );
  });
});
