/** Shows progress as lines or as a bar. */
import { count } from "../counted.ts";
import type { Clock } from "../time/clock.ts";
import { formatDuration } from "../time/duration.ts";
import { printable } from "../printable.ts";

/** How far the work is. All counts are of messages or rows. */
export interface Step {
  /** How many went well. */
  done: number;
  /** Not set, and left out of the line, for work in which single messages cannot fail. */
  failed?: number;
  /** Shown when there are any. */
  expired?: number;
  inDoubt?: number;
  /** The current rate per second; 0 when nothing happens. */
  perSecond: number;
}

/** Work under way, shown on stderr. Always call `stop`, also when the work throws: a bar keeps the process alive. */
export interface Progress {
  update(step: Step): void;
  /** Shows the last step once more and ends. Calling it again changes nothing. */
  stop(): void;
}

/** A progress that shows nothing, for `--quiet`. */
export const silentProgress: Progress = { update() {}, stop() {} };

/**
 * One line: `sent 1,200 of 40,000 (14.0/s), failed 3, in doubt 0, about 46 min left`. `total` is null when nobody knows
 * it yet.
 */
export function progressLine(label: string, total: number | null, step: Step): string {
  const left = total === null ? 0 : total - finished(step);
  const rest = left > 0 && step.perSecond > 0 ? `, about ${formatLeft(left / step.perSecond)} left` : "";
  return countsLine(label, total, step, true) + rest;
}

/**
 * The same for work that has ended, however it did: it does not say how long the rest would take. Null: there was nothing to do, which
 * the command says in words.
 */
export function endLine(label: string, total: number | null, step: Step): string | null {
  const did = finished(step) > 0;
  return did || total ? countsLine(label, total, step, did) : null;
}

/** Nothing has no rate. */
function countsLine(label: string, total: number | null, step: Step, hasRate: boolean): string {
  const rate = hasRate ? ` (${step.perSecond.toFixed(1)}/s)` : "";
  return [
    `${printable(label)} ${count(step.done)}${total === null ? "" : ` of ${count(total)}`}${rate}`,
    ...(step.failed === undefined ? [] : [`failed ${count(step.failed)}`]),
    ...(step.expired ? [`expired ${count(step.expired)}`] : []),
    ...(step.inDoubt === undefined ? [] : [`in doubt ${count(step.inDoubt)}`]),
  ].join(", ");
}

/** Progress for logs and pipes: a line at most every five seconds, and the last step when a line was written before. */
export function lineProgress(
  label: string,
  total: number | null,
  clock: Pick<Clock, "monotonic">,
  write: (line: string) => void,
): Progress {
  const everyMs = 5_000;
  let writtenAt = clock.monotonic();
  let written = "";
  let latest: Step | null = null;
  const show = (step: Step, line: typeof endLine): void => {
    // Without the time that is left, so that the end does not repeat the line before.
    const said = countsLine(label, total, step, true);
    const text = said === written ? null : line(label, total, step);
    if (text !== null) write(text);
    written = said;
  };
  return {
    update(step) {
      latest = step;
      if (clock.monotonic() - writtenAt < everyMs) return;
      writtenAt = clock.monotonic();
      show(step, progressLine);
    },
    stop() {
      if (latest !== null && written !== "") show(latest, endLine);
      latest = null;
    },
  };
}

const CTRL_C = "^C";

/**
 * A bar and the line of progress, shorter than `width` columns: a line that wraps cannot be drawn over. Ctrl-C shows as two
 * characters behind it, for which there is room.
 */
export function barLine(label: string, total: number | null, step: Step, width: number): string {
  const text = progressLine(label, total, step);
  const most = Math.max(0, width - 1 - CTRL_C.length);
  const room = Math.min(30, most - text.length - 3);
  if (total === null || room < 8) return text.slice(0, most);
  const full = total === 0 ? room : Math.min(room, Math.floor((finished(step) / total) * room));
  return `[${"=".repeat(full)}${"-".repeat(room - full)}] ${text}`;
}

function finished(step: Step): number {
  return step.done + (step.failed ?? 0) + (step.expired ?? 0) + (step.inDoubt ?? 0);
}

/** Whole minutes from one minute on, because it is a guess: `46 min`, `1 h 5 min`, `40 s`. */
function formatLeft(seconds: number): string {
  const whole = seconds < 60 ? Math.ceil(seconds) : Math.round(seconds / 60) * 60;
  return formatDuration(whole * 1_000);
}
