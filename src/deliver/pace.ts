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
 * Between its claim and its departure a call may be held up for any time: its process is stopped, or waits for a processor or a TLS
 * handshake. So a claim says until when its call may leave, and is counted as leaving then, until its process tells when it really
 * left. Whatever the delay, no second can have too many.
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
/** While the window is full of calls that may still leave, look so often whether they have: their process tells it soon. */
const LOOK_AGAIN_MS = 20;
/** After this long without a turn, what was learnt about throttling is out of date. */
const FORGET_MS = 120_000;
/** More departures than any rate allows in a window. */
const FULL = 1e12;
/** The rate never falls below one message in ten seconds, so that a run notices when SES has recovered. */
const FLOOR_PER_SECOND = 0.1;

/**
 * `count` messages were counted at `planned`, with leave until `latest`, and really left at `actual`; null: their calls will not be
 * made.
 */
export interface Shift {
  planned: number;
  latest: number;
  actual: number | null;
  count: number;
}

/**
 * `count` messages that left at `at`. With `latest` they were claimed at `at`, and nobody has told yet when they left: it was or will
 * be no later than `latest`.
 */
type Departures = [at: number, count: number, latest?: number | undefined];

/** The state of the rate. It survives JSON. */
export interface Pace {
  /** When the next message is due by spacing. */
  nextAt: number;
  /** Those that matter to the window, oldest first. */
  departures: Departures[];
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

/** True when the state is from the future: the clock started again with the machine, or was set back. */
export function isFromLater(pace: Pace, now: number): boolean {
  return pace.updatedAt > now + 1;
}

/**
 * To be called when nobody knows what left within the last second: the window counts as full, so nothing leaves until it has passed.
 * The state has to be kept, or the next one who reads it waits again.
 */
export function fillWindow(pace: Pace, now: number): Pace {
  return { ...pace, nextAt: now, departures: [[now, FULL]], updatedAt: now };
}

/** Brings a kept state up to `now`. A state from the future begins anew, with a full window. */
export function resume(pace: Pace, now: number): Pace {
  if (isFromLater(pace, now)) return fillWindow(NEW_PACE, now);
  const departures = pace.departures.filter((entry) => !isOver(latestOf(entry), now));
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

function latestOf([at, , latest]: Departures): number {
  return latest ?? at;
}

/**
 * Moves departures to when they really left, where SES counts them, and takes out those that will not be. Ignores shifts it cannot
 * find: they have left the window.
 */
export function correct(pace: Pace, shifts: readonly Shift[]): Pace {
  if (shifts.length === 0) return pace;
  const departures = [...pace.departures];
  for (const { planned, latest, actual, count } of shifts) {
    // Shifts are about the last turns, and those are at the end.
    const at = departures.findLastIndex((known) => known[0] === planned && known[2] === latest && known[1] >= count);
    const entry = departures[at];
    if (entry === undefined) continue;
    departures[at] = [planned, entry[1] - count, latest];
    // Whole ms are shorter to keep. Later never lets too many leave.
    if (actual !== null) departures.push([Math.max(Math.ceil(actual), planned), count]);
  }
  return { ...pace, departures: sorted(departures.filter(([, n]) => n > 0)) };
}

/** Gives `count` messages their places in the stream back, because their calls will not be made. To be followed by `resume`. */
export function giveBack(pace: Pace, asked: number, count: number): Pace {
  if (count === 0) return pace;
  return { ...pace, nextAt: pace.nextAt - (count * SPACING_MS) / inForce(pace, asked) };
}

function inForce({ limit }: Pace, asked: number): number {
  return Math.min(asked, limit ?? asked);
}

/** Cuts the rate in force, because SES throttled a call that left at `throttledAt`. */
export function throttle(pace: Pace, asked: number, throttledAt: number, now: number): Pace {
  // A call that left before the last cut says nothing about the rate after it.
  if (throttledAt <= pace.cutAt) return pace;
  const current = inForce(pace, asked);
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

/** What a turn gets of the rate. */
export interface Taken {
  count: number;
  pace: Pace;
  /** The instant at which they are counted: `Shift.planned`. */
  countedAt: number;
  /** Milliseconds until another one may leave. */
  waitMs: number;
  /** The rate in force. */
  perSecond: number;
}

/** Takes up to `room` messages that may leave from now on, within `withinMs`. */
export function take(pace: Pace, asked: number, room: number, now: number, withinMs = 0): Taken {
  const perSecond = inForce(pace, asked);
  const spacing = SPACING_MS / perSecond;
  const most = Math.max(1, Math.ceil(perSecond));
  const inWindow = pace.departures.reduce((sum, [, n]) => sum + n, 0);
  const bySpacing = pace.nextAt > now ? 0 : Math.floor((now - pace.nextAt) / spacing) + 1;
  const count = Math.max(0, Math.min(room, bySpacing, most - inWindow));
  const countedAt = Math.ceil(now / GRAIN_MS) * GRAIN_MS;
  const departures = count > 0 ? add(pace.departures, [countedAt, count, countedAt + withinMs]) : pace.departures;
  const nextAt = pace.nextAt + count * spacing;
  const windowWait = inWindow + count >= most ? windowWaitMs(departures, now) : 0;
  return {
    count,
    pace: { ...pace, departures, nextAt, updatedAt: now },
    countedAt,
    waitMs: Math.max(0, nextAt - now, windowWait),
    perSecond,
  };
}

/** How long until the first departure leaves the window, as far as is known. */
function windowWaitMs(departures: readonly Departures[], now: number): number {
  return departures.reduce((wait, entry) => {
    const inMs = entry[0] + WINDOW_MS - now;
    return Math.min(wait, inMs > 0 ? inMs : Math.min(LOOK_AGAIN_MS, latestOf(entry) + WINDOW_MS - now));
  }, Infinity);
}

function add(departures: readonly Departures[], [at, count, latest]: Departures): Departures[] {
  const same = departures.findLastIndex((entry) => entry[0] === at && entry[2] === latest);
  if (same < 0) return sorted([...departures, [at, count, latest]]);
  return departures.with(same, [at, count + (departures[same]?.[1] ?? 0), latest]);
}

function sorted(departures: Departures[]): Departures[] {
  return departures.sort((a, b) => a[0] - b[0]);
}
