/** Mails as others make them: rendered here by the templates and components of mail frameworks, which know nothing of this program. */
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

export interface ForeignMail {
  name: string;
  html: string;
}

const require = createRequire(import.meta.url);

export async function foreignMails(): Promise<ForeignMail[]> {
  return [...foundation(), ...mailgen(), ...(await mjml()), ...(await reactEmail())];
}

/** The templates that foundation-emails ships, with its style sheet in the place of the link to it. */
function foundation(): ForeignMail[] {
  const home = dirname(require.resolve("foundation-emails/package.json"));
  const css = readFileSync(join(home, "dist/foundation-emails.css"), "utf8");
  const folder = join(home, ".download/templates");
  return readdirSync(folder).map((file) => {
    const html = readFileSync(join(folder, file), "utf8");
    return {
      name: `foundation ${file}`,
      html: html.replace(/<link rel="stylesheet"[^>]*>/, () => `<style>${css}</style>`),
    };
  });
}

const ORDER = {
  body: {
    name: "Ann",
    intro: ["Your order has been <b>processed</b>.", "Thank you."],
    table: {
      data: [
        { item: "Chair", description: "Oak", price: "$212.50" },
        { item: "Table & bench", description: "Beech", price: "$499.00" },
      ],
      columns: { customWidth: { item: "20%", price: "15%" }, customAlignment: { price: "right" } },
    },
    action: {
      instructions: "See it here:",
      button: { color: "#3869D4", text: "My orders", link: "https://example.com/" },
    },
    dictionary: { date: "June 11", address: "5 Park Lane" },
    goToAction: { text: "Order", link: "https://example.com/", description: "Check its state" },
    outro: "Questions? Just answer.",
    signature: "Yours",
  },
};

/** Its themes, before and after it inlines them itself. */
function mailgen(): ForeignMail[] {
  const Mailgen = require("mailgen");
  const ejs = createRequire(require.resolve("mailgen"))("ejs");
  return ["default", "salted", "neopolitan", "cerberus"].flatMap((theme) => {
    const product = {
      name: "ACME",
      link: "https://example.com/",
      logo: "https://example.com/logo.png",
      copyright: "ACME",
    };
    const generator = new Mailgen({ theme, product });
    const html = ejs.render(generator.cachedTheme, generator.parseParams(structuredClone(ORDER)));
    return [
      { name: `mailgen ${theme}`, html },
      { name: `mailgen ${theme}, inlined`, html: generator.generate(structuredClone(ORDER)) },
    ];
  });
}

async function mjml(): Promise<ForeignMail[]> {
  const { default: render } = require("mjml-core");
  const preset = require("mjml-preset-core");
  const mails: ForeignMail[] = [];
  for (const [name, source] of Object.entries(MJML)) {
    const { html } = await render(source, { presets: [preset], keepComments: true, validationLevel: "strict" });
    mails.push({ name: `mjml ${name}`, html });
  }
  return mails;
}

const LOREM = "Lorem ipsum dolor sit amet, consectetur adipisicing elit. Aliquid, quibusdam.";

