/** Keeps that somebody was forgotten, without keeping who. */
import { createHash } from "node:crypto";
import { EVERYTHING_LIST } from "./suppress.ts";

/** What the address of a suppression begins with that stands for somebody who was forgotten. */
export const FORGOTTEN = "forgotten:";
/** The reason of such a suppression. */
export const FORGOTTEN_REASON = "forgotten";

const HASH = new RegExp(`^${FORGOTTEN}[0-9a-f]{64}$`);

/** True for what `forgottenAddress` may have made. */
export function isForgotten(address: string): boolean {
  return HASH.test(address);
}

/**
 * What is kept instead of the address of somebody who was forgotten: `forgotten:` and the SHA-256, in hex, of the job's id, a colon and
 * the address in lower case. The id makes the hashes of two jobs different.
 */
export function forgottenAddress(jobId: string, address: string): string {
  return `${FORGOTTEN}${createHash("sha256").update(`${jobId}:${address.toLowerCase()}`).digest("hex")}`;
}

/** The suppression that is kept of somebody who was forgotten. It stops everything. */
export function forgottenSuppression(
  jobId: string,
  address: string,
): { address: string; list: string; reason: string; source: string } {
  return {
    address: forgottenAddress(jobId, address),
    list: EVERYTHING_LIST,
    reason: FORGOTTEN_REASON,
    source: "manual",
  };
}
