/**
 * The send loop. Each turn writes the answers that came, claims as many messages as the free hands and the rate allow, and
 * starts their calls. The loop knows neither SQLite nor SES.
 *
 * Turns come in bursts (`burst.ts`). The calls in flight and the status that people see outlive a burst.
 */
import { AwayError, InterruptedError, StoppedError, UserError } from "../errors.ts";
import { Absence } from "./absence.ts";
import { Burst, QUOTA_MS, scopeNow } from "./burst.ts";
import { Flight } from "./flight.ts";
import { Hands } from "./hands.ts";
import type { Deliver } from "./outcome.ts";
import {
  emptyRun,
  type Halt,
  type Run,
  type SendListener,
  type SendLoop,
  type SendOptions,
  type SendResult,
} from "./sender.ts";
import { createSleeper, type Sleeper } from "./sleeper.ts";
import type { Source } from "./source.ts";
import { watched, type WatchedSource } from "./watched-source.ts";
import { Status } from "./status.ts";
import { limitsOf, Steering } from "./steer.ts";
import { Troubles } from "./trouble.ts";

/** Other processes add messages to the source without telling us, so look this often. */
const LOOK_MS = 500;
/** The pause after a burst that found nothing, because another process had claimed what was due. */
const BEATEN_MS = 20;
/** A person has to mend the cause of a halt (credentials, paused account). Try again this often. */
const HALTED_MS = 30_000;
/** A source that has not answered for so long is held by others, or away. */
const STORE_SILENCE_MS = 4_000;
/** After so long without anything to send, what kept us from sending then says nothing any more. */
const FORGET_MS = 300_000;
/** A source that is away is looked for so often. */
const AWAY_MS = 1_000;
/** Without a turn for so long, one is taken to renew the lease: others would not count us among the live. */
const ATTEND_MS = 15_000;
/** A source that cannot be written to (disk full) is tried again sooner, because people make room quickly. */
const UNWRITABLE_MS = 5_000;

/** How many messages left for good. */
const departedOf = ({ sent, handedOver }: Run): number => sent + handedOver;

/** Makes a loop that sends messages of `source` with `deliver`. Nothing happens until `run` is called. */
export function createSendLoop(source: Source, deliver: Deliver, options: SendOptions): SendLoop {
  const loop = new Loop(source, deliver, options);
  return { run: (listener) => loop.run(listener), status: () => loop.status(), wake: () => loop.wake() };
}

class Loop implements SendLoop {
  readonly #source: WatchedSource;
  readonly #deliver: Deliver;
  readonly #options: SendOptions;
  readonly #run = emptyRun();
  readonly #status: Status;
  readonly #flight: Flight;
  readonly #sleeper: Sleeper;
  readonly #hands: Hands;
  readonly #troubles = new Troubles();
  readonly #absence: Absence;
  /** When a burst that sent something, or tried to, ended last (monotonic ms). */
  #endedAt = 0;
  /** When the account was last asked for quota that bulk mail may use (monotonic ms). */
  #quotaAskedAt = -Infinity;
  /** When a burst began last (monotonic ms). */
  #attendedAt = -Infinity;
  /** That of the current burst, or of the last one: an answer may come after its burst has ended. */
  #steering: Steering;
  #listener: SendListener = { onNotice: () => undefined };

