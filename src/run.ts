/** The `send` command at work: plan, confirm, run the loop, answer. */
import {
  describeIngest,
  type Campaign,
  type CampaignFlags,
  type IngestAnswer,
  readCampaign,
  stageCampaign,
} from "./campaign.ts";
import { interrupted } from "./cli.ts";
import type { Context } from "./commands/command.ts";
import { headerLines } from "./commands/preview.ts";
import { parseAddress } from "./compose/address.ts";
import { createMailer } from "./deliver/mailer.ts";
import { tooManyBad } from "./deliver/reputation.ts";
import { type Run, send, type SendOptions, type SendOutcome, type SendResult } from "./deliver/send.ts";
import type { Scope } from "./deliver/source.ts";
import { formatDuration, parseDuration } from "./duration.ts";
import { type Connection, connect, type EndpointFlags } from "./endpoint.ts";
import { EXIT, UserError } from "./errors.ts";
import { AT_ONCE, type Staged, valuesOf } from "./ingest.ts";
import { boundOldSpace, boundYoungSpace } from "./memory.ts";
import type { RenderedMail, Totals } from "./message.ts";
import type { Store } from "./store/store.ts";

export interface SendFlags extends EndpointFlags {
  maxAttempts: number;
  max?: number;
  maxLate?: string;
  onQuota: "stop" | "wait";
  /** Percent; null: off. */
  maxBounceRate: number | null;
  maxComplaintRate: number | null;
  retryInDoubt?: boolean;
  dryRun?: boolean;
  testTo?: string;
  yes?: boolean;
}

const DAY_MS = 86_400_000;
/** The rate shown is that of the last few seconds, not of the whole run. */
const RATE_WINDOW_MS = 5_000;

/** `send recipients.csv`: the list goes in at once, then its topic goes out. */
export async function sendCampaign(context: Context, file: string, flags: CampaignFlags & SendFlags): Promise<number> {
  const campaign = await readCampaign(file, flags);
  const maxLateMs = maxLateOf(flags);
  const store = await context.openStore();
  const endpoint = flags.sandbox ? "sandbox" : "ses";
  await refuseOtherEndpoint(store, campaign.topic, endpoint);
  const staged = await stageCampaign(context, store, campaign, { timing: AT_ONCE, dryRun: false });
  const connection = await connect(context, flags);
  await confirmSend(context, { campaign, recipients: staged.rows - staged.rejected, connection }, flags);
  const ingest = await staged.commit();
  context.terminal.info(describeIngest(campaign.topic, ingest));
  return sendScope(context, { topic: campaign.topic, endpoint, maxLateMs }, { store, connection, ingest }, flags);
}

/** `send`: everything that is due, of every topic or of one. This is what cron calls. */
export async function sendDue(context: Context, flags: CampaignFlags & SendFlags): Promise<number> {
  const maxLateMs = maxLateOf(flags);
  const store = await context.openStore({ mustExist: true });
  const topic = flags.topic ?? null;
  const endpoint = flags.sandbox ? "sandbox" : "ses";
  if (topic !== null) await refuseOtherEndpoint(store, topic, endpoint);
  const scope: Scope = { topic, endpoint, maxLateMs };
  // Asked by name first, so that an unknown topic is an error and not an empty run.
  await store.totals(topic);
  const { due } = await store.outlook(scope);
  const connection = await connect(context, flags);
  await confirmSend(context, { campaign: null, recipients: due, connection }, flags);
  return sendScope(context, scope, { store, connection, ingest: null }, flags);
}

function maxLateOf(flags: SendFlags): number | null {
  return flags.maxLate === undefined ? null : parseDuration(flags.maxLate, "--max-late");
}

/** A rehearsal must not use up a real campaign, nor the other way round. */
async function refuseOtherEndpoint(store: Store, topic: string, endpoint: string): Promise<void> {
  const used = (await store.topics()).find((row) => row.topic === topic)?.endpoint ?? null;
  if (used === null || used === endpoint) return;
  throw new UserError(
    used === "sandbox"
      ? `topic "${topic}" was sent to the sandbox, it cannot go on to Amazon SES`
      : `topic "${topic}" was sent to Amazon SES, it cannot go on to the sandbox`,
    "use another --topic, or another job file with --db",
  );
}

