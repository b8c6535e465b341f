/**
 * Forgets a person. The first transaction keeps the hash of the address, and from then on nobody writes to it. The others remove what is
 * kept of the person. When the process is killed in between, the next call removes the rest.
 */
import { InterruptedError } from "../../errors.ts";
import { isKeptAbout } from "../kept-event.ts";
import { createParts, type RunPart } from "../parts.ts";
import type { DeadLetter, Forgetting, Removed } from "../rows.ts";
import { letterNames } from "../dead-letters.ts";
import { forgottenSuppression } from "../rules/forgotten.ts";
import type { Removal } from "../store.ts";
import { numbers } from "./arrays.ts";
import { byIndex } from "./by-index.ts";
import { type Job, read } from "./connection.ts";
import { forgetEvents } from "./prune.ts";
import { removeMessages } from "./remover.ts";
import { keyOf } from "./suppressor.ts";
import { transaction, type Tx } from "./transaction.ts";
import { removeUnusedContents } from "./unused-contents.ts";

/** Makes the part of the store that forgets people. */
export function createForget(job: Job, jobId: string): Pick<Removal, "forget"> {
  return {
    async forget(address, signal) {
      const key = keyOf(address);
      const inParts = createParts(signal);
      const begun = await inParts(() => transaction(job, (tx) => begin(tx, jobId, key)));
      if (begun.kind === "waiting") return begun;
      const removed = await removeAll(job, inParts, key);
      const kept = await removeKept(job, inParts, key, signal);
      await removeLetters(job, inParts, key, signal);
      await removeUnusedContents(job, inParts, signal);
      return { ...begun, messages: removed.messages, events: removed.events + kept };
    },
  };
}

const ITS_MESSAGES = `from (select message_id from sm.recipient where address = $1 offset 0) r
  cross join lateral (select id, topic_id, state from sm.message where id = r.message_id limit 1) m`;

async function begin(tx: Tx, jobId: string, address: string): Promise<Forgetting> {
  await byIndex(tx.query);
  const topics = await tx.query<{ topic: string; pending: number; sending: number }>(
    `select t.name as topic, count(*) filter (where m.state = 'pending')::int8 as pending,
       count(*) filter (where m.state = 'sending')::int8 as sending
     ${ITS_MESSAGES} join sm.topic t on t.id = m.topic_id
     where m.state in ('pending', 'sending') group by t.id, t.name order by t.id`,
    [address],
  );
  if (topics.length > 0) return { kind: "waiting", topics };
  const kept = forgottenSuppression(jobId, address);
  await tx.run(
    `insert into sm.suppression (address, list, reason, source, created_at) values ($1, $2, $3, $4, $5)
     on conflict do nothing`,
    [kept.address, kept.list, kept.reason, kept.source, tx.now.wall],
  );
  const suppressions = await tx.run("delete from sm.suppression where address = $1", [address]);
  return { kind: "forgotten", messages: 0, events: 0, suppressions };
}

async function removeAll(job: Job, inParts: RunPart, address: string): Promise<Removed> {
  const sum = { messages: 0, events: 0 };
  for (;;) {
    const { messages, events } = await inParts((most, begun) =>
      transaction(job, async (tx) => {
        begun();
        await byIndex(tx.query);
        const found = await tx.query<{ id: number }>(
          `select m.id ${ITS_MESSAGES} where m.state not in ('pending', 'sending') limit ${most}`,
          [address],
        );
        return removeMessages(
          tx,
          found.map(({ id }) => id),
          { withUuids: true },
        );
      }),
    );
    if (messages === 0) return sum;
    sum.messages += messages;
    sum.events += events;
  }
}

/** How many kept events one step reads. */
const STEP = 5_000;

/** Removes the kept events that name the address. Returns how many. */
async function removeKept(job: Job, inParts: RunPart, address: string, signal: AbortSignal): Promise<number> {
  const about = isKeptAbout(address);
  let removed = 0;
  for (let after: string | null = ""; after !== null;) {
    if (signal.aborted) throw new InterruptedError();
    const page: { key: string; body: string }[] = await read(
      job,
      `select key, body from sm.unmatched where key > $1 order by key limit ${STEP}`,
      [after],
    );
    const keys = page.filter(({ body }) => about(body)).map(({ key }) => key);
    if (keys.length > 0) removed += await inParts((_rows, begun) => forgetEvents(job, keys, begun));
    after = page.at(-1)?.key ?? null;
  }
  return removed;
}

/** A page of dead letters ends when it has so many bytes, or is so long. */
const [PAGE_BYTES, PAGE_ROWS] = [4_194_304, 200];

const LETTERS = `select id, body, extras from (
    select id, body, extras, sum(octet_length(body)) over (order by id) - octet_length(body) as before
    from (select id, body, extras from sm.dead_letter where id > $1::bigint order by id limit ${PAGE_ROWS}) next
  ) page where before < ${PAGE_BYTES} order by id`;

/** Removes the dead letters that name the address. */
async function removeLetters(job: Job, inParts: RunPart, address: string, signal: AbortSignal): Promise<void> {
  const isAbout = letterNames(address);
  for (let after: number | null = 0; after !== null;) {
    if (signal.aborted) throw new InterruptedError();
    const page: Pick<DeadLetter, "id" | "body" | "extras">[] = await read(job, LETTERS, [after]);
    const ids = numbers(page.filter(isAbout).map(({ id }) => id));
    if (ids !== "{}")
      await inParts((_rows, begun) =>
        transaction(job, (tx) => {
          begun();
          return tx.run("delete from sm.dead_letter where id = any($1::bigint[])", [ids]);
        }),
      );
    after = page.at(-1)?.id ?? null;
  }
}
