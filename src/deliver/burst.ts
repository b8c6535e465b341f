/** One burst of sending: turn after turn until nothing is left or something stops it. */
import { AwayError, InterruptedError, LostError, StoppedError } from "../errors.ts";
import type { Clock } from "../time/clock.ts";
import type { Absence } from "./absence.ts";
import type { Call, Flight } from "./flight.ts";
import type { Hands } from "./hands.ts";
import type { Deliver } from "./outcome.ts";
import { burstOf, gatherMs, settleTogetherMs } from "./room.ts";
import type { Rate, SendOptions, SendResult } from "./sender.ts";
import type { Sleeper } from "./sleeper.ts";
import type { Scope, Source, Turn } from "./source.ts";
import type { Steering } from "./steer.ts";
import { instantOf } from "./validity.ts";

/** The longest time between two turns while calls are under way: a turn renews the lease, and looks whether the source is still there. */
const HEARTBEAT_MS = 1_000;
/** The pause between two attempts to write answers to a source that cannot be written to. */
const WRITE_RETRY_MS = 1_000;
/** How long a loop that waits for mail tries to write answers before it says that it cannot, and goes on trying. */
const TELL_MS = 5_000;
/** The pause between two attempts to reach a source that is away. It has to be noticed soon when it is back. */
const AWAY_RETRY_MS = 1_000;
/** While bulk mail waits for quota, SES is asked this often whether there is some (ms). */
export const QUOTA_MS = 10_000;
/** How often the caller is asked whether sending may go on. */
const CHECKPOINT_MS = 2_000;
/** A campaign may take hours. What other processes that died meanwhile left in flight is looked for so often. */
const RECOVER_MS = 10_000;

/** What a burst works with. Flight, hands, sleeper and absence outlive it. */
export interface BurstParts {
  source: Source;
  deliver: Pick<Deliver, "isFull">;
  options: SendOptions;
  /** It holds for this burst; the next one asks again. */
  rate: Rate;
  steering: Steering;
  flight: Flight;
  hands: Hands;
  sleeper: Sleeper;
  absence: Absence;
  /** Called after each turn with the rate in force (recipients per second). */
  onTurn: (perSecond: number) => void;
  /** Called when the source has taken a turn: for how long (ms), and whether it had been away. */
  onTaken: (tookMs: number, hasReturned: boolean) => void;
  /** Called with how many messages dead processes left in doubt. */
  onRecovered: (count: number) => void;
}

type Taken = Turn & { calls: Call[] };

/** One burst, to be sent once. */
export class Burst {
  readonly #parts: BurstParts;
  readonly #clock: Clock;
  /** When the last turn was called (monotonic ms). */
  #turnAt = -Infinity;
  /** When the caller was last asked (monotonic ms). */
  #checkedAt = -Infinity;
  /** When messages of dead processes were looked for last (monotonic ms). It was done before the burst began. */
  #recoveredAt: number;
  #unwritableSince: number | null = null;
  /** When a burst that never gives up by itself was stopped while the source was away (monotonic ms). */
  #stoppedAwayAt: number | null = null;
  /** True: the last turn that looked left bulk mail for the reserve. */
  #kept = false;
  /** True: that turn may have counted answered calls as under way, so the next one has to confirm it. */
  #isUnsure = false;
  /** The question to SES whether the account has quota again, once only bulk mail is left; null: it was not asked. */
  #quotaAnswer: "on its way" | "here" | null = null;
  #quotaAskedAt = -Infinity;
  /** What the checkpoint or a call threw. It is thrown again once every answer is written. */
  #failed: { error: unknown } | null = null;

  constructor(parts: BurstParts) {
    this.#parts = parts;
    this.#clock = parts.options.io.clock;
    this.#recoveredAt = this.#now();
  }

