/** The same by way of PgBouncer in transaction mode: no promise needs a connection that stays the same. */
import { describe, expect, it } from "vitest";
import { UserError } from "../../../src/errors.ts";
import { storeExists } from "../../../src/store/postgres/store.ts";
import { requireServers } from "../../support/servers.ts";
import { sharedServer } from "../../support/shared-postgres.ts";
import { storeContract } from "../contract.ts";
import { storeProperties } from "../properties.ts";
import { preparePooled } from "./bench.ts";

describe.skipIf(requireServers("postgres", "pgbouncer"))("through PgBouncer", () => {
  // Another way to the same tables: what could break is how statements run, not what they add up to.
  storeContract("PostgreSQL, pooled", preparePooled, { sums: false });
  storeProperties("PostgreSQL, pooled", preparePooled, 0.2);

  it.each([
    ["a wrong password", { password: "wrong" }, "set PGPASSWORD"],
    ["a user that is not there", { username: "nobody" }, "set PGPASSWORD"],
    ["a database that is not there", { pathname: "/none" }, "create it with createdb"],
  ])("%s is a mistake, not an absence", async (_, changes, hint) => {
    const url = Object.assign(new URL((await sharedServer("pgbouncer")).url), changes).href;
    await expect(storeExists(url)).rejects.toMatchObject({
      constructor: UserError,
      hint: expect.stringContaining(hint),
    });
  });
});
