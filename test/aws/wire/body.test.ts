/** The bodies that the wire writes are those that JSON.stringify makes of the request, whatever is in the mail. */
import { describe, expect, it, test } from "vitest";
import { requestOf } from "../../../src/aws/request-body.ts";
import { BodyWriter } from "../../../src/aws/wire/body.ts";
import { type ComposedMail, type Pieces, type Tag, wholeMail, wholeText } from "../../../src/message.ts";
import fc from "../../support/properties.ts";
import { PLAIN_MAIL as MAIL } from "../../support/plain-mail.ts";

/** Half characters, quotes, controls, separators that JSON escapes or not, and all else. */
const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ unit: fc.constantFrom("\ud83d", "\ude00", '"', "\\", "\u2028", "\0", "<", "가", "a", "\u{1f600}") }),
);
const pair = fc.record({ name: text, value: text });

const pieces: fc.Arbitrary<Pieces> = fc.array(text, { maxLength: 4 }).chain((values) =>
  fc.record({
    fixed: fc.array(text, { minLength: values.length + 1, maxLength: values.length + 1 }),
    values: fc.constant(values),
  }),
);
const body = fc.oneof(text, pieces);

const mail: fc.Arbitrary<ComposedMail> = fc.record(
  {
    from: text,
    to: text,
    replyTo: fc.array(text, { maxLength: 2 }),
    subject: text,
    html: body,
    text: body,
    headers: fc.array(pair, { maxLength: 3 }),
    tags: fc.array(pair, { maxLength: 3 }),
    attachments: fc.constant([]),
    configurationSet: fc.option(fc.string({ minLength: 1, maxLength: 10 })),
    tenant: fc.string({ minLength: 1, maxLength: 10 }),
  },
  {
    requiredKeys: [
      "from",
      "to",
      "replyTo",
      "subject",
      "html",
      "text",
      "headers",
      "tags",
      "attachments",
      "configurationSet",
    ],
  },
);

const expected = (each: ComposedMail, tags: Tag[]): string => JSON.stringify(requestOf(wholeMail(each), tags));

describe("a body", () => {
  test("is the JSON of the request, byte for byte, the first time and when its pieces are known", () => {
    const writer = new BodyWriter();
    fc.assert(
      fc.property(mail, fc.array(pair, { maxLength: 2 }), (each, tags) => {
        const bytes = Buffer.from(expected(each, tags));
        for (let time = 0; time < 3; time++) {
          const written = writer.write({ mail: each, tags });
          expect(written.equals(bytes)).toBe(true);
          writer.release(written);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test("is as written when texts of the mail look like the place of the bodies", () => {
    const trap = '"Body":{"Html":{"Data":"","Charset":"UTF-8"},"Text":{"Data":"","Charset":"UTF-8"}}';
    const each = { ...MAIL, from: trap, to: trap, subject: trap, headers: [{ name: trap, value: trap }], html: trap };
    expect(new BodyWriter().write({ mail: each, tags: [] }).toString()).toBe(expected(each, []));
  });

  test("has halves of a character that meet where a value begins", () => {
    const each = { ...MAIL, html: { fixed: ["\ud83d", "!"], values: ["\ude00"] } };
    const writer = new BodyWriter();
    for (let time = 0; time < 3; time++)
      expect(writer.write({ mail: each, tags: [] }).toString()).toBe(expected(each, []));
  });

  it("of a megabyte is written, too", () => {
    const each = { ...MAIL, html: { fixed: ["é".repeat(300_000), ""], values: ["가".repeat(300_000)] } };
    const writer = new BodyWriter();
    for (let time = 0; time < 3; time++) {
      const written = writer.write({ mail: each, tags: [] });
      expect(written.equals(Buffer.from(expected(each, [])))).toBe(true);
      writer.release(written);
    }
  });
});

describe("buffers", () => {
  const of = (name: string): ComposedMail => ({ ...MAIL, html: { fixed: ["<p>", "</p>"], values: [name] } });
  const letter = (name: string) => ({ mail: of(name), tags: [] });

  test("that are given back serve the next mails, and others are left alone", () => {
    const writer = new BodyWriter();
    const [first, second] = [writer.write(letter("Ann")), writer.write(letter("Bo"))];
    expect(first.buffer).not.toBe(second.buffer);
    writer.release(first);
    const third = writer.write(letter("Cy"));
    expect(third.buffer).toBe(first.buffer);
    expect(second.toString()).toBe(expected(of("Bo"), []));
    expect(third.toString()).toBe(expected(of("Cy"), []));
  });

  test("that are too small are replaced by larger ones", () => {
    const writer = new BodyWriter();
    writer.release(writer.write(letter("Ann")));
    const long = "x".repeat(100_000);
    expect(writer.write(letter(long)).toString()).toBe(expected(of(long), []));
  });
});

test("pieces make one text", () => {
  expect(wholeText({ fixed: ["a"], values: [] })).toBe("a");
  expect(wholeText({ fixed: ["a", "b", ""], values: ["1", "2"] })).toBe("a1b2");
});
