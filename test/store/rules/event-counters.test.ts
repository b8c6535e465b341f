import { describe, expect, it } from "vitest";
import { counterOf, EVENT_COUNTERS, MARK_OF, MARKS, OUTCOMES } from "../../../src/store/rules/event-counters.ts";

describe("the table of counters", () => {
  it("has the names and the order scripts rely on", () => {
    expect(EVENT_COUNTERS.join(" ")).toBe(
      "delivered bounced_permanent bounced_transient complained opened clicked rejected delayed unsubscribed",
    );
    expect(OUTCOMES.join(" ")).toBe(
      "delivered bounced_permanent bounced_transient complained opened opened_by_reader clicked unsubscribed",
    );
  });

  it("leads from each counter to its mark and back", () => {
    for (const counter of EVENT_COUNTERS) expect(counterOf(MARK_OF[counter])).toBe(counter);
    expect(MARKS.filter((mark) => counterOf(mark) === null)).toEqual(["reader_opened_at"]);
    expect(new Set(MARKS).size).toBe(MARKS.length);
  });
});
