import fc from "../support/properties.ts";
import { describe, expect, test } from "vitest";
import { UserError } from "../../src/errors.ts";
import {
  checkZone,
  describeInstant,
  machineZone,
  parseInstant,
  parseWhen,
  zoneInstants,
} from "../../src/time/schedule.ts";

const NOW = Date.parse("2026-10-01T00:00:00Z");
const SEOUL = { now: NOW, zone: "Asia/Seoul" };
const iso = (text: string, zone = "Asia/Seoul", now = NOW) => new Date(parseWhen(text, { now, zone }).at).toISOString();

describe("a time that machines repeat", () => {
  test("is the same instant, and says when it is past instead of refusing it", () => {
    expect(parseInstant("2026-10-01 09:00:01", SEOUL)).toEqual({ at: NOW + 1_000, past: null });
    const { at, past } = parseInstant("2026-10-01T00:00:00Z", SEOUL);
    expect(at).toBe(NOW);
    expect(past?.().message).toContain("expected a time in the future");
  });

  test.each(["+2h", "+abc", "", "tomorrow", "2026-02-30 09:00"])("is never relative, nor unreadable: %j", (text) => {
    const error = errorOf(() => parseInstant(text, SEOUL));
    expect(error.message).toMatch(/^expected a (time such as|date and a time)/);
    expect(error.message).not.toContain('or "+2h"');
  });
});

