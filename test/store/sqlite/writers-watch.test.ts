/** Others who write to a job file are noticed, and this connection itself is not. */
import { expect, it, onTestFinished } from "vitest";
import { openConnection } from "../../../src/store/sqlite/connection.ts";
import { createWritersWatch } from "../../../src/store/sqlite/writers-watch.ts";
import { systemClock } from "../../../src/time/clock.ts";
import { prepareSqlite } from "./bench.ts";

const suppress = "insert into suppression (address, reason, source, created_at) values (?, 'manual', 'test', 0)";

it("only others who have written since it was last asked count", async () => {
  const { path } = await prepareSqlite();
  const [mine, other] = [await openConnection(path, systemClock), await openConnection(path, systemClock)];
  onTestFinished(() => [mine, other].forEach((each) => each.close()));
  const haveOthersWritten = createWritersWatch(mine);
  expect(haveOthersWritten()).toBe(false);
  mine.prepare(suppress).run("a@x.example");
  expect(haveOthersWritten()).toBe(false);
  other.prepare(suppress).run("b@x.example");
  expect(haveOthersWritten()).toBe(true);
  other.prepare("select count(*) from suppression").get();
  expect(haveOthersWritten()).toBe(false);
  other.prepare(suppress).run("c@x.example");
  mine.prepare(suppress).run("d@x.example");
  expect(haveOthersWritten()).toBe(true);
});
