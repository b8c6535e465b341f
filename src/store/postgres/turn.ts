/** Takes the turns of one handle: writes answers, and claims messages, in one durable transaction. */
import pLimit from "p-limit";
import type { Claim, Scope, Settlement, Turn, TurnRequest } from "../../deliver/source.ts";
import { spend } from "../../deliver/turn.ts";
import { StoppedError } from "../../errors.ts";
import { type CapTurn, createCapTurn } from "./cap.ts";
import type { Job } from "./connection.ts";
import { TakenForDead, transaction, type Tx } from "./transaction.ts";
import { claimOf, findDue, type Found, glance, isMoving } from "./due.ts";
import { sweepExpired } from "./expiry.ts";
import { turnTo } from "./endpoints.ts";
import { type Claimed, createFollower, type Places } from "./follow.ts";
import { createPauses } from "./pauses.ts";
import { renew, VALID_MS } from "./processes.ts";
import { questions } from "./questions.ts";
import { later } from "../rules/reserve.ts";
import { bulkRoomOf } from "./reserve.ts";
import { createRate, rateInForce, type Share } from "./rate.ts";
import { type ByTopic, ofTopic } from "../rules/expiry.ts";
import { SCHEMA_VERSION } from "./schema.ts";
import { settle } from "./settle.ts";
import { type Counters, createCounters } from "./state-counters.ts";
import { SEEK } from "./waiting-index.ts";

/** The turns of one handle. */
export interface Turns {
  /** As `Source.turn` promises. Turns that are asked for at the same time are taken one after the other. */
  take(request: TurnRequest): Promise<Turn>;
  /** Puts back what was claimed by a turn whose caller never saw its claims, if there is such a turn. */
  tidy(): Promise<void>;
}

/** What a turn came to, once it is committed. */
interface Done {
  claims: Claim[];
  /** Where the claims were found. */
  claimed: Claimed[];
  /** What a look for messages found. */
  count: number;
  cutShort: boolean;
  /** True: mail of the scope is being given another time or content. */
  moving: boolean;
  /** True: bulk mail is due that the reserve keeps back. */
  reserved: boolean | null;
  /** How many messages of the scope's topic were cancelled because they had expired. */
  expired: number;
  /** Claims of an earlier turn that were put back, because its caller never saw them. */
  putBack: number[];
  /** When the lease was written (monotonic ms), or a little before. */
  leasedAt: number;
  /** The rate in force, when the turn had no share of it. */
  perSecond: number | undefined;
}

/** What a turn found that did not look again, because the rate allowed nothing: something was due before. */
const SOMETHING = { count: 1, cutShort: false };

/** A turn renews a lease that is older than this, also when it has nothing else to write, and looks at the pauses as often. */
const RENEW_MS = 5_000;
/** A look that finds messages to suppressed addresses looks again so many times. */
const MOST_LOOKS = 10;

