/** Requests to the gateway, on their way into the job file. */
import type { Clock } from "../../time/clock.ts";
import { type Connection, transaction } from "./connection.ts";
import { contentTable } from "./contents.ts";
import { createCounters } from "./counters.ts";
import { keptAnswers } from "./kept-answers.ts";
import { numbering } from "./numbering.ts";
import {
  type AcceptCounts,
  type AcceptMessage,
  type AcceptRequest,
  type AcceptResult,
  type Endpoint,
  type ExportedMessage,
  NO_TOPIC,
} from "../store.ts";

/** Longer than that nobody is kept waiting for a job file that others hold: clients give up, and do not learn what became of it. */
const PATIENCE_MS = 5_000;

interface Topic {
  id: number;
  content_id: number;
  cancelled_at: number | null;
  endpoint: Endpoint | null;
}

export function accepting(job: { db: Connection; clock: Clock; onWait: (waitedMs: number) => void }) {
  const { db, clock } = job;
  const counters = createCounters(db);
  const contents = contentTable(db, clock);
  const answers = keptAnswers(db, clock);
  const uuids = uuidTable(db, clock);
  const recipients = recipientTable(db);
  const ids = numbering(db, clock);
  const topicOf = db.prepare<[string], Topic>(
    "select id, content_id, cancelled_at, endpoint from topic where name = ?",
  );
  const openTopic = db.prepare<[string, number, number, number | null]>(
    "insert into topic (name, content_id, created_at, not_before) values (?, ?, ?, ?)",
  );
  const insert = db.prepare<[number, number, number, number, string, number, number, "pending" | "suppressed"]>(
    `insert into message (id, topic_id, content_id, ingest_id, email, fields, priority, not_before, state)
     values (?, ?, ?, ?, ?, '[]', ?, ?, ?)`,
  );
  const isSuppressed = db.prepare<[string]>("select 1 from suppression where address = ?");

  const refusals = ({ messages, endpoint }: AcceptRequest): { message: number; reason: string }[] =>
    messages.flatMap((message, index) => {
      const name = message.topic ?? NO_TOPIC;
      const topic = topicOf.get(name);
      const reason = topic === undefined ? null : refusalOf(name, topic, endpoint);
      return reason === null ? [] : [{ message: index, reason }];
    });

  const topicFor = (name: string, contentId: number, dueAt: number | null): Pick<Topic, "id" | "content_id"> =>
    topicOf.get(name) ?? {
      id: Number(openTopic.run(name, contentId, clock.now(), dueAt).lastInsertRowid),
      content_id: contentId,
    };

  const add = (message: AcceptMessage, dueAt: number | null): AcceptCounts => {
    const { emails, priority, notBefore } = message;
    const counts = { added: 0, duplicates: 0, suppressed: 0 };
    if (message.uuid !== null && uuids.has(message.uuid)) return { ...counts, duplicates: emails.length };
    const firstId = ids.next();
    const name = message.topic ?? NO_TOPIC;
    const contentId = contents.store(message.content);
    const topic = topicFor(name, contentId, dueAt);
    const place = recipients.placeFor(topic, contentId, name === NO_TOPIC);
    for (const email of emails) {
      const address = email.toLowerCase();
      if (!place.take(address, ids.next())) {
        counts.duplicates++;
        continue;
      }
      const suppressed = isSuppressed.get(address) !== undefined;
      const { id, ingestId } = ids.use(topic.id);
      const state = suppressed ? "suppressed" : "pending";
      insert.run(id, topic.id, contentId, ingestId, email, priority, notBefore, state);
      counts[suppressed ? "suppressed" : "added"]++;
    }
    if (message.uuid !== null) uuids.keep(message.uuid, ids.next() > firstId ? firstId : null);
    counters.add(topic.id, "pending", counts.added);
    counters.add(topic.id, "suppressed", counts.suppressed);
    return counts;
  };

  /** Everything that may refuse it is asked before anything is written. */
  const acceptOne = (request: AcceptRequest): AcceptResult => {
    const earlier = request.repeat && answers.find(request.repeat);
    if (earlier) return earlier;
    const problems = refusals(request);
    if (problems.length > 0) return { kind: "refused", problems };
    const dueAt = dueTimes(request.messages);
    const counts = { added: 0, duplicates: 0, suppressed: 0 };
    for (const message of request.messages) {
      const { added, duplicates, suppressed } = add(message, dueAt.get(message.topic) ?? null);
      counts.added += added;
      counts.duplicates += duplicates;
      counts.suppressed += suppressed;
    }
    if (request.repeat) answers.keep(request.repeat, { counts, memo: request.memo });
    return { kind: "stored", counts };
  };

  return {
    accept: (requests: readonly AcceptRequest[]): Promise<AcceptResult[]> =>
      transaction(
        db,
        clock,
        () => {
          counters.begin();
          ids.begin();
          const results = requests.map(acceptOne);
          ids.flush();
          counters.write();
          return results;
        },
        job.onWait,
        PATIENCE_MS,
      ),
    earlier: async (repeat: NonNullable<AcceptRequest["repeat"]>) => answers.find(repeat),
    knownUuids: async (wanted: readonly string[]) => new Set(wanted.filter((uuid) => uuids.has(uuid))),
    accepted: async (uuid: string) => uuids.message(uuid),
    forgetAnswers: (before: number) => answers.forget(before, job.onWait),
  };
}

