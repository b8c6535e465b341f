import { describe, expect, test } from "vitest";
import { type Cell, type Space, tableLines } from "../../src/terminal/table.ts";

async function draw(head: string[], rows: Cell[][], space: Partial<Space> = {}): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of tableLines(head, rows, { width: 40, mayCut: true, ...space })) lines.push(line);
  return lines;
}

const HEAD = ["topic", "total", "in_doubt", "failed", "delivery_rate"];

describe("a table that is too wide", () => {
  test("is as it is while it fits", async () => {
    expect(await draw(HEAD, [["june", 1, 0, 0, "100 %"]], { width: 45 })).toEqual([
      "topic  total  in_doubt  failed  delivery_rate",
      "june       1         0       0          100 %",
    ]);
  });

  test("loses first the columns that are empty in every row", async () => {
    expect(
      await draw(HEAD, [
        ["june", 1, 0, 0, "100 %"],
        ["july", 2, 0, "–", "–"],
      ]),
    ).toEqual(["topic  total  delivery_rate", "june       1          100 %", "july       2              –"]);
  });

  test("then has headings of several lines", async () => {
    expect(await draw(HEAD, [["june", 1, 1, 1, "100 %"]], { width: 39 })).toEqual([
      "                 in          delivery",
      "topic  total  doubt  failed      rate",
      "june       1      1       1     100 %",
    ]);
  });

  test("then has its columns closer together", async () => {
    const lines = await draw(HEAD, [["june", 1, 1, 1, "100 %"]], { width: 34 });
    expect(lines[1]).toBe("topic total doubt failed     rate");
  });

  test("then has its texts cut, but not the first one", async () => {
    const row = ["a@example.com", "x".repeat(50), "뉴스레터".repeat(6)];
    const lines = await draw(["address", "reason", "detail"], [row], { width: 60 });
    expect(lines[1]).toMatch(/^a@example\.com {2}x+… +.*…$/);
    expect(lines[1]?.length).toBeLessThanOrEqual(60);
  });

  test("then becomes several, each with the first column", async () => {
    const lines = await draw(["topic", "aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc"], [["june", 1, 2, 3]], { width: 30 });
    expect(lines).toEqual([
      "topic  aaaaaaaaaa  bbbbbbbbbb",
      "june            1           2",
      "",
      "topic  cccccccccc",
      "june            3",
    ]);
  });

  test("loses nothing where nothing may be cut", async () => {
    const row = ["j".repeat(90), "x".repeat(90), 7];
    const text = (await draw(["topic", "text", "number"], [row], { mayCut: false })).join("\n");
    for (const cell of row) expect(text).toContain(String(cell));
    expect(text).not.toContain("…");
    const full = await draw(["topic", "text", "number"], [row], { mayCut: false, width: Infinity });
    expect(full).toHaveLength(2);
  });

  test.each([30, 40, 80])("never is wider than %i columns in a terminal", async (width) => {
    const rows = [
      ["뉴스레터 12월 ".repeat(5), 123_456, "y".repeat(70), "99.99 %"],
      ["b", 1, "", "–"],
    ];
    for (const line of await draw(["topic", "a_long_heading", "text", "share"], rows, { width })) {
      const wide = Array.from(line).reduce(
        (sum, character) => sum + (character.charCodeAt(0) > 0x1100 && character !== "–" && character !== "…" ? 2 : 1),
        0,
      );
      expect(wide).toBeLessThanOrEqual(width);
    }
  });
});

describe("a table with very many rows", () => {
  test("is read once, and no more than a thousand rows of it are kept", async () => {
    let given = 0;
    function* rows(): Generator<Cell[]> {
      for (let row = 0; row < 100_000; row++) {
        given++;
        yield [`topic ${row}`, row];
      }
    }
    let lines = 0;
    let ahead = 0;
    for await (const _line of tableLines(["topic", "total"], rows(), { width: 80, mayCut: true })) {
      ahead = Math.max(ahead, given - lines);
      lines++;
    }
    expect({ lines, given, ahead }).toEqual({ lines: 100_001, given: 100_000, ahead: 1_000 });
  });

  test("ends at once when nobody reads on", async () => {
    let isClosed = false;
    function* rows(): Generator<Cell[]> {
      try {
        for (let row = 0; ; row++) yield [`topic ${row}`, row];
      } finally {
        isClosed = true;
      }
    }
    for await (const line of tableLines(["topic", "total"], rows(), { width: 80, mayCut: true }))
      if (line.startsWith("topic 1 ")) break;
    expect(isClosed).toBe(true);
  });

  test("becomes wider where later rows need it, and has its heading once", async () => {
    const rows = [...Array.from({ length: 1_000 }, (_, row): Cell[] => [`t${row}`, row]), ["much longer", 1_000_000]];
    const lines = await draw(["topic", "total"], rows);
    expect(lines.slice(0, 2)).toEqual(["topic  total", "t0         0"]);
    expect(lines.slice(1_000)).toEqual(["t999     999", "much longer  1,000,000"]);
  });

  test("has its heading again when later rows need another column", async () => {
    const rows = Array.from({ length: 2_500 }, (_, row): Cell[] => [`t${row}`, row, 0, row === 1_200 ? 1 : 0, "–"]);
    const lines = await draw(HEAD, rows, { width: 30 });
    expect(lines.slice(0, 2)).toEqual(["topic  total", "t0         0"]);
    expect(lines.slice(1_000, 1_004)).toEqual(["t999     999", "", "topic  total  failed", "t1000  1,000       0"]);
    expect(lines).toHaveLength(2_500 + 3);
  });

  test("that is cut into several has each thousand rows in all of them", async () => {
    const rows = Array.from({ length: 1_001 }, (_, row): Cell[] => [`t${row}`, 1, 2, 3]);
    const lines = await draw(["topic", "aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc"], rows, { width: 30 });
    expect(lines.filter((line) => line.startsWith("topic"))).toHaveLength(4);
    expect(lines.slice(-5)).toEqual([
      "topic  aaaaaaaaaa  bbbbbbbbbb",
      "t1000           1           2",
      "",
      "topic  cccccccccc",
      "t1000           3",
    ]);
  });
});
