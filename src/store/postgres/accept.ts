/**
 * Puts requests for mail into the database. All requests of a batch share one transaction: everything that decides is read at once,
 * the decisions are made here, one request after the other, and all that they come to is written at once. Nobody else writes
 * meanwhile, so what was read stays true.
 */
import { kindOf, NO_TOPIC } from "../../message.ts";
import { topicTimes } from "../rules/due.ts";
import { priorityOf } from "../rules/priority.ts";
import { standingOf, variantOf } from "../rules/variant.ts";
import type { AcceptCounts, AcceptMessage, AcceptRequest, AcceptResult, Endpoint } from "../rows.ts";
import type { Inbox } from "../store.ts";
import { type Job, read } from "./connection.ts";
import { transaction, type Tx } from "./transaction.ts";
import { createRequestContents, type RequestContents } from "./contents.ts";
import { acceptedMessage, findUuids, keepUuids, type UuidRange } from "./uuids.ts";
import { type Answer, findAnswers, forgetAnswersOlderThan, keepAnswers, repeated } from "./kept-answers.ts";
import { insertMessages, type NewMessage, type NewRow } from "./new-messages.ts";
import { notify } from "./notify.ts";
import { createNumbering, type Numbering } from "./numbering.ts";
import { findAddresses } from "./recipients.ts";
import { nameOf, readRequestTopics, type RequestTopic, type RequestTopics } from "./request-topics.ts";
import { createCounters } from "./state-counters.ts";
import { storable } from "./storable.ts";
import { track, writeTracking } from "./tracked-topics.ts";
import { SEEK } from "./waiting-index.ts";

/** How long a request waits for other processes. After a longer wait clients give up, and do not learn what became of it. */
const PATIENCE_MS = 5_000;

/** Makes the part of the store that takes requests in. */
export function createInbox(job: Job): Inbox {
  const ask: Tx["query"] = (sql, values) => read(job, sql, values);
  return {
    async accept(requests) {
      const given = requests.map(fit);
      const names = [...new Set(given.flatMap(({ messages }) => messages.map(nameOf)))];
      const { results, isDue } = await transaction(job, (tx) => acceptAll(tx, given), {
        patienceMs: PATIENCE_MS,
        isPatient: true,
        topics: { names, mode: "shared" },
      });
      if (isDue) notify(job);
      return results;
    },
    async earlier(given) {
      const repeat = fitRepeat(given);
      const [answer] = await findAnswers(ask, [repeat]);
      return answer === undefined ? null : repeated(answer, repeat);
    },
    async knownUuids(wanted) {
      const fitted = new Map(wanted.map((uuid) => [storable(uuid), uuid]));
      const known = await findUuids(ask, [...fitted.keys()]);
      return new Set([...fitted].filter(([uuid]) => known.has(uuid)).map(([, uuid]) => uuid));
    },
    accepted: (uuid) => acceptedMessage(job, uuid),
    forgetAnswersOlderThan: (ms) => forgetAnswersOlderThan(job, ms),
  };
}

const fitRepeat = <T extends { caller: string; key: string }>(repeat: T): T => ({
  ...repeat,
  caller: storable(repeat.caller),
  key: storable(repeat.key),
});

/** With texts that the database gives back as they are, so that they can be compared here. Readers of requests take no others. */
const fit = (request: AcceptRequest): AcceptRequest => ({
  ...request,
  messages: request.messages.map((message) => ({
    ...message,
    topic: message.topic === null ? null : storable(message.topic),
    emails: message.emails.map(storable),
    uuid: message.uuid === null ? null : storable(message.uuid),
  })),
  repeat: request.repeat && fitRepeat(request.repeat),
});

/** What is known before the first decision, and what was decided so far. */
interface Batch {
  topics: RequestTopics;
  contents: RequestContents;
  ids: Numbering;
  answers: Map<string, Answer>;
  newAnswers: Answer[];
  /** True: what came with it was only rehearsed. */
  uuids: Map<string, boolean>;
  newUuids: Map<string, UuidRange>;
  /** The addresses of each message that it must not be sent to. */
  suppressed: Map<AcceptMessage, Set<string>>;
  messages: NewMessage[];
  tracking: Set<RequestTopic>;
}

