import { expect, it } from "vitest";
import {
  ALL_BULK,
  EVERYTHING_LIST,
  heldByEvents,
  outweighs,
  stops,
  type SuppressionCause,
  withoutControls,
} from "../../../src/store/rules/suppress.ts";

const event = (reason: string, detail: string | null = "a"): SuppressionCause => ({
  source: "event",
  reason,
  detail,
  rehearsal: false,
});

it("a complaint weighs most, then a bounce: an unsubscription stops less", () => {
  const rising = [event("unsubscribe"), event("bounce"), event("complaint")];
  for (const [index, each] of rising.entries())
    for (const [other, kept] of rising.entries()) expect(outweighs(each, kept)).toBe(index > other);
});

it("equal reasons are decided by their details, so that any order of events ends the same", () => {
  expect(outweighs(event("bounce", "a"), event("bounce", "b"))).toBe(true);
  expect(outweighs(event("bounce", "b"), event("bounce", "a"))).toBe(false);
  expect(outweighs(event("bounce", "a"), event("bounce", "a"))).toBe(false);
  expect(outweighs(event("complaint", "z"), event("bounce", "a"))).toBe(true);
});

it("what a person wrote stays, and replaces nothing", () => {
  const byHand: SuppressionCause = { source: "manual", reason: "vip", detail: null, rehearsal: false };
  expect(outweighs(event("complaint"), byHand)).toBe(false);
  expect(outweighs({ ...byHand, reason: "complaint" }, event("bounce"))).toBe(false);
});

it("a link in a mail gives way to every other cause, because the reader may take it back", () => {
  const link: SuppressionCause = { source: "link", reason: "unsubscribe", detail: "june", rehearsal: false };
  const others = [
    event("bounce"),
    event("complaint"),
    { source: "manual", reason: "vip", detail: null, rehearsal: false },
  ];
  for (const other of others) expect([outweighs(other, link), outweighs(link, other)]).toEqual([true, false]);
  expect(outweighs(link, { ...link, detail: "july" })).toBe(false);
});

it("what is real takes the place of a rehearsal's, whatever both say, and never the other way round", () => {
  for (const source of ["event", "manual", "ses"])
    for (const reason of ["bounce", "complaint"]) {
      const real = { source, reason, detail: null, rehearsal: false };
      for (const rehearsed of [event("complaint"), event("bounce")].map((each) => ({ ...each, rehearsal: true }))) {
        expect(outweighs(real, rehearsed)).toBe(true);
        expect(outweighs(rehearsed, real)).toBe(false);
      }
    }
});

it("a cause that also stops transactional mail takes the place of an unsubscription, whoever wrote it", () => {
  const left: SuppressionCause = { source: "import", reason: "unsubscribe", detail: null, rehearsal: false };
  for (const more of [event("bounce"), { ...left, reason: "manual" }]) {
    expect(outweighs(more, left)).toBe(true);
    expect(outweighs(left, more)).toBe(false);
  }
});

it.each([
  ["", "bounce", { list: null, kind: "bulk" }, true],
  ["", "bounce", { list: "weekly", kind: "transactional" }, true],
  ["", "unsubscribe", { list: null, kind: "transactional" }, false],
  [ALL_BULK, "unsubscribe", { list: "weekly", kind: "bulk" }, true],
  [ALL_BULK, "manual", { list: null, kind: "transactional" }, false],
  ["weekly", "unsubscribe", { list: "weekly", kind: "bulk" }, true],
  ["weekly", "unsubscribe", { list: "daily", kind: "bulk" }, false],
  ["weekly", "unsubscribe", { list: null, kind: "bulk" }, false],
  ["weekly", "unsubscribe", { list: "weekly", kind: "transactional" }, false],
  ["weekly", "manual", { list: "weekly", kind: "transactional" }, true],
] as const)("a suppression of the list %j for the reason %s stops %j: %s", (list, reason, mail, expected) => {
  const stopping = (rehearsal: boolean, isRehearsal: boolean) =>
    stops({ list, reason, rehearsal }, { ...mail, isRehearsal });
  expect([stopping(false, false), stopping(false, true), stopping(true, true)]).toEqual(Array(3).fill(expected));
  // What a rehearsal suppressed stops rehearsals only.
  expect(stopping(true, false)).toBe(false);
});

it("is kept on one line", () => {
  expect(withoutControls("550\r\n5.1.1\u0000 no\u009f")).toBe("550 5.1.1  no ");
});

it("what events said suppresses by the reason that weighs most, in whatever order they are looked at", () => {
  const bounced = (bounceType: string | null, bounceSubType: string | null = null) => ({
    complained: false,
    bounceType,
    bounceSubType,
  });
  const complained = { ...bounced(null), complained: true };
  const [hard, left, soft] = [
    bounced("Permanent"),
    bounced("Permanent", "UnsubscribedRecipient"),
    bounced("Transient"),
  ];
  for (const [reason, ...found] of [
    ["complaint", hard, complained, left],
    ["bounce", soft, hard, left],
    ["unsubscribe", soft, left],
    ["bounce", soft, hard],
    [null, soft],
    [null],
  ] as const) {
    const held = reason && { reason, list: reason === "unsubscribe" ? "weekly" : EVERYTHING_LIST };
    expect(heldByEvents(found, "weekly")).toEqual(held);
    expect(heldByEvents(found.toReversed(), "weekly")).toEqual(held);
  }
});
