/** The `work` command at work. It bounds memory before it loads `gateway/worker.ts`, so it cannot be in that file. */
import type { Context } from "./context.ts";
import type { WorkFlags } from "./gateway/worker.ts";
import { boundOldSpace, boundYoungSpace } from "../memory.ts";

/**
 * `work`: sends what falls due until a signal. Resolves to the exit code when everything in flight is answered and written. Throws
 * `UserError` for bad options.
 */
export async function work(context: Context, flags: WorkFlags): Promise<number> {
  // As for `serve`.
  boundYoungSpace(1);
  boundOldSpace();
  const { runWorker } = await import("./gateway/worker.ts");
  return runWorker(context, flags);
}
