/** What a process has in flight: calls under way, answers that are not written yet, and when calls left. */
import type { Clock } from "../time/clock.ts";
import type { Claim, Departure, Settlement, Turn, TurnRequest } from "./source.ts";
import { type Instant, isWithin } from "./validity.ts";

/** While calls have not left, or the source does not know that they have, it is told so long after the turn before. */
const TELL_MS = 250;
/**
 * How long after its claim a call may leave. It begins with the first of these. It doubles when that was too short for a call (a TLS
 * handshake, a large file, a machine that is too busy), up to the second, and shrinks by a hundredth with each turn whose calls were quick.
 */
const FIRST_WITHIN_MS = 50;
const MOST_WITHIN_MS = 10_000;

/** One message on its way from its claim to its answer. */
export interface Call {
  claim: Claim;
  /**
   * False: the message has expired, or other processes may have put it in doubt, so the call must not be made any more.
   */
  isValid: () => boolean;
  /** When it left (monotonic ms); null: it has not left. */
  leftAt: number | null;
  /** True: it was given up before it left. */
  isUnused: boolean;
  batch: Batch;
}

/** The calls of one turn. */
interface Batch {
  turn: number;
  withinMs: number;
  /** When its claims came (monotonic ms). */
  boardedAt: number;
  /** False: the claims have run out. */
  isInTime: () => boolean;
  /** How many have neither left nor been given up. */
  waiting: number;
  /** How many have left, and how many will not be made, that the source has not been told of. */
  left: number;
  unused: number;
  lastLeftAt: number;
}

/** What a turn tells the source. */
export interface Report extends Pick<TurnRequest, "settlements" | "departed" | "throttledAgoMs"> {
  /** The batches in `departed`, and how many of their calls it tells of. */
  told: { batch: Batch; left: number; unused: number }[];
  /** The instant behind `throttledAgoMs` (monotonic ms). */
  throttledAt: number | null;
}

/** Keeps answers and departures until the source has written them. Instants are monotonic ms. */
export class Flight {
  readonly #clock: Clock;
  /** By message, those that were claimed first first. */
  readonly #calls = new Map<number, Call>();
  #answers: Settlement[] = [];
  #batches: Batch[] = [];
  #throttledAt: number | null = null;
  #withinMs = FIRST_WITHIN_MS;
  /** When the last turn was called. */
  #reportedAt = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls under way. */
  get calls(): number {
    return this.#calls.size;
  }

  /** Answers that the source has not written and that no report has taken. */
  get answers(): number {
    return this.#answers.length;
  }

  /** How long the call that left first has been waiting for its answer (ms); null: none has left. */
  waitingMs(): number | null {
    for (const { leftAt } of this.#calls.values()) if (leftAt !== null) return this.#clock.monotonic() - leftAt;
    return null;
  }

  /** True when no call is under way and no answer waits. */
  isEmpty(): boolean {
    return this.calls === 0 && this.answers === 0;
  }

  /** How long after its claim a call of the next turn may leave. */
  get withinMs(): number {
    return this.#withinMs;
  }

  /** Milliseconds until the source must hear when calls left, 0 or less when it should have; null: it knows all there is to know. */
  nextReportInMs(): number | null {
    if (this.#batches.length === 0) return null;
    return this.#reportedAt + TELL_MS - this.#clock.monotonic();
  }

  /** Takes the claims of a turn that was called at `calledAt`, and returns their calls, to be made. */
  board({ number, claims, validForMs }: Turn, calledAt: Instant): Call[] {
    if (claims.length === 0) return [];
    const isInTime = () => isWithin(this.#clock, calledAt, validForMs);
    const batch: Batch = {
      turn: number,
      withinMs: this.#withinMs,
      boardedAt: this.#clock.monotonic(),
      isInTime,
      waiting: claims.length,
      left: 0,
      unused: 0,
      lastLeftAt: 0,
    };
    this.#batches.push(batch);
    return claims.map((claim) => {
      const ms = Math.min(validForMs, claim.expiresInMs ?? Infinity);
      const isValid = () => isWithin(this.#clock, calledAt, ms);
      const call: Call = { claim, isValid, leftAt: null, isUnused: false, batch };
      this.#calls.set(claim.id, call);
      return call;
    });
  }

  /** Notes that the call left now. Nothing changes when that is known, or when the call was given up. */
  depart(call: Call): void {
    const { batch } = call;
    if (call.leftAt !== null || call.isUnused) return;
    call.leftAt = this.#clock.monotonic();
    batch.waiting--;
    batch.left++;
    batch.lastLeftAt = call.leftAt;
    this.#learn(batch);
  }

  /** Notes that the call will not be made. Nothing changes when it has left. */
  giveUp(call: Call): void {
    const { batch } = call;
    if (call.leftAt !== null || call.isUnused) return;
    call.isUnused = true;
    batch.waiting--;
    batch.unused++;
    this.#learn(batch);
    // Next time it gets longer, or a process that is always too slow would never send anything.
    if (!batch.isInTime()) this.#withinMs = Math.max(this.#withinMs, Math.min(MOST_WITHIN_MS, 2 * batch.withinMs));
  }

  /** Once for each batch: hundreds of quick calls say no more than that one turn was quick. */
  #learn({ waiting, lastLeftAt, boardedAt }: Batch): void {
    const isQuick = waiting === 0 && lastLeftAt > 0 && 4 * (lastLeftAt - boardedAt) < this.#withinMs;
    if (isQuick) this.#withinMs = Math.max(FIRST_WITHIN_MS, Math.floor(this.#withinMs * 0.99));
  }

  /** Notes that the call is over. False: it was abandoned before. */
  land({ claim }: Call): boolean {
    return this.#calls.delete(claim.id);
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
    const claims = [...this.#calls.values()].map(({ claim }) => claim);
    this.#calls.clear();
    return claims;
  }

  /** Takes out what the source is to be told now. To be followed by `written` or `keep`. */
  report(): Report {
    const now = this.#clock.monotonic();
    this.#reportedAt = now;
    const told = this.#batches.filter(isNews).map((batch) => ({ batch, left: batch.left, unused: batch.unused }));
    const departed = told.map(({ batch, left, unused }): Departure => ({
      turn: batch.turn,
      count: left,
      leftAgoMs: left > 0 ? now - batch.lastLeftAt : 0,
      unused,
    }));
    const throttledAt = this.#throttledAt;
    const throttledAgoMs = throttledAt === null ? null : now - throttledAt;
    const settlements = this.#answers;
    this.#answers = [];
    return { settlements, departed, throttledAgoMs, told, throttledAt };
  }

  /** The source has written the report: none of it has to be told again. */
  written({ told, throttledAt }: Report): void {
    for (const { batch, left, unused } of told) {
      batch.left -= left;
      batch.unused -= unused;
    }
    this.#batches = this.#batches.filter((batch) => batch.waiting > 0 || isNews(batch));
    if (this.#throttledAt === throttledAt) this.#throttledAt = null;
  }

  /** The source has not written the report: the next one tells all of it again. */
  keep({ settlements }: Report): void {
    this.#answers = [...settlements, ...this.#answers];
  }
}

/** True when the source does not know all of its calls that left or were given up. */
function isNews({ left, unused }: Batch): boolean {
  return left + unused > 0;
}
