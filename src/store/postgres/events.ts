import type { EventSink } from "../../feedback/event-sink.ts";
import type { Job } from "./connection.ts";
export function createEventSink(_job: Job, _jobId: string): EventSink {
  throw new Error("to be written");
}
