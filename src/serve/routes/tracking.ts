/** Where the links of mails lead: the picture that tells of opens, redirects, and the page to unsubscribe. */
import type { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { isMachine } from "../../feedback/machine.ts";
import type { Unsubscription, Visit } from "../../store/rows.ts";
import { ALL_BULK } from "../../store/rules/suppress.ts";
import type { Suppressions, VisitSink } from "../../store/store.ts";
import type { Clock } from "../../time/clock.ts";
import type { Links } from "../../tracking/links.ts";
import { createGroupCommit } from "../../intake/group-commit.ts";
import {
  askPage,
  backPage,
  blockedPage,
  donePage,
  gonePage,
  PAGE_CSP,
  type Reader,
  unknownPage,
} from "../unsubscribe-page.ts";
import { languageOf } from "../unsubscribe-words.ts";
import { createVisits, type VisitsLimits } from "../visits.ts";

/** A GIF89a of one transparent pixel: 43 bytes. */
export const PIXEL = Buffer.from("R0lGODlhAQABAIAAAAAAAAAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==", "base64");

/** Bytes. RFC 8058 sends 26, or some lines of multipart. */
const BODY_LIMIT = 16 * 1024;
/** Unsubscribing is answered when it is durable. Requests that come together share a commit. */
const COMMIT = { maxItems: 500, waitMs: 0 };

/**
 * Signed links have no limit: mail providers come for many readers from one address, and only somebody who was sent a
 * mail can make us write. Links that we did not sign have one: see `createUnknownLinkLimit`.
 */
const CONFIG = { access: "open", rateLimit: false } as const;
/** Most links that we did not sign, from one address in a minute. */
const MOST_UNKNOWN = 600;
const UNKNOWN_WINDOW_MS = 60_000;
const NO_STORE = "no-store, no-cache, must-revalidate, private";

const ERROR = { type: "object", required: ["error"], properties: { error: { type: "string" } } };
const HTML = { content: { "text/html": { schema: { type: "string" } } } };
const TOKEN = {
  type: "object",
  required: ["token"],
  properties: { token: { type: "string", description: "Signed for one message" } },
} as const;

const OPEN_SCHEMA = {
  operationId: "getOpen",
  summary: "The picture by which mails tell of being opened",
  description: "Always the same 1×1 image. Only an id that was signed here counts; HEAD never does.",
  tags: ["links"],
  // The answer is always the picture, so no parameter is required or has a type.
  querystring: {
    type: "object",
    properties: { request_id: { description: "Signed id" }, requestId: { description: "The same as request_id" } },
  },
  response: { 200: { description: "The image", content: { "image/gif": { schema: {} } } } },
};

const CLICK_SCHEMA = {
  operationId: "getClick",
  summary: "A link of a mail: goes on to where it led, and counts",
  tags: ["links"],
  params: TOKEN,
  querystring: { type: "object", properties: { u: { description: "The address the token was signed for" } } },
  response: {
    302: { description: "On to the address", type: "null" },
    404: { description: "Not a link of ours", content: { ...HTML.content, "application/json": { schema: ERROR } } },
    429: { description: "Too many that are not", content: { "application/json": { schema: ERROR } } },
  },
};

const PAGE_RESPONSES = {
  200: { description: "A page for the reader", ...HTML },
  404: { description: "Not a link of ours", ...HTML },
  410: { description: "Nothing is kept of its mail any more", ...HTML },
  429: { description: "Too many that are not", content: { "application/json": { schema: ERROR } } },
};
const ASK_SCHEMA = {
  operationId: "getUnsubscribe",
  summary: "A page with a button to unsubscribe; looking at it changes nothing",
  tags: ["links"],
  params: TOKEN,
  response: PAGE_RESPONSES,
};
const UNSUBSCRIBE_SCHEMA = {
  operationId: "postUnsubscribe",
  summary: "Unsubscribes the address the mail went to (RFC 8058, one click)",
  description:
    "From the list of the mail, or from all bulk mail when it has none. Whatever the body says. Answered when the address is durably suppressed; a repeat changes nothing.",
  tags: ["links"],
  params: TOKEN,
  consumes: ["application/x-www-form-urlencoded", "multipart/form-data"],
  response: PAGE_RESPONSES,
};

const UNSUBSCRIBE_ALL_SCHEMA = {
  ...UNSUBSCRIBE_SCHEMA,
  operationId: "postUnsubscribeAll",
  summary: "Unsubscribes the address the mail went to from all bulk mail, whatever list the mail was of",
  description: "The second button of the page. Answered when the address is durably suppressed.",
};

const UNDO_SCHEMA = {
  operationId: "postResubscribe",
  summary: "Takes an unsubscription through such a link back",
  description: "Only that: an address that bounced, complained or was suppressed by hand stays suppressed.",
  tags: ["links"],
  params: TOKEN,
  consumes: ["application/x-www-form-urlencoded"],
  response: PAGE_RESPONSES,
};

interface TokenRoute {
  Params: { token: string };
}

interface Tracked {
  store: VisitSink & Pick<Suppressions, "suppressionsOf">;
  links: Links;
  clock: Clock;
}

/** Registers `/v1/events/open`, `/c/{token}` and `/u/{token}`. When the server closes, the last visits are written. */
export async function trackingRoutes(app: FastifyInstance, gateway: Tracked, limits?: VisitsLimits): Promise<void> {
  const { links, clock, store } = gateway;
  const visits = createVisits(store, clock, app.log, limits);
  app.addHook("onClose", () => visits.drain());
  const refuse = createUnknownLinkLimit(app);
  const count = (request: FastifyRequest, visit: Pick<Visit, "kind" | "messageId" | "link">): void => {
    if (request.method === "HEAD") return;
    visits.add({ ...visit, at: clock.now(), machine: isMachine(request.headers["user-agent"] ?? null) });
  };

  app.get<{ Querystring: Record<string, unknown> }>(
    "/v1/events/open",
    { config: CONFIG, schema: OPEN_SCHEMA },
    async (request, reply) => {
      const token = request.query["request_id"] ?? request.query["requestId"];
      const messageId = typeof token === "string" ? await links.readOpen(token) : null;
      if (messageId !== null) count(request, { kind: "open", messageId, link: null });
      // Webmail shows the picture on another site. Without this permission browsers would block it.
      const headers = { "cache-control": NO_STORE, "cross-origin-resource-policy": "cross-origin" };
      return reply.headers(headers).type("image/gif").send(PIXEL);
    },
  );

  app.get<TokenRoute & { Querystring: Record<string, unknown> }>(
    "/c/:token",
    { config: CONFIG, schema: CLICK_SCHEMA },
    async (request, reply) => {
      const { u: url } = request.query;
      const target = typeof url === "string" ? targetOf(url) : null;
      if (typeof url !== "string" || target === null) return refuse(request, reply, answerNoLink);
      const messageId = await links.readClick(request.params.token, url);
      if (messageId === null) return refuse(request, reply, answerNoLink);
      count(request, { kind: "click", messageId, link: url });
      return reply.headers({ "cache-control": "no-store", "referrer-policy": "no-referrer" }).redirect(target, 302);
    },
  );

  await app.register((scope) => unsubscribeRoutes(scope, gateway, refuse));
}

type Answer = (request: FastifyRequest, reply: FastifyReply) => FastifyReply;
type Refuse = (request: FastifyRequest, reply: FastifyReply, answer: Answer) => Promise<FastifyReply>;

/**
 * Returns a function that answers a request for a link that we did not sign. After 600 of them in a minute an address
 * has to wait.
 */
function createUnknownLinkLimit(app: FastifyInstance): Refuse {
  const unknown = app.createRateLimit({ max: MOST_UNKNOWN, timeWindow: UNKNOWN_WINDOW_MS });
  return async (request, reply, answer) => {
    const limit = await unknown(request);
    if (limit.isAllowed || !limit.isExceeded) return answer(request, reply);
    reply.headers({ "retry-after": limit.ttlInSeconds, "cache-control": "no-store" });
    return reply.code(429).send({ error: "too many unknown links from this address, wait a minute" });
  };
}

/** In a scope of its own: here a body of any type is taken, and none is read. */
async function unsubscribeRoutes(
  app: FastifyInstance,
  { links, store, clock }: Tracked,
  refuse: Refuse,
): Promise<void> {
  const commit = createGroupCommit(async (requests: Unsubscription[]) => {
    await store.unsubscribe(requests);
    return requests;
  }, COMMIT);
  app.addHook("onClose", () => commit.drain());
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", async (request: FastifyRequest, payload: Readable) => {
    await app.bodies.read(request, payload);
  });

  // "gone": the link is ours, and its message was removed.
  const readerOf: ReaderOf = async ({ params: { token } }) => {
    const messageId = await links.readUnsubscribe(token);
    if (messageId === null) return null;
    const addressee = await store.addressee(messageId);
    if (addressee === null) return "gone";
    const { email, from, list, kind } = addressee;
    // Nobody leaves a list of mail that comes all the same.
    return { email, from, list: kind === "transactional" ? null : list, messageId, token };
  };

  // A GET never changes anything: scanners follow every link of a mail.
  app.get<TokenRoute>("/u/:token", { config: CONFIG, schema: ASK_SCHEMA }, async (request, reply) => {
    const reader = await readerOf(request);
    if (reader === null) return refuse(request, reply, answerUnknown);
    if (reader === "gone") return answerGone(request, reply);
    const left = await leftBy(store, reader);
    const language = wantedBy(request);
    const fromAll = left === "everything";
    return answerPage(reply, 200, left ? donePage(language, reader, { at: "", fromAll }) : askPage(language, reader));
  });

  // No cookie, session or CSRF token, by design: the mail provider posts for its reader (RFC 8058 §3.1). The token is
  // the proof.
  app.post<TokenRoute>(
    "/u/:token",
    { config: CONFIG, schema: UNSUBSCRIBE_SCHEMA, bodyLimit: BODY_LIMIT },
    async (request, reply) => {
      const reader = await readerOf(request);
      if (reader === null) return refuse(request, reply, answerUnknown);
      if (reader === "gone") return answerGone(request, reply);
      const from = reader.list === null ? "everything" : "list";
      await commit.add({ messageId: reader.messageId, at: clock.now(), from });
      const fromAll = from === "everything" || (await leftBy(store, reader)) === "everything";
      return answerPage(reply, 200, donePage(wantedBy(request), reader, { at: "", fromAll }));
    },
  );
  app.post<TokenRoute>(
    "/u/:token/all",
    { config: CONFIG, schema: UNSUBSCRIBE_ALL_SCHEMA, bodyLimit: BODY_LIMIT },
    async (request, reply) => {
      const reader = await readerOf(request);
      if (reader === null) return refuse(request, reply, answerUnknown);
      if (reader === "gone") return answerGone(request, reply);
      await commit.add({ messageId: reader.messageId, at: clock.now(), from: "everything" });
      return answerPage(reply, 200, donePage(wantedBy(request), reader, { at: "all", fromAll: true }));
    },
  );
  undoRoutes(app, store, { readerOf, refuse });
  // Whoever loads the page of an answer again, or keeps its address, is asked as at first.
  for (const path of ["/u/:token/all", "/u/:token/undo"])
    app.get<TokenRoute>(path, { config: CONFIG, schema: { hide: true } }, (request, reply) =>
      reply.header("cache-control", "no-store").redirect(`../${encodeURIComponent(request.params.token)}`, 303),
    );
}

