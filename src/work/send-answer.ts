/** The answer of a finished run: JSON or a line, why it stopped, and the exit code. */
import type { ListAnswer } from "./campaign.ts";
import type { Context } from "./context.ts";
import type { Run, SendOutcome, SendResult } from "../deliver/sender.ts";
import type { Scope } from "../deliver/source.ts";
import { formatDuration } from "../time/duration.ts";
import type { SesConnection } from "./endpoint.ts";
import { EXIT, exitCodeOf } from "../errors.ts";
import type { Totals } from "../message.ts";
import type { Store } from "../store/store.ts";

const DAY_MS = 86_400_000;

/** What a run works with: the store, the connection, and what became of the list (null: there was none). */
export interface RunSetup {
  store: Store;
  connection: SesConnection;
  ingest: ListAnswer | null;
}

/** Writes the answer of a finished run. `late`: how many messages `--max-late` left alone. Returns the exit code. */
export async function answerRun(
  context: Context,
  scope: Scope,
  setup: RunSetup,
  result: SendResult,
  late: number,
): Promise<number> {
  const { terminal, globals, io } = context;
  const totals = await setup.store.totals(scope.topic);
  const reason = (await reasonOf(setup, result, totals, late)) ?? (await scheduledReason(scope, setup, io.clock.now()));
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
    terminal.result(describeResult(scope.topic, result.run, totals));
  }
  if (reason !== null) terminal.warn(reason);
  return exitCode(context, scope, setup, result, totals, late);
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

async function reasonOf({ store }: RunSetup, result: SendResult, totals: Totals, late: number): Promise<string | null> {
  if (result.outcome === "quota") {
    const sent = await store.sentWithin(DAY_MS);
    const oldest = [...sent.values()].reduce((least, { first }) => Math.min(least, first), Infinity);
    const frees = Number.isFinite(oldest)
      ? ` The 24-hour window rolls: this job file's part frees from ${new Date(oldest + DAY_MS).toISOString()} on.`
      : "";
    return `${sentence(result.reason ?? "")} ${totals.pending} messages remain.${frees} Run the same command again then, or use --on-quota wait.`;
  }
  if (result.outcome === "halted" || result.outcome === "interrupted") {
    const hint = result.hint ? `; ${result.hint}` : "";
    return `${result.reason ?? ""}${hint}. ${totals.pending} messages remain: run the same command again to resume.`;
  }
  if (late > 0)
    return `${late} messages are overdue by more than --max-late and were left pending; move them with: ses-mail schedule --topic <topic> --at …`;
  return null;
}

/** Adds the full stop that some texts of SES end with and others do not. */
function sentence(text: string): string {
  return text === "" || text.endsWith(".") ? text : `${text}.`;
}

/** Says when the next messages are due; null: none waits. `now`: ms since the epoch. */
async function scheduledReason(scope: Scope, { store }: RunSetup, now: number): Promise<string | null> {
  const { nextDueInMs } = await store.outlook(scope);
  if (nextDueInMs === null) return null;
  // The store counts by its own clock, some milliseconds after ours, and people schedule to the second: round to it.
  const second = Math.round((now + nextDueInMs) / 1000) * 1000;
  return `The next messages are due at ${new Date(second).toISOString()}.`;
}

const STOPPED: ReadonlySet<SendOutcome> = new Set(["quota", "halted"]);

function exitCode(
  { io }: Context,
  scope: Scope,
  setup: RunSetup,
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
