/** A long list of recipients that is read one by one says what it says when it is parsed with its body. */
import { describe, expect, test } from "vitest";
import { entriesOf, lengthOf, parseRequest } from "../../src/intake/long-list.ts";
import { readRequest } from "../../src/intake/request.ts";
import { createTemplateShelf } from "../../src/intake/templates.ts";
import type { Content } from "../../src/message.ts";
import fc from "../support/properties.ts";
import { ENVELOPE } from "../support/envelope.ts";

const CONTENT: Content = {
  ...ENVELOPE,
  subject: "Order {{ order.number }}",
  html: "<p>{{ name | default: 'friend' }}{% for item in order.items %}{{ item }}{% endfor %}</p>",
  text: "",
  attachments: [],
  allowEmpty: false,
};
const templates = createTemplateShelf({
  template: async (name) => ({ name, version: 1, createdAt: 0, content: CONTENT }),
  templates: async () => [],
});

/** What a request comes to: what was read of it, or why it could not be. */
async function outcome(parsed: Promise<unknown>) {
  try {
    const around = { now: 0, zone: "UTC", tracking: null, templates, envelope: ENVELOPE };
    return await readRequest(await parsed, { ...around, knownUuids: async () => new Set() });
  } catch (error) {
    return String(error);
  }
}

const whole = async (text: string): Promise<unknown> => JSON.parse(text) as unknown;

/** The texts that were parsed with a body. */
async function parsedOf(text: string): Promise<string[]> {
  const texts: string[] = [];
  await parseRequest(text, (json) => {
    texts.push(json);
    return whole(json);
  });
  return texts;
}

const dataOf = (at: number) => ({
  name: `R ${at}`,
  order: { number: at + 0.5, items: ["Tea", -1e-7, true], more: [null, []] },
});
const entries = (count: number, data: (at: number) => unknown = dataOf) =>
  Array.from({ length: count }, (_, at) => ({ email: `r${at}@example.com`, data: data(at) }));
const bodyOf = (to: unknown, more: object = {}) => ({ messages: [{ topic_id: "t", template: "t", to, ...more }] });

/** JSON as Python writes it. */
const spaced = (value: unknown): string =>
  JSON.stringify(value).replaceAll(/(?<=["\]}\dle])([,:])(?=["[{\dtfn-])/g, "$1 ");

describe("a long list", () => {
  test.each([
    ["as JavaScript writes it", JSON.stringify],
    ["as Python writes it", spaced],
  ])("is left as it is, but for its first recipient: %s", async (_, write) => {
    const to = [...entries(150), { email: "é@example.com" }, { email: "u@example.com", data: {}, uuid: "u-1" }];
    const body = (await parseRequest(write(bodyOf(to)), whole)) as ReturnType<typeof bodyOf>;
    const list = body.messages[0]?.to as unknown[];
    expect(list).toEqual(to.slice(0, 1));
    expect(lengthOf(list)).toBe(to.length);
    expect([...entriesOf(list)]).toEqual(to);
    expect(body).toEqual(bodyOf(to.slice(0, 1)));
  });

  const text = JSON.stringify(bodyOf(entries(150)));
  const hostile = '{"a":{"b":1}}';
  test.each([
    ["a short one", JSON.stringify(bodyOf(entries(99)))],
    ["with a recipient that the schema refuses", text.replace('"email":"r140', '"mail":"r140')],
    ["with a number for data", JSON.stringify(bodyOf(entries(150, (at) => (at === 149 ? 5 : {}))))],
    [
      "with a name that reaches into prototypes",
      JSON.stringify(bodyOf(entries(150, (at) => (at === 140 ? 1 : {})))).replace(
        '"data":1',
        `"data":${hostile.replace("a", "__proto__")}`,
      ),
    ],
    [
      "with such a name in disguise",
      JSON.stringify(bodyOf(entries(150, (at) => (at === 140 ? 1 : {})))).replace(
        '"data":1',
        `"data":${hostile.replace("a", "\\u005f_proto__")}`,
      ),
    ],
    [
      "with a constructor",
      JSON.stringify(bodyOf(entries(150, (at) => (at === 140 ? 1 : {})))).replace(
        '"data":1',
        '"data":{"constructor":{"prototype":1}}',
      ),
    ],
    ["of more addresses than a request may have", JSON.stringify(bodyOf(entries(10_001, () => ({}))))],
    ["with data that are too deep", JSON.stringify(bodyOf(entries(150, () => ({ a: [[[[[[1]]]]]] }))))],
    [
      "with megabytes of escapes",
      JSON.stringify(bodyOf(entries(150, (at) => (at === 9 ? { a: "\n".repeat(6_000_000) } : {})))),
    ],
  ])("is parsed with its body: %s", async (_, given) => {
    expect(await parsedOf(given)).toEqual([given]);
  });

  test.each([
    ["somewhere else", JSON.stringify({ messages: [], other: { to: entries(150) } })],
    ["that counts for nothing", text.replace('"to":', '"to":[],"to":').replace(/\}\]\}$/, ',"to":[]}]}')],
    ["in a text", JSON.stringify({ ...bodyOf([]), a: text })],
    ["in a name", text.replace('"to":', '"\\"to":')],
    ["before broken JSON", text.slice(0, -1)],
  ])("is what it is in the whole: %s", async (_, given) => {
    expect((await parsedOf(given).catch(() => [given])).at(-1)).toBe(given);
    expect(await outcome(parseRequest(given, whole))).toEqual(await outcome(whole(given)));
  });

  test("of ten thousand is read, and of one more is refused", async () => {
    const read = async (count: number) => outcome(parseRequest(JSON.stringify(bodyOf(entries(count))), whole));
    const found = await read(10_000);
    expect(found).toMatchObject({ kind: "messages", messages: [{ emails: { length: 10_000 } }] });
    expect(await read(10_001)).toMatchObject({ kind: "invalid", reason: /Max 10000/ });
    const two = JSON.stringify({ messages: [...bodyOf(entries(9_000)).messages, ...bodyOf(entries(1_001)).messages] });
    expect(await outcome(parseRequest(two, whole))).toMatchObject({ kind: "invalid", reason: /Max 10000/ });
  });
});

