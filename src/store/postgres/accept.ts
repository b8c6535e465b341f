/**
 * Puts requests for mail into the database. All requests of a batch share one transaction: everything that decides is read at once,
 * the decisions are made here, one request after the other, and all that they come to is written at once. Nobody else writes
 * meanwhile, so what was read stays true.
 */
import type { Told } from "../accepting.ts";
import { kindOf, NO_TOPIC } from "../../message.ts";
import { expiryOf, knownNames, listOfIds } from "../rules/accepted.ts";
import { outcomeOf } from "../past.ts";
import { priorityOf } from "../rules/priority.ts";
import { fileOf } from "../via.ts";
import { dataVariants, mailKey, standingOf, variantOf } from "../rules/variant.ts";
import type { AcceptMessage, AcceptRequest, AcceptResult, Endpoint } from "../rows.ts";
import type { Inbox } from "../store.ts";
import { type Job, read } from "./connection.ts";
import { transaction, type Tx } from "./transaction.ts";
import { createRequestContents, type RequestContents } from "./contents.ts";
import { acceptedMessage, findUuids } from "./uuids.ts";
import { type Answer, findAnswers, forgetAnswersOlderThan, keepAnswers, repeated } from "./kept-answers.ts";
import { insertMessages, type NewMessage, type NewRow } from "./new-messages.ts";
import { notify } from "./notify.ts";
import { createNumbering, type Numbering } from "./numbering.ts";
import { turnTo } from "./endpoints.ts";
import { insertReports, type NewReport, watchReports } from "./reports.ts";
import { findAddresses } from "./recipients.ts";
import { nameOf, readRequestTopics, type RequestTopic, type RequestTopics } from "./request-topics.ts";
import { readRequestUuids, type RequestUuids } from "./request-uuids.ts";
import { type Counters, createCounters } from "./state-counters.ts";
import { storable } from "./storable.ts";
import { track, writeTracking } from "./tracked-topics.ts";
import { SEEK } from "./waiting-index.ts";

/** How long a request waits for other processes. After a longer wait clients give up, and do not learn what became of it. */
const PATIENCE = { patienceMs: 5_000, isPatient: true };

