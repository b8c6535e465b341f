import fc from "../../support/properties.ts";
import { describe, expect, test } from "vitest";
import { type FrontMatter, splitFrontMatter } from "../../../src/compose/content/front-matter.ts";
import { UserError } from "../../../src/errors.ts";

async function read(yaml: string): Promise<FrontMatter> {
  return (await splitFrontMatter(`---\n${yaml}\n---\nbody`, "list.html")).front;
}

async function refusal(yaml: string): Promise<string> {
  const error: unknown = await read(yaml).then(
    (front) => `taken: ${JSON.stringify(front)}`,
    (reason: unknown) => reason,
  );
  if (error instanceof UserError) return `${error.message}; ${error.hint}`;
  throw error instanceof Error ? error : new Error(String(error));
}

test("kind is one of two words, and neither kind nor list takes variables", async () => {
  expect(await refusal("list: weekly\nkind: promotional")).toBe(
    'list.html, line 3: kind expects bulk or transactional, got "promotional"; null',
  );
  expect(await refusal("kind:")).toContain("line 2: kind expects bulk or transactional");
  expect(await refusal("kind: [bulk]")).toContain("kind expects a text");
  expect(await refusal('kind: "{{ kind }}"')).toContain("takes no variables");
  expect(await refusal('list: "{{ list }}"')).toContain("line 2: list is the same for every recipient");
  expect(await refusal("list: [a, b]")).toContain("list expects a text");
  expect(await read("list: 뉴스레터\nkind: bulk")).toEqual({ list: "뉴스레터", kind: "bulk" });
});

describe("a text that YAML would cut or change is refused, with the line to write", () => {
  test.each([
    [
      "subject: Order #4711 is here",
      '"#4711 is here" for a comment; put the value in quotes: subject: "Order #4711 is here", or',
    ],
    ["subject: #1 in town", '"#1 in town" for a comment; put the value in quotes: subject: "#1 in town"'],
    ["subject: Hi\t# note", '"# note" for a comment'],
    ["subject: *|FNAME|*", '"*|FNAME|*" for an alias; put the value in quotes: subject: "*|FNAME|*"'],
    ["subject: !important news", '"!important" for a tag; put the value in quotes: subject: "!important news"'],
    ["subject: ! x", '"!" for a tag'],
    ["subject: !!str 2026", '"!!str" for a tag'],
    ["subject: !x!y z", '"!x!y" for a tag'],
    ["subject: &Co is back", '"&Co" for an anchor; put the value in quotes: subject: "&Co is back"'],
    ["subject: {{ name }}", '"{{" for the beginning of a map; put the value in quotes: subject: "{{ name }}"'],
    ["subject: {{ name }}, hi", 'put the value in quotes: subject: "{{ name }}, hi"'],
    ["subject: {% if a %}b{% endif %}", 'put the value in quotes: subject: "{% if a %}b{% endif %}"'],
    ["subject: Sale: 50 % off", 'put the value in quotes: subject: "Sale: 50 % off"'],
    ["subject: @acme", 'put the value in quotes: subject: "@acme"'],
    ["subject: `x`", 'put the value in quotes: subject: "`x`"'],
    ["subject: %x", 'put the value in quotes: subject: "%x"'],
    ["subject: - x", 'put the value in quotes: subject: "- x"'],
    ["subject: ? x", 'put the value in quotes: subject: "? x"'],
    ["subject: } x", 'put the value in quotes: subject: "} x"'],
    ["subject: [Sale] today", 'put the value in quotes: subject: "[Sale] today"'],
    ["subject: |FNAME|", 'put the value in quotes: subject: "|FNAME|"'],
    ["subject: >>> Sale", 'put the value in quotes: subject: ">>> Sale"'],
    ["subject: > # Sale\n  now", '"# Sale" for a comment'],
    ["subject: >", '">" for the beginning of a text on the lines below'],
    ['subject: "Hi" there', `put the value in quotes: subject: '"Hi" there'`],
    ["subject: 'it's'", 'put the value in quotes: subject: "it\'s"'],
    ['subject: "say "hi" now"', `put the value in quotes: subject: 'say "hi" now'`],
    ['subject: "Hi', "the quote is not closed"],
    ['subject: "Hi\npreheader: x"', "the quote is not closed"],
    ['subject: "a\\qb"', "write it twice, or use single quotes"],
  ])("%j", async (yaml, expected) => {
    const text = await refusal(yaml);
    expect(text).toMatch(/^list\.html, line 2: /);
    expect(text).toContain(expected);
  });

  test.each([
    [
      "subject: x\nheaders:\n  X-A: b #c",
      'line 4: X-A: YAML takes "#c" for a comment; put the value in quotes: X-A: "b #c"',
    ],
    ['"from": a #b', `put the value in quotes: "from": "a #b"`],
    ["headers: { X-A: b #c }", 'line 2: YAML takes "#c }" for a comment'],
    [
      "attachments:\n  # Tom & Jerry\n  - a #1.pdf",
      'line 4: YAML takes "#1.pdf" for a comment; put the value in quotes: - "a #1.pdf"',
    ],
    ["attachments: [a.pdf, &b c.pdf]", 'line 2: YAML takes "&b" for an anchor'],
    ["tags:\n  !t a: b", 'line 3: YAML takes "!t" for a tag'],
    ["subject:\n\n  # x\n  !t Hi", 'line 5: YAML takes "!t" for a tag'],
    [
      "subject: x\r\nfrom: a #b\r",
      'line 3: from: YAML takes "#b" for a comment; put the value in quotes: from: "a #b"',
    ],
  ])("elsewhere than in a plain setting: %j", async (yaml, expected) =>
    expect(await refusal(yaml)).toContain(expected),
  );
});

