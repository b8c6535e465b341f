/** What is a typo, and what is another word. */
import { expect, it } from "vitest";
import { nearest } from "../src/nearest.ts";

it.each([
  ["staus", "stats"],
  ["expot", "export"],
  ["sned", "send"],
  ["lsit", "list"],
  ["emial", "email"],
  ["First-Nmae", "first_name"],
  ["ad", "add"],
  ["subjcet", "subject"],
  ["--yse", "--yes"],
])("%s may have been meant to be %s", (typed, meant) => {
  expect(nearest(typed, ["copy", "prune", meant, "resume"])).toBe(meant);
});

it.each([
  ["nope", "copy"],
  ["pause", "prune"],
  ["xyz", "yes"],
  ["--sofa", "--note"],
  ["stops", "topics"],
  ["everything", "anything"],
])("%s is not %s", (typed, word) => {
  expect(nearest(typed, [word])).toBeNull();
});

it("takes the word with the fewest mistakes", () => {
  expect(nearest("reprot", ["retry", "export", "report"])).toBe("report");
});
