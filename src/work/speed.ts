/** How fast a run goes. */

/** What is shown is the speed of the last few seconds, not of the whole run. */
const WINDOW_MS = 5_000;

/**
 * Measures messages per second over the last five seconds. `count` is how many there are so far, `now` a time that never jumps, in
 * ms, and `rate` the rate in force: what leaves in bursts never looks faster than that. When the count falls, the measurement starts
 * again.
 */
export type Speedometer = (count: number, now: number, rate: number) => number;

/** Makes a speedometer that has seen nothing yet: its first answer is 0. */
export function createSpeedometer(): Speedometer {
  let samples: { at: number; count: number }[] = [];
  return (count, now, rate) => {
    if (count < (samples.at(-1)?.count ?? 0)) samples = [];
    samples.push({ at: now, count });
    while (samples.length > 2 && (samples[0]?.at ?? now) < now - WINDOW_MS) samples.shift();
    const [first] = samples;
    if (first === undefined || now <= first.at) return 0;
    return Math.min(rate, ((count - first.count) * 1_000) / (now - first.at));
  };
}