const MJML: Record<string, string> = {
  columns: `<mjml><mj-head>
    <mj-title>Columns</mj-title><mj-preview>Seen in the list</mj-preview>
    <mj-font name="Raleway" href="https://fonts.example.com/css?family=Raleway" />
    <mj-breakpoint width="420px" />
    <mj-attributes><mj-all font-family="Raleway, Arial" /><mj-class name="big" font-size="20px" color="#336699" /></mj-attributes>
    <mj-style>.link a { color: #cc0000; text-decoration: none } .link a:hover { text-decoration: underline }
      @media (prefers-color-scheme: dark) { .card { background: #111111 } .card div { color: #eeeeee !important } }
      p { margin: 0 0 8px } td { line-height: 1.4 } .link { font-weight: bold }</mj-style>
    </mj-head><mj-body background-color="#f4f4f4">
    <mj-section background-color="#ffffff" css-class="card"><mj-column width="33%"><mj-image src="https://example.com/a.png" alt="A" /></mj-column>
    <mj-column width="67%"><mj-text mj-class="big" css-class="link"><p>${LOREM}</p> <a href="https://example.com/">More</a></mj-text>
    <mj-button href="https://example.com/" border-radius="8px">Buy</mj-button></mj-column></mj-section>
    <mj-section><mj-group><mj-column><mj-text>left</mj-text></mj-column><mj-column><mj-text align="right">right</mj-text></mj-column></mj-group></mj-section>
    </mj-body></mjml>`,
  widgets: `<mjml><mj-head><mj-style>.mj-menu, table { color: #333333 } ul li { padding-left: 4px } a { color: teal }</mj-style></mj-head><mj-body>
    <mj-section full-width="full-width" background-url="https://example.com/bg.png"><mj-column>
    <mj-navbar base-url="https://example.com" hamburger="hamburger"><mj-navbar-link href="/a">A</mj-navbar-link><mj-navbar-link href="/b">B</mj-navbar-link></mj-navbar>
    <mj-social font-size="15px" mode="horizontal"><mj-social-element name="facebook" href="https://example.com/">Facebook</mj-social-element>
    <mj-social-element name="github" href="https://example.com/">GitHub</mj-social-element></mj-social></mj-column></mj-section>
    <mj-section><mj-column><mj-accordion><mj-accordion-element><mj-accordion-title>Why?</mj-accordion-title><mj-accordion-text>${LOREM}</mj-accordion-text></mj-accordion-element></mj-accordion>
    <mj-carousel><mj-carousel-image src="https://example.com/1.png" /><mj-carousel-image src="https://example.com/2.png" /></mj-carousel></mj-column></mj-section>
    </mj-body></mjml>`,
  hero: `<mjml><mj-head><mj-style>h1 { font: bold 32px/1.2 Georgia, serif; color: #fff } .x h1 { margin: 0 } @media only screen and (max-width: 480px) { h1 { font-size: 22px } }
    .price::after { content: " EUR" } tr:nth-child(even) td { background: #eee } td.price { text-align: right; color: #060 }</mj-style>
    <mj-style inline="inline">.price { font-weight: 700 }</mj-style></mj-head><mj-body>
    <mj-hero mode="fixed-height" height="300px" background-url="https://example.com/h.png" background-color="#2a3448"><mj-text css-class="x"><h1>Hello</h1></mj-text><mj-button href="#">Go</mj-button></mj-hero>
    <mj-wrapper border="1px solid #cccccc" padding="10px"><mj-section><mj-column><mj-table><tr><th>Item</th><th>Price</th></tr><tr><td>Chair</td><td class="price">212.50</td></tr><tr><td>Table</td><td class="price">499.00</td></tr></mj-table>
    <mj-divider border-color="#ff0000" /><mj-spacer height="20px" /><mj-raw><p class="price">7</p></mj-raw></mj-column></mj-section></mj-wrapper></mj-body></mjml>`,
};

async function reactEmail(): Promise<ForeignMail[]> {
  const { createElement: h } = require("react");
  const e = require("@react-email/components");
  const css = `.button { background: #5f51e8; color: #fff; border-radius: 3px } .button:hover { background: #000 } p { font-size: 14px; line-height: 24px }
    @media (max-width: 600px) { .content { padding: 8px !important } p { font-size: 16px } } body { background-color: #f6f9fc } .footer p { color: #8898aa; font-size: 12px }`;
  const plain = h(
    e.Html,
    { lang: "en" },
    h(e.Head, null, h(e.Font, { fontFamily: "Roboto", fallbackFontFamily: "Verdana" }), h("style", null, css)),
    h(e.Preview, null, "Your code"),
    h(
      e.Body,
      { style: { fontFamily: "Helvetica, sans-serif" } },
      h(
        e.Container,
        { className: "content", style: { padding: "20px 0" } },
        h(e.Img, { src: "https://example.com/l.png", width: "170", height: "50", alt: "L" }),
        h(e.Heading, { as: "h2" }, "Hi Ann,"),
        h(e.Text, null, "Welcome. ", h(e.Link, { href: "https://example.com/" }, "Start")),
        h(
          e.Section,
          { style: { textAlign: "center" } },
          h(e.Button, { className: "button", href: "https://example.com/" }, "Go"),
        ),
        h(e.Row, null, h(e.Column, null, h(e.Text, null, "a")), h(e.Column, null, h(e.CodeInline, null, "b"))),
        h(e.Hr),
        h(
          e.Section,
          { className: "footer" },
          h(e.Markdown, null, "# Title\n\nSome *text* and `code`.\n\n- one\n- two"),
        ),
      ),
    ),
  );
  const tailwind = h(
    e.Tailwind,
    null,
    h(
      e.Html,
      null,
      h(e.Head),
      h(
        e.Body,
        { className: "bg-white font-sans" },
        h(
          e.Container,
          { className: "mx-auto p-4 sm:p-8 border border-solid border-[#eaeaea]" },
          h(e.Heading, { className: "text-2xl text-center dark:text-white" }, "Join"),
          h(
            e.Button,
            { className: "rounded bg-black px-5 py-3 text-white hover:bg-blue-600", href: "https://example.com/" },
            "Join",
          ),
          h(
            "style",
            null,
            `.px-5 { letter-spacing: 1px } h1 { word-spacing: 2px } @media print { h1 { word-spacing: 0 } }`,
          ),
        ),
      ),
    ),
  );
  return [
    { name: "react-email, plain", html: await e.render(plain) },
    { name: "react-email, Tailwind", html: await e.render(tailwind) },
  ];
}
