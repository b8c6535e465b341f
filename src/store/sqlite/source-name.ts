/** What a job file is as the source of the send loop, whoever asks. */
import type { Connection } from "./driver.ts";
import { fileOf } from "./image.ts";

/** How long the loop keeps answers while the disk is full or the file cannot be written to: long enough to make room. */
export const PATIENCE_MS = 30_000;

/** What people call it. */
export const sourceNameOf = (db: Connection): string => `the job file ${fileOf(db)}`;
