/** How fast and how far the dashboard says a topic is. */
import { describe, expect, test } from "vitest";
import type { Overview, TopicFacts } from "../../src/serve/dashboard/wire.ts";
import { NO_MESSAGES, type Totals } from "../../src/message.ts";

interface Progress {
  createSpeedometer(): { note(overview: Overview, at: number): void; of(topic: TopicFacts): number | null };
  done(topic: TopicFacts): number;
}

// TypeScript checks files of the browser apart from these.
const { href } = new URL("../../src/serve/dashboard/progress.js", import.meta.url);
const { createSpeedometer, done } = (await import(href)) as Progress;

const topic = (counts: Partial<Totals>) => ({ ...NO_MESSAGES, topic: "june", ...counts }) as unknown as TopicFacts;

function overview(counts: Partial<Totals>, perSecond = 50): Overview {
  return { sender: { per_second: perSecond }, topics: [topic(counts)] } as unknown as Overview;
}

describe("the speed", () => {
  test("is not known at first, then that of the last ten seconds", () => {
    const { note, of } = createSpeedometer();
    expect(of(topic({}))).toBeNull();
    note(overview({ sent: 0 }), 0);
    expect(of(topic({}))).toBeNull();
    note(overview({ sent: 40 }), 1_000);
    expect(of(topic({}))).toBe(40);
    for (let second = 2; second <= 30; second++) note(overview({ sent: 40 + 10 * (second - 1) }), second * 1_000);
    expect(of(topic({}))).toBe(10);
  });

  test("is never above the rate in force, however late or early overviews come", () => {
    const { note, of } = createSpeedometer();
    note(overview({ sent: 0 }), 0);
    note(overview({ sent: 500 }), 1_000);
    expect(of(topic({}))).toBe(50);
    note(overview({ sent: 501 }, 7), 1_100);
    expect(of(topic({}))).toBe(7);
  });

  test("is measured afresh after messages were put back", () => {
    const { note, of } = createSpeedometer();
    note(overview({ sent: 2_496, failed: 504 }), 0);
    note(overview({ sent: 2_496, failed: 0, pending: 504 }), 1_000);
    expect(of(topic({}))).toBeNull();
    note(overview({ sent: 2_526, pending: 474 }), 2_000);
    expect(of(topic({}))).toBe(30);
  });

  test("does not count what was cancelled or suppressed", () => {
    const { note, of } = createSpeedometer();
    note(overview({ sent: 100, pending: 900 }), 0);
    note(overview({ sent: 110, cancelled: 880, suppressed: 10 }), 1_000);
    expect(of(topic({}))).toBe(10);
  });
});

test("what was cancelled is not done", () => {
  expect(done(topic({ total: 3_000, sent: 2_496, cancelled: 504 }))).toBe(2_496);
  expect(done(topic({ total: 10, sent: 4, failed: 1, in_doubt: 1, suppressed: 1, pending: 2, sending: 1 }))).toBe(7);
});
