import { existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { parse } from "csv-parse/sync";
import fc from "../../support/properties.ts";
import { expect, test } from "vitest";
import { csvLine, openRejects } from "../../../src/compose/list/csv-writer.ts";
import { UserError } from "../../../src/errors.ts";

const temporary = (): string => mkdtempSync(`${tmpdir()}/csv-`);

test.each([
  [["a", "b"], {}, "a,b\n"],
  [['say "hi"', "a,b", "a\nb"], {}, '"say ""hi""","a,b","a\nb"\n'],
  [["=1+1", "+1", "-1", "@x", "\tx", "\rx"], {}, `'=1+1,'+1,'-1,'@x,'\tx,"'\rx"\n`],
  [["=1", "+a@b.co"], { trusted: 1 }, "'=1,+a@b.co\n"],
  [["=1", "-2"], { raw: true }, "=1,-2\n"],
  [["", ""], {}, ",\n"],
])("csvLine(%j)", (cells, options, line) => {
  expect(csvLine(cells, options)).toBe(line);
});

test("raw lines read back as they were", () => {
  const cells = fc.array(fc.string({ unit: fc.constantFrom("a", '"', ",", "\n", "\r", " ", "=", "김") }), {
    minLength: 2,
  });
  fc.assert(
    fc.property(cells, (values) => {
      expect(parse(csvLine(values, { raw: true }), { record_delimiter: "\n" })).toEqual([values]);
    }),
  );
});

test("rejects replace an older file, private to the user", async () => {
  const path = `${temporary()}/list.rejects.csv`;
  writeFileSync(path, "of another run", { mode: 0o644 });
  const rejects = openRejects(path, ["email", "name"]);
  rejects.write({ line: 7, reason: "no address", fields: ["", "=cmd()"] });
  for (let line = 8; line < 5_000; line++) rejects.write({ line, reason: "no address", fields: ["", "김민지"] });
  expect(await rejects.close()).toBe(path);
  expect(await rejects.close()).toBe(path);
  const lines = readFileSync(path, "utf8").split("\n");
  expect(lines.slice(0, 3)).toEqual(["line,reason,email,name", "7,no address,,'=cmd()", "8,no address,,김민지"]);
  expect(lines).toHaveLength(4_995);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test("without a refused row there is no file, and an older one goes", async () => {
  const path = `${temporary()}/list.rejects.csv`;
  writeFileSync(path, "of another run");
  expect(await openRejects(path, ["email"]).close()).toBeNull();
  expect(existsSync(path)).toBe(false);
});

test("a place that cannot be written is the user's problem", () => {
  const rejects = openRejects(`${temporary()}/no/such/folder.csv`, ["email"]);
  expect(() => rejects.write({ line: 2, reason: "x", fields: [] })).toThrow(UserError);
});