test.each([
  [String.raw`subject: "a \uD83D"`, "line 2: subject: the text holds half"],
  [String.raw`from: "A \uD83D <a@example.com>"`, "line 2: from: the text holds half"],
  ['subject: "Hi"\n' + String.raw`reply_to: ["A \uDE00 <a@example.com>"]`, "line 3: the text holds half"],
  ["headers:\n" + String.raw`  X-Note: "\uDE00\uD83D"`, "line 3: X-Note: the text holds half"],
  ["headers:\n" + String.raw`  "X-\uD83D": "a"`, "line 3: the text holds half"],
  [String.raw`headers: { X-Note: "\uD83D" }`, "line 2: the text holds half"],
  [String.raw`tags: { a: "\uD83D" }`, "line 2: the text holds half"],
  [String.raw`preheader: "\U0000D83D"`, "line 2: preheader: the text holds half"],
  ["attachments:\n" + String.raw`  - "\uD83D.pdf"`, "line 3: the text holds half"],
  [String.raw`topic: "a\uD83D"`, "line 2: topic: the text holds half"],
  [String.raw`unsubscribe_url: "https://x.example/\uD83D"`, "line 2: unsubscribe_url: the text holds half"],
  [String.raw`"\uD83D": a`, "line 2: the text holds half"],
  [String.raw`subject: "a\0b"`, "line 2: subject: the text holds a NUL character; leave it out"],
])("half of a character is refused: %s", async (yaml, words) => {
  expect(await refusal(yaml)).toContain(`list.html, ${words}`);
});

test("both halves of a character are one", async () => {
  expect(await read(String.raw`subject: "\uD83D\uDE00 \U0001F600"`)).toEqual({ subject: "😀 😀" });
});

