import fc from "../../support/properties.ts";
import { describe, expect, test } from "vitest";
import { textOf } from "../../../src/compose/text/html-to-text.ts";

/** Without the line feed at the end. */
function text(html: string): string {
  const whole = textOf(html);
  expect(whole).toMatch(/\n$/);
  return whole.slice(0, -1);
}

const lines = (...all: string[]): string => all.join("\n");

describe("white space", () => {
  test.each([
    ["collapses across elements", " <p> a <b> b </b> c<i>d</i>\n\te </p> ", "a b cd e"],
    [
      "is kept in <pre>, tabs are four spaces",
      "<pre>\n  a  b\n\tc\n\n\nd</pre>e",
      "  a  b\n    c\n\n\nd\n\ne".trimEnd(),
    ],
    ["is kept around a link in <pre>", "<pre>a <a href='https://x.co'> b </a>c</pre>", "a  b [https://x.co] c"],
    ["is kept by style", "<div style='white-space:pre-wrap'>a  b\n c</div>", "a  b\n c"],
    ["is kept at line ends by pre-line", "<div style='white-space:pre-line'>a   b\n\n c</div>", "a b\n\nc"],
    ["collapses in <pre style='white-space: normal'>", "<pre style='white-space: normal'>a\n b</pre>", "a b"],
    ["ends at a line break", "a <br> b<br><br>c<br><br><br><br>d", "a\nb\n\nc\n\nd"],
    ["of one line: a line break at the end of a block adds nothing", "<div>a<br></div><div>b</div>", "a\nb"],
    ["of an empty line, as editors write it", "<div>a</div><div><br></div><div>b</div>", "a\n\nb"],
    ["of an empty line, with &nbsp;", "<div>a</div><div>&nbsp;</div><div>b</div>", "a\n\nb"],
    ["of any kind is a space", "a&nbsp;b&nbsp;&nbsp;c&#8199;d&#x2028;e", "a b c d e"],
    ["between blocks", "<div>a</div>b<div>c<div>d</div></div><p>e</p><h2>f</h2>g", "a\nb\nc\nd\n\ne\n\nf\n\ng"],
    ["between boxes in a line", "<span style='display:inline-block'>a</span><button>b</button>c", "a b c"],
    [
      "of styles with room",
      "<div style='padding:0 0 20px'>a</div><div>b</div><div style='margin-top:1em'>c</div>",
      "a\n\nb\n\nc",
    ],
    ["of spacers", "<div>a</div><div style='height:30px'></div><div>b</div>", "a\n\nb"],
    ["where a line may break", "auto<wbr>mo&shy;bile", "automobile"],
  ])("%s", (_, html, expected) => {
    expect(text(html)).toBe(expected);
  });
});

describe("characters", () => {
  test.each([
    [
      "entities are decoded once",
      "&#123;&#123; first_name &#125;&#125; &amp;lt; &lt;b&gt; &amp;amp; &euro;&copy",
      "{{ first_name }} &lt; <b> &amp; €©",
    ],
    ["control characters are left out", "a&#7;b\0c\x1bd&#x9f;e\u0085f", "abcdŸef"],
    ["joiners stay where they join", "می&zwnj;خواهم 👩‍👩‍👧 &zwj;a&zwnj; &zwnj;&zwnj;", "می\u200cخواهم 👩‍👩‍👧 a"],
    ["half an emoji is no character", "a\ud83db", "a\ufffdb"],
    ["headings and links are not shouted", "<h1>Ünder <a href='https://x.co'>Way</a></h1>", "Ünder Way [https://x.co]"],
    ["placeholders and private marks are text", "<p>\ue000zqk3f9a1b2c0z\uf8ff</p>", "\ue000zqk3f9a1b2c0z\uf8ff"],
  ])("%s", (_, html, expected) => {
    expect(text(html)).toBe(expected);
  });
});

