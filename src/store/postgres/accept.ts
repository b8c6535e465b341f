import type { Inbox } from "../store.ts";
import type { Job } from "./connection.ts";
export function createInbox(_job: Job): Inbox {
  throw new Error("to be written");
}
