/** The answer of a finished run: JSON or lines, why it stopped, what to do next, and the exit code. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { troubleLines } from "./causes.ts";
import { aboutAll, aboutTopic, moveTopic } from "./commands.ts";
import type { Context } from "./context.ts";
import { eachTopic } from "./each-topic.ts";
import { count, counted } from "../counted.ts";
import type { Run, SendOutcome, SendResult } from "../deliver/sender.ts";
import type { Scope } from "../deliver/source.ts";
import { roughDuration } from "../time/duration.ts";
import { localWhen } from "../time/local.ts";
import { OUTBOX } from "./endpoint.ts";
import { EXIT, exitCodeOf } from "../errors.ts";
import type { ListAnswer } from "./list-facts.ts";
import type { Totals } from "../message.ts";
import { tellLeftOut } from "./paused.ts";
import { nothingLine, type SendPlan } from "./send-plan.ts";
import type { Rehearsal } from "../store/rows.ts";
import type { Store } from "../store/store.ts";

const DAY_MS = 86_400_000;
/** A run of all topics names so many of those with trouble. */
const SHOWN_TOPICS = 5;

/** What a run had to do, and what it met. */
export interface RunFacts {
  store: Store;
  /** What became of the list; null: there was none. */
  ingest: ListAnswer | null;
  plan: SendPlan;
  /** What was removed of a rehearsal. Not set, or null: nothing was. */
  removed?: Rehearsal | null;
  /** The rate of the run, in recipients per second; not set: nothing could be sent. */
  perSecond?: number;
  /** The folder for the mails of a rehearsal; not set: the usual one. */
  outbox?: string | undefined;
  /** The topics in which messages failed or came to be in doubt. */
  troubled: string[];
}

/** Writes the answer of a finished run. `late`: how many messages `--max-late` left alone. Returns the exit code. */
export async function answerRun(
  context: Context,
  scope: Scope,
  facts: RunFacts,
  result: SendResult,
  late: number,
): Promise<number> {
  const { terminal, globals, io } = context;
  const totals = await facts.store.totals(scope.topic);
  const stopped = await reasonOf(context, facts, result, totals);
  const problem = stopped ?? (late > 0 ? await lateReason(context, scope, facts.store, late) : null);
  const reason = problem ?? (await scheduledReason(context, scope, facts));
  const code = exitCode(context, scope, facts, result, totals, late);
  const isIdle =
    !globals.json && result.outcome === "nothing_to_send" && facts.plan.due === 0 && result.run.expired === 0;
  // Why it stopped is the first thing to know.
  if (stopped !== null) terminal.warn(stopped);
  if (globals.json) {
    const { outcome } = result;
    const ran = { ingest: facts.ingest, run: runAnswer(result.run, facts.perSecond ?? Infinity), totals };
    const removed = facts.removed ? { rehearsal_removed: facts.removed } : {};
    terminal.json({ topic: scope.topic, outcome, reason, ...ran, ...removed });
  } else {
    const line = isIdle
      ? nothingLine(facts.plan, io.clock.now())
      : describeResult(scope.topic, result.run, { totals, ingest: facts.ingest });
    terminal.ending(line, code);
  }
  if (stopped === null && problem !== null) terminal.warn(problem);
  // The line about nothing to do says itself what is for later.
  else if (stopped === null && reason !== null && !isIdle) terminal.info(reason);
  for (const line of await troubles(context, scope, facts)) terminal.warn(line);
  if (result.run.expired > 0) terminal.warn(expiredLine(context, scope.topic, result.run.expired));
  if (scope.endpoint === "sandbox" && result.run.sent > 0)
    terminal.info(whereToLook(context, scope.topic, facts.outbox ?? OUTBOX));
  if (scope.topic === null) await tellLeftOut(context, facts.store, scope.endpoint);
  return code;
}

