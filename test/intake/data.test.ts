/** Data are checked as if each text in them were looked at, and then the template asked. */
import { expect, test } from "vitest";
import { prepareTemplate } from "../../src/compose/mail/tools.ts";
import { dataProblems } from "../../src/intake/data.ts";
import { textProblemsIn } from "../../src/intake/sound.ts";
import type { Content } from "../../src/message.ts";
import fc from "../support/properties.ts";
import { ENVELOPE } from "../support/envelope.ts";

const CONTENT: Content = {
  ...ENVELOPE,
  subject: "Order {{ name }}",
  html: "<p>{{ name }}{% for item in items %}{{ item }}{% endfor %}</p>",
  text: "",
  attachments: [],
  allowEmpty: false,
};

const text = fc.oneof(
  fc.constantFrom("\0", "\ud800", "\udfff x", "\\u0000", "\u0001", "\u2028", "🎉", "a"),
  fc.string(),
);
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 12, depthSize: "large" },
    text,
    fc.constantFrom(null, true, 1.5, 1e300),
    fc.array(tie("any"), { maxLength: 3 }),
    fc.dictionary(text, tie("any"), { maxKeys: 3 }),
  ),
})).any;

test("what is unsound is told, and else what the template finds", async () => {
  const template = await prepareTemplate(CONTENT);
  const address = "ann@example.com";
  const below = (path: string) => (path === "" ? "data" : `data${path.startsWith("[") ? "" : "."}${path}`);
  const whole = (data: unknown) => {
    const unsound = textProblemsIn(data);
    const found = unsound.length > 0 ? unsound : template.check(address, data);
    return found.map(({ path, message }) => ({ path: below(path), message }));
  };
  const data = fc.oneof(value, fc.record({ name: text, items: fc.array(value, { maxLength: 3 }), more: value }));
  fc.assert(
    fc.property(data, (each) => {
      expect(dataProblems(template, { address, data: each, at: "data" })).toEqual(whole(each));
    }),
    { numRuns: 2_000 },
  );
});
