/** What we write, we read: exports and rejected rows come back as the list they were made of. */
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { Readable } from "node:stream";
import { parse } from "csv-parse/sync";
import fc from "../../support/properties.ts";
import { describe, expect, test } from "vitest";
import { csvLine, openRejects } from "../../../src/compose/list/csv-writer.ts";
import { defused, undefused } from "../../../src/compose/list/formula.ts";
import { EXPORT_HEADINGS } from "../../../src/compose/list/own-files.ts";
import {
  openRecipients,
  type Recipients,
  type RecipientsOptions,
  type Row,
} from "../../../src/compose/list/recipients.ts";
import { EXPORT_FIELDS, type ExportRow, exportLines, surveyExport } from "../../../src/report/export.ts";

type Options = Partial<RecipientsOptions>;

interface List {
  columns: string[];
  rows: { address: string; values: Record<string, string> }[];
}

async function open(text: string | Buffer, options: Options = {}): Promise<{ recipients: Recipients; rows: Row[] }> {
  const recipients = await openRecipients(Readable.from([Buffer.from(text as string)]), {
    name: "list.csv",
    ...options,
  });
  const rows: Row[] = [];
  for await (const batch of recipients.batches()) rows.push(...batch);
  return { recipients, rows };
}

async function read(text: string | Buffer, options: Options = {}): Promise<List> {
  const { recipients, rows } = await open(text, options);
  return {
    columns: recipients.columns,
    rows: rows.map((row) => ({
      address: "address" in row ? row.address : `refused: ${row.reason}`,
      values: Object.fromEntries(recipients.columns.map((column, index) => [column, row.fields[index] ?? ""])),
    })),
  };
}

function asRow(email: string, fields: Record<string, string>): ExportRow {
  const nothing = Object.fromEntries(EXPORT_FIELDS.map((field) => [field, null])) as unknown as ExportRow;
  return { ...nothing, email, state: "failed", attempts: 1, error: "-1 refused", fields };
}

async function exported({ columns, rows }: List, raw: boolean): Promise<string> {
  const all = rows.map(({ address, values }) => asRow(address, values));
  const survey = await surveyExport([all], columns, { raw });
  return (await Readable.from(exportLines([all], columns, { raw, survey })).toArray()).join("");
}

async function rejected(text: string, options: Options = {}): Promise<string> {
  const { recipients, rows } = await open(text, options);
  const path = `${mkdtempSync(`${tmpdir()}/own-files-`)}/rejects.csv`;
  const rejects = openRejects(path, recipients.header);
  for (const { line, fields, cells = fields } of rows)
    rejects.write({ line, reason: "{{ name }} is empty", fields: cells });
  await rejects.close();
  return readFileSync(path, "utf8");
}

/** The list as it is read back has the address as a column in any case; what it says is the address or what it said before. */
function withEmail({ columns, rows }: List): List {
  const own = columns.filter((column) => column.toLowerCase() === "email");
  const says = rows.some(({ address, values }) => own.some((column) => values[column] !== address));
  if (says) return { columns, rows };
  const others = columns.filter((column) => !own.includes(column));
  return {
    columns: ["email", ...others],
    rows: rows.map(({ address, values }) => ({
      address,
      values: { email: address, ...Object.fromEntries(others.map((column) => [column, values[column] ?? ""])) },
    })),
  };
}

const OURS = [...EXPORT_HEADINGS.flat(), "line", "reason", "ses_mail_raw", "source", "created_at", "detail"];
const nameUnit = fc.constantFrom("a", "B", "é", "김", "=", "+", "'", ",", ";", '"', "_", " ", "＝", "😀");
const columnName = fc.oneof(
  fc.constantFrom(...OURS),
  fc.constantFrom(...OURS).map((name) => `csv_${name}`),
  fc.constantFrom(...OURS).map((name) => `CSV_csv_${name.toUpperCase()}`),
  fc.string({ unit: nameUnit, minLength: 1, maxLength: 8 }),
);
const columnNames = fc
  .array(columnName, { maxLength: 6 })
  .map((names) => [...new Set(names.map((name) => name.normalize("NFC").trim()))])
  .map((names) => names.filter((name) => name !== "" && name !== "email"));
