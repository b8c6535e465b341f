/** `POST /v1/messages`: mail in. What was answered is stored durably, and leaves whatever the client does then. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Envelope } from "../../compose/content/content.ts";
import type { AcceptMessage, AcceptRequest, AcceptResult, Repeat } from "../../store/store.ts";
import { storedTopic } from "../../store/topic-name.ts";
import { Refusal } from "../errors.ts";
import type { Gateway } from "../gateway.ts";
import { createGroupCommit } from "../../intake/group-commit.ts";
import { readJson } from "../json-body.ts";
import { answerMemo, answerText } from "../message-answer.ts";
import { readMessages, refuseOversized } from "../../intake/request.ts";
import { summary } from "../../intake/problems.ts";
import { repeatOf } from "../repeat.ts";
import { ERROR, MESSAGE_ANSWER, MESSAGE_REQUEST, MOST_ADDRESSES } from "../schemas.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** Set when the client asked for a repeat to be known. */
    repeat: Repeat | null;
  }
}

/** 10,000 addresses of the longest kind and some megabytes of HTML. */
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
  body: MESSAGE_REQUEST,
  response: { 200: MESSAGE_ANSWER, 409: ERROR, 413: ERROR, 415: ERROR },
} as const;

export async function messageRoutes(app: FastifyInstance, gateway: Gateway): Promise<void> {
  app.decorateRequest("repeat", null);
  await app.register(async (scope) => {
    // Clients of one older service do not say that it is JSON.
    scope.removeAllContentTypeParsers();
    readJson(scope, "*");
    addRoute(scope, gateway);
  });
}

function addRoute(app: FastifyInstance, gateway: Gateway): void {
  const { store, clock, settings, sender } = gateway;
  const commits = createGroupCommit<AcceptRequest, AcceptResult>((requests) => store.accept(requests), {
    maxItems: MOST_ADDRESSES,
    waitMs: 0,
    weigh: addressesOf,
  });
  app.addHook("onClose", () => commits.drain());

  // Before anything is checked: a repeat is answered as it was, although its times are past by now.
  const answerRepeat = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    request.repeat = repeatOf(request);
    const earlier = request.repeat && (await store.earlier(request.repeat));
    if (earlier) return answer(earlier, reply);
    refuseOversized(request.body);
  };

  app.post(
    "/v1/messages",
    {
      config: { access: "send" },
      bodyLimit: BODY_LIMIT,
      schema: SCHEMA,
      attachValidation: true,
      preValidation: answerRepeat,
    },
    async (request, reply) => {
      const startedAt = clock.monotonic();
      const messages = await read(request, gateway, envelopeOf(gateway));
      for (const message of messages)
        if (message.topic !== null) message.topic = await storedTopic(store, message.topic);
      const { repeat } = request;
      const memo = answerMemo(messages, clock.monotonic() - startedAt);
      const result = await commits.add({ messages, endpoint: settings.endpoint, repeat, memo });
      if (result.kind !== "stored") return answer(result, reply);
      sender.wake();
      // What may be repeated is answered with the time that was kept; nothing else is, so its commit counts, too.
      const told = repeat === null ? answerMemo(messages, clock.monotonic() - startedAt) : memo;
      return json(reply, answerText(result.counts, told));
    },
  );
}

function addressesOf({ messages }: AcceptRequest): number {
  return messages.reduce((sum, { emails }) => sum + emails.length, 0);
}

function envelopeOf({ settings }: Gateway): Envelope {
  if (settings.envelope) return settings.envelope;
  throw new Refusal(503, "this gateway has no sender: start it with --from or SES_MAIL_FROM");
}

function read(
  request: FastifyRequest,
  { store, clock, settings }: Gateway,
  envelope: Envelope,
): Promise<AcceptMessage[]> {
  return readMessages(request.body, request.validationError?.validation ?? [], {
    now: clock.now(),
    zone: settings.zone,
    tracking: settings.tracking,
    envelope,
    knownUuids: (uuids) => store.knownUuids(uuids),
  });
}

function answer(result: Exclude<AcceptResult, { kind: "stored" }>, reply: FastifyReply): FastifyReply {
  switch (result.kind) {
    case "repeated":
      reply.header("idempotency-replayed", "true");
      return json(reply, answerText(result.counts, result.memo));
    case "conflict":
      throw new Refusal(409, "this Idempotency-Key was used for another request");
    case "refused": {
      const problems = result.problems.map(({ message, reason }) => ({
        path: `messages[${message}]`,
        message: reason,
      }));
      throw new Refusal(400, summary(problems), problems);
    }
  }
}

/** As text, so that a repeat is answered byte for byte the same. */
function json(reply: FastifyReply, text: string): FastifyReply {
  return reply.type("application/json; charset=utf-8").send(text);
}
