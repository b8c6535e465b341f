import { dailyQuotaExceeded, sendingRateExceeded } from "./answer.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

/** One call to be admitted: all its recipients, and how many of them the daily quota counts. */
export interface Ask {
  recipients: number;
  quotaRecipients: number;
  /** Monotonic milliseconds at which the call came in. Must never go back. */
  received: number;
  /** Wall clock, milliseconds since the epoch. */
  now: number;
}

/**
 * The sending rate and the 24-hour quota of an account, both counted in recipients.
 *
 * Rate: a strict sliding window. Any `ceil(rate) / rate` seconds hold at most `ceil(rate)` recipients; for a whole number
 * that is `rate` in any sliding second, for 2.5 it is 3 in any 1.2 s, for 0.2 it is one in any 5 s. A call with more
 * recipients than fit is admitted into an empty window and then blocks it for as long as its recipients take (SES
 * developer guide, "Managing your sending limits").
 *
 * Quota: a rolling window of 24 hours, remembered by the second; `quota` -1 means no limit.
 */
export class SendLimits {
  readonly #rate: number;
  readonly #quota: number;
  readonly #window: { until: number; recipients: number }[] = [];
  readonly #day: { at: number; recipients: number }[] = [];
  #inWindow = 0;
  #inDay = 0;

  constructor(rate: number, quota: number) {
    this.#rate = rate;
    this.#quota = quota;
  }

  /** Counts the call, or throws the SES error and counts nothing. */
  take(ask: Ask): void {
    if (
      this.#quota >= 0 &&
      ask.quotaRecipients > 0 &&
      this.sentLast24Hours(ask.now) + ask.quotaRecipients > this.#quota
    ) {
      throw dailyQuotaExceeded();
    }
    this.#takeRate(ask);
    this.#countDay(ask);
  }

  /** Recipients accepted in the 24 hours before `now` (milliseconds since the epoch). */
  sentLast24Hours(now: number): number {
    while (this.#day[0] && this.#day[0].at <= now - DAY_MS) this.#inDay -= this.#day.shift()!.recipients;
    return this.#inDay;
  }

  #takeRate({ recipients, received }: Ask): void {
    const capacity = Math.ceil(this.#rate);
    while (this.#window[0] && this.#window[0].until <= received) this.#inWindow -= this.#window.shift()!.recipients;
    if (this.#inWindow > 0 && this.#inWindow + recipients > capacity) throw sendingRateExceeded();
    const until = received + (Math.max(capacity, recipients) / this.#rate) * 1000;
    this.#window.push({ until, recipients });
    this.#inWindow += recipients;
  }

  #countDay({ quotaRecipients, now }: Ask): void {
    if (quotaRecipients === 0) return;
    this.#inDay += quotaRecipients;
    const last = this.#day.at(-1);
    // One entry per second keeps a day at a high rate small; the newest instant counts, so that nothing is freed early.
    if (last && Math.floor(last.at / 1000) === Math.floor(now / 1000)) {
      last.at = now;
      last.recipients += quotaRecipients;
    } else {
      this.#day.push({ at: now, recipients: quotaRecipients });
    }
  }
}