const valueUnit = fc.constantFrom("a", "é", "e\u0301", "=", "+", "-", "@", "\t", "\n", "\r\n", "'", " ", "\u00a0", ",", ";", '"', "＝", "0", "|"); // prettier-ignore
const value = fc.oneof(
  fc.string({ unit: valueUnit, maxLength: 6 }),
  fc.constantFrom("", "'=1", "''=1", "'", "sep=;", "+49 30 123", "-10 %", "12,50", " x ", '"', "line", "email"),
);
const list: fc.Arbitrary<List> = columnNames.chain((names) =>
  fc.record({
    columns: fc.constant(["email", ...names]),
    rows: fc.array(
      fc.tuple(fc.constantFrom("ann@example.com", "+bo@example.com", "Cy.O'Neil@example.com"), fc.array(value, { minLength: names.length, maxLength: names.length })).map(([address, values]) => ({
        address,
        values: { email: address, ...Object.fromEntries(names.map((name, index) => [name, values[index] ?? ""])) },
      })), // prettier-ignore
      { minLength: 1, maxLength: 5 },
    ),
  }),
);

describe("an export", () => {
  test.each([false, true])("of any list is that list again (raw: %j), and so is an export of it", async (raw) => {
    await fc.assert(
      fc.asyncProperty(list, async (before) => {
        const once = await read(await exported(before, raw));
        expect(once).toEqual(withEmail(before));
        expect(await read(await exported(once, raw))).toEqual(once);
      }),
      { numRuns: 150 },
    );
  });

  test("has a heading that is known, and its columns stand there whatever is added to them one day", () => {
    expect(EXPORT_HEADINGS.map((names) => names.join())).toContain(EXPORT_FIELDS.join());
  });

  test.each(EXPORT_HEADINGS.map((names) => [names.join()]))("of another version is known, too: %s", async (heading) => {
    const blanks = ",".repeat(heading.split(",").length - 1);
    const text = `${heading},name,csv_state\nann@example.com${blanks},Ann,TX\n`;
    expect(await read(text)).toEqual({
      columns: ["email", "name", "state"],
      rows: [{ address: "ann@example.com", values: { email: "ann@example.com", name: "Ann", state: "TX" } }],
    });
  });

  const before: List = {
    columns: ["email", "work", "state"],
    rows: [
      { address: "ann@work.example", values: { email: "ann@home.example", work: "ann@work.example", state: "=TX" } },
    ],
  };

  test("of a list whose addresses are in another column than email keeps both", async () => {
    const text = await exported(before, false);
    expect(text.split("\n")[0]).toMatch(/,csv_email,work,csv_state$/);
    expect(await read(text)).toEqual(before);
    expect(await read(text, { emailColumn: "work" })).toEqual(before);
  });

  test("keeps an address as it was typed", async () => {
    const typed = { columns: ["Email"], rows: [{ address: "Ann@example.com", values: { Email: "Ann@EXAMPLE.com" } }] };
    expect(await read(await exported(typed, false))).toEqual(typed);
  });

  test("of lists that call a column differently fills it for all", async () => {
    const rows = [
      asRow("a@b.co", { Name: "Ann" }),
      asRow("b@b.co", { name: "Bo" }),
      asRow("c@b.co", { "pre\u0301nom": "Cy" }),
    ];
    const text = (
      await Readable.from(exportLines([rows], ["Name", "name", "pre\u0301nom", "pr\u00e9nom"])).toArray()
    ).join("");
    const { rows: found } = await read(text);
    expect(found.map(({ values }) => [values["Name"], values["name"], values["pr\u00e9nom"]])).toEqual([
      ["Ann", "Ann", ""],
      ["Bo", "Bo", ""],
      ["", "", "Cy"],
    ]);
  });

  test.each([
    ["saved with semicolons", (text: string) => text.replaceAll(",", ";"), {}],
    ["saved with tabs and CRLF", (text: string) => text.replaceAll(",", "\t").replaceAll("\n", "\r\n"), {}],
    ["saved with quotes around everything", (text: string) => text.replaceAll(/[^,\n]+/g, '"$&"'), {}],
    ["saved with its columns in another order", moveFirstToEnd, {}],
    ["saved as UTF-16", (text: string) => Buffer.from(`\ufeff${text}`, "utf16le"), {}],
    ["read with the options of a list of another kind", (text: string) => text, { delimiter: ";", encoding: "cp949" }],
  ])("%s", async (_, save, options) => {
    expect((await read(save(await exported(before, false)), options)).rows).toEqual(before.rows);
  });

  test.each([
    "email,state,attempts,note",
    "email,state,error,sent_at",
    "email,state,attempts,ses_message_id,error,sent_at,delivered_at",
  ])("is not what a list is that has some such columns of its own: %s", async (header) => {
    const columns = header.split(",");
    const cells = columns.map((_, index) => (index === 0 ? "ann@example.com" : "'=1"));
    const { columns: found, rows } = await read(`${header}\n${cells.join()}\n`);
    expect(found).toEqual(columns);
    expect(Object.values(rows[0]?.values ?? {})).toEqual(cells);
  });
});

