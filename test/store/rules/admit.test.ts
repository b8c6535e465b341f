import { describe, expect, it, test } from "vitest";
import {
  admit,
  type Admission,
  type AdmittingTopic,
  type OwnContent,
  TopicRefusedError,
  type Wanted,
} from "../../../src/store/rules/admit.ts";

const OPEN: AdmittingTopic = {
  cancelledAt: null,
  endpoint: null,
  calledAt: null,
  afreshAt: null,
  prunedAt: null,
  sending: 0,
};
const CANCELLED = { ...OPEN, cancelledAt: 5 };
const REHEARSED = { ...OPEN, endpoint: "sandbox", calledAt: 3 };
const TRIED = { ...OPEN, endpoint: "ses" };
const LIST: Wanted = { adds: true, endpoint: null, content: null };
const SEND: Wanted = { adds: false, endpoint: "ses", content: null };
const REHEARSE: Wanted = { ...SEND, endpoint: "sandbox" };
const content = (given: Partial<OwnContent>): Wanted => ({
  ...LIST,
  content: { isOwn: false, mayReplace: false, isVariant: () => false, ...given },
});
const unasked = (): boolean => {
  throw new Error("asked without need");
};

describe("a topic", () => {
  test.each<[string, Parameters<typeof admit>[0], Wanted, Admission]>([
    ["that is new takes everything", undefined, { ...content({ isVariant: unasked }), endpoint: "ses" }, "fine"],
    ["that is open takes recipients", OPEN, LIST, "fine"],
    ["that is cancelled takes none", CANCELLED, LIST, "cancelled"],
    ["that is cancelled is no reason not to send: there is nothing to be sent", CANCELLED, SEND, "fine"],
    ["that was pruned takes none", { ...TRIED, prunedAt: 9 }, LIST, "pruned"],
    ["that was pruned says so before it says that it is cancelled", { ...CANCELLED, prunedAt: 9 }, LIST, "pruned"],
    ["that was pruned is no reason not to send: there is nothing to be sent", { ...TRIED, prunedAt: 9 }, SEND, "fine"],
    [
      "whose rehearsal was pruned makes room for the real thing",
      { ...REHEARSED, prunedAt: 9 },
      { ...LIST, endpoint: "ses" },
      "rehearsed",
    ],
    [
      "whose rehearsal was pruned is not rehearsed again",
      { ...REHEARSED, prunedAt: 9 },
      { ...LIST, endpoint: "sandbox" },
      "pruned",
    ],
    ["that was rehearsed does not go to SES", REHEARSED, SEND, "rehearsed"],
    ["whose rehearsal did not get far does not either", { ...REHEARSED, calledAt: null }, SEND, "rehearsed"],
    ["that is being rehearsed does not go to SES", { ...REHEARSED, sending: 1 }, SEND, "rehearsing"],
    ["that was rehearsed is rehearsed again", REHEARSED, REHEARSE, "fine"],
    ["whose rehearsal is being removed goes nowhere", { ...REHEARSED, afreshAt: 7 }, REHEARSE, "rehearsed"],
    ["whose rehearsal is being removed does not go to SES", { ...REHEARSED, afreshAt: 7 }, SEND, "rehearsed"],
    ["that was only tried is rehearsed", TRIED, REHEARSE, "fine"],
    ["that is being tried is not rehearsed", { ...TRIED, sending: 1 }, REHEARSE, "sent-for-real"],
    ["that was sent is not rehearsed", { ...TRIED, calledAt: 7 }, REHEARSE, "sent-for-real"],
    ["that was sent goes on", { ...TRIED, calledAt: 7 }, SEND, "fine"],
    ["that was rehearsed takes a list: where it goes is decided later", REHEARSED, LIST, "fine"],
    ["takes its own content", OPEN, content({ isOwn: true, isVariant: unasked }), "fine"],
    ["takes no other one unasked", OPEN, content({ isVariant: unasked }), "other-content"],
    ["takes another one in its place when told to", OPEN, content({ mayReplace: true }), "fine"],
    [
      "does not take one that some have already",
      OPEN,
      content({ mayReplace: true, isVariant: () => true }),
      "sent-as-variant",
    ],
    [
      "keeps its own content although it is a variant, too",
      OPEN,
      content({ isOwn: true, mayReplace: true, isVariant: () => true }),
      "fine",
    ],
    [
      "tells first that it is cancelled",
      { ...CANCELLED, endpoint: "sandbox" },
      { ...content({ isVariant: unasked }), endpoint: "ses" },
      "cancelled",
    ],
    [
      "tells where it went before it looks at contents",
      REHEARSED,
      { ...content({ isVariant: unasked }), endpoint: "ses" },
      "rehearsed",
    ],
  ])("%s", (_name, topic, wanted, expected) => {
    expect(admit(topic, wanted)).toBe(expected);
  });
});

it("a refusal that was thrown says which topic and why", () => {
  const error = new TopicRefusedError({ topic: "june", refusal: "cancelled", endpoint: null });
  expect(error).toMatchObject({ name: "TopicRefusedError", message: 'the topic "june" refuses this: cancelled' });
});
