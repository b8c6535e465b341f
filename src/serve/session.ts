/**
 * Sessions of the dashboard. A signed token in a cookie is as good as the API key it was opened with, for twelve hours.
 */
import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from "node:crypto";
import cookie from "@fastify/cookie";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { LRUCache } from "lru-cache";
import { type Caller, type KnownKey, mayDo } from "./auth.ts";
import { Refusal } from "./errors.ts";
import type { Keys } from "../store/store.ts";
import type { Clock } from "../time/clock.ts";
import type { Gateway } from "./gateway.ts";

const SESSION_COOKIE = "ses_mail_session";
const LIFETIME_MS = 12 * 3_600_000;
/** Sessions that were signed out before their time. Only this process knows of them: a restart forgets them. */
const MOST_ENDED = 10_000;
/** The longest name of a key in base64, with time, id and signature. A longer token is not ours. */
const MOST_TOKEN = 1_024;
const ID_BYTES = 16;

interface Sessions {
  /** A token for the owner of this key. Throws Refusal (401) when there is no such key any more. */
  open(caller: Caller): Promise<string>;
  /** Whose session it is. Null: it is forged, too old or ended, or its key was revoked. */
  read(token: string): Promise<Caller | null>;
  /** Makes the token invalid from now on. */
  end(token: string): void;
}

declare module "fastify" {
  interface FastifyInstance {
    sessions: Sessions;
  }
  interface FastifyRequest {
    /** The token that identified the caller. Null: an API key did, or nothing did. */
    session: string | null;
  }
}

function createSessions({ store, clock }: { store: Keys; clock: Clock }, keys: FastifyInstance["keys"]): Sessions {
  const ended = new LRUCache<string, true>({ max: MOST_ENDED });

  /**
   * The signature depends on the key itself, not only on its name: a new key of an old name must not revive old
   * sessions.
   */
  const sign = async (claims: string, { digest }: KnownKey): Promise<Buffer> => {
    const [secret] = await store.signingKeys();
    if (secret === undefined) throw new Error("the store has no signing key");
    const key = Buffer.from(hkdfSync("sha256", secret, digest, "ses-mail session", 32));
    return createHmac("sha256", key).update(claims).digest();
  };

  return {
    async open({ name }) {
      const known = await keys.named(name);
      if (known === null) throw new Refusal(401, "Invalid API Key");
      const id = randomBytes(ID_BYTES).toString("base64url");
      const claims = `${Buffer.from(name).toString("base64url")}.${clock.now() + LIFETIME_MS}.${id}`;
      return `${claims}.${(await sign(claims, known)).toString("base64url")}`;
    },

    async read(token) {
      const [name, until, id, signature, ...more] = token.length > MOST_TOKEN ? [] : token.split(".");
      if (name === undefined || until === undefined || id === undefined || signature === undefined || more.length > 0)
        return null;
      const known = await keys.named(Buffer.from(name, "base64url").toString());
      const claims = `${name}.${until}.${id}`;
      if (known === null || ended.has(claims)) return null;
      const expected = await sign(claims, known);
      const given = Buffer.from(signature, "base64url");
      if (given.length !== expected.length || !timingSafeEqual(given, expected)) return null;
      return clock.now() < Number(until) ? { name: known.name, scopes: known.scopes } : null;
    },

    // Remember it without its signature: base64url has spare bits, so one signature can be written in several ways.
    end: (token) => void ended.set(token.slice(0, token.lastIndexOf(".")), true),
  };
}

/**
 * Lets a session stand for an API key on every route that wants one. A request that changes something has to come from
 * a page of ours: it needs the header `x-ses-mail`, which no form can send, and which another origin may not send
 * without a permission (CORS) that we never give. Call it before the routes are guarded.
 */
export async function recogniseSessions(app: FastifyInstance, gateway: Gateway): Promise<void> {
  await app.register(cookie, { hook: false });
  const sessions = createSessions(gateway, app.keys);
  app.decorate("sessions", sessions);
  app.decorateRequest("session", null);
  app.addHook("onRequest", async (request) => {
    if (request.is404 || request.routeOptions.config.access === "open" || hasKey(request)) return;
    const token = sessionToken(request);
    const caller = token === null ? null : await sessions.read(token);
    if (caller === null) return;
    if (!READS.has(request.method)) requireOwnPage(request, gateway.settings.baseUrl);
    request.session = token;
    request.caller = caller;
  });
}

const READS = new Set(["GET", "HEAD"]);

function hasKey({ headers }: FastifyRequest): boolean {
  return headers["x-api-key"] !== undefined || headers.authorization !== undefined;
}

/** The token in the cookie, not verified yet; null: there is none. */
export function sessionToken(request: FastifyRequest): string | null {
  const { cookie: header } = request.headers;
  return header === undefined ? null : (request.server.parseCookie(header)[SESSION_COOKIE] ?? null);
}

/** Throws Refusal (403) when the request does not come from a script of our own page. */
export function requireOwnPage(request: FastifyRequest, baseUrl: string | null): void {
  if (request.headers["x-ses-mail"] !== "dashboard" || !isSameOrigin(request, baseUrl))
    throw new Refusal(403, "a session may do this from the dashboard only; programs use an API key");
}

/**
 * Goes by `sec-fetch-site`, which browsers send where they trust the connection, and otherwise by `origin`. False when
 * neither is sent.
 */
export function isSameOrigin(request: FastifyRequest, baseUrl: string | null): boolean {
  const { origin, "sec-fetch-site": site } = request.headers;
  if (site !== undefined) return site === "same-origin";
  if (origin === undefined || !URL.canParse(origin)) return false;
  const { host, protocol } = new URL(origin);
  // Parse both in the same way, so that a default port makes no difference.
  const asked = [`${protocol}//${request.host}`, baseUrl ?? ""];
  return asked.some((url) => URL.canParse(url) && new URL(url).host === host);
}

/**
 * Whether the caller of an open stream may still read. Its session may have ended since, or its key may have been
 * revoked.
 */
export async function isStillAllowed({ server, session, caller }: FastifyRequest): Promise<boolean> {
  const now = session === null ? await server.keys.named(caller?.name ?? "") : await server.sessions.read(session);
  return now !== null && mayDo(now, "read");
}

/**
 * Sets the session cookie for twelve hours: HttpOnly, SameSite=Strict, and Secure when the gateway is reached by https.
 */
export function setSession(
  request: FastifyRequest,
  reply: FastifyReply,
  { token, baseUrl }: { token: string; baseUrl: string | null },
): void {
  const maxAge = LIFETIME_MS / 1_000;
  reply.header(
    "set-cookie",
    request.server.serializeCookie(SESSION_COOKIE, token, { ...flags(request, baseUrl), maxAge }),
  );
}

/** Makes the browser forget the cookie. The token itself stays good until `Sessions.end`. */
export function clearSession(request: FastifyRequest, reply: FastifyReply, baseUrl: string | null): void {
  reply.header(
    "set-cookie",
    request.server.serializeCookie(SESSION_COOKIE, "", { ...flags(request, baseUrl), maxAge: 0 }),
  );
}

function flags({ protocol }: FastifyRequest, baseUrl: string | null) {
  const secure = protocol === "https" || baseUrl?.startsWith("https:") === true;
  return { httpOnly: true, sameSite: "strict", path: "/", secure } as const;
}
