/** The topics that the requests of one batch go to. */
import { type Admission, admit, type AdmittingTopic, NEW_TOPIC } from "../rules/admit.ts";
import type { AcceptRequest, Endpoint, RefusedMessage, SetAside } from "../rows.ts";
import { NO_TOPIC } from "../../message.ts";
import { type TimedTopic, timeWith, UNTIMED } from "../rules/topic-time.ts";
import { ADMITTING, TOPIC } from "./admitting.ts";
import type { Tx } from "./transaction.ts";
import type { TrackedTopic } from "./tracked-topics.ts";

/** The longest name that a topic may have, in characters. */
const MOST_CHARACTERS = 100;

/** A topic of the batch. A new one has the id 0 until it is written. */
export interface RequestTopic extends AdmittingTopic, TrackedTopic, TimedTopic {
  name: string;
  contentId: number;
  /** By content id: the messages with this content in it, by `mailKey`. */
  taken: Map<number, Map<string, number>>;
}

/** The name of the topic of a message. */
export const nameOf = ({ topic }: { topic: string | null }): string => topic ?? NO_TOPIC;

/** What the batch does to its topics. Nothing is written before `write`. */
export interface RequestTopics {
  /** The topic with this id, which was there when the batch began. */
  withId(id: number): RequestTopic | undefined;
  /** The messages of the request that their topics refuse. */
  refusals(request: AcceptRequest): RefusedMessage[];
  /**
   * Gives the rehearsals in the way of the request other names. Posted mail is not sent twice for the sake of a rehearsal: its codes
   * and dates are old by now. So it does not wait again, as a list does, and only what is posted now leaves.
   */
  setAside(request: AcceptRequest): Promise<SetAside[]>;
  /** The topic of this name. A new one, with this content as its own, when there is none. */
  open(name: string, contentId: number): RequestTopic;
  /** Notes that so many messages were added that wait until `notBefore` (ms since the epoch); null: they do not wait. */
  retime(topic: RequestTopic, added: number, notBefore: number | null): void;
  /** Writes new names and times, and new topics, which get their ids. */
  write(): Promise<void>;
}

/** Reads the topics of these names. */
export async function readRequestTopics(tx: Tx, names: readonly string[]): Promise<RequestTopics> {
  const rows = await tx.query<Omit<RequestTopic, "taken">>(
    `select t.id, t.name, t.content_id as "contentId", t.not_before as "notBefore", ${ADMITTING},
       t.tracks_opens as "tracksOpens", t.tracks_clicks as "tracksClicks", c.pending + c.sending as waits
     from ${TOPIC} where t.name = any($1::text[])`,
    [names],
  );
  return requestTopics(
    tx,
    rows.map((row) => ({ ...row, taken: new Map() })),
  );
}

function requestTopics(tx: Tx, read: readonly RequestTopic[]): RequestTopics {
  const topics = new Map(read.map((topic) => [topic.name, topic]));
  const ids = new Map(read.map((topic) => [topic.id, topic]));
  const renamed = new Set<RequestTopic>();
  const retimed = new Set<RequestTopic>();
  const made: RequestTopic[] = [];
  const admission = (name: string, endpoint: Endpoint): Admission =>
    admit(topics.get(name), { adds: true, endpoint, content: null });
  const isTaken = async (name: string): Promise<boolean> =>
    topics.has(name) || (await tx.query("select 1 from sm.topic where name = $1", [name])).length > 0;

  return {
    withId: (id) => ids.get(id),
    refusals: ({ messages, endpoint }) =>
      messages.flatMap((message, index) => {
        const topic = nameOf(message);
        const refusal = admission(topic, endpoint);
        // What is only rehearsed makes room for what is real.
        if (refusal === "fine" || (refusal === "rehearsed" && endpoint === "ses")) return [];
        return [{ message: index, topic, refusal, endpoint }];
      }),
    async setAside({ messages, endpoint }) {
      const moved: SetAside[] = [];
      for (const name of new Set(messages.map(nameOf))) {
        const topic = topics.get(name);
        if (topic === undefined || admission(name, endpoint) !== "rehearsed") continue;
        const now = await nameOfRehearsal(name, isTaken);
        topics.delete(name);
        topic.name = now;
        topics.set(now, topic);
        renamed.add(topic);
        moved.push({ topic: name, now });
      }
      return moved;
    },
    open(name, contentId) {
      const found = topics.get(name);
      if (found) return found;
      const tracks = { tracksOpens: false, tracksClicks: false };
      const topic = { id: 0, name, contentId, ...NEW_TOPIC, ...UNTIMED, ...tracks, taken: new Map() };
      topics.set(name, topic);
      made.push(topic);
      return topic;
    },
    retime(topic, added, notBefore) {
      if (added === 0) return;
      const time = timeWith(topic, notBefore);
      topic.waits += added;
      if (time === topic.notBefore) return;
      topic.notBefore = time;
      if (topic.id !== 0) retimed.add(topic);
    },
    async write() {
      await Promise.all([
        ...Array.from(renamed, ({ id, name }) => tx.run("update sm.topic set name = $1 where id = $2", [name, id])),
        ...(retimed.size > 0 ? [writeTimes(tx, [...retimed])] : []),
      ]);
      if (made.length > 0) await insertTopics(tx, made);
    },
  };
}

/** A name for the rehearsal of `name` that no topic has. */
async function nameOfRehearsal(name: string, isTaken: (name: string) => Promise<boolean>): Promise<string> {
  for (let n = 1; ; n++) {
    const ending = n === 1 ? " (rehearsal)" : ` (rehearsal ${n})`;
    const candidate = `${Array.from(name)
      .slice(0, MOST_CHARACTERS - ending.length)
      .join("")}${ending}`;
    if (!(await isTaken(candidate))) return candidate;
  }
}

function writeTimes(tx: Tx, topics: readonly RequestTopic[]): Promise<number> {
  return tx.run(
    `update sm.topic t set not_before = w.not_before
     from unnest($1::bigint[], $2::bigint[]) w (id, not_before) where t.id = w.id`,
    [topics.map(({ id }) => id), topics.map(({ notBefore }) => notBefore)],
  );
}

/** In the order in which the requests named them. */
async function insertTopics(tx: Tx, topics: readonly RequestTopic[]): Promise<void> {
  const rows = await tx.query<{ id: number; name: string }>(
    `with made as (
       insert into sm.topic (name, content_id, created_at, not_before)
       select name, content_id, $4::bigint, not_before
       from unnest($1::text[], $2::bigint[], $3::bigint[]) with ordinality w (name, content_id, not_before, n) order by n
       returning id, name),
     counted as (insert into sm.topic_count (topic_id) select id from made)
     select id, name from made`,
    [
      topics.map(({ name }) => name),
      topics.map((topic) => topic.contentId),
      topics.map((topic) => topic.notBefore),
      tx.now.wall,
    ],
  );
  const ids = new Map(rows.map(({ id, name }) => [name, id]));
  for (const topic of topics) topic.id = ids.get(topic.name) ?? 0;
}
