/** The shapes of requests for templates, and of their answers. */
import { answer, path, TEXT } from "./admin-schemas.ts";
import { COUNT, INSTANT, object } from "./schemas.ts";

/** Most templates of one page: each of them is read for its variables. */
const MOST_LISTED = 100;

/** The path parameter `name`. */
export const TEMPLATE_PATH = path({
  name: { type: "string", description: "The name of the template, percent-encoded", examples: ["receipt"] },
});

/** The query parameter `limit`. */
export const TEMPLATE_LIMIT = { type: "integer", minimum: 1, maximum: MOST_LISTED, default: MOST_LISTED } as const;

/** The body of `PUT /v1/templates/{name}`. */
export const TEMPLATE_BODY = {
  type: "object",
  required: ["content"],
  additionalProperties: false,
  properties: {
    content: {
      type: "string",
      minLength: 1,
      description: "The content as it would stand in a file, with or without front matter",
    },
    format: { type: "string", enum: ["html", "md"], default: "html" },
    text: { type: ["string", "null"], description: "The text part; default: made from the HTML" },
  },
  examples: [{ content: "---\nsubject: Your code\n---\n<p>Your code is {{ code }}.</p>", format: "html" }],
} as const;

const KIND = { type: "string", enum: ["bulk", "transactional"] } as const;
const VARIABLES = {
  type: "array",
  description: "What data may give",
  items: object({
    name: { type: "string", examples: ["order.items[].name"] },
    required: { type: "boolean", description: "False: the template has a default wherever it stands" },
    list: { type: "boolean" },
  }),
} as const;
const NAMES = { type: "array", items: { type: "string" } } as const;

const ROW = {
  name: { type: "string" },
  version: { ...COUNT, description: "From 1; each new content has the next one" },
  created_at: { ...INSTANT, description: "When this version was added" },
  subject: { type: "string", description: "With its variables, as it was written" },
  list: { ...TEXT, description: "What readers can unsubscribe from; null: no list" },
  kind: KIND,
  variables: VARIABLES,
};

/** The answer of `GET /v1/templates`. */
export const TEMPLATES = answer({
  templates: { type: "array", items: object(ROW) },
  next: { ...TEXT, description: "What to send as `after` to get what follows; null: this is the end" },
});

/** The answer of `GET /v1/templates/{name}`. */
export const TEMPLATE = answer({
  ...ROW,
  from: { type: "string" },
  reply_to: NAMES,
  headers: { type: "array", items: object({ name: { type: "string" }, value: { type: "string" } }) },
  attachments: { type: "array", items: object({ name: { type: "string" }, type: { type: "string" } }) },
  format: { type: "string", enum: ["html", "md"] },
  content: { type: "string", description: "The body, without the front matter" },
  text: { ...TEXT, description: "The text part; null: it is made from the HTML" },
});

/** The answer of `PUT /v1/templates/{name}`. */
export const TEMPLATE_PUT = answer({
  name: { type: "string" },
  version: COUNT,
  new: { type: "boolean", description: "False: the template had this content already" },
  subject: { type: "string" },
  variables: VARIABLES,
});

/** The answer of `DELETE /v1/templates/{name}`. */
export const TEMPLATE_REMOVED = answer({ name: { type: "string" }, removed: { type: "boolean" } });

/** The body of `POST /v1/templates/{name}/preview`. */
export const TEMPLATE_PREVIEW_BODY = {
  type: ["object", "null"],
  additionalProperties: false,
  properties: {
    data: { type: ["object", "null"], description: "As in a message", examples: [{ code: "4711" }] },
    email: { type: ["string", "null"], description: "To whom; default: someone@example.com" },
  },
  examples: [{ data: { code: "4711" }, email: "ann@example.com" }],
} as const;

/** The answer of `POST /v1/templates/{name}/preview`. */
export const TEMPLATE_PREVIEW = answer({
  name: { type: "string" },
  version: COUNT,
  to: { type: "string" },
  from: { type: "string" },
  reply_to: NAMES,
  subject: { type: "string" },
  headers: { type: "array", items: object({ name: { type: "string" }, value: { type: "string" } }) },
  attachments: { type: "array", items: object({ name: { type: "string" }, type: { type: "string" } }) },
  html: { type: "string" },
  text: { type: "string" },
});
