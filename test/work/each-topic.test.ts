/** All topics, read page by page. */
import { expect, test } from "vitest";
import type { TopicPage, TopicRow } from "../../src/store/rows.ts";
import { eachTopic } from "../../src/work/each-topic.ts";

/** A store with so many topics, and the pages that it was asked for. */
function storeOf(count: number) {
  const asked: TopicPage[] = [];
  const topicPage = async (page: TopicPage) => {
    asked.push(page);
    const from = Number(page.after ?? 0);
    const to = Math.min(count, from + page.limit);
    const rows = Array.from({ length: to - from }, (_, at) => ({ topic: `t${from + at}` }) as TopicRow);
    return { rows, next: to < count ? String(to) : null };
  };
  return { store: { topicPage }, asked };
}

test("gives each topic once, in order, and holds a page of them", async () => {
  const { store, asked } = storeOf(1_234);
  const names: string[] = [];
  for await (const { topic } of eachTopic(store)) names.push(topic);
  expect(names).toEqual(Array.from({ length: 1_234 }, (_, at) => `t${at}`));
  expect(Math.max(...asked.map(({ limit }) => limit))).toBeLessThanOrEqual(500);
});

test("asks for no page that nobody reads, and only for the topics that are meant", async () => {
  const { store, asked } = storeOf(10_000);
  for await (const { topic } of eachTopic(store, { inDoubt: true })) if (topic === "t3") break;
  expect(asked.map(({ after, only }) => [after, only])).toEqual([[null, { inDoubt: true }]]);
});
