/** Claiming and settling: the part of the store that `deliver` lives on. */
import { hostname } from "node:os";
import { kill, pid } from "node:process";
import type { Clock } from "../../time/clock.ts";
import { correct, NEW_PACE, type Pace, recover as recoverPace, resume, take, throttle } from "../../deliver/pace.ts";
import type { Settlement, Source, Turn, TurnRequest } from "../../deliver/source.ts";
import type { State } from "../../message.ts";
import { capping } from "./cap.ts";
import { type Connection, transaction } from "./connection.ts";
import { createCounters } from "./counters.ts";
import { dueMessages } from "./due.ts";
import { createProver } from "./prove.ts";
import type { Store } from "../store.ts";
import { waitUntil } from "./waiting.ts";

/** A process that has not renewed its lease for this long is taken for dead even when its pid lives. */
const LEASE_MS = 60_000;
/** How often a turn writes the lease although nothing else changed. */
const RENEW_MS = 5_000;

const LOST = "the process died before the answer of SES came";

interface Job {
  db: Connection;
  clock: Clock;
  onWait: (waitedMs: number) => void;
}

interface ProcessRow {
  id: number;
  host: string;
  pid: number;
  origin: number;
  renewed_mono: number;
  lease_until: number;
}

interface Held {
  topic_id: number;
  state: State;
  claimed_by: number | null;
}

export function claims(job: Job): Source & Pick<Store, "outlook"> & { leave(): void } {
  const { db, clock } = job;
  const counters = createCounters(db);
  const due = dueMessages(db);
  const capOf = capping(db);
  const settle = settling(db, counters);
  const pace = paceRow(db);
  const registry = processes(db, clock);
  const claim = db.prepare<[number, number]>(
    "update message set state = 'sending', claimed_by = ? where id = ? and state = 'pending'",
  );
  const takeEndpoint = db.prepare<[string, number]>("update topic set endpoint = ? where id = ? and endpoint is null");

  const runTurn = (request: TurnRequest): Turn => {
    counters.begin();
    const me = registry.renew();
    const wallNow = clock.now();
    settle(request.settlements, me, wallNow);

    const now = clock.monotonic();
    let state = correct(resume(pace.read(), now), request.departed);
    if (request.throttledAt !== null) state = throttle(state, request.perSecond, request.throttledAt, now);
    state = recoverPace(state, request.perSecond, now);

    const allowed = take(state, request.perSecond, request.room, now);
    // Looks for one even when the rate allows none, to tell "wait for the rate" from "nothing left to do".
    const wanted = request.room > 0 ? Math.max(1, allowed.count) : 0;
    const { recipientCap } = request.scope;
    const cap = recipientCap === undefined ? null : capOf(recipientCap, wallNow);
    const found = wanted > 0 ? due.find(request.scope, wallNow, wanted, cap) : [];
    cap?.write();
    const taken = found.slice(0, allowed.count);
    for (const row of taken) {
      claim.run(me, row.id);
      counters.move(row.topicId, "pending", "sending");
    }
    for (const topicId of new Set(taken.map((row) => row.topicId))) takeEndpoint.run(request.scope.endpoint, topicId);
    const after = take(state, request.perSecond, taken.length, now);
    // A look that changed nothing is not worth a durable commit.
    const changed = taken.length > 0 || request.throttledAt !== null || request.departed.length > 0;
    if (changed || request.settlements.length > 0) pace.write(after.pace);
    counters.write();
    return {
      claims: taken,
      at: after.pace.departures.at(-1)?.[0] ?? now,
      rateWaitMs: request.room > 0 && found.length > 0 ? after.waitMs : null,
      drained: found.length < wanted && cap?.isExhausted() !== true,
      perSecond: after.perSecond,
    };
  };

  return {
    async turn(request) {
      try {
        const turn = await transaction(db, clock, () => runTurn(request), job.onWait);
        registry.confirm();
        return turn;
      } catch (error) {
        registry.revoke();
        throw error;
      }
    },

    async recover() {
      if (registry.dead().length === 0) return 0;
      return transaction(db, clock, () => {
        counters.begin();
        // Read again inside the transaction: another process may have recovered them meanwhile.
        const count = registry.dead().reduce((sum, row) => sum + loseAll(db, counters, row.id, clock.now()), 0);
        counters.write();
        return count;
      });
    },

    outlook: async (scope) => due.outlook(scope, clock.now()),

    countLate: async (scope) => due.countLate(scope, clock.now()),

    leave: () => registry.leave(),
  };
}

