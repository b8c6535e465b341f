/** The routes links lead to, over a real job file. */
import { join } from "node:path";
import rateLimit from "@fastify/rate-limit";
import Fastify, { type FastifyInstance } from "fastify";
import { expect, onTestFinished } from "vitest";
import { systemClock } from "../../src/time/clock.ts";
import { BODY_LIMITS, limitBodies } from "../../src/serve/bodies.ts";
import { trackingRoutes } from "../../src/serve/routes/tracking.ts";
import type { Content } from "../../src/message.ts";
import { openJob } from "../support/job.ts";
import type { Store } from "../../src/store/store.ts";
import { type Links, openLinks } from "../../src/tracking/links.ts";
import { workFolder } from "../support/run.ts";
import { CONTENT, ingest, sent, settle, turn } from "../support/store-actions.ts";

export interface Scene {
  file: string;
  app: FastifyInstance;
  store: Store;
  links: Links;
  warnings: Record<string, unknown>[];
  /** `june` to ann@ (sent, id 1) and bob@ (pending, id 2), of no list unless `content` says so. */
  counts(): Promise<{ opened: number; clicked: number }>;
  close(): Promise<void>;
}

/** `change` replaces what the store does. At most `mostWaiting` visits wait to be written. */
export async function scene(
  change: Partial<Pick<Store, "applyVisits" | "unsubscribe">> = {},
  mostWaiting = 20_000,
  content: Content = CONTENT,
): Promise<Scene> {
  const file = join(await workFolder(), "job.db");
  const store = await openJob(file, systemClock);
  await ingest(store, ["ann@example.net", "bob@example.net"], { content });
  const { claims } = await turn(store, 1);
  await settle(store, sent(claims[0]));
  expect(claims[0]?.id).toBe(1);
  const links = await openLinks(store, {}, systemClock);
  const warnings: Record<string, unknown>[] = [];
  const stream = { write: (line: string) => void warnings.push(JSON.parse(line) as Record<string, unknown>) };
  const app = Fastify({ logger: { stream, level: "warn" }, routerOptions: { maxParamLength: 4_096 } });
  await app.register(rateLimit, { global: false });
  const gateway = { store: Object.assign(Object.create(store) as Store, change), links, clock: systemClock };
  limitBodies(app, BODY_LIMITS);
  await trackingRoutes(app, gateway, { mostWaiting });
  await app.ready();
  let closed: Promise<void> | null = null;
  const close = () => (closed ??= app.close());
  onTestFinished(async () => {
    await close();
    await store.close();
  });
  // What was visited is written by then.
  const counts = async () => {
    await close();
    const { opened = -1, clicked = -1 } = (await store.topic("june")) ?? {};
    return { opened, clicked };
  };
  return { file, app, store, links, warnings, counts, close };
}
