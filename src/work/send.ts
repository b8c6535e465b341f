/** The `send` command at work: plan, confirm, run the loop, answer. */
import { describeList, type Campaign, type CampaignFlags, readCampaign, stageCampaign } from "./campaign.ts";
import type { Context } from "./context.ts";
import { createMailer } from "../deliver/mailer.ts";
import { tooManyBad } from "../deliver/reputation.ts";
import { createSendLoop } from "../deliver/send.ts";
import { emptyRun, type SendOptions, type SendResult } from "../deliver/sender.ts";
import type { Scope } from "../deliver/source.ts";
import { parseDuration } from "../time/duration.ts";
import { connect } from "./endpoint.ts";
import { EXIT } from "../errors.ts";
import { recoveredText } from "./open-store.ts";
import { AT_ONCE, type StagedList } from "./list.ts";
import { boundOldSpace, boundYoungSpace } from "../memory.ts";
import { answerRun, type RunSetup } from "./send-answer.ts";
import { confirmSend } from "./send-confirm.ts";
import type { SendFlags } from "./send-flags.ts";
import type { RenderedMail } from "../message.ts";
import type { Topics } from "../store/store.ts";
import { admit } from "../store/rules/admit.ts";
import { storedTopic } from "../store/topic-name.ts";
import { refusedTopic } from "./refused-topic.ts";
import { openLinks, readSecrets } from "../tracking/links.ts";

/** The rate shown is that of the last few seconds, not of the whole run. */
const RATE_WINDOW_MS = 5_000;

/**
 * `send recipients.csv`: takes the list into its topic in one transaction, then sends what is due of the topic. Throws
 * `UserError`, and adds nothing to the job file, when content or list cannot be used or the answer is no.
 */
export async function sendCampaign(context: Context, file: string, flags: CampaignFlags & SendFlags): Promise<number> {
  const campaign = await readCampaign(context.io, file, flags, context.terminal);
  const maxLateMs = maxLateOf(flags);
  // A bad SES_MAIL_SECRET must be an error before anything is changed.
  readSecrets(context.io.env);
  const store = await context.openStore();
  campaign.topic = await storedTopic(store, campaign.topic);
  const endpoint = flags.sandbox ? "sandbox" : "ses";
  await refuseOtherEndpoint(store, campaign.topic, endpoint);
  const staged = await stageCampaign(context, store, campaign, { timing: AT_ONCE, dryRun: false });
  const connection = await connect(context, flags);
  const plan = { campaign, first: firstMail(campaign, staged), recipients: staged.rows - staged.rejected, connection };
  await confirmSend(context, plan, flags);
  const ingest = await staged.commit();
  context.terminal.info(describeList(campaign.topic, ingest));
  return sendScope(context, { topic: campaign.topic, endpoint, maxLateMs }, { store, connection, ingest }, flags);
}

/**
 * `send`: sends what is due, of every topic or of `--topic`. This is what cron calls. Throws `UserError` for an unknown
 * topic, and when the answer is no.
 */
export async function sendDue(context: Context, flags: CampaignFlags & SendFlags): Promise<number> {
  const maxLateMs = maxLateOf(flags);
  // A bad SES_MAIL_SECRET must be an error before anything is changed.
  readSecrets(context.io.env);
  let recovered = 0;
  const onRecovered = (count: number) => {
    recovered = count;
    context.terminal.warn(recoveredText(count));
  };
  const store = await context.openStore({ ifMissing: "refuse", onRecovered });
  const topic = flags.topic === undefined ? null : await storedTopic(store, flags.topic);
  const endpoint = flags.sandbox ? "sandbox" : "ses";
  if (topic !== null) await refuseOtherEndpoint(store, topic, endpoint);
  const scope: Scope = { topic, endpoint, maxLateMs };
  // An unknown topic must be an error, not an empty run, so ask for it by name first.
  await store.totals(topic);
  const { due } = await store.outlook(scope);
  const connection = await connect(context, flags);
  await confirmSend(context, { campaign: null, first: null, recipients: due, connection }, flags);
  const code = await sendScope(context, scope, { store, connection, ingest: null }, flags);
  return recovered > 0 && code === EXIT.done ? EXIT.partial : code;
}

function firstMail({ compiled }: Campaign, { sample }: StagedList): RenderedMail | null {
  return sample && compiled.render(sample.email, sample.values);
}

