/**
 * The send loop. A process is only a pair of hands: each turn writes the answers that came, claims as many messages as
 * there are free hands and the rate allows, and starts their calls. It knows neither SQLite nor SES.
 */
import pLimit from "p-limit";
import type { Clock } from "../time/clock.ts";
import { StoppedError } from "../errors.ts";
import { type Breaker, createBreaker } from "./breaker.ts";
import type { Outcome } from "./outcome.ts";
import type { Claim, Departure, Scope, Settlement, Source, Turn } from "./source.ts";

/**
 * Answers that come within this time are written together: one durable commit for all of them. Less when every hand is
 * busy, for then a hand waits for the commit.
 */
const SETTLE_TOGETHER_MS = 10;
const SETTLE_BUSY_MS = 4;
/** What the rate allows within this time is claimed together, for the same reason. */
const CLAIM_TOGETHER_MS = 10;
/** However long a turn was delayed, no more than this much of the rate at once. */
const MOST_CAUGHT_UP_MS = 60;
/** A turn at least this often while calls are under way, so that the lease is renewed. */
const HEARTBEAT_MS = 2_000;
/**
 * A call that leaves later than this after it was counted (a TLS handshake) is reported at once, and until it leaves this
 * often: at low rates another process would count its second from too early an instant.
 */
const LATE_MS = 10;
const REPORT_LATE_MS = 250;
/** With the daily quota used up and `--on-quota wait`: ask again this often. The window rolls, so a little frees all the time. */
const QUOTA_RETRY_MS = 60_000;
/** How long answers are kept in hand when the job file cannot take them (disk full), and how often it is tried. */
const KEEP_ANSWERS_MS = 30_000;
const WRITE_RETRY_MS = 1_000;
/** How often the caller is asked whether to go on. */
const CHECKPOINT_MS = 2_000;

export interface SendOptions {
  scope: Scope;
  perSecond: number;
  concurrency: number;
  maxAttempts: number;
  /** Stop after this many messages; null: no limit. */
  max: number | null;
  onQuota: "stop" | "wait";
  /** Aborts at the first signal: no new calls, answers are awaited. */
  signal: AbortSignal;
  /** Aborts at the second: what is in flight is put in doubt. */
  hardSignal: AbortSignal;
  clock: Clock;
  /** `isHeld`: nothing leaves but one message now and then, until SES takes it; `onNotice` has said why. */
  onProgress: (run: Run, perSecond: number, isHeld: boolean) => void;
  /** Told once when something makes the run wait. */
  onNotice: (text: string) => void;
  /**
   * Asked before the first message and then every two seconds or so whether the run may go on; null: it may. What is in
   * flight is waited for, and the run is "halted".
   */
  checkpoint?: () => Promise<{ reason: string; hint: string } | null>;
  /**
   * A call that never reached SES is no attempt: for a process that lives on, an outage is to be waited out, not to be counted
   * against the few messages it met. Not set: it is one, as `--max-attempts` says.
   */
  outlastOutages?: boolean;
  /** Given a function that makes a waiting run look for messages now, instead of with its next turn. */
  wakeUp?: (wake: () => void) => void;
}

export interface Run {
  /** SES calls that count: throttled ones do not. */
  attempts: number;
  sent: number;
  failed: number;
  inDoubt: number;
  throttled: number;
  retried: number;
  elapsedMs: number;
}

export interface Deliver {
  /** Hands one message to SES; calls `onDeparted` when the request goes on the wire. Never rejects but for a bug. */
  (claim: Claim, onDeparted: () => void): Promise<Outcome>;
  /** True: messages wait for memory, and more of them would only wait, too. Not set: they never do. */
  isFull?: () => boolean;
}

/** Claims of one turn on their way out. */
interface Batch {
  /** Where the rate counts them now (monotonic ms). */
  countedAt: number;
  count: number;
  /** How many have not left yet. */
  waiting: number;
  lastLeftAt: number;
}

export type SendOutcome = "finished" | "nothing_to_send" | "interrupted" | "quota" | "halted" | "limit";

export interface SendResult {
  outcome: SendOutcome;
  reason: string | null;
  hint: string | null;
  run: Run;
}

interface Stop {
  outcome: SendOutcome;
  reason: string;
  hint: string | null;
}

/** Sends everything of the scope that is due, and what falls due again after a passing failure. */
export async function send(source: Source, deliver: Deliver, options: SendOptions): Promise<SendResult> {
  const loop = new SendLoop(source, deliver, options);
  return loop.run();
}

