/** Rows of a list go in without CHECKs. They obey them all the same, and whatever is written afterwards is checked again. */
import { describe, expect, it } from "vitest";
import { type Connection, NO_WAITING, openPlace } from "../../../src/store/sqlite/connection.ts";
import { createLists } from "../../../src/store/sqlite/lists.ts";
import type { Lists } from "../../../src/store/store.ts";
import { commit } from "../../support/store-actions.ts";
import { prepareSqlite, rows } from "./bench.ts";

async function prepare(): Promise<{ db: Connection; lists: Lists }> {
  const { path, clock, open } = await prepareSqlite();
  // The first one makes the file.
  await open();
  const opened = await openPlace(path, clock, NO_WAITING);
  return { db: opened.db, lists: createLists({ ...opened, clock, isImage: false, waiting: NO_WAITING }) };
}

async function add(lists: Lists, emails: string[], notBefore = 0): Promise<void> {
  const staging = await lists.stage();
  try {
    await staging.add(emails.map((email) => ({ email, fields: JSON.stringify([email]), notBefore })));
    await commit(staging, { columns: ["email"] });
  } finally {
    await staging.discard();
  }
}

const breakCheck = (db: Connection) => db.exec("update message set state = 'sent', sent_at = null");

describe("a list without CHECKs", () => {
  it("has only rows that obey them", async () => {
    const { path, open } = await prepareSqlite();
    const store = await open();
    await store.suppress([{ address: "b@x.example", source: "manual", reason: "asked" }]);
    await add(store, ["a@x.example", "b@x.example", "A@x.example"]);
    await add(store, ["c@x.example", "a@x.example"], 5_000);
    expect(rows(path, "select state from message order by id")).toEqual(
      ["pending", "suppressed", "pending"].map((state) => ({ state })),
    );
    expect(rows(path, "pragma quick_check")).toEqual([{ quick_check: "ok" }]);
  });

  it("leaves them on, for statements that were there before as well", async () => {
    const { db, lists } = await prepare();
    const before = db.prepare("update message set state = 'failed', error = null");
    await add(lists, ["a@x.example"]);
    expect(() => before.run()).toThrow(/CHECK/);
    expect(() => breakCheck(db)).toThrow(/CHECK/);
    db.close();
  });

  it.each(["fail", "rollback"])("leaves them on when it does not go in (%s)", async (how) => {
    const { db, lists } = await prepare();
    await add(lists, ["a@x.example"]);
    db.exec(`create temp trigger refuse before insert on message begin select raise(${how}, 'not this one'); end`);
    await expect(add(lists, ["b@x.example"])).rejects.toThrow("not this one");
    expect(() => breakCheck(db)).toThrow(/CHECK/);
    expect(db.prepare("select count(*) from recipient").pluck().get()).toBe(1);
    db.close();
  });
});
