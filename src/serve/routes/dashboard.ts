/** The dashboard at `/`: signing in and out, and its files. */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { dashboardPage, signInPage } from "../dashboard-pages.ts";
import type { Gateway } from "../gateway.ts";
import { clearSession, isSameOrigin, requireOwnPage, sessionToken, setSession } from "../session.ts";

/** Most wrong keys from one address in the window. */
const MOST_TRIES = 10;
const TRIES_WINDOW_MS = 60_000;
/** Room for a key, and for the names of the fields. */
const SIGN_IN_BYTES = 4_096;
const FORM = "application/x-www-form-urlencoded";

/** Everything comes from this server, and nothing inline runs. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  // The mails, each in a sandbox of its own.
  "frame-src 'self'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join("; ");

const OPEN = { config: { access: "open" }, schema: { hide: true } } as const;

/**
 * Adds the page, `/sign-in`, `/sign-out`, and the files under `/dashboard/`. All of them are open: the page shows data
 * only to a session.
 */
export async function dashboardRoutes(app: FastifyInstance, gateway: Gateway): Promise<void> {
  await assetRoutes(app);
  const { baseUrl } = gateway.settings;

  app.get("/", OPEN, async (request, reply) => {
    const token = sessionToken(request);
    const caller = token === null ? null : await app.sessions.read(token);
    return sendPage(reply, caller === null ? signInPage(null) : dashboardPage(caller));
  });

  // The browser is here after a wrong key. Loading the page again has to lead back to the form.
  app.get("/sign-in", OPEN, (_request, reply) => reply.redirect("/", 303));

  app.post("/sign-out", { ...OPEN, bodyLimit: SIGN_IN_BYTES }, async (request, reply) => {
    requireOwnPage(request, baseUrl);
    const token = sessionToken(request);
    if (token !== null && (await app.sessions.read(token)) !== null) app.sessions.end(token);
    clearSession(request, reply, baseUrl);
    return reply.code(204).send();
  });

  // A scope of its own: only here forms are read.
  await app.register(async (scope) => signInRoute(scope, gateway));
}

function signInRoute(app: FastifyInstance, { settings: { baseUrl } }: Gateway): void {
  const tries = app.createRateLimit({ max: MOST_TRIES, timeWindow: TRIES_WINDOW_MS });
  app.addContentTypeParser(
    FORM,
    async (request: FastifyRequest, payload: Readable) =>
      new URLSearchParams((await app.bodies.read(request, payload)).toString("utf8")),
  );

  app.post("/sign-in", { ...OPEN, bodyLimit: SIGN_IN_BYTES }, async (request, reply) => {
    if (isForeign(request, baseUrl)) return refuse(reply, 403, "Sign in from this page, please.");
    const before = await tries(request, { increment: false });
    if (!before.isAllowed && before.remaining === 0) {
      reply.header("retry-after", before.ttlInSeconds);
      return refuse(reply, 429, `Too many wrong keys. Wait ${before.ttlInSeconds} s, then try again.`);
    }
    const key = request.body instanceof URLSearchParams ? (request.body.get("key") ?? "").trim() : "";
    const caller = await app.keys.identify(key);
    if (caller === null) {
      await tries(request);
      return refuse(reply, 401, key === "" ? "An API key is needed." : "This key is wrong, or it was revoked.");
    }
    setSession(request, reply, { token: await app.sessions.open(caller), baseUrl });
    return reply.header("cache-control", "no-store").redirect("/", 303);
  });
}

/** Another site must not sign anybody in. Programs send neither header, and may. */
function isForeign(request: FastifyRequest, baseUrl: string | null): boolean {
  const { origin, "sec-fetch-site": site } = request.headers;
  return (site !== undefined || origin !== undefined) && !isSameOrigin(request, baseUrl);
}

function refuse(reply: FastifyReply, status: number, problem: string): FastifyReply {
  return sendPage(reply.code(status), signInPage(problem));
}

function sendPage(reply: FastifyReply, page: string): FastifyReply {
  return (
    reply
      .header("content-security-policy", POLICY)
      .header("cache-control", "no-store")
      // With no-referrer, browsers would not say where the sign-in form comes from.
      .header("referrer-policy", "same-origin")
      .type("text/html; charset=utf-8")
      .send(page)
  );
}

// Files --------------------------------------------------------------------------------------------------------------

const FOLDER = join(__dirname, "../dashboard");
const TYPES: Record<string, string> = {
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
};

/** Files are read once and served by name: no path of a request ever reaches the disk. */
async function assetRoutes(app: FastifyInstance): Promise<void> {
  const names = (await readdir(FOLDER)).filter((name) => TYPES[extensionOf(name)] !== undefined);
  for (const name of names) await assetRoute(app, name, join(FOLDER, name));
  await assetRoute(app, "preact.js", join(dirname(require.resolve("htm/preact")), "standalone.module.js"));
}

async function assetRoute(app: FastifyInstance, name: string, file: string): Promise<void> {
  const body = await readFile(file);
  const etag = `"${createHash("sha256").update(body).digest("base64url")}"`;
  app.get(`/dashboard/${name}`, OPEN, async (request, reply) => {
    // The browser asks each time, and gets the file again only after an update.
    reply.header("cache-control", "no-cache").header("etag", etag);
    if (request.headers["if-none-match"] === etag) return reply.code(304).send();
    return reply.type(TYPES[extensionOf(name)] ?? "").send(body);
  });
}

function extensionOf(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1);
}
