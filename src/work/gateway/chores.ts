/**
 * What a service does at regular intervals: it logs progress, reads the account, holds topics that do harm, and finishes what processes
 * that died were doing to others.
 */
import { setImmediate } from "node:timers/promises";
import type { FastifyBaseLogger } from "fastify";
import { LEAST_ANSWERS, type ReputationLimits, tooManyBad } from "../../deliver/reputation.ts";
import type { SendListener } from "../../deliver/sender.ts";
import type { Scope } from "../../deliver/source.ts";
import type { Context } from "../context.ts";
import type { AccountWatch } from "../account-watch.ts";
import { createRounds, finishOthers, type Rounds } from "../rounds.ts";
import { createFailureLog } from "../../serve/failure-log.ts";
import type { Gateway } from "../../serve/gateway.ts";
import type { Inbox, Topics } from "../../store/store.ts";
import type { Telemetry } from "../../telemetry/telemetry.ts";
import { createProgressLog } from "./progress-log.ts";

/** How often telemetry gets the figures, and the log is asked whether there is something to say. */
const SUMMARY_MS = 5_000;
/** How often events that came before their message's SES id are matched. */
const MATCH_MS = 1_000;
/** Messages carry the wall-clock time at which they were sent, and somebody may set that clock by this much. */
const CLOCK_MARGIN_MS = 60_000;
/** The account's rate and quota may change while the gateway runs, so they are read this often. */
const ACCOUNT_MS = 60_000;
/** How long the answer to a request with an Idempotency-Key is kept for a repeat of it. */
const KEEP_ANSWERS_MS = 7 * 86_400_000;
const HOUR_MS = 3_600_000;
/** How often what has expired is cancelled where nothing is sent. A turn does it where something is. */
const EXPIRE_MS = 1_000;

/** A scope whose held topics may be replaced. */
export type HoldingScope = Scope & { held: ReadonlySet<string> };

/**
 * A checkpoint of the send loop that holds topics whose bounces or complaints pass `limits`. It never stops the loop: one
 * topic with a bad list must not hold up the others. It replaces `scope.held` by a new set, and calls `tell` once for
 * each topic that it begins to hold.
 */
export function holdBadTopics(
  store: Pick<Topics, "topicsWithAnswers">,
  scope: Pick<HoldingScope, "held">,
  limits: ReputationLimits,
  tell: (text: string) => void,
): () => Promise<null> {
  return async () => {
    const held = new Set<string>();
    for (const topic of await store.topicsWithAnswers(LEAST_ANSWERS)) {
      const bad = tooManyBad([topic], limits);
      if (bad === null) continue;
      held.add(topic.topic);
      if (!scope.held.has(topic.topic)) tell(`${bad.reason}: it is held, the others go on; ${bad.hint}`);
    }
    scope.held = held;
    return null;
  };
}

/** Writes what the send loop reports into the log. */
export function listenerOf(log: FastifyBaseLogger): Required<Omit<SendListener, "onProgress">> {
  return {
    onHalt(halt) {
      if (halt === null) log.info("sending goes on");
      else log.warn({ hint: halt.hint }, `sending stopped: ${halt.reason}; tried again by itself`);
    },
    onRecovered: (count) =>
      log.warn({ in_doubt: count }, "messages were in flight in a process that died: they are in doubt"),
    onNotice: (text) => log.warn(text),
  };
}

/** Starts the chores of a service that sends. Returns a function that ends them and logs a last line; it never rejects. */
export function startChores(
  gateway: Pick<Gateway, "store" | "sender" | "clock">,
  account: AccountWatch,
  telemetry: Telemetry,
  log: FastifyBaseLogger,
): () => Promise<void> {
  const { store, sender } = gateway;
  const failed = failuresOf(log);
  const rounds = createRounds(failed);
  const progress = createProgressLog(gateway, log);
  const tell = async () => {
    const { pending } = await progress.look();
    telemetry.observe({ sender: sender.status(), pending });
  };
  rounds.every(SUMMARY_MS, tell);
  rounds.every(MATCH_MS, matchingOf(gateway));
  rounds.every(ACCOUNT_MS, () => account.refresh());
  keepTidy(store, rounds);
  return async () => {
    await rounds.end();
    await tell()
      .then(() => progress.end())
      .catch(failed);
  };
}

/**
 * Starts the chores of a service that only takes mail in. Nothing is claimed here, so what expires is cancelled by a chore: it would wait
 * for whoever sends next, and count as waiting until then. Returns a function that ends them; it never rejects.
 */
export function startIntakeChores(store: Topics & Inbox, log: FastifyBaseLogger): () => Promise<void> {
  const rounds = createRounds(failuresOf(log));
  const expire = async (signal: AbortSignal) => {
    for (let more = true; more && !signal.aborted; await setImmediate()) {
      const part = await store.expire(null);
      ({ more } = part);
      if (part.expired > 0) log.warn({ expired: part.expired }, "messages expired before they were sent");
    }
  };
  rounds.every(EXPIRE_MS, expire, { isAwaited: true });
  keepTidy(store, rounds);
  return rounds.end;
}

/** What every service does, whether it sends or not. */
function keepTidy(store: Topics & Inbox, rounds: Rounds): void {
  finishOthers(store, rounds);
  rounds.every(HOUR_MS, () => store.forgetAnswersOlderThan(KEEP_ANSWERS_MS));
}

const failuresOf = (log: FastifyBaseLogger) => createFailureLog(log, "a chore failed; it is done again later");

/** How much a service logs. */
export function levelOf({ globals }: Context): "debug" | "info" | "warn" {
  if (globals.quiet) return "warn";
  return globals.verbose ? "debug" : "info";
}

/**
 * Matches events that came before the answer with their SES message id. The first call looks at all messages, each later
 * one at those sent since the call before.
 */
function matchingOf({ store, clock }: Pick<Gateway, "store" | "clock">): () => Promise<void> {
  let matchedAt: number | null = null;
  return async () => {
    const now = clock.monotonic();
    await store.matchKeptEvents(matchedAt === null ? null : now - matchedAt + CLOCK_MARGIN_MS);
    matchedAt = now;
  };
}
