/** One dump, read to its end: what cannot be put aside, and a reader that is told to stop. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
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
