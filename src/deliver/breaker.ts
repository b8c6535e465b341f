/**
 * Notices when it is not this message that fails but everything, so that an outage does not burn through the list.
 *
 * A run of passing failures without one success in between closes the gate: from then on one message at a time is tried, at
 * growing intervals, and a failure is no longer counted against the message. The first success opens the gate again;
 * after `PATIENCE_MS` of nothing else the run stops, resumable. A run of lost answers, or of refusals we do not know, stops it at once.
 */
import type { Outcome } from "./outcome.ts";

/** Failures in a row that close the gate: connection failures come fast and are all alike, 5xx may be chance. */
const UNREACHABLE_RUN = 25;
const TRANSIENT_RUN = 50;
const IN_DOUBT_RUN = 50;
const UNKNOWN_RUN = 10;
/** A network that is gone for a minute is nothing to give up over. */
const PATIENCE_MS = 180_000;
const FIRST_PROBE_MS = 1_000;
const LAST_PROBE_MS = 15_000;

/** Instants `now` and `at` are monotonic ms. */
export interface Breaker {
  /** Takes in one outcome; returns why the run must stop, or null. */
  observe(outcome: Outcome, now: number): { reason: string; hint: string } | null;
  /** How many messages may be tried now, of `room`. */
  admit(room: number, inFlight: number, now: number): number;
  /** True in an outage: a failure says nothing about its message then. */
  isClosed(): boolean;
  /** When the next one may be tried, or null when any number may. */
  nextProbeAt(): number | null;
  /**
   * Keeps everything back until `at`, then tries one at a time until one is answered, for a reason of the caller's (the
   * daily quota). True when nothing was held before.
   */
  hold(at: number): boolean;
}

/** A breaker that has seen nothing yet: everything may be tried. */
export function createBreaker(): Breaker {
  let run: { kind: string; length: number } = { kind: "", length: 0 };
  let closedAt: number | null = null;
  let probeAt = 0;
  let interval = FIRST_PROBE_MS;
  let heldUntil: number | null = null;

  const open = (now: number) => {
    run = { kind: "", length: 0 };
    closedAt = null;
    interval = FIRST_PROBE_MS;
    // Answers to calls from before the hold do not end it.
    if (heldUntil !== null && heldUntil <= now) heldUntil = null;
  };
  const close = (now: number) => {
    closedAt ??= now;
    probeAt = now + interval;
    interval = Math.min(interval * 2, LAST_PROBE_MS);
  };

  return {
    observe(outcome, now) {
      const kind = kindOf(outcome);
      if (kind === null) return null;
      if (kind === "answered") {
        open(now);
        return null;
      }
      run = run.kind === kind ? { kind, length: run.length + 1 } : { kind, length: 1 };
      const reason = "reason" in outcome ? outcome.reason : "";
      if (kind === "in_doubt" && run.length >= IN_DOUBT_RUN) {
        return {
          reason: `${run.length} answers in a row were lost (${reason})`,
          hint: "check the connection to SES and run the same command again",
        };
      }
      if (kind === "unknown" && run.length >= UNKNOWN_RUN) {
        return {
          reason: `SES refused ${run.length} messages in a row: ${reason}`,
          hint: "correct the cause and run the same command again",
        };
      }
      if (closedAt !== null && now - closedAt > PATIENCE_MS) {
        return {
          reason: `SES could not be reached for ${Math.round((now - closedAt) / 1000)} s: ${reason}`,
          hint: "check the network and run the same command again",
        };
      }
      const limit = kind === "unreachable" ? UNREACHABLE_RUN : kind === "transient" ? TRANSIENT_RUN : Infinity;
      if (closedAt !== null || run.length >= limit) close(now);
      return null;
    },
    admit(room, inFlight, now) {
      if (closedAt === null && heldUntil === null) return room;
      if ((heldUntil ?? 0) > now || (closedAt !== null && probeAt > now)) return 0;
      return Math.min(room, Math.max(0, 1 - inFlight));
    },
    isClosed: () => closedAt !== null,
    nextProbeAt: () => (closedAt === null ? heldUntil : heldUntil === null ? probeAt : Math.max(probeAt, heldUntil)),
    hold(at) {
      const isNew = heldUntil === null;
      heldUntil = at;
      return isNew;
    },
  };
}

function kindOf(outcome: Outcome): "answered" | "unreachable" | "transient" | "in_doubt" | "unknown" | null {
  switch (outcome.kind) {
    case "sent":
      return "answered";
    case "rejected":
      return outcome.unknown ? "unknown" : "answered";
    case "transient":
      return outcome.unreachable ? "unreachable" : "transient";
    case "in_doubt":
      return "in_doubt";
    default:
      return null;
  }
}
