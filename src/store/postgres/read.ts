import type { Library } from "../../deliver/library.ts";
import type { Reader, Topics } from "../store.ts";
import type { Job } from "./connection.ts";
export function createReader(
  _job: Job,
): Pick<
  Topics,
  "totals" | "topics" | "topicPage" | "countTopics" | "topicsWithAnswers" | "paused" | "topic" | "columns"
> &
  Pick<Reader, "messages" | "failedMessages" | "sentWithin" | "countSentWithin"> &
  Omit<Library, "jobId"> {
  throw new Error("to be written");
}
