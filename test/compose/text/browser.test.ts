/** The same words in the same order as a browser shows. */
import fc from "../../support/properties.ts";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { textOf } from "../../../src/compose/text/html-to-text.ts";
import { launchBrowser } from "../../support/browser.ts";

let browser: Browser;
let page: Page;

beforeAll(async () => {
  browser = await launchBrowser();
  page = await browser.newPage();
  // Long, in case the browser has to be installed first.
}, 300_000);
afterAll(() => browser.close());

/** What Chromium takes for the text of each page. */
function shown(pages: string[]): Promise<string[]> {
  return page.evaluate(
    `(${JSON.stringify(pages)}).map((html) => { document.open(); document.write(html); document.close(); return document.body.innerText; })`,
  );
}

/** Letters and digits only: what we put between them (bullets, `|`, quotes) is left out as well as white space. */
const words = (text: string): string[] => text.match(/[\p{L}\p{N}]+/gu) ?? [];
const withoutAddresses = (html: string): string => textOf(html, (text) => text);

const PAGES = [
  `<!doctype html><html><head><title>Title</title><style>p{color:red}</style></head><body style="margin:0"><h1>Good <b>evening</b>,
   Ann</h1><p>The nights<br>are <i>l</i>ong.</p><ul><li>One<li>Two<ul><li>Three</ul></ul><p>Read <a href="https://x.co">this</a>.</p></body></html>`,
  `<!doctype html><body><div style="display:none">Preheader</div><span style="visibility:hidden">No
   <b style="visibility:visible">Yes</b></span><p hidden>No</p><!--[if mso]><p>Outlook</p><![endif]--><p aria-hidden="true">Seen by eyes</p><script>1</script></body>`,
  `<!doctype html><body><table role="presentation" width="100%"><tr><td align="center"><table><tr><td><p>Header</p></td></tr><tr><td>Left</td><td>Right</td></tr></table>
   </td></tr></table><table border="1"><caption>Order</caption><thead><tr><th>Item</th><th>Price</th></tr></thead><tr><td>Chair<br>blue</td><td>12.50</td></tr>
   <tr><td colspan="2">Total<td>9</table></body>`,
  `<!doctype html><body><pre>a  b
   c</pre><blockquote>Quoted<p>twice</blockquote><dl><dt>Term<dd>Text</dl><p>&#123;&#123; name &#125;&#125; &amp;lt; &eacute;&copy</p><p>H<sub>2</sub>O <del>old</del></p>
   <div>a</div>b<div>c</div><form><label>Name</label></form><fieldset><legend>L</legend>f</fieldset><noframes>n</noframes></body>`,
  `<!doctype html><body><p>unclosed <b>bold <p>next</b> plain<li>item<td>cell</td><table><tr><td>a</div></p></li><td>b<table><td>inner</table>c<tr>before<td>d</table>after
   <a href="#">link<div>in</a> out</div><h1>h<h2>i</h1></body><p>late</p></html><p>later</p>`,
];

test.each(PAGES.map((html, index) => [index + 1, html] as const))("page %i", async (_, html) => {
  const [text = ""] = await shown([html]);
  expect(words(withoutAddresses(html))).toEqual(words(text));
  expect(words(text).length).toBeGreaterThan(3);
});

const NAMES =
  "div p b i a span ul li ol table tr td th font center h1 h2 blockquote dl dd dt tbody section em form".split(" ");
const tag = fc.constantFrom(...NAMES).chain((name) => fc.constantFrom(`<${name}>`, `<${name}>`, `</${name}>`));
const soup = fc
  .array(fc.oneof(tag, tag, fc.constantFrom("w", "w ", "<br>", " ")), { minLength: 3, maxLength: 18 })
  .map((pieces) =>
    pieces.map((piece, index) => piece.replace("w", piece.startsWith("w") ? `w${index}` : "w")).join(""),
  );

test("tags in any order", async () => {
  const pages = fc.sample(soup, { numRuns: 1500, seed: 20_260_101 }).map((html) => `<!doctype html><body>${html}`);
  const texts = await shown(pages);
  // Without the numbers of lists.
  const marked = (text: string): string[] => text.match(/w[\dw]*/g) ?? [];
  for (const [index, html] of pages.entries()) {
    expect({ html, words: marked(withoutAddresses(html)) }).toEqual({ html, words: marked(texts[index] ?? "") });
  }
}, 60_000);
