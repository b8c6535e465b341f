/** What `serve` does beside serving: tells how it goes, looks after the account, holds topics that do harm. */
import type { FastifyBaseLogger } from "fastify";
import { type ReputationLimits, tooManyBad } from "../../deliver/reputation.ts";
import type { SendListener } from "../../deliver/sender.ts";
import type { Scope } from "../../deliver/source.ts";
import type { Account } from "../../aws/ses.ts";
import type { SesConnection } from "../endpoint.ts";
import type { Gateway } from "../../serve/gateway.ts";
import type { Topics } from "../../store/store.ts";
import type { Telemetry } from "../../telemetry/telemetry.ts";

const SUMMARY_MS = 5_000;
/** How long an event that came before its message's SES id may wait. */
const MATCH_MS = 1_000;
/** Somebody may set the clock that tells when messages were sent. */
const CLOCK_MARGIN_MS = 60_000;
/** Rate and quota of the account may change while we live. */
const ACCOUNT_MS = 60_000;
const ACCOUNT_TIMEOUT_MS = 5_000;
/** How long the answer to a request is kept for a repeat of it. */
const KEEP_ANSWERS_MS = 7 * 86_400_000;
const HOUR_MS = 3_600_000;

/** The account at SES, asked again now and then. */
export interface AccountWatch {
  /** As SES told it last. */
  latest(): Account | null;
  /** The same, with what was sent from here since then. */
  now(): Account | null;
  refresh(): Promise<void>;
}

/** `sent` is how many messages this process has sent so far. */
export function accountWatch({ account, ses }: SesConnection, sent: () => number): AccountWatch {
  let latest = account;
  let sentThen = 0;
  return {
    latest: () => latest,
    now: () => latest && { ...latest, sentLast24Hours: latest.sentLast24Hours + sent() - sentThen },
    async refresh() {
      const sentBefore = sent();
      const answer = await ses.account(ACCOUNT_TIMEOUT_MS);
      if (!("perSecond" in answer)) return;
      latest = answer;
      sentThen = sentBefore;
    },
  };
}

/** A scope that may hold topics back. */
export type HoldingScope = Scope & { held: ReadonlySet<string> };

/**
 * A checkpoint of the send loop that never objects: one topic with a bad list must not keep the others from leaving. It replaces
 * `scope.held` by a set that is whole. `tell` hears why a topic is held, once.
 */
export function holdBadTopics(
  store: Pick<Topics, "topics">,
  scope: Pick<HoldingScope, "held">,
  limits: ReputationLimits,
  tell: (text: string) => void,
): () => Promise<null> {
  return async () => {
    const held = new Set<string>();
    for (const topic of await store.topics()) {
      const bad = tooManyBad([topic], limits);
      if (bad === null) continue;
      held.add(topic.topic);
      if (!scope.held.has(topic.topic)) tell(`${bad.reason}: it is held, the others go on; ${bad.hint}`);
    }
    scope.held = held;
    return null;
  };
}

/** What the sender meets, into the log. */
export function listenerOf(log: FastifyBaseLogger): Required<Omit<SendListener, "onProgress">> {
  return {
    onHalt(halt) {
      if (halt === null) log.info("sending goes on");
      else log.error({ hint: halt.hint }, `sending stopped: ${halt.reason}; tried again by itself`);
    },
    onRecovered: (count) =>
      log.warn({ in_doubt: count }, "messages were in flight in a process that died: they are in doubt"),
    onNotice: (text) => log.warn(text),
  };
}

/** What is done now and then. Returns what ends it, with a last line. */
export function startChores(
  gateway: Gateway,
  account: AccountWatch,
  telemetry: Telemetry,
  log: FastifyBaseLogger,
): () => Promise<void> {
  const failed = (error: unknown) => log.warn({ err: error }, "a chore failed; it is done again later");
  const every = (ms: number, work: () => Promise<void>) => setInterval(() => void work().catch(failed), ms);
  const summary = summaryOf(gateway);
  const { store, sender } = gateway;
  const tell = async () => {
    const line = await summary();
    log[line.failed > 0 ? "warn" : "info"](line, "sending");
    telemetry.observe({ sender: sender.status(), pending: line.pending });
  };
  const timers = [
    every(SUMMARY_MS, tell),
    every(MATCH_MS, matchingOf(gateway)),
    every(ACCOUNT_MS, () => account.refresh()),
    every(HOUR_MS, () => store.forgetAnswersOlderThan(KEEP_ANSWERS_MS)),
  ];
  return async () => {
    timers.forEach((timer) => clearInterval(timer));
    await tell().catch(failed);
  };
}

/** Events that came before the answer which brought their SES message id: of all messages first, then of those sent since. */
function matchingOf({ store, clock }: Gateway): () => Promise<void> {
  let matchedAt: number | null = null;
  return async () => {
    const now = clock.monotonic();
    await store.matchKeptEvents(matchedAt === null ? null : now - matchedAt + CLOCK_MARGIN_MS);
    matchedAt = now;
  };
}

/** The line of each five seconds: what happened since the last one, and what waits. */
function summaryOf({ store, sender, clock }: Gateway) {
  let before = sender.status().run;
  let at = clock.monotonic();
  return async () => {
    const { run, state, perSecond } = sender.status();
    const seconds = (clock.monotonic() - at) / 1000;
    const { pending, sending, in_doubt: inDoubt } = await store.totals(null);
    const sent = run.sent - before.sent;
    const line = {
      state,
      sent,
      failed: run.failed - before.failed,
      throttled: run.throttled - before.throttled,
      retried: run.retried - before.retried,
      per_second: Math.round((10 * sent) / seconds) / 10,
      rate: Math.round(100 * perSecond) / 100,
      pending,
      sending,
      in_doubt: inDoubt,
    };
    before = { ...run };
    at = clock.monotonic();
    return line;
  };
}
