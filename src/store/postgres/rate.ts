/** What one handle takes of the rate, and gives back. */
import type { Departure, TurnRequest } from "../../deliver/source.ts";
import { allow, type Allowance, createTurnMemory, rateInForce as inForce, spend } from "../../deliver/turn.ts";
import { NEW_PACE, type Pace, type Shift } from "../../deliver/pace.ts";
import type { Job } from "./connection.ts";
import type { Tx } from "./transaction.ts";
import { withPace } from "./pace-row.ts";

/** What a turn took of the rate before it looks for messages. */
export interface Share {
  allowed: Allowance;
  /** The instant at which it is counted, and until when its calls may leave (ms of the database's clock). */
  counted: { at: number; latest: number };
  /** Until when (ms of our monotonic clock) its calls may leave. */
  validUntil: number;
  /** The rate in force, in recipients per second. */
  perSecond: number;
  /** True: the schema is one that this program does not know, so nothing was taken. */
  isOutgrown: boolean;
}

/** The rate, as one handle uses it. Only one turn at a time may do so. */
export interface Rate {
  /**
   * Tells when calls of earlier turns left, and takes up to `room` messages. `calledAt` is when the turn was called, by our monotonic
   * clock. When the turn fails, what it told is not taken into account again when its caller tells it again.
   */
  take(request: TurnRequest, room: number, calledAt: number): Promise<Share>;
  /** True when a request tells something that the rate does not know. */
  hasNews(request: TurnRequest): boolean;
  /** Gives back what was taken and not claimed. It never throws: what it could not give back now is given back by the next turn. */
  giveBack(share: Share, count: number): Promise<void>;
  /** The same for all of a share, whose turn has failed. It is given back by the next turn. */
  owe(share: Share): void;
  /** To be called when a turn has claimed something of its share. */
  keep(number: number, share: Share): void;
  /** To be called when a turn is done: its caller will not tell again what it told. */
  done(): void;
}

/** Makes the rate of a handle. */
export function createRate(job: Job): Rate {
  const memory = createTurnMemory();
  const told = createTold();
  let owed: Shift[] = [];

  const newsOf = ({ departed }: TurnRequest, calledAt: number): Shift[] => {
    const { time } = job;
    // Our idea of the database's time may be wrong by this, and so may that of whoever takes next.
    const shift = 2 * time.errorMs();
    return [...owed, ...memory.shiftsOf(told.without(departed), time.at(calledAt) + shift)];
  };

  const change = async (
    request: TurnRequest,
    room: number,
    calledAt: number,
    shifts: readonly Shift[],
  ): Promise<Share> => {
    const { perSecond, withinMs, throttledAgoMs } = request;
    const throttledAt = throttledAgoMs === null ? null : job.time.at(calledAt - throttledAgoMs);
    // A second try must not tell again what the first may have told.
    let untold = shifts;
    return withPace(
      job,
      ({ pace, isNew, now, at, isOutgrown }) => {
        const asked = { perSecond, room: isOutgrown ? 0 : room, shifts: untold, withinMs, throttledAt };
        const allowed = allow(pace, asked, now);
        const taken = spend(allowed, { count: allowed.most, cutShort: false });
        const changes = isNew || allowed.most > 0 || untold.length > 0 || throttledAt !== null;
        untold = [];
        const counted = { at: taken.countedAt, latest: taken.countedAt + withinMs };
        const result = { allowed, counted, validUntil: at + withinMs, perSecond: taken.perSecond, isOutgrown };
        return { pace: changes ? taken.pace : null, result };
      },
      { isPatient: request.settlements.length > 0 },
    );
  };

  return {
    async take(request, room, calledAt) {
      const shifts = newsOf(request, calledAt);
      told.add(request.departed);
      owed = [];
      return change(request, room, calledAt, shifts);
    },
    hasNews: (request) =>
      owed.length > 0 || request.throttledAgoMs !== null || told.without(request.departed).length > 0,
    async giveBack(share, count) {
      const shift = unused(share, count);
      try {
        const { perSecond } = share.allowed.asked;
        let untold = [shift];
        await withPace(job, ({ pace, now }) => {
          const shifts = untold;
          untold = [];
          const asked = { perSecond, room: 0, shifts, withinMs: 0, throttledAt: null };
          const { pace: after } = spend(allow(pace, asked, now), { count: 0, cutShort: false });
          return { pace: shifts.length > 0 ? after : null, result: undefined };
        });
      } catch {
        owed.push(shift);
      }
    },
    owe(share) {
      if (share.allowed.most > 0) owed.push(unused(share, share.allowed.most));
    },
    keep: (number, { counted, allowed }) => memory.keep(number, counted, allowed.now),
    done: () => told.clear(),
  };
}

const STATE = "select state from sm.pace where one = $1";

/** The rate in force (recipients per second) for who asks for `perSecond`, by what was kept. It takes no lock. */
export async function rateInForce(
  query: Tx["query"],
  { time, clock }: Pick<Job, "time" | "clock">,
  perSecond: number,
): Promise<number> {
  const [row] = await query<{ state: string }>(STATE, [true]);
  const pace = row === undefined ? NEW_PACE : (JSON.parse(row.state) as Pace);
  return inForce(pace, perSecond, time.at(clock.monotonic()));
}

function unused({ counted }: Share, count: number): Shift {
  return { planned: counted.at, latest: counted.latest, actual: null, count };
}

/** What the rate was told by turns that failed afterwards, so that their callers tell it again. */
function createTold() {
  const counts = new Map<number, { count: number; unused: number }>();
  return {
    /** What is new in what a caller tells. */
    without: (departed: readonly Departure[]): Departure[] =>
      departed.flatMap((each) => {
        const known = counts.get(each.turn);
        if (known === undefined) return each;
        const left = { ...each, count: each.count - known.count, unused: each.unused - known.unused };
        return left.count > 0 || left.unused > 0 ? left : [];
      }),
    /** The rate knows all of it now. */
    add(departed: readonly Departure[]): void {
      for (const { turn, count, unused: given } of departed) counts.set(turn, { count, unused: given });
    },
    clear: () => counts.clear(),
  };
}
