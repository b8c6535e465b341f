/** Notes on topics that their mail tells of opens or clicks through our own links. */
import type { Content } from "../../message.ts";
import type { Connection } from "./connection.ts";

/** What a topic is known to track: 1 when some of its mail does. */
export interface TrackedTopic {
  id: number;
  tracksOpens: 0 | 1;
  tracksClicks: 0 | 1;
}

/** Makes a function that notes what mail with this content tracks, on the topic and in `topic`. To be called in a transaction. */
export function createTrackingNotes(db: Connection): (topic: TrackedTopic, content: Content) => void {
  const note = db.prepare<[number, number, number]>(
    "update topic set tracks_opens = max(tracks_opens, ?), tracks_clicks = max(tracks_clicks, ?) where id = ?",
  );
  return (topic, { tracking }) => {
    const opens = tracking?.opens ? 1 : topic.tracksOpens;
    const clicks = tracking?.clicks ? 1 : topic.tracksClicks;
    if (opens === topic.tracksOpens && clicks === topic.tracksClicks) return;
    note.run(opens, clicks, topic.id);
    topic.tracksOpens = opens;
    topic.tracksClicks = clicks;
  };
}
