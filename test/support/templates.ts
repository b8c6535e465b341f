/** Templates without a store. */
import { createTemplateShelf, type TemplateShelf } from "../../src/intake/templates.ts";
import type { Content } from "../../src/message.ts";

/** The shelf of these templates, each in version 1. */
export function shelfOf(contents: Record<string, Content>): TemplateShelf {
  const rows = Object.entries(contents).map(([name, content]) => ({ name, version: 1, createdAt: 1, content }));
  return createTemplateShelf({
    template: async (name) => rows.find((row) => row.name === name) ?? null,
    templates: async () => rows.map(({ content: { subject }, ...row }) => ({ ...row, subject })),
  });
}

export const NO_TEMPLATES: TemplateShelf = shelfOf({});

/** A content with variables. */
export function templateContent(fields: Partial<Content> = {}): Content {
  return {
    from: "Shop <shop@example.com>",
    replyTo: [],
    subject: "Your code",
    html: "<p>Your code is {{ code }}.</p>",
    format: "html",
    text: "",
    headers: [],
    tags: [],
    attachments: [],
    configurationSet: null,
    unsubscribeUrl: null,
    unsubscribeMailto: null,
    allowEmpty: false,
    ...fields,
  };
}
