/** What the author captured, escaped or encoded by hand means in every place what its values mean there. */
import { describe, expect, test } from "vitest";
import { prepareContent } from "../../../src/compose/mail/tools.ts";
import type { Content } from "../../../src/message.ts";
import { CONTENT } from "../../support/store-actions.ts";

const JERRY = "Tom & Jerry #1";

async function mail(body: string, values: Record<string, string>, change: Partial<Content> = {}) {
  const content: Content = { ...CONTENT, format: "html", html: body, text: "", ...change };
  return (await prepareContent(content)).render("ann@example.com", values);
}

describe("in HTML", () => {
  test.each([
    [
      `{% capture k %}{{ v }}{% endcapture %}<a href="https://x.co/?q={{ k }}">`,
      '<a href="https://x.co/?q=Tom%20%26%20Jerry%20%231">',
    ],
    [
      `{% capture u %}https://x.co/?q={{ v }}&b=1{% endcapture %}<a href="{{ u }}">`,
      '<a href="https://x.co/?q=Tom%20%26%20Jerry%20%231&b=1">',
    ],
    [
      `{% capture k %}{{ v }}{% endcapture %}{% capture l %}{{ k }}!{% endcapture %}{% assign m = l %}{{ m }}<p title="{{ m }}">`,
      'Tom &amp; Jerry #1!<p title="Tom &amp; Jerry #1!">',
    ],
    [
      `{% capture k %}{{ v }}{% endcapture %}{% if k == "Tom & Jerry #1" %}same{% endif %} {{ k | size }} {{ k.size }}`,
      "same 14 14",
    ],
    [
      `{% capture k %}{{ v }}{% endcapture %}{% assign m = k | append: "!" %}{{ m }} {{ k | upcase }}`,
      "Tom &amp; Jerry #1! TOM &amp; JERRY #1",
    ],
    [`{% capture k %}{{ v }}{% endcapture %}{{ k | url_encode }}`, "Tom+%26+Jerry+%231"],
    [`{% capture k %} <b>{{ v }}</b> {% endcapture %}{{ k | strip }}`, "<b>Tom &amp; Jerry #1</b>"],
    [`{% capture k %}<b>{{ v }}</b>{% endcapture %}{{ k | default: "-" }}`, "<b>Tom &amp; Jerry #1</b>"],
    [`{% capture k %}<b>x</b>{% endcapture %}{{ k | append: v | append: "<br>" }}`, "<b>x</b>Tom &amp; Jerry #1<br>"],
    [
      `{% capture k %}<b>x</b>,<i>{{ v }}</i>{% endcapture %}{% assign all = k | split: "," %}{{ all | join: " + " }}`,
      "<b>x</b> + <i>Tom &amp; Jerry #1</i>",
    ],
    [
      `{% assign q = v | url_encode %}<a href="https://x.co/?q={{ q }}">`,
      '<a href="https://x.co/?q=Tom+%26+Jerry+%231">',
    ],
    [`{{ v | escape | raw }} {{ v | escape | upcase }}`, "Tom &amp; Jerry #1 TOM &amp; JERRY #1"],
    [
      `{% assign e = v | escape %}<a href="https://x.co/?q={{ e }}">`,
      '<a href="https://x.co/?q=Tom%20%26%20Jerry%20%231">',
    ],
  ])("%s", async (body, expected) => {
    expect((await mail(body, { v: JERRY })).html).toBe(expected);
  });

  test.each([
    "{{ v | newline_to_br }}",
    "{{ v | escape | newline_to_br | raw }}",
    '{{ v | newline_to_br | default: "-" }}',
  ])("%s breaks lines and lets nothing else through", async (body) => {
    expect((await mail(body, { v: "<i>\nx" })).html).toBe("&lt;i&gt;<br>\nx");
  });

  test("a text that a loop adds to stays right, however long", async () => {
    const body = `{% capture k %}{% endcapture %}{% for i in (1..3000) %}{% capture k %}{{ k }}{{ v }}{% endcapture %}{% endfor %}{{ k }}`;
    expect((await mail(body, { v: "<" })).html).toBe("&lt;".repeat(3_000));
  });
});

test("what was captured may be empty; what a column leaves empty refuses the row", async () => {
  const body = `{% capture k %}{% if plan == "gold" %}10 % off{% endif %}{% endcapture %}<p>{{ k }}</p>`;
  expect((await mail(body, { plan: "free" })).html).toBe("<p></p>");
  await expect(mail("{% capture k %}{{ v }}{% endcapture %}{{ k }}", { v: "" })).rejects.toThrow("{{ v }} is empty");
  await expect(mail("{% assign k = v | escape %}{{ k }}", { v: "" })).rejects.toThrow("{{ k }} is empty");
});

test("in Markdown, also in code and links", async () => {
  const body = "{% capture k %}{{ v }}{% endcapture %}`{{ k }}` [x](https://x.co/?q={{ k }}) **{{ k }}**";
  const { html } = await mail(body, { v: "a*b & c" }, { format: "markdown" });
  expect(html).toContain("<code>a*b &amp; c</code>");
  expect(html).toContain('href="https://x.co/?q=a*b%20%26%20c"');
  expect(html).toContain("<strong>a*b &amp; c</strong>");
});

test("in a text part and a subject of their own", async () => {
  const change = {
    subject: "{% capture k %}{{ v }}{% endcapture %}{{ k }}, {{ v | escape }}",
    text: "{% capture u %}https://x.co/?q={{ v }}{% endcapture %}{{ u }}",
  };
  const { subject, text } = await mail("x", { v: JERRY }, change);
  expect({ subject, text }).toEqual({
    subject: `${JERRY}, ${JERRY}`,
    text: "https://x.co/?q=Tom%20%26%20Jerry%20%231",
  });
});
