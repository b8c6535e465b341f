/** Tells those who send that something may be due now that was not so before. */
import type { Job } from "./connection.ts";
import { lookFromStart } from "./follow.ts";
import { notify } from "./notify.ts";

/** Tells them to look when it came to more than nothing. */
export async function tellWhen<T extends number | boolean>(job: Job, changed: Promise<T>): Promise<T> {
  const result = await changed;
  if (result === 0 || result === false) return result;
  lookFromStart(job);
  notify(job);
  return result;
}
