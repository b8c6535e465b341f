/** Reads when the messages of a request leave, and until when they may. */
import { durationMs } from "../time/duration.ts";
import { parseInstant } from "../time/schedule.ts";
import type { Place } from "./place.ts";
import { reasonOf } from "./place.ts";

/** What has to be known to read times. */
export interface Surrounding {
  /** Wall clock, ms. */
  now: number;
  /** IANA zone for times without an offset; null: they are refused. */
  zone: string | null;
  /** Those of the uuids whose messages were accepted before. */
  knownUuids(uuids: readonly string[]): Promise<Set<string>>;
}

/** A time in the past, and the messages it was given for. */
interface Past {
  place: Place;
  field: string;
  /** Making the text takes longer than reading the time. */
  text: () => string;
  /** Of these messages. Null: a message without a uuid. */
  uuids: (string | null)[];
}

/** A time that was read. `past` is set for one that has passed. */
export interface When {
  /** Milliseconds since the epoch; 0: at once. */
  at: number;
  past: Past | null;
}

const AT_ONCE: When = { at: 0, past: null };

/** When a message leaves, and until when it may: one of the last two is null. */
export interface Span {
  /** Milliseconds since the epoch; 0: at once. */
  notBefore: number;
  /** Milliseconds since the epoch; null: no such instant was given. */
  expiresAt: number | null;
  /** Milliseconds from the time it is scheduled for, or from when it is stored; null: none was given. */
  expiresIn: number | null;
}

/** Reads the times of one request. */
export class Times {
  readonly #around: Surrounding;
  readonly #past: Past[] = [];

  constructor(surrounding: Surrounding) {
    this.#around = surrounding;
  }

  /** The time for messages that name none. Null: what was given cannot be read, and is reported. */
  usual(body: Place): When | null {
    return this.#instant(body, "scheduled_at", "scheduledAt");
  }

  /** The times of a message. `uuids` are its own names, null for one without: `judgePast` asks about them. */
  of(message: Place, usual: When | null, uuids: readonly (string | null)[]): Span {
    const own = this.#instant(message, "scheduled_at", "scheduledAt");
    const when = own === AT_ONCE ? usual : own;
    when?.past?.uuids.push(...uuids);
    const notBefore = when?.at ?? 0;
    const { expiresAt, expiresIn } = this.#expiry(message, notBefore, uuids);
    return { notBefore, expiresAt, expiresIn };
  }

  /**
   * Reports times in the past. A time is forgiven when all its messages were accepted before: it was not past then. Call it once,
   * after all messages were read.
   */
  async judgePast(): Promise<void> {
    if (this.#past.length === 0) return;
    const uuids = this.#past.flatMap((past) => past.uuids).filter((uuid) => uuid !== null);
    const known = uuids.length === 0 ? new Set() : await this.#around.knownUuids(uuids);
    for (const { place, field, text, uuids } of this.#past) {
      const forgiven = uuids.length > 0 && uuids.every((uuid) => uuid !== null && known.has(uuid));
      if (forgiven) continue;
      if (place.isFull) return place.stop();
      place.problem(field, text());
    }
  }

  #expiry(message: Place, notBefore: number, uuids: readonly (string | null)[]): Omit<Span, "notBefore"> {
    const expiresIn = this.#span(message);
    const instant = this.#instant(message, "expires_at", "expiresAt");
    const expiresAt = instant === null || instant === AT_ONCE ? null : instant.at;
    const { name } = message.either("expires_at", "expiresAt");
    if (expiresIn !== null && instant !== AT_ONCE) message.problem(name, "excludes expires_in: give one of them");
    if (expiresAt !== null && expiresAt <= notBefore)
      message.problem(name, "has to be later than the time for which the message is scheduled");
    instant?.past?.uuids.push(...uuids);
    return expiresIn === null ? { expiresAt, expiresIn } : { expiresAt: null, expiresIn };
  }

  #span(message: Place): number | null {
    const { name, value } = message.either("expires_in", "expiresIn");
    if (value === null) return null;
    const ms = durationMs(value);
    if (ms !== null && ms > 0) return ms;
    message.problem(name, `expected a time span such as 10m, 2h or 1d, got ${JSON.stringify(value.slice(0, 40))}`);
    return null;
  }

  #instant(place: Place, snake: string, camel: string): When | null {
    const { name, value } = place.either(snake, camel);
    if (value === null) return AT_ONCE;
    try {
      const { at, past } = parseInstant(value, this.#around);
      if (past === null) return { at, past: null };
      const found: Past = { place, field: name, text: () => reasonOf(past()), uuids: [] };
      this.#past.push(found);
      return { at, past: found };
    } catch (error) {
      place.problem(name, reasonOf(error));
      return null;
    }
  }
}
