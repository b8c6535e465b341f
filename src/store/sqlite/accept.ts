/** Puts requests for mail into the job file. */
import type { Clock } from "../../time/clock.ts";
import { type Connection, type Job, transaction } from "./connection.ts";
import { createContentTable } from "./contents.ts";
import { type Counters, createCounters } from "./state-counters.ts";
import { createKeptAnswers } from "./kept-answers.ts";
import { createNumbering, type Numbering } from "./numbering.ts";
import { createRecipientTable } from "./recipients.ts";
import { createTrackingNotes, type TrackedTopic } from "./tracked-topics.ts";
import { createUuidTable } from "./uuids.ts";
import { admit, type AdmittingTopic } from "../rules/admit.ts";
import { topicTimes } from "../rules/due.ts";
import type { Inbox } from "../store.ts";
import type { AcceptCounts, AcceptMessage, AcceptRequest, AcceptResult, RefusedMessage } from "../rows.ts";
import { NO_TOPIC } from "../../message.ts";

/** How long a request waits for a locked job file. After a longer wait clients give up, and do not learn what became of it. */
const PATIENCE_MS = 5_000;

/** Makes the part of the store that takes requests in. */
export function createInbox(job: Job): Inbox {
  const { db, clock } = job;
  const counters = createCounters(db);
  const ids = createNumbering(db, clock);
  const answers = createKeptAnswers(job);
  const uuids = createUuidTable(db, clock);
  const topics = createRequestTopics(db, clock);
  const add = createMessageAdder(db, clock, { counters, ids, uuids, topics });

  /** Everything that may refuse the request is checked before anything is written. */
  const acceptOne = (request: AcceptRequest): AcceptResult => {
    const earlier = request.repeat && answers.find(request.repeat);
    if (earlier) return earlier;
    const problems = topics.refusals(request);
    if (problems.length > 0) return { kind: "refused", problems };
    const dueAt = topicTimes(request.messages);
    const counts = sumOf(request.messages.map((message) => add(message, dueAt.get(message.topic) ?? null)));
    if (request.repeat) answers.keep(request.repeat, { counts, memo: request.memo });
    return { kind: "stored", counts };
  };

  const acceptAll = (requests: readonly AcceptRequest[]): AcceptResult[] => {
    counters.begin();
    ids.begin();
    topics.begin();
    const results = requests.map(acceptOne);
    ids.flush();
    counters.write();
    return results;
  };

  return {
    accept: (requests: readonly AcceptRequest[]): Promise<AcceptResult[]> =>
      transaction(job, () => acceptAll(requests), { patienceMs: PATIENCE_MS, isPatient: true }),
    async earlier(repeat: NonNullable<AcceptRequest["repeat"]>) {
      // Who is told of an answer in a file that is gone would take the mail for accepted.
      const lost = job.place.lost();
      if (lost !== null) throw lost;
      return answers.find(repeat);
    },
    knownUuids: async (wanted: readonly string[]) => new Set(wanted.filter((uuid) => uuids.has(uuid))),
    accepted: async (uuid: string) => uuids.message(uuid),
    forgetAnswersOlderThan: (ms: number) => answers.forgetOlderThan(ms),
  };
}

interface Topic extends AdmittingTopic, TrackedTopic {
  name: string;
  contentId: number;
}

