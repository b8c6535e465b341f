/** The shape of a request for mail, and its limits. */

/** Most addresses in one request, summed over its messages. */
export const MOST_ADDRESSES = 10_000;
/** The longest line of a header, in characters (RFC 5322 §2.1.1). */
const MOST_SUBJECT = 998;
/** The longest name that a client may give a message, in characters (code points). */
export const MOST_UUID = 100;

/** The priorities by the names that clients use. The store sends the higher one first. */
export const PRIORITIES = { high: 10, medium: 5, low: 1 } as const;

/** Both spellings of a field have the same example, because two values are refused. */
const optionalText = (description: string, example: string) => ({
  type: ["string", "null"],
  description,
  examples: [example],
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

const MESSAGE = {
  type: "object",
  required: ["emails", "subject", "content"],
  additionalProperties: false,
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
    subject: { type: "string", minLength: 1, maxLength: MOST_SUBJECT, examples: ["Welcome"] },
    content: { type: "string", minLength: 1, description: "HTML, sent as it is", examples: ["<p>Hello</p>"] },
    scheduled_at: optionalText(`${WHEN} Beats that of the request.`, "2099-01-01T09:00:00+09:00"),
    scheduledAt: optionalText("The same as scheduled_at", "2099-01-01T09:00:00+09:00"),
    priority: { type: ["string", "null"], enum: [...Object.keys(PRIORITIES), null], description: "Default: medium" },
    uuid: optionalText("Your own name for this message: given again, nothing of it is added", "order-4711"),
  },
} as const;

/** JSON Schema (draft 7) of a whole request. `Reading` checks what a shape cannot say: addresses, times, topics. */
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
