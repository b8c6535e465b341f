import type { Lists } from "../store.ts";
import type { Job } from "./connection.ts";
export function createLists(_job: Job): Lists {
  throw new Error("to be written");
}
