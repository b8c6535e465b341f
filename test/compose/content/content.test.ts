import { mkdirSync, mkdtempSync, realpathSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { describe, expect, test } from "vitest";
import {
  checkTopic,
  readContent,
  type ContentOptions,
  type ContentOverrides,
} from "../../../src/compose/content/content.ts";
import { prepareContent } from "../../../src/compose/mail/tools.ts";
import { UserError } from "../../../src/errors.ts";
import type { Content } from "../../../src/message.ts";

const HEAD: ContentOverrides = { subject: "Hello", from: "news@example.com" };

function folder(files: Record<string, string | Buffer>): string {
  const path = mkdtempSync(`${tmpdir()}/content-`);
  for (const [name, data] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), data);
  }
  return path;
}

async function read(file: string, data: string | Buffer, overrides: ContentOverrides = HEAD): Promise<Content> {
  return (await readContent({ contentFile: join(folder({ [file]: data }), file), recipientsFile: null, overrides }))
    .content;
}

async function refusal(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UserError);
  return `${(error as UserError).message} | ${(error as UserError).hint}`;
}

const front = (yaml: string, body = "<p>x</p>"): string => `---\n${yaml}\n---\n${body}`;

describe("refuses", () => {
  test.each<[string, string | Buffer, RegExp]>([
    ["an empty file", "", /is empty/],
    ["blank text", " \n", /is empty/],
    ["front matter alone", front("subject: x", "\n"), /nothing else/],
    ["Latin-1", Buffer.from("<p>Ren\xe9e</p>", "latin1"), /not UTF-8/],
    ["binary", Buffer.from([1, 0, 2]), /not UTF-8/],
    ["open front matter", "---\nsubject: x\n<p>y</p>", /not closed/],
    ["broken YAML, with its line", front("subject: x\nfrom: 'a' b"), /line 3.*YAML/],
    ["a key twice", front("subject: x\nsubject: y"), /line 3: "subject: y" is given a second time/],
    [
      "a variable that YAML reads as a map",
      front("subject: {{ name }}"),
      /subject expects a text.*quotes|YAML.*quotes/,
    ],
    ["an unknown key", front("subjct: x"), /"subjct".*did you mean subject/],
    ["a list as subject", front("subject: [a, b]"), /line 2: subject expects a text, got "\[a, b\]"/],
    ["front matter that is a list", front("- a"), /expects lines/],
    ["headers that are no map", front("headers: x"), /headers expects a map/],
    ["a header with two values", front("headers: { X-A: [a, b] }"), /headers: X-A expects one text/],
    ["a header of SES", front("headers: { To: a }"), /To is written by SES/],
    ["a tag SES does not take", front("tags: { a: a@b.co }"), /tag expects.*a@b\.co/],
    ["a tag of the pipeline's own", front("tags: { ses-mail-job: x }"), /ses-mail-job is written by ses-mail/],
    ["a configuration set", front("configuration_set: a b"), /configuration set/],
    ["a tenant", front("tenant: a b"), /tenant's name expects 1–64 letters/],
    ["Reply-To", front("reply_to: [a@b.co, x]"), /reply_to expects/],
    ["a topic", front("topic: a/b"), /topic name expects/],
    ["an attachment that is not there", front("attachments: no.pdf"), /no\.pdf: no such file/],
    [
      "an address for an attachment",
      front("attachments: https://x.co/a.pdf"),
      /is a file, got the address https:\/\/x\.co/,
    ],
    ["several attachments in one text", front("attachments: a.pdf, b.pdf"), /no such file.*as a list/],
    ["an attachment SES blocks", front("attachments: Setup.EXE"), /\.exe/],
    [
      "a device as attachment, which is in no folder of a content",
      front("attachments: /dev/null"),
      /is not in the content.s folder/,
    ],
    ["broken Liquid, with the file's line", front("topic: x", "a\n{% if b %}"), /mail\.html, line 5/],
  ])("%s", async (_, data, expected) => {
    expect(await refusal(read("mail.html", data))).toMatch(expected);
  });

  test.each<[string, Partial<ContentOptions>, RegExp]>([
    ["no file at all", { contentFile: null }, /no content.*--content/],
    ["stdin without --content", { contentFile: null, recipientsFile: "-" }, /no content.*--content/],
    [
      "nothing beside the list",
      { contentFile: null, recipientsFile: "alone.csv" },
      /alone\.html or .*alone\.md.*--content/,
    ],
    ["two beside the list", { contentFile: null, recipientsFile: "twins.csv" }, /twins\.html or .*twins\.md/],
    ["a missing file", { contentFile: "no.html" }, /no such file/],
    ["a folder", { contentFile: "dir.html" }, /it is a folder/],
    ["another kind of file", { contentFile: "mail.txt" }, /\.html or \.md.*mail\.txt/],
    ["a missing text file", { contentFile: "mail.html", textFile: "no.txt" }, /text .*no such file/],
    ["no subject", { contentFile: "mail.html", overrides: { from: "a@b.co" } }, /no subject.*--subject/],
    ["no sender", { contentFile: "mail.html", overrides: { subject: "x" } }, /no sender.*--from, SES_MAIL_FROM/],
    ["a sender that is none", { contentFile: "mail.html", overrides: { ...HEAD, from: "x" } }, /from expects/],
    [
      "--header without a colon",
      { contentFile: "mail.html", overrides: { ...HEAD, headers: ["X-A"] } },
      /'Name: value'/,
    ],
    ["--tag without =", { contentFile: "mail.html", overrides: { ...HEAD, tags: ["x"] } }, /name=value/],
    ["an empty topic", { contentFile: "mail.html", overrides: { ...HEAD, topic: "" } }, /topic name/],
    [
      "too much to attach",
      { contentFile: "mail.html", overrides: { ...HEAD, attachments: ["big.zip", "big.zip"] } },
      /53\.\d MB.*40 MB/,
    ],
  ])("%s", async (_, change, expected) => {
    const path = folder({
      "mail.html": "x",
      "mail.txt": "x",
      "twins.html": "x",
      "twins.md": "x",
      "dir.html/x": "",
      "big.zip": "",
    });
    truncateSync(join(path, "big.zip"), 20 * 1024 * 1024);
    const at = (name: string | null | undefined): string | null =>
      name && name !== "-" ? join(path, name) : (name ?? null);
    const { attachments } = change.overrides ?? {};
    const options: ContentOptions = {
      contentFile: at(change.contentFile),
      recipientsFile: at(change.recipientsFile),
      overrides: {
        ...(change.overrides ?? HEAD),
        ...(attachments && { attachments: attachments.map((name) => join(path, name)) }),
      },
      ...(change.textFile !== undefined && { textFile: join(path, change.textFile) }),
    };
    expect(await refusal(readContent(options))).toMatch(expected);
  });
});

test.each(["", " ", "a/b", "a\nb", "a\u0000", "x".repeat(101)])("checkTopic refuses %j", (name) => {
  expect(() => checkTopic(name)).toThrow(UserError);
});

test.each(["뉴스레터 1월", "😀".repeat(100), "a"])("checkTopic takes %s", (name) => {
  expect(checkTopic(name)).toBe(name);
});

test("front matter, whole", async () => {
  const yaml = `subject: "Hi {{ name }}: you"
from: News <news@example.com>
reply_to: help@example.com
topic: 2026
configuration_set: main
tenant: shop-1
headers:
  X-A: one
  X-B: two
tags: { campaign: june, kind: yes }
attachments: [files/a.pdf]
unsubscribe_url: https://x.co/{{ email }}
unsubscribe_mailto: u@x.co`;
  const path = folder({ "c.html": `\ufeff${front(yaml).replaceAll("\n", "\r\n")}`, "files/a.pdf": "%PDF" });
  const { content, topic } = await readContent({
    contentFile: null,
    recipientsFile: join(path, "c.csv"),
    overrides: { headers: ["x-b: 2", "X-C:3"], tags: ["kind=no"], replyTo: ["a@b.co", "c@d.co"] },
  });
  expect(topic).toBe("2026");
  expect(content).toEqual({
    subject: "Hi {{ name }}: you",
    from: "News <news@example.com>",
    replyTo: ["a@b.co", "c@d.co"],
    headers: [
      { name: "X-A", value: "one" },
      { name: "x-b", value: "2" },
      { name: "X-C", value: "3" },
    ],
    tags: [
      { name: "campaign", value: "june" },
      { name: "kind", value: "no" },
    ],
    attachments: [{ fileName: "a.pdf", contentType: "application/pdf", data: Buffer.from("%PDF").toString("base64") }],
    configurationSet: "main",
    tenant: "shop-1",
    unsubscribeUrl: "https://x.co/{{ email }}",
    unsubscribeMailto: "u@x.co",
    allowEmpty: false,
    format: "html",
    html: "<p>x</p>",
    text: "",
  });
});

/** The mail of somebody with these values. */
async function mailOf(file: string, source: string, values: Record<string, string>, overrides = HEAD) {
  return (await prepareContent(await read(file, source, overrides))).render("ann@example.com", values);
}

test("HTML without <style> is sent as it was written", async () => {
  const html = `<!DOCTYPE html>\n<html><body><!--[if mso]>x<![endif]--><p title='A "b" c'>{{ c }}</p></body></html>\n`;
  expect((await mailOf("mail.html", html, { c: "C" })).html).toBe(html.replace("{{ c }}", "C"));
});

test("<style> is inlined in the rendered mail, media queries stay", async () => {
  const { html } = await mailOf(
    "mail.html",
    `<html><head><style>a { color: red } @media (max-width: 9px) { a { margin: 0 } }</style></head>
<body class="x"><a href='{{ url | default: "https://x.co/?a=1&b=2" }}'>{% if n > 1 %}{{ "a<b" }}{% endif %}</a></body></html>`,
    { n: "2", url: "" },
  );
  expect(html).toMatch(/<a [^>]*style="color: ?red;?"/);
  expect(html).toContain("@media");
  expect(html).toContain("https://x.co/?a=1&amp;b=2");
  expect(html).toContain("a&lt;b");
});

test("the preheader stands first in the body, hidden, and not in the text", async () => {
  const { html, text } = await mailOf(
    "mail.html",
    front("preheader: a < {{ b }}", '<html><body class="c">\n<p>Hi</p></body></html>'),
    { b: "<b>" },
  );
  expect(html).toMatch(/<body class="c"><div style="display:none[^>]*>a &lt; &lt;b&gt;/);
  expect(text).toBe("Hi\n");
});

test.each([
  [
    "a body in a comment",
    "<head></head><!--[if mso]><body class=m><![endif]--><body><p>Hi",
    /<body><div style="display:none/,
  ],
  [
    "a body that Outlook does not read",
    "<!--[if !mso]><!--><body class=b><!--<![endif]--><p>Hi",
    /<!--<!\[endif\]--><div style="display:none[^>]*>pre.*<p>/,
  ],
  ["no body", "<!doctype html><title>t</title><p>Hi", /<\/title><div style="display:none[^>]*>pre.*<p>/],
  ["nothing but text", "Hi", /^<div style="display:none[^>]*>pre.*Hi$/],
])("the preheader, with %s", async (_, body, expected) => {
  expect((await mailOf("mail.html", front("preheader: pre", body), {})).html).toMatch(expected);
});

test("Markdown is converted after the tags, values stay what they are", async () => {
  const markdown = `# Hi {{ name | default: "you" }}

{% if vip %}

**Bold** [link]({{ url }}) and <{{ mail }}>

{% endif %}

| a | b |
|---|---|
{% for row in (1..2) %}
| {{ x | upcase }} | {{ row }} |
{% endfor %}
`;
  const values = { name: "", vip: "1", url: "https://x.co/?a=1&b=2", mail: "c@d.co", x: "*a* <b>" };
  const overrides = { ...HEAD, subject: 'R&D for {{ name | default: "you" }}' };
  const { html, text, subject } = await mailOf("mail.md", markdown, values, overrides);
  expect(subject).toBe("R&D for you");
  expect(html).toContain("<title>R&amp;D for you</title>");
  expect(html).toMatch(/<h1[^>]*>Hi you<\/h1>/);
  expect(html).toMatch(/<a [^>]*href="https:\/\/x\.co\/\?a=1&amp;b=2"/);
  expect(html.match(/<td[^>]*>\*A\* &lt;B&gt;<\/td>/g)).toHaveLength(2);
  expect(text).toMatch(/^Hi you\n/);
  expect(text).toContain("link [https://x.co/?a=1&b=2]");
  expect(text).toContain("*A* <B> | 1\n*A* <B> | 2");
});

test("the text has the addresses of links, and the words of pictures", async () => {
  const { text } = await mailOf(
    "mail.html",
    '<h1>Title</h1><img src="x.png" alt="pic"><p>a &amp; b <a href="https://x.co/?a=1&amp;b={{ b }}">c</a></p>',
    { b: "2 3" },
  );
  expect(text).toBe("Title\n\npic\n\na & b c [https://x.co/?a=1&b=2%203]\n");
});

test("--text is taken as it is", async () => {
  const path = folder({ "m.html": "<p>x</p>", "m.txt": "Hi {{ name }}\n" });
  const { content } = await readContent({
    contentFile: join(path, "m.html"),
    recipientsFile: null,
    textFile: join(path, "m.txt"),
    overrides: HEAD,
  });
  expect(content.text).toBe("Hi {{ name }}\n");
});

test("an empty attachment is refused, whichever way it is named", async () => {
  const path = folder({ "mail.html": front("attachments: [full.txt, empty.txt]"), "full.txt": "x", "empty.txt": "" });
  const read = (overrides: ContentOverrides) =>
    readContent({ contentFile: join(path, "mail.html"), recipientsFile: null, overrides: { ...HEAD, ...overrides } });
  expect(await refusal(read({}))).toMatch(/attachment .*empty\.txt is empty.*fill it, or leave it out/);
  expect(await refusal(read({ attachments: [join(path, "empty.txt")] }))).toMatch(/is empty/);
});

describe("attachments with variables", () => {
  const PDFS = { "invoices/7.pdf": "seven", "fixed.pdf": "fixed" };
  const written = async (yaml: string, files: Record<string, string> = PDFS, overrides: ContentOverrides = HEAD) => {
    const path = folder({ ...files, "mail.html": front(yaml, '<p>x <img src="a.png"></p>') });
    const { content } = await readContent({ contentFile: join(path, "mail.html"), recipientsFile: null, overrides });
    return { path: realpathSync(path), content };
  };

  test("are files of single messages, beside those of all", async () => {
    const { path, content } = await written('attachments: [fixed.pdf, "invoices/{{ number }}.pdf"]');
    expect(content.attachments.map(({ fileName }) => fileName)).toEqual(["fixed.pdf"]);
    expect(content.files).toEqual({ folder: path, attachments: ["invoices/{{ number }}.pdf"], inlineImages: false });
    const compiled = await prepareContent(content);
    expect(compiled.columns).toEqual(["number"]);
    const mail = compiled.render("ann@example.com", { number: "7" });
    expect(mail.attachments.map(({ fileName }) => fileName)).toEqual(["fixed.pdf"]);
    expect(mail.files).toEqual([
      { folder: path, path: "invoices/7.pdf", fileName: "7.pdf", contentType: "application/pdf", contentId: null },
    ]);
  });

  test("leave contents without them as they were", async () => {
    expect((await written("attachments: fixed.pdf")).content).not.toHaveProperty("files");
    expect((await written("inline_images: false")).content).not.toHaveProperty("files");
  });

  test("may be missing for some, where the template says so", async () => {
    const { content } = await written('attachments: ["{% if number %}invoices/{{ number }}.pdf{% endif %}"]');
    const compiled = await prepareContent(content);
    expect(compiled.render("a@b.co", { number: "" })).not.toHaveProperty("files");
    expect(compiled.render("a@b.co", { number: "7" }).files).toHaveLength(1);
  });

  test("are checked like every other template", async () => {
    const { content } = await written('attachments: ["invoices/{{ number }}.pdf"]');
    const compiled = await prepareContent(content);
    expect(() => compiled.check(["email"])).toThrow(/\{\{ number \}\}, and there is no such column/);
    const check = compiled.check(["number"]);
    expect(check([" "])).toBe("{{ number }} is empty and has no default");
    expect(check(["../7"])).toMatch(/leads out of the content's folder/);
    expect(check(["7"])).toBeNull();
    const wrong = (await written('attachments: ["{{ a }"]')).content;
    await expect(prepareContent(wrong)).rejects.toThrow(/^attachments, line 1/);
  });

  test("of an option start in the working directory, and lead into the content's folder", async () => {
    const path = realpathSync(folder({ "mail.html": "<p>x</p>", "invoices/7.pdf": "x" }));
    const read = (...attachments: string[]) =>
      readContent({ contentFile: join(path, "mail.html"), recipientsFile: null, overrides: { ...HEAD, attachments } });
    expect((await read(`${path}/invoices/{{ n }}.pdf`)).content.files?.attachments).toEqual(["invoices/{{ n }}.pdf"]);
    expect((await read(`${path}/{{ n }}.pdf`)).content.files?.attachments).toEqual(["{{ n }}.pdf"]);
    const here = relative(process.cwd(), path);
    expect((await read(`${here}/new/{{ n }}/x.pdf`)).content.files?.attachments).toEqual(["new/{{ n }}/x.pdf"]);
    expect(await refusal(read("invoices/{{ n }}.pdf"))).toMatch(
      /have to be in the content's folder, \/.* put them there/,
    );
    expect(await refusal(read(`${path}/../{{ n }}.pdf`))).toMatch(/have to be in the content's folder/);
  });

  test("of the front matter lie in its folder, after links are followed; an option may name any file", async () => {
    const other = folder({ "secret.txt": "secret" });
    const path = folder({ "mail.html": "", "terms.txt": "terms", "sub/map.txt": "map" });
    symlinkSync(join(other, "secret.txt"), join(path, "link.txt"));
    symlinkSync(other, join(path, "away"));
    const read = (list: string) => {
      writeFileSync(
        join(path, "mail.html"),
        `---\nsubject: x\nfrom: a@example.com\nattachments: ${list}\n---\n<p>x</p>`,
      );
      return readContent({ contentFile: join(path, "mail.html"), recipientsFile: null, overrides: {} });
    };
    for (const outside of [
      join(other, "secret.txt"),
      `../${basename(other)}/secret.txt`,
      "link.txt",
      "away/secret.txt",
      "/etc/hostname",
    ])
      expect(await refusal(read(JSON.stringify([outside])))).toMatch(/is not in the content's folder.*--attach/);
    const { content } = await read('["terms.txt", "./sub/../sub/map.txt"]');
    expect(content.attachments.map(({ fileName }) => fileName)).toEqual(["terms.txt", "map.txt"]);
    const given = await readContent({
      contentFile: join(path, "mail.html"),
      recipientsFile: null,
      overrides: { attachments: [join(other, "secret.txt")] },
    });
    expect(given.content.attachments).toHaveLength(1);
  });

  test("that are no files are refused", async () => {
    const path = folder({ "mail.html": "---\nsubject: x\nfrom: a@example.com\n---\n<p>x</p>" });
    const overrides = { attachments: ["/dev/null"] };
    expect(
      await refusal(readContent({ contentFile: join(path, "mail.html"), recipientsFile: null, overrides })),
    ).toMatch(/is not a file/);
  });

  test("of the front matter with variables do not lead out of the folder", async () => {
    expect(await refusal(written('attachments: "../{{ n }}.pdf"'))).toMatch(/have to be in the content's folder/);
    expect(await refusal(written('attachments: "/etc/{{ n }}"'))).toMatch(/have to be in the content's folder/);
  });
});

describe("inline_images", () => {
  test.each(["true", "yes", "True"])("%s sends local pictures along", async (value) => {
    const path = realpathSync(
      folder({
        "m.html": front(
          `inline_images: ${value}`,
          '<img src="img/{{ a }}.png"><img src="b.gif"><img src="https://x.co/c.png">',
        ),
      }),
    );
    const { content } = await readContent({ contentFile: join(path, "m.html"), recipientsFile: null, overrides: HEAD });
    const { html, files, text } = (await prepareContent(content)).render("a@b.co", { a: "x y" });
    // Those that all mails show first.
    expect(files?.map((file) => file.path)).toEqual(["b.gif", "img/x y.png"]);
    const ids = files?.map(({ contentId }) => contentId);
    expect(html).toBe(`<img src="cid:${ids?.[1]}"><img src="cid:${ids?.[0]}"><img src="https://x.co/c.png">`);
    expect(text).not.toContain("cid:");
  });

  test("holds for Markdown, too", async () => {
    const mail = await mailOf("mail.md", front("inline_images: true", "Hi\n\n![Logo](img/my%20logo.png)"), {});
    expect(mail.files?.map((file) => file.path)).toEqual(["img/my logo.png"]);
    expect(mail.html).toContain(`src="cid:${mail.files?.[0]?.contentId}" alt="Logo"`);
  });

  test("a picture of a value is held to the same rules", async () => {
    const path = folder({ "m.html": front("inline_images: true", '<img src="{{ a }}">') });
    const { content } = await readContent({ contentFile: join(path, "m.html"), recipientsFile: null, overrides: HEAD });
    const check = (await prepareContent(content)).check(["a"]);
    expect(check(["../x.png"])).toMatch(/picture \.\.\/x\.png leads out/);
    expect(check(["/etc/x.png"])).toMatch(/not inside the content's folder/);
    expect(check([".ssh/x.png"])).toMatch(/hidden/);
    expect(check(["mail.csv"])).toMatch(/no picture/);
    expect(check(["https://example.com/x.png"])).toBeNull();
  });

  test("expects true or false", async () => {
    expect(await refusal(read("m.html", front("inline_images: maybe")))).toMatch(/expects true or false, got "maybe"/);
  });
});
