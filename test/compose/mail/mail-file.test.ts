import { posix } from "node:path";
import fc from "../../support/properties.ts";
import { describe, expect, test } from "vitest";
import { attachmentAt, nameOf, pictureAt } from "../../../src/compose/mail/mail-file.ts";
import { RenderProblem } from "../../../src/compose/problem.ts";

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof RenderProblem) return error.message;
    throw error;
  }
  return "nothing was refused";
}

/** Null: it is refused. */
function pathOrNull(written: string): string | null {
  try {
    return attachmentAt("/mail", written).path;
  } catch (error) {
    if (error instanceof RenderProblem) return null;
    throw error;
  }
}

describe("a file of the content's folder", () => {
  test("is called by its base name and its extension", () => {
    expect(attachmentAt("/mail", "./invoices//2026/Müller & Söhne.PDF")).toEqual({
      folder: "/mail",
      path: "invoices/2026/Müller & Söhne.PDF",
      fileName: "Müller & Söhne.PDF",
      contentType: "application/pdf",
      contentId: null,
    });
    expect(nameOf(attachmentAt("/mail", "a.pdf"))).toBe("the attachment a.pdf");
    expect(nameOf(pictureAt("/mail", "a.png"))).toBe("the picture a.png");
  });

  test.each<[string, RegExp]>([
    ["../secret.pdf", /\.\.\/secret\.pdf leads out/],
    ["a/../../b.pdf", /leads out/],
    ["a/..", /leads out/],
    ["/etc/passwd", /not inside the content's folder/],
    ["//server/share/a.pdf", /not inside/],
    ["C:/a.pdf", /not inside/],
    ["c:a.pdf", /not inside/],
    ["..\\secret.pdf", /backslash: write \//],
    ["\\\\server\\a.pdf", /backslash/],
    [".env", /hidden/],
    [".git/config", /hidden/],
    ["a/.ssh/id.pdf", /hidden/],
    ["a.pdf\0.png", /"a\.pdf\\u0000\.png" has a control character/],
    ["a\r\nb.pdf", /control character/],
    ["setup.exe", /SES does not take \.exe/],
    [`${"x".repeat(252)}.pdf`, /more than 255/],
    [`${"x/".repeat(500)}y.pdf`, /^the attachment (?:x\/){30}… is a path of more than 1000/],
  ])("is refused: %j", (path, reason) => {
    expect(refusal(() => attachmentAt("/mail", path))).toMatch(reason);
  });

  test("never leads out, whatever a list holds", () => {
    const part = fc.oneof(
      fc.constantFrom("..", ".", "", "/", "\\", "a", "C:", "\0", "~", "%2e%2e"),
      fc.string({ maxLength: 5 }),
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), fc.constantFrom("", "/"), (parts, between) => {
        const written = `invoices/${parts.join(between)}`;
        const path = pathOrNull(written);
        if (path === null) return;
        expect(posix.join("/mail", path)).toMatch(/^\/mail\/./);
        expect(posix.normalize(path)).toBe(path);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("a picture", () => {
  test("has a Content-ID that is the same everywhere, and an address as RFC 2392 wants it", () => {
    const { contentId } = pictureAt("/mail", "img/a.png");
    expect(pictureAt("/elsewhere", "./img//a.png").contentId).toBe(contentId);
    expect(pictureAt("/mail", "img/b.png").contentId).not.toBe(contentId);
    expect(contentId).toMatch(/^[0-9a-f]{16}@ses-mail$/);
  });

  test("is nothing else than a picture", () => {
    expect(refusal(() => pictureAt("/mail", "list.csv"))).toMatch(/list\.csv is no picture/);
    expect(refusal(() => pictureAt("/mail", "ses-mail.db"))).toMatch(/no picture/);
    expect(refusal(() => pictureAt("/mail", "a"))).toMatch(/no picture/);
  });
});
