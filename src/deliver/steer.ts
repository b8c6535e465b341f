/** What the outcome of a call means for its message and for the messages that wait. */
import type { Clock } from "../time/clock.ts";
import { type Breaker, createBreaker } from "./breaker.ts";
import type { Outcome } from "./outcome.ts";
import type { Halt, Run, SendOptions, SendOutcome, SendResult } from "./sender.ts";
import type { Claim, Settlement } from "./source.ts";
import { causeOf } from "./status.ts";
import { type Troubles, unreachableText } from "./trouble.ts";

/** While we wait for daily quota, try one message this often. The 24-hour window rolls, so some quota frees all the time. */
const QUOTA_RETRY_MS = 60_000;
/** Our clock and the source's may differ over a back-off by this share of it plus `GRAIN_MS`. */
const DRIFT = 0.001;
const GRAIN_MS = 2;

/** The limits of a run of the loop. */
export interface Limits {
  /** SES calls for one message before it fails. */
  maxAttempts: number;
  /** The most messages to send in one burst; null: no limit. */
  max: number | null;
  /** What to do when the daily quota is used up. */
  onQuota: "stop" | "wait";
}

/** The limits that these options set. A loop that waits has no `max` and waits for quota. */
export function limitsOf(options: SendOptions): Limits {
  const { maxAttempts } = options;
  if (options.whenDrained === "wait") return { maxAttempts, max: null, onQuota: "wait" };
  return { maxAttempts, max: options.max, onQuota: options.onQuota };
}

interface Stop extends Halt {
  outcome: SendOutcome;
}

/** What a steering works with. */
export interface SteeringOptions {
  limits: Limits;
  clock: Clock;
  /** Hears of every outcome. It may know those of earlier bursts. */
  troubles: Troubles;
  /** Outcomes are counted here. It may hold the counts of earlier bursts. */
  run: Run;
  /** Called once each time something begins to keep messages back. */
  tell: (text: string) => void;
  /** Why bulk mail was kept back for the reserve when the burst before ended; null: it was not. It was told already. */
  kept: string | null;
  /** True: SES has answered before this burst. */
  hasAnswered: () => boolean;
}

/** What one burst learns from its outcomes: whether it may go on, what is kept back, what is retried, and how it ended. */
export class Steering {
  readonly #run: Run;
  readonly #before: Run;
  readonly #limits: Limits;
  readonly #clock: Clock;
  readonly #troubles: Troubles;
  readonly #tell: (text: string) => void;
  readonly #startedAt: number;
  readonly #breaker: Breaker;
  #stop: Stop | null = null;
  /** Why the breaker keeps messages back; meaningless while it does not. */
  #holdReason = "";
  #kept: string | null;
  /** When messages that were put back fall due again (monotonic ms), in no order. */
  #retriesDueAt: number[] = [];
  /** How many messages count against `max`. */
  #counted = 0;

  constructor(given: SteeringOptions) {
    this.#run = given.run;
    this.#before = { ...given.run };
    this.#limits = given.limits;
    this.#clock = given.clock;
    this.#troubles = given.troubles;
    this.#tell = given.tell;
    this.#kept = given.kept;
    this.#breaker = createBreaker(given.hasAnswered);
    this.#startedAt = given.clock.monotonic();
  }

  /** From now on nothing is claimed. Only the first call counts. */
  stop(outcome: SendOutcome, { reason, hint }: Halt): void {
    this.#stop ??= { outcome, reason, hint };
  }

  /** True after `stop`. */
  isStopped(): boolean {
    return this.#stop !== null;
  }

