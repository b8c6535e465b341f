/** `dead drop` and `dead retry` that a signal ends, or that another process comes before. */
import { expect, it } from "vitest";
import { encodeMail } from "../../../src/queue/nats/payload.ts";
import type { Store } from "../../../src/store/store.ts";
import { systemClock } from "../../../src/time/clock.ts";
import type { Context } from "../../../src/work/context.ts";
import { dropDead } from "../../../src/work/dead/dead.ts";
import { retryDead } from "../../../src/work/dead/retry.ts";
import { prepareSqlite } from "../../store/sqlite/bench.ts";
import { deadLetter } from "../../support/dead-letters.ts";

/** More than one step takes. */
const COUNT = 1_200;
const FROM = "News <news@example.com>";

/** A job with so many letters, and what a command that works on it is given. `change`: other parts of the store. */
async function commandOn(count: number, change: (store: Store, stop: AbortController) => Partial<Store>) {
  const { open } = await prepareSqlite();
  const store = await open();
  const mails = Array.from({ length: count }, (_, number) =>
    deadLetter(
      encodeMail({ uuid: `u${number}`, email: `r${number}@example.com`, subject: "Hello", body: "<p>Hi</p>" }),
      {
        origin: `messages#${number}`,
      },
    ),
  );
  await store.keepDead(mails);
  const stop = new AbortController();
  const said: string[] = [];
  const context = {
    openStore: async () => ({ ...store, ...change(store, stop) }),
    globals: { json: false },
    io: { clock: systemClock, signal: stop.signal, env: {}, cwd: "." },
    terminal: { done: (text: string) => void said.push(text), warn: (text: string) => void said.push(text) },
  } as unknown as Context;
  return { context, store, said, stop };
}

const stopAtFirst = (store: Store, stop: AbortController): Partial<Store> => ({
  dropDead: (ids) => (stop.abort("SIGTERM"), store.dropDead(ids)),
});

it("dropping that a signal cuts short says so by its exit code, and what was dropped", async () => {
  const { context, store, said } = await commandOn(COUNT, stopAtFirst);
  expect(await dropDead(context, [], { all: true, yes: true })).toBe(143);
  expect(said).toEqual(["500 dead letters dropped"]);
  expect(await store.countDead()).toBe(COUNT - 500);
});

it("taking in again that a signal cuts short says so, too", async () => {
  const { context, store, said } = await commandOn(250, stopAtFirst);
  expect(await retryDead(context, [], { all: true, yes: true, from: FROM })).toBe(143);
  expect(said).toEqual(["100 dead letters taken in, 0 still dead"]);
  expect(await store.countDead()).toBe(150);
});

it("a signal that comes when all is done changes nothing", async () => {
  const { context, said } = await commandOn(3, stopAtFirst);
  expect(await dropDead(context, [], { all: true, yes: true })).toBe(0);
  expect(said).toEqual(["3 dead letters dropped"]);
});

it("letters that another process removed meanwhile were not taken in by this one", async () => {
  const { context, said } = await commandOn(3, (store) => ({
    deadLetter: async (id) => (id === 2 ? null : store.deadLetter(id)),
  }));
  expect(await retryDead(context, [], { all: true, yes: true, from: FROM })).toBe(0);
  expect(said).toEqual(["2 dead letters taken in, 0 still dead"]);
});
