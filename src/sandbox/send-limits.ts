/** Keeps the limits of an account: sending rate and 24-hour quota. */
import { dailyQuotaExceeded, sendingRateExceeded } from "./answer.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

/** One call that asks to be accepted: the number of its recipients, and how many of them the daily quota counts. */
export interface Ask {
  recipients: number;
  quotaRecipients: number;
  /** When the call came in: milliseconds on a monotonic clock. Must never go back. */
  received: number;
  /** The same instant: milliseconds since the epoch. */
  now: number;
}

/**
 * The sending rate and the 24-hour quota of an account, both counted in recipients.
 *
 * Rate: a strict sliding window. Any `ceil(rate) / rate` seconds hold at most `ceil(rate)` recipients. For a whole
 * number that is `rate` in any second; for 2.5 it is 3 in any 1.2 s; for 0.2 it is one in any 5 s. A call with more
 * recipients is accepted when the window is empty, and then blocks it for the time its recipients take (SES developer
 * guide, "Managing your sending limits").
 *
 * Quota: a rolling window of 24 hours, kept by the second. A `quota` of -1 means no limit.
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

  /**
   * Counts the call.
   * @throws SesError when it passes a limit; then nothing is counted.
   */
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

  /** Recipients that the quota counts in the 24 hours before `now` (milliseconds since the epoch). */
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
    // One entry for each second keeps the list short at a high rate. The entry has the time of its newest call, so that
    // nothing is freed early.
    if (last && Math.floor(last.at / 1000) === Math.floor(now / 1000)) {
      last.at = now;
      last.recipients += quotaRecipients;
    } else {
      this.#day.push({ at: now, recipients: quotaRecipients });
    }
  }
}
