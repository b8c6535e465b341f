/**
 * The rate around a claim: how the kept state changes before a store looks for messages and after it found some. Everything is
 * pure except the memory of recent turns. Instants are ms of the store's own clock.
 */
import { correct, giveBack, isFromLater, isOver, type Pace, recover, resume, type Shift, take, throttle } from "./pace.ts";
import type { Departure, Turn } from "./source.ts";

/** What a turn asks of the rate. */
export interface Asked {
  /** The rate asked for, in recipients per second. */
  perSecond: number;
  /** The most messages to claim. */
  room: number;
  /** From `TurnMemory.shiftsOf`. */
  shifts: readonly Shift[];
  /** How long after its claim a call may leave, ms. */
  withinMs: number;
  /** When the latest throttled call left; null: none was throttled. */
  throttledAt: number | null;
}

/** What the rate allows a turn, before anything is taken from it. */
export interface Allowance {
  asked: Asked;
  now: number;
  pace: Pace;
  /** How many messages may be claimed. */
  most: number;
  /** How many to look for: at least one, unless `room` is 0, to tell "wait for the rate" from "nothing is left". */
  wanted: number;
  /** True: the state begins anew, so it has to be kept also when nothing is taken from it. */
  isNew: boolean;
}

/** Brings the kept state up to `now`, adds what was learnt since the last turn, and says how much may be claimed. */
export function allow(kept: Pace, asked: Asked, now: number): Allowance {
  const { perSecond, room, shifts, throttledAt } = asked;
  const unused = shifts.reduce((sum, { actual, count }) => sum + (actual === null ? count : 0), 0);
  const corrected = correct(resume(giveBack(kept, perSecond, unused), now), shifts);
  const throttled = throttledAt === null ? corrected : throttle(corrected, perSecond, throttledAt, now);
  const pace = recover(throttled, perSecond, now);
  const most = take(pace, perSecond, room, now).count;
  return { asked, now, pace, most, wanted: room > 0 ? Math.max(1, most) : 0, isNew: isFromLater(kept, now) };
}

/** What a look for `wanted` messages found. */
export interface FoundDue {
  count: number;
  /** True: the look ended before it had seen everything that is due. */
  cutShort: boolean;
}

/** What a turn answers about the rate, and what is kept of it. */
export interface Spent extends Pick<Turn, "rateWaitMs" | "drained" | "perSecond"> {
  /** The state to keep. */
  pace: Pace;
  /** The instant at which its claims are counted. */
  countedAt: number;
}

/** Takes from the rate as many of the found messages as it allows. */
export function spend({ asked, now, pace, most, wanted }: Allowance, found: FoundDue): Spent {
  const after = take(pace, asked.perSecond, Math.min(found.count, most), now, asked.withinMs);
  return {
    pace: after.pace,
    countedAt: after.countedAt,
    rateWaitMs: asked.room > 0 && found.count > 0 ? after.waitMs : null,
    drained: found.count < wanted && !found.cutShort,
    perSecond: after.perSecond,
  };
}

/** The rate in force at `now`, in recipients per second: the one asked for, or less after throttling. */
export function rateInForce(kept: Pace, perSecond: number, now: number): number {
  const asked = { perSecond, room: 0, shifts: [], withinMs: 0, throttledAt: null };
  return spend(allow(kept, asked, now), { count: 0, cutShort: false }).perSecond;
}

/** When the calls of one turn were counted, and until when they may leave. */
interface Counted {
  at: number;
  latest: number;
}

/** Remembers the instants at which the recent turns of one handle were counted. */
export interface TurnMemory {
  /** Puts departures that a turn called at `calledAt` reports on the store's clock. Leaves out turns that are forgotten. */
  shiftsOf(departed: readonly Departure[], calledAt: number): Shift[];
  /** To be called after a turn that claimed something is committed. Forgets turns that have left the window. */
  keep(number: number, counted: Counted, now: number): void;
}

/** Makes a memory without turns. */
export function createTurnMemory(): TurnMemory {
  const turns = new Map<number, Counted>();
  return {
    shiftsOf: (departed, calledAt) =>
      departed.flatMap(({ turn, leftAgoMs, count, unused }) => {
        const counted = turns.get(turn);
        if (counted === undefined) return [];
        const { at: planned, latest } = counted;
        const shifts: Shift[] = [
          { planned, latest, actual: calledAt - leftAgoMs, count },
          { planned, latest, actual: null, count: unused },
        ];
        return shifts.filter((shift) => shift.count > 0);
      }),
    keep(number, counted, now) {
      turns.set(number, counted);
      // The oldest come first.
      for (const [other, { latest }] of turns) {
        if (!isOver(latest, now)) break;
        turns.delete(other);
      }
    },
  };
}
