import { describe, expect, it } from "vitest";
import { movesOf, movesWith, reachOf } from "../../src/store/move.ts";

const time = { notBefore: 5, times: null, last: 10 };
const content = { id: 7, sifts: false, last: 20 };

describe("what is begun with a topic", () => {
  it("is kept beside what is under way, and takes the place of the same kind", () => {
    const first = movesWith(null, { time }, 1_000);
    expect(movesOf(first.text)).toEqual({ time: { ...time, begunAt: 1_000 }, content: null });
    const second = movesWith(first.text, { content }, 2_000);
    expect(movesOf(second.text)).toEqual({
      time: { ...time, begunAt: 1_000 },
      content: { ...content, begunAt: 2_000 },
    });
    const third = movesWith(second.text, { time: { ...time, notBefore: 6 } }, 3_000);
    expect(movesOf(third.text)).toEqual({
      time: { ...time, notBefore: 6, begunAt: 3_000 },
      content: { ...content, begunAt: 2_000 },
    });
  });

  it("is told from what was under way, also by a clock that stands still or was set back", () => {
    let text: string | null = null;
    const seen = new Set<string>();
    for (const now of [1_000, 1_000, 1_000, 500, 2_000]) {
      const begun = movesWith(text, { content }, now);
      ({ text } = begun);
      expect(movesOf(text).content?.begunAt).toBe(begun.begunAt);
      seen.add(text);
    }
    expect(seen.size).toBe(5);
  });

  it("looks at who may get the mail for as long as any message may have a content of another list", () => {
    const first = movesWith(null, { content: { ...content, sifts: true } }, 1);
    expect(movesOf(movesWith(first.text, { content }, 2).text).content?.sifts).toBe(true);
    expect(movesOf(movesWith(null, { content }, 2).text).content?.sifts).toBe(false);
  });

  it("reaches as far as the last message that any of it concerns", () => {
    const first = movesWith(null, { time }, 1);
    expect(reachOf(movesOf(first.text))).toEqual({ last: 10, states: ["pending"] });
    expect(reachOf(movesOf(movesWith(first.text, { content }, 2).text))).toEqual({
      last: 20,
      states: ["pending", "failed", "cancelled", "suppressed"],
    });
  });
});