interface Plan {
  campaign: Campaign | null;
  recipients: number;
  connection: Connection;
}

/** Shows what is about to happen and asks, on a terminal only. */
async function confirmSend({ io, terminal }: Context, plan: Plan, flags: SendFlags): Promise<void> {
  const { connection, recipients, campaign } = plan;
  const quota = quotaLeft(connection);
  if (quota !== null && recipients > quota) {
    terminal.warn(
      `Today's quota has ${quota} left, the list needs ${recipients}: the run will ${flags.onQuota === "wait" ? "wait" : "stop"} there, and can be resumed.`,
    );
  }
  if (connection.account?.enforcement === "PROBATION")
    terminal.warn("The account is on probation: look at its bounces and complaints first.");
  if (connection.account && !connection.account.productionAccess) {
    terminal.warn("The account is in the SES sandbox: it can only write to verified addresses.");
  }
  const duration = formatDuration((recipients * 1000) / connection.perSecond);
  const interactive = io.stdin.isTTY === true && io.stderr.isTTY === true;
  if (recipients === 0) return;
  if (!interactive || flags.yes) {
    const left = quota === null ? "" : `, ${quota} left of today's quota`;
    terminal.info(`Up to ${recipients} messages at ${connection.perSecond} per second: about ${duration}${left}.`);
    return;
  }
  const lines = [
    ...(campaign
      ? [
          `  From        ${campaign.content.from}`,
          `  Subject     ${campaign.content.subject}`,
          `  Topic       ${campaign.topic}`,
        ]
      : []),
    `  Recipients  ${recipients}`,
    `  Rate        ${connection.perSecond} per second, about ${duration}`,
    `  Quota       ${quota === null ? "unknown or unlimited" : `${quota} left of today's`}`,
    ...(connection.endpoint === "sandbox" ? ["  To          the sandbox; nothing leaves this machine"] : []),
  ];
  for (const line of lines) terminal.info(line);
  if (!(await terminal.confirm("Send now?"))) throw new UserError("not confirmed", "nothing was sent");
}

function quotaLeft({ account }: Connection): number | null {
  if (!account || account.quota === null || account.quota === 0) return null;
  return Math.max(0, Math.floor(account.quota - account.sentLast24Hours));
}

interface Job {
  store: Store;
  connection: Connection;
  ingest: IngestAnswer | null;
}

async function sendScope(context: Context, scope: Scope, job: Job, flags: SendFlags): Promise<number> {
  const { store } = job;
  if (flags.retryInDoubt) await retryInDoubt(store, scope);
  const result = job.connection.halt ? haltedBefore(job.connection.halt) : await runLoop(context, scope, job, flags);
  // Events that came before the answer which brought their SES message id.
  await store.matchKeptEvents();
  const late = scope.maxLateMs === null ? 0 : await store.countLate(scope);
  return answer(context, scope, job, result, late);
}

/** Only topics this run sends: a rehearsal must not touch what is in doubt at Amazon. */
async function retryInDoubt(store: Store, scope: Scope): Promise<void> {
  for (const row of await store.topics()) {
    const inScope = scope.topic === null || row.topic === scope.topic;
    if (inScope && row.endpoint === scope.endpoint && row.in_doubt > 0) await store.retry(row.topic, ["in_doubt"]);
  }
}