/** What a reader left through links of mails: all bulk mail, or the list of this mail; null: neither. */
async function leftBy(
  store: Pick<Suppressions, "suppressionsOf">,
  { email, list }: Reader,
): Promise<"everything" | "list" | null> {
  const found = (await store.suppressionsOf(email)).filter(({ source }) => source === "link");
  if (found.some((each) => each.list === ALL_BULK)) return "everything";
  return found.some((each) => each.list === list) ? "list" : null;
}

/** Who is at a link: null: it is none of ours; "gone": nothing is kept of its mail. */
type ReaderOf = (request: { params: { token: string } }) => Promise<(Reader & { messageId: number }) | "gone" | null>;

interface Undoing {
  readerOf: ReaderOf;
  refuse: Refuse;
}

function undoRoutes(app: FastifyInstance, store: Tracked["store"], { readerOf, refuse }: Undoing): void {
  app.post<TokenRoute>(
    "/u/:token/undo",
    { config: CONFIG, schema: UNDO_SCHEMA, bodyLimit: BODY_LIMIT },
    async (request, reply) => {
      const reader = await readerOf(request);
      if (reader === null) return refuse(request, reply, answerUnknown);
      if (reader === "gone") return answerGone(request, reply);
      const fromAll = (await leftBy(store, reader)) === "everything";
      const isBack = await store.resubscribe(reader.messageId);
      const language = wantedBy(request);
      return answerPage(reply, 200, isBack ? backPage(language, reader, { fromAll }) : blockedPage(language, reader));
    },
  );
}

/** The URL as browsers read it, in ASCII; null for anything but http(s). */
function targetOf(url: string): string | null {
  return /^https?:\/\//i.test(url) && URL.canParse(url) ? new URL(url).href : null;
}

function wantedBy(request: FastifyRequest) {
  return languageOf(request.headers["accept-language"]);
}

/** Shows nothing of the request: neither where the link would have led nor why it is not valid. */
function answerNoLink(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (request.headers.accept?.includes("text/html")) return answerUnknown(request, reply);
  return reply.header("cache-control", "no-store").code(404).send({ error: "this link is not valid" });
}

function answerUnknown(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return answerPage(reply, 404, unknownPage(wantedBy(request)));
}

function answerGone(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return answerPage(reply, 410, gonePage(wantedBy(request)));
}

function answerPage(reply: FastifyReply, status: number, html: string): FastifyReply {
  return reply
    .code(status)
    .headers({
      "cache-control": "no-store",
      "content-security-policy": PAGE_CSP,
      "referrer-policy": "no-referrer",
      "x-robots-tag": "noindex",
    })
    .type("text/html; charset=utf-8")
    .send(html);
}
