import type { Topics } from "../store.ts";
import type { Job } from "./connection.ts";
export function createAfresh(
  _job: Job,
  _recover: () => Promise<number>,
): Pick<Topics, "startAfresh" | "staySuppressed" | "senders"> {
  throw new Error("to be written");
}
