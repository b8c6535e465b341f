import { describe, expect, test } from "vitest";
import { leavesBy } from "../../src/tracking/leaving.ts";

const HEADER = "<https://example.com/u?email=ann%2Bx%40example.com&list=1>, <mailto:u@example.com>";

describe("a link by which readers leave", () => {
  test.each([
    "https://example.com/u?email=ann%2Bx%40example.com&list=1",
    "https://example.com/u?email=ann%2bx@example.com&list=1",
    "https://example.com/u?email=ann+x@example.com&list=1",
    "https://EXAMPLE.com:443/u/?list=1&email=ann%2Bx%40example.com",
    "https://example.com/%75?email=ann%2Bx%40example.com&list=1&utm_source=june#top",
    "http://www.example.com/u?email=ann%2Bx%40example.com&list=1",
  ])("%s", (url) => {
    expect(leavesBy(HEADER)(url)).toBe(true);
  });

  test.each([
    "https://example.com/u?email=bob%40example.com&list=1",
    "https://example.com/u",
    "https://example.com/shop?email=ann%2Bx%40example.com&list=1",
    "https://example.net/u?email=ann%2Bx%40example.com&list=1",
    "no address",
  ])("but not %s", (url) => {
    expect(leavesBy(HEADER)(url)).toBe(false);
  });

  test("by whichever of several addresses", () => {
    const leaves = leavesBy("<https://a.example/u>, (or) <https://b.example/u>");
    expect(["https://a.example/u", "https://b.example/u", "https://c.example/u"].map(leaves)).toEqual([
      true,
      true,
      false,
    ]);
  });

  test("is none without the header, or with one that holds no address of the web", () => {
    expect(leavesBy("")("https://example.com/")).toBe(false);
    expect(leavesBy("<mailto:u@example.com>")("https://example.com/")).toBe(false);
  });
});

test("half a percent-encoding is compared as it stands", () => {
  expect(leavesBy("<https://example.com/u?x=%zz>")("https://example.com/u?x=%zz")).toBe(true);
});