describe("what is no front matter is refused in plain words", () => {
  test.each([
    ["subject: x\nsubject: y", 'line 3: "subject: y" is given a second time'],
    ["\tsubject: x", "line 2: a tab begins the line"],
    ["subject: x\n...\nfrom: y", "line 4: YAML takes a line of ... for the end of the settings"],
    ["%YAML 1.2", "line 2: YAML takes a line that begins with % for a directive"],
    ["subject: x\nthere\nfrom: y", 'line 3: expected a name and a colon, got "there"'],
    ["from: a@b.co\nsubject:Hi", 'line 3: expected a name and a colon, got "subject:Hi"'],
    ["[a, b]: c", "line 2: expected a name and a colon"],
    ["headers:\n X-A: a\n  X-B: b", 'line 3: YAML cannot read "X-A: a" and the lines around it; begin all settings'],
    [" subject: x\nfrom: y", 'line 3: YAML cannot read "from: y" and the lines around it; begin all settings'],
    ["hello", "line 2: the front matter expects lines like subject: Hello"],
    ["# x\n\n- a", "line 4: the front matter expects lines like subject: Hello"],
    ["subject: [a, b]", 'line 2: subject expects a text, got "[a, b]"; if it is a text, put it in quotes: "[a, b]"'],
    ["attachments:\n- a: b", "line 3: attachments expects a text or a list of texts"],
    ["headers: { X-A: [a, b] }", 'line 2: headers: X-A expects one text, got "[a, b]"'],
    ["subject: {a} b", 'line 2: YAML cannot read "subject: {a} b"; put the value in quotes: subject: "{a} b"'],
    ["inline_images: maybe", 'line 2: inline_images expects true or false, got "maybe"'],
    ["subject: x\nsubjct: y", 'line 3: the front matter has an unknown key "subjct"; did you mean subject?'],
    ["<<: { subject: x }", 'unknown key "<<"'],
    ["__proto__: x", 'unknown key "__proto__"'],
  ])("%j", async (yaml, expected) => expect(await refusal(yaml)).toContain(expected));

  test("when it is nested without end", async () => {
    expect(await refusal("[".repeat(3000))).toContain("line 2: the front matter is nested too deeply");
    expect(await refusal("a: ".repeat(3000))).toMatch(/^list\.html, line 2: .{1,200}$/);
  });

  test("when it is not closed", async () => {
    await expect(splitFrontMatter("\n---\nsubject: x\n", "list.html")).rejects.toThrow(/line 2: .*not closed/);
  });
});

describe("variables", () => {
  test.each([
    ['topic: "june-{{ x }}"', "list.html, line 2: topic is the same for every recipient and takes no variables"],
    ['tenant: "{{ shop }}"', "line 2: tenant is the same"],
    ['configuration_set: "{% if a %}b{% endif %}"', "line 2: configuration_set is the same"],
    ['unsubscribe_mailto: "{{ x }}@b.co"', "line 2: unsubscribe_mailto is the same"],
    ['inline_images: "{{ x }}"', "line 2: inline_images is the same"],
    ['tags:\n  a: "{{ x }}"', "line 3: tags is the same"],
    ['tags:\n  "{{ x }}": a', "line 3: a name in tags is the same"],
    ['headers:\n  "{{ x }}": a', "line 3: a name in headers is the same"],
    ['from: "Ann <{{ x }}@b.co>"', "line 2: from expects an address or Name <address>: the address is the same"],
    [
      'reply_to:\n  - a@b.co\n  - "{{ x }}"',
      "line 4: reply_to expects an address or Name <address>: the address is the same",
    ],
  ])("do not stand in %j", async (yaml, expected) => expect(await refusal(yaml)).toContain(expected));

  test("stand everywhere else, and stay as they are", async () => {
    const yaml = `subject: "{{ a }}"
preheader: Hi {{ a }}
from: "{{ rep }} of Example <a@b.co>"
reply_to: "{{ rep }}, \\"Co\\" <a@b.co>, c@d.co"
headers: { X-A: "{{ a }}" }
attachments: ["{{ file }}"]
unsubscribe_url: https://x.co/{{ a }}`;
    expect(await read(yaml)).toEqual({
      subject: "{{ a }}",
      preheader: "Hi {{ a }}",
      from: "{{ rep }} of Example <a@b.co>",
      reply_to: ['{{ rep }}, "Co" <a@b.co>', "c@d.co"],
      headers: { "X-A": "{{ a }}" },
      attachments: ["{{ file }}"],
      unsubscribe_url: "https://x.co/{{ a }}",
    });
  });
});

