/**
 * The rate, as arithmetic on a small state that the store keeps. A claim updates the state in its own transaction, so all
 * processes on one store share one rate exactly. No timer refills anything.
 *
 * Two rules hold at once:
 *
 * - *Spacing* makes the stream even: a message is due every 1/rate seconds. After a stall up to `CREDIT_MS` may be caught up.
 * - *Window* is the promise: at most `rate` messages leave in any `WINDOW_MS`, rounded up to whole messages.
 *
 * The window is a little longer than a second, because calls reach SES with jitter. With 10 ms more, jitter of 10 ms cannot
 * push a second over the rate, and it costs 1 % of the rate. So little is enough because calls are counted when they go on the
 * wire, not when they are claimed. Spacing is a little quicker than the window, so that a stall can be made up for.
 *
 * When SES throttles, the rate in force is cut at once. It grows back quickly while it is far below the rate that was throttled
 * last (`ceiling`), slowly near it, and quickly again beyond it (the curve of TCP CUBIC, RFC 9438).
 *
 * Instants are milliseconds of one clock, the store's own. Rates are in recipients per second.
 */

const WINDOW_MS = 1010;
const SPACING_MS = 1007;
const CREDIT_MS = 250;
/** Departures within this time share an entry. It has the later instant, which never lets too many leave. */
const GRAIN_MS = 2;
/** After this long without a turn, what was learnt about throttling is out of date. */
const FORGET_MS = 120_000;
/** The rate never falls below one message in ten seconds, so that a run notices when SES has recovered. */
const FLOOR_PER_SECOND = 0.1;

/** `count` messages were counted at `planned` and really left at `actual`. */
export interface Shift {
  planned: number;
  actual: number;
  count: number;
}

/** The state of the rate. It survives JSON. */
export interface Pace {
  /** When the next message is due by spacing. */
  nextAt: number;
  /** [instant, number of messages] within the last window, oldest first. */
  departures: [number, number][];
  /** The rate in force while it is below the one asked for; null: the one asked for is in force. */
  limit: number | null;
  /** The rate at which SES throttled last; null: it did not, or that is forgotten. */
  ceiling: number | null;
  /** When the rate was last cut. */
  cutAt: number;
  /** How often it was cut since the last calm second. After three cuts the next one is deeper. */
  cuts: number;
  /** When a turn last updated the state. */
  updatedAt: number;
}

/** The state before anything was sent. */
export const NEW_PACE: Pace = {
  nextAt: 0,
  departures: [],
  limit: null,
  ceiling: null,
  cutAt: 0,
  cuts: 0,
  updatedAt: 0,
};

/** Brings a kept state up to `now`. A state from the future begins anew: the clock started again with the machine. */
export function resume(pace: Pace, now: number): Pace {
  const fromThisBoot = pace.updatedAt <= now + 1;
  if (!fromThisBoot) return { ...NEW_PACE, nextAt: now, updatedAt: now };
  const departures = pace.departures.filter(([at]) => !isOver(at, now));
  const forgotten = now - pace.updatedAt > FORGET_MS;
  // Idle time earns no credit, so the stream starts evenly after a pause.
  const idle = departures.length === 0;
  return {
    ...pace,
    departures,
    nextAt: idle ? Math.max(pace.nextAt, now) : Math.max(pace.nextAt, now - CREDIT_MS),
    ...(forgotten ? { limit: null, ceiling: null, cuts: 0 } : {}),
  };
}

/** True when a departure at `at` has left the window, so that it no longer matters to the rate. */
export function isOver(at: number, now: number): boolean {
  return at <= now - WINDOW_MS;
}

/** Moves departures to when they really left, where SES counts them. Never moves one back; ignores shifts it cannot find. */
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

/** Cuts the rate in force, because SES throttled a call that left at `throttledAt`. */
export function throttle(pace: Pace, asked: number, throttledAt: number, now: number): Pace {
  // A call that left before the last cut says nothing about the rate after it.
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

/** Lets a cut rate grow back for the time that has passed since the last turn. */
export function recover(pace: Pace, asked: number, now: number): Pace {
  if (pace.limit === null) return pace;
  const seconds = Math.max(0, now - Math.max(pace.updatedAt, pace.cutAt)) / 1000;
  const distance = Math.abs(pace.limit - (pace.ceiling ?? asked));
  // In the first half second after a cut, answers to earlier calls still come in.
  const growing = now - pace.cutAt > 500;
  const slope = growing ? Math.max(asked * 0.003, 0.12 * distance, 0.02) : 0;
  const limit = pace.limit + slope * Math.min(seconds, 5);
  return limit >= asked ? { ...pace, limit: null, ceiling: null, cuts: 0 } : { ...pace, limit };
}

/** Takes up to `room` messages that may leave now. `waitMs`: until another one may leave; `perSecond`: the rate in force. */
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
