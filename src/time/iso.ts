/** An instant (milliseconds since the epoch) in ISO 8601 and UTC, as JSON and tables show it. Null stays null. */
export function isoTime(instant: number): string;
/** The same for an instant that may be missing: null stays null. */
export function isoTime(instant: number | null): string | null;
/** The implementation of both. */
export function isoTime(instant: number | null): string | null {
  return instant === null ? null : new Date(instant).toISOString();
}
