import type { VisitSink } from "../store.ts";
import type { Job } from "./connection.ts";
export function createUnsubscriptions(_job: Job): Pick<VisitSink, "unsubscribe" | "resubscribe"> {
  throw new Error("to be written");
}