async function runLoop(
  context: Context,
  scope: Scope,
  { store, connection }: Job,
  flags: SendFlags,
): Promise<SendResult> {
  const { io, terminal } = context;
  const { due } = await store.outlook(scope);
  const progress = terminal.progress(Math.min(due, flags.max ?? due), "sent");
  const speed = speedometer();
  boundOldSpace();
  try {
    return await send(store, createMailer(store, connection.ses), {
      scope,
      perSecond: connection.perSecond,
      concurrency: connection.concurrency,
      maxAttempts: flags.maxAttempts,
      max: flags.max ?? null,
      onQuota: flags.onQuota,
      signal: io.signal,
      hardSignal: io.hardSignal,
      clock: io.clock,
      onProgress: (run) => {
        boundYoungSpace(6);
        progress.update({
          done: run.sent,
          failed: run.failed,
          inDoubt: run.inDoubt,
          perSecond: speed(run.sent, io.clock.monotonic()),
        });
      },
      onNotice: (text) => terminal.warn(text),
      checkpoint: reputationCheck(store, scope, flags),
    });
  } finally {
    progress.stop();
  }
}

/** Events may be applied by another process while this one sends. */
function reputationCheck(store: Store, scope: Scope, flags: SendFlags): NonNullable<SendOptions["checkpoint"]> {
  const limits = { bounceRate: flags.maxBounceRate, complaintRate: flags.maxComplaintRate };
  return async () => {
    const topics = await store.topics();
    const ours = topics.filter(
      ({ topic, endpoint }) =>
        (scope.topic === null || scope.topic === topic) && (endpoint === null || endpoint === scope.endpoint),
    );
    return tooManyBad(ours, limits);
  };
}

/** Messages per second over the last few seconds. */
function speedometer(): (count: number, now: number) => number {
  const samples: [number, number][] = [];
  return (count, now) => {
    samples.push([now, count]);
    while (samples.length > 2 && (samples[0]?.[0] ?? now) < now - RATE_WINDOW_MS) samples.shift();
    const first = samples[0];
    return first && now > first[0] ? ((count - first[1]) * 1000) / (now - first[0]) : 0;
  };
}

function haltedBefore(halt: { reason: string; hint: string }): SendResult {
  const run: Run = { attempts: 0, sent: 0, failed: 0, inDoubt: 0, throttled: 0, retried: 0, elapsedMs: 0 };
  return { outcome: "halted", ...halt, run };
}

