/** Puts requests for mail into the job file. */
import type { Told } from "../accepting.ts";
import type { Clock } from "../../time/clock.ts";
import { type Connection, type Job, transaction } from "./connection.ts";
import { createContentTable } from "./contents.ts";
import { createEndpoints } from "./endpoints.ts";
import { type Counters, createCounters } from "./state-counters.ts";
import { createKeptAnswers } from "./kept-answers.ts";
import { ADMITTING } from "./list-topics.ts";
import { createMessageRows } from "./new-messages.ts";
import { createNumbering, type Numbering } from "./numbering.ts";
import { createRecipientTable } from "./recipients.ts";
import { createReportNotes } from "./reports.ts";
import { createTrackingNotes, type TrackedTopic } from "./tracked-topics.ts";
import { createSuppressedCheck } from "./suppressed.ts";
import { NEXT_TOPIC } from "./topic-ids.ts";
import { createUuidTable } from "./uuids.ts";
import { type Admission, admit, type AdmittingTopic, NEW_TOPIC } from "../rules/admit.ts";
import { knownNames, listOfIds } from "../rules/accepted.ts";
import { type TimedTopic, timeWith, UNTIMED } from "../rules/topic-time.ts";
import { type Outcome, outcomeOf } from "../past.ts";
import type { Inbox } from "../store.ts";
import type { AcceptMessage, AcceptRequest, AcceptResult, Endpoint, RefusedMessage, SetAside } from "../rows.ts";
import { type Content, NO_TOPIC, type State } from "../../message.ts";

/** How long a request waits for a locked job file. After a longer wait clients give up, and do not learn what became of it. */
const PATIENCE_MS = 5_000;
/** The longest name that a topic may have, in characters. */
const MOST_CHARACTERS = 100;

