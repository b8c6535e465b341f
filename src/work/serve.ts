/** The `serve` command at work. Not in gateway/run.ts, because memory has to be bounded before that is loaded. */
import type { Context } from "./context.ts";
import type { ServeFlags } from "./gateway/settings.ts";
import { boundYoungSpace } from "../memory.ts";

/** `serve`: resolves when a signal came and everything in flight is answered and written. Throws UserError for bad options. */
export async function serve(context: Context, flags: ServeFlags): Promise<number> {
  // Loading all that serves would blow the young space up, and V8 never gives it back.
  boundYoungSpace(1);
  const { runGateway } = await import("./gateway/run.ts");
  return runGateway(context, flags);
}
