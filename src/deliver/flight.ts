/** What a process has in flight: calls under way, answers that are not written yet, and when calls left. */
import type { Clock } from "../time/clock.ts";
import type { Claim, Departure, Settlement, Turn, TurnRequest } from "./source.ts";
import { type Instant, isWithin } from "./validity.ts";

/**
 * A call that leaves later than this after its claim came (a TLS handshake) is told at once: at low rates another process would
 * count its second from too early an instant.
 */
const LATE_MS = 10;
/** Everything else is told so long after the turn that counted it was called, at the latest; while a call has not left, this often. */
const TELL_MS = 250;

/** One message on its way from its claim to its answer. */
export interface Call {
  claim: Claim;
  /** False: other processes may have put the message in doubt, so the call must not be made any more. */
  isValid: () => boolean;
  /** When it left (monotonic ms); null: it has not left. */
  leftAt: number | null;
  batch: Batch;
}

/** The calls of one turn. */
interface Batch {
  turn: number;
  count: number;
  /** How many have not left yet. */
  waiting: number;
  lastLeftAt: number;
  /** When its claims came, or when the source was told of its calls last (monotonic ms). */
  knownAt: number;
}

/** What a turn tells the source. */
export interface Report extends Pick<TurnRequest, "settlements" | "departed" | "throttledAgoMs"> {
  /** Of each batch in `departed`: when its last call left (monotonic ms), and whether all of them have left. */
  told: { batch: Batch; leftAt: number; isComplete: boolean }[];
  /** The instant behind `throttledAgoMs` (monotonic ms). */
  throttledAt: number | null;
}

/** Keeps answers and departures until the source has written them. Instants are monotonic ms. */
export class Flight {
  readonly #clock: Clock;
  readonly #claims = new Map<number, Claim>();
  #answers: Settlement[] = [];
  #batches: Batch[] = [];
  #throttledAt: number | null = null;
  /** When the last turn was called. */
  #reportedAt = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls under way. */
  get calls(): number {
    return this.#claims.size;
  }

  /** Answers that the source has not written and that no report has taken. */
  get answers(): number {
    return this.#answers.length;
  }

  /** True when no call is under way and no answer waits. */
  isEmpty(): boolean {
    return this.calls === 0 && this.answers === 0;
  }

  /** Milliseconds until the source must hear when calls left, 0 or less when it should have; null: it knows all there is to know. */
  nextReportInMs(): number | null {
    if (this.#batches.length === 0) return null;
    return this.#reportedAt + TELL_MS - this.#clock.monotonic();
  }

  /** Takes the claims of a turn that was called at `calledAt`, and returns their calls, to be made. */
  board({ number, claims, validForMs }: Turn, calledAt: Instant): Call[] {
    if (claims.length === 0) return [];
    const isValid = () => isWithin(this.#clock, calledAt, validForMs);
    const knownAt = this.#clock.monotonic();
    const batch = { turn: number, count: claims.length, waiting: claims.length, lastLeftAt: 0, knownAt };
    this.#batches.push(batch);
    return claims.map((claim) => {
      this.#claims.set(claim.id, claim);
      return { claim, isValid, leftAt: null, batch };
    });
  }

  /** Notes that the call left now; a second time changes nothing. True: it left late, so tell the source at once. */
  depart(call: Call): boolean {
    if (call.leftAt !== null) return false;
    const { batch } = call;
    call.leftAt = this.#clock.monotonic();
    batch.waiting--;
    batch.lastLeftAt = call.leftAt;
    return call.leftAt - batch.knownAt > LATE_MS;
  }

  /** Notes that the call is over. False: it was abandoned before. */
  land({ claim }: Call): boolean {
    return this.#claims.delete(claim.id);
  }

  /** Notes that SES throttled the call. */
  throttled({ leftAt }: Call): void {
    this.#throttledAt = Math.max(this.#throttledAt ?? 0, leftAt ?? 0);
  }

  /** Keeps an answer for the next turn. */
  answer(settlement: Settlement): void {
    this.#answers.push(settlement);
  }

  /** Gives up all calls under way, and returns their claims. */
  abandon(): Claim[] {
    const claims = [...this.#claims.values()];
    this.#claims.clear();
    return claims;
  }

  /** Takes out what the source is to be told now. To be followed by `written` or `keep`. */
  report(): Report {
    const now = this.#clock.monotonic();
    this.#reportedAt = now;
    const told = this.#batches.map((batch) => {
      const isComplete = batch.waiting === 0;
      // A call that has not left yet leaves now at the earliest.
      return { batch, isComplete, leftAt: isComplete ? batch.lastLeftAt : now };
    });
    const departed = told.map(({ batch, leftAt }): Departure => ({
      turn: batch.turn,
      leftAgoMs: now - leftAt,
      count: batch.count,
    }));
    const throttledAt = this.#throttledAt;
    const throttledAgoMs = throttledAt === null ? null : now - throttledAt;
    const settlements = this.#answers;
    this.#answers = [];
    return { settlements, departed, throttledAgoMs, told, throttledAt };
  }

  /** The source has written the report: none of it has to be told again. */
  written({ told, throttledAt }: Report): void {
    for (const { batch, leftAt } of told) batch.knownAt = Math.max(batch.knownAt, leftAt);
    const complete = new Set(told.filter(({ isComplete }) => isComplete).map(({ batch }) => batch));
    this.#batches = this.#batches.filter((batch) => !complete.has(batch));
    if (this.#throttledAt === throttledAt) this.#throttledAt = null;
  }

  /** The source has not written the report: the next one tells all of it again. */
  keep({ settlements }: Report): void {
    this.#answers = [...settlements, ...this.#answers];
  }
}
