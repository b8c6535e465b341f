/** Recognises callers by their API keys, which are compared in constant time, and decides what each may do. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { LRUCache } from "lru-cache";
import type { ApiKey, KeyScope } from "../store/rows.ts";
import type { Keys } from "../store/store.ts";
import { Refusal } from "./errors.ts";
import type { Gateway } from "./gateway.ts";

/** Whose key a request came with. */
export interface Caller {
  /** The key's name, as `key list` shows it. */
  name: string;
  scopes: readonly KeyScope[];
}

/** The API keys that are valid now. */
export interface KeyRing {
  /** The owner of this key. Null: the key is unknown or was revoked. */
  identify(key: string): Promise<Caller | null>;
  /** The valid key of this name; null: there is none. A session is good only as long as its key. */
  named(name: string): Promise<KnownKey | null>;
}

declare module "fastify" {
  interface FastifyInstance {
    keys: KeyRing;
  }
  interface FastifyRequest {
    /** Null until the caller is recognised: by an API key, or before that by a session of the dashboard. */
    caller: Caller | null;
  }
}

/** The name of the key in the environment, which may do everything. */
const ENVIRONMENT = "SES_MAIL_API_KEY";
/** How old the keys may be: a revoked one is good for this long at most. */
const KEYS_AGE_MS = 1_000;
/**
 * Most wrong keys from one address in a minute. Until the minute is over, only keys that were right before are looked
 * at.
 */
const MOST_FAILURES = 100;
const FAILURES_WINDOW_MS = 60_000;
const MOST_PROVEN = 1_000;

/** A valid key. `digest` is its SHA-256. */
export type KnownKey = Pick<ApiKey, "name" | "digest"> & { scopes: readonly KeyScope[] };

/**
 * The key of the environment and those of the store, which are read again at most every second. The former needs no store, which
 * may be away, and on a server is a round trip away.
 */
export function createKeyRing({
  store,
  clock,
  settings,
}: Pick<Gateway, "clock" | "settings"> & { store: Keys }): KeyRing {
  const environment: KnownKey[] =
    settings.apiKey === null || settings.apiKey === ""
      ? []
      : [{ name: ENVIRONMENT, digest: digestOf(settings.apiKey), scopes: ["admin"] }];
  let readAt = -Infinity;
  let known: Promise<KnownKey[]> | null = null;

  const load = async (): Promise<KnownKey[]> => (await store.keys()).filter(({ revokedAt }) => revokedAt === null);

  const current = async (): Promise<KnownKey[]> => {
    const now = clock.monotonic();
    if (known === null || now - readAt >= KEYS_AGE_MS) {
      readAt = now;
      known = load();
      // After a failure the next request reads again.
      known.catch(() => (known = null));
    }
    return known;
  };

  return {
    async identify(key) {
      if (key === "") return null;
      const digest = digestOf(key);
      const found = matching(environment, digest) ?? matching(await current(), digest);
      return found && { name: found.name, scopes: found.scopes };
    },
    named: async (name) =>
      environment.find((each) => each.name === name) ?? (await current()).find((each) => each.name === name) ?? null,
  };
}

/** Compares with all of them, always: the time it takes must not tell which one matched. */
function matching(keys: readonly KnownKey[], digest: Buffer): KnownKey | null {
  let found: KnownKey | null = null;
  for (const each of keys) if (timingSafeEqual(each.digest, digest)) found ??= each;
  return found;
}

/** Whether the caller has this scope. `admin` includes the others. */
export function mayDo(caller: Caller, scope: KeyScope): boolean {
  return caller.scopes.includes(scope) || caller.scopes.includes("admin");
}

/**
 * Guards every route added from now on, in any Fastify scope: its caller must be known and have the route's scope. Open
 * routes are not guarded. The guard is a hook of the route itself, so it runs after the hooks of the server, one of
 * which recognises sessions.
 */
export function guardRoutes(app: FastifyInstance): void {
  const failures = app.createRateLimit({ max: MOST_FAILURES, timeWindow: FAILURES_WINDOW_MS });
  // Clients behind a proxy or NAT share an address. One with a wrong key must not lock out those that were right
  // before.
  const proven = new LRUCache<string, true>({ max: MOST_PROVEN });

  const identify = async (request: FastifyRequest, reply: FastifyReply): Promise<Caller> => {
    const key = keyOf(request);
    const mark = `${request.ip} ${digestOf(key).toString("base64")}`;
    const before = await failures(request, { increment: false });
    if (!before.isAllowed && before.isExceeded && !proven.has(mark)) throw tooMany(reply, before.ttlInSeconds);
    const caller = await app.keys.identify(key);
    if (caller !== null) {
      proven.set(mark, true);
      return caller;
    }
    await failures(request);
    throw new Refusal(401, "Invalid API Key");
  };

  const guard = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const access = request.routeOptions.config.access as KeyScope | undefined;
    // An answer for one caller must not be cached.
    reply.header("cache-control", "no-store");
    request.caller ??= await identify(request, reply);
    if (access === undefined || !mayDo(request.caller, access))
      throw new Refusal(403, `this API key may not do this: it needs the scope ${access}`);
  };

  app.addHook("onRoute", (route) => {
    if (route.config?.access !== "open") route.onRequest = [guard, ...[route.onRequest ?? []].flat()];
  });
}

function tooMany(reply: FastifyReply, seconds: number): Refusal {
  reply.header("retry-after", seconds);
  return new Refusal(429, "too many wrong API keys from this address, wait a minute");
}

/**
 * Reads `x-api-key`, or else `Authorization: Bearer`. The texts of the errors are those of the services this one
 * replaces.
 */
function keyOf({ headers }: FastifyRequest): string {
  const bearer = /^bearer(?: +(.*))?$/i.exec(headers.authorization ?? "");
  const given = headers["x-api-key"] ?? (bearer && (bearer[1] ?? ""));
  if (typeof given !== "string") throw new Refusal(401, "Missing X-API-KEY header");
  if (given.trim() === "") throw new Refusal(401, "Empty API Key");
  return given.trim();
}

function digestOf(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}