function errorOf(action: () => unknown): UserError {
  try {
    action();
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("a time that cannot be read is refused, never now", () => {
  test.each([
    "",
    "now",
    "today",
    "yesterday",
    "tomorrow",
    "soon",
    "1798156800",
    "1798156800000",
    "2026-12-25",
    "09:00",
    "25.12.2026 09:00",
    "12/25/2026 09:00",
    "2026-12-25 9:00",
    "2026-12-25 09",
    "2026-12-25 09:00 PM",
    "2026-12-25 09:00 Asia/Seoul",
    "2026-12-25T09:00:00+09:00[Asia/Seoul]",
    "2026-12-25T09:00:00+",
    "2026-12-25\n09:00",
    "2026-W52-5T09:00",
    "-2h",
    "+",
    "+2",
    "+2 hours",
    "+-2h",
    "2h",
    "+1h30m",
    "+99999999999999999999d",
    "+80w+1d",
  ])("%j", (text) => {
    const error = errorOf(() => parseWhen(text, SEOUL));
    expect(error.message).toContain("expected a time such as");
    expect(error.message).toContain(JSON.stringify(text));
    expect(error.hint).toContain("write YYYY-MM-DD HH:MM");
  });

  test("a long text is cut in the message", () => {
    expect(errorOf(() => parseWhen("x".repeat(10_000), SEOUL)).message.length).toBeLessThan(250);
  });

  test.each([
    "2026-02-30 09:00",
    "2027-02-29 09:00",
    "2100-02-29 09:00",
    "2026-13-01 09:00",
    "2026-00-10 09:00",
    "2026-12-00 09:00",
    "2026-12-32 09:00",
    "2026-12-25 24:00",
    "2026-12-25 09:60",
    "2026-12-31T23:59:60Z",
  ])("an impossible date or time: %s", (text) => {
    expect(errorOf(() => parseWhen(text, SEOUL)).message).toContain("a date and a time that exist");
  });

  test.each(["1999-12-31 23:59", "2101-01-01 00:00", "0100-01-01 00:00", "9999-12-31T23:59:59Z", "+36500d"])(
    "a year that is a slip: %s",
    (text) => {
      const now = Date.parse("2050-01-01T00:00:00Z");
      expect(errorOf(() => parseWhen(text, { now, zone: "Asia/Seoul" })).message).toContain("a year from 2000 to 2100");
    },
  );

  test.each(["+14:01", "-12:30", "+24:00", "+09:60"])("an offset nobody has: %s", (offset) => {
    expect(errorOf(() => parseWhen(`2026-12-25T09:00:00${offset}`, SEOUL)).message).toContain("an offset from");
  });
});

describe("the past", () => {
  test.each(["2026-09-30 12:00", "2026-10-01 09:00", "2026-10-01T00:00:00Z", "2000-01-01 00:00", "+0m"])(
    "%s is refused and says when it was",
    (text) => {
      const error = errorOf(() => parseWhen(text, SEOUL));
      expect(error.message).toContain("expected a time in the future");
      expect(error.message).toContain("Asia/Seoul = ");
    },
  );

  test("a millisecond later is the future", () => {
    expect(iso("2026-10-01T00:00:00.001Z")).toBe("2026-10-01T00:00:00.001Z");
  });
});

describe("absolute times", () => {
  test.each([
    ["2026-12-25T09:00:00Z", "2026-12-25T09:00:00.000Z"],
    ["2026-12-25t09:00:00z", "2026-12-25T09:00:00.000Z"],
    ["2026-12-25T09:00Z", "2026-12-25T09:00:00.000Z"],
    ["2026-12-25 09:00:00+09:00", "2026-12-25T00:00:00.000Z"],
    ["2026-12-25 09:00:00 +0900", "2026-12-25T00:00:00.000Z"],
    ["2026-12-25T09:00:00-0330", "2026-12-25T12:30:00.000Z"],
    ["2026-12-25T09:00:00+05:45", "2026-12-25T03:15:00.000Z"],
    ["2026-12-25T09:00:00-00:30", "2026-12-25T09:30:00.000Z"],
    ["2026-12-25T09:00:00.123456789Z", "2026-12-25T09:00:00.123Z"],
    ["2026-12-25T09:00:00,5+09", "2026-12-25T00:00:00.500Z"],
    [" 2028-02-29T12:00:00Z ", "2028-02-29T12:00:00.000Z"],
    ["2100-12-31T23:59:59Z", "2100-12-31T23:59:59.000Z"],
  ])("%s is %s in any zone", (text, expected) => {
    expect(iso(text, "Asia/Seoul")).toBe(expected);
    expect(iso(text, "America/New_York")).toBe(expected);
  });
});

describe("relative times are exact, whatever the clocks do", () => {
  test.each([
    ["+30s", "2026-10-01T00:00:30.000Z"],
    ["+90m", "2026-10-01T01:30:00.000Z"],
    ["+2h", "2026-10-01T02:00:00.000Z"],
    ["+1.5h", "2026-10-01T01:30:00.000Z"],
    ["+1d", "2026-10-02T00:00:00.000Z"],
    ["+1w", "2026-10-08T00:00:00.000Z"],
  ])("%s", (text, expected) => {
    expect(iso(text)).toBe(expected);
  });

  test("a day is 24 hours across the night the clocks are put back", () => {
    const now = Date.parse("2026-10-31T16:00:00Z");
    expect(iso("+1d", "America/New_York", now)).toBe("2026-11-01T16:00:00.000Z");
  });
});

describe("local times", () => {
  test.each([
    ["2026-12-25 09:00", "Asia/Seoul", "2026-12-25T00:00:00.000Z"],
    ["2026-12-25T09:00:30", "Asia/Seoul", "2026-12-25T00:00:30.000Z"],
    ["2026-12-25 09:00", "+09:00", "2026-12-25T00:00:00.000Z"],
    ["2026-12-25 09:00", "UTC", "2026-12-25T09:00:00.000Z"],
    ["2027-07-01 09:00", "Europe/Berlin", "2027-07-01T07:00:00.000Z"],
    ["2027-01-01 09:00", "Europe/Berlin", "2027-01-01T08:00:00.000Z"],
    ["2026-12-25 09:00", "Asia/Kathmandu", "2026-12-25T03:15:00.000Z"],
    ["2026-12-25 09:00", "Pacific/Kiritimati", "2026-12-24T19:00:00.000Z"],
    ["2026-12-25 09:00", "Etc/GMT+12", "2026-12-25T21:00:00.000Z"],
    ["2028-02-29 00:00", "America/New_York", "2028-02-29T05:00:00.000Z"],
    ["2096-02-29 12:00", "Europe/Berlin", "2096-02-29T11:00:00.000Z"],
    ["2100-06-15 12:00", "Asia/Seoul", "2100-06-15T03:00:00.000Z"],
  ])("%s in %s is %s, with nothing to note", (text, zone, expected) => {
    const { at, note } = parseWhen(text, { now: NOW, zone });
    expect(new Date(at).toISOString()).toBe(expected);
    expect(note).toBeNull();
  });

  test.each([
    ["2027-03-14 02:00", "America/New_York", "2027-03-14 03:00:00"],
    ["2027-03-14 02:30", "America/New_York", "2027-03-14 03:30:00"],
    ["2027-03-14 02:59:59", "America/New_York", "2027-03-14 03:59:59"],
    ["2027-03-28 02:30", "Europe/Berlin", "2027-03-28 03:30:00"],
    ["2027-10-03 02:15", "Australia/Lord_Howe", "2027-10-03 02:45:00"],
  ])("%s does not exist in %s", (text, zone, instead) => {
    const error = errorOf(() => parseWhen(text, { now: NOW, zone }));
    expect(error.message).toContain(`expected a time that exists in ${zone}`);
    expect(error.hint).toContain(instead);
  });

  test("the edges of the gap exist", () => {
    expect(iso("2027-03-14 01:59:59", "America/New_York")).toBe("2027-03-14T06:59:59.000Z");
    expect(iso("2027-03-14 03:00:00", "America/New_York")).toBe("2027-03-14T07:00:00.000Z");
  });

  test.each([
    ["2026-11-01 01:30", "America/New_York", "2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z"],
    ["2026-11-01 01:00", "America/New_York", "2026-11-01T05:00:00Z", "2026-11-01T06:00:00Z"],
    ["2026-10-25 02:30", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"],
  ])("%s comes twice in %s: the first is taken and said", (text, zone, first, second) => {
    const { at, note } = parseWhen(text, { now: NOW, zone });
    expect(at).toBe(Date.parse(first));
    expect(note).toContain(`taking the first, ${first} (the second is ${second})`);
    expect(note).toContain(zone);
  });

  test("the edges of the overlap come once", () => {
    expect(parseWhen("2026-11-01 00:59:59", { now: NOW, zone: "America/New_York" }).note).toBeNull();
    expect(parseWhen("2026-11-01 02:00", { now: NOW, zone: "America/New_York" }).note).toBeNull();
  });

  test("an unknown zone is refused, not replaced by the machine's", () => {
    expect(() => parseWhen("2026-12-25 09:00", { now: NOW, zone: "Mars/Olympus" })).toThrow(UserError);
  });
});

const ZONES = [
  "UTC",
  "Asia/Seoul",
  "America/New_York",
  "Europe/Berlin",
  "Australia/Lord_Howe",
  "Africa/Casablanca",
  "Asia/Kathmandu",
  "Pacific/Apia",
  "Pacific/Kiritimati",
  "America/St_Johns",
  "Antarctica/Troll",
  "-03:30",
];

test("what describeInstant says, parseWhen reads back", () => {
  const from = Date.parse("2000-01-03T00:00:00Z");
  const seconds = fc.integer({ min: from / 1_000, max: Date.parse("2100-12-30T00:00:00Z") / 1_000 });
  fc.assert(
    fc.property(seconds, fc.constantFrom(...ZONES), (second, zone) => {
      const at = second * 1_000;
      const [described = ""] = describeInstant(at, zone, at).split(",");
      const [local = "", utc = `${described.replace(/ UTC$/, "").replace(" ", "T")}Z`] = described.split(` ${zone} = `);
      const read = parseWhen(local.replace(/ UTC$/, ""), { now: from - 86_400_000, zone });
      expect(Date.parse(utc)).toBe(at);
      // In the second of two equal hours the first is meant, and the note names the one that was described.
      const isSecond = read.note?.includes(`the second is ${utc}`) ?? false;
      expect(isSecond ? read.at < at : read.at === at).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});

describe("zoneInstants", () => {
  test.each(["2026-12-25T09:00:00Z", "2026-12-25 09:00+09:00", "+2h"])(
    "refuses %s: the same instant for all",
    (text) => {
      const error = errorOf(() => zoneInstants(text, NOW));
      expect(error.message).toContain("expected a local time");
      expect(error.hint).toContain("--tz-column");
    },
  );

  test("refuses what cannot be read at once", () => {
    expect(() => zoneInstants("tomorrow", NOW)).toThrow(UserError);
    expect(() => zoneInstants("2026-02-30 09:00", NOW)).toThrow(UserError);
  });

  test("says per zone why there is no such instant", () => {
    const at = zoneInstants("2027-03-14 02:30", NOW);
    expect(at("America/New_York")).toEqual({ problem: "the clocks skip this time" });
    expect(at("Mars/Olympus")).toEqual({ problem: "unknown time zone" });
    expect(at("local")).toEqual({ problem: "unknown time zone" });
    expect(at("BST")).toEqual({ problem: '"BST" is no time zone; write Europe/London' });
    expect(at("est")).toEqual({ problem: '"est" is no time zone; write America/New_York' });
    expect(at("  ")).toEqual({ problem: "no time zone" });
    expect(at("Asia/Seoul")).toEqual({ at: Date.parse("2027-03-13T17:30:00Z") });
  });

  test("is past in some zones and to come in others", () => {
    const at = zoneInstants("2026-10-01 05:00", NOW);
    expect(at("Asia/Seoul")).toEqual({ problem: "past" });
    expect(at("UTC")).toEqual({ at: Date.parse("2026-10-01T05:00:00Z") });
    expect(at(" america/new_york ")).toEqual({ at: Date.parse("2026-10-01T09:00:00Z") });
    expect(at("+05:00")).toEqual({ problem: "past" });
    expect(at("+04:59")).toEqual({ at: NOW + 60_000 });
  });

  test("takes the first of two", () => {
    expect(zoneInstants("2026-11-01 01:30", NOW)("America/New_York")).toEqual({
      at: Date.parse("2026-11-01T05:30:00Z"),
    });
  });

  test("computes each zone once", () => {
    const at = zoneInstants("2026-12-25 09:00", NOW);
    expect(at("Asia/Seoul")).toBe(at("Asia/Seoul"));
  });
});

describe("describeInstant", () => {
  const at = Date.parse("2026-12-25T00:00:00Z");
  const ago = (days: number, hours = 0, seconds = 0) => at - ((days * 24 + hours) * 3_600 + seconds) * 1_000;

  test.each([
    [ago(35, 3), "in 35 days 3 hours"],
    [ago(1), "in 1 day"],
    [ago(1, 0, 59), "in 1 day"],
    [ago(0, 1, 60), "in 1 hour 1 minute"],
    [ago(0, 0, 61), "in 1 minute 1 second"],
    [ago(0, 0, 1), "in 1 second"],
    [at, "now"],
    [at + 400, "now"],
    [at + 7_200_000, "2 hours ago"],
  ])("from %d: %s", (now, expected) => {
    expect(describeInstant(at, "Asia/Seoul", now)).toBe(
      `2026-12-25 09:00:00 Asia/Seoul = 2026-12-25T00:00:00Z, ${expected}`,
    );
  });

  test("leaves out fractions of a second", () => {
    expect(describeInstant(at + 999, "-03:30", at + 999)).toBe(
      "2026-12-24 20:30:00 -03:30 = 2026-12-25T00:00:00Z, now",
    );
  });
});

describe("checkZone", () => {
  test.each([
    "",
    "Mars/Olympus",
    "KST",
    "PST",
    "BST",
    "IST",
    "cst",
    "Asia/",
    "+25:00",
    "+9",
    "9",
    "UTC+9",
    "../etc/passwd",
  ])("refuses %j", (name) => {
    const error = errorOf(() => checkZone(name));
    expect(error.message).toContain(JSON.stringify(name));
    expect(error.hint).not.toBeNull();
  });

  test.each([
    ["Asia/Soul", "Asia/Seoul"],
    ["Seoul", "Asia/Seoul"],
    ["new york", "America/New_York"],
    ["Europe/Berln", "Europe/Berlin"],
  ])("%s is near %s", (name, near) => {
    expect(errorOf(() => checkZone(name)).hint).toContain(near);
  });

  test.each([
    ["Asia/Seoul", "Asia/Seoul"],
    [" asia/seoul ", "Asia/Seoul"],
    ["Asia/Kolkata", "Asia/Kolkata"],
    ["utc", "UTC"],
    ["z", "UTC"],
    ["Etc/GMT+5", "Etc/GMT+5"],
    ["US/Eastern", "US/Eastern"],
    ["Asia/Calcutta", "Asia/Calcutta"],
    ["+09:00", "+09:00"],
    ["-0330", "-03:30"],
    ["+09", "+09:00"],
  ])("%j is %s", (name, expected) => {
    expect(checkZone(name)).toBe(expected);
  });

  test.each([
    ["EST", "America/New_York"],
    ["est5edt", "America/New_York"],
    ["PST8PDT", "America/Los_Angeles"],
    ["PST", "America/Los_Angeles"],
    ["MST", "America/Denver"],
    ["HST", "Pacific/Honolulu"],
    ["CET", "Europe/Berlin"],
    ["MET", "Europe/Berlin"],
    ["GMT", "Europe/London"],
    ["KST", "Asia/Seoul"],
    ["ROK", "Asia/Seoul"],
    ["Japan", "Asia/Tokyo"],
    ["Poland", "Europe/Warsaw"],
    ["Zulu", "UTC"],
  ])("%s is refused in one line that names %s", (name, zone) => {
    const error = errorOf(() => checkZone(name));
    expect(error.message).toContain(JSON.stringify(name));
    expect(error.hint).toMatch(new RegExp(`^write ${zone}`));
    expect(`${error.message}${error.hint}`).not.toContain("\n");
  });

  test("nothing is taken but a region with a place, UTC and offsets", () => {
    // Every name without a region that ICU knows: Java's abbreviations, countries, POSIX rules.
    const names =
      "ACT AST ART BST CNT CST6CDT Cuba EET EST Egypt GB-Eire Greenwich Hongkong IET Iceland Iran Israel JST Jamaica Libya MST7MDT NST NZ-CHAT Navajo PRC Portugal SST Singapore Turkey UCT Universal VST W-SU WET";
    for (const name of names.split(" ")) expect(() => checkZone(name)).toThrow(UserError);
    for (const zone of Intl.supportedValuesOf("timeZone").filter((name) => name.includes("/")))
      expect(checkZone(zone)).toBe(zone);
  });

  test("the machine's own clocks are taken as they are, whatever they are called", () => {
    const before = process.env["TZ"];
    process.env["TZ"] = "EST5EDT";
    try {
      const { at } = parseWhen("2027-07-01 09:00", { now: NOW, zone: machineZone() });
      expect(new Date(at).toISOString()).toBe("2027-07-01T13:00:00.000Z");
    } finally {
      if (before === undefined) delete process.env["TZ"];
      else process.env["TZ"] = before;
    }
  });

  test("local is the machine's zone", () => {
    expect(checkZone("local")).toBe(machineZone());
    expect(checkZone("Local")).toBe(new Intl.DateTimeFormat().resolvedOptions().timeZone);
  });
});

describe("machineZone", () => {
  test.each(["", "KST-9", "Foo/Bar"])("refuses TZ=%j, which names no IANA zone", (tz) => {
    const before = process.env["TZ"];
    process.env["TZ"] = tz;
    try {
      expect(() => machineZone()).toThrow(UserError);
    } finally {
      if (before === undefined) delete process.env["TZ"];
      else process.env["TZ"] = before;
    }
  });
});
