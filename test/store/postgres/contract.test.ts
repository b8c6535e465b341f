/** The PostgreSQL store keeps what every store promises. */
import { describe } from "vitest";
import { requireServers } from "../../support/servers.ts";
import { storeContract } from "../contract.ts";
import { preparePostgres } from "./bench.ts";

describe.skipIf(requireServers("postgres"))("on a server", () => {
  storeContract("PostgreSQL", preparePostgres);
});
