/** `GET /v1/messages/{id}`, `?uuid=` and `?email=`: what became of a mail, and what did a person get? */
import type { FastifyInstance } from "fastify";
import { STATES } from "../../message.ts";
import type { MessageRecord } from "../../store/rows.ts";
import type { Reader, Suppressions } from "../../store/store.ts";
import { isoTime } from "../../time/iso.ts";
import { readAddresses } from "../addresses.ts";
import { answer, query, TEXT } from "../admin-schemas.ts";
import type { MessageFacts } from "../dashboard/wire.ts";
import { Refusal } from "../errors.ts";
import { COUNT, ERROR, INSTANT, object } from "../schemas.ts";
import { SUPPRESSION, suppressionFacts } from "../suppression-facts.ts";

const LISTED = 50;
const MOST_LISTED = 100;

const MESSAGE = object({
  id: { ...COUNT, examples: [1] },
  uuid: { ...TEXT, description: "Your own name for it; null: it was given none" },
  topic: { type: "string" },
  email: { type: "string", examples: ["ann@example.com"] },
  state: { type: "string", enum: STATES },
  attempts: COUNT,
  error: { ...TEXT, description: "Why it failed, is in doubt or was put off" },
  ses_message_id: TEXT,
  created_at: { ...INSTANT, description: "When it was taken in" },
  not_before: { ...INSTANT, description: "The time it was scheduled for; null: at once" },
  expires_at: { ...INSTANT, description: "It is not handed to SES after that; null: it never expires" },
  sent_at: INSTANT,
  delivered_at: INSTANT,
  bounced_at: INSTANT,
  bounce_type: { ...TEXT, examples: ["Permanent"] },
  complained_at: INSTANT,
  opened_at: INSTANT,
  clicked_at: INSTANT,
});

const PARAMS = {
  type: "object",
  required: ["id"],
  properties: { id: { type: "string", description: "The message's id", examples: ["1"] } },
} as const;

const QUERY = query({
  uuid: { type: "string", minLength: 1, maxLength: 255, description: "The uuid that it was posted with" },
  // Only one has an example: the documentation page fills examples in, and would ask for both.
  email: {
    type: "string",
    minLength: 1,
    maxLength: 320,
    description: "An address, whole",
    examples: ["ann@example.com"],
  },
  limit: { type: "integer", minimum: 1, maximum: MOST_LISTED, default: LISTED },
});

interface Asked {
  Querystring: { uuid?: string; email?: string; limit: number };
}

/** Adds the routes. */
export function messageLookupRoutes(app: FastifyInstance, { store }: { store: Reader & Suppressions }): void {
  app.get<{ Params: { id: string } }>(
    "/v1/messages/:id",
    {
      config: { access: "read" },
      schema: {
        operationId: "getMessage",
        summary: "What became of one message",
        tags: ["messages"],
        params: PARAMS,
        response: { 200: { description: "The message", ...MESSAGE }, 404: ERROR },
      },
    },
    async ({ params: { id } }) => {
      const found = /^[1-9]\d{0,15}$/.test(id) ? await store.message(Number(id)) : null;
      if (found === null) throw new Refusal(404, `there is no message ${JSON.stringify(id)}`);
      return messageFacts(found);
    },
  );
  app.get<Asked>(
    "/v1/messages",
    {
      config: { access: "read" },
      schema: {
        operationId: "findMessages",
        summary: "The messages to an address, or those posted with a uuid, newest first",
        description:
          "Ask for one of `email` and `uuid`. With `email`, the answer says whether the address is suppressed.",
        tags: ["messages"],
        querystring: QUERY,
        response: {
          200: {
            ...answer({
              messages: { type: "array", items: MESSAGE },
              suppressions: {
                type: "array",
                items: SUPPRESSION,
                description: "Why the address gets no mail; with `email`",
              },
            }),
            required: ["messages"],
          },
        },
      },
    },
    ({ query: asked }) => find(store, asked),
  );
}

async function find(store: Reader & Suppressions, { uuid, email, limit }: Asked["Querystring"]) {
  if ((uuid === undefined) === (email === undefined))
    throw new Refusal(400, "expected one of email and uuid: /v1/messages?email=ann@example.com");
  if (uuid !== undefined) return { messages: (await store.messagesNamed(uuid, limit)).map(messageFacts) };
  const [address = ""] = readAddresses([{ path: "email", email: email ?? "" }]);
  const messages = await store.messagesTo(address, limit);
  const suppressions = await store.suppressionsOf(address);
  return { messages: messages.map(messageFacts), suppressions: suppressions.map(suppressionFacts) };
}

function messageFacts(message: MessageRecord): MessageFacts {
  const { id, uuid, topic, email, state, attempts, error } = message;
  return {
    id,
    uuid,
    topic,
    email,
    state,
    attempts,
    error,
    ses_message_id: message.sesMessageId,
    created_at: new Date(message.createdAt).toISOString(),
    not_before: isoTime(message.notBefore),
    expires_at: isoTime(message.expiresAt),
    sent_at: isoTime(message.sentAt),
    delivered_at: isoTime(message.deliveredAt),
    bounced_at: isoTime(message.bouncedAt),
    bounce_type: message.bounceType,
    complained_at: isoTime(message.complainedAt),
    opened_at: isoTime(message.openedAt),
    clicked_at: isoTime(message.clickedAt),
  };
}
