import type { Suppressions } from "../store.ts";
import type { Job } from "./connection.ts";
export function createSuppressions(_job: Job): Suppressions {
  throw new Error("to be written");
}
