import fc from "../../support/properties.ts";
import addressparser from "nodemailer/lib/addressparser";
import { describe, expect, test } from "vitest";
import { displayNameProblem, formatMailbox, mailboxesIn, splitMailbox } from "../../../src/compose/address/mailbox.ts";

test.each([
  ["ann@x.com", null, "ann@x.com"],
  ["Ann <ann@x.com>", "Ann", "Ann <ann@x.com>"],
  ['"Na, me" <a@b.co>', "Na, me", '"Na, me" <a@b.co>'],
  ["Na, me <a@b.co>", "Na, me", '"Na, me" <a@b.co>'],
  ['"say \\"hi\\"" <a@b.co>', 'say "hi"', '"say \\"hi\\"" <a@b.co>'],
  ["J. Doe <a@b.co>", "J. Doe", '"J. Doe" <a@b.co>'],
  ["Ann  Lee <a@b.co>", "Ann  Lee", '"Ann  Lee" <a@b.co>'],
  ["<a@b.co>", null, "a@b.co"],
  ['"" <a@b.co>', null, "a@b.co"],
  ['ACME "The Shop" Ltd. <a@b.co>', 'ACME "The Shop" Ltd.', '"ACME \\"The Shop\\" Ltd." <a@b.co>'],
  ["Ann @ ACME <a@b.co>", "Ann @ ACME", '"Ann @ ACME" <a@b.co>'],
  ["Ann @ ACME, Inc. <a@b.co>", "Ann @ ACME, Inc.", '"Ann @ ACME, Inc." <a@b.co>'],
  ["ann@x.com <a@b.co>", "ann@x.com", '"ann@x.com" <a@b.co>'],
  ["Ann (Sales) <a@b.co>", "Ann (Sales)", '"Ann (Sales)" <a@b.co>'],
  ['5" disk <a@b.co>', '5" disk', '"5\\" disk" <a@b.co>'],
  ["A < B <a@b.co>", "A < B", '"A < B" <a@b.co>'],
  ["back\\slash <a@b.co>", "back\\slash", '"back\\\\slash" <a@b.co>'],
  ['"<x@y.co>" <a@b.co>', "<x@y.co>", '"<x@y.co>" <a@b.co>'],
  ["=?UTF-8?Q?x?= <a@b.co>", "=?UTF-8?Q?x?=", "=?UTF-8?B?PT9VVEYtOD9RP3g/PQ==?= <a@b.co>"],
  ["Ann <a@Bücher.example>", "Ann", "Ann <a@xn--bcher-kva.example>"],
])("splitMailbox(%j)", (written, name, wire) => {
  const mailbox = splitMailbox(written);
  expect(mailbox).toMatchObject({ name });
  expect("address" in mailbox && formatMailbox(mailbox)).toBe(wire);
});

test.each([
  ["{{ rep }} of Example <a@b.co>", "{{ rep }} of Example"],
  ['{{ rep | default: "Ann" }}, "Co" <a@b.co>', '{{ rep | default: "Ann" }}, "Co"'],
  ['"{{ rep | default: "Ann" }}, Co" <a@b.co>', '{{ rep | default: "Ann" }}, Co'],
  ['"{{ rep | default: "a\\"b" }} \\"x\\"" <a@b.co>', '{{ rep | default: "a\\"b" }} "x"'],
  ["{% if a < b %}Ann{% else %}Bob{% endif %} <a@b.co>", "{% if a < b %}Ann{% else %}Bob{% endif %}"],
  ['{{ rep | default: "x@y.co, z" }} <a@b.co>', '{{ rep | default: "x@y.co, z" }}'],
])("the name of %j stays the template it is", (written, name) => {
  expect(splitMailbox(written)).toEqual({ name, address: "a@b.co" });
});

test.each([
  ["", /no address/],
  ["Ann", /no @/],
  ["Ann <ann>", /no @/],
  ["Ann <a@b.co", /at the end, in < >/],
  ["Ann <a@b.co> x", /at the end, in < >/],
  ["a@b.co, c@d.co", /more than one address/],
  ["a@b.co; c@d.co", /more than one address/],
  ["a@b.co, Ann <c@d.co>", /more than one address/],
  ["Ann <a@b.co>, c@d.co", /more than one address/],
  ["A <a@b.co>, B <c@d.co>", /more than one address/],
  ['"Ann <a@b.co>', /quote .* not closed/],
  ["Ann\r\nBcc: x@y.co <a@b.co>", /control character/],
  [`${"Ann ".repeat(90)}<a@b.co>`, /368 characters.*SES takes 320/],
  ["Ann <{{ rep }}@b.co>", /the same for every recipient/],
  ["{{ from }}", /the same for every recipient/],
  ["{% if a %}A <a@b.co>{% endif %}", /the same for every recipient/],
  ["{% if a %}A <a@b.co>{% else %}B{% endif %} <c@d.co>", /more than one address/],
])("splitMailbox refuses %j", (written, problem) => {
  const mailbox = splitMailbox(written);
  expect("problem" in mailbox && mailbox.problem).toMatch(problem);
});