  constructor(source: Source, deliver: Deliver, options: SendOptions) {
    const { clock } = options.io;
    this.#source = watched(source, clock);
    this.#deliver = deliver;
    this.#options = options;
    this.#status = new Status(options.rate().perSecond);
    this.#absence = new Absence(clock, source.name);
    this.#flight = new Flight(clock);
    this.#sleeper = createSleeper(clock);
    this.#steering = this.#newSteering(null);
    this.#hands = new Hands({
      deliver,
      flight: this.#flight,
      isStopped: () => this.#steering.isStopped(),
      settle: (claim, outcome) => this.#steering.settle(claim, outcome),
      wake: () => this.#sleeper.wake(),
    });
  }

  status(): ReturnType<SendLoop["status"]> {
    const status = this.#status.show(this.#run);
    if (this.#source.waitingMs() <= STORE_SILENCE_MS) return status;
    return { ...status, state: "halted", reason: "the store does not answer", hint: null };
  }

  wake(): void {
    this.#sleeper.wake();
  }

  async run(listener: SendListener): Promise<SendResult> {
    this.#listener = listener;
    const { signal, hardSignal } = this.#options.io;
    const onSignal = () => this.#interrupt();
    const endHearing = this.#source.onChange?.(() => this.#sleeper.wake());
    signal.addEventListener("abort", onSignal);
    hardSignal.addEventListener("abort", onSignal);
    try {
      return this.#options.whenDrained === "end" ? await this.#sendBurst() : await this.#keepSending();
    } finally {
      endHearing?.();
      signal.removeEventListener("abort", onSignal);
      hardSignal.removeEventListener("abort", onSignal);
      this.#status.stopped();
    }
  }

  /** Runs burst after burst until the first signal came and nothing is in flight. */
  async #keepSending(): Promise<SendResult> {
    const { signal, clock } = this.#options.io;
    while (!signal.aborted || !this.#flight.isEmpty()) {
      const askedAt = clock.monotonic();
      try {
        const waitMs = await this.#nextBurstInMs();
        if (waitMs > 0) await this.#sleeper.sleep(waitMs);
        else await this.#pause(await this.#sendBurst());
      } catch (error) {
        // A signal ended a wait for another process. Answers that came meanwhile are still written.
        if (error instanceof InterruptedError && this.#flight.answers === 0) continue;
        if (!(error instanceof StoppedError || error instanceof UserError)) throw error;
        if (signal.aborted) break;
        if (error instanceof AwayError) await this.#waitForReturn(askedAt);
        else await this.#halted({ reason: error.message, hint: error.hint }, UNWRITABLE_MS);
      }
    }
    this.#steering.stop("interrupted", this.#interruption());
    return this.#steering.result();
  }

  /** Milliseconds until the next burst or the next look; 0: begin a burst now. */
  async #nextBurstInMs(): Promise<number> {
    if (!this.#flight.isEmpty()) return 0;
    this.#sleeper.listen();
    const lost = await this.#source.recover();
    if (lost > 0) this.#listener.onRecovered?.(lost);
    const { scope, checkpoint } = this.#options;
    // A held topic may be released, and while nothing is sent only this call finds out.
    if (scope.held?.size) await checkpoint();
    this.#askForQuota();
    const nextMs = await this.#source.nextDueInMs(scopeNow(this.#options));
    this.#absence.end();
    if (nextMs !== 0) this.#rest();
    if (this.#options.io.clock.monotonic() - this.#attendedAt >= ATTEND_MS) return 0;
    return nextMs === 0 ? 0 : Math.max(1, Math.min(LOOK_MS, nextMs ?? LOOK_MS));
  }

  /** While bulk mail waits for quota, only the account tells when there is some again. */
  #askForQuota(): void {
    const { reserve, io } = this.#options;
    if (this.#steering.kept() === null || io.clock.monotonic() - this.#quotaAskedAt < QUOTA_MS) return;
    this.#quotaAskedAt = io.clock.monotonic();
    void reserve?.refresh();
  }

  /** Nothing is due. What was wrong when something was may be over, or may have begun to last. */
  #rest(): void {
    if (this.#options.io.clock.monotonic() - this.#endedAt > FORGET_MS) this.#status.forget();
    const { perSecond } = this.#status.show(this.#run);
    this.#progress(perSecond, null);
  }

  async #sendBurst(): Promise<SendResult> {
    const { rate, io } = this.#options;
    // After a long sleep SES may have closed our connections. The event loop has to hear of it before they are used.
    await new Promise((resolve) => setImmediate(resolve));
    this.#steering = this.#newSteering(this.#steering);
    if (io.signal.aborted) this.#interrupt();
    this.#attendedAt = io.clock.monotonic();
    this.#status.begin(departedOf(this.#run));
    const burst = new Burst({
      source: this.#source,
      deliver: this.#deliver,
      options: this.#options,
      rate: rate(),
      steering: this.#steering,
      flight: this.#flight,
      hands: this.#hands,
      sleeper: this.#sleeper,
      absence: this.#absence,
      onTurn: (perSecond) => this.#report(perSecond),
      onTaken: (tookMs, hasReturned) => {
        this.#run.turns++;
        this.#run.turnMs += tookMs;
        if (hasReturned) this.#run.returns++;
      },
      onRecovered: (count) => this.#listener.onRecovered?.(count),
    });
    // A burst that only renewed the lease says nothing about the mail.
    let endedAt = io.clock.monotonic();
    try {
      const result = await burst.send();
      endedAt = result.outcome === "nothing_to_send" ? this.#endedAt : io.clock.monotonic();
      return result;
    } finally {
      this.#status.end();
      this.#endedAt = endedAt;
    }
  }

  /** `kept`: why bulk mail waits for quota since an earlier burst; null: it does not. */
  #newSteering(before: Steering | null): Steering {
    const tell = (text: string) => this.#listener.onNotice(text.endsWith(".") ? text : `${text}.`);
    const { clock } = this.#options.io;
    const hasAnswered = before?.hasAnswered() ?? false;
    return new Steering({
      limits: limitsOf(this.#options),
      clock,
      troubles: this.#troubles,
      run: this.#run,
      tell,
      kept: before?.kept() ?? null,
      hasAnswered: (): boolean => hasAnswered || (this.#options.hasAnswered?.() ?? false),
    });
  }

  #report(perSecond: number): void {
    this.#steering.tick();
    this.#progress(perSecond, this.#steering.hold());
    this.#listener.onProgress?.(this.#run);
  }

  #progress(perSecond: number, hold: string | null): void {
    const { clock } = this.#options.io;
    const trouble =
      this.#absence.text(this.#flight.answers) ?? this.#troubles.text(clock.monotonic(), this.#flight.waitingMs());
    const kept = this.#steering.kept();
    this.#status.progress({ perSecond, sent: departedOf(this.#run), hold, trouble, kept }, this.#listener);
  }

  /** Waits after a burst, for as long as its result asks for. */
  async #pause({ outcome, reason, hint }: SendResult): Promise<void> {
    if (outcome === "halted") await this.#halted({ reason: reason ?? "", hint }, HALTED_MS);
    // Another process was quicker, or the recipient cap postponed what was due.
    if (outcome === "nothing_to_send") await this.#sleeper.sleep(BEATEN_MS);
  }

  /** The source is away, and nothing is in flight. */
  async #waitForReturn(askedAt: number): Promise<void> {
    const { signal, clock } = this.#options.io;
    this.#absence.begin(askedAt);
    this.#progress(this.#status.show(this.#run).perSecond, null);
    await clock.sleep(AWAY_MS, signal);
  }

  async #halted(halt: Halt, waitMs: number): Promise<void> {
    const { signal, clock } = this.#options.io;
    if (signal.aborted) return;
    this.#status.halted(halt, this.#listener);
    // New messages must not end this sleep: they would fail for the same reason.
    await clock.sleep(waitMs, signal);
  }

  #interruption(): Halt {
    return { reason: `interrupted by ${String(this.#options.io.signal.reason)}`, hint: null };
  }

  #interrupt(): void {
    const { hardSignal } = this.#options.io;
    this.#steering.stop("interrupted", this.#interruption());
    const waiting = this.#flight.calls;
    if (waiting > 0 && !hardSignal.aborted) {
      this.#listener.onNotice(
        `Waiting for ${waiting} answer${waiting === 1 ? "" : "s"} of SES; interrupt again to leave at once.`,
      );
    }
    const { answers } = this.#flight;
    if (answers > 0 && this.#absence.ms() !== null && !hardSignal.aborted) {
      this.#listener.onNotice(
        `Waiting for ${this.#source.name}, to write ${answers === 1 ? "1 answer" : `${answers} answers`} of SES; interrupt again to leave at once.`,
      );
    }
    this.#sleeper.wake();
  }
}