  /**
   * Sends all messages of the scope that are due, and those that fall due again after a passing failure. When it resolves,
   * nothing is in flight and every answer is written.
   * While the source is away nothing is claimed, and the burst goes on when it is back.
   * @throws StoppedError when answers could not be written for longer than `Source.patienceMs`; the flight still has them. And, in a
   * loop that ends or has been stopped, when the source was away for longer than that.
   * @throws whatever the checkpoint or a call threw, once nothing is in flight.
   */
  async send(): Promise<SendResult> {
    const { steering, hands, rate, options, onTurn } = this.#parts;
    for (;;) {
      this.#checkHands();
      if (options.io.hardSignal.aborted) this.#abandon();
      await this.#check();
      await this.#recover();
      const room = this.#room();
      const turn = await this.#turn(room);
      steering.launched(turn.calls.length);
      hands.begin(turn.calls, rate.concurrency);
      onTurn(turn.perSecond);
      if (this.#isDone(turn, room)) return this.#result();
      await this.#wait(turn, room);
    }
  }

  /** A call met a bug: nothing more may begin, but the answers of the others have to be written. */
  #checkHands(): void {
    const { hands, steering } = this.#parts;
    if (!hands.failure || this.#failed) return;
    this.#failed = hands.failure;
    steering.stop("halted", { reason: String(hands.failure.error), hint: null });
  }

  async #check(): Promise<void> {
    const { steering, options } = this.#parts;
    if (steering.isStopped() || this.#now() - this.#checkedAt < CHECKPOINT_MS) return;
    this.#checkedAt = this.#now();
    try {
      const objection = await options.checkpoint();
      if (objection) steering.stop("halted", objection);
    } catch (error) {
      // The next turn says so, too, and is taken again until the source is back.
      if (error instanceof AwayError) this.#miss(this.#checkedAt);
      // A signal has stopped the run already.
      else if (!(error instanceof InterruptedError)) this.#fail(error);
    }
  }

  /** The source tried for seconds before it gave up, and so will the next question. People are told between the two. */
  #miss(askedAt: number): void {
    const { absence, onTurn, rate } = this.#parts;
    absence.begin(askedAt);
    onTurn(rate.perSecond);
  }

