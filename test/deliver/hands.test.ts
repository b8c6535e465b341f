/** A call that throws met a bug of ours. Its message must not be lost, nor those of the other calls. */
import { expect, it } from "vitest";
import { createSendLoop } from "../../src/deliver/send.ts";
import type { Outcome } from "../../src/deliver/outcome.ts";
import type { Claim } from "../../src/deliver/source.ts";
import { MemorySource } from "../support/memory-source.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

it.each([
  [false, "pending", 0],
  [true, "in_doubt", 1],
] as const)(
  "a bug, after the call left: %s: its message is %s, and every other answer is written",
  async (left, state, attempts) => {
    const clock = new VirtualClock();
    const source = new MemorySource(10, clock);
    const { signal } = new AbortController();
    const deliver = async ({ id }: Claim, onDeparted: () => void): Promise<Outcome> => {
      if (id !== 2 || left) onDeparted();
      if (id === 2) throw new TypeError("a bug");
      await clock.sleep(3_000);
      return { kind: "sent", sesMessageId: `m${id}` };
    };
    const loop = createSendLoop(source, deliver, {
      scope: { topic: null, endpoint: "ses", maxLateMs: null },
      rate: () => ({ perSecond: 100, concurrency: 3 }),
      whenDrained: "end",
      maxAttempts: 3,
      max: null,
      onQuota: "stop",
      checkpoint: async () => null,
      io: { signal, hardSignal: signal, clock },
    });
    await expect(clock.play(loop.run({ onNotice: () => undefined }))).rejects.toThrow("a bug");
    expect(source.messages.get(2)).toMatchObject({ state, attempts });
    expect(source.count("sending")).toBe(0);
    expect(source.count("sent")).toBeGreaterThan(0);
    expect(source.count("pending")).toBeGreaterThan(5);
  },
);