/** Makes the turns of a handle. */
export function createTurns(job: Job): Turns {
  const { clock, handle } = job;
  const ask = questions(job);
  const rate = createRate(job);
  const follower = createFollower(job);
  const oneAtATime = pLimit(1);
  /** Claims of a turn that was thought to have failed. Nobody has seen them. */
  let unseen: number[] = [];
  let leasedAt = Number.NEGATIVE_INFINITY;
  /** When a turn last looked whether the clock was set back. */
  let lookedAt = Number.NEGATIVE_INFINITY;
  let number = 0;

  const mustWrite = ({ settlements }: TurnRequest): boolean =>
    settlements.length > 0 || unseen.length > 0 || handle.isUnsure() || clock.monotonic() - leasedAt > RENEW_MS;

  /** Writes answers and claims, under a new row when others have taken us for dead. */
  const write = async (request: TurnRequest, share: Share | null, calledAt: number): Promise<Done> => {
    const after = follower.of(request.scope);
    const looksAtPauses = clock.monotonic() - lookedAt > RENEW_MS;
    const work = (tx: Tx) => takeTurn(job, tx, request, { share, unseen: [...unseen], after, looksAtPauses, calledAt });
    const isPatient = request.settlements.length > 0;
    // Nobody can ask SES for an answer again, so it is written also where the job does not go on any more.
    const evenWhenMoved = isPatient && request.room === 0;
    const onLate = ({ putBack, claims }: Done) => {
      unseen = [...unseen.filter((id) => !putBack.includes(id)), ...claims.map(({ id }) => id)];
    };
    const options = { isPatient, isHolder: true, evenWhenMoved, onLate, settings: SEEK };
    try {
      return await transaction(job, work, options);
    } catch (error) {
      if (!(error instanceof TakenForDead)) throw error;
      handle.startAnew();
      return transaction(job, work, options);
    } finally {
      if (looksAtPauses) lookedAt = clock.monotonic();
    }
  };

  /** It is only shown, so what cannot be asked is the rate asked for. */
  const rateNow = (perSecond: number) => rateInForce(ask, job, perSecond).catch(() => perSecond);

  const writeWith = async (request: TurnRequest, share: Share | null, calledAt: number): Promise<Done> => {
    const putsBack = ({ kind }: Settlement) => kind === "put_back";
    if (unseen.length > 0 || request.settlements.some(putsBack)) follower.forget();
    try {
      const done = await write(request, share, calledAt);
      follower.follow(request.scope, done.claimed);
      unseen = unseen.filter((id) => !done.putBack.includes(id));
      ({ leasedAt } = done);
      return done;
    } catch (error) {
      if (share !== null) rate.owe(share);
      throw error;
    }
  };

  const take = async (request: TurnRequest): Promise<Turn> => {
    const calledAt = clock.monotonic();
    const mine = ++number;
    let writes = mustWrite(request);
    let { room } = request;
    let [reserved, moving] = [false, false];
    // Who has nothing to write asks first whether anything is due: that costs no lock and no place of the rate.
    if (room > 0 && !writes) {
      const seen = await glance(ask, request.scope, job.time.now());
      if (seen.oldestProgram > SCHEMA_VERSION) throw outgrown(job);
      if (seen.hasExpired) writes = true;
      ({ reserved, isMoving: moving } = seen);
      if (seen.areAhead) [writes, lookedAt] = [true, Number.NEGATIVE_INFINITY];
      if (seen.nextInMs !== 0) room = 0;
    }
    const share = room > 0 || rate.hasNews(request) ? await rate.take(request, room, calledAt) : null;
    const most = share?.allowed.most ?? 0;
    const done = writes || most > 0 ? await writeWith(request, room > 0 ? share : null, calledAt) : null;
    const unclaimed = most - (done?.claims.length ?? 0);
    if (share !== null && unclaimed > 0) await rate.giveBack(share, unclaimed);
    if (share !== null && done !== null && done.claims.length > 0) rate.keep(mine, share);
    if (room > 0 && share?.isOutgrown === true) throw outgrown(job);
    rate.done();
    const perSecond = share?.perSecond ?? done?.perSecond ?? (await rateNow(request.perSecond));
    const told = share !== null && room > 0 ? spend(share.allowed, done ?? SOMETHING) : null;
    const drained = told?.drained ?? (request.room > 0 && done?.cutShort !== true);
    const validUntil = Math.min(leasedAt + VALID_MS, share?.validUntil ?? Infinity);
    return {
      number: mine,
      claims: done?.claims ?? [],
      validForMs: Math.max(0, validUntil - calledAt),
      rateWaitMs: told?.rateWaitMs ?? null,
      drained,
      isMoving: drained && (done?.moving ?? moving),
      reserved: share !== null && done !== null ? done.reserved : reserved,
      expired: done?.expired ?? 0,
      perSecond,
    };
  };

  return {
    take: (request) => oneAtATime(() => take(request)),
    tidy: () =>
      oneAtATime(async () => {
        if (unseen.length === 0 && !handle.isUnsure()) return;
        const nothing = { settlements: [], departed: [], room: 0, perSecond: 1, withinMs: 0, throttledAgoMs: null };
        await writeWith(
          { ...nothing, scope: { topic: null, endpoint: "ses", maxLateMs: null } },
          null,
          clock.monotonic(),
        );
      }),
  };
}

function outgrown({ name }: Job): StoppedError {
  const message = `the database ${name} was brought up to date by a newer ses-mail while we worked on it`;
  return new StoppedError(message, "start again with the newer version");
}

/** What a turn gets beside its request. */
interface Given {
  /** Null: nothing is to be claimed. */
  share: Share | null;
  /** Claims of an earlier turn that nobody saw. */
  unseen: number[];
  /** Where the turn before found its claims. */
  after: Places | null;
  /** True: somebody may have set the database's clock back, with pauses under way. */
  looksAtPauses: boolean;
  /** When the turn was called (monotonic ms). */
  calledAt: number;
}

/** Takes one turn inside its transaction. */
async function takeTurn(
  job: Job,
  tx: Tx,
  request: TurnRequest,
  { share, unseen, after, looksAtPauses, calledAt }: Given,
): Promise<Done> {
  const leasedAt = job.clock.monotonic() - job.time.errorMs();
  const counters = createCounters();
  const scope = later(request.scope, job.clock.monotonic() - calledAt);
  const settlements = [...unseen.map(neverSeen), ...request.settlements];
  const settled = settle(tx, counters, settlements);
  // Before the look, which then has less to pass over.
  const swept = sweepExpired(tx, counters);
  const look = () => (share === null ? NOTHING : claim(tx, counters, scope, { ...share.allowed, after }));
  // What is put back may be due, so the look has to see it.
  const looked = settlements.some(({ kind }) => kind === "put_back") ? settled.then(look) : look();
  const shown = share === null ? rateInForce(tx.query, job, request.perSecond) : undefined;
  const [{ claimed, count, cutShort, reserved }, moving, perSecond, late, { byTopic, more }] = await Promise.all([
    looked,
    request.room > 0 && isMoving(tx.query, scope, tx.now),
    shown,
    settled,
    swept,
    looksAtPauses ? beginPausesAgain(tx) : undefined,
  ]);
  const topicId = request.scope.topic === null ? null : await knownTopicId(tx, request.scope.topic, late, byTopic);
  const expired = ofTopic(late, topicId) + ofTopic(byTopic, topicId);
  const claims = claimed.map((found) => claimOf(job, found, calledAt));
  tx.handOut(claims.length);
  tx.closeWith(Promise.all([hold(tx, claims), counters.write(tx), renew(tx, request.perSecond)]).then(() => undefined));
  // A run must not end before everything that has expired is cancelled.
  const told = { count, cutShort: cutShort || more, moving, reserved, expired };
  return { claims, claimed, ...told, putBack: unseen, leasedAt, perSecond };
}

