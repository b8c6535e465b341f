/** Sending that never ends: what falls due leaves at once, for as long as the process lives. */
import { StoppedError, UserError } from "../errors.ts";
import { type Deliver, type Run, send, type SendOptions, type SendResult } from "./send.ts";
import type { Scope, Source } from "./source.ts";

/** Other processes put messages into the job file, too: look this often when nobody tells. */
const LOOK_MS = 500;
/** What was due was gone when we came. */
const BEATEN_MS = 20;
/** After a stop that a person has to mend (credentials, paused account), try again this often. */
const HALTED_MS = 30_000;
/** A job file that cannot be written (disk full) is tried again sooner: it is ours, and people make room. */
const UNWRITABLE_MS = 5_000;

export interface SenderStatus {
  /** `halted`: something is to be fixed, `reason` and `hint` say what; it is tried again by itself. */
  state: "idle" | "sending" | "halted" | "stopped";
  reason: string | null;
  hint: string | null;
  /** The rate in force, recipients per second: less than asked for after throttling. */
  perSecond: number;
  /** Since the process started. */
  run: Run;
}

export interface Sender {
  status(): SenderStatus;
  /** Something is due now: do not wait for the next look. */
  wake(): void;
}

export interface SteadySender extends Sender {
  /** Resolves when `signal` has aborted and everything in flight is answered and written. Rejects for a bug only. */
  run(listener: SenderListener): Promise<void>;
}

export interface SenderListener {
  /** Heard once each time sending stops for something a person has to mend, and with null when it goes on. */
  onHalt(halt: Halt | null): void;
  /** Heard how many messages a process that died left in doubt. */
  onRecovered(count: number): void;
  /** Told once when something makes the sender wait. */
  onNotice(text: string): void;
}

export interface SteadySenderOptions extends Pick<
  SendOptions,
  "scope" | "maxAttempts" | "signal" | "hardSignal" | "clock"
> {
  source: Source & { outlook(scope: Scope): Promise<{ due: number; nextDueAt: number | null }> };
  deliver: Deliver;
  /** Asked before each burst: the account's rate may change while we live. */
  rate: () => { perSecond: number; concurrency: number };
  /** Before the first message of a burst and then every two seconds or so; may change `scope.held`. */
  checkpoint: () => Promise<void>;
}

interface Halt {
  reason: string;
  hint: string | null;
}

export function createSender(options: SteadySenderOptions): SteadySender {
  const loop = new SteadyLoop(options);
  return { status: () => loop.status(), wake: () => loop.wake(), run: (listener) => loop.run(listener) };
}

