/** The PostgreSQL store keeps what every store promises, whatever happens. */
import { describe } from "vitest";
import { requireServers } from "../../support/servers.ts";
import { storeProperties } from "../properties.ts";
import { preparePostgres } from "./bench.ts";

describe.skipIf(requireServers("postgres"))("on a server", () => {
  storeProperties("PostgreSQL", preparePostgres, 0.25);
});
