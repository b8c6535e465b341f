/** Templates in a database: as many as it takes. */
import { describe, expect, it } from "vitest";
import { requireServers } from "../../support/servers.ts";
import { CONTENT } from "../../support/store-actions.ts";
import { content } from "../bench.ts";
import { preparePostgres, rows } from "./bench.ts";

describe.skipIf(requireServers("postgres"))("on a server", () => {
  it("takes 10,000, and then no other name until one is removed; those that are there get new versions", async () => {
    const { open, schema } = await preparePostgres();
    const store = await open();
    await store.putTemplate("first", CONTENT);
    await rows(
      schema,
      `insert into sm.template (name, version, content_id, created_at)
       select 't' || n, 1, (select min(id) from sm.content), 0 from generate_series(1, 9999) n`,
    );
    const refused = {
      name: "UserError",
      message: expect.stringContaining("10000"),
      hint: expect.stringContaining("remove"),
    };
    await expect(store.putTemplate("one more", content("new"))).rejects.toMatchObject(refused);
    expect(await rows(schema, "select 1 from sm.content")).toHaveLength(1);
    expect(await store.putTemplate("t7", content("new"))).toEqual({ version: 2, isNew: true });
    expect(await store.templates()).toHaveLength(10_000);
    await store.removeTemplate("t8");
    expect(await store.putTemplate("one more", CONTENT)).toEqual({ version: 1, isNew: true });
    await expect(store.putTemplate("t8", CONTENT)).rejects.toMatchObject(refused);
  });
});
