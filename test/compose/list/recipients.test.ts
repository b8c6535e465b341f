import { createReadStream, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { Readable } from "node:stream";
import fc from "../../support/properties.ts";
import iconv from "iconv-lite";
import { describe, expect, test } from "vitest";
import {
  openRecipients,
  type Recipients,
  type RecipientsOptions,
  type Row,
} from "../../../src/compose/list/recipients.ts";
import { UserError } from "../../../src/errors.ts";

type Options = Partial<RecipientsOptions>;

function open(data: string | Buffer, options: Options = {}, chunk = 65_536): Promise<Recipients> {
  const bytes = Buffer.from(data as string);
  const chunks = Array.from({ length: Math.ceil(bytes.length / chunk) }, (_, index) =>
    bytes.subarray(index * chunk, (index + 1) * chunk),
  );
  return openRecipients(Readable.from(chunks), { name: "list.csv", ...options });
}

async function rowsOf(recipients: Recipients): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const batch of recipients.batches()) rows.push(...batch);
  return rows;
}

async function read(data: string | Buffer, options: Options = {}, chunk?: number): Promise<Row[]> {
  return rowsOf(await open(data, options, chunk));
}

async function refusal(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UserError);
  const { message, hint } = error as UserError;
  return `${message} | ${hint}`;
}

const reasonOf = (row: Row | undefined): string => (row && "reason" in row ? row.reason : "");
const addressOf = (row: Row | undefined): string => (row && "address" in row ? row.address : "");

describe("a file that is no recipient list is refused with one line", () => {
  test.each<[string, string | Buffer, RegExp]>([
    ["empty", "", /is empty/],
    ["blank", "\n\n  \n", /is empty/],
    ["header only", "email,name\n", /no rows/],
    ["header without line end", "email,name", /no rows/],
    ["no header", "ann@x.com,Ann\nbo@x.com,Bo\n", /header line.*ann@x\.com/],
    ["double column", "email,name,name\na@b.co,x,y\n", /two columns are called "name"/],
    ["no addresses", "a,b\n1,2\n", /no column holds addresses.*"a", "b"/],
    ["two address columns", "a,b\nx@y.co,z@y.co\n", /several columns.*"a", "b".*--email-column/],
    ["a title above the header", "Table 1\nemail,name\na@b.co,x\n", /got "Table 1"; it is line 2.*take out/],
    ["a title in a spreadsheet", "Members;\n\nStand: June;\nName;E-Mail\nx;a@b.co\n", /got "Members"; it is line 4/],
    ["a wrong sep=", "sep=;\nemail,name\na@b.co,x\n", /the delimiter ";" makes one column.*--delimiter ","/],
    ["JSON", '[{"email": "a@b.co"}]', /is JSON/],
    ["a web page, called .xls", "\ufeff<html><table><tr><td>email", /HTML.*save it as CSV/],
    ["a vCard", "BEGIN:VCARD\nEMAIL:a@b.co\n", /vCard/],
    ["xlsx", Buffer.from("504b030414000600", "hex"), /Excel.*export it as CSV/],
    ["gzip", Buffer.from("1f8b0800", "hex"), /gzip/],
    ["png", Buffer.from("89504e470d0a1a0a0000", "hex"), /picture/],
    ["binary", Buffer.concat([Buffer.alloc(50, 7), Buffer.alloc(3), Buffer.alloc(50, 9)]), /not text/],
    ["unclosed quote in the header", 'email,"name\na@b.co,x\n', /line 1: a quote/],
    ["endless first line", "x".repeat(1_200_000), /does not end/],
    ["Latin-1", Buffer.from("email,name\na@b.co,x\nb@b.co,Ren\xe9e\n", "latin1"), /line 3.*0xE9.*--encoding/],
    ["Korean cp949", iconv.encode("email,name\na@b.co,김민지\n", "cp949"), /line 2.*UTF-8.*cp949/],
    ["cut character", Buffer.from("email\na@b.co\n\xea\xb9", "latin1"), /line 3.*0xEA/],
    [
      "UTF-16 cut in two",
      Buffer.concat([Buffer.from("\ufeffemail\na@b.co\n", "utf16le"), Buffer.from([1])]),
      /UTF-16LE/,
    ],
  ])("%s", async (_, data, expected) => {
    expect(await refusal(read(data))).toMatch(expected);
  });

  test("missing file, folder", async () => {
    const folder = mkdtempSync(`${tmpdir()}/recipients-`);
    expect(await refusal(openRecipients(createReadStream(`${folder}/no.csv`), { name: "no.csv" }))).toMatch(
      /no\.csv: no such file/,
    );
    expect(await refusal(openRecipients(createReadStream(folder), { name: "folder" }))).toMatch(/it is a folder/);
  });

  test("options that mean nothing", async () => {
    const list = "email,name\na@b.co,x\n";
    expect(await refusal(read(list, { encoding: "klingon" }))).toMatch(/--encoding.*klingon/);
    expect(await refusal(read(list, { delimiter: "::" }))).toMatch(/--delimiter.*"::"/);
    expect(await refusal(read(list, { delimiter: '"' }))).toMatch(/--delimiter/);
    expect(await refusal(read(list, { emailColumn: "emial" }))).toMatch(
      /no column "emial".*did you mean "email".*"name"/,
    );
  });

  test("bad UTF-8 far behind the start names its line, wherever chunks are cut", async () => {
    const rows = Array.from({ length: 3_000 }, (_, index) => `user${index}@한국.kr,이름${index}\n`).join("");
    const data = Buffer.concat([Buffer.from(`email,name\n${rows}`), Buffer.from([0x61, 0xb1, 0xe8, 0x0a])]);
    expect(await refusal(read(data, {}, 977))).toMatch(/line 3002.*0xB1/);
  });
});

