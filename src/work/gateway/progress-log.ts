/** The lines in the log of `serve` that tell how sending goes: one when something changes, then one every few minutes. */
import type { FastifyBaseLogger } from "fastify";
import type { Run } from "../../deliver/sender.ts";
import type { Gateway } from "../../serve/gateway.ts";

/** While mail is sent, or nothing gets through, a line so often. */
const BUSY_MS = 180_000;
/** When sending has paused, what was sent since the last line is told, but not more often than this. */
const PAUSED_MS = 60_000;
/** Messages that fail are told sooner. */
const FAILING_MS = 30_000;

/** Counts since the line before, and what waits. */
type Line = Awaited<ReturnType<ReturnType<typeof lineOf>["look"]>>;

/** Writes the lines. */
export interface ProgressLog {
  /** Looks at the sender, and writes a line if there is something to say. Returns how many messages wait. */
  look(): Promise<{ pending: number }>;
  /** Writes what was not told yet. */
  end(): Promise<void>;
}

/** Makes a log of progress. An idle gateway writes nothing. */
export function createProgressLog(
  gateway: Pick<Gateway, "store" | "sender" | "clock">,
  log: FastifyBaseLogger,
): ProgressLog {
  const { clock } = gateway;
  const line = lineOf(gateway);
  let toldAt = -Infinity;
  let before = { isHalted: false, activity: 0 };

  const tell = (now: Line) => {
    toldAt = clock.monotonic();
    line.told(now);
    const { reason, ...facts } = now;
    const isBad = reason !== null || now.failed + now.expired > 0;
    log[isBad ? "warn" : "info"](facts, reason === null ? "sending" : `nothing gets through: ${reason}`);
  };

  /** Whether there is something to say now. The listener of the loop has told the beginning of a halt. */
  const isDue = (now: Line, isHalted: boolean): boolean => {
    const due = (ms: number) => clock.monotonic() - toldAt >= ms;
    const activity = activityOf(now);
    if (isHalted) return before.isHalted && due(BUSY_MS);
    const isPaused = activity === before.activity;
    return activity > 0 && due(isPaused ? PAUSED_MS : now.failed + now.expired > 0 ? FAILING_MS : BUSY_MS);
  };

  return {
    async look() {
      const now = await line.look();
      const isHalted = now.state === "halted";
      const isTold = isDue(now, isHalted);
      if (isTold) tell(now);
      else if (isHalted && !before.isHalted) toldAt = clock.monotonic();
      before = { isHalted, activity: isTold ? 0 : activityOf(now) };
      return { pending: now.pending };
    },
    async end() {
      const now = await line.look();
      if (activityOf(now) > 0) tell(now);
    },
  };
}

function activityOf({ sent, handed_over: handedOver = 0, failed, expired, throttled, retried }: Line): number {
  return sent + handedOver + failed + expired + throttled + retried;
}

type Counted = Pick<Run, "sent" | "failed" | "expired" | "throttled" | "retried"> & { handed_over?: number };

function lineOf({ store, sender, clock }: Pick<Gateway, "store" | "sender" | "clock">) {
  let before = sender.status().run;
  let at = clock.monotonic();
  return {
    async look() {
      const { run, state, reason, perSecond } = sender.status();
      const seconds = Math.max(0.001, (clock.monotonic() - at) / 1000);
      const { pending, sending, in_doubt: inDoubt } = await store.totals(null);
      const sent = run.sent - before.sent;
      const handedOver = run.handedOver - before.handedOver;
      return {
        state,
        sent,
        ...(handedOver > 0 && { handed_over: handedOver }),
        failed: run.failed - before.failed,
        expired: run.expired - before.expired,
        throttled: run.throttled - before.throttled,
        retried: run.retried - before.retried,
        // What waited a moment for its answer belongs to the time before.
        per_second: Math.round(10 * Math.min((sent + handedOver) / seconds, perSecond)) / 10,
        rate: Math.round(100 * perSecond) / 100,
        pending,
        sending,
        in_doubt: inDoubt,
        reason: state === "halted" ? reason : null,
      };
    },
    /** The next line counts from this one. */
    told({ sent, handed_over: handedOver = 0, failed, expired, throttled, retried }: Counted) {
      at = clock.monotonic();
      before = {
        ...before,
        sent: before.sent + sent,
        handedOver: before.handedOver + handedOver,
        failed: before.failed + failed,
        expired: before.expired + expired,
        throttled: before.throttled + throttled,
        retried: before.retried + retried,
      };
    },
  };
}
