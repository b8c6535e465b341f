/** Templates in a job file: as many as it takes. */
import { expect, it } from "vitest";
import { CONTENT } from "../../support/store-actions.ts";
import { content } from "../bench.ts";
import { inspect, prepareSqlite, rows } from "./bench.ts";

it("takes 10,000, and then no other name until one is removed; those that are there get new versions", async () => {
  const { open, path } = await prepareSqlite();
  const store = await open();
  await store.putTemplate("first", CONTENT);
  inspect(path, (db) =>
    db.exec(`with recursive n (n) as (select 1 union all select n + 1 from n where n < 9999)
      insert into template (name, version, content_id, created_at) select 't' || n, 1, 1, 0 from n`),
  );
  const refused = {
    name: "UserError",
    message: expect.stringContaining("10000"),
    hint: expect.stringContaining("remove"),
  };
  await expect(store.putTemplate("one more", content("new"))).rejects.toMatchObject(refused);
  expect(rows(path, "select count(*) as count from content")).toEqual([{ count: 1 }]);
  expect(await store.putTemplate("t7", content("new"))).toEqual({ version: 2, isNew: true });
  expect(await store.templates()).toHaveLength(10_000);
  await store.removeTemplate("t8");
  expect(await store.putTemplate("one more", CONTENT)).toEqual({ version: 1, isNew: true });
  await expect(store.putTemplate("t8", CONTENT)).rejects.toMatchObject(refused);
});