async function answer(context: Context, scope: Scope, job: Job, result: SendResult, late: number): Promise<number> {
  const { terminal, globals, io } = context;
  const totals = await job.store.totals(scope.topic);
  const reason = (await reasonOf(job, result, totals, late, io.clock.now())) ?? (await scheduledReason(scope, job));
  if (globals.json) {
    terminal.json({
      topic: scope.topic,
      outcome: result.outcome,
      reason,
      ingest: job.ingest,
      run: runAnswer(result.run),
      totals,
    });
  } else {
    terminal.result(describeResult(scope.topic, result.run, totals));
  }
  if (reason !== null) terminal.warn(reason);
  return exitCode(context, scope, job, result, totals, late);
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

async function reasonOf(
  { store }: Job,
  result: SendResult,
  totals: Totals,
  late: number,
  now: number,
): Promise<string | null> {
  if (result.outcome === "quota") {
    const since = await store.sentSince(now - DAY_MS);
    const oldest = Math.min(...[...since.values()].map(({ first }) => first));
    const frees = Number.isFinite(oldest)
      ? ` The 24-hour window rolls: this job file's part frees from ${new Date(oldest + DAY_MS).toISOString()} on.`
      : "";
    return `${result.reason ?? ""} ${totals.pending} messages remain.${frees} Run the same command again then, or use --on-quota wait.`;
  }
  if (result.outcome === "halted" || result.outcome === "interrupted") {
    const hint = result.hint ? `; ${result.hint}` : "";
    return `${result.reason ?? ""}${hint}. ${totals.pending} messages remain: run the same command again to resume.`;
  }
  if (late > 0)
    return `${late} messages are overdue by more than --max-late and were left pending; move them with: ses-mail schedule --topic <topic> --at …`;
  return null;
}

/** What was left because its time has not come. */
async function scheduledReason(scope: Scope, { store }: Job): Promise<string | null> {
  const { nextDueAt } = await store.outlook(scope);
  return nextDueAt === null ? null : `The next messages are due at ${new Date(nextDueAt).toISOString()}.`;
}

const STOPPED: ReadonlySet<SendOutcome> = new Set(["quota", "halted"]);

function exitCode({ io }: Context, scope: Scope, job: Job, result: SendResult, totals: Totals, late: number): number {
  if (result.outcome === "interrupted") return interrupted(io);
  if (STOPPED.has(result.outcome)) return EXIT.stopped;
  // Of one topic everything counts, also what failed in an earlier run; for cron only what happened now.
  const { failed, in_doubt: inDoubt } =
    scope.topic === null ? { failed: result.run.failed, in_doubt: result.run.inDoubt } : totals;
  const imperfect = failed > 0 || inDoubt > 0 || late > 0 || (job.ingest?.rejected ?? 0) > 0;
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

/** `--dry-run`: every row checked and rendered, nothing written, nothing sent, one sample shown. */
export async function rehearse(context: Context, file: string, flags: CampaignFlags & SendFlags): Promise<number> {
  const { terminal, globals } = context;
  const campaign = await readCampaign(file, flags);
  const store = await openForRehearsal(context);
  const staged = await stageCampaign(context, store, campaign, { timing: AT_ONCE, dryRun: true });
  const ingest = await staged.commit({ rehearse: true });
  const sample = renderSample(campaign, staged);
  const { topic } = campaign;
  if (globals.json) {
    const known = (await store.topics()).some((row) => row.topic === topic);
    const totals = await store.totals(known ? topic : null);
    terminal.json({ topic, outcome: "nothing_to_send", reason: "dry run", ingest, run: null, totals, sample });
  } else {
    terminal.result(`${headerLines(sample)}\n\n${sample.text}\n`);
    terminal.info(`Dry run, nothing was written or sent. ${describeIngest(topic, ingest)}`);
  }
  return ingest.rejected > 0 ? EXIT.partial : EXIT.done;
}

/** Looks at the job file when there is one, and makes none when there is not. */
async function openForRehearsal(context: Context): Promise<Store> {
  const { existsSync } = await import("node:fs");
  if (existsSync(context.globals.db)) return context.openStore();
  const { openScratchStore } = await import("./store/sqlite.ts");
  const store = await openScratchStore(context.io.clock);
  context.onExit(() => store.close());
  return store;
}

/** `--test-to`: one sample, to see it in a real mailbox. The job file is not touched. */
export async function sendSample(
  context: Context,
  file: string,
  flags: CampaignFlags & SendFlags,
  to: string,
): Promise<number> {
  const { terminal, globals, io } = context;
  const parsed = parseAddress(to);
  if ("problem" in parsed)
    throw new UserError(`--test-to expects an address, got ${JSON.stringify(to)}: ${parsed.problem}`);
  const campaign = await readCampaign(file, flags);
  const { findRow } = await import("./ingest.ts");
  const { row, columns } = await findRow(io, file, flags, 1);
  const problem = campaign.compiled.check(columns)(row.fields);
  if (problem !== null) throw new UserError(`the first row (line ${row.line}) is refused: ${problem}`);
  const mail = campaign.compiled.render(parsed.address, valuesOf(columns, row.fields));
  const { ses, halt } = await connect(context, flags);
  const outcome = halt ? { kind: "halted" as const, ...halt } : await ses.send(mail, []);
  const sent = outcome.kind === "sent";
  const reason = "reason" in outcome ? outcome.reason : null;
  if (globals.json)
    terminal.json({
      topic: campaign.topic,
      outcome: sent ? "finished" : "halted",
      reason,
      test_to: parsed.address,
      ses_message_id: sent ? outcome.sesMessageId : null,
    });
  else if (sent) terminal.result(`sample sent to ${parsed.address} (${outcome.sesMessageId})`);
  if (!sent) terminal.warn(`The sample was not sent: ${reason ?? outcome.kind}`);
  if (sent) return EXIT.done;
  return outcome.kind === "rejected" || outcome.kind === "in_doubt" ? EXIT.partial : EXIT.stopped;
}

function renderSample(campaign: Campaign, staged: Staged): RenderedMail {
  if (!staged.sample) throw new Error("no valid row");
  return campaign.compiled.render(staged.sample.email, staged.sample.values);
}
