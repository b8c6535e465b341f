import { Readable } from "node:stream";
import { parse } from "csv-parse/sync";
import { describe, expect, test } from "vitest";
import { EXPORT_FIELDS, type ExportRow, exportLines } from "../../src/report/export.ts";

const ROW: ExportRow = {
  email: "ada@example.com",
  state: "pending",
  attempts: 0,
  ses_message_id: null,
  error: null,
  sent_at: null,
  delivered_at: null,
  bounced_at: null,
  bounce_type: null,
  bounce_subtype: null,
  complained_at: null,
  opened_at: null,
  reader_opened_at: null,
  clicked_at: null,
  unsubscribed_at: null,
  fields: {},
};

// The contract, copied out of the documentation: scripts rely on it.
const CONTRACT =
  "email,state,attempts,ses_message_id,error,sent_at,delivered_at,bounced_at,bounce_type,bounce_subtype," +
  "complained_at,opened_at,reader_opened_at,clicked_at,unsubscribed_at";

async function csv(rows: ExportRow[], columns: string[], options: { raw?: boolean } = {}): Promise<string> {
  return (await Readable.from(exportLines([rows], columns, options)).toArray()).join("");
}

async function header(columns: string[]): Promise<string[]> {
  const [names = []] = parse(await csv([], columns));
  return names.slice(EXPORT_FIELDS.length);
}

describe("the heading", () => {
  test("is that of the contract, email first", async () => {
    expect(await csv([], [])).toBe(`${CONTRACT}\n`);
  });

  test.each([
    [["email", "name"], ["name"]],
    [["EMail", "name"], ["name"]],
    [
      ["name", "state"],
      ["name", "csv_state"],
    ],
    [
      ["State", "ERROR"],
      ["csv_State", "csv_ERROR"],
    ],
    [
      ["state", "csv_state"],
      ["csv_state", "csv_csv_state"],
    ],
    [
      ["csv_state", "state"],
      ["csv_csv_state", "csv_state"],
    ],
    [
      ["Name", "name"],
      ["Name", "name"],
    ],
    [
      ["unsubscribed_at", "csv_name", "ses_mail_raw"],
      ["csv_unsubscribed_at", "csv_name", "csv_ses_mail_raw"],
    ],
    [
      ["이름", "__proto__"],
      ["이름", "__proto__"],
    ],
  ])("of own columns %j ends in %j", async (columns, expected) => {
    expect(await header(columns)).toEqual(expected);
  });

  test("never has a name twice, so that it can be read again", async () => {
    const columns = [...EXPORT_FIELDS, ...EXPORT_FIELDS.map((field) => `csv_${field}`), "Email", "STATE"];
    const names = [...EXPORT_FIELDS, ...(await header(columns))];
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((name) => name === "email")).toHaveLength(1);
  });
});

describe("a row", () => {
  test("leaves empty what did not happen and what the recipient does not have", async () => {
    expect((await csv([ROW], ["name"])).split("\n")[1]).toBe("ada@example.com,pending,0,,,,,,,,,,,,,");
  });

  test("has times as they are given, in ISO 8601 and UTC", async () => {
    const row: ExportRow = {
      ...ROW,
      state: "sent",
      attempts: 2,
      ses_message_id: "0100-a",
      sent_at: "2026-06-01T00:00:00.000Z",
      bounced_at: "1970-01-01T00:00:00.000Z",
      bounce_type: "Permanent",
      bounce_subtype: "General",
    };
    expect((await csv([row], [])).split("\n")[1]).toBe(
      "ada@example.com,sent,2,0100-a,,2026-06-01T00:00:00.000Z,,1970-01-01T00:00:00.000Z,Permanent,General,,,,,",
    );
  });

  test("keeps the values of renamed columns, and the address from the message", async () => {
    const row = { ...ROW, fields: { Email: "ADA@Example.com", state: "CA", name: "Ada" } };
    const [record] = parse(await csv([row], ["Email", "state", "name"]), { columns: true });
    expect(record).toMatchObject({ email: "ada@example.com", state: "pending", csv_state: "CA", name: "Ada" });
  });

  test("is defused for spreadsheets except the address, unless raw", async () => {
    const row = { ...ROW, email: "+ada@example.com", error: "-1 refused", fields: { name: "=cmd()", city: "@home" } };
    expect(await csv([row], ["name", "city"])).toContain(
      "\n+ada@example.com,pending,0,,'-1 refused,,,,,,,,,,,'=cmd(),'@home\n",
    );
    expect(await csv([row], ["name", "city"], { raw: true })).toContain(",-1 refused,,,,,,,,,,,=cmd(),@home\n");
  });

  test("may hold quotes, separators and line breaks", async () => {
    const name = 'Ada "the first", Countess\r\nof Lovelace';
    const [record] = parse<Record<string, string>>(await csv([{ ...ROW, fields: { name } }], ["name"]), {
      columns: true,
    });
    expect(record?.["name"]).toBe(name);
  });
});

test("pages of rows are asked for one by one, as they are written", async () => {
  let asked = 0;
  async function* pages(): AsyncGenerator<ExportRow[]> {
    for (;;) {
      asked += 1;
      yield [ROW];
    }
  }
  const lines = exportLines(pages(), []);
  await lines.next();
  expect(asked).toBe(0);
  await lines.next();
  await lines.next();
  expect(asked).toBe(2);
  await lines.return(undefined);
});
