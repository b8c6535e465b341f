import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { readEnvelope } from "../../../src/compose/content/content.ts";
import {
  readTemplateFile,
  readTemplateText,
  type TemplateFile,
  type TemplateText,
} from "../../../src/compose/content/template-source.ts";
import { UserError } from "../../../src/errors.ts";

const folders: string[] = [];
afterEach(() => folders.splice(0).forEach((path) => rmSync(path, { recursive: true })));

function folder(files: Record<string, string>): string {
  const path = mkdtempSync(join(tmpdir(), "template-"));
  folders.push(path);
  for (const [name, data] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), data);
  }
  return path;
}

const front = (settings: string, body = "<p>{{ code }}</p>") =>
  `---\nsubject: Your code\nfrom: a@example.com\n${settings}\n---\n${body}`;

const fromFile = (path: string, options: Partial<TemplateFile> = {}) => readTemplateFile({ file: path, ...options });
const fromText = (content: string, options: Partial<TemplateText> = {}) =>
  readTemplateText({ content, format: "html", ...options });

async function refusal(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "nothing was refused",
    (error: unknown) => {
      if (error instanceof UserError) return `${error.message} | ${error.hint}`;
      throw error;
    },
  );
}

const ANN = "ann@example.com";

describe("from a file", () => {
  test("with front matter, text and options", async () => {
    const path = folder({
      "code.html": front('reply_to: "{{ rep.name }} <r@example.com>"'),
      "code.txt": "Code: {{ code }}",
    });
    const { content, template } = await fromFile("code.html", {
      cwd: path,
      textFile: "code.txt",
      overrides: { subject: "{{ code }} is your code", tags: ["kind=code"] },
    });
    expect(content).toMatchObject({ from: "a@example.com", tags: [{ name: "kind", value: "code" }], format: "html" });
    expect(content.files).toBeUndefined();
    const mail = template.render(ANN, { code: 1234, rep: { name: "Lee" } });
    expect(mail).toMatchObject({
      subject: "1234 is your code",
      html: "<p>1234</p>",
      text: "Code: 1234",
      replyTo: ["Lee <r@example.com>"],
    });
    expect(template.variables.map(({ name }) => name)).toEqual(["code", "rep.name"]);
  });

  test("in Markdown", async () => {
    const path = folder({ "r.md": front("", "{% for i in items %}\n* {{ i.name }}\n{% endfor %}") });
    const { template } = await fromFile(join(path, "r.md"));
    expect(template.render(ANN, { items: [{ name: "A" }, { name: "*B*" }] }).text).toBe("* A\n* *B*\n");
  });

  test("fixed attachments are read, and so are local pictures", async () => {
    const body =
      '<img src="img/my%20logo.png"><img src="{{ avatar }}"><p style="background:url(img/b.gif)">x</p>{% if a %}<img src="./img/my logo.png">{% endif %}';
    const path = folder({
      "r.html": front("attachments: terms.pdf\ninline_images: true", body),
      "terms.pdf": "PDF",
      "img/my logo.png": "PNG",
      "img/b.gif": "GIF",
    });
    const { content, template } = await fromFile(join(path, "r.html"));
    expect(content.files).toBeUndefined();
    expect(content.attachments.map(({ fileName, data }) => [fileName, Buffer.from(data, "base64").toString()])).toEqual(
      [
        ["terms.pdf", "PDF"],
        ["my logo.png", "PNG"],
        ["b.gif", "GIF"],
      ],
    );
    rmSync(path, { recursive: true });
    folders.length = 0;
    const { html, files, text, attachments } = template.render(ANN, { avatar: "https://x.co/a.png", a: true });
    const [, logo, picture] = content.attachments.map(({ contentId }) => contentId);
    expect(html).toBe(
      `<img src="cid:${logo}"><img src="https://x.co/a.png"><p style="background:url(cid:${picture})">x</p><img src="cid:${logo}">`,
    );
    expect(files).toBeUndefined();
    expect(attachments).toEqual(content.attachments);
    expect(text).toBe("x\n");
    // Data cannot make a mail show a file that is not part of the template.
    expect(template.render(ANN, { avatar: "img/other.png", a: false }).html).toContain('<img src="img/other.png">');
  });

  test("pictures of Markdown are part of it, too", async () => {
    const path = folder({
      "r.md": front("inline_images: yes", "Hi {{ name }}\n\n![Logo](img/logo.png)"),
      "img/logo.png": "PNG",
    });
    const { content, template } = await fromFile(join(path, "r.md"));
    expect(template.render(ANN, { name: "Ann" }).html).toContain(
      `src="cid:${content.attachments[0]?.contentId}" alt="Logo"`,
    );
  });

  test.each<[string, string, RegExp]>([
    [
      "attachments with variables",
      front('attachments: ["terms.pdf", "{{ n }}.pdf"]'),
      /r\.html, line 4: the attachment \{\{ n \}\}\.pdf of a template has a variable.*\| attach a fixed file/,
    ],
    [
      "pictures with variables",
      front("inline_images: true", '<img src="qr/{{ n }}.png">'),
      /the picture qr\/\{\{ n \}\}\.png .*\| write its https address/,
    ],
    [
      "a picture that is not there",
      front("inline_images: true", '<img src="no.png">'),
      /cannot read the picture no\.png: no such file/,
    ],
    [
      "a picture outside of the folder",
      front("inline_images: true", '<img src="../no.png">'),
      /the picture \.\.\/no\.png leads out/,
    ],
    [
      "a picture behind a link",
      front("inline_images: true", '<img src="link.png">'),
      /the picture link\.png leads out of the content's folder/,
    ],
    ["an attachment that is not there", front("attachments: no.pdf"), /the attachment .*no\.pdf: no such file/],
    ["a topic", front("preheader: x\ntopic: june"), /r\.html, line 5: a template has no topic.*\| remove that line/],
    ["no subject", "---\nfrom: a@example.com\n---\nx", /no subject/],
    ["no sender", "---\nsubject: x\n---\nx", /no sender/],
    ["no body", front("", " "), /front matter and nothing else/],
    [
      "what is no Liquid, with its line",
      front("", "a\n{{ b | uppcase }}"),
      /r\.html, line 7: there is no filter "uppcase"/,
    ],
    ["an unknown setting", front("topik: x"), /r\.html, line 4: the front matter has an unknown key "topik"/],
    [
      "what cannot be read as styles",
      front("", `<style>${"a{b:c}".repeat(200_000)}</style><p>x</p>`),
      /cannot inline <style>/,
    ],
  ])("%s is refused", async (_what, source, expected) => {
    const path = folder({ "r.html": source, "terms.pdf": "x" });
    symlinkSync("/etc/hostname", join(path, "link.png"));
    expect(await refusal(fromFile("r.html", { cwd: path }))).toMatch(expected);
  });

  test("another kind of file is refused", async () => {
    expect(await refusal(fromFile("x.txt"))).toMatch(/^a template expects a \.html or \.md file, got x\.txt/);
    expect(await refusal(fromFile("no/x.html"))).toMatch(/cannot read the template no\/x\.html: no such file/);
  });
});

