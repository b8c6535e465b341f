/** The stream of overviews turn by turn, without waiting for seconds to pass. */
import type { Readable } from "node:stream";
import { expect, test } from "vitest";
import type { Clock } from "../../src/time/clock.ts";
import { OverviewFeed } from "../../src/serve/overview.ts";

/** Sleeps until the test says so. */
class TurnClock implements Clock {
  #wake: (() => void) | null = null;

  now = () => 0;
  monotonic = () => 0;

  sleep(_ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
      signal?.addEventListener("abort", () => resolve());
    });
  }

  /** Lets one second pass, and what it brings happen. */
  async turn(): Promise<void> {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
    for (let step = 0; step < 5; step++) await new Promise((resolve) => setImmediate(resolve));
  }
}

function feed() {
  const world = { snapshot: '{"n":1}', fails: false, allowed: true, reads: 0, problems: 0 };
  const clock = new TurnClock();
  const read = async () => {
    world.reads++;
    if (world.fails) throw new Error("database is locked");
    return world.snapshot;
  };
  const onProblem = () => void world.problems++;
  const overviews = new OverviewFeed({ clock, read, onProblem });
  const listen = async (owner = "somebody") => {
    const stream = await overviews.listen(owner, async () => world.allowed);
    if (stream === null) throw new Error("turned away");
    return stream;
  };
  return { world, clock, overviews, listen };
}

/** What came since it was last asked. */
const take = (stream: Readable): string => (stream.read() as Buffer | null)?.toString() ?? "";
const event = (snapshot: string) => `event: overview\ndata: ${snapshot}\n\n`;

test("tells at once, then only what changed, and every fifteenth second that it lives", async () => {
  const { world, clock, listen } = feed();
  const stream = await listen();
  expect(take(stream)).toBe(`retry: 2000\n${event('{"n":1}')}`);
  for (let turn = 1; turn < 15; turn++) await clock.turn();
  expect(take(stream)).toBe("");
  await clock.turn();
  expect(take(stream)).toBe(":\n\n");
  world.snapshot = '{"n":2}';
  await clock.turn();
  await clock.turn();
  expect(take(stream)).toBe(event('{"n":2}'));
});

test("who does not read gets the newest when he does, and nothing piles up", async () => {
  const { world, clock, listen } = feed();
  const stream = await listen();
  for (let turn = 0; turn < 50; turn++) {
    world.snapshot = JSON.stringify({ turn, filler: "x".repeat(10_000) });
    await clock.turn();
  }
  // What was written before the reader fell behind, and no more.
  expect(stream.readableLength).toBeLessThan(100_000);
  while (take(stream) !== "") await clock.turn();
  world.snapshot = '{"n":3}';
  await clock.turn();
  expect(take(stream)).toBe(event('{"n":3}'));
});

test("a snapshot that cannot be read is told to the log, and tried again", async () => {
  const { world, clock, listen } = feed();
  const stream = await listen();
  take(stream);
  world.fails = true;
  await clock.turn();
  await clock.turn();
  expect(world.problems).toBe(2);
  world.fails = false;
  world.snapshot = '{"n":2}';
  await clock.turn();
  expect(take(stream)).toBe(event('{"n":2}'));
});

test("ends with the leave to listen, reads nothing for nobody, and begins again with the next", async () => {
  const { world, clock, listen } = feed();
  const stream = await listen();
  take(stream);
  world.allowed = false;
  await clock.turn();
  expect(stream.readableEnded || stream.read() === null).toBe(true);
  await clock.turn();
  const { reads } = world;
  await clock.turn();
  await clock.turn();
  expect(world.reads).toBe(reads);
  world.allowed = true;
  const again = await listen();
  take(again);
  world.snapshot = '{"n":2}';
  await clock.turn();
  expect(take(again)).toBe(event('{"n":2}'));
});

test("takes nobody in after it was closed", async () => {
  const { overviews, listen } = feed();
  const stream = await listen();
  overviews.close();
  take(stream);
  await new Promise((resolve) => stream.once("end", resolve).resume());
  await expect(listen()).rejects.toThrow("turned away");
});

test("whoever takes all streams has to share them with others, but not with himself", async () => {
  const { clock, listen } = feed();
  const greedy = [];
  for (let index = 0; index < 100; index++) greedy.push((await listen("greedy")).resume());
  await expect(listen("greedy")).rejects.toThrow("turned away");
  const others = [];
  for (let index = 0; index < 30; index++) others.push((await listen(`other ${index % 2}`)).resume());
  await clock.turn();
  expect(greedy.map(({ readableEnded }) => readableEnded)).toEqual(greedy.map((_, index) => index < 30));
  expect(others.some(({ readableEnded }) => readableEnded)).toBe(false);
  await expect(listen("greedy")).rejects.toThrow("turned away");
  greedy.at(-1)?.destroy();
  await clock.turn();
  await listen("greedy");
});
