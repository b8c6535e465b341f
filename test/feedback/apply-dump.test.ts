/** One dump, read to its end: what cannot be put aside, and a reader that is told to stop. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { InterruptedError } from "../../src/errors.ts";
import { applyDump, emptySummary } from "../../src/feedback/apply-dump.ts";
import type { EventSink } from "../../src/feedback/event-sink.ts";
import { run, until, workFolder } from "../support/run.ts";
import * as make from "./events.ts";

const [EVENT] = make.oneOfEach();

function reading(signal = new AbortController().signal) {
  const told: string[] = [];
  const applied: number[] = [];
  const sink: Pick<EventSink, "applyEvents"> = {
    async applyEvents(batch) {
      applied.push(batch.length);
      return { applied: batch.length, duplicates: 0, unmatched: 0, settled: 0, suppressed: 0 };
    },
  };
  const options = {
    signal,
    onMalformed: (where: string) => void told.push(where),
    onNoRejects: (reason: string) => void told.push(reason),
    onProgress: () => undefined,
  };
  return { told, applied, sink, options, summary: emptySummary() };
}

test("where rejects cannot be written that is told once, and the events behind are applied", async () => {
  const name = join(await workFolder(), "dump");
  await mkdir(`${name}.rejects`);
  const { told, applied, sink, options, summary } = reading();
  const stream = Readable.from([Buffer.from(`junk\nmore junk\n${JSON.stringify(EVENT)}\n`)]);
  await applyDump({ name, stream }, sink, summary, options);
  expect(told).toEqual([`${name}, line 1, byte 0`, expect.stringContaining("dump.rejects"), `${name}, line 2, byte 5`]);
  expect(applied).toEqual([1]);
  expect(summary).toMatchObject({ records: 3, events: 1, malformed: 2 });
});

test("a name too long to put rejects beside it stops nothing", async () => {
  const folder = await workFolder();
  const file = `${"d".repeat(250)}.json`;
  await writeFile(join(folder, file), `junk\n${JSON.stringify(EVENT)}\n`);
  const { code, json, stderr } = await run(folder, ["ingest-events", file, "--json"]);
  expect(json).toMatchObject({ records: 2, events: 1, malformed: 1 });
  expect(stderr).toContain("the name is too long");
  expect(code).toBe(1);
});

test("a signal ends it also when a pipe has nothing more to give; what came before is applied", async () => {
  const abort = new AbortController();
  const stream = new PassThrough();
  const { applied, sink, options, summary } = reading(abort.signal);
  const end = applyDump({ name: join(await workFolder(), "pipe"), stream }, sink, summary, options);
  stream.write(`${JSON.stringify(EVENT)}\n`);
  await until(() => summary.records === 1, "the first record");
  abort.abort("SIGINT");
  await expect(end).rejects.toBeInstanceOf(InterruptedError);
  expect(applied).toEqual([1]);
  expect(stream.destroyed).toBe(true);
});

/** A store that takes its time: it answers when a test says so. */
function slowSink() {
  const asked: { size: number; answer(): void; fail(error: Error): void }[] = [];
  const sink: Pick<EventSink, "applyEvents"> = {
    applyEvents: (batch) =>
      new Promise((resolve, reject) => {
        const applied = { applied: batch.length, duplicates: 0, unmatched: 0, settled: 0, suppressed: 0 };
        asked.push({ size: batch.length, answer: () => resolve(applied), fail: reject });
      }),
  };
  return { asked, sink };
}

const lines = (count: number) => Buffer.from(`${JSON.stringify(EVENT)}\n`.repeat(count));

test("it is read on while a batch is applied, up to the next one; batches go one after the other", async () => {
  const { options, summary } = reading();
  const { asked, sink } = slowSink();
  const stream = Readable.from(Array.from({ length: 25 }, () => lines(100)));
  const end = applyDump({ name: join(await workFolder(), "dump"), stream }, sink, summary, options);
  await until(() => summary.records === 2_000, "the second batch");
  expect(asked.map(({ size }) => size)).toEqual([1_000]);
  asked[0]?.answer();
  await until(() => asked.length === 2, "the second batch is applied");
  await until(() => summary.records === 2_500, "the end");
  expect(asked).toHaveLength(2);
  expect(summary.applied).toBe(1_000);
  asked[1]?.answer();
  await until(() => asked.length === 3, "the rest is applied");
  asked[2]?.answer();
  await end;
  expect(asked.map(({ size }) => size)).toEqual([1_000, 1_000, 500]);
  expect(summary).toMatchObject({ records: 2_500, events: 2_500, applied: 2_500 });
});

test("a batch that fails while more is read ends it with that error, and nothing behind it is applied", async () => {
  const { options, summary } = reading();
  const { asked, sink } = slowSink();
  const stream = new PassThrough();
  const end = applyDump({ name: join(await workFolder(), "dump"), stream }, sink, summary, options);
  stream.write(lines(1_500));
  await until(() => asked.length === 1, "the first batch");
  asked[0]?.fail(new Error("the store is gone"));
  await until(() => summary.records === 1_500, "what was written");
  stream.end(lines(600));
  await expect(end).rejects.toThrow("the store is gone");
  expect(asked).toHaveLength(1);
  expect(summary.applied).toBe(0);
});

test("a dump that cannot be read on ends when the batch under way is applied", async () => {
  const { options, summary } = reading();
  const { asked, sink } = slowSink();
  const stream = new PassThrough();
  let hasEnded = false;
  const end = applyDump({ name: join(await workFolder(), "dump"), stream }, sink, summary, options).finally(() => {
    hasEnded = true;
  });
  end.catch(() => undefined);
  stream.write(lines(1_000));
  await until(() => asked.length === 1, "the first batch");
  stream.destroy(Object.assign(new Error("read"), { code: "EISDIR" }));
  for (let turns = 0; turns < 10; turns++) await setImmediate();
  expect(hasEnded).toBe(false);
  asked[0]?.answer();
  await expect(end).rejects.toThrow("it is a folder");
  expect(summary.applied).toBe(1_000);
});

test("a bounce in any wrapper suppresses its address, or the answer is 1: never 0 for one that was passed over", async () => {
  const folder = await workFolder();
  const bounce = (id: number) => make.bounce("Permanent", "General", { id, to: [`gone${id}@example.net`] });
  const rows = [
    [{ field: "@message", value: JSON.stringify(bounce(1)) }],
    [{ field: "@message", value: "cold start" }],
  ];
  const dump = [
    { results: rows },
    { log: `${JSON.stringify(bounce(2))}\n` },
    { payload: make.sns(bounce(3)) },
    { a: 1 },
  ];
  await writeFile(join(folder, "dump.log"), make.compact(dump, "\n"));
  const whole = await run(folder, ["ingest-events", "dump.log", "--json"]);
  expect(whole.json).toMatchObject({ records: 5, events: 3, unmatched: 3, ignored: 2, malformed: 0, suppressed: 3 });
  expect(whole.code).toBe(0);
  const cut = JSON.stringify({ log: JSON.stringify(bounce(4)).slice(0, 200) });
  await writeFile(join(folder, "cut.log"), `${cut}\n`);
  const half = await run(folder, ["ingest-events", "cut.log", "--json"]);
  expect(half.json).toMatchObject({ records: 1, events: 0, ignored: 0, malformed: 1 });
  expect(half.code).toBe(1);
  expect(await readFile(join(folder, "cut.log.rejects"), "utf8")).toBe(`${cut}\n`);
});
