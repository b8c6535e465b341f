/** Loads Luxon when the first time or date is read: it takes 12 MB, and most lists and commands have none. */
import { createRequire } from "node:module";

type Luxon = typeof import("luxon");

const load = createRequire(import.meta.url);
let loaded: Luxon | undefined;

/** The library; the first call loads it. */
export function luxon(): Luxon {
  return (loaded ??= load("luxon") as Luxon);
}