function refusalOf(name: string, { cancelled_at, endpoint: used }: Topic, endpoint: Endpoint): string | null {
  if (cancelled_at !== null) {
    const command = `ses-mail retry ${JSON.stringify(name)} --state cancelled`;
    return `topic "${name}" is cancelled and takes no further recipients; reopen it with: ${command}`;
  }
  if (used === null || used === endpoint) return null;
  return used === "sandbox"
    ? `topic "${name}" was sent to the sandbox, it cannot go on to Amazon SES; name another topic`
    : `topic "${name}" was sent to Amazon SES, it cannot go on to the sandbox; name another topic`;
}

/** When each topic of the request is due: the earliest of its messages, or null when one goes at once. */
function dueTimes(messages: readonly AcceptMessage[]): Map<string | null, number | null> {
  const times = new Map<string | null, number | null>();
  for (const { topic, notBefore } of messages) {
    const known = times.get(topic);
    if (topic === null || topic === NO_TOPIC || notBefore === 0 || known === null) times.set(topic, null);
    else times.set(topic, Math.min(known ?? notBefore, notBefore));
  }
  return times;
}

/** Who is in which topic with which content (`recipient` in schema.ts). */
function recipientTable(db: Connection) {
  const insert = db.prepare<[string, number, number, number]>(
    "insert into recipient (address, topic_id, variant, message_id) values (?, ?, ?, ?) on conflict do nothing",
  );
  const hadAsOwn = db.prepare<[string, number, number]>(
    `select 1 from recipient r join message m on m.id = r.message_id
     where r.address = ? and r.topic_id = ? and r.variant = 0 and m.content_id = ?`,
  );
  const take = (address: string, topicId: number, variant: number, messageId: number) =>
    insert.run(address, topicId, variant, messageId).changes > 0;

  return {
    /** `take` returns false when the address has this content in this topic already. */
    placeFor(topic: Pick<Topic, "id" | "content_id">, contentId: number, apart: boolean) {
      if (apart) {
        const named = new Set<string>();
        return {
          take(address: string, messageId: number): boolean {
            if (named.has(address)) return false;
            named.add(address);
            return take(address, topic.id, -messageId, messageId);
          },
        };
      }
      if (contentId === topic.content_id) {
        return { take: (address: string, messageId: number) => take(address, topic.id, 0, messageId) };
      }
      return {
        // The content may have been the topic's own before it was replaced.
        take: (address: string, messageId: number) =>
          hadAsOwn.get(address, topic.id, contentId) === undefined && take(address, topic.id, contentId, messageId),
      };
    },
  };
}

function uuidTable(db: Connection, clock: Clock) {
  const insert = db.prepare<[string, number | null, number]>(
    "insert into accepted_uuid (uuid, message_id, accepted_at) values (?, ?, ?)",
  );
  const find = db.prepare<[string]>("select 1 from accepted_uuid where uuid = ?");
  const message = db.prepare<[string], Pick<ExportedMessage, "state" | "sesMessageId" | "error">>(
    `select m.state, m.ses_message_id as sesMessageId, m.error
     from accepted_uuid a join message m on m.id = a.message_id where a.uuid = ?`,
  );
  return {
    has: (uuid: string): boolean => find.get(uuid) !== undefined,
    keep: (uuid: string, messageId: number | null) => void insert.run(uuid, messageId, clock.now()),
    message: (uuid: string) => message.get(uuid) ?? null,
  };
}