describe("from a request", () => {
  test("in HTML and Markdown, with or without a text", async () => {
    const html = await fromText(front("preheader: soon"), { text: "{{ code }}!" });
    expect(html.template.render(ANN, { code: "7" })).toMatchObject({ subject: "Your code", text: "7!" });
    expect(html.content.preheader).toBe("soon");
    const markdown = await fromText(front("", "**{{ code }}**"), { format: "md" });
    expect(markdown.template.render(ANN, { code: "7" }).html).toContain("<strong>7</strong>");
  });

  test("nothing is read from the disk", async () => {
    expect(await refusal(fromText(front("attachments: /etc/hostname")))).toMatch(
      /^content, line 4: a template in a request cannot attach files \| add it with ses-mail template add/,
    );
    expect(await refusal(fromText(front("inline_images: true", '<img src="/etc/x.png">')))).toMatch(
      /^content, line 4: a template in a request has no files.*https/,
    );
    expect((await fromText(front("inline_images: false\nattachments: []"))).content.attachments).toEqual([]);
  });

  test.each<[string, string, RegExp]>([
    ["nothing", " \n", /^content is empty/],
    ["a topic", front("topic: x"), /^content, line 4: a template has no topic/],
    ["what is no Liquid", front("", "{% if %}"), /^content, line 6: no condition/],
    ["settings without end", "---\nsubject: x", /^content, line 1: the front matter opened by --- is not closed/],
    ["a bad header", front('headers: { "X-A": "{{" }'), /header X-A, line 1/],
  ])("%s is refused", async (_what, source, expected) => {
    expect(await refusal(fromText(source))).toMatch(expected);
  });
});

test("what a template does not say comes from the envelope", async () => {
  const envelope = readEnvelope({
    from: "Shop <shop@example.com>",
    replyTo: ["help@example.com"],
    headers: ["X-Shop: 1", "X-Own: envelope"],
    tags: ["team=shop"],
    configurationSet: "set",
    tenant: "shop",
    unsubscribeMailto: "out@example.com",
  });
  const { content } = await fromText("---\nsubject: x\nheaders: { x-own: mine }\n---\nx", { envelope });
  expect(content).toMatchObject({
    from: "Shop <shop@example.com>",
    replyTo: ["help@example.com"],
    headers: [
      { name: "X-Shop", value: "1" },
      { name: "x-own", value: "mine" },
    ],
    tags: [{ name: "team", value: "shop" }],
    configurationSet: "set",
    tenant: "shop",
    unsubscribeMailto: "out@example.com",
  });
  const own = await fromText(front("configuration_set: other"), { envelope });
  expect(own.content).toMatchObject({ from: "a@example.com", configurationSet: "other", tenant: "shop" });
});