/** Makes the part of the store that takes requests in. */
export function createInbox(job: Job): Inbox {
  const ask: Tx["query"] = (sql, values) => read(job, sql, values);
  const watch = createWatch(job);
  return {
    async accept(requests) {
      const given = requests.map(fit);
      const names = [...new Set(given.flatMap(({ messages }) => messages.map(nameOf)))];
      await watch(given);
      const { results, isDue } = await transaction(job, (tx) => acceptAll(tx, given), {
        ...PATIENCE,
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

/** Makes what is to be called before requests are accepted. It has the changes of messages noted that are to be reported. */
function createWatch(job: Job): (requests: readonly AcceptRequest[]) => Promise<void> {
  let isWatched = false;
  return async (requests) => {
    if (isWatched || !requests.some(({ messages }) => messages.some(({ reports }) => reports !== undefined))) return;
    await watchReports(job, PATIENCE);
    isWatched = true;
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
    ...(message.data && { data: message.data.map(storable) }),
    ...(message.uuids && { uuids: message.uuids.map((uuid) => (uuid === null ? null : storable(uuid))) }),
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
  uuids: RequestUuids;
  /** The variants of the data of messages that have any, in the order of their addresses. */
  variants: Map<AcceptMessage, number[]>;
  /** The addresses of each message that it must not be sent to. */
  suppressed: Map<AcceptMessage, Set<string>>;
  messages: (NewMessage & { topic: RequestTopic; endpoint: Endpoint })[];
  reports: NewReport[];
  tracking: Set<RequestTopic>;
  /** The time of the transaction. */
  now: number;
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
    ({ notBefore, past, rows }) => past === null && notBefore <= tx.now.wall && rows.some((row) => !row.suppressed),
  );
  return { results, isDue };
}

/** Reads all that decides, in one round trip. */
async function readBatch(tx: Tx, requests: readonly AcceptRequest[]): Promise<Batch> {
  const messages = requests.flatMap(({ messages, endpoint }) => messages.map((given) => ({ given, endpoint })));
  const contents = createRequestContents(messages.map(({ given }) => given.content));
  const variants = variantsOf(
    messages.map(({ given }) => given),
    contents,
  );
  const asked = messages.flatMap(({ given }, message) => {
    const data = variants.get(given);
    return given.emails.map((email, at) => ({ address: email.toLowerCase(), message, data: data?.[at] ?? null }));
  });
  const named = messages.map(({ given, endpoint }) => {
    const { hash, list, kind } = contents.writtenOf(given.content);
    return { topic: nameOf(given), hash, list, kind, endpoint };
  });
  const [, topics, ids, answers, uuids, found] = await Promise.all([
    tx.query(SEEK),
    readRequestTopics(tx, [...new Set(messages.map(({ given }) => nameOf(given)))]),
    createNumbering(tx, mostRanges(requests)),
    findAnswers(
      tx.query,
      requests.flatMap(({ repeat }) => repeat ?? []),
    ),
    readRequestUuids(tx.query, requests),
    findAddresses(tx, asked, named),
    contents.read(tx),
  ]);
  const suppressed = new Map(messages.map(({ given }) => [given, new Set<string>()]));
  for (const { at, topicId, messageId, suppressed: isSuppressed } of found) {
    const { address, message, data } = asked[at] ?? { address: "", message: 0, data: null };
    const given = messages[message]?.given;
    if (isSuppressed && given) suppressed.get(given)?.add(address);
    const topic = topicId === null ? undefined : topics.withId(topicId);
    const content = given?.content;
    if (topic && content && messageId !== null)
      takenOf(topic, contents.idOf(content)).set(mailKey(address, data), messageId);
  }
  const kept = new Map(answers.map((answer) => [keyOf(answer), answer]));
  const decided = { newAnswers: [], messages: [], reports: [], tracking: new Set<RequestTopic>() };
  return { topics, contents, ids, answers: kept, uuids, variants, suppressed, now: tx.now.wall, ...decided };
}

function variantsOf(messages: readonly AcceptMessage[], contents: RequestContents): Batch["variants"] {
  const variants: Batch["variants"] = new Map();
  for (const message of messages)
    if (message.data) variants.set(message, message.data.map(dataVariants(contents.writtenOf(message.content).hash)));
  return variants;
}

/** How often the topic, or the way, changes from one message to the next at most. The real thing puts a rehearsal of the same name aside. */
function mostRanges(requests: readonly AcceptRequest[]): number {
  let [ranges, last] = [0, ""];
  for (const { messages, endpoint } of requests)
    for (const message of messages) {
      const place = `${endpoint} ${fileOf(message.via)} ${nameOf(message)}`;
      if (place !== last) ranges++;
      last = place;
    }
  return ranges;
}

const keyOf = ({ caller, key }: { caller: string; key: string }): string => JSON.stringify([caller, key]);

/** The messages with this content in this topic, by `mailKey`. */
function takenOf({ taken }: RequestTopic, contentId: number): Map<string, number> {
  let messages = taken.get(contentId);
  if (messages === undefined) taken.set(contentId, (messages = new Map()));
  return messages;
}

/** Everything that may refuse the request is looked at before anything of it is decided. */
async function acceptOne(batch: Batch, request: AcceptRequest): Promise<AcceptResult> {
  const { topics, answers, newAnswers } = batch;
  const { repeat, endpoint, messages, memo } = request;
  const earlier = repeat && answers.get(keyOf(repeat));
  if (repeat && earlier) return repeated(earlier, repeat);
  const problems = topics.refusals(request);
  if (problems.length > 0) return { kind: "refused", problems };
  const setAside = await topics.setAside(request);
  const told: Told = { counts: { added: 0, duplicates: 0, suppressed: 0 }, ids: listOfIds(messages) };
  for (const message of messages) addOnce(batch, message, endpoint, told);
  if (repeat) {
    const answer = { ...repeat, kept: { ...told, memo } };
    answers.set(keyOf(repeat), answer);
    newAnswers.push(answer);
  }
  return { kind: "stored", ...told, ...(setAside.length > 0 && { setAside }) };
}

/** Adds a message of a request for its addresses, unless its uuid, or that of each address, is known. */
function addOnce(batch: Batch, message: AcceptMessage, endpoint: Endpoint, told: Told): void {
  const { uuids } = batch;
  const { uuid, emails } = message;
  const known = knownNames(message, (name) => uuids.has(name, endpoint));
  if (known !== null) {
    // It makes no topic, either.
    for (const [at, email] of emails.entries()) noteKnown(batch, known(at), email.toLowerCase(), told);
    return;
  }
  const { topic, rows } = add(batch, message, endpoint, told);
  if (uuid !== null) uuids.keep(uuid, rows, topic.endpoint === "sandbox");
}

function noteKnown({ uuids }: Batch, uuid: string, address: string, { counts, ids }: Told): void {
  counts.duplicates++;
  ids?.push(uuids.messageTo(uuid, address));
}

function add(
  batch: Batch,
  message: AcceptMessage,
  endpoint: Endpoint,
  told: Told,
): { topic: RequestTopic; rows: NewRow[] } {
  const { contents, topics, ids, uuids, tracking } = batch;
  const { topic: name, content, emails, data, notBefore, expiresIn } = message;
  const barred = batch.suppressed.get(message);
  const contentId = contents.use(content);
  const topic = topics.open(name ?? NO_TOPIC, contentId);
  if (track(topic, content)) tracking.add(topic);
  const standing = standingOf(topic, contentId);
  // Without a topic, only an address that the message names twice is a repeat.
  const taken = standing === "apart" ? new Map<string, number>() : takenOf(topic, contentId);
  const variants = batch.variants.get(message);
  const past = message.past === undefined ? null : outcomeOf(message.past, batch.now);
  const rows: NewRow[] = [];
  let ingestId = 0;
  for (const [at, email] of emails.entries()) {
    const address = email.toLowerCase();
    const uuid = message.uuids?.[at] ?? null;
    if (uuid !== null && uuids.has(uuid, endpoint)) {
      noteKnown(batch, uuid, address, told);
      continue;
    }
    const variant = variants?.[at] ?? null;
    const key = mailKey(address, variant);
    const earlier = taken.get(key);
    told.ids?.push(earlier ?? ids.next());
    if (earlier !== undefined) {
      told.counts.duplicates++;
      if (uuid !== null) uuids.keep(uuid, [], false);
      continue;
    }
    const isBarred = past === null && barred?.has(address) === true;
    told.counts[isBarred ? "suppressed" : "added"]++;
    const place = ids.use(topic, message.via);
    ingestId = place.ingestId;
    taken.set(key, place.id);
    const row = {
      id: place.id,
      email,
      address,
      suppressed: isBarred,
      data: data?.[at] ?? null,
      variant: standing === "apart" ? null : variant,
    };
    rows.push(row);
    if (uuid !== null) uuids.keep(uuid, [row], topic.endpoint === "sandbox");
  }
  const variant = standing === "apart" ? null : variantOf(standing, contentId, 0);
  const priority = priorityOf(message.priority, kindOf(content));
  const expiresAt = expiryOf(message, batch.now);
  if (rows.length > 0) {
    const written = { topic, endpoint, contentId, ingestId, variant, priority, notBefore, expiresAt, expiresIn };
    batch.messages.push({ ...written, past, rows });
    if (past === null) topics.retime(topic, rows.filter(({ suppressed }) => !suppressed).length, notBefore || null);
    noteReports(batch, message, rows);
    // Something of the topic left, so it belongs to that place.
    if (past !== null && past.calledAt !== null) {
      topic.endpoint = endpoint;
      topic.calledAt ??= batch.now;
    }
  }
  return { topic, rows };
}

function noteReports({ reports: all }: Batch, { reports, past }: AcceptMessage, rows: readonly NewRow[]): void {
  if (reports === undefined) return;
  for (const { id, suppressed } of rows)
    all.push({ ...reports, messageId: id, state: past?.state ?? (suppressed ? "suppressed" : "pending") });
}

/** Writes all that was decided, in the round trip of the commit. New topics take one more. */
async function writeBatch(tx: Tx, batch: Batch): Promise<void> {
  const { topics, contents, ids, uuids, newAnswers, messages, reports, tracking } = batch;
  const counters = createCounters();
  await topics.write();
  for (const message of messages) countRows(counters, message);
  await turnTopics(tx, counters, messages);
  const last = Promise.all([
    contents.write(tx),
    insertMessages(tx, messages),
    insertReports(tx, reports),
    uuids.write(tx),
    keepAnswers(tx, newAnswers),
    writeTracking(tx, [...tracking]),
    ids.write(tx),
    counters.write(tx),
  ]);
  tx.closeWith(last);
}

function countRows(counters: Counters, { topic, past, rows }: NewMessage): void {
  const suppressed = rows.reduce((sum, row) => sum + (row.suppressed ? 1 : 0), 0);
  counters.add(topic.id, past?.state ?? "pending", rows.length - suppressed);
  counters.add(topic.id, "suppressed", suppressed);
  if (past === null) return;
  if (past.calledAt !== null) counters.calledAt(topic.id, past.calledAt);
  if (past.sentAt !== null) counters.sentAt(topic.id, past.sentAt);
}

/** Has topics belong to the place to which something of them went already, before any of it was added. */
async function turnTopics(tx: Tx, counters: Counters, messages: Batch["messages"]): Promise<void> {
  const places = new Map<number, Endpoint>();
  for (const { topic, endpoint, past } of messages)
    if (past !== null && past.calledAt !== null) places.set(topic.id, endpoint);
  for (const endpoint of ["ses", "sandbox"] as const) {
    const ids = [...places].filter(([, place]) => place === endpoint).map(([id]) => id);
    if (ids.length > 0) await turnTo(tx, counters, ids, endpoint);
  }
}