describe("nobody sees", () => {
  const FILLER = "&#847;&zwnj;&nbsp;&#8199;&#65279;&shy;&#8203; ".repeat(20);
  test.each([
    ["display: none", `<div style="Display : NONE !important; color:red">x${FILLER}</div>`],
    ["display: none before a weaker display", "<div style='display:none!important;display:block'>x</div>"],
    ["a preheader by height", `<div style="max-height:0;overflow:hidden;mso-hide:all">x${FILLER}</div>`],
    ["a preheader of one pixel", "<div style='height:1px;overflow:hidden'>x</div>"],
    ["a preheader in tiny letters", "<span style='font-size:1px;line-height:1px;color:#fff'>x<i> y</i></span>"],
    ["a preheader by the font shorthand", "<span style='font:0/0 a'>x</span>"],
    ["opacity: 0", "<div style='opacity:0'><b style='visibility:visible'>x</b></div>"],
    [
      "transparent letters",
      "<i style='color:transparent'>x</i><i style='color:rgba(1,2,3,0)'>x</i><i style='color:#0000'>x</i>",
    ],
    ["visibility", "<p style='visibility:hidden'>x<img alt=y src=z><input value=v></p>"],
    [
      "what is out of the window",
      "<p style='position:absolute;left:-9999px'>x</p><p style='text-indent:-9999px'>y</p>",
    ],
    ["what is clipped away", "<p style='position:absolute;clip:rect(0,0,0,0)'>x</p>"],
    ["hidden", "<p hidden>x</p><p hidden=until-found>x</p>"],
    ["the head", "<head><title>x</title><style>p{}</style><script>x</script><meta name=a></head>"],
    [
      "styles, scripts and templates in the body",
      "<style>a{}</style><script>'<p>'</script><template><p>x</p></template>",
    ],
    ["comments", "<!-- x --><!--[if mso]><table><tr><td>x</td></tr></table><![endif]--><![if !mso]><![endif]><!-->"],
    ["filler", FILLER],
    [
      "fields without text",
      "<input type=hidden value=x><input type=password value=y><datalist><option>z</datalist><dialog>d</dialog>",
    ],
    [
      "tracking pixels",
      "<img src=x alt=count width=1 height=1><img src=x alt=count style='width:1px;height:1px'><img alt=x height=0>",
    ],
    ["pictures without alt", "<p><img src=x><img src=y alt=''><img src=z alt=' '></p>"],
    ["empty links", "<a href='https://x.co'></a><a name=top></a><a href='https://x.co'>&nbsp;</a>"],
  ])("%s", (_, html) => {
    expect(text(html)).toBe("");
    expect(text(`<div>a</div>${html}<div>b</div>`)).toMatch(/^a\n+b$/);
  });

  test.each([
    ["visible in hidden", "<p style='visibility:hidden'>a<b style='visibility:visible'>b</b></p>", "b"],
    ["letters in a tiny wrapper", "<div style='font-size:0'> <p style='font-size:13px'>a</p></div>", "a"],
    ["a picture in one", "<td style='font-size:0px'><img src=x alt=Logo></td>", "Logo"],
    ["aria-hidden", "<p aria-hidden=true>a</p>", "a"],
    ["hidden with a display of its own", "<p hidden style='display:block'>a</p>", "a"],
    ["mso-hide alone", "<p style='mso-hide:all'>a</p>", "a"],
    ["what a conditional comment shows", "<!--[if !mso]><!--><p>a</p><!--<![endif]-->", "a"],
    ["what cannot be cut off", "<p style='max-height:0'>a</p>", "a"],
    ["a wide picture of one percent", "<img src=x alt=Logo style='width:1%'>", "Logo"],
    ["noscript", "<noscript>a</noscript>", "a"],
  ])("but a reader sees %s", (_, html, expected) => {
    expect(text(html)).toBe(expected);
  });
});

