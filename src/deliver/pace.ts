/**
 * The rate, as arithmetic on a small state that the store keeps: whoever claims updates it in the claiming transaction, so all
 * processes on one store share one rate exactly. No timer refills anything.
 *
 * Two rules hold at once. *Spacing*: a message is due every 1/rate seconds, and what a stall lost may be caught up, but
 * only up to `CREDIT_MS`. *Window*: however it was spaced, no more than `rate` in any `WINDOW_MS`; this alone is the
 * promise, spacing makes the stream even. The window is a little longer than a second, because calls reach SES with
 * jitter: 10 ms of it cannot push a second over the rate, at the price of 1 % of it. It can be so little because calls
 * are counted when they go on the wire, not when they are claimed. Spacing is a little quicker than the window, so that
 * what a stall lost is made up for.
 *
 * When SES throttles, the rate in force is cut at once and grows back: quickly while far below the rate that was
 * throttled last (`ceiling`), slowly near it, quickly again beyond it (the curve of TCP CUBIC).
 *
 * All instants are milliseconds of one clock: the store's own, whatever the clocks of the processes say.
 */

const WINDOW_MS = 1010;
const SPACING_MS = 1007;
const CREDIT_MS = 250;
/** Departures closer together than this share an entry; they are kept at the later instant, which errs on the safe side. */
const GRAIN_MS = 2;
/** After this long without a turn, what was learnt about throttling says nothing any more. */
const FORGET_MS = 120_000;
/** The rate never falls below one message in ten seconds, so that a run always finds out when SES has recovered. */
const FLOOR_PER_SECOND = 0.1;

/** `count` messages that were counted at `planned` left at `actual`. */
export interface Shift {
  planned: number;
  actual: number;
  count: number;
}

/** The state, as JSON keeps it. */
export interface Pace {
  /** When the next message is due by spacing. */
  nextAt: number;
  /** [instant, messages] of the last window, oldest first. */
  departures: [number, number][];
  /** The rate in force when it is below the one asked for. */
  limit: number | null;
  /** The rate at which SES throttled last. */
  ceiling: number | null;
  cutAt: number;
  /** Cuts since the last calm second: the next one is deeper. */
  cuts: number;
  updatedAt: number;
}

/** Nothing was sent yet. */
export const NEW_PACE: Pace = {
  nextAt: 0,
  departures: [],
  limit: null,
  ceiling: null,
  cutAt: 0,
  cuts: 0,
  updatedAt: 0,
};

/** Makes a state read from the file fit `now`: ages it, and drops what cannot be (the machine was restarted). */
export function resume(pace: Pace, now: number): Pace {
  const fromThisBoot = pace.updatedAt <= now + 1;
  if (!fromThisBoot) return { ...NEW_PACE, nextAt: now, updatedAt: now };
  const departures = pace.departures.filter(([at]) => !isOver(at, now));
  const forgotten = now - pace.updatedAt > FORGET_MS;
  // Idle time earns no credit: after a pause the stream starts evenly again.
  const idle = departures.length === 0;
  return {
    ...pace,
    departures,
    nextAt: idle ? Math.max(pace.nextAt, now) : Math.max(pace.nextAt, now - CREDIT_MS),
    ...(forgotten ? { limit: null, ceiling: null, cuts: 0 } : {}),
  };
}

/** True: what was counted at `at` has left the window, so nothing that is learnt of it later matters. */
export function isOver(at: number, now: number): boolean {
  return at <= now - WINDOW_MS;
}

/** Moves what was counted to when it really left, so that the window counts it where SES sees it. Ignores what it does not know. */
export function correct(pace: Pace, shifts: readonly Shift[]): Pace {
  if (shifts.length === 0) return pace;
  const departures = pace.departures.map(([at, count]): [number, number] => [at, count]);
  for (const { planned, actual, count } of shifts) {
    const entry = departures.find(([at, n]) => at >= planned && at <= planned + GRAIN_MS && n >= count);
    if (!entry || actual <= entry[0]) continue;
    entry[1] -= count;
    departures.push([actual, count]);
  }
  return { ...pace, departures: departures.filter(([, n]) => n > 0).sort((a, b) => a[0] - b[0]) };
}

/** The rate in force after throttling at a call that started at `throttledAt`. */
export function throttle(pace: Pace, asked: number, throttledAt: number, now: number): Pace {
  // Calls that left before the last cut say nothing about the rate after it.
  if (throttledAt <= pace.cutAt) return pace;
  const current = Math.min(asked, pace.limit ?? asked);
  const calm = now - pace.cutAt > 1000;
  const cuts = calm ? 0 : pace.cuts;
  const near = pace.ceiling !== null && calm && current < pace.ceiling * 1.3;
  const factor = near ? 0.92 : cuts < 3 ? 0.6 : 0.5;
  return {
    ...pace,
    limit: Math.max(FLOOR_PER_SECOND, current * factor),
    ceiling: current,
    cutAt: now,
    cuts: cuts + 1,
  };
}

/** Lets a cut rate grow back over the time that has passed. */
export function recover(pace: Pace, asked: number, now: number): Pace {
  if (pace.limit === null) return pace;
  const seconds = Math.max(0, now - Math.max(pace.updatedAt, pace.cutAt)) / 1000;
  const distance = Math.abs(pace.limit - (pace.ceiling ?? asked));
  // The first half second after a cut the answers of earlier calls are still coming in.
  const growing = now - pace.cutAt > 500;
  const slope = growing ? Math.max(asked * 0.003, 0.12 * distance, 0.02) : 0;
  const limit = pace.limit + slope * Math.min(seconds, 5);
  return limit >= asked ? { ...pace, limit: null, ceiling: null, cuts: 0 } : { ...pace, limit };
}

/** How many messages may leave now, at most `room`, and how long until the next one may. */
export function take(
  pace: Pace,
  asked: number,
  room: number,
  now: number,
): { count: number; pace: Pace; waitMs: number; perSecond: number } {
  const perSecond = Math.min(asked, pace.limit ?? asked);
  const spacing = SPACING_MS / perSecond;
  const most = Math.max(1, Math.ceil(perSecond));
  const inWindow = pace.departures.reduce((sum, [, n]) => sum + n, 0);
  const bySpacing = pace.nextAt > now ? 0 : Math.floor((now - pace.nextAt) / spacing) + 1;
  const count = Math.max(0, Math.min(room, bySpacing, most - inWindow));
  const departures = count > 0 ? append(pace.departures, now, count) : pace.departures;
  const nextAt = pace.nextAt + count * spacing;
  const oldest = departures[0];
  const windowWait = inWindow + count >= most && oldest ? oldest[0] + WINDOW_MS - now : 0;
  return {
    count,
    pace: { ...pace, departures, nextAt, updatedAt: now },
    waitMs: Math.max(0, nextAt - now, windowWait),
    perSecond,
  };
}

function append(departures: [number, number][], now: number, count: number): [number, number][] {
  const at = Math.ceil(now / GRAIN_MS) * GRAIN_MS;
  const last = departures.at(-1);
  if (last && last[0] >= at) return [...departures.slice(0, -1), [last[0], last[1] + count]];
  return [...departures, [at, count]];
}
