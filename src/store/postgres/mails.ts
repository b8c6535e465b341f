import type { Reader, VisitSink } from "../store.ts";
import type { Job } from "./connection.ts";
export function createMailReader(
  _job: Job,
): Pick<Reader, "message" | "messagesTo" | "messagesNamed" | "mailParts" | "sampleParts"> &
  Pick<VisitSink, "addressee"> {
  throw new Error("to be written");
}
