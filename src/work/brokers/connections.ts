/** The connections of a process to its brokers. Each client library is loaded only when its broker is given. */
import { processName } from "../../machine.ts";
import type { Nats } from "../../queue/nats/nats.ts";
import type { Redis } from "../../queue/redis/redis.ts";
import { TimeLimitError, withinLimit } from "../../time/time-limit.ts";
import type { Context } from "../context.ts";
import type { BrokerSettings } from "./settings.ts";

/** How long the last words to a broker may take. What it was not told comes again. */
const CLOSE_MS = 5_000;

/** Null: that broker is not given. */
export interface Connections {
  nats: Nats | null;
  redis: Redis | null;
}

/**
 * Connects in the background: a broker may be away now. `tell` hears when it goes and comes. The connections end when the command does.
 * @throws UserError for an address or credentials that cannot be used.
 */
export async function connectBrokers(
  context: Context,
  { nats, redis }: Pick<BrokerSettings, "nats" | "redis">,
  tell: (text: string) => void,
): Promise<Connections> {
  const connections: Connections = { nats: null, redis: null };
  const { hardSignal } = context.io;
  if (nats !== null) {
    const { openNats } = await import("../../queue/nats/nats.ts");
    const opened = await openNats(nats, tell);
    connections.nats = opened;
    context.onExit(() => closeSoon(() => opened.close(), hardSignal));
  }
  if (redis !== null) {
    const { openRedis } = await import("../../queue/redis/redis.ts");
    const opened = await openRedis({ ...redis, consumer: processName() }, tell);
    connections.redis = opened;
    context.onExit(() => closeSoon(() => opened.close(), hardSignal));
  }
  return connections;
}

/** A broker that does not answer must not hold up the end, and after the second signal nobody waits for it. */
async function closeSoon(close: () => Promise<void>, hardSignal: AbortSignal): Promise<void> {
  try {
    await withinLimit({ ms: CLOSE_MS, signal: hardSignal }, close);
  } catch (error) {
    if (!hardSignal.aborted && !(error instanceof TimeLimitError)) throw error;
  }
}
