import type { Keys } from "../store.ts";
import type { Job } from "./connection.ts";
export function createKeys(_job: Job): Keys {
  throw new Error("to be written");
}
