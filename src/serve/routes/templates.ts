/** `/v1/templates`: contents with variables, for mail that programs post. */
import type { FastifyInstance } from "fastify";
import { checkName } from "../../compose/list/name.ts";
import { readTemplateText } from "../../compose/content/template-source.ts";
import { type TemplateShelf, unknownTemplate } from "../../intake/templates.ts";
import { jsonObject } from "../../json.ts";
import type { Values } from "../../message.ts";
import type { Template } from "../../store/rows.ts";
import { query, TAGS } from "../admin-schemas.ts";
import { Refusal, refusedField } from "../errors.ts";
import type { Gateway } from "../gateway.ts";
import { mailFacts, sendMailPage } from "../mail-page.ts";
import { standalone } from "../mail-parts.ts";
import { AFTER, ERROR, REFUSALS } from "../schemas.ts";
import { requireSound } from "../sound-texts.ts";
import { toSignIn } from "../sign-in-first.ts";
import { templateFacts, templateRow } from "../template-facts.ts";
import { NO_ENVELOPE, previewTemplate, type Wanted } from "../template-preview.ts";
import {
  TEMPLATE,
  TEMPLATE_BODY,
  TEMPLATE_LIMIT,
  TEMPLATE_PATH,
  TEMPLATE_PREVIEW,
  TEMPLATE_PREVIEW_BODY,
  TEMPLATE_PUT,
  TEMPLATE_REMOVED,
  TEMPLATES,
} from "../template-schemas.ts";

/** Bytes of a content with its text. Files cannot be sent with it. */
const BODY_BYTES = 4 * 1024 * 1024;

interface Named {
  Params: { name: string };
}

interface Routed extends Pick<Gateway, "store" | "settings"> {
  shelf: TemplateShelf;
}

/** Adds the routes. */
export function templateRoutes(app: FastifyInstance, parts: Routed): void {
  readRoutes(app, parts);
  putRoute(app, parts);
  removeRoute(app, parts);
  previewRoute(app, parts);
  pageRoute(app, parts);
}

function readRoutes(app: FastifyInstance, { store, shelf }: Routed): void {
  app.get<{ Querystring: { limit: number; after?: string } }>(
    "/v1/templates",
    {
      config: { access: "admin" },
      schema: {
        ...TAGS,
        operationId: "listTemplates",
        summary: "The templates in order of name, page by page",
        querystring: query({ limit: TEMPLATE_LIMIT, after: AFTER }),
        response: { 200: TEMPLATES, ...REFUSALS },
      },
    },
    async ({ query: { limit, after } }) => {
      const rows = await store.templates();
      const from = after === undefined ? 0 : rows.findIndex(({ name }) => name === after) + 1;
      const page = after !== undefined && from === 0 ? [] : rows.slice(from, from + limit);
      const templates = [];
      for (const { name } of page) {
        const template = await store.template(name);
        if (template !== null) templates.push(await templateRow(template));
      }
      return { templates, next: from + limit < rows.length ? (page.at(-1)?.name ?? null) : null };
    },
  );
  app.get<Named>(
    "/v1/templates/:name",
    {
      config: { access: "admin" },
      schema: {
        ...TAGS,
        operationId: "getTemplate",
        summary: "A template as it was written",
        params: TEMPLATE_PATH,
        response: { 200: TEMPLATE, ...REFUSALS, 404: ERROR },
      },
    },
    async ({ params: { name } }) => templateFacts(await requireTemplate(shelf, name)),
  );
}

function putRoute(app: FastifyInstance, { store, settings }: Routed): void {
  app.put<Named & { Body: { content: string; format: "html" | "md"; text?: string | null } }>(
    "/v1/templates/:name",
    {
      config: { access: "admin" },
      bodyLimit: BODY_BYTES,
      schema: {
        ...TAGS,
        operationId: "putTemplate",
        summary: "Adds a template, or its next version",
        description: "Mail that was accepted before keeps the version it was accepted with.",
        params: TEMPLATE_PATH,
        body: TEMPLATE_BODY,
        response: { 200: TEMPLATE_PUT, ...REFUSALS, 413: ERROR },
      },
    },
    async ({ params, body: { content: written, format, text } }) => {
      const name = checkName("a template's name", params.name);
      requireSound({ content: written, text: text ?? "" });
      const from = settings.envelope?.from;
      const { content, template } = await readTemplateText({
        content: written,
        format,
        ...(text != null && { text }),
        // What else the gateway adds to its mails is added when one is posted.
        envelope: from === undefined ? null : { ...NO_ENVELOPE, from },
      });
      const { version, isNew } = await store.putTemplate(name, content);
      return { name, version, new: isNew, subject: content.subject, variables: template.variables };
    },
  );
}

function removeRoute(app: FastifyInstance, { store }: Routed): void {
  app.delete<Named>(
    "/v1/templates/:name",
    {
      config: { access: "admin" },
      schema: {
        ...TAGS,
        operationId: "removeTemplate",
        summary: "Removes a template; mail that was accepted with it is still sent",
        params: TEMPLATE_PATH,
        response: { 200: TEMPLATE_REMOVED, ...REFUSALS, 404: ERROR },
      },
    },
    async ({ params }) => {
      const name = params.name.normalize("NFC");
      if (!(await store.removeTemplate(name))) throw new Refusal(404, await unknownTemplate(store, name));
      return { name, removed: true };
    },
  );
}

function previewRoute(app: FastifyInstance, parts: Routed): void {
  app.post<Named & { Body: Wanted | null }>(
    "/v1/templates/:name/preview",
    {
      config: { access: "send" },
      schema: {
        ...TAGS,
        operationId: "previewTemplate",
        summary: "The mail that a template makes of these data; nothing is sent",
        params: TEMPLATE_PATH,
        body: TEMPLATE_PREVIEW_BODY,
        response: { 200: TEMPLATE_PREVIEW, ...REFUSALS, 404: ERROR, 422: ERROR },
      },
    },
    async ({ params: { name }, body }) => {
      const template = await requireTemplate(parts.shelf, name);
      const { to, mail } = await previewTemplate(template, body ?? {}, parts);
      return { name: template.name, version: template.version, to, ...mailFacts(mail), html: standalone(mail) };
    },
  );
}

/** The HTML of a preview as a page for a frame. A frame asks with GET, so the data are in the address: JSON in base64url. */
function pageRoute(app: FastifyInstance, parts: Routed): void {
  app.get<Named & { Querystring: { data: string; images: "0" | "1" } }>(
    "/templates/:name/mail",
    {
      config: { access: "send" },
      schema: {
        params: TEMPLATE_PATH,
        querystring: query({
          data: { type: "string", default: "" },
          images: { type: "string", enum: ["0", "1"], default: "0" },
        }),
        hide: true,
      },
      errorHandler: toSignIn,
    },
    async ({ params: { name }, query: { data, images } }, reply) => {
      const template = await requireTemplate(parts.shelf, name);
      const { mail } = await previewTemplate(template, { data: dataIn(data) }, parts);
      return sendMailPage(reply, mail, { images: images === "1" });
    },
  );
}

function dataIn(text: string): Values {
  const data = text === "" ? {} : jsonObject(Buffer.from(text, "base64url"));
  if (data === null) throw refusedField("data", "data expects a JSON object in base64url");
  return data as Values;
}

async function requireTemplate(shelf: TemplateShelf, name: string): Promise<Template> {
  const found = await shelf.find(name);
  if ("problem" in found) throw new Refusal(404, found.problem);
  return found;
}
