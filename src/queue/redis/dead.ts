/** The stream of dead letters, for those who look into Redis. The store keeps the same, and is asked first. */
import { type Keys } from "./keys.ts";
import type { Command } from "./line.ts";
import { parsed } from "./job.ts";

/** Older ones go when there are many more: Redis keeps everything in memory, and the store has them all. */
const MOST_DEAD = 100_000;

/** Adds one delivery: the job's id (empty when it cannot be read), where it came from, why it is here, and its bytes. */
export function buryCommand(keys: Keys, { id, body }: { id: string; body: Uint8Array }, reason: string): Command {
  const job = parsed(body)?.["id"];
  const named = typeof job === "string" || typeof job === "number" ? String(job) : "";
  const fields = ["id", named, "origin", id, "reason", reason, "data", Buffer.from(body)];
  return ["XADD", keys.dead, "MAXLEN", "~", MOST_DEAD, "*", ...fields];
}