describe("tables", () => {
  const ORDER = lines("Item | Qty | Price", "Chair | 2 | 12.50", "Total | | 49.00");
  test.each([
    [
      "with a head",
      "<table><tr><th>Item</th><th>Qty</th><th>Price</th></tr><tr><td>Chair</td><td>2</td><td>12.50</td></tr><tr><td>Total</td><td></td><td>49.00</td></tr></table>",
    ],
    [
      "without one",
      "<table><tr><td>Item<td>Qty<td>Price<tr><td>Chair<td>2<td>12.50<tr><td>Total<td>&nbsp;<td>49.00</table>",
    ],
    [
      "with its parts in any order",
      "<table><tfoot><tr><td>Total<td><td>49.00</tfoot><tbody><tr><td>Chair<td>2<td>12.50</tbody><thead><tr><th>Item<th>Qty<th>Price</thead></table>",
    ],
    [
      "with paragraphs in its cells",
      "<table><tr><td><p>Item<td><p>Qty<td><div>Price</div><tr><td><p>Chair</p><td>2<br><td>12.50<tr><td>Total<td><p></p><td>49.00</table>",
    ],
    [
      "with columns that only keep a distance",
      "<table><tr><td>Item<td width=20><td>Qty<td> <td>Price<tr><td>Chair<td><td>2<td><td>12.50<tr><td>Total<td><td><td><td>49.00</table>",
    ],
    [
      "with hidden rows and cells",
      "<table><tr><td>Item<td style='display:none'>x<td>Qty<td>Price<tr hidden><td>y<tr><td>Chair<td hidden>x<td>2<td>12.50<tr><td>Total<td hidden>x<td><td>49.00</table>",
    ],
    [
      "without end tags, and with end tags that end nothing",
      "<table><tbody><tr><td>Item</p></div><td>Qty<td>Price</tbody><tr><td>Chair<td>2</li><td>12.50<tr><td>Total<td></span><td>49.00</table>",
    ],
  ])("%s: a row is a line, an empty cell keeps its place", (_, html) => {
    expect(text(html)).toBe(ORDER);
    expect(text(`<p>a</p>${html}b`)).toBe(lines("a", "", ORDER, "", "b"));
  });

  test.each([
    [
      "cells over several columns and rows",
      "<table><tr><th rowspan=2>A<th colspan=2>B<tr><th>b1<th>b2<tr><td>1<td>2<td>3</table>",
      lines("A | B", "| b1 | b2", "1 | 2 | 3"),
    ],
    ["a caption", "<table><caption>Your order</caption><tr><td>a<td>b</table>", lines("Your order", "a | b")],
    [
      "a line end in a cell",
      "<table><tr><td>Chair<br>blue<td>2<tr><td>Desk<td>1</table>",
      lines("Chair / blue | 2", "Desk | 1"),
    ],
    ["lists in the cells of a data table", "<table border=1><tr><td>a<td><ul><li>x<li>y</ul></table>", "a | * x / * y"],
    [
      "columns of text",
      "<table><tr><td><b>Bill to</b><br>Ann<td><b>Ship to</b><br>Bob</table>",
      lines("Bill to", "Ann", "", "Ship to", "Bob"),
    ],
    [
      "columns of paragraphs",
      "<table><tr><td><h2>A</h2><p>a</p><td><h2>B</h2><p>b</p></table>",
      lines("A", "", "a", "", "B", "", "b"),
    ],
    ["one cell a row", "<table role=presentation><tr><td>a<tr><td>b</table>", lines("a", "b")],
    [
      "rows with room",
      "<table role=presentation><tr><td style='padding:10px'>a<tr><td style='padding:10px'>b</table>",
      lines("a", "", "b"),
    ],
    ["headings in rows", "<table role=presentation><tr><td><h1>a</h1><tr><td>b</table>", lines("a", "", "b")],
    ["layout cells beside each other", "<table role=presentation><tr><td>a<td></td><td>b</table>", "a | b"],
    ["gutters", "<table><tr><td width=20>&nbsp;<td><p>a<p>b<td>&nbsp;</table>", lines("a", "", "b")],
    [
      "a table in a cell",
      "<table><tr><td>a<td><table><tr><td>1<td>2<tr><td>3<td>4</table></table>",
      lines("a", "", "1 | 2", "3 | 4"),
    ],
    ["text between the cells", "<table><tr>x<td>a<td>b</table>", lines("x", "", "a | b")],
    [
      "a link around a table",
      "<a href='https://x.co'><table><tr><td>a<tr><td>b</table></a>",
      lines("a", "b [https://x.co]"),
    ],
    ["parts of tables without a table", "<td>a</td> <td>b</td>", "a b"],
    ["a cell without text beside one with", "<table role=presentation><tr><td><img src=x alt=''><td>a</table>", "a"],
  ])("%s", (_, html, expected) => {
    expect(text(html)).toBe(expected);
  });
});

