/** Reads all topics of a job, however many there are. */
import type { Page, TopicFilter, TopicRow } from "../store/rows.ts";
import type { Topics } from "../store/store.ts";
import { boundOldSpace, boundYoungSpace } from "../memory.ts";

/** So many topics are held at a time. */
const PAGE = 200;
/** So large the space for young objects gets. */
const YOUNG_MB = 4;

/** All topics, oldest first; with `only`, those that it names. Memory does not grow with them. */
export async function* eachTopic(store: Pick<Topics, "topicPage">, only: TopicFilter = {}): AsyncGenerator<TopicRow> {
  for (let after: string | null = null; ;) {
    const { rows, next }: Page<TopicRow> = await store.topicPage({ order: "oldest first", after, limit: PAGE, only });
    yield* rows;
    if (next === null) return;
    if (after === null) boundOldSpace();
    boundYoungSpace(YOUNG_MB);
    after = next;
  }
}