class SendLoop {
  readonly #source: Source;
  readonly #deliver: Deliver;
  readonly #options: SendOptions;
  readonly #limit: ReturnType<typeof pLimit>;
  readonly #breaker: Breaker = createBreaker();
  readonly #inFlight = new Map<number, Claim>();
  readonly #run: Run = { attempts: 0, sent: 0, failed: 0, inDoubt: 0, throttled: 0, retried: 0, elapsedMs: 0 };
  readonly #startedAt: number;

  #settlements: Settlement[] = [];
  #batches: Batch[] = [];
  #failure: { error: unknown } | null = null;
  #throttledAt: number | null = null;
  /** When (wall clock) messages this run put back fall due again, unordered. */
  #retriesDueAt: number[] = [];
  /** Messages that used up one of `--max`. */
  #counted = 0;
  #stop: Stop | null = null;
  #lastTurnAt = -Infinity;
  #checkedAt = -Infinity;
  #unwritableSince: number | null = null;
  #wake: () => void = () => undefined;

  constructor(source: Source, deliver: Deliver, options: SendOptions) {
    this.#source = source;
    this.#deliver = deliver;
    this.#options = options;
    this.#limit = pLimit(options.concurrency);
    this.#startedAt = options.clock.monotonic();
    options.wakeUp?.(() => this.#wake());
  }

  async run(): Promise<SendResult> {
    const { signal, hardSignal } = this.#options;
    const onSignal = () => this.#interrupt();
    signal.addEventListener("abort", onSignal);
    hardSignal.addEventListener("abort", onSignal);
    if (signal.aborted) this.#interrupt();
    try {
      return await this.#loop();
    } finally {
      signal.removeEventListener("abort", onSignal);
      hardSignal.removeEventListener("abort", onSignal);
    }
  }

  async #loop(): Promise<SendResult> {
    for (;;) {
      if (this.#failure) throw this.#failure.error;
      if (this.#options.hardSignal.aborted) this.#abandon();
      await this.#check();
      const room = this.#room();
      const turn = await this.#turn(room);
      this.#launch(turn);
      this.#report(turn.perSecond);
      if (this.#isDone(turn, room)) break;
      await this.#wait(turn, room);
    }
    return this.#result();
  }

  async #check(): Promise<void> {
    if (!this.#options.checkpoint || this.#stop || this.#now() - this.#checkedAt < CHECKPOINT_MS) return;
    this.#checkedAt = this.#now();
    const objection = await this.#options.checkpoint();
    if (objection) this.#stop ??= { outcome: "halted", ...objection };
  }

  /** How many messages there are free hands for. Answers not yet written keep their hand busy: they are `sending` still. */
  #room(): number {
    if (this.#stop || this.#deliver.isFull?.()) return 0;
    const free = this.#options.concurrency - this.#inFlight.size - this.#settlements.length;
    const left = this.#options.max === null ? Infinity : this.#options.max - this.#counted;
    // What fell due since the last turn, and a little to catch up: more would block the event loop and be the next stall.
    const sinceTurn = Math.min(MOST_CAUGHT_UP_MS, this.#now() - this.#lastTurnAt);
    const span = Math.max(2 * CLAIM_TOGETHER_MS, 1.25 * sinceTurn);
    const burst = Math.max(2, Math.ceil((this.#options.perSecond * span) / 1000));
    return Math.max(0, this.#breaker.admit(Math.min(free, left, burst), this.#inFlight.size, this.#now()));
  }

  async #turn(room: number): Promise<Turn> {
    const request = {
      settlements: this.#settlements,
      room,
      perSecond: this.#options.perSecond,
      scope: this.#options.scope,
      departed: this.#departures(),
      throttledAt: this.#throttledAt,
    };
    this.#settlements = [];
    this.#throttledAt = null;
    this.#lastTurnAt = this.#now();
    try {
      return await this.#source.turn(request);
    } catch (error) {
      // The answers are still ours to write.
      this.#settlements = [...request.settlements, ...this.#settlements];
      if (!(error instanceof StoppedError)) throw error;
      return this.#sitOut(error);
    }
  }

  /** The job file cannot be written: no new calls, and a while of trying to get the answers in that are known. */
  async #sitOut(error: StoppedError): Promise<Turn> {
    this.#stop ??= { outcome: "halted", reason: error.message, hint: error.hint };
    this.#unwritableSince ??= this.#now();
    const waited = this.#now() - this.#unwritableSince;
    if (waited > KEEP_ANSWERS_MS || this.#options.hardSignal.aborted) throw error;
    if (this.#settlements.length > 0) await this.#options.clock.sleep(WRITE_RETRY_MS, this.#options.hardSignal);
    return { claims: [], at: this.#now(), rateWaitMs: null, drained: false, perSecond: this.#options.perSecond };
  }

  #launch(turn: Turn): void {
    if (turn.claims.length === 0) return;
    const { at: countedAt, claims } = turn;
    const batch: Batch = { countedAt, count: claims.length, waiting: claims.length, lastLeftAt: 0 };
    this.#batches.push(batch);
    for (const claim of claims) {
      this.#inFlight.set(claim.id, claim);
      this.#counted++;
      void this.#limit(() => this.#call(claim, batch));
    }
  }

  /** Moves what the rate counts to when calls really left; what has not left yet leaves now at the earliest. */
  #departures(): Departure[] {
    const now = this.#now();
    const departed = this.#batches.map((batch): Departure => {
      const actual = batch.waiting > 0 ? now : batch.lastLeftAt;
      const departure = { planned: batch.countedAt, actual, count: batch.count };
      batch.countedAt = Math.max(batch.countedAt, actual);
      return departure;
    });
    this.#batches = this.#batches.filter((batch) => batch.waiting > 0);
    return departed;
  }

  async #call(claim: Claim, batch: Batch): Promise<void> {
    let startedAt = 0;
    const onDeparted = () => {
      if (startedAt > 0) return;
      startedAt = this.#now();
      batch.waiting--;
      batch.lastLeftAt = startedAt;
      if (startedAt - batch.countedAt > LATE_MS) this.#wake();
    };
    try {
      const outcome = await this.#deliver(claim, onDeparted);
      // A call that never left (no credentials, cannot be rendered) takes nothing from the rate, but is counted all the same.
      onDeparted();
      // Abandoned after a second signal: it is in doubt already.
      if (this.#inFlight.delete(claim.id)) this.#steer(claim, outcome, startedAt);
    } catch (error) {
      this.#failure ??= { error };
    }
    this.#wake();
  }

  /** Errors steer: what an outcome means for its message, and for the run. */
  #steer(claim: Claim, outcome: Outcome, startedAt: number): void {
    const run = this.#run;
    const { id } = claim;
    const gated = this.#breaker.isClosed();
    const trip = this.#breaker.observe(outcome, this.#now());
    if (!gated && outcome.kind === "transient" && this.#breaker.isClosed()) {
      this.#options.onNotice(
        `SES does not take anything (${outcome.reason}): trying one message at a time until it does.`,
      );
    }
    if (trip) this.#stop ??= { outcome: "halted", ...trip };
    switch (outcome.kind) {
      case "sent":
        run.attempts++;
        run.sent++;
        this.#settlements.push({ kind: "sent", id, topicId: claim.topicId, sesMessageId: outcome.sesMessageId });
        return;
      case "rejected":
        run.attempts++;
        run.failed++;
        this.#settlements.push({ kind: "failed", id, error: outcome.reason });
        return;
      case "in_doubt":
        run.attempts++;
        run.inDoubt++;
        this.#settlements.push({ kind: "in_doubt", id, error: outcome.reason });
        return;
      case "transient":
        run.attempts++;
        this.#tryAgain(claim, outcome.reason, gated || (outcome.unreachable && this.#options.outlastOutages === true));
        return;
      case "throttled":
        run.throttled++;
        this.#throttledAt = Math.max(this.#throttledAt ?? 0, startedAt);
        this.#putBack(id, outcome.reason);
        return;
      case "quota":
        this.#putBack(id, outcome.reason);
        if (this.#options.onQuota === "stop") this.#stop ??= { outcome: "quota", reason: outcome.reason, hint: null };
        else this.#holdForQuota(outcome.reason);
        return;
      case "halted":
        this.#putBack(id, outcome.reason);
        this.#stop ??= { outcome: "halted", reason: outcome.reason, hint: outcome.hint };
    }
  }

  /** `free`: not this message's fault. */
  #tryAgain(claim: Claim, reason: string, free: boolean): void {
    const { id, attempts } = claim;
    const tried = attempts + 1;
    if (!free && tried >= this.#options.maxAttempts) {
      this.#run.failed++;
      const times = tried === 1 ? "1 attempt" : `${tried} attempts`;
      this.#settlements.push({ kind: "failed", id, error: `${reason} (${times})` });
      return;
    }
    this.#run.retried++;
    const notBefore = Math.round(this.#options.clock.now() + backoffMs(tried));
    this.#retriesDueAt.push(notBefore);
    this.#counted--;
    this.#settlements.push({ kind: "put_back", id, notBefore, attempted: !free, error: reason });
  }

  #putBack(id: number, reason: string): void {
    this.#counted--;
    this.#settlements.push({ kind: "put_back", id, notBefore: null, attempted: false, error: reason });
  }

  #holdForQuota(reason: string): void {
    if (!this.#breaker.hold(this.#now() + QUOTA_RETRY_MS)) return;
    this.#options.onNotice(`${reason} Waiting for the 24-hour window to free some quota.`);
  }

  #interrupt(): void {
    this.#stop ??= {
      outcome: "interrupted",
      reason: `interrupted by ${String(this.#options.signal.reason)}`,
      hint: null,
    };
    const waiting = this.#inFlight.size;
    if (waiting > 0 && !this.#options.hardSignal.aborted) {
      this.#options.onNotice(
        `Waiting for ${waiting} answer${waiting === 1 ? "" : "s"} of SES; interrupt again to leave at once.`,
      );
    }
    this.#wake();
  }

