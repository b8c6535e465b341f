import fc from "../../support/properties.ts";
import { Liquid } from "liquidjs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { refusal, rendered } from "./support.ts";

const date = (day: string, format = "%Y-%m-%d %H:%M:%S") => rendered(`{{ day | date: "${format}" }}`, { day });

describe("a date as people write it", () => {
  test.each([
    ["2026-03-01", "2026-03-01 00:00:00"],
    ["2026-3-1", "2026-03-01 00:00:00"],
    ["2026/03/01", "2026-03-01 00:00:00"],
    ["2026.03.01", "2026-03-01 00:00:00"],
    ["2026. 3. 1.", "2026-03-01 00:00:00"],
    ["2026년 3월 1일", "2026-03-01 00:00:00"],
    ["2026年3月1日", "2026-03-01 00:00:00"],
    ["20260301", "2026-03-01 00:00:00"],
    ["20260301T233000Z", "2026-03-01 23:30:00"],
    ["2026-03", "2026-03-01 00:00:00"],
    ["01.03.2026", "2026-03-01 00:00:00"],
    ["1.3.2026", "2026-03-01 00:00:00"],
    ["1. 3. 2026", "2026-03-01 00:00:00"],
    ["01.03.2026 23:30", "2026-03-01 23:30:00"],
    ["13/04/2026", "2026-04-13 00:00:00"],
    ["04/13/2026", "2026-04-13 00:00:00"],
    ["04/04/2026", "2026-04-04 00:00:00"],
    ["13-04-2026", "2026-04-13 00:00:00"],
    ["2026-03-01 23:30", "2026-03-01 23:30:00"],
    ["2026-03-01T23:30:15.250", "2026-03-01 23:30:15"],
    ["2026-03-01 9:05 PM", "2026-03-01 21:05:00"],
    ["2026-03-01 12:00 am", "2026-03-01 00:00:00"],
    ["2026-03-01T10:00:00Z", "2026-03-01 10:00:00"],
    ["2026-03-01T10:00:00+09:00", "2026-03-01 10:00:00"],
    ["2026-03-01T10:00:00-0530", "2026-03-01 10:00:00"],
    ["1 March 2026", "2026-03-01 00:00:00"],
    ["1-Mar-2026", "2026-03-01 00:00:00"],
    ["March 1, 2026", "2026-03-01 00:00:00"],
    ["Sunday, March 1st, 2026 at 10:00 pm", "2026-03-01 22:00:00"],
    ["1st March 2026", "2026-03-01 00:00:00"],
    ["Sun, 01 Mar 2026 10:00:00 +0000", "2026-03-01 10:00:00"],
    ["Sun Mar 01 2026 10:00:00 GMT+0100 (CET)", "2026-03-01 10:00:00"],
    ["1798156800", "2026-12-25 00:00:00"],
    ["1798156800000", "2026-12-25 00:00:00"],
    ["1962-07-09", "1962-07-09 00:00:00"],
    [" 2026-03-01 ", "2026-03-01 00:00:00"],
  ])("%s is %s", (written, expected) => {
    expect(date(written)).toBe(expected);
  });

  test.each<[string, RegExp]>([
    ["03/04/2026", /"03\/04\/2026" may be 2026-04-03 or 2026-03-04; write 2026-04-03 or 2026-03-04 in the list/],
    ["3-4-2026 10:00", /may be 2026-04-03 or 2026-03-04/],
    ["01.03.26", /a year of two digits/],
    ["13/04/26", /a year of two digits/],
    ["1-Mar-26", /a year of two digits/],
    ["2026-02-30", /a day or a time that does not exist/],
    ["2026-02-29", /does not exist/],
    ["2026-13-01", /does not exist/],
    ["31.04.2026", /does not exist/],
    ["13.25.2026", /does not exist/],
    ["2026-03-01 24:00", /does not exist/],
    ["2026-03-01 10:60", /does not exist/],
    ["2026-03-01 13:00 PM", /does not exist/],
    ["0000-00-00", /does not exist/],
    ["2026-03-01 10:00 PST", /cannot be read as a date; write it as 2026-03-01/],
    ["2026-03-01 soon", /cannot be read as a date/],
    [
      "46082",
      /"46082" looks like a spreadsheet's number for 2026-03-01; format the column as a date, or write 2026-03-01/,
    ],
    ["46082.5", /spreadsheet's number for 2026-03-01/],
    ["123", /"123" is not a date/],
    ["20261399", /does not exist/],
  ])("%s is refused with its place", (day, expected) => {
    const found = refusal('{{ day | date: "%Y" }}', { day });
    expect(found).toMatch(expected);
    expect(found).toMatch(/^\{\{ day \| date: "%Y" \}\}: /);
  });

  test.each(["soon", "next week", "Q3 2026", "2026-W09", "März 2026", "n/a", "1. März 2026"])(
    "%s is no date and stays",
    (day) => {
      expect(date(day)).toBe(day);
    },
  );

  test("nothing stays nothing", () => {
    expect(rendered('{{ day | date: "%Y" | default: "-" }}', { day: "" })).toBe("-");
    expect(refusal('{{ day | date: "%Y" }}', { day: "" })).toMatch(/is empty/);
  });

  test("every real day is read back however it is written, and no other day exists", () => {
    const day = fc.date({ min: new Date("1900-01-01"), max: new Date("2099-12-31"), noInvalidDate: true });
    fc.assert(
      fc.property(day, (value) => {
        const [iso = ""] = value.toISOString().split("T");
        const [year = "", month = "", dayOfMonth = ""] = iso.split("-");
        for (const written of [
          iso,
          `${dayOfMonth}.${month}.${year}`,
          `${year}/${month}/${dayOfMonth}`,
          `${year}${month}${dayOfMonth}`,
        ])
          expect(date(written, "%Y-%m-%d")).toBe(iso);
        expect(date(date(iso, "%-d %B %Y"), "%Y-%m-%d")).toBe(iso);
      }),
      { numRuns: 50 },
    );
  });

  test("no text makes it throw anything but a reason", () => {
    const text = fc.oneof(
      fc.string({ unit: "grapheme" }),
      fc.string({ unit: fc.constantFrom(...Array.from("0123456789-/.: TZ")) }),
    );
    fc.assert(
      fc.property(text, (day) => {
        expect(() => refusal('{{ day | date: "%c" | default: "x" }}', { day })).not.toThrow();
      }),
    );
  });
});

describe("zones", () => {
  test.each([
    ["2026-03-01", "%z %:z %Z %s", "+0000 +00:00 UTC 1772323200"],
    ["2026-03-01T10:00:00+09:00", "%z %:z %Z %s", "+0900 +09:00 +0900 1772326800"],
    ["2026-03-01T10:00:00-03:30", "%z %:z", "-0330 -03:30"],
  ])("%s as %s is %s", (written, format, expected) => {
    expect(date(written, format)).toBe(expected);
  });

  test.each([
    ["2026-07-01T10:00:00Z", '"%H:%M %z", "America/New_York"', "06:00 -0400"],
    ["2026-07-01T10:00:00Z", '"%H:%M %Z", "Asia/Seoul"', "19:00 Asia/Seoul"],
    ["2026-07-01T10:00:00Z", '"%H:%M", "+09:00"', "19:00"],
    ["2026-07-01T10:00:00Z", '"%H:%M", 240', "06:00"],
    ["2026-07-01 10:00", '"%d %H:%M %z", "America/New_York"', "01 10:00 -0400"],
  ])("%s with date: %s is %s", (day, format, expected) => {
    expect(rendered(`{{ day | date: ${format} }}`, { day })).toBe(expected);
  });

  test("an abbreviation is refused as everywhere", () => {
    expect(refusal('{{ day | date: "%H", "EST" }}', { day: "2026-07-01T10:00:00Z" })).toMatch(
      /"EST".*America\/New_York/,
    );
  });

  test("now is the time in UTC", () => {
    const before = Math.floor(Date.now() / 1_000);
    const shown = rendered('{{ "now" | date: "%s %z" }} {{ "today" | date: "%Y" }}').split(" ");
    expect(Number(shown[0])).toBeGreaterThanOrEqual(before);
    expect(shown.slice(1)).toEqual(["+0000", String(new Date().getUTCFullYear())]);
  });
});

describe("the other date filters", () => {
  test.each([
    ["date_to_xmlschema", "2026-03-01T00:00:00+00:00"],
    ["date_to_rfc822", "Sun, 01 Mar 2026 00:00:00 +0000"],
    ["date_to_string", "01 Mar 2026"],
    ["date_to_long_string", "01 March 2026"],
    ['date_to_string: "ordinal"', "1st Mar 2026"],
    ['date_to_long_string: "ordinal", "US"', "March 1st, 2026"],
    ["date", "Sunday, March 1, 2026 at 12:00 am +0000"],
  ])("%s writes %s", (filter, expected) => {
    expect(rendered(`{{ day | ${filter} }}`, { day: "2026-03-01" })).toBe(expected);
  });

  test("refuse and leave the same", () => {
    for (const filter of ["date_to_xmlschema", "date_to_rfc822", "date_to_string", "date_to_long_string"]) {
      expect(rendered(`{{ day | ${filter} }}`, { day: "soon" })).toBe("soon");
      expect(refusal(`{{ day | ${filter} }}`, { day: "03/04/2026" })).toMatch(/may be/);
    }
  });
});

describe("strftime", () => {
  const zone = process.env["TZ"];
  beforeAll(() => void (process.env["TZ"] = "UTC"));
  afterAll(() => {
    if (zone === undefined) delete process.env["TZ"];
    else process.env["TZ"] = zone;
  });

  test("writes what LiquidJS writes on an English machine in UTC, each directive with flags and width", () => {
    const liquid = new Liquid({ locale: "en-US", timezoneOffset: 0 });
    const directive = fc
      .tuple(
        fc.constantFrom("", "-", "_", "0", "^", "#", "-_", "^_", ":"),
        fc.constantFrom("", "1", "3", "10"),
        fc.constantFrom("", "E", "O"),
        fc.constantFrom(..."aAbBCdeHIjklLmMNpPqsSuUwWyYztn%h?".split("")),
      )
      .map((parts) => `%${parts.join("")}`);
    const moment = fc.date({ min: new Date("0100-01-01"), max: new Date("2199-12-31"), noInvalidDate: true });
    fc.assert(
      fc.property(fc.array(directive, { minLength: 1 }), moment, (directives, value) => {
        const template = `{{ day | date: "${directives.join("|")}" }}`;
        const day = value.toISOString();
        expect(rendered(template, { day })).toBe(liquid.parseAndRenderSync(template, { day }));
      }),
      { numRuns: 300 },
    );
  });

  test("a width without end is refused, not padded", () => {
    expect(refusal('{{ day | date: "%999999999Y" }}', { day: "2026-03-01" })).toMatch(/limit/);
  });

  test("%c, %x and %X do not ask the machine", () => {
    expect(date("2026-03-01 22:05:09", "%c;%x;%X")).toBe("3/1/2026, 10:05:09 PM;3/1/2026;10:05:09 PM");
  });
});