describe("a bad row is refused and the others go on", () => {
  test.each<[string, string, RegExp]>([
    ["too few fields", "b@b.co", /expected 2 fields, got 1: nothing stands for "name"/],
    ["too many fields", "b@b.co,x,y,", /expected 2 fields, got 3$/],
    ["no address", ",x", /no address/],
    ["no address", "nobody,x", /no @/],
    ["NUL", "b@b.co,x\u0000y", /"name".*U\+0000/],
    ["escape", "b@b.co,x\u001b[2J", /U\+001B/],
    ["lone CR", "b@b.co,x\ry", /U\+000D/],
    ["NUL in quotes", 'b@b.co,"x\u0000y"', /U\+0000/],
    ["text behind a closing quote", 'b@b.co,"x" y', /quote is closed/],
    ["quote never closed", 'b@b.co,"x', /quote/],
  ])("%s", async (_, line, reason) => {
    const rows = await read(`email,name\na@b.co,Ann\n${line}\nc@b.co,Cid\n`);
    expect(rows.map(addressOf)).toEqual(["a@b.co", "", "c@b.co"]);
    expect(reasonOf(rows[1])).toMatch(reason);
    expect(rows.map((row) => row.line)).toEqual([2, 3, 4]);
  });

  test("an unclosed quote costs its own line, not those up to the next quote", async () => {
    const rows = await read('email,name\na@b.co,"Ann\nb@b.co,Bo\nc@b.co,"Cid"\nd@b.co,Di\n', {}, 5);
    expect(rows.map((row) => [row.line, addressOf(row)])).toEqual([[2, ""], [3, "b@b.co"], [4, "c@b.co"], [5, "d@b.co"]]); // prettier-ignore
    expect(rows[0]?.fields).toEqual(["a@b.co", '"Ann']);
  });

  test("a wrong --encoding does not send mojibake", async () => {
    const rows = await read(Buffer.from("email,name\na@b.co,x\nb@b.co,\xff\xff\n", "latin1"), { encoding: "cp949" });
    expect(addressOf(rows[0])).toBe("a@b.co");
    expect(reasonOf(rows[1])).toMatch(/--encoding/);
  });

  test.each([
    ["plain", "x".repeat(5_242_880)],
    ["quoted", `"${"x".repeat(5_242_880)}"`],
    ["quoted with lines", `"${"x\n".repeat(2_621_440)}"`],
  ])("a field of 5 MB, %s", async (_, field) => {
    const rows = await read(`email,bio,city\na@b.co,x,y\nb@b.co,${field},"z"\nc@b.co,x,y\n`);
    expect(rows.map(addressOf)).toEqual(["a@b.co", "", "c@b.co"]);
    expect(reasonOf(rows[1])).toBe('field "bio" is 5,242,880 bytes, the limit is 1,048,576');
    expect(rows[1]?.fields).toEqual(["b@b.co"]);
    expect(rows[2]?.line).toBe(field.includes("\n") ? 2_621_444 : 4);
  });

  test("a field just over the limit that came in one piece", async () => {
    const rows = await read(
      `email,bio\na@b.co,${"x".repeat(1_048_577)}\nb@b.co,${"x".repeat(1_048_576)}\n`,
      {},
      4_000_000,
    );
    expect(reasonOf(rows[0])).toMatch(/"bio" is 1,048,577 bytes/);
    expect(addressOf(rows[1])).toBe("b@b.co");
  });

  test("a quote that swallowed more than is held ends the reading and names its line", async () => {
    const lines = "c@b.co,x\n".repeat(400_000);
    expect(await refusal(read(`email,name\na@b.co,x\nb@b.co,"x\n${lines}`))).toMatch(
      /line 3: a quote is opened and never closed/,
    );
  });

  test("a row too large to hold is refused though no field is", async () => {
    const wide = Array.from({ length: 20 }, () => "x".repeat(500_000)).join(",");
    const header = Array.from({ length: 20 }, (_, index) => `c${index}`).join(",");
    const rows = await read(`email,${header}\na@b.co,${wide}\nb@b.co,${",".repeat(19)}\n`);
    expect(reasonOf(rows[0])).toMatch(/the row is larger/);
    expect(addressOf(rows[1])).toBe("b@b.co");
  });
});

