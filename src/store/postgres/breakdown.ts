import type { Reader } from "../store.ts";
import type { Job } from "./connection.ts";
export function createBreakdown(_job: Job): Pick<Reader, "breakdown"> {
  throw new Error("to be written");
}
