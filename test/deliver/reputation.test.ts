import { describe, expect, it } from "vitest";
import { type Reputation, type ReputationLimits, tooManyBad } from "../../src/deliver/reputation.ts";

const LIMITS: ReputationLimits = { bounceRate: 5, complaintRate: 0.1 };

const topic = (counts: Partial<Reputation>): Reputation => ({
  topic: "june",
  pending: 1,
  sent: 10_000,
  delivered: 950,
  bounced_permanent: 0,
  complained: 0,
  ...counts,
});

const verdict = (counts: Partial<Reputation>, limits = LIMITS) => tooManyBad([topic(counts)], limits);

describe("stops", () => {
  it("above the limit, and says topic, rate, limit and what to do", () => {
    expect(verdict({ delivered: 940, bounced_permanent: 60 })).toEqual({
      reason: `topic "june" has a bounce rate of 6 % (60 of 1000 messages), more than the 5 % of --max-bounce-rate`,
      hint: expect.stringContaining("ses-mail cancel june"),
    });
    expect(verdict({ delivered: 1_000, complained: 2 })?.reason).toContain("complaint rate of 0.2 %");
  });

  it("never shows a rate that looks like the limit", () => {
    expect(verdict({ delivered: 94_999, bounced_permanent: 5_001 })?.reason).toContain("rate of 5.001 %");
    expect(verdict({ delivered: 9_499_999, bounced_permanent: 500_001 })?.reason).toContain("rate of 5.001 %");
  });

  it("for any topic that has something left, the worst list not being the first", () => {
    const topics = [topic({ topic: "fine" }), topic({ topic: "bad list", bounced_permanent: 500 })];
    expect(tooManyBad(topics, LIMITS)).toMatchObject({
      reason: expect.stringContaining(`"bad list"`),
      hint: expect.stringContaining("cancel 'bad list'"),
    });
  });

  it("where deliveries are never told, by what was sent", () => {
    expect(verdict({ delivered: 0, bounced_permanent: 501, sent: 10_021 })).toBeNull();
    expect(verdict({ delivered: 0, bounced_permanent: 501, sent: 10_019 })).not.toBeNull();
    expect(verdict({ delivered: 0, bounced_permanent: 501, sent: 0 })?.reason).toContain("100 %");
  });
});

describe("goes on", () => {
  it("at the limit itself", () => {
    expect(verdict({ delivered: 950, bounced_permanent: 50 })).toBeNull();
    expect(verdict({ delivered: 1_000, complained: 1 })).toBeNull();
  });

  it("while fewer than 500 messages were answered, however bad", () => {
    expect(verdict({ delivered: 0, bounced_permanent: 499 })).toBeNull();
    expect(verdict({ delivered: 0, bounced_permanent: 500, sent: 500 })).not.toBeNull();
    expect(verdict({ delivered: 400, bounced_permanent: 99, complained: 400 })).toBeNull();
  });

  it("when nothing of the topic is left: an old topic blocks nobody", () => {
    expect(verdict({ pending: 0, bounced_permanent: 5_000, complained: 5_000 })).toBeNull();
  });

  it("when a limit is off, the other still holding", () => {
    const bad = { bounced_permanent: 900, complained: 900 };
    expect(verdict(bad, { bounceRate: Infinity, complaintRate: Infinity })).toBeNull();
    expect(verdict(bad, { bounceRate: Infinity, complaintRate: 0.1 })?.reason).toContain("complaint");
    expect(verdict(bad, { bounceRate: 5, complaintRate: Infinity })?.reason).toContain("bounce");
    expect(verdict({}, { bounceRate: 0, complaintRate: 0 })).toBeNull();
  });
});
