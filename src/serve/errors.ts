/**
 * What a client is told when something cannot be done: always JSON with `error`, and nothing about the inside. What is wrong with the
 * request itself (400) always has `problems`, too.
 */
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { InterruptedError, StoppedError, UserError } from "../errors.ts";
import type { Problem } from "../intake/problems.ts";
import { structureProblems } from "../intake/structure.ts";

/** Seconds after which a client may try again when the job file could not be written (disk full, locked). */
const RETRY_AFTER_SECONDS = 5;

/** An error answer, thrown by a route. Its text is for the client; `problems` name places in the request; null: none can be named. */
export class Refusal extends Error {
  override name = "Refusal";
  readonly statusCode: number;
  readonly problems: readonly Problem[] | null;

  constructor(statusCode: number, text: string, problems: readonly Problem[] | null = null) {
    super(text);
    this.statusCode = statusCode;
    this.problems = problems;
  }
}

/** Fastify's error codes in our words. The status is Fastify's. */
const WORDS: Record<string, string> = {
  FST_ERR_CTP_INVALID_JSON_BODY: "the body is not valid JSON",
  FST_ERR_CTP_INVALID_MEDIA_TYPE: "expected the header content-type: application/json",
  FST_ERR_CTP_BODY_TOO_LARGE: "the body is larger than this route takes",
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: "the body is not as long as its content-length says",
  FST_ERR_BAD_URL: "the path is not valid",
  FST_ERR_MAX_PARAM_LENGTH: "the path is too long",
};

/** The body of an answer that is an error. */
export interface ErrorBody {
  error: string;
  /** Of status 400: at least one. */
  problems?: readonly Problem[];
}

interface Answer {
  status: number;
  body: ErrorBody;
}

/**
 * The error handler of the server. An error with status 5xx is logged with its stack. Of an unexpected one the client
 * learns only the request's id; 503 tells it when to try again.
 */
export function answerError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { status, body } = answerOf(error, request);
  if (status >= 500) request.log.error({ err: error }, "a request failed");
  if (status === 503) reply.header("retry-after", RETRY_AFTER_SECONDS);
  return reply.code(status).type("application/json; charset=utf-8").send(body);
}

function answerOf(error: FastifyError, request: FastifyRequest): Answer {
  if (error instanceof Refusal) return refused(error.statusCode, error.message, error.problems);
  if (error instanceof UserError) return refused(400, [error.message, error.hint].filter(Boolean).join(": "));
  if (error instanceof StoppedError || error instanceof InterruptedError)
    return refused(503, "the gateway can store nothing at the moment, nothing was taken in: try again");
  if (error.validation) {
    const { validation, validationContext: context = "body" } = error;
    const problems = structureProblems(validation, context === "body" ? "" : context);
    return refused(400, problems.summary(), problems.list());
  }
  const status = error.statusCode ?? 500;
  if (status >= 400 && status < 500) return refused(status, WORDS[error.code] ?? error.message);
  return refused(status >= 500 ? status : 500, `internal error, request ${request.id}`);
}

function refused(status: number, error: string, problems: readonly Problem[] | null = null): Answer {
  return { status, body: errorBody(status, error, problems) };
}

/** The body of an answer with this status (4xx or 5xx). A 400 whose place cannot be named is about the whole: its one problem has the path "". */
export function errorBody(status: number, error: string, problems: readonly Problem[] | null = null): ErrorBody {
  const found = problems ?? (status === 400 ? [{ path: "", message: error }] : null);
  return { error, ...(found !== null && { problems: found }) };
}

/** The refusal (400) of one field, parameter or header, which `path` names. */
export function refusedField(path: string, text: string): Refusal {
  return new Refusal(400, text, [{ path, message: text }]);
}

/** Answers 404 on every path without a route. */
export function answerUnknown(_request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return reply.code(404).send({ error: "there is nothing here; /docs tells what there is" });
}
