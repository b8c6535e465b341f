/** Notes on topics that their mail tells of opens or clicks through our own links. */
import type { Content } from "../../message.ts";
import type { Tx } from "./transaction.ts";

/** What a topic is known to track: true when some of its mail does. */
export interface TrackedTopic {
  id: number;
  tracksOpens: boolean;
  tracksClicks: boolean;
}

/** Notes in `topic` what mail with this content tracks. Returns whether that is new, so that it has to be written. */
export function track(topic: TrackedTopic, { tracking }: Content): boolean {
  const opens = topic.tracksOpens || tracking?.opens === true;
  const clicks = topic.tracksClicks || tracking?.clicks === true;
  if (opens === topic.tracksOpens && clicks === topic.tracksClicks) return false;
  topic.tracksOpens = opens;
  topic.tracksClicks = clicks;
  return true;
}

/** Writes what these topics track. */
export async function writeTracking(tx: Tx, topics: readonly TrackedTopic[]): Promise<void> {
  if (topics.length === 0) return;
  await tx.run(
    `update sm.topic t set tracks_opens = d.opens, tracks_clicks = d.clicks
     from unnest($1::int[], $2::boolean[], $3::boolean[]) d (id, opens, clicks) where t.id = d.id`,
    [topics.map(({ id }) => id), topics.map((each) => each.tracksOpens), topics.map((each) => each.tracksClicks)],
  );
}
