/** Stores that remember which of their methods were called. */
import type { Breakdown } from "../../../src/store/breakdown.ts";
import type { Staging } from "../../../src/store/store.ts";
import type { Bench, Handle } from "../bench.ts";

export interface Recording {
  /** The bench, whose handles are watched. */
  watch(bench: Bench): Bench;
  /** Methods that stores have, and those of them that were called; those of a staged list are `stage().add`, …. */
  offered: Set<string>;
  called: Set<string>;
}

export function recording(): Recording {
  const offered = new Set<string>();
  const called = new Set<string>();

  const record = <T extends object>(target: T, prefix = "", replaced: Partial<T> = {}): T => {
    for (const name of methodsOf(target)) offered.add(prefix + name);
    return new Proxy(target, {
      get(from, name) {
        const value: unknown = name in replaced ? Reflect.get(replaced, name) : Reflect.get(from, name);
        if (typeof value !== "function") return value;
        return (...given: unknown[]): unknown => {
          called.add(prefix + String(name));
          return Reflect.apply(value, from, given);
        };
      },
    });
  };
  const recordStore = (store: Handle): Handle => {
    const stage = async (): Promise<Staging> => record(await store.stage(), "stage().");
    const breakdown: Handle["breakdown"] = (topic, signal, ask) =>
      store.breakdown(topic, signal, (lines: Breakdown) => ask(record(lines, "breakdown().")));
    return record(store, "", { stage, breakdown });
  };

  return {
    offered,
    called,
    watch: (bench) => ({ ...bench, open: async () => recordStore(await bench.open()) }),
  };
}

/** Own ones, and those of its classes. */
function methodsOf(target: object): string[] {
  const names = new Set<string>();
  for (let each: object | null = target; each && each !== Object.prototype; each = Reflect.getPrototypeOf(each))
    for (const name of Object.getOwnPropertyNames(each)) names.add(name);
  names.delete("constructor");
  return [...names].filter((name) => typeof Reflect.get(target, name) === "function");
}
