/**
 * Why a message is not taken in: one sentence for the person who set this up. The same reason always has the same text,
 * which holds nothing of the message, so that it can be logged and counted. 5xx makes SNS try again; 4xx makes it give
 * the message up.
 */
export class SnsRefusal extends Error {
  override name = "SnsRefusal";
  readonly status: 400 | 401 | 403 | 503;

  constructor(status: SnsRefusal["status"], reason: string) {
    super(reason);
    this.status = status;
  }
}

/** 400: this is no SNS message, or none that can be read. */
export const unreadable = (reason: string) => new SnsRefusal(400, reason);
/** 403: nothing shows that it comes from an allowed SNS topic. */
export const forbidden = (reason: string) => new SnsRefusal(403, reason);
/** 503: it may well be good, but cannot be checked or stored now. */
export const tryAgain = (reason: string) => new SnsRefusal(503, reason);
