import { expect, it } from "vitest";
import { timeWith, timeWithSql, UNTIMED } from "../../../src/store/rules/topic-time.ts";
import { Database } from "../../../src/store/sqlite/driver.ts";

type Row = [waits: number, notBefore: number | null, added: number | null, time: number | null, why: string];

it.each<Row>([
  [0, null, 7, 7, "nothing waits, so what is added decides"],
  [0, 5, 7, 7, "nothing waits for the old time any more"],
  [0, 5, null, null, "nothing waits, and what is added goes at once"],
  [2, 5, 7, 5, "the earlier one waits already"],
  [2, 7, 5, 5, "the earlier one is added"],
  [2, null, 5, null, "something goes at once already"],
  [2, 5, null, null, "what is added goes at once"],
])("%i wait until %s, added for %s: %s, as %s", (waits, notBefore, added, time, _why) => {
  expect(timeWith({ notBefore, waits }, added)).toBe(time);
  const db = new Database(":memory:");
  const sql = `select ${timeWithSql("@waits", "@notBefore", "@added")}`;
  expect(db.prepare(sql).pluck().get({ waits, notBefore, added })).toBe(time);
  db.close();
});

it("a topic without mail takes the time of its first", () => {
  expect(timeWith(UNTIMED, 9)).toBe(9);
  expect(timeWith(UNTIMED, null)).toBeNull();
});
