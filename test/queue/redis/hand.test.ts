/** What a worker was given and has not let go. */
import { describe, expect, it } from "vitest";
import { Hand } from "../../../src/queue/redis/hand.ts";

const GOES_ON = new AbortController().signal;

describe("a hand", () => {
  it("is emptied when the last entry is let go", async () => {
    const hand = new Hand(60_000);
    hand.take("1-0", 3);
    hand.take("2-0", 1);
    const emptied = hand.isEmptied(60_000, GOES_ON);
    hand.letGo("1-0");
    expect(await Promise.race([emptied, new Promise((resolve) => setImmediate(resolve, "waits"))])).toBe("waits");
    hand.letGo("2-0");
    expect(await emptied).toBe(true);
  });

  it("does not wait for an entry whose loan has run out", async () => {
    const hand = new Hand(20);
    hand.take("1-0", 1);
    expect(await hand.isEmptied(60_000, GOES_ON)).toBe(true);
    expect(hand.deliveriesOf("1-0")).toBe(1);
  });

  it("does not wait for an entry whose loan was ended, and still has it", async () => {
    const hand = new Hand(60_000);
    hand.take("1-0", 3);
    const emptied = hand.isEmptied(60_000, GOES_ON);
    hand.endLoan("1-0");
    hand.endLoan("2-0");
    expect(await emptied).toBe(true);
    expect(hand.empty()).toEqual([["1-0", 3]]);
  });

  it("may hold any number of entries", async () => {
    const hand = new Hand(60_000);
    for (let n = 0; n < 200_000; n++) hand.take(`${n}-0`, 1);
    expect(await hand.isEmptied(0, GOES_ON)).toBe(false);
  });

  it("waits no longer than it is told to", async () => {
    const hand = new Hand(60_000);
    hand.take("1-0", 1);
    expect(await hand.isEmptied(0, GOES_ON)).toBe(false);
    expect(await hand.isEmptied(10, GOES_ON)).toBe(false);
    const stop = new AbortController();
    const waits = hand.isEmptied(60_000, stop.signal);
    stop.abort("SIGTERM");
    expect(await waits).toBe(false);
  });

  it("knows how often each was given out until it is emptied", async () => {
    const hand = new Hand(60_000);
    hand.take("1-0", 3);
    expect([hand.deliveriesOf("1-0"), hand.deliveriesOf("2-0")]).toEqual([3, 1]);
    expect(hand.empty()).toEqual([["1-0", 3]]);
    expect(await hand.isEmptied(0, GOES_ON)).toBe(true);
  });
});
