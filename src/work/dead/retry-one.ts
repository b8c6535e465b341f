/** Takes a dead letter in again on request, one at a time. */
import { createJobTemplates } from "../../intake/broker/job-templates.ts";
import type { TemplateShelf } from "../../intake/templates.ts";
import type { Gateway, Retried } from "../../serve/gateway.ts";
import type { DeadLetter } from "../../store/rows.ts";
import type { Store } from "../../store/store.ts";
import { deadInlets, deliveryOf } from "./inlets.ts";
import type { Connections } from "../brokers/connections.ts";
import type { BrokerSettings } from "../brokers/settings.ts";
import { retryResult } from "../brokers/results.ts";

/** What it works with. */
export interface RetryParts extends Pick<Gateway, "inbox" | "clock"> {
  store: Store;
  settings: Pick<Gateway["settings"], "envelope" | "tracking">;
  brokers: Pick<BrokerSettings, "nats" | "redis">;
  connections: Connections;
}

/**
 * Makes `Gateway.retryDead`. It rejects with InterruptedError at once when the store cannot be reached or written to, or a template's
 * Redis cannot be reached: whoever asked can ask again.
 */
export function createRetryDead(parts: RetryParts): Gateway["retryDead"] {
  const { store } = parts;
  const templates = templatesOf(parts);
  return async (id) => {
    const letter = await store.deadLetter(id);
    if (letter === null) return null;
    const { source } = letter;
    const result = source === "results" ? await again(store, letter) : await takeIn(parts, templates, letter, source);
    if (typeof result !== "object") await store.dropDead([id]);
    return result;
  };
}

/** Those that the inlet of Redis knows; without it, those in the store. */
function templatesOf({ store, settings, clock, brokers, connections: { redis } }: RetryParts): TemplateShelf {
  const folder = brokers.redis?.templates ?? null;
  const from = settings.envelope?.from ?? "";
  const outside = redis === null ? { isRedisMissing: true } : { remote: (name: string) => redis.template(name) };
  return createJobTemplates({ store, folder, from, clock, ...outside });
}

async function again(store: Store, letter: DeadLetter): Promise<Retried> {
  const reason = await retryResult(store, letter);
  if (reason === null) return "accepted";
  await store.keepDead([{ ...letter, reason }]);
  return { dead: reason };
}

async function takeIn(
  parts: RetryParts,
  templates: TemplateShelf,
  letter: DeadLetter,
  source: "nats" | "redis",
): Promise<Retried> {
  const { envelope, tracking } = parts.settings;
  if (envelope === null) return { dead: "this gateway has no sender: start it with --from or SES_MAIL_FROM" };
  const away = new AbortController();
  let result: Retried = "duplicate";
  const inlet = deadInlets({
    ...parts,
    templates,
    reports: (parts.brokers.nats?.results ?? null) !== null,
    surroundings: { now: parts.clock.now(), zone: null, envelope, tracking },
    signal: away.signal,
    onTrouble: () => away.abort(),
    onStored: async ([taken]) => {
      if (taken?.outcome !== "duplicate") result = "accepted";
    },
  })(source, letter.origin);
  const [verdict] = await inlet([deliveryOf(letter)]);
  return verdict?.kind === "refused" ? { dead: verdict.reason } : result;
}
