import fc from "../../support/properties.ts";
import { expect, test } from "vitest";
import { inlinePictures, localPictures } from "../../../src/compose/mail/pictures.ts";
import type { MailFile } from "../../../src/message.ts";

const fileAt = (path: string): MailFile => ({
  folder: "/mail",
  path,
  fileName: path,
  contentType: "image/png",
  contentId: `[${path}]`,
});
const inline = (html: string) => inlinePictures(html, fileAt).html;

test.each<[string, string, string]>([
  ["a picture", '<img src="a.png" alt="a.png">', '<img src="cid:[a.png]" alt="a.png">'],
  ["without quotes", "<img src=a.png>", "<img src=cid:[a.png]>"],
  ["in single quotes, in capitals", "<IMG SRC='img/a.png'/>", "<IMG SRC='cid:[img/a.png]'/>"],
  ["percent-encoded", '<img src="my%20pic.png">', '<img src="cid:[my pic.png]">'],
  ["a percent sign that encodes nothing", '<img src="100%.png">', '<img src="cid:[100%.png]">'],
  ["with a query and a fragment", '<img src="a.png?v=2#x">', '<img src="cid:[a.png]">'],
  ["with an entity", '<img src="a&amp;b.png">', '<img src="cid:[a&b.png]">'],
  ["with white space around", '<img src=" a.png\n">', '<img src="cid:[a.png]">'],
  ["a button", '<input type="image" src="a.png">', '<input type="image" src="cid:[a.png]">'],
  ["a background", '<td background="a.png">', '<td background="cid:[a.png]">'],
  ["a set", '<img srcset="a.png 1x, b.png 2x,c.png">', '<img srcset="cid:[a.png] 1x, cid:[b.png] 2x,cid:[c.png]">'],
  [
    "a set with a data: picture",
    '<img srcset="data:image/png;base64,AA== 1x, b.png 2x">',
    '<img srcset="data:image/png;base64,AA== 1x, cid:[b.png] 2x">',
  ],
  ["a style", `<p style="background: url('a.png') red">`, `<p style="background: url('cid:[a.png]') red">`],
  ["a style without quotes", "<p style='background:url( a.png )'>", "<p style='background:url(cid:[a.png])'>"],
  [
    "a style with entities",
    '<p style="background:url(&quot;a.png&quot;)">',
    '<p style="background:url(&quot;cid:[a.png]&quot;)">',
  ],
  ["a style sheet", '<style>p{background:url("a.png")}</style>', '<style>p{background:url("cid:[a.png]")}</style>'],
  [
    "what only Outlook reads",
    '<!--[if mso]><v:fill src="a.png"/><v:imagedata src="b.png"/><![endif]--><img src="c.png">',
    '<!--[if mso]><v:fill src="cid:[a.png]"/><v:imagedata src="cid:[b.png]"/><![endif]--><img src="cid:[c.png]">',
  ],
  [
    "what everybody but Outlook reads",
    '<!--[if !mso]><!--><img src="a.png"><!--<![endif]-->',
    '<!--[if !mso]><!--><img src="cid:[a.png]"><!--<![endif]-->',
  ],
  ["a path of the web server's root, which is refused as a file", '<img src="/a.png">', '<img src="cid:[/a.png]">'],
  ["a drive, which is refused as a file", '<img src="C:/a.png">', '<img src="cid:[C:/a.png]">'],
])("goes with the mail: %s", (_, html, expected) => {
  expect(inline(html)).toBe(expected);
});

test.each([
  '<img src="https://example.com/a.png">',
  '<img src="//example.com/a.png">',
  '<img src="cid:x">',
  '<img src="data:image/png;base64,AA==">',
  '<img src="#a">',
  '<img src="">',
  "<img src>",
  '<img src="file:///a.png">',
  '<a href="a.png">a.png</a>',
  '<script src="a.png"></script><video src="a.mp4"></video>',
  "<!-- <img src=a.png> -->",
  "<p>&lt;img src=a.png&gt; url(a.png)</p>",
  '<style>@import url("a.css"); @font-face { src: url(a.woff2) }</style>',
  "<style>p{background:url(https://example.com/a.png)}</style>",
])("stays as it is: %s", (html) => {
  expect(inline(html)).toBe(html);
  expect(localPictures(html)).toEqual([]);
});

test("a picture shown several times goes once, in whatever spelling", () => {
  const html = '<img src="a b.png"><img src="a%20b.png?1"><td background="c.png"><img src=a%20b.png>';
  const { files } = inlinePictures(html, fileAt);
  expect(files.map(({ path }) => path)).toEqual(["a b.png", "c.png"]);
  expect(localPictures(html)).toEqual(["a b.png", "c.png"]);
});

test("nothing but addresses of pictures is changed, and nobody waits for long", () => {
  const piece = fc.constantFrom(
    "<img src=",
    '"',
    "'",
    "url(",
    ")",
    "a.png",
    "<style>",
    "</style>",
    "<!--[if mso]>",
    "-->",
    " ",
    ",",
    "<td background=",
    ">",
    "srcset=",
    "<img ",
    "<p style=",
    "\\",
    "%",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const html = pieces.join("");
      // Braces stand in no piece, so that a path, whatever is in it, ends where its brace does.
      const inlined = inlinePictures(html, (path) => ({ ...fileAt(path), contentId: `{${path}}` })).html;
      // Put back where they were, the addresses make the HTML again, but for white space and what is no path.
      const squeezed = (text: string) => text.replaceAll(/[\s?#%]/g, "");
      expect(squeezed(inlined.replaceAll(/cid:\{([^}]*)\}/g, "$1"))).toBe(squeezed(html));
    }),
  );
  for (const hostile of ["url(", "url( ", "a.png ,", " ", "<img srcset=' , ", "&quot;"]) {
    inline(`<p style="${hostile.repeat(100_000)}"><img srcset="${hostile.repeat(100_000)}">`);
  }
});
