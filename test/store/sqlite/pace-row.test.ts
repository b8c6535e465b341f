/** The rate as the job file keeps it: what others wrote counts, and what was not committed does not. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { NEW_PACE } from "../../../src/deliver/pace.ts";
import { createSchema } from "../../../src/store/sqlite/connection.ts";
import { Database } from "../../../src/store/sqlite/driver.ts";
import { createPaceRow } from "../../../src/store/sqlite/pace-row.ts";

function twoProcesses() {
  const folder = mkdtempSync(join(tmpdir(), "ses-mail-pace-"));
  const [one, two] = [new Database(join(folder, "a.db")), new Database(join(folder, "a.db"))];
  onTestFinished(() => {
    one.close();
    two.close();
    rmSync(folder, { recursive: true });
  });
  createSchema(one);
  return { one, two, mine: createPaceRow(one), theirs: createPaceRow(two) };
}

const paceOf = (nextAt: number) => ({ ...NEW_PACE, nextAt });

it("has what was written last, by whomever", () => {
  const { mine, theirs } = twoProcesses();
  expect(mine.read()).toEqual(NEW_PACE);
  mine.write(paceOf(1));
  expect([mine.read(), theirs.read()]).toEqual([paceOf(1), paceOf(1)]);
  theirs.write(paceOf(2));
  expect([mine.read(), theirs.read()]).toEqual([paceOf(2), paceOf(2)]);
  mine.write(paceOf(1));
  expect([mine.read(), theirs.read()]).toEqual([paceOf(1), paceOf(1)]);
});

it("has nothing of a transaction that failed", () => {
  const { one, mine } = twoProcesses();
  mine.write(paceOf(1));
  one.exec("begin");
  mine.write(paceOf(2));
  expect(mine.read()).toEqual(paceOf(2));
  one.exec("rollback");
  expect(mine.read()).toEqual(paceOf(1));
});
