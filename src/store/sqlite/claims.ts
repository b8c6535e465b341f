/** Claims messages and writes answers: the source of the send loop. */
import type { Claim, Scope, Source, Turn, TurnRequest } from "../../deliver/source.ts";
import { allow, type Allowance, createTurnMemory, spend, type TurnMemory } from "../../deliver/turn.ts";
import { type CapTurn, createCaps } from "./cap.ts";
import { type Connection, type Job, transaction } from "./connection.ts";
import { type Counters, createCounters } from "./state-counters.ts";
import { createDue, type Due, type Looked } from "./due.ts";
import { createExpiry, type Expiry } from "./expiry.ts";
import { createEndpoints } from "./endpoints.ts";
import { createPaceRow } from "./pace-row.ts";
import type { Now } from "../rules/due.ts";
import { createPastExpired } from "./past-expired.ts";
import { createPauses, type Pauses } from "./pauses.ts";
import { createProcesses, type Processes } from "./processes.ts";
import { createWorkers } from "./workers.ts";
import { createSteady, type Steady } from "./steady.ts";
import { later } from "../rules/reserve.ts";
import { createBulkRoom } from "./reserve.ts";
import { createSettler, type Settler } from "./settle.ts";
import { PATIENCE_MS, sourceNameOf } from "./source-name.ts";
import type { Waiting } from "./waiting-index.ts";
import { type ByTopic, expiresInMs, NONE_EXPIRED, ofTopic, Untold } from "../rules/expiry.ts";
import type { Reader, Topics, Workers } from "../store.ts";

/** What the handle remembers of a turn once it is committed. */
interface Done {
  turn: Turn;
  /** When its claims are counted, and until when their calls may leave (ms of the store's clock); null: it has none. */
  counted: { at: number; latest: number } | null;
  now: number;
}

/**
 * Makes the source of one handle on a job file. `leave` is to be called before the handle is closed; it never throws. `recoverAtOpen` is
 * `recover` that cancels nothing, so that whoever sends next is told of what has expired.
 */
