/** The SQLite store keeps what every store promises. */
import { storeContract } from "../contract.ts";
import { prepareSqlite } from "./bench.ts";

storeContract("SQLite", prepareSqlite);
