import { describe, expect, test } from "vitest";

import { SendLimits } from "../../src/sandbox/send-limits.ts";

const DAY = 24 * 60 * 60 * 1000;

/** Asks at each of the given milliseconds for one recipient; returns the times that were accepted. */
function accepted(rate: number, times: number[]): number[] {
  const limits = new SendLimits(rate, -1);
  return times.filter((received) => admits(limits, { received }));
}

function admits(
  limits: SendLimits,
  ask: { received?: number; now?: number; recipients?: number; counted?: number },
): boolean {
  const { received = 0, now = 0, recipients = 1, counted = recipients } = ask;
  try {
    limits.take({ recipients, quotaRecipients: counted, received, now });
    return true;
  } catch {
    return false;
  }
}

function mostIn(windowMs: number, times: number[]): number {
  return Math.max(...times.map((start) => times.filter((time) => time >= start && time < start + windowMs).length));
}

describe("the rate", () => {
  test.each([1, 3, 14, 200])("of %d never lets more into any sliding second, and lets all of them in", (rate) => {
    const times = accepted(
      rate,
      Array.from({ length: 10_000 }, (_, index) => index * 0.7),
    );
    expect(mostIn(1000, times)).toBe(rate);
    expect(times.length).toBe(rate * 7);
  });

  test("does not count second by second: a burst at the end of one second blocks the next", () => {
    expect(accepted(2, [900, 950, 1000, 1100, 1899, 1900, 1949, 1950])).toEqual([900, 950, 1900, 1950]);
  });

  test("admits an even stream of exactly the rate", () => {
    const even = Array.from({ length: 100 }, (_, index) => index * 400);
    expect(accepted(2.5, even)).toEqual(even);
  });

  test("with a fraction holds over ceil(rate) / rate seconds", () => {
    const times = accepted(
      2.5,
      Array.from({ length: 1200 }, (_, index) => index * 10),
    );
    expect(mostIn(1200, times)).toBe(3);
    expect(times.length).toBe(30);
  });

  test("below one is one recipient in 1 / rate seconds", () => {
    expect(accepted(0.2, [0, 1000, 4999, 5000, 9999, 10_000])).toEqual([0, 5000, 10_000]);
  });

  test("what was refused is not counted", () => {
    expect(accepted(1, [0, 999, 1000, 1999, 2000])).toEqual([0, 1000, 2000]);
  });

  test("a call with more recipients than fit blocks for as long as they take", () => {
    const limits = new SendLimits(1, -1);
    expect(admits(limits, { recipients: 5, received: 0 })).toBe(true);
    expect(admits(limits, { received: 4999 })).toBe(false);
    expect(admits(limits, { received: 5000 })).toBe(true);
    expect(admits(limits, { recipients: 5, received: 5999 })).toBe(false);
  });

  test("answers with the text of SES", () => {
    const limits = new SendLimits(1, -1);
    limits.take({ recipients: 1, quotaRecipients: 1, received: 0, now: 0 });
    expect(() => limits.take({ recipients: 1, quotaRecipients: 1, received: 0, now: 0 })).toThrow(
      expect.objectContaining({
        status: 429,
        type: "TooManyRequestsException",
        text: "Maximum sending rate exceeded.",
      }),
    );
  });
});

describe("the quota", () => {
  test("rolls: what was sent is free again 24 hours later, not at midnight", () => {
    const limits = new SendLimits(1000, 3);
    const at = (now: number) => admits(limits, { now, received: now });
    expect([at(0), at(DAY / 2), at(DAY - 2000)]).toEqual([true, true, true]);
    expect(at(DAY - 1)).toBe(false);
    expect(at(DAY)).toBe(true);
    expect(at(DAY + 1)).toBe(false);
    expect(limits.sentLast24Hours(DAY + 1)).toBe(3);
    expect(limits.sentLast24Hours(3 * DAY)).toBe(0);
  });

  test("counts recipients, is never passed, and says so before the rate does", () => {
    const limits = new SendLimits(1, 5);
    expect(admits(limits, { recipients: 4 })).toBe(true);
    expect(() => limits.take({ recipients: 2, quotaRecipients: 2, received: 0, now: 0 })).toThrow(
      expect.objectContaining({ status: 400, type: "LimitExceededException", text: "Daily message quota exceeded." }),
    );
    expect(limits.sentLast24Hours(0)).toBe(4);
  });

  test("leaves out what does not count, and 0 lets nothing else through", () => {
    const limits = new SendLimits(1000, 0);
    expect(admits(limits, { recipients: 1, counted: 0 })).toBe(true);
    expect(admits(limits, {})).toBe(false);
  });
});
