import type { VisitSink } from "../store.ts";
import type { Job } from "./connection.ts";
export function createVisitSink(_job: Job): Pick<VisitSink, "applyVisits"> {
  throw new Error("to be written");
}
