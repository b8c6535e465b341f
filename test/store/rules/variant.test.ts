import { expect, it, test } from "vitest";
import { type Standing, standingOf, variantOf } from "../../../src/store/rules/variant.ts";
import { NO_TOPIC } from "../../../src/message.ts";
import fc from "../../support/properties.ts";

test.each<[string, { name: string; contentId: number }, number, Standing, number]>([
  ["the topic's own content", { name: "june", contentId: 7 }, 7, "own", 0],
  ["another content in the same topic", { name: "june", contentId: 7 }, 8, "beside", 8],
  ["mail without a topic", { name: NO_TOPIC, contentId: 7 }, 8, "apart", -30],
  ["the first mail without a topic", { name: NO_TOPIC, contentId: 7 }, 7, "apart", -30],
])("%s", (_name, topic, contentId, standing, variant) => {
  expect(standingOf(topic, contentId)).toBe(standing);
  expect(variantOf(standing, contentId, 30)).toBe(variant);
});

it("the same content to the same address is one variant, two contents are two, two messages without a topic are two", () => {
  const id = fc.integer({ min: 1, max: 1_000 });
  fc.assert(
    fc.property(id, id, id, id, id, (own, content, another, message, later) => {
      const of = (name: string, contentId: number, messageId: number) =>
        variantOf(standingOf({ name, contentId: own }, contentId), contentId, messageId);
      expect(of("june", content, message)).toBe(of("june", content, later));
      expect(of("june", content, message) === of("june", another, message)).toBe(content === another);
      expect(of(NO_TOPIC, content, message) === of(NO_TOPIC, content, later)).toBe(message === later);
    }),
  );
});
