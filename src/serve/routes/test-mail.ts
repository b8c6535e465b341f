/** `POST /v1/test`: one mail to see how it looks. */
import type { FastifyInstance } from "fastify";
import { readAddresses } from "../addresses.ts";
import { answer, TAGS } from "../admin-schemas.ts";
import type { Topics } from "../../store/store.ts";
import { storedTopic } from "../../store/topic-name.ts";
import { Refusal } from "../errors.ts";
import type { Gateway } from "../gateway.ts";
import { ERROR, REFUSALS } from "../schemas.ts";
import { requireSound } from "../sound-texts.ts";

/** Bytes of the body. */
const TEST_BYTES = 1024 * 1024;

/** A line of a header has 998 characters at most (RFC 5322 §2.1.1). A line break would end the header. */
const TEST_BODY = {
  type: "object",
  properties: {
    to: { type: "string", minLength: 1, maxLength: 320 },
    subject: {
      type: "string",
      minLength: 1,
      maxLength: 998,
      pattern: "^[^\\u0000-\\u001f\\u007f]*\\S[^\\u0000-\\u001f\\u007f]*$",
    },
    html: { type: "string", minLength: 1, pattern: "\\S" },
    topic: { type: "string", minLength: 1, maxLength: 100, description: "Sends the mail of this topic" },
  },
  required: ["to"],
  additionalProperties: false,
  examples: [{ to: "ann@example.com", subject: "A test", html: "<p>Hello</p>" }],
} as const;

interface TestBody {
  to: string;
  subject?: string;
  html?: string;
  topic?: string;
}

/** Adds the route. It answers 422, with the reason, when the mail was not sent or not yet. */
export function testMailRoute(app: FastifyInstance, gateway: Gateway): void {
  app.post<{ Body: TestBody }>(
    "/v1/test",
    {
      config: { access: "send" },
      bodyLimit: TEST_BYTES,
      schema: {
        ...TAGS,
        operationId: "sendTest",
        summary: "Sends one mail, ahead of all others, and waits for what SES says",
        description:
          "Either `subject` and `html`, or `topic`: the mail of that topic with the values of its first recipient.",
        body: TEST_BODY,
        response: { 200: answer({ ses_message_id: { type: "string" } }), ...REFUSALS, 404: ERROR, 422: ERROR },
      },
    },
    async ({ body }) => {
      requireSound({ subject: body.subject ?? "", html: body.html ?? "" });
      const [to = ""] = readAddresses([{ path: "to", email: body.to }]);
      const result = await gateway.sendTest({ to, ...(await readMail(gateway.store, body)) });
      // Not 5xx: proxies put pages of their own in the place of those.
      if ("problem" in result) throw new Refusal(422, result.problem);
      return { ses_message_id: result.sesMessageId };
    },
  );
}

async function readMail(
  store: Topics,
  { subject, html, topic }: TestBody,
): Promise<{ subject: string; html: string } | { topic: string }> {
  if (topic === undefined && subject !== undefined && html !== undefined) return { subject, html };
  if (topic === undefined || subject !== undefined || html !== undefined)
    throw new Refusal(400, "expected subject and html, or topic");
  const name = await storedTopic(store, topic);
  if ((await store.topic(name)) === null) throw new Refusal(404, `there is no topic ${JSON.stringify(topic)}`);
  return { topic: name };
}