describe("reads", () => {
  test.each([
    ["LF", "\n"],
    ["CRLF", "\r\n"],
    ["CR", "\r"],
  ])("%s line ends, quoted newlines, blank lines, and knows every line number", async (_, end) => {
    const lines = [
      "",
      "email,name",
      "a@b.co,Ann",
      "",
      '"b@b.co","x',
      'y"',
      "   ",
      'c@b.co,5" pipe',
      'd@b.co,"say ""hi"""',
    ];
    for (const chunk of [1, 2, 7, 1_000]) {
      const rows = await read(lines.join(end), {}, chunk);
      expect(rows.map((row) => [row.line, addressOf(row), row.fields[1]])).toEqual([
        [3, "a@b.co", "Ann"],
        [5, "b@b.co", `x${end}y`],
        [8, "c@b.co", '5" pipe'],
        [9, "d@b.co", 'say "hi"'],
      ]);
    }
  });

  test.each([
    ["UTF-8 with BOM", Buffer.from("\ufeffemail,이름\na@b.co,김민지\n"), {}],
    ["UTF-16LE with BOM", Buffer.from("\ufeffemail,이름\na@b.co,김민지\n", "utf16le"), {}],
    ["UTF-16BE with BOM", Buffer.from("\ufeffemail,이름\na@b.co,김민지\n", "utf16le").swap16(), {}],
    ["UTF-16LE without BOM", Buffer.from("email,이름\na@b.co,김민지\n", "utf16le"), {}],
    ["UTF-16BE without BOM", Buffer.from("email,이름\na@b.co,김민지\n", "utf16le").swap16(), {}],
    ["cp949", iconv.encode("email,이름\na@b.co,김민지\n", "cp949"), { encoding: "cp949" }],
    ["euc-kr", iconv.encode("email,이름\na@b.co,김민지\n", "euc-kr"), { encoding: "EUC-KR" }],
    ["a BOM against --encoding", Buffer.from("\ufeffemail,이름\na@b.co,김민지\n"), { encoding: "cp949" }],
  ])("%s", async (_, data, options) => {
    for (const chunk of [1, 3, 1_000]) {
      const recipients = await open(data, options, chunk);
      expect(recipients.columns).toEqual(["email", "이름"]);
      expect(await rowsOf(recipients)).toMatchObject([{ line: 2, fields: ["a@b.co", "김민지"], address: "a@b.co" }]);
    }
  });

  test("latin1 the way it is meant: Windows-1252", async () => {
    const rows = await read(Buffer.from("email,name\na@b.co,O\x92Grady \xe9\n", "latin1"), { encoding: "latin1" });
    expect(rows[0]?.fields[1]).toBe("O’Grady é");
  });

  test.each([
    ["email,name\na@b.co,x;y\n", undefined, ["email", "name"]],
    ["email;name\na@b.co;x,y\n", undefined, ["email", "name"]],
    ["email\tname\na@b.co\tx,y\n", undefined, ["email", "name"]],
    ['"email";"a,b,c,d"\na@b.co;x\n', undefined, ["email", "a,b,c,d"]],
    ["email|name\na@b.co|x\n", "|", ["email", "name"]],
    ["email\tname,x,y\na@b.co\tx\n", "\\t", ["email", "name,x,y"]],
    ["email\na@b.co\n", undefined, ["email"]],
  ])("delimiter of %j", async (data, delimiter, columns) => {
    const recipients = await open(data, delimiter === undefined ? {} : { delimiter });
    expect(recipients.columns).toEqual(columns);
    expect((await rowsOf(recipients)).map(addressOf)).toEqual(["a@b.co"]);
  });

  test.each<[string, Options, string]>([
    [" EMail ,name\na@b.co,x\n", {}, "EMail"],
    ["Email,email\nx,a@b.co\n", {}, "email"],
    ["name,work\nx,a@b.co\n,nobody\ny,b@b.co\n", {}, "work"],
    ["email,work\nx,a@b.co\n", { emailColumn: "WORK" }, "work"],
  ])("the email column of %j", async (data, options, column) => {
    const recipients = await open(data, options);
    expect(recipients.emailColumn).toBe(column);
    expect(recipients.columns).toContain(column);
    expect((await rowsOf(recipients)).map(addressOf)).toContain("a@b.co");
  });

  test("2,000 columns, in batches that stay small", async () => {
    const columns = Array.from({ length: 2_000 }, (_, index) => `c${index}`);
    const row = `a@b.co,${columns.map((column) => `value of ${column}`).join(",")}\n`;
    const recipients = await open(`email,${columns.join(",")}\n${row.repeat(300)}`);
    let count = 0;
    for await (const batch of recipients.batches()) {
      expect(batch.length).toBeLessThan(100);
      count += batch.filter((each) => "address" in each && each.fields.length === 2_001).length;
    }
    expect(count).toBe(300);
  });

  test("batches of 250, however the stream is cut", async () => {
    const recipients = await open(`email\n${"a@b.co\n".repeat(2_500)}`, {}, 333);
    const sizes: number[] = [];
    for await (const batch of recipients.batches()) sizes.push(batch.length);
    expect(sizes).toEqual(Array(10).fill(250));
  });

  test("any fields, written as CSV, come back the same with any cut of the stream", async () => {
    const field = fc.string({ unit: fc.constantFrom("a", "é", "김", "😀", " ", ",", ";", '"', "\n", "\r\n", "'") });
    const rows = fc.array(fc.tuple(field, field), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(
        rows,
        fc.integer({ min: 1, max: 30 }),
        fc.constantFrom("\n", "\r\n"),
        async (values, chunk, end) => {
          const quote = (value: string): string => `"${value.replaceAll('"', '""')}"`;
          const csv = ["email,a,b", ...values.map(([a, b]) => `x@y.co,${quote(a)},${quote(b)}`)].join(end);
          const found = await read(csv, {}, chunk);
          expect(found.map((row) => row.fields)).toEqual(values.map(([a, b]) => ["x@y.co", a, b]));
        },
      ),
    );
  });

  test("stopping early closes the stream", async () => {
    const input = Readable.from(Array.from({ length: 50 }, () => Buffer.from("email\na@b.co\n".repeat(500))));
    const recipients = await openRecipients(input, { name: "list.csv" });
    for await (const batch of recipients.batches()) if (batch.length > 0) break;
    expect(input.destroyed).toBe(true);
  });
});

