/** `GET /v1/messages/{id}`, its history, and `?uuid=`, `?email=` and `?q=`: what became of a mail, and what did a person get? */
import type { FastifyInstance } from "fastify";
import type { Library } from "../../deliver/library.ts";
import type { MessageRecord } from "../../store/rows.ts";
import type { Reader, Suppressions } from "../../store/store.ts";
import { readAddresses } from "../addresses.ts";
import { answer, query } from "../admin-schemas.ts";
import { Refusal } from "../errors.ts";
import { findMessages, trace } from "../find-messages.ts";
import { HISTORY_LINE, historyFacts, MESSAGE, messageFacts } from "../message-facts.ts";
import { ERROR } from "../schemas.ts";
import { SUPPRESSION, suppressionFacts } from "../suppression-facts.ts";

const LISTED = 50;
const MOST_LISTED = 100;

const PARAMS = {
  type: "object",
  required: ["id"],
  properties: { id: { type: "string", description: "The message's id", examples: ["1"] } },
} as const;

const QUERY = query({
  uuid: { type: "string", minLength: 1, maxLength: 255, description: "The uuid that it was posted with" },
  // Only one has an example: the documentation page fills examples in, and would ask for all of them.
  email: {
    type: "string",
    minLength: 1,
    maxLength: 320,
    description: "An address, whole",
    examples: ["ann@example.com"],
  },
  q: {
    type: "string",
    minLength: 1,
    maxLength: 320,
    description:
      "An address, a uuid, a message id, an SES message id, or the id of a job of Redis or of a row that was adopted: all that match",
  },
  limit: { type: "integer", minimum: 1, maximum: MOST_LISTED, default: LISTED },
});

interface Asked {
  Querystring: { uuid?: string; email?: string; q?: string; limit: number };
}

type Store = Reader & Suppressions & Pick<Library, "jobId">;

/** Adds the routes. */
export function messageLookupRoutes(app: FastifyInstance, { store }: { store: Store }): void {
  oneMessageRoutes(app, store);
  app.get<Asked>(
    "/v1/messages",
    {
      config: { access: "read" },
      schema: {
        operationId: "findMessages",
        summary: "The messages to an address, or those posted with a uuid, newest first",
        description:
          "Ask for one of `email`, `uuid` and `q`. With `email` and `q`, the answer says whether the address is suppressed.",
        tags: ["messages"],
        querystring: QUERY,
        response: {
          200: {
            ...answer({
              messages: { type: "array", items: MESSAGE },
              suppressions: {
                type: "array",
                items: SUPPRESSION,
                description: "Why the address gets no mail; with `email` and `q`",
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

interface One {
  Params: { id: string };
}

function oneMessageRoutes(app: FastifyInstance, store: Store): void {
  const config = { access: "read" } as const;
  const shared = { tags: ["messages"], params: PARAMS };
  app.get<One>(
    "/v1/messages/:id",
    {
      config,
      schema: {
        operationId: "getMessage",
        summary: "What became of one message",
        ...shared,
        response: { 200: { description: "The message", ...MESSAGE }, 404: ERROR },
      },
    },
    async ({ params: { id } }) => messageFacts(await messageOf(store, id)),
  );
  app.get<One>(
    "/v1/messages/:id/history",
    {
      config,
      schema: {
        operationId: "getMessageHistory",
        summary: "All that is known to have happened to a message, in order, and where each fact comes from",
        ...shared,
        response: { 200: answer({ history: { type: "array", items: HISTORY_LINE } }), 404: ERROR },
      },
    },
    async ({ params: { id } }) => {
      const [traced] = await trace(store, [await messageOf(store, id)]);
      return { history: historyFacts(traced?.history ?? []) };
    },
  );
}

async function messageOf(store: Reader, id: string): Promise<MessageRecord> {
  const found = /^[1-9]\d{0,15}$/.test(id) ? await store.message(Number(id)) : null;
  if (found === null) throw new Refusal(404, `there is no message ${JSON.stringify(id)}`);
  return found;
}

async function find(store: Store, { uuid, email, q, limit }: Asked["Querystring"]) {
  if ([uuid, email, q].filter((each) => each !== undefined).length !== 1)
    throw new Refusal(400, "expected one of email, uuid and q: /v1/messages?email=ann@example.com");
  if (uuid !== undefined) return { messages: (await store.messagesNamed(uuid, limit)).map(messageFacts) };
  if (q !== undefined) {
    const found = await findMessages(store, q, limit);
    return { messages: found.messages.map(messageFacts), suppressions: found.suppressions.map(suppressionFacts) };
  }
  const [address = ""] = readAddresses([{ path: "email", email: email ?? "" }]);
  const messages = await store.messagesTo(address, limit);
  const suppressions = await store.suppressionsOf(address);
  return { messages: messages.map(messageFacts), suppressions: suppressions.map(suppressionFacts) };
}