class SteadyLoop {
  readonly #options: SteadySenderOptions;
  #listener: SenderListener = {
    onHalt: () => undefined,
    onRecovered: () => undefined,
    onNotice: () => undefined,
  };
  readonly #total: Run = none();
  #burst: Run = none();
  #perSecond: number;
  #state: SenderStatus["state"] = "idle";
  #halt: Halt | null = null;
  /** What was said last of what keeps a burst back (quota, SES out of reach); null: nothing does. */
  #held: Halt | null = null;
  #notice: Halt = { reason: "", hint: null };
  #wake: () => void = () => undefined;
  #wakeBurst: () => void = () => undefined;

  constructor(options: SteadySenderOptions) {
    this.#options = options;
    this.#perSecond = options.rate().perSecond;
  }

  status(): SenderStatus {
    const { reason, hint } = this.#held ?? this.#halt ?? { reason: null, hint: null };
    const state = this.#held ? "halted" : this.#state;
    return { state, reason, hint, perSecond: this.#perSecond, run: sum(this.#total, this.#burst) };
  }

  wake(): void {
    this.#wake();
    this.#wakeBurst();
  }

  async run(listener: SenderListener): Promise<void> {
    this.#listener = listener;
    const { signal } = this.#options;
    const onSignal = () => this.wake();
    signal.addEventListener("abort", onSignal);
    try {
      while (!signal.aborted) await this.#once();
    } finally {
      signal.removeEventListener("abort", onSignal);
      this.#state = "stopped";
    }
  }

  async #once(): Promise<void> {
    try {
      const waitMs = await this.#waitMs();
      if (waitMs > 0) return await this.#sleep(waitMs);
      const { outcome, reason, hint } = await this.#send();
      if (outcome === "halted") await this.#halted({ reason: reason ?? "", hint }, HALTED_MS);
      // Another process was quicker, or the cap moved what was due.
      if (outcome === "nothing_to_send") await this.#sleep(BEATEN_MS);
    } catch (error) {
      if (!(error instanceof StoppedError || error instanceof UserError)) throw error;
      await this.#halted({ reason: error.message, hint: error.hint }, UNWRITABLE_MS);
    }
  }

  /** Milliseconds until there may be something to send; 0: now. */
  async #waitMs(): Promise<number> {
    const lost = await this.#options.source.recover();
    if (lost > 0) this.#listener.onRecovered(lost);
    // What was held may be let go again, and nothing else would find out while nothing is sent.
    if (this.#options.scope.held?.size) await this.#options.checkpoint();
    const { due, nextDueAt } = await this.#options.source.outlook(this.#options.scope);
    if (due > 0) return 0;
    const next = nextDueAt === null ? LOOK_MS : nextDueAt - this.#options.clock.now();
    return Math.max(1, Math.min(LOOK_MS, next));
  }

  async #send(): Promise<SendResult> {
    const { source, deliver, scope, maxAttempts, signal, hardSignal, clock, rate, checkpoint } = this.#options;
    this.#state = "sending";
    try {
      return await send(source, deliver, {
        scope,
        maxAttempts,
        signal,
        hardSignal,
        clock,
        ...rate(),
        onNotice: (text) => {
          this.#notice = { reason: text, hint: null };
          this.#listener.onNotice(text);
        },
        max: null,
        onQuota: "wait",
        outlastOutages: true,
        onProgress: (run, perSecond, isHeld) => this.#progress(run, perSecond, isHeld),
        checkpoint: async () => {
          await checkpoint();
          return null;
        },
        wakeUp: (wake) => (this.#wakeBurst = wake),
      });
    } finally {
      this.#wakeBurst = () => undefined;
      add(this.#total, this.#burst);
      this.#burst = none();
      this.#held = null;
      this.#state = "idle";
    }
  }

  #progress(run: Run, perSecond: number, isHeld: boolean): void {
    this.#burst = { ...run };
    this.#perSecond = perSecond;
    const goesOn = this.#held !== null && !isHeld;
    this.#held = isHeld ? (this.#held ?? this.#notice) : null;
    if (goesOn || (this.#halt && !isHeld && run.sent > 0)) {
      this.#halt = null;
      this.#listener.onHalt(null);
    }
  }

  async #halted(halt: Halt, waitMs: number): Promise<void> {
    if (this.#options.signal.aborted) return;
    const isNew = this.#halt?.reason !== halt.reason;
    this.#halt = halt;
    this.#state = "halted";
    if (isNew) this.#listener.onHalt(halt);
    // Not woken by new messages: they would meet the same wall.
    await this.#options.clock.sleep(waitMs, this.#options.signal);
  }

  async #sleep(ms: number): Promise<void> {
    const controller = new AbortController();
    this.#wake = () => controller.abort("woken");
    await this.#options.clock.sleep(ms, controller.signal);
    this.#wake = () => undefined;
  }
}

function none(): Run {
  return { attempts: 0, sent: 0, failed: 0, inDoubt: 0, throttled: 0, retried: 0, elapsedMs: 0 };
}

function add(total: Run, run: Run): void {
  for (const key of Object.keys(total) as (keyof Run)[]) total[key] += run[key];
}

function sum(a: Run, b: Run): Run {
  const total = { ...a };
  add(total, b);
  return total;
}
