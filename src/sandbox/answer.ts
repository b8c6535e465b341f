/** What goes back over the wire. */
export interface ApiResponse {
  status: number;
  /** The header `x-amzn-ErrorType`; null when the call succeeded. */
  errorType: string | null;
  body: unknown;
}

/** `hang`: the connection stays open and nothing comes. `drop`: the connection is closed without a word. */
export type Reply = ApiResponse | "hang" | "drop";

export function ok(body: unknown = {}): ApiResponse {
  return { status: 200, errorType: null, body };
}

/**
 * An error answer of SES: `type` goes into the header `x-amzn-ErrorType`, `text` into `{"message": …}`. SES really sends
 * a null message in places, so `text` may be null.
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

/**
 * The answer for anything thrown. What is no SesError is a fault of the sandbox itself and answered as SES answers its own,
 * with the reason for whoever runs the sandbox.
 */
export function errorResponse(error: unknown): ApiResponse {
  const { status, type, text } = asSesError(error);
  return { status, errorType: type, body: { message: text } };
}

export function asSesError(error: unknown): SesError {
  return error instanceof SesError
    ? error
    : new SesError(500, "InternalFailure", `The sandbox failed: ${String(error)}`);
}

export function badRequest(text: string | null): SesError {
  return new SesError(400, "BadRequestException", text);
}

/** The form in which SES reports a member that breaks the service model. */
export function invalidMember(member: string, constraint: string): SesError {
  return badRequest(`1 validation error detected: Value at '${member}' failed to satisfy constraint: ${constraint}`);
}

export function notFound(text: string): SesError {
  return new SesError(404, "NotFoundException", text);
}

export function alreadyExists(text: string): SesError {
  return new SesError(400, "AlreadyExistsException", text);
}

export function messageRejected(text: string): SesError {
  return new SesError(400, "MessageRejected", text);
}

export function sendingRateExceeded(): SesError {
  return new SesError(429, "TooManyRequestsException", "Maximum sending rate exceeded.");
}

export function dailyQuotaExceeded(): SesError {
  return new SesError(400, "LimitExceededException", "Daily message quota exceeded.");
}

export function sendingPaused(): SesError {
  return new SesError(
    400,
    "SendingPausedException",
    "Sending paused for this account. For more information, please check the inbox of the email address associated with your AWS account.",
  );
}
