/** Loads Luxon when the first time or date is read: it takes 12 MB, and most lists and commands have none. */
type Luxon = typeof import("luxon");

let loaded: Luxon | undefined;

/** The library; the first call loads it. */
export function luxon(): Luxon {
  return (loaded ??= require("luxon") as Luxon);
}
