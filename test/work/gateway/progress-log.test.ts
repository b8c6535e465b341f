import { expect, it } from "vitest";
import type { FastifyBaseLogger } from "fastify";
import { emptyRun } from "../../../src/deliver/sender.ts";
import type { Gateway } from "../../../src/serve/gateway.ts";
import { createProgressLog } from "../../../src/work/gateway/progress-log.ts";

function setUp() {
  let now = 0;
  const status = { state: "idle", reason: null as string | null, perSecond: 14, run: emptyRun() };
  const gateway = {
    sender: { status: () => ({ ...status, run: { ...status.run } }) },
    store: { totals: async () => ({ pending: 7, sending: 0, in_doubt: 0 }) },
    clock: { monotonic: () => now },
  };
  const lines: { at: number; level: string; text: string; sent: number; failed: number }[] = [];
  const write = (level: string) => (facts: { sent: number; failed: number }, text: string) =>
    lines.push({ at: now / 1_000, level, text, ...facts });
  const log = { info: write("info"), warn: write("warn") } as unknown as FastifyBaseLogger;
  const progress = createProgressLog(gateway as unknown as Gateway, log);
  /** Looks every five seconds, as the chores do. */
  const pass = async (seconds: number, each: () => void = () => undefined) => {
    for (let at = 0; at < seconds; at += 5) {
      now += 5_000;
      each();
      await progress.look();
    }
  };
  return { status, lines, pass, progress };
}

it("says nothing while nothing happens", async () => {
  const { lines, pass, progress } = setUp();
  await pass(86_400);
  await progress.end();
  expect(lines).toEqual([]);
});

it("a campaign: a line at its beginning, one every three minutes, one after its end, and every message once", async () => {
  const { status, lines, pass, progress } = setUp();
  await pass(60);
  status.state = "sending";
  await pass(600, () => (status.run.sent += 70));
  status.state = "idle";
  await pass(3_600);
  await progress.end();
  expect(lines.map(({ at }) => at)).toEqual([65, 245, 425, 605, 665]);
  expect(lines.reduce((sum, { sent }) => sum + sent, 0)).toBe(120 * 70);
});

it("single mails are not told more often than once a minute", async () => {
  const { status, lines, pass } = setUp();
  let looks = 0;
  await pass(3_600, () => (status.run.sent += looks++ % 3 === 0 ? 1 : 0));
  expect(lines.length).toBeLessThanOrEqual(61);
  expect(lines.length).toBeGreaterThan(15);
});

it("failures are a warning, and told sooner", async () => {
  const { status, lines, pass } = setUp();
  await pass(30, () => (status.run.sent += 10));
  await pass(60, () => (status.run.failed += 1));
  expect(lines.map(({ level }) => level)).toEqual(["info", "warn", "warn"]);
});

it("while nothing gets through it says so every three minutes, beginning after the one who noticed", async () => {
  const { status, lines, pass } = setUp();
  Object.assign(status, { state: "halted", reason: "SES cannot be reached: ECONNREFUSED" });
  await pass(600);
  Object.assign(status, { state: "idle", reason: null });
  await pass(600);
  expect(lines.map(({ at, level }) => [at, level])).toEqual([
    [185, "warn"],
    [365, "warn"],
    [545, "warn"],
  ]);
  expect(lines[0]?.text).toBe("nothing gets through: SES cannot be reached: ECONNREFUSED");
});

it("what was not told yet is told at the end", async () => {
  const { status, lines, pass, progress } = setUp();
  await pass(20, () => (status.run.sent += 10));
  await progress.end();
  expect(lines.map(({ sent }) => sent)).toEqual([10, 30]);
});