/** A short run looks faster than its rate, because its first message need not wait; so the speed is bounded by `rate`. */
function runAnswer(run: Run, rate: number) {
  return {
    attempts: run.attempts,
    sent: run.sent,
    failed: run.failed,
    expired: run.expired,
    in_doubt: run.inDoubt,
    throttled: run.throttled,
    retried: run.retried,
    elapsed_ms: run.elapsedMs,
    messages_per_second: run.elapsedMs > 0 ? Math.min(rate, Math.round((run.sent * 100_000) / run.elapsedMs) / 100) : 0,
  };
}

// Why it stopped, and what is left -----------------------------------------------------------------------------------

async function reasonOf(
  { io }: Context,
  { store }: RunFacts,
  result: SendResult,
  totals: Totals,
): Promise<string | null> {
  const remain = counted(totals.pending, "message remains", "messages remain");
  if (result.outcome === "quota") {
    const sent = await store.sentWithin(DAY_MS);
    const oldest = [...sent.values()].reduce((least, { first }) => Math.min(least, first), Infinity);
    const [frees, then] = Number.isFinite(oldest)
      ? [` The 24-hour window rolls: this job's part frees from ${localWhen(oldest + DAY_MS, io.clock.now())}.`, "then"]
      : ["", "when there is quota again"];
    return `${sentence(result.reason ?? "")} ${remain}.${frees} Run the same command again ${then}, or use --on-quota wait.`;
  }
  if (result.outcome === "halted" || result.outcome === "interrupted") {
    const hint = result.hint ? `; ${result.hint}` : "";
    const resume = totals.pending > 0 ? ": run the same command again to resume" : "";
    return `${result.reason ?? ""}${hint}. ${remain}${resume}.`;
  }
  // It was over when it was stopped.
  return result.reason === null ? null : sentence(result.reason);
}

/** Looks at no more topics than this, and names no more than three: a shop may have one for each order. */
const MOST_LOOKED_AT = 20;
const MOST_NAMED = 3;

async function lateReason(context: Context, scope: Scope, store: Store, late: number): Promise<string> {
  const names = scope.topic === null ? await lateTopics(store, scope, context.io.clock.now()) : [scope.topic];
  const where = names.length === 0 ? "" : ` (of ${names.join(", ")})`;
  const [one] = names;
  const move =
    names.length === 1 && one !== undefined
      ? moveTopic(context, one, "…")
      : aboutAll(context, "schedule", "--topic <topic> --at …");
  const what = counted(late, "message is", "messages are");
  return `${what} overdue by more than --max-late and still pending${where}; give ${late === 1 ? "it" : "them"} another time with: ${move}`;
}

/** Some of the topics with messages that are too late. */
async function lateTopics(store: Store, scope: Scope, now: number): Promise<string[]> {
  const names: string[] = [];
  let looked = 0;
  for await (const { topic, notBefore } of eachTopic(store, { waits: true })) {
    if (notBefore === null || notBefore >= now - (scope.maxLateMs ?? 0)) continue;
    if ((await store.outlook({ ...scope, topic })).late > 0) names.push(topic);
    if (names.length === MOST_NAMED) return [...names, "…"];
    if (++looked === MOST_LOOKED_AT) break;
  }
  return names;
}

/** Adds the full stop that some texts of SES end with and others do not. */
function sentence(text: string): string {
  return text === "" || text.endsWith(".") ? text : `${text}.`;
}

/** Says when the next messages are due; null: none waits. */
async function scheduledReason({ io }: Context, scope: Scope, { store }: RunFacts): Promise<string | null> {
  const { nextDueInMs } = await store.outlook(scope);
  if (nextDueInMs === null) return null;
  const now = io.clock.now();
  // The store counts by its own clock, some milliseconds after ours, and people schedule to the second: round to it.
  const second = Math.round((now + nextDueInMs) / 1000) * 1000;
  return `The next messages are due at ${localWhen(second, now)}.`;
}

// What went wrong, and where to look ---------------------------------------------------------------------------------

