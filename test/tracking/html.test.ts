import fc from "../support/properties.ts";
import { Parser } from "htmlparser2";
import { describe, expect, it, test } from "vitest";
import { targetOf, trackHtml } from "../../src/tracking/html.ts";
import { messageLinks, sampleLinks } from "../../src/tracking/message-links.ts";

const BASE = "https://mail.example.com";
const TOKEN = "T".repeat(32);
const LINKS = messageLinks(
  { baseUrl: BASE, opens: true, clicks: true, unsubscribe: true },
  { open: () => TOKEN, click: () => TOKEN, unsubscribe: () => TOKEN },
  1,
);
const CLICK = `${BASE}/c/${TOKEN}?u=`;
const PIXEL = `<img src="${BASE}/v1/events/open?request_id=${TOKEN}" width="1" height="1" alt="" style="display:block;width:1px;height:1px;border:0">`;

const clicks = (html: string) => trackHtml(html, { click: (url) => LINKS.click(url), pixel: null });
const both = (html: string) => trackHtml(html, { click: (url) => LINKS.click(url), pixel: LINKS.open() });

/** Where links lead, as a mail program reads them. */
function hrefs(html: string): string[] {
  const found: string[] = [];
  const parser = new Parser({
    onopentag(name, { href }) {
      if ((name === "a" || name === "area") && href !== undefined) found.push(href);
    },
  });
  parser.end(html);
  return found;
}

const leadsTo = (href: string) => (href.startsWith(CLICK) ? new URL(href).searchParams.get("u") : null);

describe("links", () => {
  test.each<[string, string, string]>([
    ["a link", `<a href="https://example.com/">x</a>`, "https://example.com/"],
    ["http", `<a href="http://example.com/">x</a>`, "http://example.com/"],
    ["upper case", `<A HREF="HTTPS://Example.com/A">x</A>`, "HTTPS://Example.com/A"],
    ["an image map", `<map><area shape=rect href='https://example.com/a'></map>`, "https://example.com/a"],
    ["no quotes", `<a href=https://example.com/a?b=c class=x>x</a>`, "https://example.com/a?b=c"],
    ["spaces around", `<a  href = " https://example.com/\n" >x</a>`, "https://example.com/"],
    ["line breaks inside", `<a href="https://example.com/a\n\tb">x</a>`, "https://example.com/ab"],
    ["entities", `<a href="https://example.com/?a=1&amp;b=2&#38;c=&quot;">x</a>`, `https://example.com/?a=1&b=2&c="`],
    ["no entities", `<a href="https://example.com/?a=1&b=2&copy=3&not;">x</a>`, "https://example.com/?a=1&b=2&copy=3¬"],
    ["apostrophes", `<a href='https://example.com/&#39;"'>x</a>`, `https://example.com/'"`],
    ["an apostrophe in quotes", `<a href="https://example.com/it's">x</a>`, "https://example.com/it's"],
    ["한글", `<a href="https://example.com/소식?이름=김">x</a>`, "https://example.com/소식?이름=김"],
    [
      "of two addresses the first",
      `<a href="https://one.example/" href="https://two.example/">x</a>`,
      "https://one.example/",
    ],
    ["a fragment and an escape", `<a href="https://example.com/%20a#b%23">x</a>`, "https://example.com/%20a#b%23"],
  ])("%s", (_name, html, target) => {
    const [href = ""] = hrefs(clicks(html));
    expect(leadsTo(href)).toBe(target);
    expect(targetOf(hrefs(html)[0] ?? "")).toBe(target);
  });

  test.each([
    `<a href="mailto:a@example.com">x</a>`,
    `<a href="tel:+8210">x</a>`,
    `<a href="#top">x</a>`,
    `<a href="/relative">x</a>`,
    `<a href="//example.com/">x</a>`,
    `<a href="javascript:alert(1)">x</a>`,
    `<a href="httpsx://example.com">x</a>`,
    `<a href="">x</a><a href>x</a><a name=b>x</a>`,
    `<a href="https://">x</a><a href="http://[">x</a>`,
    `<a data-href="https://example.com/">x</a>`,
    `<abbr href="https://example.com/">x</abbr>`,
    `<link href="https://example.com/"><base href="https://example.com/"><img src="https://example.com/">`,
    `<!-- <a href="https://example.com/">x</a> -->`,
    `<!--[if mso]><a href="https://example.com/">x</a><![endif]-->`,
    `<style>a[href="https://example.com/"]{}</style><script>'<a href="https://example.com/">'</script>`,
    `<textarea><a href="https://example.com/"></textarea><title><a href="https://example.com/"></title>`,
    `<p title='<a href="https://example.com/">'>x</p>`,
    `<a href="https://example.com/${"x".repeat(4_000)}">x</a>`,
    `<a href="https://example.com/${"한".repeat(500)}">x</a>`,
    `<a href="https://example.com/${"&#120;".repeat(4_000)}">x</a>`,
    `<a href="https://example.com/" `,
    `a < b && c > d; <a`,
  ])("stay as they are: %s", (html) => {
    expect(clicks(html)).toBe(html);
  });

  test.each([
    [`<a data-no-track href="https://example.com/">x</a>`, `<a href="https://example.com/">x</a>`],
    [`<a href="https://example.com/" data-no-track="">x</a>`, `<a href="https://example.com/" >x</a>`],
    [`<a href=https://example.com/ DATA-NO-TRACK='1' id=b>x</a>`, `<a href=https://example.com/ id=b>x</a>`],
    [`<a title=x data-no-track/>y</a>`, `<a title=x />y</a>`],
    [`<p data-no-track>x</p>`, `<p data-no-track>x</p>`],
  ])("marked data-no-track lose only the mark: %s", (html, expected) => {
    expect(clicks(html)).toBe(expected);
  });

  it("that the caller leaves stay", () => {
    const html = `<a href="https://example.com/u">x</a><a href="https://example.com/v">x</a>`;
    const tracked = trackHtml(html, { click: (url) => (url.endsWith("u") ? null : LINKS.click(url)), pixel: null });
    expect(hrefs(tracked).map(leadsTo)).toEqual([null, "https://example.com/v"]);
  });

  it("half of a surrogate pair does not stop the mail", () => {
    expect(leadsTo(hrefs(clicks(`<a href="https://example.com/\ud800">x</a>`))[0] ?? "")).toBe(
      "https://example.com/\ufffd",
    );
  });
});

