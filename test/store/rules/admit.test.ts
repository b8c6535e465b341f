import { describe, expect, it, test } from "vitest";
import {
  admit,
  type Admission,
  type OwnContent,
  TopicRefusedError,
  type Wanted,
} from "../../../src/store/rules/admit.ts";

const OPEN = { cancelledAt: null, endpoint: null };
const CANCELLED = { cancelledAt: 5, endpoint: null };
const REHEARSED = { cancelledAt: null, endpoint: "sandbox" };
const LIST: Wanted = { adds: true, endpoint: null, content: null };
const SEND: Wanted = { adds: false, endpoint: "ses", content: null };
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
    ["that was rehearsed does not go to SES", REHEARSED, SEND, "other-endpoint"],
    ["that was rehearsed is rehearsed again", REHEARSED, { ...SEND, endpoint: "sandbox" }, "fine"],
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
      "other-endpoint",
    ],
  ])("%s", (_name, topic, wanted, expected) => {
    expect(admit(topic, wanted)).toBe(expected);
  });
});

it("a refusal that was thrown says which topic and why", () => {
  const error = new TopicRefusedError({ topic: "june", refusal: "cancelled", endpoint: null });
  expect(error).toMatchObject({ name: "TopicRefusedError", message: 'the topic "june" refuses this: cancelled' });
});
