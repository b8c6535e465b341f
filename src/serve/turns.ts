/** Lets heavy work go one after the other, so that it takes no more than one share of the machine. */

/** Work that waits for its turn. */
export interface Turns {
  /** Resolves to what `work` gives, when its turn has come. Null: too many wait already, and it was not begun. */
  take<T>(work: () => Promise<T>): Promise<{ value: T } | null>;
}

/** At most `mostWaiting` wait for the one at work. */
export function createTurns(mostWaiting: number): Turns {
  let last: Promise<unknown> = Promise.resolve();
  let present = 0;
  return {
    async take(work) {
      if (present > mostWaiting) return null;
      present++;
      const before = last;
      const mine = (async () => {
        await before.catch(() => undefined);
        return work();
      })();
      last = mine;
      try {
        return { value: await mine };
      } finally {
        present--;
      }
    },
  };
}