describe("the pixel", () => {
  test.each([
    ["<html><body><p>x</p></body></html>", `<html><body><p>x</p>${PIXEL}</body></html>`],
    ["<body>a</body><body>b</BODY\n>c", `<body>a</body><body>b${PIXEL}</BODY\n>c`],
    ["<p>x</p>", `<p>x</p>${PIXEL}`],
    ["", PIXEL],
    ["<p>x</p><!-- </body> -->", `<p>x</p><!-- </body> -->${PIXEL}`],
    ["a</body><script>'</body>'</script>", `a${PIXEL}</body><script>'</body>'</script>`],
    ["a</body ></ body>", `a${PIXEL}</body ></ body>`],
    [`x</body><a href="#">y</a>`, `x${PIXEL}</body><a href="#">y</a>`],
  ])("%j", (html, expected) => {
    expect(both(html)).toBe(expected);
  });

  it("stands before links that follow the body, too", () => {
    const tracked = both(`<a href="https://a.example/">a</a></body><a href="https://b.example/">b</a>`);
    expect(hrefs(tracked).map(leadsTo)).toEqual(["https://a.example/", "https://b.example/"]);
    expect(tracked.indexOf(PIXEL)).toBe(tracked.indexOf("</body>") - PIXEL.length);
  });
});

/** Pieces that are awkward beside each other. */
const PIECES = (
  "<a|<a |<area |</a>|<p>|</p>|<!--|-->|--!>|<![CDATA[|]]>|<?|<style>|</style>|<script>|</script>|<title>|</title>|<textarea>|" +
  "</textarea>|</body>|</ body>|<body |<svg>|<|>|/|/>|=|\"|'| |\n|&|&amp;|&lt|;|href| href=| href=\"| href='|https://example.com/|" +
  "http://x.example?a&b|mailto:a@b.c|data-no-track|ü|한|🦊|\0|{{ x }}"
).split("|");
const anyHtml = fc.oneof(
  { weight: 3, arbitrary: fc.array(fc.constantFrom(...PIECES), { maxLength: 40 }).map((pieces) => pieces.join("")) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 200 }) },
);

