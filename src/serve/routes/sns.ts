/** The webhook for Amazon SNS, as a route. */
import type { Readable } from "node:stream";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { EventSink } from "../../feedback/event-sink.ts";
import type { SesEvent } from "../../feedback/ses-event.ts";
import type { Clock } from "../../time/clock.ts";
import type { Settings } from "../gateway.ts";
import { createGroupCommit } from "../../intake/group-commit.ts";
import { createCertificates } from "../sns/certificates.ts";
import { httpsGet, type HttpsGet } from "../sns/https-get.ts";
import { receive, type Receiver } from "../sns/receive.ts";
import { SnsRefusal } from "../sns/refusal.ts";
import { createRefusalLog } from "../sns/refusal-log.ts";

/** Bytes. A message of SNS has 256 KB at most. The rest is room for its envelope, and for the quotes of JSON inside JSON. */
const BODY_LIMIT = 320 * 1024;
/** SNS waits 15 s for an answer. A commit takes far less. */
const COMMIT = { maxItems: 500, waitMs: 5, weigh: (events: readonly SesEvent[]) => events.length };
const RETRY_AFTER_SECONDS = 5;

/** How to ask Amazon for a signing certificate, and to confirm a subscription. */
export interface Amazon {
  fetchCertificate: HttpsGet;
  confirm: HttpsGet;
}

const ANSWER = {
  type: "object",
  properties: { status: { type: "string" }, message: { type: "string" }, url: { type: "string" } },
  required: ["status"],
};
const ERROR = { type: "object", properties: { error: { type: "string" } }, required: ["error"] };

/**
 * Adds `POST /v1/events/results`: SES events through SNS. It answers 200 when they are durably stored, 5xx when they
 * cannot be (SNS tries again), and 4xx for what does not come from an allowed SNS topic.
 */
export async function snsRoutes(
  app: FastifyInstance,
  { store, clock, settings }: { store: EventSink; clock: Clock; settings: Pick<Settings, "sns"> },
  amazon: Amazon = { fetchCertificate: (url) => httpsGet(url), confirm: (url) => httpsGet(url) },
): Promise<void> {
  const commit = createGroupCommit(async (deliveries: (readonly SesEvent[])[]) => {
    const applied = await store.applyEvents(deliveries.flat());
    return deliveries.map(() => applied);
  }, COMMIT);
  const receiver: Receiver = {
    settings: settings.sns,
    clock,
    certificates: createCertificates(amazon.fetchCertificate, clock),
    confirm: amazon.confirm,
    store: (events) => commit.add(events),
    notice: (level, text, fields) => app.log[level](fields, text),
  };
  const logRefusal = createRefusalLog(clock, (line) => app.log.warn(line, "SNS message refused"));

  // A scope of its own: only here any text is read.
  await app.register(async (scope) => addRoute(scope, receiver, logRefusal));
}

function addRoute(app: FastifyInstance, receiver: Receiver, logRefusal: ReturnType<typeof createRefusalLog>): void {
  app.removeAllContentTypeParsers();
  // SNS calls its JSON text/plain, and others name other types. `receive` reads the text itself.
  app.addContentTypeParser("*", async (request: FastifyRequest, payload: Readable) =>
    (await app.bodies.read(request, payload)).toString("utf8"),
  );
  app.post<{ Body: string }>(
    "/v1/events/results",
    {
      // SNS comes from few addresses, and all of its messages are wanted.
      config: { access: "open", rateLimit: false },
      bodyLimit: BODY_LIMIT,
      // A body without a type, or with one that cannot be read, is text, too.
      onRequest: async (request) => {
        request.raw.headers["content-type"] = "text/plain";
      },
      schema: {
        summary: "SES events, sent by Amazon SNS",
        description: "Signed SNS messages of the SNS topics the gateway was started with (`--sns-topic-arn`).",
        tags: ["events"],
        security: [],
        consumes: ["text/plain"],
        response: { 200: ANSWER, 400: ERROR, 401: ERROR, 403: ERROR, 413: ERROR, 503: ERROR },
      },
    },
    async (request, reply) => {
      try {
        return await receive({ body: request.body ?? "", headers: request.headers }, receiver);
      } catch (error) {
        if (!(error instanceof SnsRefusal)) throw error;
        if (error.status === 503) reply.header("retry-after", RETRY_AFTER_SECONDS);
        // Not logged, because every raw delivery begins with a 401.
        if (error.status === 401) reply.header("www-authenticate", 'Basic realm="ses-mail", charset="UTF-8"');
        else logRefusal(error.message, String(request.headers["x-amz-sns-topic-arn"] ?? ""));
        return reply.code(error.status).send({ error: error.message });
      }
    },
  );
}
