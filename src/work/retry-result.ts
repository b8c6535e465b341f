/** A dead letter that is a result of others who send: it is applied again. */
import type { DeadLetter } from "../store/rows.ts";
import type { Store } from "../store/store.ts";

/** Applies a result that could not be applied when it came. Resolves to null when it is, else to why it stays dead. */
export async function retryResult(_store: Store, _letter: Pick<DeadLetter, "body">): Promise<string | null> {
  return "nobody here reads results";
}
