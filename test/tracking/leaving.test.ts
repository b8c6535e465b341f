import { describe, expect, test } from "vitest";
import { leavesBy } from "../../src/tracking/leaving.ts";

const leaves = leavesBy("<https://x.co/u?e=ann%2Bx%40y.co&l=1>, <mailto:u@x.co>");

describe("a link leads where List-Unsubscribe does", () => {
  test.each([
    "https://x.co/u?e=ann%2Bx%40y.co&l=1",
    "https://x.co/u?l=1&e=ann+x@y.co",
    "HTTPS://X.CO:443/u/?e=ann%2bx%40y.co&l=1&utm=mail#top",
    "http://x.co/u?e=ann%2Bx%40y.co&l=1",
    "https://www.x.co/u?e=ann%2Bx%40y.co&l=1",
  ])("%s", (url) => {
    expect(leaves(url)).toBe(true);
  });

  test.each([
    "https://x.co/",
    "https://x.co/u?e=bob%40y.co&l=1",
    "https://x.co/us?e=ann%2Bx%40y.co&l=1",
    "https://y.co/u?e=ann%2Bx%40y.co&l=1",
    "https://x.co/u",
    "nothing",
  ])("%s does not", (url) => {
    expect(leaves(url)).toBe(false);
  });

  test("no link does when readers leave by mail alone", () => {
    expect(leavesBy("<mailto:u@x.co>")("https://x.co/u")).toBe(false);
  });
});