async function acceptAll(
  tx: Tx,
  requests: readonly AcceptRequest[],
): Promise<{ results: AcceptResult[]; isDue: boolean }> {
  const batch = await readBatch(tx, requests);
  const results: AcceptResult[] = [];
  for (const request of requests) results.push(await acceptOne(batch, request));
  await writeBatch(tx, batch);
  const isDue = batch.messages.some(
    ({ notBefore, rows }) => notBefore <= tx.now.wall && rows.some((row) => !row.suppressed),
  );
  return { results, isDue };
}

/** Reads all that decides, in one round trip. */
async function readBatch(tx: Tx, requests: readonly AcceptRequest[]): Promise<Batch> {
  const messages = requests.flatMap(({ messages, endpoint }) =>
    messages.map((message) => ({ ...message, endpoint, given: message })),
  );
  const contents = createRequestContents(messages.map(({ content }) => content));
  const asked = messages.flatMap(({ emails }, message) =>
    emails.map((email) => ({ address: email.toLowerCase(), message })),
  );
  const named = messages.map((message) => {
    const { hash, list, kind } = contents.writtenOf(message.content);
    return { topic: nameOf(message), hash, list, kind, endpoint: message.endpoint };
  });
  const [, topics, ids, answers, uuids, found] = await Promise.all([
    tx.query(SEEK),
    readRequestTopics(tx, [...new Set(messages.map(nameOf))]),
    createNumbering(tx, mostRanges(messages)),
    findAnswers(
      tx.query,
      requests.flatMap(({ repeat }) => repeat ?? []),
    ),
    findUuids(tx.query, [...new Set(messages.flatMap(({ uuid }) => uuid ?? []))]),
    findAddresses(tx, asked, named),
    contents.read(tx),
  ]);
  const suppressed = new Map(messages.map(({ given }) => [given, new Set<string>()]));
  for (const { at, topicId, suppressed: isSuppressed } of found) {
    const { address, message } = asked[at] ?? { address: "", message: 0 };
    const given = messages[message]?.given;
    if (isSuppressed && given) suppressed.get(given)?.add(address);
    const topic = topicId === null ? undefined : topics.withId(topicId);
    const content = messages[message]?.content;
    if (topic && content) takenOf(topic, contents.idOf(content)).add(address);
  }
  const kept = new Map(answers.map((answer) => [keyOf(answer), answer]));
  const decided = { newAnswers: [], newUuids: new Map(), messages: [], tracking: new Set<RequestTopic>() };
  return { topics, contents, ids, answers: kept, uuids, suppressed, ...decided };
}

/** How often the topic changes from one message to the next at most. The real thing puts a rehearsal of the same name aside. */
function mostRanges(messages: readonly { topic: string | null; endpoint: Endpoint }[]): number {
  let [ranges, last] = [0, ""];
  for (const message of messages) {
    const place = `${message.endpoint} ${nameOf(message)}`;
    if (place !== last) ranges++;
    last = place;
  }
  return ranges;
}

const keyOf = ({ caller, key }: { caller: string; key: string }): string => JSON.stringify([caller, key]);

/** The addresses that have this content in this topic. */
function takenOf({ taken }: RequestTopic, contentId: number): Set<string> {
  let addresses = taken.get(contentId);
  if (addresses === undefined) taken.set(contentId, (addresses = new Set()));
  return addresses;
}

