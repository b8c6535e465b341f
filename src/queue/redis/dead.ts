/** The stream of dead letters, for those who look into Redis. The store keeps the same, and is asked first. */
import { jsonObject } from "../../json.ts";
import type { Keys } from "./keys.ts";
import type { Command } from "./line.ts";
import { RedisProblem } from "./problem.ts";

/** Older ones go when there are many more: Redis keeps everything in memory, and the store has them all. */
const MOST_DEAD = 100_000;

/** Copies what is refused. */
export class Burial {
  readonly #keys: Keys;
  readonly #tell: (text: string) => void;
  #isTold = false;

  constructor(keys: Keys, tell: (text: string) => void) {
    this.#keys = keys;
    this.#tell = tell;
  }

  /**
   * Calls `remove` with the command that adds the copy in the same step. When the copy cannot be added because its key is no
   * stream or not ours to write, that is told once, and `remove` is called again without it: what is refused must not come back for that.
   */
  async bury(
    delivery: { id: string; body: Uint8Array },
    reason: string,
    remove: (copy: readonly Command[]) => Promise<unknown>,
  ): Promise<void> {
    try {
      await remove([buryCommand(this.#keys, delivery, reason)]);
      this.#isTold = false;
    } catch (problem) {
      if (!(problem instanceof RedisProblem && /^(?:WRONGTYPE|NOPERM)$/.test(problem.code ?? ""))) throw problem;
      await remove([]);
      const [why, advice] =
        problem.code === "WRONGTYPE"
          ? ["it is no stream", "Delete or rename that key."]
          : ["there is no right to it", "ACL SETUSER gives the right."];
      if (!this.#isTold)
        this.#tell(`redis: dead letters are not copied to ${this.#keys.dead}: ${why}. The store has them. ${advice}`);
      this.#isTold = true;
    }
  }
}

/** Adds one delivery: the job's id (empty when it cannot be read), where it came from, why it is here, and its bytes. */
function buryCommand(keys: Keys, { id, body }: { id: string; body: Uint8Array }, reason: string): Command {
  const job = jsonObject(body)?.["id"];
  // A larger number was rounded when it was read.
  const named = typeof job === "string" || Number.isSafeInteger(job) ? String(job) : "";
  const fields = ["id", named, "origin", id, "reason", reason, "data", Buffer.from(body)];
  return ["XADD", keys.dead, "MAXLEN", "~", MOST_DEAD, "*", ...fields];
}