describe("rejected rows", () => {
  test("of any list are rows of that list, also when they are rejected again", async () => {
    await fc.assert(
      fc.asyncProperty(list, async (before) => {
        const lines = [
          before.columns,
          ...before.rows.map(({ values }) => before.columns.map((name) => values[name] ?? "")),
        ];
        const text = await rejected(lines.map((cells) => csvLine(cells, { raw: true })).join(""));
        expect(await read(text)).toEqual(before);
        expect(await read(await rejected(text))).toEqual(before);
        expect(await rejected(text)).toBe(renumbered(text));
      }),
      { numRuns: 100 },
    );
  });

  test("of an export are rows of the list", async () => {
    await fc.assert(
      fc.asyncProperty(list, fc.boolean(), async (before, raw) => {
        const text = await rejected(await exported(before, raw));
        expect(await read(text)).toEqual(withEmail(before));
        expect(await read(await rejected(text))).toEqual(withEmail(before));
      }),
      { numRuns: 100 },
    );
  });

  test("written by an older version, with a column twice", async () => {
    const { columns, rows } = await read('line,reason,email,reason\n3,"""bob@"": nothing",bob@example.com,trial\n');
    expect(columns).toEqual(["email", "reason"]);
    expect(rows[0]?.values).toEqual({ email: "bob@example.com", reason: "trial" });
  });

  test.each([
    ["as they are", "3,no address,a@b.co,x\n4,no address,b@b.co,y\n", ["email", "name"]],
    ["with line and reason emptied", ",,a@b.co,x\n,,b@b.co,y\n", ["email", "name"]],
    [
      "of a list with columns line and reason in front",
      "U6,vip,a@b.co,x\nM2,trial,b@b.co,y\n",
      ["line", "reason", "email", "name"],
    ],
    ["the same with numbers", "6,vip,a@b.co,x\n2,trial,b@b.co,y\n", ["line", "reason", "email", "name"]],
  ])("%s", async (_, rows, columns) => {
    expect((await read(`line,reason,email,name\n${rows}`)).columns).toEqual(columns);
  });

  test.each([
    { delimiter: ";" },
    { delimiter: "|" },
    { encoding: "cp949" },
    { emailColumn: "email", encoding: "latin1" },
  ])("are read with the options the list was read with: %j", async (options) => {
    const text = await rejected("email,이름\na@b.co,김민지\n");
    expect((await read(text, options)).rows[0]?.values).toEqual({ email: "a@b.co", 이름: "김민지" });
  });

  test("saved in the encoding of the list are read in it", async () => {
    const { default: iconv } = await import("iconv-lite");
    const text = await rejected(`email,name\n${"a@b.co,x\n".repeat(2_000)}b@b.co,김민지\n`);
    const saved = iconv.encode(text, "cp949");
    expect((await read(saved, { encoding: "cp949" })).rows.at(-1)?.values["name"]).toBe("김민지");
    expect((await read(text, { encoding: "cp949" })).rows.at(-1)?.values["name"]).toBe("김민지");
  });

  test("with too many or too few fields, or that cannot be read, are refused again as they stand", async () => {
    const first = await rejected('email,name\na@b.co\nb@b.co,x,y\nc@b.co,"x" y\n');
    const { rows } = await open(first);
    expect(rows.map((row) => ("reason" in row ? row.reason.slice(0, 24) : row.fields))).toEqual([
      "expected 2 fields, got 1",
      "expected 2 fields, got 3",
      ["c@b.co", '"x" y'],
    ]);
  });
});

test("what is defused is what it was when that is undone, and runs in no spreadsheet", () => {
  fc.assert(
    fc.property(fc.string({ unit: valueUnit }), (cell) => {
      expect(undefused(defused(cell))).toBe(cell);
      expect(defused(cell)).not.toMatch(/^[=+\-@\t\r\n＝＋－＠]/);
    }),
  );
});

/** Rejected again, a row has the number of the line it stands in now. */
function renumbered(text: string): string {
  const [header = [], ...rows] = parse(text, { record_delimiter: "\n", relax_column_count: true });
  let line = 1;
  const lineEnds = (cells: string[]) => cells.join("").split("\n").length;
  line += lineEnds(header);
  const numbered = rows.map(([, , ...cells]) => {
    const row = [String(line), "{{ name }} is empty", ...cells];
    line += lineEnds(cells);
    return row;
  });
  return [header, ...numbered].map((cells) => csvLine(cells, { raw: true })).join("");
}

function moveFirstToEnd(text: string): string {
  const lines = text.trimEnd().split("\n");
  return lines.map((line) => line.split(",")).map(([first, ...rest]) => `${[...rest, first].join(",")}\n`).join(""); // prettier-ignore
}
