/** The `serve` command at work. It bounds memory before it loads `gateway/run.ts`, so it cannot be in that file. */
import type { Context } from "./context.ts";
import type { ServeFlags } from "./gateway/settings.ts";
import { boundOldSpace, boundYoungSpace } from "../memory.ts";

/**
 * `serve`: runs the gateway until a signal. Resolves to the exit code when everything in flight is answered and written.
 * Throws `UserError` for bad options.
 */
export async function serve(context: Context, flags: ServeFlags): Promise<number> {
  // Loading the gateway's libraries would blow the young space up, and V8 never gives it back.
  boundYoungSpace(1);
  boundOldSpace();
  const { runGateway } = await import("./gateway/run.ts");
  return runGateway(context, flags);
}
