import fc from "../../support/properties.ts";
import { expect, test } from "vitest";
import { inlineStyles } from "../../../src/compose/css/inline-styles.ts";
import { foreignMails } from "../../support/foreign-mails.ts";
import { outsideStyles } from "../../support/outside-styles.ts";
import { anyMail } from "../../support/random-mail.ts";

function expectOnlyStylesChanged(html: string): void {
  const [before, after] = [outsideStyles(html), outsideStyles(inlineStyles(html))];
  expect(after.rest).toBe(before.rest);
  expect(after.attributes).toHaveLength(before.attributes.length);
  before.attributes.forEach((own, index) => expect(after.attributes[index] ?? "").toMatch(endingWith(own ?? "")));
}

function endingWith(own: string): RegExp {
  return new RegExp(`${own.replace(/[^\w]/g, (sign) => `\\u{${sign.codePointAt(0)?.toString(16) ?? ""}}`)}$`, "u");
}

test("outside of style attributes and style sheets no byte of a random mail changes", () => {
  fc.assert(fc.property(anyMail, expectOnlyStylesChanged), { seed: 7, numRuns: 500 });
}, 60_000);

test("nor one of a mail of other people, and what stood in a style attribute ends it still", async () => {
  const mails = await foreignMails();
  expect(mails.length).toBeGreaterThan(20);
  for (const { html } of mails) expectOnlyStylesChanged(html);
}, 60_000);

const SURROUNDINGS = `<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "x">\r\n<html xmlns:v="urn:v" xmlns:o="urn:o">
<head><style>p{color:red}td{top:1px}v\\:rect{behavior:url(#default#VML)}</style>
<!--[if mso]><style>p{color:blue}</style><xml><o:OfficeDocumentSettings/></xml><![endif]-->
<!--[if !mso]><!--><meta name="x"><!--<![endif]--></head>\r\n<BODY BGCOLOR=#ffffff>
<!--[if mso]><table><tr><td><v:rect fill="true"><v:fill type="tile"/></v:rect><![endif]-->
<P Class='a' ALIGN=left>&nbsp;&copy; &zqk3f9a1b2c0z; zqk3f9a1b2c0z &#x41;<o:p></o:p><br/><img src=a.png/ alt="zqk3f9a1b2c0z"></P>
<![if !mso]><p hidden>x</p><![endif]></BODY></html>`;

test("doctype, entities, comments, VML, quotes, case and line breaks stay", () => {
  const inlined = inlineStyles(SURROUNDINGS);
  expect(inlined).toBe(
    SURROUNDINGS.replace("p{color:red}", "")
      .replace("<P Class='a' ALIGN=left", `<P Class='a' ALIGN=left style="color: red;"`)
      .replace("<p hidden", `<p hidden style="color: red;"`),
  );
});

test("a document without a style sheet is the very same", () => {
  const html = "<p style=top:1px>a<stylex>b";
  expect(inlineStyles(html)).toBe(html);
});

test.each([
  ["<p>", `<p style="%">`],
  ["<p style>", `<p style="%">`],
  ["<p style=>", `<p style="%">`],
  ["<p style= >", `<p style="%" >`],
  ["<p style='' id=x>", `<p style='%' id=x>`],
  [`<p style="top:1px">`, `<p style="% top:1px">`],
  [`<p style='font-family:"A&amp;B"'>`, `<p style='% font-family:"A&amp;B"'>`],
  ["<p style=top:1px>", `<p style="% top:1px">`],
  [`<p STYLE=font-family:"A">`, `<p STYLE='% font-family:"A"'>`],
  ["<p style = top:1px id=x>", `<p style = "% top:1px" id=x>`],
  ["<p id=x/>", `<p id=x/ style="%">`],
  ["<p id=x />", `<p id=x style="%" />`],
  ["<p id = x>", `<p id = x style="%">`],
  ["<p hidden\n>", `<p hidden style="%"\n>`],
  ["<p id=a style=left:0 style=top:0>", `<p id=a style="% left:0" style=top:0>`],
])("%s becomes %s", (tag, wanted) => {
  expect(inlineStyles(`<style>p{color:red}</style>${tag}a`)).toBe(
    `<style></style>${wanted.replace("%", "color: red;")}a`,
  );
});

test.each([
  ['font-family:"Segoe UI"', "<p>", `<p style="font-family: 'Segoe UI';">`],
  ["font-family:'Segoe UI'", "<p style=''>", `<p style='font-family: "Segoe UI";'>`],
  [`font-family:"it's"`, "<p>", `<p style="font-family: &quot;it's&quot;;">`],
  [`font-family:"it's"`, "<p style=''>", `<p style='font-family: "it&#39;s";'>`],
  ["background:url(a?b&copy=1)", "<p>", `<p style="background: url(a?b&amp;copy=1);">`],
  ["color/**/:/* a */red/* b */!/**/important", "<p>", `<p style="color: red !important;">`],
  ["--Foo:  {a:b} ;COLOR:RED", "<p>", `<p style="--Foo: {a:b}; color: RED;">`],
])("%s in %s", (css, tag, wanted) => {
  expect(inlineStyles(`<style>p{${css}}</style>${tag}`)).toBe(`<style></style>${wanted}`);
});
