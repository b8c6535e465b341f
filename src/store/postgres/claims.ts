/** Claims messages and writes answers: the source of the send loop. */
import type { Source } from "../../deliver/source.ts";
import type { Reader, Topics } from "../store.ts";
import { type Job, snapshot } from "./connection.ts";
import { transaction } from "./transaction.ts";
import { claimOf, findDue, glance, outlookOf } from "./due.ts";
import { lookFromStart } from "./follow.ts";
import { hasExpired, sweepExpired } from "./expiry.ts";
import { createListener } from "./notify.ts";
import { createPauses } from "./pauses.ts";
import { bury, fatesOf, leave } from "./processes.ts";
import { loseAll } from "./settle.ts";
import { createCounters } from "./state-counters.ts";
import { questions } from "./questions.ts";
import { topicIdOf } from "./topic-ids.ts";
import { createTurns } from "./turn.ts";
import { NONE_EXPIRED, Untold } from "../rules/expiry.ts";

/** How long the loop keeps answers while the server is away: long enough for somebody to fail over to another one. */
const PATIENCE_MS = 600_000;
/** A message to a suppressed address is not the next one, so `peek` reads some more. */
const PEEKED = 10;
/** The longest that `leave` waits. */
const TIDY_MS = 2_000;

/**
 * Makes the source of one handle on a job. `leave` is to be called before the handle is closed; it never throws. `recoverAtOpen` is
 * `recover` that cancels nothing, so that whoever sends next is told of what has expired.
 */
export function createClaims(
  job: Job,
): Source &
  Required<Pick<Source, "onChange">> &
  Pick<Reader, "peek"> &
  Pick<Topics, "expire"> & { leave(): Promise<void>; recoverAtOpen(): Promise<number> } {
  const { time, handle } = job;
  const ask = questions(job);
  const turns = createTurns(job);
  const pauses = createPauses();
  const untold = new Untold();
  const listener = createListener(job);

  const recover = async (alsoExpired: boolean): Promise<number> => {
    const now = time.now();
    const fates = await fatesOf(ask, handle.id(), now);
    const hasWork = fates.dead.length + fates.useless.length > 0 || fates.isSilent;
    const isIdle = !hasWork && !(await pauses.areAhead(ask, now.wall));
    if (isIdle && !(alsoExpired && (await hasExpired(ask, now.wall)))) return 0;
    const [lost, swept] = await transaction(job, async (tx) => {
      const counters = createCounters();
      await pauses.beginAgain(tx, tx.now.wall);
      const { byTopic } = alsoExpired ? await sweepExpired(tx, counters) : NONE_EXPIRED;
      // Read again inside the transaction: another process may have recovered them meanwhile.
      const found = await fatesOf(tx.query, tx.me, tx.now);
      const count = await loseAll(tx, counters, found.dead, tx.now.wall);
      await bury(tx, found);
      await counters.write(tx);
      return [count, byTopic] as const;
    });
    untold.add(swept);
    return lost;
  };

  return {
    name: `the database ${job.name}`,
    patienceMs: PATIENCE_MS,
    async turn(request) {
      const turn = await turns.take(request);
      if (untold.isEmpty()) return turn;
      const { topic } = request.scope;
      const topicId = topic === null ? null : await topicIdOf(ask, topic, job.name).catch(() => undefined);
      return { ...turn, expired: turn.expired + untold.take(topicId) };
    },

    recover: () => recover(true),
    recoverAtOpen: () => recover(false),

    async expire(topic) {
      const topicId = topic === null ? null : await topicIdOf(ask, topic, job.name);
      if (!(await hasExpired(ask, time.now().wall))) return { expired: untold.take(topicId), more: false };
      const { byTopic, more } = await transaction(job, async (tx) => {
        const counters = createCounters();
        const part = await sweepExpired(tx, counters);
        await counters.write(tx);
        return part;
      });
      untold.add(byTopic);
      return { expired: untold.take(topicId), more };
    },

    // A turn tells what was cancelled since the one before.
    nextDueInMs: async (scope) => (untold.isEmpty() ? (await glance(ask, scope, time.now())).nextInMs : 0),

    outlook: (scope) => snapshot(job, (query) => outlookOf(query, scope, time.now())),

    async peek(scope) {
      const { found } = await findDue(ask, scope, time.now(), { limit: PEEKED });
      const next = found.find(({ suppressed }) => !suppressed);
      return next === undefined ? null : claimOf(job, next, job.clock.monotonic());
    },

    onChange: (hear) =>
      listener.onChange(() => {
        lookFromStart(job);
        hear();
      }),

    async leave() {
      listener.close();
      // Otherwise claims that the loop never saw would be in doubt.
      await Promise.race([turns.tidy().catch(() => undefined), soon(TIDY_MS)]);
      await leave(job);
    },
  };
}

async function soon(ms: number): Promise<void> {
  await new Promise<void>((resolve) => setTimeout(resolve, ms).unref());
}
