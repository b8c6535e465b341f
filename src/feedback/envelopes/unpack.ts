/** Unpacks data of a record, within a limit. */
import { count } from "../../counted.ts";
import { gunzipSync, inflateSync } from "node:zlib";
import { isGzip } from "./gunzip.ts";

/** CloudWatch Logs sends at most 1 MB of packed data. A record that unpacks to more than this is a bomb. */
const MOST_BYTES = 16_777_216;
/** What a failed attempt costs: it may have unpacked much before it failed. */
const FAILURE_BYTES = 1_048_576;

/** How many bytes one record may still unpack to, over all its layers and members. */
export interface Budget {
  bytes: number;
}

/** A budget for one record: 16 MiB. */
export function newBudget(): Budget {
  return { bytes: MOST_BYTES };
}

/** True for gzip, and for zlib with the usual window size. */
export function isPacked(bytes: Uint8Array): boolean {
  const second = bytes[1];
  return isGzip(bytes) || (bytes[0] === 0x78 && (second === 0x01 || second === 0x9c || second === 0xda));
}

/**
 * Unpacks data for which `isPacked` is true, as UTF-8, and counts its bytes against the budget. Returns an `Error` when
 * the data is damaged or the budget is not enough. Never throws.
 */
export function unpack(bytes: Buffer, budget: Budget): string | Error {
  if (budget.bytes <= 0) return new Error(`the record unpacks to more than ${count(MOST_BYTES)} bytes`);
  try {
    const open = isGzip(bytes) ? gunzipSync : inflateSync;
    const unpacked = open(bytes, { maxOutputLength: budget.bytes });
    budget.bytes -= unpacked.length;
    return unpacked.toString("utf8");
  } catch (error) {
    const tooLarge = (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";
    budget.bytes -= tooLarge ? budget.bytes : FAILURE_BYTES;
    return error as Error;
  }
}