/** Writes answers. Each write names the state it leaves, so an answer that comes too late changes nothing it must not. */
function settling(db: Connection, counters: ReturnType<typeof createCounters>) {
  const held = db.prepare<[number], Held>("select topic_id, state, claimed_by from message where id = ?");
  // An attempt was counted already when the message was put in doubt.
  const sent = db.prepare<[string, number, number, State, number | null]>(
    `update message set state = 'sent', claimed_by = null, attempts = attempts + (state = 'sending'), ses_message_id = ?, sent_at = ?, error = null
     where id = ? and state = ? and claimed_by is ?`,
  );
  const sentOfTopic = db.prepare<[{ now: number; id: number }]>(
    `update topic set first_sent_at = min(ifnull(first_sent_at, @now), @now), last_sent_at = max(ifnull(last_sent_at, @now), @now)
     where id = @id`,
  );
  const ended = db.prepare<[string, string, number]>(
    "update message set state = ?, claimed_by = null, attempts = attempts + (state = 'sending'), error = ? where id = ?",
  );
  const putBack = db.prepare<
    [{ to: State; notBefore: number | null; tried: number; error: string | null; id: number }]
  >(
    `update message set state = @to, claimed_by = null, attempts = attempts + @tried, error = @error,
       not_before = ifnull(${waitUntil("@notBefore")}, not_before)
     where id = @id`,
  );
  // A topic cancelled, or an address suppressed, while the call was under way: the message does not go back to pending.
  const destination = db
    .prepare<[number], State>(
      `select case
         when exists (select 1 from suppression where address = lower(m.email)) then 'suppressed'
         when t.cancelled_at is not null then 'cancelled'
         else 'pending' end
       from message m join topic t on t.id = m.topic_id where m.id = ?`,
    )
    .pluck();

  const { proveNoted } = createProver(db, counters);

  const settleOne = (settlement: Settlement, me: number, now: number): void => {
    const { id } = settlement;
    // Nearly all answers: one statement instead of two.
    if (settlement.kind === "sent" && sent.run(settlement.sesMessageId, now, id, "sending", me).changes > 0) {
      counters.move(settlement.topicId, "sending", "sent");
      return;
    }
    const row = held.get(id);
    if (!row) return;
    const mine = row.state === "sending" && row.claimed_by === me;
    if (mine && proveNoted(id, now)) return;
    // Our lease ran out and somebody put it in doubt; now we do know.
    const lateProof = row.state === "in_doubt" && (settlement.kind === "sent" || settlement.kind === "failed");
    if (!mine && !lateProof) return;
    switch (settlement.kind) {
      case "sent":
        sent.run(settlement.sesMessageId, now, id, row.state, row.claimed_by);
        counters.move(row.topic_id, row.state, "sent");
        return;
      case "failed":
      case "in_doubt":
        ended.run(settlement.kind, settlement.error, id);
        counters.move(row.topic_id, row.state, settlement.kind);
        return;
      case "put_back": {
        const to = destination.get(id) ?? "pending";
        const { notBefore, attempted, error } = settlement;
        putBack.run({ to, notBefore, tried: attempted ? 1 : 0, error, id });
        counters.move(row.topic_id, row.state, to);
      }
    }
  };

  return (settlements: Settlement[], me: number, now: number): void => {
    const topicIds = new Set<number>();
    for (const settlement of settlements) {
      settleOne(settlement, me, now);
      if (settlement.kind === "sent") topicIds.add(settlement.topicId);
    }
    for (const id of topicIds) sentOfTopic.run({ now, id });
  };
}