  /** Calls may be in flight, and their answers have to be written first. */
  #fail(error: unknown): void {
    this.#failed = { error };
    this.#parts.steering.stop("halted", { reason: String(error), hint: null });
  }

  async #recover(): Promise<void> {
    const { source, steering, onRecovered } = this.#parts;
    if (steering.isStopped() || this.#now() - this.#recoveredAt < RECOVER_MS) return;
    this.#recoveredAt = this.#now();
    try {
      const lost = await source.recover();
      if (lost > 0) onRecovered(lost);
    } catch (error) {
      // The next turn meets the same, and knows what to do about it.
      if (error instanceof AwayError) this.#miss(this.#recoveredAt);
      if (error instanceof StoppedError || error instanceof InterruptedError) return;
      this.#fail(error);
    }
  }

  #result(): SendResult {
    if (this.#failed) throw this.#failed.error;
    return this.#parts.steering.result();
  }

  /** How many messages may be claimed. A hand whose answer is not written yet is busy: its message is still `sending`. */
  #room(): number {
    const { deliver, flight, rate, steering } = this.#parts;
    if (deliver.isFull?.()) return 0;
    const free = rate.concurrency - flight.calls - flight.answers;
    return steering.admit(Math.min(free, burstOf(rate.perSecond, this.#now() - this.#turnAt)), flight.calls);
  }

  async #turn(room: number): Promise<Taken> {
    const { source, options, rate, flight, steering, sleeper, absence } = this.#parts;
    sleeper.listen();
    const calledAt = instantOf(this.#clock);
    this.#turnAt = calledAt.monotonic;
    const report = flight.report();
    const { settlements, departed, throttledAgoMs } = report;
    const scope = scopeNow(options);
    const { perSecond } = rate;
    try {
      const { withinMs } = flight;
      const turn = await source.turn({ settlements, room, perSecond, withinMs, scope, departed, throttledAgoMs });
      flight.written(report);
      this.#unwritableSince = null;
      this.#parts.onTaken(this.#now() - calledAt.monotonic, absence.ms() !== null);
      absence.end();
      steering.expired(turn.expired);
      if (turn.claims.length > 0) this.#quotaAnswer = null;
      if (room > 0) this.#keep(turn.reserved, settlements.length > 0);
      if (room > 0 && turn.drained) steering.drained(calledAt.monotonic);
      steering.written(settlements);
      return { ...turn, calls: flight.board(turn, calledAt) };
    } catch (error) {
      flight.keep(report);
      // A signal ended a wait for another process. It has also stopped the run: what is in flight is still awaited.
      if (error instanceof InterruptedError && settlements.length === 0) return this.#skipped();
      if (error instanceof AwayError) return this.#waitForReturn(error, calledAt.monotonic);
      absence.end();
      if (!(error instanceof StoppedError)) throw error;
      return this.#sitOut(error);
    }
  }

  /** The source cannot be written to: stop making calls, and keep trying to write the answers for `patienceMs`. */
  async #sitOut(error: StoppedError): Promise<Taken> {
    const { source, options, flight, steering } = this.#parts;
    const { hardSignal } = options.io;
    // The loop that waits keeps them for the next burst.
    const given = options.whenDrained === "end" ? flight.answers : 0;
    steering.stop("halted", { reason: error.message, hint: error.hint });
    if (error instanceof LostError) throw withLosses(error, given);
    // Without answers nothing is lost by waiting for the calls in flight.
    if (flight.answers === 0) this.#unwritableSince = null;
    this.#unwritableSince ??= this.#now();
    // A loop that waits for mail keeps the answers, and says soon what is wrong.
    const patienceMs = options.whenDrained === "end" ? source.patienceMs : Math.min(source.patienceMs, TELL_MS);
    if (this.#now() - this.#unwritableSince > patienceMs || hardSignal.aborted) throw withLosses(error, given);
    // A turn that claims nothing may be able to write what one that claims could not.
    if (flight.answers > 0) await this.#clock.sleep(WRITE_RETRY_MS, hardSignal);
    return this.#skipped();
  }

  /** The source is away: make no calls, keep the answers, and take the turn again soon. It says nothing about the mail. */
  async #waitForReturn(error: AwayError, askedAt: number): Promise<Taken> {
    const { options, flight, steering, absence } = this.#parts;
    const { hardSignal } = options.io;
    absence.begin(askedAt);
    const given = options.whenDrained === "end" ? flight.answers : 0;
    if (this.#isTiredOfWaiting() || hardSignal.aborted) throw withLosses(error, given);
    const mayEnd = steering.isStopped() && flight.isEmpty();
    if (!mayEnd) await this.#clock.sleep(AWAY_RETRY_MS, hardSignal);
    return this.#skipped();
  }

  /** A loop that waits for mail waits for its source, too, until it is stopped. */
  #isTiredOfWaiting(): boolean {
    const { options, source, absence } = this.#parts;
    const awayMs = absence.ms() ?? 0;
    if (options.whenDrained === "end") return awayMs > source.patienceMs;
    if (!options.io.signal.aborted) return false;
    this.#stoppedAwayAt ??= this.#now();
    return this.#now() - this.#stoppedAwayAt > source.patienceMs;
  }

  #skipped(): Taken {
    return { ...NO_TURN, perSecond: this.#parts.rate.perSecond };
  }

  /** After a second signal we leave without the answers, so their messages are in doubt. */
  #abandon(): void {
    const { flight, steering } = this.#parts;
    for (const claim of flight.abandon()) {
      flight.answer(steering.doubt(claim, "interrupted before the answer of SES came"));
    }
  }

  #isDone(turn: Turn, room: number): boolean {
    const { flight, options, steering } = this.#parts;
    if (!flight.isEmpty()) return false;
    if (steering.isStopped() || steering.isAtLimit()) return true;
    // A run of all topics goes round one that is being moved, as round a paused one.
    if (turn.isMoving && options.whenDrained === "end" && options.scope.topic !== null) return false;
    return room > 0 && turn.drained && steering.nextRetryInMs() === null && !this.#staysForReserve();
  }

  /** Notes whether the reserve keeps bulk mail back. A turn that wrote answers may have counted them as calls under way. */
  #keep(reserved: boolean | null, hasWritten: boolean): void {
    if (reserved === null) return;
    const { options, steering } = this.#parts;
    this.#kept = reserved;
    this.#isUnsure = hasWritten;
    steering.keep(reserved ? (options.reserve?.reason() ?? null) : null);
  }

  /**
   * True when the loop has to go on although nothing may be claimed: bulk mail waits for quota. The account is asked once more before
   * a run ends for that, because what was under way when it was asked last counts twice.
   */
  #staysForReserve(): boolean {
    const { options, steering } = this.#parts;
    if (!this.#kept || options.whenDrained === "wait") return false;
    if (this.#isUnsure) return true;
    if (options.onQuota === "wait") {
      if (this.#now() - this.#quotaAskedAt > QUOTA_MS) this.#askForQuota();
      return true;
    }
    if (this.#quotaAnswer === null) this.#askForQuota();
    if (this.#quotaAnswer !== "here") return true;
    steering.stop("quota", { reason: options.reserve?.reason() ?? "", hint: null });
    return false;
  }

  #askForQuota(): void {
    const { options, sleeper } = this.#parts;
    this.#quotaAskedAt = this.#now();
    this.#quotaAnswer = "on its way";
    void options.reserve?.refresh().finally(() => {
      this.#quotaAnswer = "here";
      sleeper.wake();
    });
  }

  /** Waits until an answer comes, the rate allows another message, or a retry falls due. */
  async #wait(turn: Turn, room: number): Promise<void> {
    const { flight, hands, sleeper } = this.#parts;
    // Counted again: the turn wrote answers, so their hands are free now.
    const free = this.#room();
    if (flight.answers === 0) await sleeper.sleep(Math.max(1, this.#nextTurnInMs(turn, room, free)));
    const sinceTurn = this.#now() - this.#turnAt;
    const together = settleTogetherMs(free);
    if (sinceTurn < together) await this.#clock.sleep(together - sinceTurn);
    else await giveWay();
    // A commit would hold up calls whose time runs, and the more answers are there by then, the fewer commits are made.
    while (hands.isBeginning) await giveWay();
  }

  #nextTurnInMs(turn: Turn, room: number, free: number): number {
    const { flight, steering } = this.#parts;
    if (this.#kept && this.#isUnsure && flight.isEmpty()) return 0;
    const waits = [flight.nextReportInMs() ?? HEARTBEAT_MS];
    const probeMs = steering.nextProbeInMs();
    if (probeMs !== null) waits.push(probeMs);
    if (free > 0 && turn.rateWaitMs !== null) waits.push(turn.rateWaitMs + gatherMs(turn.perSecond, free));
    else if (free > 0 && !turn.drained && this.#unwritableSince === null) waits.push(0);
    const retryMs = room > 0 && turn.drained ? steering.nextRetryInMs() : null;
    if (retryMs !== null) waits.push(retryMs);
    return Math.min(...waits);
  }

  #now(): number {
    return this.#clock.monotonic();
  }
}

/**
 * What may be claimed now. It is a copy: `held` may be replaced while the source works, and the turn must see one set. How old the
 * account's answer is changes all the time.
 */
export function scopeNow({ scope, reserve: watch }: Pick<SendOptions, "scope" | "reserve">): Scope {
  const reserve = watch?.now() ?? null;
  return reserve === null ? { ...scope } : { ...scope, reserve };
}

/** Lets the event loop go round. */
function giveWay(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** The error for answers that are given up. Their messages stay `sending` until somebody finds them in doubt. */
function withLosses({ message, hint }: StoppedError, answers: number): StoppedError {
  if (answers === 0) return new StoppedError(message, hint);
  const what = answers === 1 ? "1 answer of SES was" : `${answers} answers of SES were`;
  return new StoppedError(`${message}; ${what} not written, and those messages will be in doubt`, hint);
}

/** Stands for a turn that failed. */
const NO_TURN = {
  number: 0,
  claims: [],
  calls: [],
  validForMs: 0,
  rateWaitMs: null,
  drained: false,
  isMoving: false,
  reserved: null,
  expired: 0,
};
