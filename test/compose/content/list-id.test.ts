/** The header List-Id (RFC 2919): legal for any name, the same each time, and never the way to another header. */
import { describe, expect, test } from "vitest";
import { listIdHeader } from "../../../src/compose/content/list-id.ts";
import { phraseText } from "../../../src/compose/address/mailbox.ts";
import { readWords } from "../../../src/compose/address/encoded-word.ts";
import fc from "../../support/properties.ts";

const FROM = "News <news@example.com>";
const valueOf = (list: string, from = FROM) => listIdHeader({ list, from, headers: [] })?.value ?? "";
const idOf = (value: string) => /<([^<>]*)>$/.exec(value)?.[1] ?? "";

/** Atoms, a quoted-string or encoded-words, and a dot-atom in angle brackets (RFC 2919 §3, RFC 2047 §5). */
const ATEXT = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]";
const PHRASE = `${ATEXT}+(?: ${ATEXT}+)*|"(?:[^"\\\\]|\\\\.)*"|=\\?UTF-8\\?B\\?\\S+\\?=(?: =\\?UTF-8\\?B\\?\\S+\\?=)*`;
const LEGAL = new RegExp(`^(?:${PHRASE}) <${ATEXT}{1,63}(?:\\.${ATEXT}+)+>$`);

describe("the id", () => {
  test.each([
    ["weekly", /^weekly <weekly\.example\.com>$/],
    ["product-news_2", /^product-news_2 <product-news_2\.example\.com>$/],
    ["Weekly News", /^Weekly News <weekly-news-[0-9a-f]{12}\.example\.com>$/],
    ["a.b", /^"a\.b" <a-b-[0-9a-f]{12}\.example\.com>$/],
    ['say "hi"', /^"say \\"hi\\"" <say-hi-[0-9a-f]{12}\.example\.com>$/],
    ["뉴스레터", /^=\?UTF-8\?B\?\S+\?= <list-[0-9a-f]{12}\.example\.com>$/],
    ["=?x?=", /^=\?UTF-8\?B\?\S+\?= <x-[0-9a-f]{12}\.example\.com>$/],
  ])("of %j", (list, expected) => {
    const value = valueOf(list);
    expect(value).toMatch(expected);
    expect(valueOf(list)).toBe(value);
  });

  test("stands in the domain of the sender, in ASCII", () => {
    expect(idOf(valueOf("weekly", "x@Bücher.example"))).toBe("weekly.xn--bcher-kva.example");
  });

  test("fits for the longest name and the longest domain", () => {
    const domain = `${"a".repeat(60)}.${"b".repeat(60)}.${"c".repeat(60)}.${"d".repeat(55)}.example`;
    const value = valueOf("📰".repeat(100), `x@${domain}`);
    expect(value.length).toBeLessThan(980);
    expect(idOf(value).length).toBeLessThanOrEqual(255);
    expect(value).toMatch(LEGAL);
  });

  test("differs when the names do, also by case alone", () => {
    const names = ["weekly", "Weekly", "WEEKLY", "weekly ", "wéekly", "주간", "월간", "x".repeat(99), "x".repeat(100)];
    expect(new Set(names.map((name) => idOf(valueOf(name)).toLowerCase())).size).toBe(names.length);
  });
});

test("is legal, whatever the name", () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, maxLength: 100, unit: "grapheme" }), (text) => {
      // oxlint-disable-next-line no-control-regex
      fc.pre(!/[/\p{Cc}\p{Cs}\u2028\u2029]/u.test(text) && text.trim() !== "");
      const value = valueOf(text);
      expect(value).toMatch(/^[ -~]{1,980}$/);
      expect(value).toMatch(LEGAL);
      const words = value.slice(0, value.lastIndexOf("<")).trim();
      const read = words.startsWith("=?") ? readWords(words) : phraseText(words);
      expect(read).toBe(text.trim());
    }),
  );
});

test("is not written over one of the author's, and not without a list", () => {
  expect(
    listIdHeader({ list: "weekly", from: FROM, headers: [{ name: "list-ID", value: "<x.example.org>" }] }),
  ).toBeNull();
  expect(listIdHeader({ from: FROM, headers: [] })).toBeNull();
});
