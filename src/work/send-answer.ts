/** The answer of a finished run: JSON or a line, why it stopped, and the exit code. */
import type { ListAnswer } from "./campaign.ts";
import type { Context } from "./context.ts";
import type { Run, SendOutcome, SendResult } from "../deliver/sender.ts";
import type { Scope } from "../deliver/source.ts";
import { formatDuration } from "../time/duration.ts";
import { localWhen } from "../time/local.ts";
import type { SesConnection } from "./endpoint.ts";
import { tellPaused } from "./paused.ts";
import { EXIT, exitCodeOf } from "../errors.ts";
import type { Totals } from "../message.ts";
import { shellWord } from "../printable.ts";
import type { Store } from "../store/store.ts";

const DAY_MS = 86_400_000;

/** What a run works with: the store, the connection, and what became of the list (null: there was none). */
export interface RunSetup {
  store: Store;
  connection: SesConnection;
  ingest: ListAnswer | null;
}

/** What the answer is about: the store, and what became of the list. */
export type Answered = Pick<RunSetup, "store" | "ingest">;

/** Writes the answer of a finished run. `late`: how many messages `--max-late` left alone. Returns the exit code. */
export async function answerRun(
  context: Context,
  scope: Scope,
  setup: Answered,
  result: SendResult,
  late: number,
): Promise<number> {
  const { terminal, globals, io } = context;
  const totals = await setup.store.totals(scope.topic);
  const now = io.clock.now();
  const problem = await reasonOf(scope, setup, result, { totals, late, now });
  const reason = problem ?? (await scheduledReason(scope, setup, now));
  const code = exitCode(context, scope, setup, result, totals, late);
  if (globals.json) {
    terminal.json({
      topic: scope.topic,
      outcome: result.outcome,
      reason,
      ingest: setup.ingest,
      run: runAnswer(result.run),
      totals,
    });
  } else {
    terminal.ending(describeResult(scope.topic, result.run, totals), code);
  }
  if (problem !== null) terminal.warn(problem);
  else if (reason !== null) terminal.info(reason);
  if (scope.topic === null) await tellPaused(context, setup.store, scope.endpoint);
  return code;
}

function runAnswer(run: Run) {
  return {
    attempts: run.attempts,
    sent: run.sent,
    failed: run.failed,
    in_doubt: run.inDoubt,
    throttled: run.throttled,
    retried: run.retried,
    elapsed_ms: run.elapsedMs,
    messages_per_second: run.elapsedMs > 0 ? Math.round((run.sent * 100_000) / run.elapsedMs) / 100 : 0,
  };
}

interface Counted {
  totals: Totals;
  late: number;
  now: number;
}

/** Why the run is not all that was asked for; null: it is. */
async function reasonOf(
  scope: Scope,
  { store }: Answered,
  result: SendResult,
  { totals, late, now }: Counted,
): Promise<string | null> {
  if (result.outcome === "quota") {
    const sent = await store.sentWithin(DAY_MS);
    const oldest = Math.min(...[...sent.values()].map(({ first }) => first));
    const frees = Number.isFinite(oldest)
      ? ` The 24-hour window rolls: this job file's part frees from ${localWhen(oldest + DAY_MS, now)} on.`
      : "";
    return `${sentence(result.reason ?? "")} ${totals.pending} messages remain.${frees} Run the same command again then, or use --on-quota wait.`;
  }
  if (result.outcome === "halted" || result.outcome === "interrupted") {
    const hint = result.hint ? `; ${result.hint}` : "";
    return `${result.reason ?? ""}${hint}. ${totals.pending} messages remain: run the same command again to send them.`;
  }
  return late > 0 ? lateReason(store, scope, { late, now }) : null;
}

/** Looks at no more topics than this, and names no more than three: a shop may have one for each order. */
const MOST_LOOKED_AT = 20;
const MOST_NAMED = 3;

async function lateReason(store: Store, scope: Scope, { late, now }: Omit<Counted, "totals">): Promise<string> {
  const names = scope.topic === null ? await lateTopics(store, scope, now) : [scope.topic];
  const where = names.length === 0 ? "" : ` (of ${names.join(", ")})`;
  const [one] = names;
  const topic = names.length === 1 && one !== undefined ? shellWord(one) : "<topic>";
  const what = late === 1 ? "1 message is" : `${late.toLocaleString("en-US")} messages are`;
  const it = late === 1 ? "it" : "them";
  return `${what} overdue by more than --max-late and still pending${where}; give ${it} another time with: ses-mail schedule --topic ${topic} --at …`;
}

/** Some of the topics with messages that are too late. */
async function lateTopics(store: Store, scope: Scope, now: number): Promise<string[]> {
  const overdue = (await store.topics()).filter(
    ({ pending, notBefore }) => pending > 0 && notBefore !== null && notBefore < now - (scope.maxLateMs ?? 0),
  );
  const names: string[] = [];
  for (const { topic } of overdue.slice(0, MOST_LOOKED_AT)) {
    if ((await store.outlook({ ...scope, topic })).late > 0) names.push(topic);
    if (names.length === MOST_NAMED) return [...names, "…"];
  }
  return names;
}

/** Adds the full stop that some texts of SES end with and others do not. */
function sentence(text: string): string {
  return text === "" || text.endsWith(".") ? text : `${text}.`;
}

/** Says when the next messages are due; null: none waits. `now`: ms since the epoch. */
async function scheduledReason(scope: Scope, { store }: Answered, now: number): Promise<string | null> {
  const { nextDueInMs } = await store.outlook(scope);
  if (nextDueInMs === null) return null;
  // The store counts by its own clock, some milliseconds after ours, and people schedule to the second: round to it.
  const second = Math.round((now + nextDueInMs) / 1000) * 1000;
  return `The next messages are due at ${localWhen(second, now)}.`;
}

const STOPPED: ReadonlySet<SendOutcome> = new Set(["quota", "halted"]);

function exitCode(
  { io }: Context,
  scope: Scope,
  setup: Answered,
  result: SendResult,
  totals: Totals,
  late: number,
): number {
  if (result.outcome === "interrupted") return exitCodeOf(io.signal);
  if (STOPPED.has(result.outcome)) return EXIT.stopped;
  // For one topic count what failed in earlier runs, too; for cron, which sends all topics, only what happened now.
  const { failed, in_doubt: inDoubt } =
    scope.topic === null ? { failed: result.run.failed, in_doubt: result.run.inDoubt } : totals;
  const imperfect = failed > 0 || inDoubt > 0 || late > 0 || (setup.ingest?.rejected ?? 0) > 0;
  return imperfect ? EXIT.partial : EXIT.done;
}

function describeResult(topic: string | null, run: Run, totals: Totals): string {
  const parts = [`${run.sent} sent`, `${run.failed} failed`, `${run.inDoubt} in doubt`];
  const rest = [`${totals.sent} of ${totals.total} sent in all`, `${totals.pending} pending`];
  if (totals.failed > 0) rest.push(`${totals.failed} failed`);
  if (totals.in_doubt > 0) rest.push(`${totals.in_doubt} in doubt`);
  if (totals.suppressed > 0) rest.push(`${totals.suppressed} suppressed`);
  if (totals.cancelled > 0) rest.push(`${totals.cancelled} cancelled`);
  return `${topic ?? "all topics"}: ${parts.join(", ")} in ${formatDuration(run.elapsedMs)}; ${rest.join(", ")}`;
}
