/** `POST /v1/messages`: mail in. What was answered is stored durably and will be sent, even when the client is gone. */
import type { FastifyInstance, FastifyReply } from "fastify";
import type { Taken } from "../../intake/inbox.ts";
import { parseRequest } from "../../intake/long-list.ts";
import { readRequest, type Read } from "../../intake/request.ts";
import { MAIL_REQUEST } from "../../intake/schema.ts";
import type { TemplateShelf } from "../../intake/templates.ts";
import { Refusal } from "../errors.ts";
import type { Gateway } from "../gateway.ts";
import { readJson } from "../json-body.ts";
import { answerMemo, answerText } from "../message-answer.ts";
import { readRepeat } from "../repeat.ts";
import { ERROR, MESSAGE_ANSWER } from "../schemas.ts";

/** Bytes: 10 MB of attachments, which are 13.4 MB in base64, or 10,000 of the longest addresses, and some megabytes beside them. */
const BODY_LIMIT = 16 * 1024 * 1024;

const SCHEMA = {
  operationId: "postMessages",
  summary: "Take in mail, to be sent at once or when it is due",
  tags: ["messages"],
  headers: {
    type: "object",
    properties: {
      "idempotency-key": {
        type: "string",
        description: "1–255 printable characters: a repeat with the same body adds nothing",
      },
    },
  },
  body: MAIL_REQUEST,
  response: { 200: MESSAGE_ANSWER, 409: ERROR, 413: ERROR, 415: ERROR },
} as const;

/** Adds the route. When the server closes, it waits until every request is answered. */
export async function messageRoutes(app: FastifyInstance, gateway: Gateway, templates: TemplateShelf): Promise<void> {
  app.addHook("onClose", () => gateway.inbox.drain());
  await app.register(async (scope) => {
    // Clients of one older service do not say that they send JSON.
    scope.removeAllContentTypeParsers();
    // What tells a repeat needs all of the body.
    readJson(scope, "*", (text, parse, request) =>
      request.headers["idempotency-key"] === undefined ? parseRequest(text, parse) : parse(text),
    );
    addRoute(scope, gateway, templates);
  });
}

function addRoute(app: FastifyInstance, { inbox, store, clock, settings }: Gateway, templates: TemplateShelf): void {
  const read = (body: unknown): Promise<Read> => {
    const { envelope, tracking, zone } = settings;
    return readRequest(body, {
      now: clock.now(),
      zone,
      envelope,
      tracking,
      templates,
      knownUuids: (uuids) => store.knownUuids(uuids),
    });
  };

  app.post(
    "/v1/messages",
    {
      config: { access: "send" },
      bodyLimit: BODY_LIMIT,
      schema: SCHEMA,
      // The schema is only for the documentation: intake checks bodies itself.
      validatorCompiler: () => () => true,
    },
    async (request, reply) => {
      // A repeat gets its first answer, although its times may have passed since. So look for one before checking
      // anything.
      const repeat = readRepeat(request);
      const earlier = repeat && (await inbox.earlier(repeat));
      if (earlier) return answer(earlier, reply);
      const startedAt = clock.monotonic();
      const found = await read(request.body);
      if (found.kind !== "messages") throw refusalOf(found);
      const { messages } = found;
      const memo = answerMemo(messages, clock.monotonic() - startedAt);
      const taken = await inbox.take({ messages, repeat, memo });
      if (taken.kind !== "stored") return answer(taken, reply);
      // A repeat would get the stored duration, so this answer has it, too. Without a key the duration includes the
      // commit.
      const told = repeat === null ? answerMemo(messages, clock.monotonic() - startedAt) : memo;
      return json(reply, answerText(taken, told));
    },
  );
}

/** Answers a repeat, or throws why nothing was stored. */
function answer(taken: Exclude<Taken, { kind: "stored" }>, reply: FastifyReply): FastifyReply {
  if (taken.kind !== "repeated") throw refusalOf(taken);
  reply.header("idempotency-replayed", "true");
  return json(reply, answerText(taken, taken.memo));
}

function refusalOf(refused: Exclude<Read | Taken, { kind: "messages" | "stored" | "repeated" }>): Refusal {
  switch (refused.kind) {
    case "invalid":
      return new Refusal(400, refused.reason, refused.problems);
    case "conflict":
      return new Refusal(409, "this Idempotency-Key was used for another request");
    case "no-sender":
      return new Refusal(503, "this gateway has no sender: start it with --from or SES_MAIL_FROM");
  }
}

/** As text, so that a repeat gets the same bytes. */
function json(reply: FastifyReply, text: string): FastifyReply {
  return reply.type("application/json; charset=utf-8").send(text);
}
