/** The mail of a topic or of one message, as its recipient gets it: what it says, and its HTML as a page of its own. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { MailParts } from "../../store/rows.ts";
import type { Reader, Topics } from "../../store/store.ts";
import { storedTopic } from "../../store/topic-name.ts";
import { answer, path, query, TAGS, TEXT, TOPIC_PATH } from "../admin-schemas.ts";
import type { PreviewFacts } from "../dashboard/wire.ts";
import { Refusal } from "../errors.ts";
import { mailFacts, sendMailPage } from "../mail-page.ts";
import { previewMail } from "../mail-parts.ts";
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
  return { problem: null, to: parts.email, ...mailFacts(mail), html_length: mail.html.length };
}

async function sendMail(request: FastifyRequest<Asked>, reply: FastifyReply, parts: MailParts): Promise<FastifyReply> {
  const mail = await previewMail(parts);
  if ("problem" in mail) throw new Refusal(422, mail.problem);
  return sendMailPage(reply, mail, { images: request.query.images === "1" });
}
