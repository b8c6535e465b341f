/** What is said of the rows of a list, also when somebody else had to do with its topic meanwhile. */
import { describe, expect, it } from "vitest";
import type { ListForecast } from "../../src/store/rows.ts";
import type { Store } from "../../src/store/store.ts";
import { cheapForecast, factsAfter, listText } from "../../src/work/list-facts.ts";
import { CONTENT } from "../support/store-actions.ts";
import { prepareSqlite } from "../store/sqlite/bench.ts";

const target = {
  topic: "june",
  content: CONTENT,
  file: "june.csv",
  columns: ["email"],
  priority: 5,
  notBefore: null,
  replaceContent: false,
};

/** Reads a list as far as `import` does before it puts it in; the rest is what it does then, and what it says. */
async function begin(store: Store, names: string, { isLong }: { isLong: boolean }): Promise<() => Promise<string>> {
  const staging = await store.stage();
  const rows = names.split("").map((name) => ({ email: `${name}@x.example`, fields: "[]", notBefore: 0 }));
  await staging.add(rows);
  const forecast: ListForecast | null = await cheapForecast({
    rows: isLong ? 1_000_000 : rows.length,
    forecast: () => staging.forecast("june"),
  });
  return async () => {
    const counts = await staging.commit(target);
    const ingest = { ...counts, rows: rows.length, rejected: 0, rejects_file: null };
    const { total } = await store.totals("june");
    return listText(factsAfter(ingest, forecast, total), "added");
  };
}

describe.each([
  ["a list that was counted", false],
  ["a list that is too long to be counted", true],
])("%s", (_name, isLong) => {
  it.each([
    ["the same", "abc", "abc", ["3 rows, 3 added", "3 rows, 0 added, 3 in the topic already"]],
    [
      "the same, with rows that come twice",
      "aab",
      "aab",
      ["3 rows, 2 added, 1 duplicate", "3 rows, 0 added, 3 in the topic already"],
    ],
    [
      "a list with others and one that comes twice",
      "ab",
      "bcc",
      ["2 rows, 2 added", "3 rows, 1 added, 2 in the topic already or twice on the list"],
    ],
  ])("put into a new topic by two at once: %s", async (_what, one, two, expected) => {
    const { open } = await prepareSqlite();
    const [a, b] = [await open(), await open()];
    const [first, second] = [await begin(a, one, { isLong }), await begin(b, two, { isLong })];
    expect([await first(), await second()]).toEqual(expected);
  });

  it("the one that was read last may be put in first", async () => {
    const { open } = await prepareSqlite();
    const [a, b] = [await open(), await open()];
    const [first, second] = [await begin(a, "abc", { isLong }), await begin(b, "abc", { isLong })];
    expect([await second(), await first()]).toEqual(["3 rows, 3 added", "3 rows, 0 added, 3 in the topic already"]);
  });

  it("alone: known and repeated rows are told apart as far as they were counted", async () => {
    const { open } = await prepareSqlite();
    const store = await open();
    const put = async (names: string) => (await begin(store, names, { isLong }))();
    expect(await put("aabc")).toBe("4 rows, 3 added, 1 duplicate");
    expect(await put("abc")).toBe("3 rows, 0 added, 3 in the topic already");
    expect(await put("abdd")).toBe(
      isLong
        ? "4 rows, 1 added, 3 in the topic already or twice on the list"
        : "4 rows, 1 added, 2 in the topic already, 1 duplicate",
    );
  });
});
