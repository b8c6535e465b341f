/**
 * Forgets a person. The first transaction keeps the hash of the address, and from then on nobody writes to it. The others remove what is
 * kept of the person. When the process is killed in between, the next call removes the rest.
 */
import { setImmediate } from "node:timers/promises";
import { InterruptedError } from "../../errors.ts";
import { isKeptAbout } from "../kept-event.ts";
import { createParts, type RunPart } from "../parts.ts";
import type { DeadLetter, Forgetting, Removed } from "../rows.ts";
import { letterNames } from "../dead-letters.ts";
import { forgottenSuppression } from "../rules/forgotten.ts";
import type { Removal } from "../store.ts";
import { type Connection, type Job, transaction } from "./connection.ts";
import { createRemover } from "./remover.ts";
import { removeUnusedContents } from "./unused-contents.ts";

/** Makes the part of the store that forgets people. */
export function createForget(job: Job, jobId: string): Pick<Removal, "forget"> {
  return {
    async forget(address, signal) {
      const key = address.toLowerCase();
      const inParts = createParts(signal);
      // What is removed is overwritten, too, where it stood.
      job.db.pragma("secure_delete = on");
      const begun = await begin(job, inParts, jobId, key);
      if (begun.kind === "waiting") return begun;
      const removed = await removeMessages(job, inParts, key);
      await removeLeft(job, inParts, key);
      const kept = await removeKept(job, inParts, key, signal);
      await removeLetters(job, inParts, key, signal);
      await removeUnusedContents(job, inParts, signal);
      return { ...begun, messages: removed.messages, events: removed.events + kept };
    },
  };
}

async function begin(job: Job, inParts: RunPart, jobId: string, address: string): Promise<Forgetting> {
  const { db, clock } = job;
  // The messages of an address may be a hundred thousand, so only topics are looked into that have something waiting.
  const read = db.prepare<[{ address: string }], { topic: string; pending: number; sending: number }>(
    `select t.name as topic, sum(m.state = 'pending') as pending, sum(m.state = 'sending') as sending
     from (select topic_id from recipient where address = @address group by topic_id) r
       cross join topic t on t.id = r.topic_id and t.pending + t.sending > 0
       cross join recipient own on own.address = @address and own.topic_id = t.id
       cross join message m on m.id = own.message_id and m.topic_id = t.id
     where m.state in ('pending', 'sending') group by t.id order by t.id`,
  );
  // What is on its way will wait.
  const readArriving = db.prepare<[{ address: string }], { topic: string; pending: number; sending: number }>(
    `select a.topic, 1 as pending, 0 as sending from arriving a
       cross join recipient own on own.address = @address and own.topic_id in (a.topic_id, a.joins)
       cross join message m on m.id = own.message_id and m.topic_id = a.topic_id
     where m.state = 'pending' order by a.topic_id`,
  );
  const waiting = (): Forgetting | null => {
    const topics = [...read.all({ address }), ...readArriving.all({ address })];
    return topics.length > 0 ? { kind: "waiting", topics } : null;
  };
  const keep = db.prepare(
    `insert into suppression (address, list, reason, source, created_at) values (@address, @list, @reason, @source, @now)
     on conflict do nothing`,
  );
  const remove = db.prepare<[string]>("delete from suppression where address = ?");
  // What is read without the lock is read faster with it.
  return (
    waiting() ??
    inParts((_rows, begun) =>
      transaction(job, () => {
        begun();
        const other = waiting();
        if (other !== null) return other;
        keep.run({ ...forgottenSuppression(jobId, address), now: clock.now() });
        return { kind: "forgotten", messages: 0, events: 0, suppressions: remove.run(address).changes };
      }),
    )
  );
}

async function removeMessages(job: Job, inParts: RunPart, address: string): Promise<Removed> {
  const remove = createRemover(job.db);
  const look = job.db
    .prepare<[string, number], number>(
      `select m.id from recipient r join message m on m.id = r.message_id
       where r.address = ? and m.state not in ('pending', 'sending') limit ?`,
    )
    .pluck();
  const sum = { messages: 0, events: 0 };
  while (look.get(address, 1) !== undefined) {
    const { messages, events } = await inParts((most, begun) =>
      transaction(job, () => {
        begun();
        return remove(look.all(address, most), { withRecipients: true, withUuids: true });
      }),
    );
    sum.messages += messages;
    sum.events += events;
  }
  return sum;
}

/** Removes what is left of the address in topics that are being pruned, or were when that was killed: recipients without a message. */
async function removeLeft(job: Job, inParts: RunPart, address: string): Promise<void> {
  const left = `from recipient r where r.address = @address
    and exists (select 1 from topic where id = r.topic_id and pruned_at is not null)
    and not exists (select 1 from message where id = r.message_id)`;
  const look = job.db.prepare<[{ address: string }], 1>(`select 1 ${left} limit 1`).pluck();
  const remove = job.db.prepare<[{ address: string; most: number }]>(
    `delete from recipient where (address, topic_id, variant) in (select r.address, r.topic_id, r.variant ${left} limit @most)`,
  );
  while (look.get({ address }) !== undefined)
    await inParts((most, begun) =>
      transaction(job, () => {
        begun();
        remove.run({ address, most });
      }),
    );
}

/** Removes the kept events that name the address. Returns how many. */
async function removeKept(job: Job, inParts: RunPart, address: string, signal: AbortSignal): Promise<number> {
  const keys = await keysAbout(job.db, address, signal);
  const remove = job.db.prepare<[string]>("delete from unmatched where key = ?");
  let removed = 0;
  for (let at = 0; at < keys.length;) {
    const from = at;
    at += await inParts((most, begun) =>
      transaction(job, () => {
        begun();
        const some = keys.slice(from, from + most);
        for (const key of some) removed += remove.run(key).changes;
        return some.length;
      }),
    );
  }
  return removed;
}

/** Removes the dead letters that name the address. */
async function removeLetters(job: Job, inParts: RunPart, address: string, signal: AbortSignal): Promise<void> {
  const isAbout = letterNames(address);
  const next = job.db.prepare<[number], Pick<DeadLetter, "id" | "body" | "extras">>(
    "select id, body, extras from dead_letter where id > ? order by id limit 1",
  );
  const remove = job.db.prepare<[number]>("delete from dead_letter where id = ?");
  for (let letter = next.get(0); letter !== undefined; letter = next.get(letter.id)) {
    if (signal.aborted) throw new InterruptedError();
    const { id } = letter;
    await setImmediate();
    if (!isAbout(letter)) continue;
    await inParts((_rows, begun) =>
      transaction(job, () => {
        begun();
        remove.run(id);
      }),
    );
  }
}

/** How many kept events one step reads. */
const STEP = 5_000;

async function keysAbout(db: Connection, address: string, signal: AbortSignal): Promise<string[]> {
  const page = db.prepare<[string], { key: string; body: string }>(
    `select key, body from unmatched where key > ? order by key limit ${STEP}`,
  );
  const about = isKeptAbout(address);
  const found: string[] = [];
  for (let after = ""; ;) {
    const rows = page.all(after);
    for (const { key, body } of rows) if (about(body)) found.push(key);
    const last = rows.at(-1);
    if (last === undefined) return found;
    if (signal.aborted) throw new InterruptedError();
    after = last.key;
    await setImmediate();
  }
}