describe("lists", () => {
  test.each([
    ["bullets", "<ul><li>a<li>b</ul>", "* a\n* b"],
    ["numbers", "<ol><li>a</li><li>b</li></ol>", "1. a\n2. b"],
    ["start and value", "<ol start=3><li>a<li value=10>b<li>c</ol>", "3. a\n10. b\n11. c"],
    ["backwards", "<ol reversed><li>a<li hidden>x<li>b</ol>", "2. a\n1. b"],
    ["letters", "<ol type=a start=26><li>a<li>b</ol><ol type=A><li>c</ol>", "z. a\naa. b\n\nA. c"],
    ["Roman", "<ol type=i start=4><li>a<li type=I>b</ol>", "iv. a\nV. b"],
    [
      "by style",
      "<ol style='list-style-type:upper-roman'><li>a</ol><ul style='list-style:none'><li>b<li>c</ul>",
      "I. a\n\nb\nc",
    ],
    ["nested", "<ol><li>a<ul><li>b<ol><li>c</ol></ul><li>d</ol>", "1. a\n   * b\n     1. c\n2. d"],
    ["nested without an item", "<ul><li>a<ul><li>b</ul><ul><li>c</ul></ul>", "* a\n  * b\n  * c"],
    ["paragraphs in items", "<ul><li><p>a</p><p>b</p><li>c<br>d</ul>", "* a\n\n  b\n\n* c\n  d"],
    ["an empty item", "<ol><li><li>b</ol>", "1.\n2. b"],
    ["items in a line", "<ul><li style='display:inline'>a</li> <li style='display:inline'>b</li></ul>", "a b"],
    ["items without a list", "<li>a<li>b", "* a\n* b"],
    ["terms", "<dl><dt>a<dd>b<p>c<dt>d<dd>e</dl>", "a\n    b\n\n    c\n\nd\n    e"],
  ])("%s", (_, html, expected) => {
    expect(text(html)).toBe(expected);
  });
});

describe("links and pictures", () => {
  test.each([
    ["a link", "a <a href=' https://x.co/?a=1&amp;b=2\n'>b </a>c", "a b [https://x.co/?a=1&b=2] c"],
    [
      "a picture as link",
      "<a href='https://x.co/shop'><img src=b.png alt='Shop the sale'></a>",
      "Shop the sale [https://x.co/shop]",
    ],
    [
      "a picture without words as link",
      "<a href='https://x.co'><img src=b.png></a> <a href='https://y.co'><img alt='' src=c></a>",
      "https://x.co https://y.co",
    ],
    ["a picture and words", "<a href='https://x.co'><img src=x alt=Cart>Buy</a>", "Cart Buy [https://x.co]"],
    ["an icon in the background", "<a href='https://x.co' style='background:url(i.png)'></a>", "https://x.co"],
    ["a hidden picture", "<a href='https://x.co'><img src=x style='display:none'></a>", ""],
    ["a link around blocks", "<a href='https://x.co'><h2>Title</h2><p>Text</p></a>", "Title\n\nText [https://x.co]"],
    [
      "a link that is not closed",
      "<a href='https://x.co'>a<p><a href='https://y.co'>b</a>c",
      "a [https://x.co]\n\nb [https://y.co]c",
    ],
    ["a link that ends within a block", "<a href='https://x.co'><div>a</a>b</div>", "a [https://x.co]b"],
    ["a link without href", "<a name=x>a</a>", "a"],
    [
      "a picture with a map",
      "<map><area href='https://x.co/n' alt=North><area href='https://x.co/s' alt=South><area alt=x></map>",
      "North [https://x.co/n]\nSouth [https://x.co/s]",
    ],
    ["pictures", "<img src=l alt=Logo>Acme <img src=m alt='a  b&#10;c'>", "Logo Acme a b c"],
  ])("%s", (_, html, expected) => {
    expect(text(html)).toBe(expected);
  });

  test("are written as asked", () => {
    const html = "<a href='#x'>a</a> <a href='zqk1z'>b</a><a href='https://x.co'><img src=y></a>";
    expect(textOf(html, (words, address) => `<${words}|${address}>`)).toBe("<a|#x> <b|zqk1z><|https://x.co>\n");
  });
});