export function createClaims(
  job: Job,
): Source &
  Pick<Reader, "peek"> &
  Pick<Topics, "expire"> &
  Workers & { leave(): void; recoverAtOpen(): Promise<number> } {
  const { db, clock } = job;
  const counters = createCounters(db);
  const due = createDue(db);
  const processes = createProcesses(db, clock);
  const settler = createSettler(db, counters);
  const expiry = createExpiry(db, counters);
  const untold = new Untold();
  const bulkRoom = createBulkRoom(db);
  const topicId = db.prepare<[string], number>("select id from topic where name = ?").pluck();
  const idOf = (name: string | null): number | null | undefined => (name === null ? null : topicId.get(name));
  const pauses = createPauses(db);
  const memory = createTurnMemory();
  const steady = createSteady(db, clock);
  const both = () => ({ wall: clock.now(), steady: steady.now() });
  const takeTurn = createTurn(job, {
    counters,
    due,
    expiry,
    bulkRoom,
    idOf,
    pauses,
    processes,
    settler,
    memory,
    steady,
  });
  let number = 0;
  /** For the loop that waits for mail: it claims nothing meanwhile, and would not notice. */
  const refuseWhenLost = (): void => {
    const lost = job.place.lost();
    if (lost !== null) throw lost;
  };

  const recover = async (alsoExpired: boolean): Promise<number> => {
    refuseWhenLost();
    const isIdle = processes.dead().length === 0 && !pauses.areAhead(clock.now());
    if (isIdle && !(alsoExpired && expiry.isDue(clock.now()))) return 0;
    let swept: ByTopic = new Map();
    const lost = await transaction(job, () => {
      counters.begin();
      pauses.beginAgain(clock.now());
      if (alsoExpired) swept = expiry.sweep(clock.now()).byTopic;
      // Read again inside the transaction: another process may have recovered them meanwhile.
      const count = processes.dead().reduce((sum, row) => sum + settler.loseAll(row.id, clock.now()), 0);
      counters.write();
      return count;
    });
    untold.add(swept);
    return lost;
  };

  return {
    name: sourceNameOf(db),
    patienceMs: PATIENCE_MS,

    async turn(request) {
      const calledAt = clock.monotonic();
      try {
        const done = await transaction(job, () => takeTurn(++number, request, calledAt), {
          // Nobody can ask SES for an answer again, so they are worth a longer wait, and a write to a file that was moved away.
          isPatient: request.settlements.length > 0,
          evenWhenLost: request.room === 0 && request.settlements.length > 0,
        });
        processes.confirm();
        if (done.counted) memory.keep(done.turn.number, done.counted, done.now);
        if (!untold.isEmpty()) done.turn.expired += untold.take(idOf(request.scope.topic));
        return done.turn;
      } catch (error) {
        processes.revoke();
        throw error;
      }
    },

    recover: () => recover(true),
    recoverAtOpen: () => recover(false),

    async expire(topic) {
      const sweep = () => {
        counters.begin();
        const part = expiry.sweep(clock.now());
        counters.write();
        return part;
      };
      const { byTopic, more } = expiry.isDue(clock.now()) ? await transaction(job, sweep) : NONE_EXPIRED;
      untold.add(byTopic);
      return { expired: untold.take(idOf(topic)), more };
    },

    async nextDueInMs(scope) {
      refuseWhenLost();
      // A turn tells what was cancelled since the one before.
      if (!untold.isEmpty()) return 0;
      const now = both();
      return due.nextInMs(scope, now, {
        bulk: bulkRoom(scope, now.wall),
        alive: expiry.isMany(now.wall) ? -1 : now.wall,
      });
    },

    outlook: async (scope) => due.outlook(scope, both()),

    ...createWorkers(job, processes),

    async peek(scope) {
      const [next] = due.find(scope, both(), { limit: 1, cap: null, bulk: Infinity }).found;
      return next === undefined ? null : claimOf(next, clock.now(), 0);
    },

    leave: () => processes.leave(),
  };
}

const NOTHING: Looked = { found: [], reserved: null };

/** What the source hands out. The turn was called `agoMs` before `now` (ms since the epoch). */
function claimOf(message: Waiting, now: number, agoMs: number): Claim {
  const { id, topicId, contentId, ingestId, email, fields, attempts, expiresAt } = message;
  const expires = expiresInMs(expiresAt, { now, agoMs });
  return { id, topicId, contentId, ingestId, email, fields, attempts, expiresInMs: expires };
}

interface Parts {
  counters: Counters;
  due: Due;
  expiry: Expiry;
  bulkRoom: ReturnType<typeof createBulkRoom>;
  /** The id of a topic; null for all of them, undefined when there is none of this name. */
  idOf: (name: string | null) => number | null | undefined;
  pauses: Pauses;
  processes: Processes;
  settler: Settler;
  memory: TurnMemory;
  steady: Steady;
}

/** Makes what writes that process `me` holds these messages, which are pending. It leaves the counters to the caller. */
function createClaimWriter(db: Connection): (claims: readonly Waiting[], me: number) => void {
  const take = db.prepare<[me: number, first: number, last: number]>(
    "update message not indexed set state = 'sending', claimed_by = ? where id between ? and ? and state = 'pending'",
  );
  return (claims, me) => {
    for (const [first, last] of runsOf(claims)) take.run(me, first, last);
  };
}

/** The ids in runs that have no gap, first and last: a turn is mostly one run, and a statement costs more to begin than to change a row. */
function runsOf(claims: readonly Waiting[]): [first: number, last: number][] {
  const runs: [first: number, last: number][] = [];
  for (const { id } of claims) {
    const run = runs.at(-1);
    if (run !== undefined && run[1] === id - 1) run[1] = id;
    else runs.push([id, id]);
  }
  return runs;
}

