/** Claims messages and writes answers: the source of the send loop. */
import type { Claim, Scope, Source, Turn, TurnRequest } from "../../deliver/source.ts";
import { allow, type Allowance, createTurnMemory, spend, type TurnMemory } from "../../deliver/turn.ts";
import { type CapTurn, createCaps } from "./cap.ts";
import { type Job, transaction } from "./connection.ts";
import { type Counters, createCounters } from "./state-counters.ts";
import { createDue, type Due } from "./due.ts";
import { fileOf } from "./image.ts";
import { createEndpoints } from "./endpoints.ts";
import { createPaceRow } from "./pace-row.ts";
import type { Now } from "../rules/due.ts";
import { createPauses, type Pauses } from "./pauses.ts";
import { createProcesses, type Processes } from "./processes.ts";
import { createWorkers } from "./workers.ts";
import { createSteady, type Steady } from "./steady.ts";
import { createSettler, type Settler } from "./settle.ts";
import type { Reader, Workers } from "../store.ts";

/** How long the loop keeps answers while the disk is full or the file cannot be written to: long enough to make room. */
const PATIENCE_MS = 30_000;

/** What the handle remembers of a turn once it is committed. */
interface Done {
  turn: Turn;
  /** When its claims are counted, and until when their calls may leave (ms of the store's clock); null: it has none. */
  counted: { at: number; latest: number } | null;
  now: number;
}

/** Makes the source of one handle on a job file. `leave` is to be called before the handle is closed; it never throws. */
export function createClaims(job: Job): Source & Pick<Reader, "peek"> & Workers & { leave(): void } {
  const { db, clock } = job;
  const counters = createCounters(db);
  const due = createDue(db);
  const processes = createProcesses(db, clock);
  const settler = createSettler(db, counters);
  const pauses = createPauses(db);
  const memory = createTurnMemory();
  const steady = createSteady(db, clock);
  const both = () => ({ wall: clock.now(), steady: steady.now() });
  const takeTurn = createTurn(job, { counters, due, pauses, processes, settler, memory, steady });
  let number = 0;
  /** For the loop that waits for mail: it claims nothing meanwhile, and would not notice. */
  const refuseWhenLost = (): void => {
    const lost = job.place.lost();
    if (lost !== null) throw lost;
  };

  return {
    name: `the job file ${fileOf(db)}`,
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
        return done.turn;
      } catch (error) {
        processes.revoke();
        throw error;
      }
    },

    async recover() {
      refuseWhenLost();
      if (processes.dead().length === 0 && !pauses.areAhead(clock.now())) return 0;
      return transaction(job, () => {
        counters.begin();
        pauses.beginAgain(clock.now());
        // Read again inside the transaction: another process may have recovered them meanwhile.
        const count = processes.dead().reduce((sum, row) => sum + settler.loseAll(row.id, clock.now()), 0);
        counters.write();
        return count;
      });
    },

    async nextDueInMs(scope) {
      refuseWhenLost();
      return due.nextInMs(scope, both());
    },

    outlook: async (scope) => due.outlook(scope, both()),

    ...createWorkers(job, processes),

    peek: async (scope) => due.find(scope, both(), 1, null)[0] ?? null,

    leave: () => processes.leave(),
  };
}

interface Parts {
  counters: Counters;
  due: Due;
  pauses: Pauses;
  processes: Processes;
  settler: Settler;
  memory: TurnMemory;
  steady: Steady;
}

/** Makes the function that takes one turn. It has to be called inside a transaction. */
function createTurn({ db, clock }: Job, { counters, due, pauses, processes, settler, memory, steady }: Parts) {
  const pace = createPaceRow(db);
  const capOf = createCaps(db);
  const claim = db.prepare<[number, number]>(
    "update message set state = 'sending', claimed_by = ? where id = ? and state = 'pending'",
  );
  const endpoints = createEndpoints(db, counters);

  const takeAll = (claims: readonly Claim[], me: number): void => {
    for (const row of claims) {
      claim.run(me, row.id);
      counters.move(row.topicId, "pending", "sending");
    }
  };

  /** Finds what is due, and turns the topics of the first `most` messages to where they go now. */
  const look = (scope: Scope, now: Now, { wanted, most }: Allowance): { found: Claim[]; cap: CapTurn | null } => {
    for (;;) {
      const cap = scope.recipientCap === undefined ? null : capOf(scope.recipientCap, now);
      const found = wanted > 0 ? due.find(scope, now, wanted, cap) : [];
      const topics = [...new Set(found.slice(0, most).map((row) => row.topicId))];
      const suppressed = topics.reduce((sum, topicId) => sum + endpoints.turn(topicId, scope.endpoint), 0);
      // A topic that begins to be rehearsed loses messages that other rehearsals suppressed, so look again.
      if (suppressed === 0) return { found, cap };
    }
  };

  return (number: number, request: TurnRequest, calledAt: number): Done => {
    const { settlements, room, perSecond, withinMs, scope, departed, throttledAgoMs } = request;
    counters.begin();
    const me = processes.renew(perSecond);
    steady.keep();
    const instant = { wall: clock.now(), steady: steady.now() };
    pauses.beginAgain(instant.wall);
    settler.settle(settlements, me, instant);

    const now = clock.monotonic();
    const shifts = memory.shiftsOf(departed, calledAt);
    const throttledAt = throttledAgoMs === null ? null : calledAt - throttledAgoMs;
    const allowed = allow(pace.read(), { perSecond, room, shifts, withinMs, throttledAt }, now);
    const { found, cap } = look(scope, instant, allowed);
    cap?.write();
    const claims = found.slice(0, allowed.most);
    takeAll(claims, me);
    const spent = spend(allowed, { count: found.length, cutShort: cap?.isExhausted() === true });
    // A look that changed nothing must not write, because a write costs a durable commit.
    const learnt = throttledAt !== null || shifts.length > 0 || allowed.isNew;
    if (claims.length > 0 || learnt || settlements.length > 0) pace.write(spent.pace);
    counters.write();

    const { rateWaitMs, drained, perSecond: inForce, countedAt: at } = spent;
    const validForMs = Math.min(processes.validUntil(), now + withinMs) - calledAt;
    const turn = { number, claims, validForMs, rateWaitMs, drained, perSecond: inForce };
    return { turn, counted: claims.length > 0 ? { at, latest: at + withinMs } : null, now };
  };
}
