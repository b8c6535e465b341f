/** The numbers of our advisory locks. They are locks of a transaction: those of a session would outlive it behind a pooler. */
import { createHash } from "node:crypto";

/** A lock of the jobs of one schema: the writer's, that of migrations, or that of one topic. */
export type Lock = "writer" | "schema" | `topic ${string}`;

/** The key of a lock, a bigint as text. Locks of different schemas of one database have different keys. */
export function lockKey(schema: string, lock: Lock): string {
  return createHash("sha256").update(`ses-mail ${schema} ${lock}`).digest().readBigInt64BE(0).toString();
}
