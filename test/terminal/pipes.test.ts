/** The last words of a process reach a reader that is slow, and do not wait for one that never reads. */
import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { wordsWritten } from "../../src/terminal/pipes.ts";
import { systemClock } from "../../src/time/clock.ts";
import { ManualClock } from "../support/manual-clock.ts";

test("a slow reader has all of it", async () => {
  const read: string[] = [];
  const stderr = new Writable({
    write(chunk, _encoding, done) {
      read.push(String(chunk));
      setTimeout(done, 20);
    },
  });
  for (const word of ["one", "two", "three"]) stderr.write(word);
  await wordsWritten({ stderr, clock: systemClock });
  expect(read.join("")).toBe("onetwothree");
});

test("one that never reads is waited for a second", async () => {
  const stderr = new Writable({ write: () => undefined });
  stderr.write("words");
  const clock = new ManualClock();
  const before = clock.now();
  await wordsWritten({ stderr, clock });
  expect(clock.now() - before).toBe(1_000);
});

test("nothing is waited for when all is written", async () => {
  const stderr = new Writable({ write: (_chunk, _encoding, done) => done() });
  stderr.write("words");
  const clock = new ManualClock();
  const before = clock.now();
  await wordsWritten({ stderr, clock });
  expect(clock.now()).toBe(before);
});