/** Puts in doubt what the process left in flight; what an event proves was sent is sent. Returns how many are in doubt. */
function loseAll(db: Connection, counters: ReturnType<typeof createCounters>, processId: number, now: number): number {
  const { proveNoted } = createProver(db, counters);
  const lose = db.prepare<[string, number]>(
    "update message set state = 'in_doubt', claimed_by = null, attempts = attempts + 1, error = ? where id = ?",
  );
  const rows = db
    .prepare<[number], Held & { id: number }>(
      "select id, topic_id, state, claimed_by from message where claimed_by = ? and state = 'sending'",
    )
    .all(processId);
  let lost = 0;
  for (const row of rows) {
    if (proveNoted(row.id, now)) continue;
    lose.run(LOST, row.id);
    counters.move(row.topic_id, "sending", "in_doubt");
    lost++;
  }
  db.prepare("delete from process where id = ?").run(processId);
  return lost;
}

function paceRow(db: Connection) {
  const read = db.prepare<[], string>("select state from pace").pluck();
  const update = db.prepare<[string]>("update pace set state = ?");
  const insert = db.prepare<[string]>("insert into pace (state) values (?)");
  return {
    read: (): Pace => {
      const state = read.get();
      return state === undefined ? NEW_PACE : (JSON.parse(state) as Pace);
    },
    write(pace: Pace) {
      const state = JSON.stringify(pace);
      if (update.run(state).changes === 0) insert.run(state);
    },
  };
}

/** This process's row, made when it first claims, and the rows of those that died. */
function processes(db: Connection, clock: Clock) {
  const host = hostname();
  const origin = performance.timeOrigin;
  const all = db.prepare<[], ProcessRow>("select * from process");
  const insert = db.prepare<[string, number, number, number, number]>(
    "insert into process (host, pid, origin, renewed_mono, lease_until) values (?, ?, ?, ?, ?)",
  );
  const renew = db.prepare<[number, number, number]>(
    "update process set renewed_mono = ?, lease_until = ? where id = ?",
  );
  const exists = db.prepare<[number]>("select 1 from process where id = ?");
  let me: number | null = null;
  let renewedAt = 0;
  /** False while the row of `me` was inserted but not committed. */
  let registered = false;

  const isDead = (row: ProcessRow): boolean => {
    if (row.id === me) return false;
    // Another machine's boot clock says nothing here.
    if (row.host !== host) return row.lease_until < clock.now();
    const silentMs = clock.monotonic() - row.renewed_mono;
    const rebooted = silentMs < 0;
    const recycledPid = row.pid === pid && row.origin !== origin;
    // By the boot clock, so that setting the wall clock kills nobody.
    return rebooted || recycledPid || silentMs > LEASE_MS || !isAlive(row.pid);
  };

  return {
    renew(): number {
      const now = clock.monotonic();
      // Somebody took us for dead (the machine slept): what we held is in doubt. What we claim under a name that is
      // gone nobody would ever take in, so start afresh.
      if (me !== null && exists.get(me) === undefined) me = null;
      if (me !== null && now - renewedAt < RENEW_MS) return me;
      const leaseUntil = Math.round(clock.now() + LEASE_MS);
      renewedAt = now;
      if (me !== null) {
        renew.run(now, leaseUntil, me);
        return me;
      }
      registered = false;
      me = Number(insert.run(host, pid, origin, now, leaseUntil).lastInsertRowid);
      return me;
    },
    confirm() {
      registered = true;
    },
    /** The transaction failed: a row it inserted is not there, and a renewal in it did not happen. */
    revoke() {
      if (!registered) me = null;
      renewedAt = -Infinity;
    },
    dead: () => all.all().filter(isDead),
    leave() {
      if (me === null) return;
      try {
        db.prepare(
          "delete from process where id = ? and not exists (select 1 from message where claimed_by = ? and state = 'sending')",
        ).run(me, me);
      } catch {
        // Locked, or the disk is full: whoever comes next sees that we are gone.
      }
      me = null;
    },
  };
}

function isAlive(processId: number): boolean {
  try {
    kill(processId, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, but belongs to somebody else.
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}
