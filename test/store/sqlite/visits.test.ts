/** What visits leave in a job file. */
import { expect, it } from "vitest";
import { failed, ingest, sent, settle, turn } from "../../support/store-actions.ts";
import { prepareSqlite, rows } from "./bench.ts";

const visit = (messageId: number, link: string | null, machine = false) => ({
  kind: link === null ? ("open" as const) : ("click" as const),
  messageId,
  at: 1_000,
  machine,
  link,
});

it("leaves no row of messages that do not exist, or were never handed out", async () => {
  const { open, path } = await prepareSqlite();
  const store = await open();
  await ingest(store, ["failed@x.example", "pending@x.example"]);
  await settle(store, failed((await turn(store, 1)).claims[0]));
  const ids = [0, -1, 1, 2, 3, 999, 2 ** 53, 1.5, Number.NaN];
  expect(await store.applyVisits(ids.flatMap((id) => [visit(id, null), visit(id, "https://x.example/")]))).toBe(0);
  for (const table of ["feedback", "event"]) expect(rows(path, `select * from ${table}`)).toEqual([]);
});

it("leaves one row however often the same visit comes: nobody can fill the disk with clicks", async () => {
  const { open, path } = await prepareSqlite();
  const store = await open();
  await ingest(store, ["a@x.example", "b@x.example"]);
  await settle(store, ...(await turn(store, 2)).claims.map((claim) => sent(claim)));
  const [shop, blog] = ["https://x.example/shop", "https://x.example/blog"];
  for (let n = 0; n < 100; n++) {
    await store.applyVisits([visit(1, shop), visit(1, shop, true), visit(2, shop), visit(2, blog)]);
    await store.applyVisits([visit(1, null), visit(1, null, true)]);
  }
  expect(rows(path, "select count(*) as n from event")).toEqual([{ n: 4 }]);
  expect(rows(path, "select count(*) as n from feedback")).toEqual([{ n: 2 }]);
  expect(rows(path, "select opens, machine_opens, clicks from feedback where message_id = 1")).toEqual([
    { opens: 100, machine_opens: 100, clicks: 200 },
  ]);
});