test.each<[string, FrontMatter]>([
  ["", {}],
  ["# nothing but a comment", {}],
  ["# draft\nsubject: Hi\n# more & !x *y\nfrom: a@b.co\n  # z", { subject: "Hi", from: "a@b.co" }],
  ['subject: "Hi" # note', { subject: "Hi" }],
  ["subject: 'it''s # 1'", { subject: "it's # 1" }],
  ["subject: Tom & Jerry's !*", { subject: "Tom & Jerry's !*" }],
  ["subject: ~", { subject: "~" }],
  ["subject: null", { subject: "null" }],
  ["subject: 0o17", { subject: "0o17" }],
  ["subject: 2026-01-01", { subject: "2026-01-01" }],
  ["subject: yes", { subject: "yes" }],
  ["subject: |\n  Hi # one", { subject: "Hi # one" }],
  ["subject: >-\n  Hi\n  there", { subject: "Hi there" }],
  ["subject: Hi\n  there", { subject: "Hi there" }],
  ["subject:\n  Hi", { subject: "Hi" }],
  ["? subject\n: Hi", { subject: "Hi" }],
  ["headers: # ours\n  X-A: b\n  # theirs\n  X-B: c", { headers: { "X-A": "b", "X-B": "c" } }],
  ["headers:", { headers: {} }],
  ["attachments:", { attachments: [] }],
  ["attachments: a.pdf", { attachments: ["a.pdf"] }],
  ["reply_to: Lee, Ann <a@b.co>, c@d.co", { reply_to: ["Lee, Ann <a@b.co>", "c@d.co"] }],
  ["inline_images: true", { inline_images: true }],
  ["inline_images: false", { inline_images: false }],
])("%j is read", async (yaml, expected) => expect(await read(yaml)).toEqual(expected));

test("the body begins behind the closing line, whatever the line ends are", async () => {
  for (const end of ["\n", "\r\n"]) {
    const source = ["", "---  ", "subject: Hi", "---", "body", "---"].join(end);
    expect(await splitFrontMatter(source, "x")).toEqual({
      front: { subject: "Hi" },
      body: `body${end}---`,
      bodyLine: 5,
    });
  }
  expect(await splitFrontMatter("body\n---\n", "x")).toEqual({ front: {}, body: "body\n---\n", bodyLine: 1 });
});

const SIGNS = [
  "#",
  " #",
  "!",
  "&",
  "*",
  "|",
  ">",
  "'",
  '"',
  "%",
  "@",
  "`",
  "- ",
  "? ",
  ": ",
  ":",
  "[",
  "]",
  "{",
  "}",
  "{{ a }}",
  ",",
].concat(["a", "Hi", " ", "\\", "~", "<<", "é", "…", "=", "\t", "---", "..."]);

test("a value on one line is read as it stands, or refused with a line that is", async () => {
  const value = fc
    .array(fc.constantFrom(...SIGNS), { minLength: 1, maxLength: 8 })
    .map((pieces) => pieces.join("").trim());
  await fc.assert(
    fc.asyncProperty(value, async (text) => {
      fc.pre(text !== "");
      const answer = await refusal(`subject: ${text}`).catch((error: Error) => error.message);
      expect(answer).toMatch(/^taken: |^list\.html, line [23]: /);
      const suggested = /in quotes: (subject: .*?)(?:, or put the comment on a line of its own)?$/.exec(answer)?.[1];
      const line = answer.startsWith("taken: ") ? `subject: ${text}` : suggested;
      fc.pre(line !== undefined);
      // Quotes around the whole value are YAML's; a comment may follow them.
      const inQuotes = /^(["'])(.*)\1(?:\s+#.*)?$/.exec(text)?.[2];
      fc.pre(inQuotes === undefined || !/["'\\]/.test(inQuotes));
      expect([text, inQuotes]).toContain((await read(line)).subject);
    }),
    { numRuns: 1000 },
  );
});

test("any text is front matter or a refusal of one line", async () => {
  const line = fc.array(
    fc.constantFrom(...SIGNS, "subject: ", "headers:", "\n  ", "\n- ", "\r\n", "\n", "\u0000", "\ufeff"),
    { maxLength: 14 },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        line.map((pieces) => pieces.join("")),
        fc.string({ unit: "binary" }),
      ),
      async (yaml) => {
        const text = await refusal(yaml).catch((error: Error) => error.message);
        expect(text).toMatch(/^taken: |^list\.html, line \d+: .*; /);
      },
    ),
    { numRuns: 1000 },
  );
});
