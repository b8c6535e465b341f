/**
 * Notices when everything fails and not only one message, so that an outage does not use up the attempts of a list, however short.
 *
 * The first call that does not reach SES, or many passing failures in a row, close the gate. From then on one message at a time is
 * tried, at growing intervals. The first answer opens the gate again; after `PATIENCE_MS` without one the run stops, resumable. Many
 * lost answers in a row, or many refusals that we do not know or that are not of SES, stop the run at once. Until SES has answered
 * anything at all, few refusals that are not of SES do: then no message of a list however short is failed by a wrong endpoint.
 */
import type { Outcome } from "./outcome.ts";
import type { Halt } from "./sender.ts";
import { unreachableText } from "./trouble.ts";

/** Passing failures of SES in a row that close the gate: a few may be chance. */
const TRANSIENT_RUN = 50;
/** Outcomes in a row that stop the run. */
const IN_DOUBT_RUN = 50;
const UNKNOWN_RUN = 10;
/** Refusals in a row that are not of SES, when SES has answered nothing yet: one may be chance, and to wait longer mends nothing. */
const UNPROVEN_RUN = 3;
/** How long the gate stays closed before the run stops: a network may be gone for a minute or two. */
const PATIENCE_MS = 180_000;
/** The longest time between two failures that counts in full: more says that this process stood still, and tried nothing. */
const LONGEST_GAP_MS = 30_000;
/** The interval between two probes doubles from the first of these to the last. */
const FIRST_PROBE_MS = 1_000;
const LAST_PROBE_MS = 15_000;

/** Decides how many messages may be tried. Instants `now` and `at` are monotonic ms. */
export interface Breaker {
  /** Takes in one outcome; returns why the run must stop, or null. */
  observe(outcome: Outcome, now: number): Halt | null;
  /** How many messages may be tried now: at most `room`, and one at a time while the gate is closed or held. */
  admit(room: number, inFlight: number, now: number): number;
  /** True in an outage: a failure says nothing about its own message then. */
  isClosed(): boolean;
  /** True: SES has answered, so the way to it is right, and what refuses a message on that way may mean this message. */
  hasAnswered(): boolean;
  /** When the next message may be tried; null: any number may be tried now. */
  nextProbeAt(): number | null;
  /**
   * Keeps everything back until `at`, for a reason of the caller (the daily quota). After that one message at a time is tried
   * until one is answered. True: nothing was held before.
   */
  hold(at: number): boolean;
}

type Kind = "answered" | "unreachable" | "transient" | "foreign" | "in_doubt" | "unknown";

/** Failures of one kind in a row. */
interface FailureRun {
  kind: Kind | "";
  length: number;
}

/** Makes a breaker that has seen no outcome, so that everything may be tried. `hasAnswered`: SES has answered somebody before. */
export function createBreaker(hasAnswered: () => boolean): Breaker {
  let answered = false;
  let run: FailureRun = { kind: "", length: 0 };
  /** Null: the gate is open. */
  let closed: { by: string; ms: number; failedAt: number } | null = null;
  let probeAt = 0;
  let interval = FIRST_PROBE_MS;
  let heldUntil: number | null = null;

  const open = (now: number) => {
    closed = null;
    interval = FIRST_PROBE_MS;
    // Until then, answers belong to calls from before the hold and must not end it.
    if (heldUntil !== null && heldUntil <= now) heldUntil = null;
  };
  const close = (by: string, now: number) => {
    const ms = closed === null ? 0 : closed.ms + Math.min(LONGEST_GAP_MS, now - closed.failedAt);
    closed = { by: closed?.by ?? by, ms, failedAt: now };
    // The last probe comes when the patience is over.
    probeAt = now + Math.min(interval, Math.max(0, PATIENCE_MS - ms));
    interval = Math.min(interval * 2, LAST_PROBE_MS);
  };

  return {
    observe(outcome, now) {
      const kind = kindOf(outcome);
      if (kind === null) return null;
      if (kind === "answered") {
        answered = true;
        run = { kind: "", length: 0 };
        open(now);
        return null;
      }
      run = run.kind === kind ? { kind, length: run.length + 1 } : { kind, length: 1 };
      // A 5xx is an answer: SES was reached.
      if (kind === "transient" && closed?.by === "unreachable") open(now);
      if (closed !== null || kind === "unreachable" || (kind === "transient" && run.length >= TRANSIENT_RUN))
        close(kind, now);
      return haltOf(run, { closedMs: closed?.ms ?? 0, hasAnswered: answered || hasAnswered() }, outcome);
    },
    admit(room, inFlight, now) {
      if (closed === null && heldUntil === null) return room;
      if ((heldUntil ?? 0) > now || (closed !== null && probeAt > now)) return 0;
      return Math.min(room, Math.max(0, 1 - inFlight));
    },
    isClosed: () => closed !== null,
    hasAnswered: () => answered || hasAnswered(),
    nextProbeAt: () => (closed === null ? heldUntil : heldUntil === null ? probeAt : Math.max(probeAt, heldUntil)),
    hold(at) {
      const isNew = heldUntil === null;
      heldUntil = at;
      return isNew;
    },
  };
}

/** Why so many outcomes of one kind in a row, or a gate closed for so long, stop the run; null: they do not. */
function haltOf(
  { kind, length }: FailureRun,
  { closedMs, hasAnswered }: { closedMs: number; hasAnswered: boolean },
  outcome: Outcome,
): Halt | null {
  const reason = "reason" in outcome ? outcome.reason : "";
  if (kind === "in_doubt" && length >= IN_DOUBT_RUN) {
    return {
      reason: `${length} answers in a row were lost (${reason})`,
      hint: "check the connection to SES and run the same command again",
    };
  }
  if (kind === "unknown" && length >= UNKNOWN_RUN) {
    return {
      reason: `SES refused ${length} messages in a row: ${reason}`,
      hint: "correct the cause and run the same command again",
    };
  }
  if (kind === "foreign" && length >= (hasAnswered ? UNKNOWN_RUN : UNPROVEN_RUN)) {
    return {
      reason: `${length} calls in a row were refused: ${reason}`,
      hint: "check the endpoint, and what stands between here and SES (a proxy, a firewall, a login page)",
    };
  }
  if (closedMs >= PATIENCE_MS) {
    const text =
      kind === "unreachable"
        ? unreachableText(reason, "server" in outcome ? outcome.server : undefined)
        : `SES takes no mail: ${reason}`;
    return { reason: `${text} (tried for 3 minutes)`, hint: "check the network and the endpoint" };
  }
  return null;
}

function kindOf(outcome: Outcome): Kind | null {
  switch (outcome.kind) {
    case "sent":
    case "handed_over":
      return "answered";
    case "rejected":
      return outcome.unknown ? "unknown" : "answered";
    case "transient":
      return outcome.unreachable ? "unreachable" : outcome.isForeign ? "foreign" : "transient";
    case "in_doubt":
      return "in_doubt";
    default:
      return null;
  }
}
