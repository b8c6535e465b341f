import { describe, expect, it, test } from "vitest";
import { type Bounces, type Bounce, isVerdict, type Marking, marksOf } from "../../../src/store/rules/event-marks.ts";
import fc from "../../support/properties.ts";

const event = (given: Partial<Marking>): Marking => ({
  type: "send",
  bounceType: null,
  complaintType: null,
  machine: false,
  unsubscribes: false,
  ...given,
});

describe("an event marks its message", () => {
  test.each<[Partial<Marking>, string[]]>([
    [{ type: "send" }, []],
    [{ type: "unknown" }, []],
    [{ type: "subscription" }, []],
    [{ type: "subscription", unsubscribes: true }, ["unsubscribed_at"]],
    [{ type: "delivery" }, ["delivered_at"]],
    [{ type: "bounce", bounceType: "Permanent" }, ["bounced_at"]],
    [{ type: "bounce", bounceType: "Transient" }, ["soft_bounced_at"]],
    [{ type: "bounce", bounceType: "Undetermined" }, ["soft_bounced_at"]],
    [{ type: "bounce", bounceType: null }, ["soft_bounced_at"]],
    [{ type: "complaint", complaintType: "abuse" }, ["complained_at"]],
    [{ type: "complaint", complaintType: null }, ["complained_at"]],
    [{ type: "complaint", complaintType: "Not-Spam" }, []],
    [{ type: "open", machine: false }, ["opened_at", "reader_opened_at"]],
    [{ type: "open", machine: true }, ["opened_at"]],
    [{ type: "click", machine: false }, ["clicked_at"]],
    [{ type: "click", machine: true }, ["clicked_at"]],
    [{ type: "reject" }, ["rejected_at"]],
    [{ type: "rendering_failure" }, ["rejected_at"]],
    [{ type: "delivery_delay" }, ["delayed_at"]],
  ])("%j: %j", (given, marks) => {
    expect(marksOf(event(given))).toEqual(marks);
  });
});

describe("of several bounces of a message one is shown", () => {
  const bounce = fc.record({
    at: fc.nat(3),
    bounceType: fc.constantFrom("Permanent", "Transient", "Undetermined", null),
    bounceSubType: fc.constantFrom("General", "MailboxFull", null),
  });
  /** As a store does it: the verdict first, then the mark. */
  const shown = (bounces: readonly Bounce[]): Bounces => {
    const known: Bounces = { bounced_at: null, soft_bounced_at: null, bounce_type: null, bounce_subtype: null };
    for (const each of bounces) {
      if (isVerdict(known, each)) {
        known.bounce_type = each.bounceType;
        known.bounce_subtype = each.bounceSubType;
      }
      const mark = each.bounceType === "Permanent" ? "bounced_at" : "soft_bounced_at";
      known[mark] = Math.min(known[mark] ?? each.at, each.at);
    }
    return known;
  };

  it("the same one in whatever order they come", () => {
    const histories = fc
      .array(bounce, { minLength: 1, maxLength: 6 })
      .chain((bounces) =>
        fc.tuple(
          fc.constant(bounces),
          fc.shuffledSubarray(bounces, { minLength: bounces.length, maxLength: bounces.length }),
        ),
      );
    fc.assert(
      fc.property(histories, ([one, other]) => {
        expect(shown(other)).toEqual(shown(one));
      }),
    );
  });

  it("a permanent one before any other, then the earliest", () => {
    const soft = { at: 1, bounceType: "Transient", bounceSubType: "MailboxFull" };
    const [late, early] = [4, 3].map((at) => ({ at, bounceType: "Permanent", bounceSubType: `at ${at}` }));
    expect(shown([late!, soft, early!])).toEqual({
      bounced_at: 3,
      soft_bounced_at: 1,
      bounce_type: "Permanent",
      bounce_subtype: "at 3",
    });
  });
});
