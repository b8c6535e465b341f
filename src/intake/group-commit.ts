/** Lets many items share one durable commit. A disk makes some hundred commits a second, and clients want thousands. */

/** Commits items in groups, one group after another. */
export interface GroupCommit<Item, Result> {
  /** Resolves to the item's own result once its group is durable. Rejects, like the whole group, when that failed. */
  add(item: Item): Promise<Result>;
  /** Resolves when everything added so far is answered. */
  drain(): Promise<void>;
}

/** When a group is complete, and how long it waits for more items. */
export interface GroupCommitOptions<Item> {
  /** A group takes this many items, or items of this weight together. The rest goes with the next group. */
  maxItems: number;
  /** How long the first item of a group waits for others, ms. 0: only for those that have arrived already. */
  waitMs: number;
  /** How much of `maxItems` an item takes; default 1. An item heavier than `maxItems` gets a group of its own. */
  weigh?: (item: Item) => number;
}

interface Waiting<Item, Result> {
  item: Item;
  weight: number;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

/**
 * `apply` gets the items in the order they came, and resolves to one result for each, in the same order. It is never
 * called twice at a time. When it rejects, every item of the group rejects with its error.
 */
export function createGroupCommit<Item, Result>(
  apply: (items: Item[]) => Promise<Result[]>,
  { maxItems, waitMs, weigh = () => 1 }: GroupCommitOptions<Item>,
): GroupCommit<Item, Result> {
  let waiting: Waiting<Item, Result>[] = [];
  let weight = 0;
  let running: Promise<void> | null = null;
  let leave: () => void = () => undefined;

  const run = async (): Promise<void> => {
    while (waiting.length > 0) {
      if (weight < maxItems) await others();
      await commit(takeGroup());
    }
    running = null;
  };

  /** With 0 ms, requests that have already arrived at the sockets are read first, and join the group. */
  const others = (): Promise<void> =>
    new Promise((resolve) => {
      if (waitMs === 0) return void setImmediate(resolve);
      const timer = setTimeout(resolve, waitMs);
      leave = () => {
        clearTimeout(timer);
        resolve();
      };
    });

  const takeGroup = (): Waiting<Item, Result>[] => {
    let taken = 0;
    let count = 0;
    for (const { weight } of waiting) {
      if (count > 0 && taken + weight > maxItems) break;
      taken += weight;
      count++;
    }
    const group = waiting.slice(0, count);
    waiting = waiting.slice(count);
    weight -= taken;
    return group;
  };

  const commit = async (group: Waiting<Item, Result>[]): Promise<void> => {
    try {
      const results = await apply(group.map(({ item }) => item));
      if (results.length !== group.length)
        throw new Error(`expected ${group.length} results of a group, got ${results.length}`);
      group.forEach(({ resolve }, index) => resolve(results[index] as Result));
    } catch (error) {
      for (const { reject } of group) reject(error);
    }
  };

  return {
    add: (item) =>
      new Promise((resolve, reject) => {
        const own = weigh(item);
        waiting.push({ item, weight: own, resolve, reject });
        weight += own;
        if (weight >= maxItems) leave();
        running ??= run();
      }),
    async drain() {
      await running;
    },
  };
}