describe("what spreadsheets add without anybody seeing it", () => {
  const table = async (data: string, options: Options = {}, chunk?: number) => {
    const recipients = await open(data, options, chunk);
    const rows = await rowsOf(recipients);
    return [recipients.columns, ...rows.map((row) => ("reason" in row ? row.reason : row.fields))];
  };
  const PLAIN = [["email", "name"], ["a@b.co", "Ann"], ["b@b.co", "Bo"]]; // prettier-ignore

  test.each<[string, string]>([
    ["empty columns at the end", "email,name,,\na@b.co,Ann,,\nb@b.co,Bo,,\n"],
    ["empty columns in between and in front", ",email,,name\n,a@b.co,,Ann\n,b@b.co,,Bo\n"],
    ["rows shorter or longer by what is empty", "email,name,,\na@b.co,Ann\nb@b.co,Bo,,,,, ,\n"],
    ["rows of separators", ',,\nemail,name\n,\na@b.co,Ann\n , \n"",""\nb@b.co,Bo\n\u00a0,"  "\n'],
    ["rows of separators of a tab file", "email\tname\n\t\na@b.co\tAnn\nb@b.co\tBo\n\t\t\t\n"],
    ["sep=", "sep=;\nemail;name\na@b.co;Ann\nb@b.co;Bo\n"],
    [
      "sep= with BOM, CRLF, capitals and a delimiter nobody would guess",
      "\ufeffSEP=:\r\nemail:name\r\na@b.co:Ann\r\nb@b.co:Bo\r\n",
    ],
    ["sep= in quotes", '"sep=|"\nemail|name\na@b.co|Ann\nb@b.co|Bo\n'],
    ["sep= and a tab", "sep=\t\nemail\tname\na@b.co\tAnn\nb@b.co\tBo\n"],
    ["sep= and a tab, written out", "sep=\\t\nemail\tname\na@b.co\tAnn\nb@b.co\tBo\n"],
    ["sep= saved by a program that does not know it", "sep=;,\nemail,name\na@b.co,Ann\nb@b.co,Bo\n"],
    ["sep= and line ends of old Macs", "sep=;\remail;name\ra@b.co;Ann\rb@b.co;Bo\r"],
    ["spaces around everything", ' email , "name" \n a@b.co ,\u00a0 "Ann"\t\n\u3000b@b.co\u00a0,\t\u3000Bo \n'],
    ["a byte order mark in the middle", "email,name\na@b.co,Ann\n\ufeffb@b.co,Bo\n"],
    ["a byte order mark before a quote", 'email,name\na@b.co,Ann\n\ufeff"b@b.co","Bo"\n'],
  ])("%s changes nothing", async (_, data) => {
    for (const chunk of [1, 3, 65_536]) expect(await table(data, {}, chunk)).toEqual(PLAIN);
  });

  test("spaces inside quotes are part of the value, the line counts those that were skipped", async () => {
    const rows = await read('sep=,\n,\nemail,name\n,\na@b.co," Ann "\n"b@b.co" ,"a ""b"" c"\t,\n', {}, 4);
    expect(rows.map((row) => [row.line, ...row.fields])).toEqual([
      [5, "a@b.co", " Ann "],
      [6, "b@b.co", 'a "b" c'],
    ]);
  });

  test("a value that looks empty is one: quotes, an apostrophe", async () => {
    const rows = await read(`email,name\n"""",\n',\na@b.co,""""\n`);
    expect(rows.map((row) => row.line)).toEqual([2, 3, 4]);
    expect(rows[2]?.fields).toEqual(["a@b.co", '"']);
  });

  test("a cell that says email is no header, where another column holds the addresses", async () => {
    const rows = "name,by,contact\nAnn,email,a@b.co\nBo,phone,b@b.co\n";
    expect((await table(rows)).map((row) => row.at(-1))).toEqual(["contact", "a@b.co", "b@b.co"]);
  });

  test("--delimiter beats sep=", async () => {
    expect(await table("sep=;\nemail,name\na@b.co,Ann\nb@b.co,Bo\n", { delimiter: "," })).toEqual(PLAIN);
  });

  test.each<[string, string, string]>([
    [
      "a value in a column without a name",
      "email,,name\na@b.co,,Ann\nb@b.co,note,Bo\n",
      'column 2 has no name in the header, and here the value "note": name it, or take it out',
    ],
    ["a value behind all columns", "email,name,\na@b.co,Ann\nb@b.co,Bo,,,note,\n", "expected 2 fields, got 5"],
    [
      "missing fields",
      "email,name,city,zip,x\na@b.co,Ann,,,\nb@b.co\n",
      'expected 5 fields, got 1: nothing stands for "name", "city", "zip" and 1 more',
    ],
  ])("%s is called by its name", async (_, data, reason) => {
    const rows = await read(data);
    expect(rows.map(addressOf)).toEqual(["a@b.co", ""]);
    expect(reasonOf(rows[1])).toContain(reason);
  });

  test("a file without any name in the header", async () => {
    expect(await refusal(read('"-",""\na@b.co,x\n'.replace('"-"', '" "').replace('""', '"\u200b"')))).toMatch(
      /no column has a name/,
    );
  });

  test.each([
    ["email;price, net;price, gross\na@b.co;1,2;1,3\n", 3],
    ["E-Mail-Adresse;Name, Vorname;Ort, PLZ, Land\na@b.co;Lee, Ann;Berlin, 1, DE\n", 3],
    ["email\tname, first\tcity, zip, country\na@b.co\tx\ty\n", 3],
    ["email|name;x;y;z\na@b.co|x\n", 2],
    ["email;name;price\na@b.co;Ann;12,50\n", 3],
    ['"email","a;b;c;d"\na@b.co,x\n', 2],
    ["mail|name\na@b.co|x\n", 2],
    ["mail\na@b.co\n", 1],
  ])("the delimiter is the one that makes a column of the addresses: %j", async (data, columns) => {
    const recipients = await open(data);
    expect(recipients.columns).toHaveLength(columns);
    expect((await rowsOf(recipients)).map(addressOf)).toEqual(["a@b.co"]);
  });

  test("names are one in both forms of Unicode, and have nothing invisible around them", async () => {
    const recipients = await open("\u200bemail\u200b,pre\u0301nom\na@b.co,e\u0301\n");
    expect(recipients.columns).toEqual(["email", "pr\u00e9nom"]);
    expect((await rowsOf(recipients))[0]?.fields).toEqual(["a@b.co", "e\u0301"]);
    expect(await refusal(open("email,pre\u0301nom,pr\u00e9nom\na@b.co,x,y\n"))).toMatch(
      /two columns are called "pr\u00e9nom"/,
    );
    expect((await open("e\u0301mail\na@b.co\n", { emailColumn: "\u00e9mail" })).emailColumn).toBe("\u00e9mail");
  });

  test.each([
    ["na\u200bme", "U+200B"],
    ["na\u202eme", "U+202E"],
    ["na\u00adme", "U+00AD"],
    ["na\ufeffme", "U+FEFF"],
  ])("what nobody sees in a name is called by its name: %j", async (name, code) => {
    expect(await refusal(open(`email,${name}\na@b.co,x\n`))).toContain(code);
  });

  test("any fields, padded with spaces as people do, come back the same with any cut of the stream", async () => {
    const space = fc.string({ unit: fc.constantFrom(" ", "\t", "\u00a0"), maxLength: 3 });
    const narrow = fc.string({ unit: fc.constantFrom(" ", "\t"), maxLength: 3 });
    const field = fc.string({ unit: fc.constantFrom("a", "é", " ", ",", ";", '"', "\n", "'", "=") });
    const padded = fc.tuple(space, field, narrow).map(([before, value, after]) => {
      const text = /[",\n;]|^\s|\s$/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
      return { value, text: before + text + after };
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(padded, padded), { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 20 }),
        fc.constantFrom("\n", "\r\n"),
        async (rows, chunk, end) => {
          const csv = ["email,a,b", ...rows.map(([a, b]) => `x@y.co,${a.text},${b.text}`)].join(end);
          const found = await read(csv, {}, chunk);
          expect(found.map((row) => row.fields)).toEqual(rows.map(([a, b]) => ["x@y.co", a.value, b.value]));
        },
      ),
    );
  });
});