describe("other elements", () => {
  test.each([
    ["a rule", "a<hr>b", `a\n\n${"-".repeat(30)}\n\nb`],
    ["quotations", "a<blockquote>b<p>c</p><blockquote>d</blockquote></blockquote>e", "a\n\n> b\n>\n> c\n>\n> > d\n\ne"],
    ["quotes", "<q>a <q>b</q></q>", "“a ‘b’”"],
    ["edits and small letters", "H<sub>2</sub>O x<sup>2</sup> <del>a</del> <ins>b</ins>", "H2O x2 a b"],
    ["ruby", "<ruby>漢<rp>(</rp><rt>kan</rt><rp>)</rp></ruby>", "漢(kan)"],
    ["direction", "<bdo dir=rtl>abc</bdo>", "abc"],
    [
      "form fields",
      "<form><input value=a><input placeholder=b><input type=submit><input type=button value=Go><input type=checkbox checked></form>",
      "a b Submit Go [x]",
    ],
    ["choices", "<select><option>a<option selected>b</select><select multiple><option>c<option>d</select>", "b\nc\nd"],
    ["details", "<details><summary>a</summary>b</details>", "a\nb"],
    ["what stands for a video", "<video src=x>a</video>", "a"],
    [
      "a table in a list in a quotation",
      "<blockquote><ul><li><table><tr><td>a<td>b<tr><td>c<td>d</table></ul></blockquote>",
      "> * a | b\n>   c | d",
    ],
    ["two pages in one", "<html><body><p>a</p></body></html><html><body><p>b</p></body></html>", "a\n\nb"],
    ["nothing", "", ""],
  ])("%s", (_, html, expected) => {
    expect(text(html)).toBe(expected);
  });
});

describe("HTML without end", () => {
  test.each<[number, string]>([
    [50_000, "<div>"],
    [50_000, "<div><font>"],
    [50_000, "<b>"],
    [50_000, "<table><tr><td>"],
    [50_000, "<table>"],
    [50_000, "<ul><li>"],
    [50_000, "<blockquote>"],
    [50_000, "<q>"],
    [50_000, "<a href=x><div>"],
    [50_000, "<p><span>"],
    // Elements whose end tags come before those of the blocks in them.
    [5_000, `${"<b>".repeat(20)}<div>${"</b>".repeat(20)}`],
  ])("%i times %s", (times, start) => {
    const deep = text(`first ${start.repeat(times)}<a href='https://x.co'>last</a>`);
    expect(deep).toMatch(/^first\b/);
    expect(deep).toMatch(/\blast \[https:\/\/x\.co\]/);
  });

  test("is closed again", () => {
    const deep = "<div><font>".repeat(1000);
    expect(text(`a${deep}b${"</font></div>".repeat(1000)}<p>c</p>`)).toBe("a\nb\n\nc");
  });

  test("of 10 MB: a picture in it does not count, of the text there is a beginning", () => {
    const picture = `<img src="data:image/png;base64,${"A".repeat(10_000_000)}">`;
    expect(text(`<p>a</p>${picture}<p>b</p>`)).toBe("a\n\nb");
    const long = text("<p>Some words.</p>".repeat(600_000));
    expect(long).toMatch(/^Some words\.\n\nSome.*\n\n\[…\]$/s);
    expect(long.length).toBeLessThan(3_000_000);
    expect(text("word ".repeat(2_000_000))).toMatch(/^(word )+w?o?r?d?\n\n\[…\]$/);
  });
});

test("no control character gets out of any HTML, and it always ends with one line feed", () => {
  const piece = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom(
      "<",
      ">",
      "</",
      "<p>",
      "<td>",
      "<table>",
      "<!--",
      "-->",
      "&#",
      "&#x",
      "&nbsp;",
      "<a href='",
      "'>",
      "<pre>",
      "<li>",
      "\0",
      "\x1b",
    ),
  );
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const result = textOf(pieces.join(""));
      // oxlint-disable-next-line no-control-regex
      expect(result).not.toMatch(/[\0-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]|\p{Surrogate}/u);
      expect(result).toMatch(/^(?:\n|.*\S\n)$/s);
    }),
  );
});
