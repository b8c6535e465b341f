import { gunzipSync, inflateSync } from "node:zlib";
import { isGzip } from "./gunzip.ts";

/** CloudWatch Logs sends at most 1 MB packed; a record that becomes more than this is a bomb. */
const MOST_BYTES = 16_777_216;
/** What unpacking that fails is charged: it may have unpacked much before it did. */
const FAILURE_BYTES = 1_048_576;

/** What may still be unpacked of one record, over all of its layers and members. */
export interface Budget {
  bytes: number;
}

export function newBudget(): Budget {
  return { bytes: MOST_BYTES };
}

/** True for gzip, and for zlib with the window size everybody uses. */
export function isPacked(bytes: Uint8Array): boolean {
  const second = bytes[1];
  return isGzip(bytes) || (bytes[0] === 0x78 && (second === 0x01 || second === 0x9c || second === 0xda));
}

/** Unpacks what `isPacked` within what is left of the budget; UTF-8. An `Error` is returned when that cannot be done. */
export function unpack(bytes: Buffer, budget: Budget): string | Error {
  if (budget.bytes <= 0) return new Error(`the record unpacks to more than ${MOST_BYTES.toLocaleString("en")} bytes`);
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