function maxLateOf(flags: SendFlags): number | null {
  return flags.maxLate === undefined ? null : parseDuration(flags.maxLate, "--max-late");
}

/** Refuses a topic that was sent to the other endpoint: a rehearsal must not use up a real campaign, or the reverse. */
async function refuseOtherEndpoint(store: Topics, topic: string, endpoint: Scope["endpoint"]): Promise<void> {
  const row = (await store.topic(topic)) ?? undefined;
  const refusal = admit(row, { adds: false, endpoint, content: null });
  if (refusal !== "fine") throw refusedTopic({ topic, refusal, endpoint });
}

async function sendScope(context: Context, scope: Scope, setup: RunSetup, flags: SendFlags): Promise<number> {
  const { store } = setup;
  if (flags.retryInDoubt) await retryInDoubt(store, scope);
  const result = setup.connection.halt
    ? haltedBefore(setup.connection.halt)
    : await runLoop(context, scope, setup, flags);
  // Some events came before the answer with their SES message id: match them now.
  await store.matchKeptEvents();
  // Another process may have died while this one sent. A store that halted the run would fail here, too.
  const isStopped = result.outcome === "halted" || result.outcome === "interrupted";
  const lost = isStopped ? 0 : await store.recover();
  if (lost > 0) context.terminal.warn(recoveredText(lost));
  const late = scope.maxLateMs === null ? 0 : (await store.outlook(scope)).late;
  const code = await answerRun(context, scope, setup, result, late);
  return lost > 0 && code === EXIT.done ? EXIT.partial : code;
}

/** Takes only the topics that this run sends: a rehearsal must not touch what is in doubt at Amazon. */
async function retryInDoubt(store: Topics, scope: Scope): Promise<void> {
  for (const row of await store.topics()) {
    const inScope = scope.topic === null || row.topic === scope.topic;
    if (inScope && row.endpoint === scope.endpoint && row.in_doubt > 0) await store.retry(row.topic, ["in_doubt"]);
  }
}

async function runLoop(
  context: Context,
  scope: Scope,
  { store, connection }: RunSetup,
  flags: SendFlags,
): Promise<SendResult> {
  const { io, terminal } = context;
  const { due } = await store.outlook(scope);
  const progress = terminal.progress(Math.min(due, flags.max ?? due), "sent");
  const speed = createSpeedometer();
  boundOldSpace();
  const mailer = createMailer(store, connection.ses, () => openLinks(store, io.env, io.clock));
  const loop = createSendLoop(store, mailer, {
    scope,
    rate: () => connection,
    whenDrained: "end",
    maxAttempts: flags.maxAttempts,
    max: flags.max ?? null,
    onQuota: flags.onQuota,
    checkpoint: reputationCheck(store, scope, flags),
    io,
  });
  try {
    return await loop.run({
      onNotice: (text) => terminal.warn(text),
      onProgress({ sent, failed, inDoubt }) {
        boundYoungSpace(6);
        progress.update({ done: sent, failed, inDoubt, perSecond: speed(sent, io.clock.monotonic()) });
      },
    });
  } finally {
    progress.stop();
  }
}

/** Looks at the counters again and again, because another process may apply events while this one sends. */
function reputationCheck(store: Topics, scope: Scope, flags: SendFlags): NonNullable<SendOptions["checkpoint"]> {
  const limits = { bounceRate: flags.maxBounceRate, complaintRate: flags.maxComplaintRate };
  return async () => {
    const topics = await store.topics();
    const ours = topics.filter(
      (row) =>
        (scope.topic === null || scope.topic === row.topic) &&
        admit(row, { adds: false, endpoint: scope.endpoint, content: null }) === "fine",
    );
    return tooManyBad(ours, limits);
  };
}

/** Messages per second over the last few seconds. */
function createSpeedometer(): (count: number, now: number) => number {
  const samples: [number, number][] = [];
  return (count, now) => {
    samples.push([now, count]);
    while (samples.length > 2 && (samples[0]?.[0] ?? now) < now - RATE_WINDOW_MS) samples.shift();
    const first = samples[0];
    return first && now > first[0] ? ((count - first[1]) * 1000) / (now - first[0]) : 0;
  };
}

function haltedBefore(halt: { reason: string; hint: string }): SendResult {
  return { outcome: "halted", ...halt, run: emptyRun() };
}
