import type { Topics } from "../store.ts";
import type { Job } from "./connection.ts";
export function createTopicActions(_job: Job): Pick<Topics, "cancel" | "retry" | "pause" | "resume" | "reschedule"> {
  throw new Error("to be written");
}