test("any HTML is the same byte for byte once what was put in is taken out", () => {
  fc.assert(
    fc.property(anyHtml, (any) => {
      const html = any.replaceAll("data-no-track", "data-x");
      const written: string[] = [];
      // Marks that occur nowhere else, so that they are found again whatever stands around them.
      const mark = (index: number) => `\u{f0000}${index}\u{f0001}`;
      const tracked = trackHtml(html, { click: (url) => mark(written.push(url) - 1), pixel: "\u{f0002}" });
      expect(tracked).toContain("\u{f0002}");
      expect(restore(tracked.replace(/<img src="\u{f0002}"[^>]*>/u, ""), html, written)).toBe(html);
    }),
    { numRuns: 3_000 },
  );
});

/** Puts the addresses of the original back, as they were written there; each must be what its link was made for. */
function restore(tracked: string, original: string, written: string[]): string {
  let restored = "";
  const parts = tracked.split(/\u{f0000}\d+\u{f0001}/u);
  parts.forEach((part, index) => {
    restored += part;
    const url = written[index];
    if (index === parts.length - 1 || url === undefined) return;
    const raw = candidates(original, restored.length).find((text) => targetOf(text) === url && continues(text));
    restored += raw ?? `(${url} is not there)`;
    function continues(text: string): boolean {
      return original.startsWith(parts[index + 1] ?? "", restored.length + text.length);
    }
  });
  return restored;
}

function candidates(original: string, from: number): string[] {
  return Array.from({ length: original.length - from + 1 }, (_, length) => original.slice(from, from + length));
}

test("a mail program sees the same mail: same text, same elements, every link where it led", () => {
  const seen = (html: string) => {
    const events: unknown[] = [];
    new Parser({
      onopentag: (name, attributes) => {
        const href = attributes["href"];
        const led = href === undefined ? undefined : (leadsTo(href) ?? targetOf(href) ?? href);
        const isLink = name === "a" || name === "area";
        if (!JSON.stringify(attributes).includes("/v1/events/open"))
          events.push([name, isLink ? { ...attributes, href: led, "data-no-track": undefined } : attributes]);
      },
      ontext: (text) => events.push(text),
      oncomment: (text) => events.push({ comment: text }),
    }).end(html);
    return events;
  };
  fc.assert(
    fc.property(anyHtml, (html) => {
      expect(seen(clicks(html))).toEqual(seen(html));
    }),
    { numRuns: 3_000 },
  );
});

test("any address round-trips through HTML, link and query", () => {
  const url = fc
    .tuple(
      fc.webUrl({ withQueryParameters: true, withFragments: true }),
      fc.string({ unit: "grapheme", maxLength: 20 }),
    )
    .map(([address, tail]) => `${address}${tail.replace(/[\s\p{Cc}]/gu, "")}`)
    .filter((address) => URL.canParse(address));
  const quote = fc.constantFrom('"', "'");
  fc.assert(
    fc.property(url, quote, (address, quote) => {
      const written = address.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("'", "&#39;");
      const tracked = clicks(`<a href=${quote}${written}${quote} title="x">y</a>`);
      expect(hrefs(tracked).map(leadsTo)).toEqual([address]);
      expect(tracked).toMatch(/ title="x">y<\/a>$/);
    }),
  );
});

test("what is written needs no escaping anywhere", () => {
  fc.assert(
    fc.property(fc.webUrl({ withQueryParameters: true }), (url) => {
      expect(LINKS.click(`${url}"'<>&\``)).toMatch(/^[A-Za-z0-9\-._~:/?=%!*()]+$/);
    }),
  );
});

test("links of samples look like the others", () => {
  const sample = sampleLinks({ baseUrl: BASE, opens: true, clicks: true, unsubscribe: true });
  expect(sample.unsubscribe()).toHaveLength(LINKS.unsubscribe().length);
  expect(sample.open()).toHaveLength(LINKS.open().length);
});