/** Makes the function that takes one turn. It has to be called inside a transaction. */
function createTurn({ db, clock }: Job, parts: Parts) {
  const { counters, due, expiry, bulkRoom, idOf, pauses, processes, settler, memory, steady } = parts;
  const pace = createPaceRow(db);
  const capOf = createCaps(db);
  const pastExpired = createPastExpired(db);
  const endpoints = createEndpoints(db, counters);
  const claim = createClaimWriter(db);

  const takeAll = (claims: readonly Waiting[], me: number): void => {
    claim(claims, me);
    for (const { topicId } of claims) counters.move(topicId, "pending", "sending");
  };

  /** Finds what is due, and turns the topics of the first `most` messages to where they go now. */
  const look = (scope: Scope, now: Now, { wanted, most }: Allowance): Looked & { cap: CapTurn | null } => {
    const isMany = expiry.isMany(now.wall);
    if (!isMany) pastExpired.forget();
    const bulk = wanted > 0 ? bulkRoom(scope, now.wall) : 0;
    for (;;) {
      const cap = scope.recipientCap === undefined ? null : capOf(scope.recipientCap, now);
      const past = isMany ? pastExpired.look(now) : undefined;
      const { found, reserved } =
        wanted > 0 ? due.find(scope, now, { limit: wanted, cap, bulk, ...(past && { past }) }) : NOTHING;
      const topics = [...new Set(found.slice(0, most).map((row) => row.topicId))];
      const suppressed = topics.reduce((sum, topicId) => sum + endpoints.turn(topicId, scope.endpoint), 0);
      // A topic that begins to be rehearsed loses messages that other rehearsals suppressed, so look again.
      if (suppressed === 0) return { found, reserved, cap };
    }
  };

  return (number: number, request: TurnRequest, calledAt: number): Done => {
    const { settlements, room, perSecond, withinMs, scope, departed, throttledAgoMs } = request;
    counters.begin();
    const me = processes.renew(perSecond);
    steady.keep();
    const instant = { wall: clock.now(), steady: steady.now() };
    pauses.beginAgain(instant.wall);
    const late = settler.settle(settlements, me, instant);
    const { byTopic, more } = expiry.sweep(instant.wall);

    const now = clock.monotonic();
    const shifts = memory.shiftsOf(departed, calledAt);
    const throttledAt = throttledAgoMs === null ? null : calledAt - throttledAgoMs;
    const allowed = allow(pace.read(), { perSecond, room, shifts, withinMs, throttledAt }, now);
    const { found, reserved, cap } = look(later(scope, now - calledAt), instant, allowed);
    cap?.write();
    const taken = found.slice(0, allowed.most);
    takeAll(taken, me);
    // A run must not end before everything that has expired is cancelled.
    const cutShort = cap?.isExhausted() === true || more;
    const spent = spend(allowed, { count: found.length, cutShort });
    // A look that changed nothing must not write, because a write costs a durable commit.
    const learnt = throttledAt !== null || shifts.length > 0 || allowed.isNew;
    if (taken.length > 0 || learnt || settlements.length > 0) pace.write(spent.pace);
    counters.write();

    const { rateWaitMs, drained, perSecond: inForce, countedAt: at } = spent;
    const validForMs = Math.min(processes.validUntil(), now + withinMs) - calledAt;
    const claims = taken.map((row) => claimOf(row, instant.wall, now - calledAt));
    // Mostly nothing has expired, and then nobody need know the topic.
    const topicId = late.size + byTopic.size === 0 ? undefined : idOf(scope.topic);
    const expired = ofTopic(late, topicId) + ofTopic(byTopic, topicId);
    const isMoving = drained && due.isMoving(scope, instant);
    const turn = { number, claims, validForMs, rateWaitMs, drained, isMoving, reserved, expired, perSecond: inForce };
    return { turn, counted: claims.length > 0 ? { at, latest: at + withinMs } : null, now };
  };
}