async function troubles(context: Context, scope: Scope, { store, troubled }: RunFacts): Promise<string[]> {
  if (scope.topic !== null) return troubleLines(context, store, scope.topic);
  const lines: string[] = [];
  for (const topic of troubled.slice(0, SHOWN_TOPICS))
    lines.push(...(await troubleLines(context, store, topic, `${topic}: `)));
  if (troubled.length > SHOWN_TOPICS) {
    const more = counted(troubled.length - SHOWN_TOPICS, "more topic has", "more topics have");
    lines.push(`${more} such messages; see: ${aboutAll(context, "topics")}`);
  }
  return lines;
}

function expiredLine(context: Context, topic: string | null, expired: number): string {
  const see = topic === null ? aboutAll(context, "topics") : aboutTopic(context, "export", topic, "--state cancelled");
  const [were, are] = expired === 1 ? ["was", "is"] : ["were", "are"];
  return `${count(expired)} expired before ${expired === 1 ? "it" : "they"} ${were} handed to SES and ${are} cancelled, never to be sent; see: ${see}`;
}

function whereToLook(context: Context, topic: string | null, outbox: string): string {
  const page = topic === null ? "" : join(topic, "index.html");
  const isThere = page !== "" && existsSync(join(context.io.cwd, outbox, page));
  const stats = topic === null ? aboutAll(context, "stats") : aboutTopic(context, "stats", topic);
  // Without a name, send leaves alone what was only rehearsed.
  const real =
    topic === null
      ? `to send a topic for real, name it: ${aboutAll(context, "send", "--topic <topic>")}`
      : "to send for real: the same command without --sandbox";
  return `look: ${join(outbox, isThere ? page : "index.html")} · ${stats}; ${real}`;
}

// Exit code and result -----------------------------------------------------------------------------------------------

const STOPPED: ReadonlySet<SendOutcome> = new Set(["quota", "halted"]);

function exitCode(
  { io }: Context,
  scope: Scope,
  facts: RunFacts,
  result: SendResult,
  totals: Totals,
  late: number,
): number {
  if (result.outcome === "interrupted") return exitCodeOf(io.signal);
  if (STOPPED.has(result.outcome)) return EXIT.stopped;
  // For one topic count what failed in earlier runs, too; for cron, which sends all topics, only what happened now.
  const { failed, in_doubt: inDoubt } =
    scope.topic === null ? { failed: result.run.failed, in_doubt: result.run.inDoubt } : totals;
  const imperfect =
    failed > 0 || result.run.expired > 0 || inDoubt > 0 || late > 0 || (facts.ingest?.rejected ?? 0) > 0;
  return imperfect ? EXIT.partial : EXIT.done;
}

function describeResult(
  topic: string | null,
  run: Run,
  { totals, ingest }: { totals: Totals; ingest: ListAnswer | null },
): string {
  const parts = [`${count(run.sent)} sent`, `${count(run.failed)} failed`, `${count(run.inDoubt)} in doubt`];
  if (run.expired > 0) parts.push(`${count(run.expired)} expired`);
  const rest = [`${count(totals.sent)} of ${count(totals.total)} sent in all`, `${count(totals.pending)} pending`];
  if (totals.failed > 0) rest.push(`${count(totals.failed)} failed`);
  if (totals.in_doubt > 0) rest.push(`${count(totals.in_doubt)} in doubt`);
  if (totals.suppressed > 0) rest.push(`${count(totals.suppressed)} suppressed`);
  if (totals.cancelled > 0) rest.push(`${count(totals.cancelled)} cancelled`);
  // They are why the exit code is not 0, and with --quiet this line is the only one.
  if (ingest !== null && ingest.rejected > 0) {
    const where = ingest.rejects_file === null ? "" : ` (see ${ingest.rejects_file})`;
    rest.push(`${counted(ingest.rejected, "row")} rejected${where}`);
  }
  return `${topic ?? "all topics"}: ${parts.join(", ")} in ${roughDuration(run.elapsedMs)}; ${rest.join(", ")}`;
}
