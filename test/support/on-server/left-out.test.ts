/** What is left out on a server is there to be left out. */
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { LEFT_OUT, whyLeftOut } from "./left-out.ts";

const TESTS = new URL("../../", import.meta.url);

it.each(LEFT_OUT)("$file $test", ({ file, test = "" }) => {
  expect(readFileSync(new URL(file, TESTS), "utf8")).toContain(test);
});

it("a test is left out by its name, and only in its file", () => {
  const name = "a key > stands nowhere in the job file";
  expect(whyLeftOut("/x/test/commands/key.test.ts", name)).toMatch(/files/);
  expect(whyLeftOut("/x/test/commands/send.test.ts", name)).toBeNull();
  expect(whyLeftOut("/x/test/commands/key.test.ts", "a key > is printed once")).toBeNull();
});
