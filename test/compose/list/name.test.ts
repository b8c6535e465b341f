import { expect, test } from "vitest";
import { checkTopic } from "../../../src/compose/content/content.ts";
import { columnName, findName, unseenIn } from "../../../src/compose/list/name.ts";
import { UserError } from "../../../src/errors.ts";

test.each([
  "june",
  "뉴스레터 1월",
  "Été à Köln",
  "👨‍👩‍👧 families",
  "👩🏽‍🚀",
  "❤️",
  "🏳️‍🌈",
  "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
  "می\u200cخواهم",
  "क्\u200dष",
  "葛\u{e0100}",
])("%s is a name, in both forms of Unicode the same", (name) => {
  expect(unseenIn(name)).toBeNull();
  expect(checkTopic(name)).toBe(name.normalize("NFC"));
  expect(checkTopic(name.normalize("NFD"))).toBe(name.normalize("NFC"));
});

test.each([
  ["ju\u200bne", "U+200B"],
  ["june\u200b", "U+200B"],
  ["ju\u200cne", "U+200C"],
  ["ju\u200dne", "U+200D"],
  ["june\u200e", "U+200E"],
  ["\u202eenuj", "U+202E"],
  ["ju\u2060ne", "U+2060"],
  ["ju\u2066ne", "U+2066"],
  ["\ufeffjune", "U+FEFF"],
  ["ju\u00adne", "U+00AD"],
  ["ju\u061cne", "U+061C"],
  ["ju\u180ene", "U+180E"],
  ["ju\u3164ne", "U+3164"],
  ["june\u{e0041}", "U+E0041"],
])("%j has something that nobody sees: %s", (name, code) => {
  expect(unseenIn(name)).toBe(code);
  expect(() => checkTopic(name)).toThrow(UserError);
  expect(() => checkTopic(name)).toThrow(code);
});

test("a name is found as it is written, else whatever its case, in either form", () => {
  const names = ["Name", "name", "pr\u00e9nom"];
  expect(["name", "NAME", "pre\u0301nom", "\u200bPR\u00c9NOM ", "x"].map((name) => findName(name, names))).toEqual([
    1, 0, 2, 2, -1,
  ]);
  expect(columnName(` \ufeffa\u200b b\u00a0`)).toBe("a\u200b b");
});
