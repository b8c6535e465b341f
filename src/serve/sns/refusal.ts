/**
 * Why a message is not taken in: one sentence for whoever set this up. It is the same each time for the same reason and holds
 * nothing of the message, so that it can be logged and counted. 5xx makes SNS try again, 4xx makes it give the message up.
 */
export class SnsRefusal extends Error {
  override name = "SnsRefusal";
  readonly status: 400 | 401 | 403 | 503;

  constructor(status: SnsRefusal["status"], reason: string) {
    super(reason);
    this.status = status;
  }
}

/** No SNS message at all. */
export const unreadable = (reason: string) => new SnsRefusal(400, reason);
/** Nothing shows that it comes from an SNS topic that may speak to us. */
export const forbidden = (reason: string) => new SnsRefusal(403, reason);
/** It may well be good, but not now. */
export const tryAgain = (reason: string) => new SnsRefusal(503, reason);
