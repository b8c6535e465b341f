/**
 * The rate around a claim: what becomes of the kept state before a store looks for messages and after it found some, and when the
 * calls of its recent turns really left. Pure but for the memory of turns; every instant is of the store's own clock, in ms.
 */
import { correct, isOver, type Pace, recover, resume, type Shift, take, throttle } from "./pace.ts";
import type { Departure, Turn } from "./source.ts";

/** What a turn asks of the rate. */
export interface Asked {
  perSecond: number;
  room: number;
  /** From `TurnMemory.shiftsOf`. */
  shifts: readonly Shift[];
  /** When the latest throttled call had left; null: none was throttled. */
  throttledAt: number | null;
}

/** The rate in the middle of a turn: before anything is taken from it. */
export interface Allowance {
  asked: Asked;
  now: number;
  pace: Pace;
  /** How many messages may be claimed. */
  most: number;
  /** How many to look for: one even when none may be claimed, to tell "wait for the rate" from "nothing is left". */
  wanted: number;
}

/** Ages the state, puts in what was learnt since the last turn, and says how much may be claimed. */
export function allow(kept: Pace, asked: Asked, now: number): Allowance {
  const { perSecond, room, shifts, throttledAt } = asked;
  const corrected = correct(resume(kept, now), shifts);
  const throttled = throttledAt === null ? corrected : throttle(corrected, perSecond, throttledAt, now);
  const pace = recover(throttled, perSecond, now);
  const most = take(pace, perSecond, room, now).count;
  return { asked, now, pace, most, wanted: room > 0 ? Math.max(1, most) : 0 };
}

/** What a look for `wanted` messages came to. `cutShort`: it ended before it had seen everything that is due. */
export interface FoundDue {
  count: number;
  cutShort: boolean;
}

/** The state to keep, what the turn answers, and the instant its claims are counted at. */
export interface Spent extends Pick<Turn, "rateWaitMs" | "drained" | "perSecond"> {
  pace: Pace;
  countedAt: number;
}

/** Takes what was found from the rate, as far as it allows. */
export function spend({ asked, now, pace, most, wanted }: Allowance, found: FoundDue): Spent {
  const after = take(pace, asked.perSecond, Math.min(found.count, most), now);
  return {
    pace: after.pace,
    countedAt: after.pace.departures.at(-1)?.[0] ?? now,
    rateWaitMs: asked.room > 0 && found.count > 0 ? after.waitMs : null,
    drained: found.count < wanted && !found.cutShort,
    perSecond: after.perSecond,
  };
}

/** The calls of one turn that moved, as a handle remembers it. */
export interface TurnShift extends Shift {
  turn: number;
}

/** At which instants the recent turns of one handle were counted. */
export interface TurnMemory {
  /** What the departures mean on the store's clock, for a turn called at `calledAt`. Leaves out turns that are forgotten. */
  shiftsOf(departed: readonly Departure[], calledAt: number): TurnShift[];
  /** To be called once the turn is committed. `countedAt` null: it claimed nothing. Forgets what has left the rate's window. */
  keep(turn: { number: number; countedAt: number | null; shifts: readonly TurnShift[] }, now: number): void;
}

/** Remembers no turns yet. */
export function createTurnMemory(): TurnMemory {
  const countedAt = new Map<number, number>();
  return {
    shiftsOf: (departed, calledAt) =>
      departed.flatMap(({ turn, leftAgoMs, count }) => {
        const planned = countedAt.get(turn);
        return planned === undefined ? [] : [{ turn, planned, actual: calledAt - leftAgoMs, count }];
      }),
    keep(turn, now) {
      for (const { turn: number, planned, actual } of turn.shifts) countedAt.set(number, Math.max(planned, actual));
      if (turn.countedAt !== null) countedAt.set(turn.number, turn.countedAt);
      for (const [number, at] of countedAt) if (isOver(at, now)) countedAt.delete(number);
    },
  };
}
