/** The shape of a request for mail, and its limits. */

/** Most addresses in one request, summed over its messages. */
export const MOST_ADDRESSES = 10_000;
/** The longest line of a header, in characters (RFC 5322 §2.1.1). */
export const MOST_SUBJECT = 998;
/** The longest name that a client may give a message, in characters (code points). */
export const MOST_UUID = 100;
/** Most bytes of attachments in one request, before base64. */
export const MOST_ATTACHED_BYTES = 10 * 1024 * 1024;
/** Most attachments of one message. */
export const MOST_ATTACHMENTS = 50;
/** Most mailboxes of one `reply_to`. */
export const MOST_REPLY_TO = 25;
/** Most headers of one message (SES API, MessageHeader). */
export const MOST_HEADERS = 15;
/** Most characters of the data of all addresses: data that are given once for many addresses are stored for each of them. */
export const MOST_DATA = 16 * 1024 * 1024;
/** Most characters of all contents of a request, each counted once: a template is stored again with what a message adds to it. */
export const MOST_CONTENTS = 64 * 1024 * 1024;
/** Most templates that one request may name, and most ways in which it may use them: each is compiled. */
export const MOST_TEMPLATES = 100;

/** The priorities by the names that clients use. The store sends the higher one first. */
export const PRIORITIES = { high: 10, medium: 5, low: 1 } as const;

/** Both spellings of a field have the same example, because two values are refused. */
const optionalText = (description: string, example: string) => ({
  type: ["string", "null"],
  description,
  examples: [example],
});

const TEXTS = (description: string, examples: object[]) => ({
  type: ["string", "array", "null"],
  minItems: 1,
  maxItems: MOST_REPLY_TO,
  items: { type: "string" },
  description,
  examples,
});

/** A whole request to try. Without it a documentation page makes one of all fields. */
const EXAMPLE = {
  messages: [
    {
      topic_id: "june",
      emails: ["ann@example.com"],
      subject: "Welcome",
      content: "<p>Hello</p>",
      priority: "medium",
    },
  ],
};

const WHEN =
  "ISO 8601 with an offset, or a local time YYYY-MM-DD HH:MM[:SS] in the zone of --tz, which is refused without --tz. Not given: at once.";

const DATA = {
  type: ["object", "null"],
  description: "The variables of the template: texts, numbers, true and false, lists and objects",
  examples: [{ code: "4711", order: { items: [{ name: "Tea", price: 4.5 }] } }],
} as const;

const RECIPIENT = {
  type: "object",
  required: ["email"],
  additionalProperties: false,
  properties: {
    email: { type: "string", description: "A bare address", examples: ["ann@example.com"] },
    data: DATA,
    uuid: optionalText("Your own name for the mail to this address: given again, it is not added", "order-4711"),
  },
} as const;

const ATTACHMENT = {
  type: "object",
  required: ["name", "data"],
  additionalProperties: false,
  properties: {
    name: { type: "string", minLength: 1, description: "The name of the file, without a path", examples: ["bill.pdf"] },
    content_type: optionalText("Its media type. Default: by the ending of its name", "application/pdf"),
    contentType: optionalText("The same as content_type", "application/pdf"),
    data: {
      type: "string",
      minLength: 1,
      contentEncoding: "base64",
      description: "Its bytes, in base64",
      examples: ["JVBERi0="],
    },
  },
} as const;

const EXPIRES_AT =
  "The instant after which it is not sent any more, later than the time it is scheduled for. Written as scheduled_at.";
const EXPIRES_IN =
  "For how long it may be sent (10m, 2h, 1d), from the time it is scheduled for, else from when it is posted";

const MESSAGE = {
  type: "object",
  additionalProperties: false,
  // `structure.ts` says it in words.
  anyOf: [
    { required: ["emails", "subject", "content"] },
    { required: ["to", "subject", "content"] },
    { required: ["emails", "template"] },
    { required: ["to", "template"] },
  ],
  properties: {
    topic_id: optionalText("The topic it belongs to: 1–100 characters without / or control characters", "june"),
    topicId: optionalText("The same as topic_id", "june"),
    emails: {
      type: "array",
      minItems: 1,
      maxItems: MOST_ADDRESSES,
      items: { type: "string" },
      description: "Bare addresses. One named twice is written to once.",
      examples: [["ann@example.com"]],
    },
    to: {
      type: "array",
      minItems: 1,
      maxItems: MOST_ADDRESSES,
      items: RECIPIENT,
      description: "Instead of emails: addresses, each with data and a uuid of its own",
    },
    template: {
      type: "string",
      minLength: 1,
      description: "The name of a template, such as receipt, instead of subject and content",
    },
    data: { type: DATA.type, description: `${DATA.description}. With emails: the same for all of them` },
    subject: { type: "string", minLength: 1, maxLength: MOST_SUBJECT, examples: ["Welcome"] },
    content: { type: "string", minLength: 1, description: "HTML, sent as it is", examples: ["<p>Hello</p>"] },
    text: {
      type: ["string", "null"],
      minLength: 1,
      description: "The text part, sent as it is. Default: that of the template, else made from the HTML",
      examples: ["Hello"],
    },
    reply_to: TEXTS("Where answers go: one or several mailboxes", [["Ann <ann@example.com>"]]),
    replyTo: TEXTS("The same as reply_to", [["Ann <ann@example.com>"]]),
    headers: {
      type: ["object", "null"],
      maxProperties: MOST_HEADERS,
      additionalProperties: { type: "string" },
      description: "More headers; each replaces one of the same name of the template or the gateway",
      examples: [{ "X-Order": "4711" }],
    },
    attachments: {
      type: ["array", "null"],
      maxItems: MOST_ATTACHMENTS,
      items: ATTACHMENT,
      description: "Files: 10 MB in one request before base64. They go with those of the template.",
    },
    list: optionalText("What readers can unsubscribe from: 1–100 characters without / or control characters", "weekly"),
    kind: {
      type: ["string", "null"],
      enum: ["bulk", "transactional", null],
      description:
        "transactional: mail that one person waits for. No unsubscription stops it, and it has neither tracking nor a way to unsubscribe. Default: that of the template, else bulk.",
    },
    expires_in: optionalText(EXPIRES_IN, "10m"),
    expiresIn: optionalText("The same as expires_in", "10m"),
    // Without examples: they exclude expires_in, and a documentation page makes a request of all of them.
    expires_at: { type: ["string", "null"], description: EXPIRES_AT },
    expiresAt: { type: ["string", "null"], description: "The same as expires_at" },
    scheduled_at: optionalText(`${WHEN} Beats that of the request.`, "2099-01-01T09:00:00+09:00"),
    scheduledAt: optionalText("The same as scheduled_at", "2099-01-01T09:00:00+09:00"),
    priority: { type: ["string", "null"], enum: [...Object.keys(PRIORITIES), null], description: "Default: medium" },
    uuid: optionalText("Your own name for this message: given again, nothing of it is added", "order-4711"),
  },
} as const;

/** JSON Schema (draft 7) of a whole request. `Reading` checks what a shape cannot say: addresses, times, topics, data. */
export const MAIL_REQUEST = {
  type: "object",
  required: ["messages"],
  additionalProperties: false,
  examples: [EXAMPLE],
  properties: {
    messages: { type: "array", minItems: 1, maxItems: MOST_ADDRESSES, items: MESSAGE },
    scheduled_at: optionalText(`For messages that do not say it themselves. ${WHEN}`, "2099-01-01T09:00:00+09:00"),
    scheduledAt: optionalText("The same as scheduled_at", "2099-01-01T09:00:00+09:00"),
  },
} as const;
