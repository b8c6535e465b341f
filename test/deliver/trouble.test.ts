import { describe, expect, it } from "vitest";
import type { Outcome } from "../../src/deliver/outcome.ts";
import { Troubles } from "../../src/deliver/trouble.ts";

const SENT: Outcome = { kind: "sent", sesMessageId: "m" };
const failing: [Outcome, RegExp][] = [
  [{ kind: "throttled", reason: "Maximum sending rate exceeded." }, /throttles every call: Maximum/],
  [{ kind: "transient", reason: "503 Busy", unreachable: false }, /takes no mail: 503 Busy/],
  [{ kind: "transient", reason: "connect ECONNREFUSED", unreachable: true }, /cannot be reached: connect ECONNREFUSED/],
  [{ kind: "in_doubt", reason: "ECONNRESET" }, /answers of SES are lost: ECONNRESET/],
];

describe("nothing gets through", () => {
  it.each(failing)("$kind: told after four seconds, until something is sent", (outcome, text) => {
    const troubles = new Troubles();
    troubles.observe(SENT, 0);
    troubles.observe(outcome, 1_000);
    expect(troubles.text(4_900, null)).toBeNull();
    expect(troubles.text(5_000, null)).toMatch(text);
    troubles.observe(outcome, 20_000);
    expect(troubles.text(20_001, null)).toMatch(text);
    troubles.observe(SENT, 21_000);
    expect(troubles.text(90_000, null)).toBeNull();
  });

  it("a failure now and then is no trouble, and one of long ago says nothing about now", () => {
    const troubles = new Troubles();
    for (let at = 0; at < 60_000; at += 1_000) {
      troubles.observe(failing[1]![0], at);
      troubles.observe(SENT, at + 500);
      expect(troubles.text(at + 999, null)).toBeNull();
    }
    troubles.observe(failing[1]![0], 60_000);
    expect(troubles.text(360_000, null)).not.toBeNull();
    expect(troubles.text(360_001, null)).toBeNull();
  });

  it("one refused recipient is no trouble; when everybody is refused it is", () => {
    const troubles = new Troubles();
    const refused: Outcome = { kind: "rejected", reason: "no", unknown: false };
    troubles.observe(refused, 0);
    troubles.observe(refused, 1_000);
    expect(troubles.text(60_000, null)).toBeNull();
    troubles.observe(refused, 60_000);
    expect(troubles.text(64_000, null)).toBe("SES refuses every message: no");
  });

  it("SES does not answer: told after seven seconds, unless it answers others", () => {
    const troubles = new Troubles();
    expect(troubles.text(10_000, 7_000)).toBeNull();
    expect(troubles.text(10_000, 7_001)).toBe("SES does not answer");
    troubles.observe(SENT, 9_000);
    expect(troubles.text(10_000, 8_000)).toBeNull();
    expect(troubles.text(16_001, 14_001)).toBe("SES does not answer");
  });
});
