/**
 * A duration in the style of Go (package time, Duration.String): `350µs`, `1.2ms`, `2.5s`, `1m2.5s`. `ms` is not
 * negative. Hours are written as minutes.
 */
export function goDuration(ms: number): string {
  if (ms === 0) return "0s";
  if (ms < 1) return `${decimal(ms * 1_000)}µs`;
  if (ms < 1_000) return `${decimal(ms)}ms`;
  const minutes = Math.floor(ms / 60_000);
  const seconds = `${decimal((ms - minutes * 60_000) / 1_000)}s`;
  return minutes === 0 ? seconds : `${minutes}m${seconds}`;
}

/** Three places at most, and no zeros at the end. */
function decimal(value: number): string {
  return String(Math.round(value * 1_000) / 1_000);
}
