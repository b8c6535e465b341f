/** The SQLite store keeps what every store promises. */
import { storeContract } from "../contract.ts";
import { prepareSqlite, prepareToRead } from "./bench.ts";

storeContract("SQLite", prepareSqlite);
storeContract("SQLite, opened to read", prepareToRead);
