/** The answers of the sandbox, and the errors of SES. */
/** An answer to one request. */
export interface ApiResponse {
  status: number;
  /** The header `x-amzn-ErrorType`; null when the call succeeded. */
  errorType: string | null;
  body: unknown;
}

/**
 * What a client gets. `hang`: the connection stays open and no answer comes. `drop`: the connection is closed without
 * an answer.
 */
export type Reply = ApiResponse | "hang" | "drop";

/** A success (200) with this body. */
export function ok(body: unknown = {}): ApiResponse {
  return { status: 200, errorType: null, body };
}

/**
 * An error of SES: `type` goes into the header `x-amzn-ErrorType`, `text` into `{"message": …}`. `text` may be null,
 * because in places SES sends a null message.
 */
export class SesError extends Error {
  override name = "SesError";
  readonly status: number;
  readonly type: string;
  readonly text: string | null;

  constructor(status: number, type: string, text: string | null) {
    super(text ?? type);
    this.status = status;
    this.type = type;
    this.text = text;
  }
}

/** The answer to a call that threw `error` (see `asSesError`). */
export function errorResponse(error: unknown): ApiResponse {
  const { status, type, text } = asSesError(error);
  return { status, errorType: type, body: { message: text } };
}

/**
 * Gives a SesError as it is. Any other error is a fault of the sandbox itself: it becomes InternalFailure (500), with
 * the reason for whoever runs the sandbox.
 */
export function asSesError(error: unknown): SesError {
  return error instanceof SesError
    ? error
    : new SesError(500, "InternalFailure", `The sandbox failed: ${String(error)}`);
}

/** BadRequestException (400). Null sends a null message, as SES does in places. */
export function badRequest(text: string | null): SesError {
  return new SesError(400, "BadRequestException", text);
}

/** BadRequestException (400) in the form in which SES reports a member that breaks the service model. */
export function invalidMember(member: string, constraint: string): SesError {
  return badRequest(`1 validation error detected: Value at '${member}' failed to satisfy constraint: ${constraint}`);
}

/** NotFoundException (404). */
export function notFound(text: string): SesError {
  return new SesError(404, "NotFoundException", text);
}

/** AlreadyExistsException (400). */
export function alreadyExists(text: string): SesError {
  return new SesError(400, "AlreadyExistsException", text);
}

/** MessageRejected (400). */
export function messageRejected(text: string): SesError {
  return new SesError(400, "MessageRejected", text);
}

/** TooManyRequestsException (429): sent too fast. */
export function sendingRateExceeded(): SesError {
  return new SesError(429, "TooManyRequestsException", "Maximum sending rate exceeded.");
}

/** LimitExceededException (400): the 24-hour quota is used up. */
export function dailyQuotaExceeded(): SesError {
  return new SesError(400, "LimitExceededException", "Daily message quota exceeded.");
}

/** SendingPausedException (400): the account may not send. */
export function sendingPaused(): SesError {
  return new SesError(
    400,
    "SendingPausedException",
    "Sending paused for this account. For more information, please check the inbox of the email address associated with your AWS account.",
  );
}
