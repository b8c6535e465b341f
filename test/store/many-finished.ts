/** Topics that have finished, more than a store reads at once. */
import type { Prunable } from "../../src/store/rows.ts";
import type { Store } from "../../src/store/store.ts";
import { accept, message } from "./bench.ts";

const NAMES = Array.from({ length: 1_005 }, (_, index) => `t${index}`);

/** What a prune would remove of the topics of `planOfMany`. */
export const MANY: Prunable = {
  topics: NAMES.length,
  oldest: NAMES.map((topic) => ({ topic, messages: 1 })),
  single: 0,
  messages: NAMES.length,
  events: 0,
};

/** Adds a thousand topics that have finished to a new store. Resolves to what a prune would remove then. `pass` lets time pass (ms). */
export async function planOfMany(store: Store, pass: (ms: number) => void): Promise<Prunable> {
  await accept(
    store,
    NAMES.map((topic) => message(["p@x.example"], { topic, past: { state: "cancelled" } })),
  );
  pass(2);
  return store.prunable(1, { named: NAMES.length, signal: new AbortController().signal });
}
