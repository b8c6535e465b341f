/** The removal of contents that nobody uses, while a long list is on its way. */
import { setImmediate } from "node:timers/promises";
import { expect, it } from "vitest";
import { NO_WAITING, openPlace } from "../../../src/store/sqlite/connection.ts";
import { Database } from "../../../src/store/sqlite/driver.ts";
import { removeUnusedContents } from "../../../src/store/sqlite/unused-contents.ts";
import { ingest, sent, settle, turn } from "../../support/store-actions.ts";
import { content, counts } from "../bench.ts";
import { prepareSqlite, rows } from "./bench.ts";

/** More than one transaction puts in. */
const LONG = 60_000;
const people = Array.from({ length: LONG }, (_, n) => `p${n}@x.example`);

it("keeps the content of a list whose messages came behind what was read, and that its topic had only meanwhile", async () => {
  const { path, clock, open } = await prepareSqlite();
  const [store, other] = [await open(), await open()];
  const opened = await openPlace(path, clock, NO_WAITING);
  const holder = new Database(path);
  await ingest(store, ["old@x.example"], { content: content("a") });
  const isOnItsWay = () => rows(path, "select 1 from arriving where joins is null").length > 0;

  const arriving = { isDone: false };
  const added = ingest(store, people, { content: content("b"), replaceContent: true }).finally(
    () => (arriving.isDone = true),
  );
  while (!isOnItsWay() && !arriving.isDone) await setImmediate();
  // Its id is higher than those that the list keeps.
  await counts(other, ["posted@x.example"], { topic: "july" });
  // The list waits until the removal has read.
  holder.exec("begin immediate");
  expect(isOnItsWay()).toBe(true);

  const removal = { hasRead: false, mayWrite: false };
  const removed = removeUnusedContents(
    { ...opened, clock, isImage: false, waiting: NO_WAITING },
    async (part) => {
      removal.hasRead = true;
      while (!removal.mayWrite) await setImmediate();
      return part(1_000, () => undefined);
    },
    new AbortController().signal,
  );
  try {
    while (!removal.hasRead) await setImmediate();
    holder.exec("rollback");
    expect(await added).toMatchObject({ added: LONG });
    await settle(store, sent((await turn(store, 1)).claims[0]));
    await ingest(store, [], { content: content("c"), replaceContent: true });
  } finally {
    removal.mayWrite = true;
  }
  await removed;
  expect(
    rows(path, "select id from message where not exists (select 1 from content where content.id = content_id)"),
  ).toEqual([]);
  for (const db of [holder, opened.db]) db.close();
}, 60_000);