/** Everything that may refuse the request is looked at before anything of it is decided. */
async function acceptOne(batch: Batch, request: AcceptRequest): Promise<AcceptResult> {
  const { topics, answers, newAnswers } = batch;
  const { repeat, endpoint, messages, memo } = request;
  const earlier = repeat && answers.get(keyOf(repeat));
  if (repeat && earlier) return repeated(earlier, repeat);
  const problems = topics.refusals(request);
  if (problems.length > 0) return { kind: "refused", problems };
  const dueAt = topicTimes(messages);
  const setAside = await topics.setAside(request);
  const counts = sumOf(messages.map((message) => addOnce(batch, message, dueAt.get(message.topic) ?? null, endpoint)));
  if (repeat) {
    const answer = { ...repeat, kept: { counts, memo } };
    answers.set(keyOf(repeat), answer);
    newAnswers.push(answer);
  }
  return { kind: "stored", counts, ...(setAside.length > 0 && { setAside }) };
}

/** Adds a message of a request for its addresses, unless its uuid is known. */
function addOnce(batch: Batch, message: AcceptMessage, dueAt: number | null, endpoint: Endpoint): AcceptCounts {
  const { uuids, newUuids } = batch;
  const { uuid, emails } = message;
  const rehearsed = uuid === null ? undefined : uuids.get(uuid);
  // What was only rehearsed does not count when mail goes to SES.
  if (rehearsed !== undefined && !(rehearsed && endpoint === "ses"))
    return { added: 0, duplicates: emails.length, suppressed: 0 };
  const { counts, topic, ids } = add(batch, message, dueAt);
  if (uuid !== null) {
    uuids.set(uuid, ids !== null && topic.endpoint === "sandbox");
    newUuids.set(uuid, ids);
  }
  return counts;
}

function add(
  batch: Batch,
  message: AcceptMessage,
  dueAt: number | null,
): { counts: AcceptCounts; topic: RequestTopic; ids: UuidRange } {
  const { contents, topics, ids, tracking } = batch;
  const { topic: name, content, emails, notBefore } = message;
  const barred = batch.suppressed.get(message);
  const contentId = contents.use(content);
  const topic = topics.open(name ?? NO_TOPIC, contentId, dueAt);
  if (track(topic, content)) tracking.add(topic);
  const standing = standingOf(topic, contentId);
  // Without a topic, only an address that the message names twice is a repeat.
  const taken = standing === "apart" ? new Set<string>() : takenOf(topic, contentId);
  const counts = { added: 0, duplicates: 0, suppressed: 0 };
  const first = ids.next();
  const rows: NewRow[] = [];
  let ingestId = 0;
  for (const email of emails) {
    const address = email.toLowerCase();
    if (taken.has(address)) {
      counts.duplicates++;
      continue;
    }
    taken.add(address);
    const isBarred = barred?.has(address) === true;
    counts[isBarred ? "suppressed" : "added"]++;
    const place = ids.use(topic);
    ingestId = place.ingestId;
    rows.push({ id: place.id, email, address, suppressed: isBarred });
  }
  const variant = standing === "apart" ? null : variantOf(standing, contentId, 0);
  const priority = priorityOf(message.priority, kindOf(content));
  if (rows.length > 0) batch.messages.push({ topic, contentId, ingestId, variant, priority, notBefore, rows });
  return { counts, topic, ids: rows.length > 0 ? { first, last: ids.next() - 1 } : null };
}

/** Writes all that was decided, in the round trip of the commit. New topics take one more. */
async function writeBatch(tx: Tx, batch: Batch): Promise<void> {
  const { topics, contents, ids, newAnswers, newUuids, messages, tracking } = batch;
  const counters = createCounters();
  await topics.write();
  for (const { topic, rows } of messages) {
    const suppressed = rows.reduce((sum, row) => sum + (row.suppressed ? 1 : 0), 0);
    counters.add(topic.id, "pending", rows.length - suppressed);
    counters.add(topic.id, "suppressed", suppressed);
  }
  const last = Promise.all([
    contents.write(tx),
    insertMessages(tx, messages),
    keepUuids(tx, newUuids),
    keepAnswers(tx, newAnswers),
    writeTracking(tx, [...tracking]),
    ids.write(tx),
    counters.write(tx),
  ]);
  tx.closeWith(last);
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
