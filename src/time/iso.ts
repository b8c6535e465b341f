/** An instant (milliseconds since the epoch) as JSON and tables show it: ISO 8601 in UTC. Null stays null. */
export function isoTime(instant: number): string;
export function isoTime(instant: number | null): string | null;
export function isoTime(instant: number | null): string | null {
  return instant === null ? null : new Date(instant).toISOString();
}