/** Data with odd texts, numbers and names. */
const odd = fc.oneof(
  fc.constantFrom<unknown>({}, dataOf(7), { order: { number: 1 } }, { order: {} }, { "2": 1, "1": 2 }, null, 5, "x"),
  fc.dictionary(fc.string({ maxLength: 6 }), fc.jsonValue({ maxDepth: 4 }), { maxKeys: 3 }),
  fc.constantFrom("\\", '"', "\u0000", "\ud800", "\u2028", "é", "\n/").map((name) => ({ ...dataOf(1), name })),
);
const bodies = fc
  .record({
    places: fc.array(fc.record({ at: fc.nat(119), data: odd }), { maxLength: 3 }),
    emails: fc.array(fc.record({ at: fc.nat(119), email: fc.constantFrom("no", "a@b.example", "", 5) }), {
      maxLength: 2,
    }),
    more: fc.constantFrom(
      {},
      { uuid: "u" },
      { emails: ["a@b.example"] },
      { subject: "" },
      { template: null },
      { a: 1 },
    ),
    write: fc.constantFrom(JSON.stringify, spaced, (value: unknown) => JSON.stringify(value, null, 2)),
    before: fc.constantFrom([], bodyOf(entries(2)).messages, [
      { emails: ["a@b.example"], subject: "s", content: '"to":[' },
    ]),
  })
  .map(({ places, emails, more, write, before }) => {
    const to: { email: unknown; data: unknown }[] = entries(120);
    for (const { at, data } of places) to[at] = { email: `r${at}@example.com`, data };
    for (const { at, email } of emails) to[at] = { email, data: dataOf(at) };
    return write({ messages: [...before, ...bodyOf(to, more).messages] });
  });

describe("a body says the same as whole", () => {
  test("whatever is in it", async () => {
    await fc.assert(
      fc.asyncProperty(bodies, async (text) => {
        expect(await outcome(parseRequest(text, whole))).toEqual(await outcome(whole(text)));
      }),
      { numRuns: 300 },
    );
  });

  test("when parts of it are cut out, doubled or strange", async () => {
    const strange = [
      "",
      ",",
      '"',
      "\\",
      "}",
      "]",
      "{",
      '"to":[{"email":"a"}]',
      "0",
      "-",
      ".",
      "e",
      " ",
      ":",
      "null",
      '"a":1,',
    ];
    const change = fc.record({
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      out: fc.nat(12),
      put: fc.constantFrom(...strange),
    });
    await fc.assert(
      fc.asyncProperty(bodies, fc.array(change, { minLength: 1, maxLength: 2 }), async (given, changes) => {
        let text = given;
        for (const { at, out, put } of changes) {
          const from = Math.floor(at * text.length);
          text = text.slice(0, from) + put + text.slice(from + (out % 3 === 0 ? out : 0));
        }
        expect(await outcome(parseRequest(text, whole))).toEqual(await outcome(whole(text)));
      }),
      { numRuns: 600 },
    );
  });
});
