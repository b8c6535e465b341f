import { expect, it, test } from "vitest";
import { dataVariants, type Standing, standingOf, variantOf } from "../../../src/store/rules/variant.ts";
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

it("is one for a content with the same data, another for other data or another content, and that of nothing else", () => {
  const hash = fc.constantFrom("a1", "b2", "");
  const data = fc.oneof(fc.constantFrom("{}", '{"a":1}', '{"a":2}', ' {"a":1}'), fc.json());
  fc.assert(
    fc.property(hash, hash, fc.array(data, { minLength: 2 }), (one, other, all) => {
      const [variantOfOne, again, variantOfOther] = [dataVariants(one), dataVariants(one), dataVariants(other)];
      const variants = all.map(variantOfOne);
      expect(new Set(variants).size).toBe(new Set(all).size);
      expect(all.toReversed().map(again).toReversed()).toEqual(variants);
      for (const [at, each] of all.entries()) expect(variantOfOther(each) === variants[at]).toBe(one === other);
      for (const variant of variants) {
        expect(Number.isSafeInteger(variant)).toBe(true);
        expect(variant).toBeGreaterThanOrEqual(2 ** 52);
      }
    }),
  );
});

it("is a number that stays the same from version to version, because stores keep it", () => {
  // printf 'c0ffee {"code":"1234"}' | sha256sum
  expect(dataVariants("c0ffee")('{"code":"1234"}')).toBe(2 ** 52 + Number.parseInt("1ba33203dc699", 16));
});
