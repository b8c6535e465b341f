/** Lists and kinds: what the author says, what options say, and what transactional mail refuses. */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type ContentOverrides, readContent } from "../../../src/compose/content/content.ts";
import { prepareContent } from "../../../src/compose/mail/tools.ts";
import { UserError } from "../../../src/errors.ts";
import type { Content } from "../../../src/message.ts";

async function read(front: string, overrides: ContentOverrides = {}, body = "<p>Hi</p>"): Promise<Content> {
  const file = join(mkdtempSync(`${tmpdir()}/kind-`), "mail.html");
  writeFileSync(file, `---\nsubject: Hi\nfrom: news@example.com\n${front}\n---\n${body}`);
  const { content } = await readContent({ contentFile: file, recipientsFile: null, overrides });
  await prepareContent(content);
  return content;
}

async function refusal(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UserError);
  return `${(error as UserError).message}; ${(error as UserError).hint}`;
}

describe("a list's name is refused", () => {
  test.each([
    ["a/b", 'got "a/b"'],
    ["/bulk", 'got "/bulk"'],
    [" ", "expects 1–100 characters"],
    ["x".repeat(101), "got 101 characters"],
    ["a\r\nBcc: b@example.com", "a list's name expects"],
    ["a\u200bb", "U+200B"],
    ["{{ list }}", "--list is the same for every recipient"],
  ])("%j", async (list, words) => {
    expect(await refusal(read("", { list }))).toContain(words);
  });
});

describe("transactional mail refuses", () => {
  const UNSUBSCRIBE =
    /^transactional mail has no way to unsubscribe, got (.*); leave that out, or send it as bulk mail/;
  test.each<[string, string, ContentOverrides, string]>([
    ["unsubscribe_url: https://example.com/u", "", {}, "an unsubscribe URL (unsubscribe_url, --unsubscribe-url)"],
    ["", "", { unsubscribeUrl: "https://example.com/u" }, "an unsubscribe URL (unsubscribe_url, --unsubscribe-url)"],
    ["unsubscribe_mailto: u@example.com", "", {}, "an unsubscribe address (unsubscribe_mailto, --unsubscribe-mailto)"],
    ["", "", { headers: ["list-unsubscribe: <https://example.com/u>"] }, "the header list-unsubscribe"],
    ["", "<a href='{{ Unsubscribe_URL }}'>x</a>", {}, "{{ Unsubscribe_URL }}"],
  ])("%s%s %j", async (front, body, overrides, found) => {
    const html = body || "<p>x</p>";
    const said = await refusal(read(`${front}\nkind: transactional`, overrides, html));
    const asked = await refusal(read(front, { ...overrides, transactional: true }, html));
    for (const each of [said, asked]) expect(UNSUBSCRIBE.exec(each)?.[1]).toBe(found);
  });

  test.each([
    [{ opens: true, clicks: false, unsubscribe: false }, "no tracking, got --track-opens"],
    [{ opens: false, clicks: true, unsubscribe: false }, "no tracking, got --track-clicks"],
    [{ opens: true, clicks: true, unsubscribe: true }, "no way to unsubscribe, got --unsubscribe"],
  ])("%j", async (asked, words) => {
    const content = await read("kind: transactional");
    const tracking = { baseUrl: "https://mail.example.com", ...asked };
    expect(await refusal(prepareContent({ ...content, tracking }))).toContain(words);
  });

  test("but not what the environment says of all mail", async () => {
    const overrides = { unsubscribeUrl: "https://example.com/u", unsubscribeMailto: "u@example.com" };
    const fromEnvironment = new Set(["unsubscribeUrl", "unsubscribeMailto"]);
    expect(await read("kind: transactional", { ...overrides, fromEnvironment })).toMatchObject({
      kind: "transactional",
      unsubscribeUrl: null,
      unsubscribeMailto: null,
    });
    expect(await read("", { ...overrides, fromEnvironment })).toMatchObject(overrides);
  });
});

test("options beat the front matter, and a content without either has no new fields", async () => {
  expect(await read("list: weekly")).toMatchObject({ list: "weekly" });
  expect(await read("list: weekly", { list: "e\u0301t\u00e9" })).toMatchObject({ list: "\u00e9t\u00e9" });
  expect(await read("kind: bulk", { transactional: true })).toMatchObject({ kind: "transactional" });
  const plain = await read("kind: bulk");
  expect("list" in plain || "kind" in plain).toBe(false);
});