/** The id of a topic of which something may have expired. It is asked for only then. */
async function knownTopicId(tx: Tx, name: string, ...counts: ByTopic[]): Promise<number | undefined> {
  if (counts.every(({ size }) => size === 0)) return undefined;
  const [row] = await tx.query<{ id: number }>("select id from sm.topic where name = $1", [name]);
  return row?.id;
}

const NOTHING = { claimed: [], count: 0, cutShort: false, reserved: null };

/** A claim that nobody saw goes back as it was. */
function neverSeen(id: number): Settlement {
  return { kind: "put_back", id, delayMs: null, attempted: false, error: null };
}

/** The database's clock may have been set back. */
async function beginPausesAgain(tx: Tx): Promise<void> {
  const pauses = createPauses();
  if (await pauses.areAhead(tx.query, tx.now.wall)) await pauses.beginAgain(tx, tx.now.wall);
}

interface Looked {
  claimed: Found[];
  /** How many were found, up to the number that was looked for. */
  count: number;
  /** True: the look ended before it had seen everything that is due. */
  cutShort: boolean;
  reserved: boolean | null;
}

/** Finds what is due, and turns the topics of what will be claimed to where they go now. It claims nothing yet. */
async function claim(
  tx: Tx,
  counters: Counters,
  scope: Scope,
  { wanted, most, after }: { wanted: number; most: number; after: Places | null },
): Promise<Looked> {
  if (wanted === 0) return NOTHING;
  const bulk = await bulkRoomOf(tx.query, scope, tx.now.wall);
  for (let looks = 1; ; looks++) {
    const cap: CapTurn | null = scope.recipientCap === undefined ? null : createCapTurn(tx, scope.recipientCap);
    const { found, reserved } = await findDue(tx.query, scope, tx.now, { limit: wanted, bulk, cap, after });
    const suppressed = await suppress(tx, counters, found);
    const next = found.filter((row) => !row.suppressed).slice(0, most);
    // A topic that begins to be rehearsed loses messages that other rehearsals suppressed. One that has just lost some is rehearsed,
    // too: when its rehearsal is removed, they are pending again.
    const rehearsed = scope.endpoint === "sandbox" ? found.filter((row) => row.suppressed) : [];
    const turned = await turn(tx, counters, scope, [...rehearsed, ...next]);
    if (suppressed + turned > 0 && looks < MOST_LOOKS) continue;
    await cap?.write();
    for (const { topicId } of next) counters.move(topicId, "pending", "sending");
    const cutShort = suppressed + turned > 0 || cap?.isExhausted() === true;
    return { claimed: next, count: found.length - suppressed, cutShort, reserved };
  }
}

const SUPPRESS = `update sm.message m set state = 'suppressed' where m.id = any ($1::bigint[]) and m.state = 'pending'`;

/** Others may have suppressed an address while its messages were being added. Returns how many of the messages are suppressed now. */
async function suppress(tx: Tx, counters: Counters, found: readonly Found[]): Promise<number> {
  const barred = found.filter((row) => row.suppressed);
  if (barred.length === 0) return 0;
  await tx.run(SUPPRESS, [barred.map(({ id }) => id)]);
  for (const { topicId } of barred) counters.move(topicId, "pending", "suppressed");
  return barred.length;
}

async function turn(tx: Tx, counters: Counters, { endpoint }: Scope, next: readonly Found[]): Promise<number> {
  const topics = new Set(next.filter((row) => row.endpoint !== endpoint).map(({ topicId }) => topicId));
  return topics.size === 0 ? 0 : turnTo(tx, counters, [...topics], endpoint);
}

// Nobody else writes meanwhile, so all of them are pending. If one were not, the division by zero would undo the turn.
const HOLD = `with held as (
    update sm.message m set state = 'sending', claimed_by = $2 where m.id = any ($1::bigint[]) and m.state = 'pending' returning 1)
  select 1 / case when count(*) = $3::int then 1 else 0 end as held from held`;

async function hold(tx: Tx, claims: readonly Claim[]): Promise<void> {
  if (claims.length > 0) await tx.query(HOLD, [claims.map(({ id }) => id), tx.me, claims.length]);
}