/** The topics that requests go to. Each is read once in a transaction. */
function createRequestTopics(db: Connection, clock: Clock) {
  const read = db.prepare<[string], Topic>(
    `select id, name, content_id as contentId, cancelled_at as cancelledAt, endpoint, tracks_opens as tracksOpens,
       tracks_clicks as tracksClicks from topic where name = ?`,
  );
  const insert = db.prepare<[string, number, number, number | null]>(
    "insert into topic (name, content_id, created_at, not_before) values (?, ?, ?, ?)",
  );
  const known = new Map<string, Topic>();
  const find = (name: string): Topic | undefined => {
    const topic = known.get(name) ?? read.get(name);
    if (topic) known.set(name, topic);
    return topic;
  };

  return {
    /** To be called when a transaction begins. */
    begin: () => known.clear(),
    /** The messages of the request that their topics refuse. */
    refusals: ({ messages, endpoint }: AcceptRequest): RefusedMessage[] =>
      messages.flatMap((message, index) => {
        const topic = message.topic ?? NO_TOPIC;
        const refusal = admit(find(topic), { adds: true, endpoint, content: null });
        return refusal === "fine" ? [] : [{ message: index, topic, refusal, endpoint }];
      }),
    /** The topic of this name. Makes it, with this content as its own, when there is none. */
    open(name: string, contentId: number, dueAt: number | null): Topic {
      const found = find(name);
      if (found) return found;
      const id = Number(insert.run(name, contentId, clock.now(), dueAt).lastInsertRowid);
      const topic: Topic = { id, name, contentId, cancelledAt: null, endpoint: null, tracksOpens: 0, tracksClicks: 0 };
      known.set(name, topic);
      return topic;
    },
  };
}

interface Parts {
  counters: Counters;
  ids: Numbering;
  uuids: ReturnType<typeof createUuidTable>;
  topics: ReturnType<typeof createRequestTopics>;
}

/** Makes a function that adds one message of a request for all its addresses, inside a transaction. */
function createMessageAdder(
  db: Connection,
  clock: Clock,
  { counters, ids, uuids, topics }: Parts,
): (message: AcceptMessage, dueAt: number | null) => AcceptCounts {
  const contents = createContentTable(db, clock);
  const recipients = createRecipientTable(db);
  const noteTracking = createTrackingNotes(db);
  const insert = db.prepare<[number, number, number, number, string, number, number, "pending" | "suppressed", number]>(
    `insert into message (id, topic_id, content_id, ingest_id, email, fields, priority, not_before, state, created_at)
     values (?, ?, ?, ?, ?, '[]', ?, ?, ?, ?)`,
  );
  const isSuppressed = db.prepare<[string]>("select 1 from suppression where address = ?");

  const addAll = ({ topic: name, content, emails, priority, notBefore }: AcceptMessage, dueAt: number | null) => {
    const counts = { added: 0, duplicates: 0, suppressed: 0 };
    const contentId = contents.store(content);
    const topic = topics.open(name ?? NO_TOPIC, contentId, dueAt);
    noteTracking(topic, content);
    const audience = recipients.audienceOf(topic, contentId);
    const createdAt = clock.now();
    for (const email of emails) {
      const address = email.toLowerCase();
      if (!audience.take(address, ids.next())) {
        counts.duplicates++;
        continue;
      }
      const suppressed = isSuppressed.get(address) !== undefined;
      const { id, ingestId } = ids.use(topic.id);
      const state = suppressed ? "suppressed" : "pending";
      insert.run(id, topic.id, contentId, ingestId, email, priority, notBefore, state, createdAt);
      counts[suppressed ? "suppressed" : "added"]++;
    }
    counters.add(topic.id, "pending", counts.added);
    counters.add(topic.id, "suppressed", counts.suppressed);
    return counts;
  };

  return (message, dueAt) => {
    const { uuid, emails } = message;
    if (uuid !== null && uuids.has(uuid)) return { added: 0, duplicates: emails.length, suppressed: 0 };
    const firstId = ids.next();
    const counts = addAll(message, dueAt);
    if (uuid !== null) uuids.keep(uuid, ids.next() > firstId ? { first: firstId, last: ids.next() - 1 } : null);
    return counts;
  };
}

function sumOf(all: readonly AcceptCounts[]): AcceptCounts {
  const sum = { added: 0, duplicates: 0, suppressed: 0 };
  for (const { added, duplicates, suppressed } of all) {
    sum.added += added;
    sum.duplicates += duplicates;
    sum.suppressed += suppressed;
  }
  return sum;
}
