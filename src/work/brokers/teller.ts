/**
 * Tells those who brought mail over a broker what becomes of it: results to NATS, statuses and progress to Redis. What is to be told is
 * in the store until the broker has it, so it is told at least once. A broker that is away never holds mail up.
 */
import { createHash } from "node:crypto";
import { createSleeper, type Sleeper } from "../../deliver/sleeper.ts";
import { InterruptedError, StoppedError, UserError } from "../../errors.ts";
import type { Nats } from "../../queue/nats/nats.ts";
import type { Redis } from "../../queue/redis/redis.ts";
import type { Report, Reporting } from "../../store/rows.ts";
import type { Reports, Topics } from "../../store/store.ts";
import type { Clock } from "../../time/clock.ts";
import { createProgressTeller } from "./progress-teller.ts";
import { encodeResult } from "./result-body.ts";

/** How many reports are read together. */
const PAGE = 500;
/** How many results are published at once. */
const AT_ONCE = 100;
/** A round begins so long after the one before, however often it is woken. */
const GAP_MS = 500;
/** Other processes settle messages, too, so it is looked as often. */
const LOOK_MS = 2_000;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 30_000;
/** How long a stream has for its answer. */
const PUBLISH_MS = 5_000;
/** How long the last round may take. */
const END_MS = 2_000;

/** What a teller works with. */
export interface TellerParts {
  store: Pick<Reports, "reports" | "told"> & Pick<Topics, "topic">;
  clock: Clock;
  /** Not set: nothing came over NATS, or nobody wants to hear of it. */
  nats?: Pick<Nats, "publish"> | undefined;
  /** Where results go. */
  resultsSubject: string;
  /** Not set: nothing came over Redis. */
  redis?: Pick<Redis, "setStatus" | "progress"> | undefined;
  /** Gets one line when telling begins to fail, and one when it works again. */
  tell: (text: string) => void;
  /** Hears of an error that is a bug. What was to be told is tried again. */
  onBug: (error: unknown) => void;
}

/** Tells in the background. */
export interface Teller {
  /** To be called when a message may have been settled. It costs nothing, however often it is called. */
  wake(): void;
  /** Tells what there is to tell once more, for two seconds at most. Never rejects. */
  end(): Promise<void>;
}

/** Starts to tell. What a process before did not tell is told, too. */
export function startTeller(parts: TellerParts): Teller {
  const { nats, redis } = parts;
  const lines = [
    ...(nats === undefined ? [] : [new Line(parts, "nats", natsRound(parts, nats))]),
    ...(redis === undefined ? [] : [new Line(parts, "redis", redisRound(parts, redis))]),
  ];
  return {
    wake: () => lines.forEach((line) => line.wake()),
    end: async () => void (await Promise.all(lines.map((line) => line.end()))),
  };
}

/** Tells some reports; resolves to those that were told, and to why the others were not (null: all were). Rejects when none was told. */
type Round = (reports: readonly Report[], isLast: boolean) => Promise<{ told: readonly Report[]; why: string | null }>;

/** What is told by one broker. */
class Line {
  readonly #parts: TellerParts;
  readonly #via: Reporting["via"];
  readonly #round: Round;
  readonly #sleeper: Sleeper;
  readonly #over = new AbortController();
  readonly #running: Promise<void>;
  #retryMs = 0;
  /** Nobody waits for it any more, and what it works with may be closed. */
  #isLeft = false;

  constructor(parts: TellerParts, via: Reporting["via"], round: Round) {
    this.#parts = parts;
    this.#via = via;
    this.#round = round;
    this.#sleeper = createSleeper(parts.clock);
    this.#running = this.#run();
  }

  wake(): void {
    // A broker that is away is not asked more often for it.
    if (this.#retryMs === 0) this.#sleeper.wake();
  }

  async end(): Promise<void> {
    this.#over.abort("ended");
    this.#sleeper.wake();
    const isOver = new AbortController();
    const last = this.#running.then(() => this.#attempt(true));
    await Promise.race([last, this.#parts.clock.sleep(END_MS, isOver.signal)]);
    isOver.abort("told");
    this.#isLeft = true;
  }

  async #run(): Promise<void> {
    const { clock } = this.#parts;
    const { signal } = this.#over;
    while (!signal.aborted) {
      this.#sleeper.listen();
      const isMore = await this.#attempt(false);
      if (signal.aborted) return;
      if (isMore) continue;
      if (this.#retryMs === 0) await clock.sleep(GAP_MS, signal);
      await this.#sleeper.sleep(this.#retryMs === 0 ? LOOK_MS : this.#retryMs);
    }
  }

  /** One round. True: there may be more to tell at once. */
  async #attempt(isLast: boolean): Promise<boolean> {
    const { store } = this.#parts;
    try {
      const reports = await store.reports(this.#via, PAGE);
      const { told, why } = await this.#round(reports, isLast);
      await store.told(told);
      if (why !== null) throw new StoppedError(why);
      this.#works();
      return told.length === PAGE;
    } catch (error) {
      this.#failed(error);
      return false;
    }
  }

  #works(): void {
    if (this.#retryMs > FIRST_RETRY_MS) this.#parts.tell(`${NAMES[this.#via]} is told again`);
    this.#retryMs = 0;
  }

  /** Whatever is wrong, it stays to be told. */
  #failed(error: unknown): void {
    if (error instanceof InterruptedError || this.#isLeft) return;
    const isTrouble = error instanceof StoppedError || error instanceof UserError;
    if (!isTrouble) this.#parts.onBug(error);
    // A short absence is nobody's concern.
    else if (this.#retryMs === FIRST_RETRY_MS)
      this.#parts.tell(
        `what became of mail cannot be told over ${NAMES[this.#via]}: ${error.message}. It is told later.`,
      );
    this.#retryMs = this.#retryMs === 0 ? FIRST_RETRY_MS : Math.min(2 * this.#retryMs, LAST_RETRY_MS);
  }
}

const NAMES = { nats: "NATS", redis: "Redis" } as const;

/** Results are published, and told when the stream has them. */
function natsRound({ clock, resultsSubject }: TellerParts, { publish }: Pick<Nats, "publish">): Round {
  const one = (report: Report) =>
    publish(resultsSubject, encodeResult(report, clock.now()), { id: idOf(report), timeoutMs: PUBLISH_MS });
  return async (reports) => {
    const told: Report[] = [];
    for (let at = 0; at < reports.length; at += AT_ONCE) {
      const part = reports.slice(at, at + AT_ONCE);
      const published = await Promise.all(part.map(one));
      told.push(...part.filter((_, index) => published[index]?.kind === "stored"));
      const trouble = published.find((each) => each.kind !== "stored");
      if (trouble !== undefined) return { told, why: trouble.reason };
    }
    return { told, why: null };
  };
}

/** The stream stores it once, however often it is published. A uuid may have characters that no header takes. */
function idOf({ name, state, at }: Report): string {
  const uuid = /^[\w.:-]{1,100}$/.test(name) ? name : createHash("sha256").update(name).digest("base64url");
  return `${uuid}-${state}-${at ?? ""}`;
}

/** Statuses are set, and then the progress of their issues is told. */
function redisRound({ store, clock }: TellerParts, redis: Pick<Redis, "setStatus" | "progress">): Round {
  const progress = createProgressTeller({ store, clock, redis });
  return async (reports, isLast) => {
    if (reports.length > 0) await redis.setStatus(reports.map(({ name, state }) => ({ id: name, state })));
    progress.note(reports.map(({ topic }) => topic));
    await progress.tell({ isEnd: isLast || reports.length < PAGE });
    return { told: reports, why: null };
  };
}