/** Makes the part of the store that takes requests in. */
export function createInbox(job: Job): Inbox {
  const { db, clock } = job;
  const counters = createCounters(db);
  const ids = createNumbering(db, clock);
  const answers = createKeptAnswers(job);
  const uuids = createUuidTable(db, clock);
  const topics = createRequestTopics(db, clock);
  const reports = createReportNotes(db);
  const adder = createMessageAdder(db, clock, { counters, ids, uuids, topics, reports });

  /** Everything that may refuse the request is checked before anything is written. */
  const acceptOne = (request: AcceptRequest): AcceptResult => {
    const earlier = request.repeat && answers.find(request.repeat);
    if (earlier) return earlier;
    const problems = topics.refusals(request);
    if (problems.length > 0) return { kind: "refused", problems };
    const setAside = topics.setAside(request);
    const told: Told = { counts: { added: 0, duplicates: 0, suppressed: 0 }, ids: listOfIds(request.messages) };
    for (const message of request.messages) adder.add(message, request.endpoint, told);
    if (request.repeat) answers.keep(request.repeat, { ...told, memo: request.memo });
    return { kind: "stored", ...told, ...(setAside.length > 0 && { setAside }) };
  };

  const acceptAll = (requests: readonly AcceptRequest[]): AcceptResult[] => {
    counters.begin();
    ids.begin();
    topics.begin();
    adder.begin();
    if (requests.some(({ messages }) => messages.some((message) => message.reports !== undefined))) reports.watch();
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

interface Topic extends AdmittingTopic, TrackedTopic, TimedTopic {
  name: string;
  contentId: number;
}

/** The topics that requests go to. Each is read once in a transaction. */
function createRequestTopics(db: Connection, clock: Clock) {
  const read = db.prepare<[string], Topic>(
    `select id, name, content_id as contentId, ${ADMITTING}, tracks_opens as tracksOpens, tracks_clicks as tracksClicks,
       not_before as notBefore, pending + sending as waits
     from topic where name = ?`,
  );
  const rename = db.prepare<[string, number]>("update topic set name = ? where id = ?");
  const insert = db.prepare<[string, number, number]>(
    `insert into topic (id, name, content_id, created_at) values (${NEXT_TOPIC}, ?, ?, ?)`,
  );
  const known = new Map<string, Topic>();
  const find = (name: string): Topic | undefined => {
    const topic = known.get(name) ?? read.get(name);
    if (topic) known.set(name, topic);
    return topic;
  };
  const admission = (name: string, endpoint: Endpoint): Admission =>
    admit(find(name), { adds: true, endpoint, content: null });

  /** A name for the rehearsal of `name` that no topic has. */
  const nameOfRehearsal = (name: string): string => {
    for (let n = 1; ; n++) {
      const ending = n === 1 ? " (rehearsal)" : ` (rehearsal ${n})`;
      const candidate = `${Array.from(name)
        .slice(0, MOST_CHARACTERS - ending.length)
        .join("")}${ending}`;
      if (find(candidate) === undefined) return candidate;
    }
  };

  return {
    /** To be called when a transaction begins. */
    begin: () => known.clear(),
    /** The messages of the request that their topics refuse. */
    refusals: ({ messages, endpoint }: AcceptRequest): RefusedMessage[] =>
      messages.flatMap((message, index) => {
        const topic = message.topic ?? NO_TOPIC;
        const refusal = admission(topic, endpoint);
        // What is only rehearsed makes room for what is real.
        if (refusal === "fine" || (refusal === "rehearsed" && endpoint === "ses")) return [];
        return [{ message: index, topic, refusal, endpoint }];
      }),
    /**
     * Gives the rehearsals in the way of the request other names. Posted mail is not sent twice for the sake of a rehearsal: its
     * codes and dates are old by now. So it does not wait again, as a list does, and only what is posted now leaves.
     */
    setAside({ messages, endpoint }: AcceptRequest): SetAside[] {
      const names = [...new Set(messages.map((message) => message.topic ?? NO_TOPIC))];
      const inTheWay = names.filter((name) => admission(name, endpoint) === "rehearsed");
      return inTheWay.map((name) => {
        const now = nameOfRehearsal(name);
        rename.run(now, find(name)!.id);
        known.delete(name);
        return { topic: name, now };
      });
    },
    /** The topic of this name. Makes it, with this content as its own, when there is none. */
    open(name: string, contentId: number): Topic {
      const found = find(name);
      if (found) return found;
      const id = Number(insert.run(name, contentId, clock.now()).lastInsertRowid);
      const topic: Topic = { id, name, contentId, ...NEW_TOPIC, ...UNTIMED, tracksOpens: 0, tracksClicks: 0 };
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
  reports: ReturnType<typeof createReportNotes>;
}

/** Adds messages of requests, inside a transaction. */
interface MessageAdder {
  /** To be called when a transaction begins. */
  begin(): void;
  /** Adds one message for all its addresses, and notes in `told` what it did. */
  add(message: AcceptMessage, endpoint: Endpoint, told: Told): void;
}

/** Makes what adds messages. */
function createMessageAdder(
  db: Connection,
  clock: Clock,
  { counters, ids, uuids, topics, reports }: Parts,
): MessageAdder {
  const contents = createContentTable(db, clock);
  const recipients = createRecipientTable(db);
  const noteTracking = createTrackingNotes(db);
  const rowsOf = createMessageRows(db);
  const suppressedNow = createSuppressedCheck(db);
  const count = createCounter(db, counters);
  /** What this transaction has kept already: many requests may bring one content. */
  const kept = new Map<Content, { id: number; hash: string }>();
  let isSuppressedFor = suppressedNow();

  const keep = (content: Content) => {
    let found = kept.get(content);
    if (found === undefined) kept.set(content, (found = contents.keep(content)));
    return found;
  };

  const noteKnown = (uuid: string, address: string, told: Told) => {
    told.counts.duplicates++;
    told.ids?.push(uuids.messageTo(uuid, address));
  };

  const addAll = (message: AcceptMessage, endpoint: Endpoint, told: Told) => {
    const { topic: name, content, emails, data, uuids: names } = message;
    const { id: contentId, hash } = keep(content);
    const topic = topics.open(name ?? NO_TOPIC, contentId);
    const { id: topicId } = topic;
    noteTracking(topic, content);
    const audience = recipients.audienceOf(topic, { id: contentId, hash });
    const now = clock.now();
    const past = message.past === undefined ? null : outcomeOf(message.past, now);
    const rows = rowsOf(message, { topicId, contentId, now, past });
    const isSuppressed = isSuppressedFor(content, endpoint);
    const added = new Map<State, number>();
    for (const [at, email] of emails.entries()) {
      const address = email.toLowerCase();
      const uuid = names?.[at] ?? null;
      if (uuid !== null && uuids.has(uuid, endpoint)) {
        // The name may be of a row before this one.
        rows.flush();
        noteKnown(uuid, address, told);
        continue;
      }
      const fields = data?.[at] ?? null;
      const messageId = audience.take(address, ids.next(), fields);
      const isNew = messageId === ids.next();
      told.ids?.push(messageId);
      if (uuid !== null) uuids.keep(uuid, isNew ? { first: messageId, last: messageId } : null);
      if (!isNew) {
        told.counts.duplicates++;
        continue;
      }
      const state = past?.state ?? (isSuppressed(address) ? "suppressed" : "pending");
      rows.add(messageId, ids.use(topicId, message.via).ingestId, email, fields ?? "[]", state);
      if (message.reports) reports.note(message.reports, messageId, state);
      added.set(state, (added.get(state) ?? 0) + 1);
    }
    rows.flush();
    count(added, { topic, notBefore: message.notBefore || null, past, endpoint, now }, told);
  };

  const add = (message: AcceptMessage, endpoint: Endpoint, told: Told) => {
    const { uuid, emails } = message;
    const known = knownNames(message, (name) => uuids.has(name, endpoint));
    if (known !== null) {
      // It makes no topic, either.
      for (const [at, email] of emails.entries()) noteKnown(known(at), email.toLowerCase(), told);
      return;
    }
    const firstId = ids.next();
    addAll(message, endpoint, told);
    if (uuid !== null) uuids.keep(uuid, ids.next() > firstId ? { first: firstId, last: ids.next() - 1 } : null);
  };

  return {
    begin() {
      kept.clear();
      isSuppressedFor = suppressedNow();
    },
    add,
  };
}

/** Where rows were added, and what had become of them. */
interface Added {
  topic: Topic;
  /** When they are due; null: at once. */
  notBefore: number | null;
  past: Outcome | null;
  endpoint: Endpoint;
  now: number;
}

/** Makes what counts the rows that were added of a message. */
function createCounter(
  db: Connection,
  counters: Counters,
): (added: ReadonlyMap<State, number>, to: Added, told: Told) => void {
  const endpoints = createEndpoints(db, counters);
  const retime = db.prepare<[number | null, number]>("update topic set not_before = ? where id = ?");
  return (added, { topic, notBefore, past, endpoint, now }, told) => {
    const pending = added.get("pending") ?? 0;
    const time = pending === 0 ? topic.notBefore : timeWith(topic, notBefore);
    if (time !== topic.notBefore) retime.run((topic.notBefore = time), topic.id);
    topic.waits += pending;
    for (const [state, count] of added) {
      counters.add(topic.id, state, count);
      told.counts[state === "suppressed" ? "suppressed" : "added"] += count;
    }
    if (added.size === 0 || past === null || past.calledAt === null) return;
    // Something of the topic left, so it belongs to that place.
    endpoints.turn(topic.id, endpoint);
    topic.endpoint = endpoint;
    topic.calledAt ??= now;
    counters.calledAt(topic.id, past.calledAt);
    if (past.sentAt !== null) counters.sentAt(topic.id, past.sentAt);
  };
}
