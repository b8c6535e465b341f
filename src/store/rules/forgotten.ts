/** How a forgotten person is remembered: by a hash, so that nobody writes to him again. */
import { createHash } from "node:crypto";

/** The reason of the entry that stands for a forgotten person. */
export const FORGOTTEN = "forgotten";

/** What is kept in the place of an address. No address looks like it. `jobId` makes it another one in each job. */
export function forgottenKey(jobId: string, address: string): string {
  return `forgotten:${createHash("sha256").update(`${jobId}:${address.toLowerCase()}`).digest("hex")}`;
}