  /** A second signal: we leave without the answers, so nobody knows. */
  #abandon(): void {
    for (const id of this.#inFlight.keys()) {
      this.#run.inDoubt++;
      this.#run.attempts++;
      this.#settlements.push({ kind: "in_doubt", id, error: "interrupted before the answer of SES came" });
    }
    this.#inFlight.clear();
  }

  #isDone(turn: Turn, room: number): boolean {
    const idle = this.#inFlight.size === 0 && this.#settlements.length === 0;
    if (!idle) return false;
    if (this.#stop) return true;
    if (this.#options.max !== null && this.#counted >= this.#options.max) return true;
    if (room === 0 || !turn.drained) return false;
    // What fell due and was not found: another process has it, or it was cancelled.
    const now = this.#options.clock.now();
    this.#retriesDueAt = this.#retriesDueAt.filter((dueAt) => dueAt > now);
    return this.#retriesDueAt.length === 0;
  }

  /** Until an answer comes, the rate allows another message, or a retry falls due. */
  async #wait(turn: Turn, room: number): Promise<void> {
    const waits = [this.#batches.some((batch) => batch.waiting > 0) ? REPORT_LATE_MS : HEARTBEAT_MS];
    const probeAt = this.#breaker.nextProbeAt();
    if (probeAt !== null && probeAt > this.#now()) waits.push(probeAt - this.#now());
    // Not those the turn had: hands that were busy with answers are free since it wrote them.
    const free = this.#room();
    if (free > 0 && turn.rateWaitMs !== null) waits.push(turn.rateWaitMs + this.#gather(turn, free));
    else if (free > 0 && !turn.drained && this.#unwritableSince === null) waits.push(0);
    if (room > 0 && turn.drained && this.#retriesDueAt.length > 0) {
      waits.push(Math.min(...this.#retriesDueAt) - this.#options.clock.now() + 1);
    }
    if (this.#settlements.length === 0) await this.#sleep(Math.max(1, Math.min(...waits)));
    const sinceTurn = this.#now() - this.#lastTurnAt;
    const together = free > 0 ? SETTLE_TOGETHER_MS : SETTLE_BUSY_MS;
    if (sinceTurn < together) await this.#options.clock.sleep(together - sinceTurn);
    else await new Promise((resolve) => setImmediate(resolve));
  }

  /** At high rates one message falls due every millisecond: wait for a handful. */
  #gather(turn: Turn, free: number): number {
    const handful = Math.min(free, Math.floor((turn.perSecond * CLAIM_TOGETHER_MS) / 1000));
    return handful > 1 ? ((handful - 1) * 1000) / turn.perSecond : 0;
  }

  async #sleep(ms: number): Promise<void> {
    const controller = new AbortController();
    // With a reason, or each wake would make an Error.
    this.#wake = () => controller.abort("woken");
    await this.#options.clock.sleep(ms, controller.signal);
    this.#wake = () => undefined;
  }

  #report(perSecond: number): void {
    this.#run.elapsedMs = Math.round(this.#now() - this.#startedAt);
    this.#options.onProgress(this.#run, perSecond, this.#breaker.nextProbeAt() !== null);
  }

  #result(): SendResult {
    const stop = this.#stop;
    if (stop) return { ...stop, run: this.#run };
    const used = this.#counted > 0 || this.#run.attempts > 0 || this.#run.throttled > 0;
    const limited = this.#options.max !== null && this.#counted >= this.#options.max;
    return {
      outcome: limited ? "limit" : used ? "finished" : "nothing_to_send",
      reason: null,
      hint: null,
      run: this.#run,
    };
  }

  #now(): number {
    return this.#options.clock.monotonic();
  }
}

/** 2^n seconds for the n-th attempt, ± 25 %, so that what failed together does not come back together. */
function backoffMs(attempt: number): number {
  return 1000 * 2 ** Math.min(attempt, 10) * (0.75 + Math.random() / 2);
}
