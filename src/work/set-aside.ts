/** Words for a rehearsal that made room for mail that is to be sent for real. */
import type { SetAside } from "../store/rows.ts";

/** What people are told of a rehearsal whose topic was made free, in one line. */
export function setAsideText({ topic, now }: SetAside): string {
  return `topic "${topic}" was only rehearsed: the rehearsal is called "${now}" now, and is not sent`;
}