  /** How many of `wanted` messages may be claimed, with `inFlight` calls under way. */
  admit(wanted: number, inFlight: number): number {
    if (this.#stop) return 0;
    const left = this.#limits.max === null ? Infinity : this.#limits.max - this.#counted;
    return this.#breaker.admit(Math.max(0, Math.min(wanted, left)), inFlight, this.#clock.monotonic());
  }

  /** Counts messages that a turn cancelled because they had expired. */
  expired(count: number): void {
    this.#run.expired += count;
  }

  /** Notes why bulk mail is kept back for the reserve; null: it is not. */
  keep(reason: string | null): void {
    // A run that ends for it says so at its end.
    if (reason !== null && this.#kept === null && this.#limits.onQuota === "wait") this.#tell(reason);
    this.#kept = reason;
  }

  /** True when `max` is used up. A message that is put back frees its place again. */
  isAtLimit(): boolean {
    return this.#limits.max !== null && this.#counted >= this.#limits.max;
  }

  /** Why all messages but an occasional probe are kept back; null: none is. */
  hold(): string | null {
    return this.#breaker.nextProbeAt() === null ? null : this.#holdReason;
  }

  /** True: SES has answered, in this burst or before. */
  hasAnswered(): boolean {
    return this.#breaker.hasAnswered();
  }

  /** Why bulk mail is kept back for the reserve; null: it is not. */
  kept(): string | null {
    return this.#kept;
  }

  /** Milliseconds until a probe may leave; null: there is no need to wait for one. */
  nextProbeInMs(): number | null {
    const at = this.#breaker.nextProbeAt();
    const inMs = at === null ? 0 : at - this.#clock.monotonic();
    return inMs > 0 ? inMs : null;
  }

  /** Milliseconds until a message put back falls due again, 0 or less when it has; null: there is none. */
  nextRetryInMs(): number | null {
    if (this.#retriesDueAt.length === 0) return null;
    return this.#retriesDueAt.reduce((a, b) => Math.min(a, b)) - this.#clock.monotonic();
  }

  /**
   * To be called when a turn that was called at `calledAt` (monotonic ms) claimed all that was due. A retry that was due then
   * and was not among the claims was cancelled, or another process has it, so it is not waited for.
   */
  drained(calledAt: number): void {
    this.#retriesDueAt = this.#retriesDueAt.filter((dueAt) => dueAt > calledAt);
  }

  /** `count` messages were claimed, and their calls begin. */
  launched(count: number): void {
    this.#counted += count;
  }

  /** The source has just written these answers. Their back-offs count from now. */
  written(settlements: readonly Settlement[]): void {
    for (const settlement of settlements) {
      if (settlement.kind !== "put_back" || settlement.delayMs === null) continue;
      this.#retriesDueAt.push(this.#clock.monotonic() + settlement.delayMs * (1 + DRIFT) + GRAIN_MS);
    }
  }

  /** Counts the outcome of a call, and returns what to write about its message. */
  settle(claim: Claim, outcome: Outcome): Settlement {
    const isOutage = this.#breaker.isClosed();
    const now = this.#clock.monotonic();
    const trip = this.#breaker.observe(outcome, now);
    this.#troubles.observe(outcome, now);
    if (outcome.kind === "transient" && this.#breaker.isClosed()) this.#outage(outcome, isOutage);
    if (trip) this.stop("halted", trip);
    const { id, topicId } = claim;
    switch (outcome.kind) {
      case "sent":
        this.#run.attempts++;
        this.#run.sent++;
        return { kind: "sent", id, topicId, sesMessageId: outcome.sesMessageId };
      case "handed_over":
        this.#run.attempts++;
        this.#run.handedOver++;
        return { kind: "handed_over", id, subject: outcome.subject, name: outcome.name };
      case "rejected":
        this.#run.attempts++;
        return { ...this.#fail(id, outcome.reason), ...(outcome.isOurs && { isOurs: true }) };
      case "in_doubt":
        return this.doubt(claim, outcome.reason, outcome.name);
      case "transient":
        // No call was made. It is due as before, because the breaker decides when the next one is tried.
        if (outcome.unreachable) return this.#putBack(id, outcome.reason);
        this.#run.attempts++;
        return this.#tryAgain(
          claim,
          outcome.reason,
          (isOutage && this.#breaker.isClosed()) || this.#isUnproven(outcome),
        );
      case "throttled":
        this.#run.throttled++;
        return this.#putBack(id, outcome.reason);
      case "withheld":
        return this.#putBack(id, outcome.reason);
      case "quota":
        this.#quotaUsedUp(outcome.reason);
        return this.#putBack(id, outcome.reason);
      case "halted":
        this.stop("halted", outcome);
        return this.#putBack(id, outcome.reason);
    }
  }

  /** True: what refused the message may refuse every message, because nothing says yet that SES is behind it. */
  #isUnproven({ isForeign }: Extract<Outcome, { kind: "transient" }>): boolean {
    return isForeign === true && !this.#breaker.hasAnswered();
  }

  /** Counts a call whose answer is lost, and returns what to write about its message. `name`: a broker may have it under this name. */
  doubt({ id }: Claim, error: string, name?: string): Settlement {
    this.#run.attempts++;
    this.#run.inDoubt++;
    return { kind: "in_doubt", id, error, ...(name !== undefined && { name }) };
  }

  /** Brings `run.elapsedMs` up to date. */
  tick(): void {
    this.#run.elapsedMs = this.#before.elapsedMs + Math.round(this.#clock.monotonic() - this.#startedAt);
  }

  /** How the burst ended. To be asked when nothing is in flight. */
  result(): SendResult {
    const run = this.#run;
    if (this.#stop) return { ...this.#stop, run };
    const { attempts, throttled } = this.#before;
    const isUsed = this.#counted > 0 || run.attempts > attempts || run.throttled > throttled;
    const outcome = this.isAtLimit() ? "limit" : isUsed ? "finished" : "nothing_to_send";
    return { outcome, reason: null, hint: null, run };
  }

  /** `isFree`: the failure does not count as an attempt of this message. */
  #tryAgain({ id, attempts }: Claim, reason: string, isFree: boolean): Settlement {
    const tried = attempts + 1;
    if (!isFree && tried >= this.#limits.maxAttempts) {
      return this.#fail(id, `${reason} (${tried === 1 ? "1 attempt" : `${tried} attempts`})`);
    }
    this.#run.retried++;
    this.#counted--;
    return { kind: "put_back", id, delayMs: Math.round(backoffMs(tried)), attempted: !isFree, error: reason };
  }

  #fail(id: number, error: string): Extract<Settlement, { kind: "failed" }> {
    this.#run.failed++;
    return { kind: "failed", id, error };
  }

  #putBack(id: number, reason: string): Settlement {
    this.#counted--;
    return { kind: "put_back", id, delayMs: null, attempted: false, error: reason };
  }

  #quotaUsedUp(reason: string): void {
    if (this.#limits.onQuota === "stop") {
      this.stop("quota", { reason, hint: null });
    } else if (this.#breaker.hold(this.#clock.monotonic() + QUOTA_RETRY_MS)) {
      this.#keepBack(`${reason} Waiting for the 24-hour window to free some quota.`);
    }
  }

  /** Says why all but a probe is kept back: once, and again when the cause is another. */
  #outage({ reason, unreachable, server }: Extract<Outcome, { kind: "transient" }>, isKnown: boolean): void {
    const text = unreachable ? unreachableText(reason, server) : `SES takes no mail: ${reason}`;
    const shown = `${text} (trying one message at a time)`;
    if (!isKnown || causeOf(shown) !== causeOf(this.#holdReason)) this.#keepBack(shown);
  }

  #keepBack(reason: string): void {
    this.#holdReason = reason;
    this.#tell(reason);
  }
}

/** 2^n seconds for the n-th attempt, ± 25 %, so that what failed together does not come back together. */
function backoffMs(attempt: number): number {
  return 1000 * 2 ** Math.min(attempt, 10) * (0.75 + Math.random() / 2);
}
