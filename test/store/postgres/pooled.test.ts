/** The same by way of PgBouncer in transaction mode: no promise needs a connection that stays the same. */
import { describe } from "vitest";
import { requireServers } from "../../support/servers.ts";
import { storeContract } from "../contract.ts";
import { storeProperties } from "../properties.ts";
import { preparePooled } from "./bench.ts";

describe.skipIf(requireServers("postgres", "pgbouncer"))("through PgBouncer", () => {
  storeContract("PostgreSQL, pooled", preparePooled);
  storeProperties("PostgreSQL, pooled", preparePooled);
});