test("a problem says nothing twice", () => {
  expect(splitMailbox("a@b.co, c@d.co")).toEqual({ problem: '"a@b.co, c@d.co": more than one address' });
});

test("a name of many templates or quotes is read in an instant", () => {
  for (const name of ["{{a}}".repeat(5000), '"{{a}}'.repeat(5000), '"'.repeat(20_001), "{{ ".repeat(5000)])
    expect(splitMailbox(`"${name} <a@b.co>`)).toBeDefined();
});

test.each([
  ["a@b.co", ["a@b.co"]],
  ["a@b.co, c@d.co", ["a@b.co", "c@d.co"]],
  ["a@b.co; c@d.co;", ["a@b.co", "c@d.co"]],
  ["Lee, Ann <a@b.co>", ["Lee, Ann <a@b.co>"]],
  ["Lee, Ann <a@b.co>, c@d.co", ["Lee, Ann <a@b.co>", "c@d.co"]],
  [
    '"x@y.co, z" <a@b.co>, {{ rep | default: "p, q" }} <c@d.co>',
    ['"x@y.co, z" <a@b.co>', '{{ rep | default: "p, q" }} <c@d.co>'],
  ],
  ["a@b.co, nobody", ["a@b.co", "nobody"]],
  ["nobody", ["nobody"]],
  [",", [""]],
])("mailboxesIn(%j)", (written, mailboxes) => expect(mailboxesIn(written)).toEqual(mailboxes));

describe("displayNameProblem", () => {
  const problem = (name: string) => displayNameProblem({ name, address: "a@b.co" });

  test.each([
    ["Ann\nBcc: x@y.co", /line break/],
    ["Ann\u0085", /line break/],
    ["Ann \ud83d", /half of a character/],
    ["Ann".repeat(110), /SES takes 320/],
    ["한".repeat(90), /SES takes 320/],
  ])("%j", (name, expected) => expect(problem(name)).toMatch(expected));

  test.each(["", "Ann", "한".repeat(60), 'Ann" <evil@x.co>'])("takes %j", (name) => expect(problem(name)).toBeNull());
});

test("a name without a word leaves the bare address", () => {
  expect(formatMailbox({ name: "  ", address: "a@b.co" })).toBe("a@b.co");
});

test("a name in any script comes out as encoded-words of at most 75 characters that decode to it", () => {
  const nonAscii = fc.string({ unit: "grapheme", minLength: 1, maxLength: 120 }).map((text) => `한${text}`.trim());
  fc.assert(
    fc.property(nonAscii, (name) => {
      const wire = formatMailbox({ name, address: "a@b.co" });
      const words = wire.slice(0, -" <a@b.co>".length).split(" ");
      for (const word of words) expect(word.length).toBeLessThanOrEqual(75);
      const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
      const decoded = words.map((word) => decoder.decode(Buffer.from(word.slice(10, -2), "base64")));
      expect(decoded.join("")).toBe(name);
    }),
  );
});

test("whatever a name is, readers see one mailbox, with this name and address", () => {
  const unit = fc.constantFrom(
    '"',
    "\\",
    "<",
    ">",
    "@",
    ",",
    ";",
    ":",
    "(",
    ")",
    " ",
    "a",
    "evil@x.co",
    "é",
    "=?",
    "?=",
    "👩‍🚀",
  );
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 30 }), (written) => {
      const name = written.trim();
      const wire = formatMailbox({ name, address: "a@b.co" });
      expect(wire).toMatch(/^[ -~]+$/);
      const [first, ...others] = addressparser(wire);
      expect(others).toEqual([]);
      expect(first).toMatchObject({ address: "a@b.co" });
      const seen = wire.startsWith("=?")
        ? wire
            .slice(0, -9)
            .split(" ")
            .map((word) => Buffer.from(word.slice(10, -2), "base64").toString())
            .join("")
        : (first as { name: string }).name;
      expect(seen).toBe(name);
    }),
  );
});
