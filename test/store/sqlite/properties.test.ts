/** The SQLite store keeps what every store promises, whatever happens. */
import { storeProperties } from "../properties.ts";
import { prepareSqlite } from "./bench.ts";

storeProperties("SQLite", prepareSqlite);
