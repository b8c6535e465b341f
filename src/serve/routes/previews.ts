/** The mail of a topic or of one message, as its recipient gets it: what it says, and its HTML as a page of its own. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { readWords } from "../../compose/address/encoded-word.ts";
import type { MailParts } from "../../store/rows.ts";
import type { Reader, Topics } from "../../store/store.ts";
import { storedTopic } from "../../store/topic-name.ts";
import { answer, path, query, TAGS, TEXT, TOPIC_PATH } from "../admin-schemas.ts";
import type { PreviewFacts } from "../dashboard/wire.ts";
import { Refusal } from "../errors.ts";
import { previewMail, standalone } from "../mail-parts.ts";
import { ERROR, object, REFUSALS } from "../schemas.ts";
import { toSignIn } from "../sign-in-first.ts";

const HEADER = object({ name: { type: "string" }, value: { type: "string" } });
const ATTACHMENT = object({ name: { type: "string" }, type: { type: "string" } });
const PREVIEW = answer({
  problem: { ...TEXT, description: "Why there is no mail to show; null: there is one" },
  to: TEXT,
  from: { type: "string" },
  reply_to: { type: "array", items: { type: "string" } },
  subject: { type: "string" },
  headers: { type: "array", items: HEADER },
  attachments: { type: "array", items: ATTACHMENT },
  text: { type: "string" },
  html_length: { type: "integer" },
});

const MESSAGE_PATH = path({ id: { type: "string", pattern: "^[1-9][0-9]{0,15}$" } });
const PAGE_QUERY = query({ images: { type: "string", enum: ["0", "1"], default: "0" } });

interface Asked {
  Params: { id: string };
  Querystring: { images: "0" | "1" };
}

type Store = Topics & Reader;
type PartsOf = (store: Store, id: string) => Promise<MailParts>;

/** Adds `/v1/topics/{id}/preview` and `/topics/{id}/mail`, and the same for messages. */
export function previewRoutes(app: FastifyInstance, { store }: { store: Store }): void {
  const kinds = [
    { under: "topics", name: "Topic", params: TOPIC_PATH, partsOf: partsOfTopic },
    { under: "messages", name: "Message", params: MESSAGE_PATH, partsOf: partsOfMessage },
  ];
  for (const { under, name, params, partsOf } of kinds) {
    app.get<Asked>(
      `/v1/${under}/:id/preview`,
      {
        config: { access: "read" },
        schema: {
          ...TAGS,
          operationId: `preview${name}`,
          summary: under === "topics" ? "The topic's mail as its first recipient gets it" : "The mail of one message",
          params,
          response: { 200: PREVIEW, ...REFUSALS, 404: ERROR },
        },
      },
      async ({ params: { id } }) => previewFacts(await partsOf(store, id)),
    );
    app.get<Asked>(
      `/${under}/:id/mail`,
      { config: { access: "read" }, schema: { params, querystring: PAGE_QUERY, hide: true }, errorHandler: toSignIn },
      async (request, reply) => sendMail(request, reply, await partsOf(store, request.params.id)),
    );
  }
}

const partsOfTopic: PartsOf = async (store, id) => {
  const topic = await storedTopic(store, id);
  if ((await store.topic(topic)) === null) throw new Refusal(404, `there is no topic ${JSON.stringify(id)}`);
  return store.sampleParts(topic);
};

const partsOfMessage: PartsOf = async (store, id) => {
  const parts = await store.mailParts(Number(id));
  if (parts === null) throw new Refusal(404, `there is no message ${JSON.stringify(id)}`);
  return parts;
};

async function previewFacts(parts: MailParts): Promise<PreviewFacts> {
  const mail = await previewMail(parts);
  if ("problem" in mail) {
    const { from, subject } = parts.content;
    const nothing = { reply_to: [], headers: [], attachments: [], text: "", html_length: 0 };
    return { problem: mail.problem, to: parts.email, from, subject, ...nothing };
  }
  const files = [...mail.attachments, ...(mail.files ?? [])].filter(({ contentId }) => contentId == null);
  return {
    problem: null,
    to: parts.email,
    from: readWords(mail.from),
    reply_to: mail.replyTo.map(readWords),
    subject: mail.subject,
    headers: mail.headers.map(({ name, value }) => ({ name, value: readWords(value) })),
    attachments: files.map(({ fileName: name, contentType: type }) => ({ name, type })),
    text: mail.text,
    html_length: mail.html.length,
  };
}

/**
 * The page runs no script and has no origin, wherever it is opened. It loads nothing, unless pictures were asked for:
 * their servers then learn that somebody looks.
 */
const policyOf = (images: boolean): string =>
  [
    "sandbox",
    "default-src 'none'",
    "style-src 'unsafe-inline'",
    `img-src data:${images ? " https: http:" : ""}`,
    ...(images ? ["font-src https: data:"] : []),
    "form-action 'none'",
    "base-uri 'none'",
    "frame-ancestors 'self'",
  ].join("; ");

async function sendMail(request: FastifyRequest<Asked>, reply: FastifyReply, parts: MailParts): Promise<FastifyReply> {
  const mail = await previewMail(parts);
  if ("problem" in mail) throw new Refusal(422, mail.problem);
  // The page has no origin, and browsers would complain that it cannot have a process of its own.
  reply.removeHeader("origin-agent-cluster");
  return reply
    .headers({
      "content-security-policy": policyOf(request.query.images === "1"),
      "x-frame-options": "SAMEORIGIN",
      "referrer-policy": "no-referrer",
      "cache-control": "no-store",
    })
    .type("text/html; charset=utf-8")
    .send(standalone(mail));
}
