/** The `send` command at work: plan, confirm, run the loop, answer. */
import { setImmediate } from "node:timers/promises";
import { createAccountWatch, createReserveWatch } from "./account-watch.ts";
import { describeRehearsal, rehearsalOf, removeRehearsal, tellLeftAlone } from "./afresh.ts";
import { beginList, type CampaignFlags, readCampaign, type StagedCampaign, stageCampaign } from "./campaign.ts";
import type { Context } from "./context.ts";
import { eachTopic } from "./each-topic.ts";
import { createMailer } from "../deliver/mailer.ts";
import { LEAST_ANSWERS, tooManyBad } from "../deliver/reputation.ts";
import { createSendLoop } from "../deliver/send.ts";
import { emptyRun, type Halt, type ReserveWatch, type SendOptions, type SendResult } from "../deliver/sender.ts";
import type { Outlook, Scope } from "../deliver/source.ts";
import { parseDuration } from "../time/duration.ts";
import { connect, openSes, type Rehearsing, type SesConnection, topicByTag } from "./endpoint.ts";
import type { Ses } from "../aws/ses.ts";
import { firstMail, sampleMail } from "./first-mail.ts";
import { AT_ONCE } from "./list.ts";
import { cheapForecast, factsAfter, factsBefore, type ListAnswer, type ListFacts, listText } from "./list-facts.ts";
import { EXIT, InterruptedError, StoppedError, UserError } from "../errors.ts";
import { rehearsalName } from "./refused-topic.ts";
import { shellWord } from "../shell.ts";
import { localWhen } from "../time/local.ts";
import { hasStore, recoveredText } from "./open-store.ts";
import { boundOldSpace, boundYoungSpace } from "../memory.ts";
import { NO_MESSAGES, type Totals } from "../message.ts";
import { notBegun, pauseHalt, unlessPaused } from "./paused.ts";
import { createRounds, finishOthers, type Rounds } from "./rounds.ts";
import { rehearsalEvents } from "./rehearsal-events.ts";
import { answerRun } from "./send-answer.ts";
import { confirmSend, isAsked, needsYes, warnOfAccount } from "./send-confirm.ts";
import type { SendFlags } from "./send-flags.ts";
import { planLine, planOf, type SendPlan } from "./send-plan.ts";
import type { ListForecast, TopicRow } from "../store/rows.ts";
import type { Store, Topics } from "../store/store.ts";
import { admit } from "../store/rules/admit.ts";
import { createSpeedometer } from "./speed.ts";
import { storedTopic } from "../store/topic-name.ts";
import { Troubled } from "./troubled.ts";
import { openLinks, readSecrets } from "../tracking/links.ts";

type Flags = CampaignFlags & SendFlags;

/** What all parts of one send share. */
interface Sending {
  context: Context;
  store: Store;
  scope: Scope;
  flags: Flags;
  /** How long after it is due the mail of the list may be sent (ms); null: for ever, or there is no list. */
  expiresInMs: number | null;
  /** How many messages were cancelled before the run because they had expired. */
  expired: number;
  /** The topic, when it was only rehearsed and is to be sent for real; null: there is no rehearsal to remove. */
  rehearsed: TopicRow | null;
}

/**
 * `send recipients.csv`: takes the list into its topic in one transaction, then sends what is due of the topic. Throws
 * `UserError`, and adds nothing to the job file, when content or list cannot be used or the answer is no.
 */
export async function sendCampaign(context: Context, file: string, flags: Flags): Promise<number> {
  // Before anything large is loaded.
  boundOldSpace();
  const campaign = await readCampaign(context.io, file, flags, context.terminal);
  const maxLateMs = maxLateOf(flags);
  // A bad SES_MAIL_SECRET must be an error before anything is changed.
  readSecrets(context.io.env);
  const ses = await openSes(context, flags);
  if (isUnasked(file, flags) && !(await hasStore(context))) throw needsYes();
  const begun = await beginList(context, campaign, AT_ONCE);
  const store = await context.openStore({ readsInOrder: true });
  campaign.topic = await storedTopic(store, campaign.topic);
  const endpoint = flags.sandbox ? "sandbox" : "ses";
  const isNew = (await store.topic(campaign.topic)) === null;
  const rehearsed = await rehearsalOf(context, store, campaign.topic, endpoint);
  // Nobody got the content that was rehearsed, so another one may take its place.
  if (rehearsed) campaign.flags = { ...campaign.flags, replaceContent: true };
  if (isNew && isUnasked(file, flags)) throw needsYes();
  const scope = { topic: campaign.topic, endpoint, maxLateMs } as const;
  const sending = { context, store, scope, flags, rehearsed, expiresInMs: campaign.expiresInMs, expired: 0 };
  const staged = await stageCampaign(context, store, campaign, { timing: AT_ONCE, dryRun: false, endpoint, begun });
  const asked = isAsked(context, file, flags);
  const forecast = asked || isUnasked(file, flags) ? await staged.forecast() : await cheapForecast(staged);
  if (isUnasked(file, flags) && (forecast?.added ?? 0) > 0) throw needsYes();
  const plan = forecast && (await planBefore(sending, staged, forecast, isNew));
  if (plan !== null && isIdle(plan)) {
    const ingest = await staged.commit();
    return answer(sending, { plan, ingest });
  }
  const pause = await pauseHalt(context, store, campaign.topic);
  if (pause !== null) return answerPaused(sending, pause, await addList(sending, staged, forecast));
  await refuseHalfRehearsal(sending);
  const connection = await connect(context, flags, { ses, ...rehearsing(context, store) });
  if (plan !== null) warnOfAccount(context, plan, connection, flags);
  if (plan !== null && asked) {
    const list = { campaign, columns: staged.columns, row: forecast?.first ?? null };
    // Everybody who was rehearsed gets it anew, so nobody of them waits yet.
    const first = rehearsed ? sampleMail(campaign, staged) : await firstMail(store, scope, list);
    await confirmSend(context, plan, { first, connection }, flags);
  }
  const ingest = await staged.commit();
  const facts = factsAfter(ingest, forecast, (await store.totals(campaign.topic)).total);
  const settled = plan ?? (await planNow(sending, { list: facts, reasons: staged.reasons }));
  if (!asked) context.terminal.info(planLine(settled, connection, flags, context.io.clock.now()));
  return answer(sending, { plan: settled, ingest, connection });
}

/**
 * `send`: sends what is due, of every topic or of `--topic`. This is what cron calls. Throws `UserError` for an unknown
 * topic, and when the answer is no.
 */
export async function sendDue(context: Context, flags: Flags): Promise<number> {
  // Before anything large is loaded.
  boundOldSpace();
  const maxLateMs = maxLateOf(flags);
  // A bad SES_MAIL_SECRET must be an error before anything is changed.
  readSecrets(context.io.env);
  const ses = await openSes(context, flags);
  let recovered = 0;
  const onRecovered = (count: number) => {
    recovered = count;
    context.terminal.warn(recoveredText(count));
  };
  const store = await context.openStore({ ifMissing: "refuse", readsInOrder: true, onRecovered });
  const topic = flags.topic === undefined ? null : await storedTopic(store, flags.topic);
  const endpoint = flags.sandbox ? "sandbox" : "ses";
  const rehearsed = topic === null ? null : await rehearsalOf(context, store, topic, endpoint);
  const scope: Scope = { topic, endpoint, maxLateMs };
  const sending = { context, store, scope, flags, rehearsed, expiresInMs: null, expired: 0 };
  // An unknown topic must be an error, not an empty run, so ask for it by name first.
  await store.totals(topic);
  const pause = topic === null ? null : await pauseHalt(context, store, topic);
  if (pause !== null) return answerPaused(sending, pause, null);
  const code = await sendPlanned(sending, ses);
  if (topic === null) await tellLeftAlone(context, store, endpoint);
  return recovered > 0 && code === EXIT.done ? EXIT.partial : code;
}

async function sendPlanned(sending: Sending, ses: Ses | null): Promise<number> {
  const { context, store, scope, flags } = sending;
  const plan = await planNow(sending, { list: null, reasons: [] });
  if (isIdle(plan)) return answer(sending, { plan, ingest: null });
  await refuseHalfRehearsal(sending);
  const connection = await connect(context, flags, { ses, ...rehearsing(context, store) });
  warnOfAccount(context, plan, connection, flags);
  if (isAsked(context, null, flags)) {
    await confirmSend(context, plan, { first: await firstMail(store, scope, null), connection }, flags);
  } else {
    context.terminal.info(planLine(plan, connection, flags, context.io.clock.now()));
  }
  return answer(sending, { plan, ingest: null, connection });
}

/** True when nobody can be asked about the list: it came on stdin, and without `--yes`. */
function isUnasked(file: string, flags: Pick<SendFlags, "yes">): boolean {
  return file === "-" && !flags.yes;
}

function maxLateOf(flags: SendFlags): number | null {
  return flags.maxLate === undefined ? null : parseDuration(flags.maxLate, "--max-late");
}

/** The embedded sandbox files mails by topic, and its events are taken in. */
function rehearsing({ terminal }: Context, store: Store): Rehearsing {
  const sink = rehearsalEvents(store, ({ message }) =>
    terminal.warn(
      `The events of the sandbox could not be taken in, so the figures of this rehearsal are not complete: ${message}`,
    ),
  );
  return { sink, topicOf: topicByTag(store) };
}

/**
 * Refuses to rehearse a part of a topic whose other messages wait for a later time: they are meant for real, and cron leaves
 * alone what is rehearsed. To be called when something is due.
 */
async function refuseHalfRehearsal({ context, store, scope }: Sending): Promise<void> {
  if (scope.endpoint !== "sandbox" || scope.topic === null) return;
  const row = await store.topic(scope.topic);
  if (row === null || row.endpoint === "sandbox" || row.pending === 0) return;
  const { nextDueInMs } = await store.outlook(scope);
  if (nextDueInMs === null) return;
  const now = context.io.clock.now();
  throw new UserError(
    `messages of topic "${scope.topic}" wait to be sent for real (the next ${localWhen(now + nextDueInMs, now)})`,
    `rehearse under another name, such as --topic ${shellWord(rehearsalName(scope.topic))}`,
  );
}

/** Adds the list of a paused topic. It waits there with the rest, so there is nothing to connect to and nothing to ask. */
async function addList(
  { context, store, scope }: Sending,
  staged: StagedCampaign,
  forecast: ListForecast | null,
): Promise<ListAnswer> {
  const ingest = await staged.commit();
  const { total } = await store.totals(scope.topic);
  context.terminal.info(`${scope.topic}: ${listText(factsAfter(ingest, forecast, total), "added")}`);
  return ingest;
}

async function answerPaused(sending: Sending, pause: Halt, ingest: ListAnswer | null): Promise<number> {
  const { context, store, scope } = sending;
  const result = notBegun(pause);
  const plan = await planNow(sending, { list: null, reasons: [] });
  result.run.expired += sending.expired + (await cancelExpired(store, scope, context.io.signal));
  return answerRun(context, scope, { store, ingest, plan, troubled: [] }, result, 0);
}

// What is about to happen --------------------------------------------------------------------------------------------

/** What of the store goes into a plan: what is there, and what is due of it. */
async function numbersOf(sending: Sending, isNew: boolean) {
  const { store, scope, flags, rehearsed } = sending;
  if (rehearsed) {
    // What expired in the rehearsal waits again.
    const expired = await store.countExpired(rehearsed.topic, ["cancelled"]);
    const numbers = afresh(
      { ...rehearsed, cancelled: rehearsed.cancelled - expired },
      await store.staySuppressed(rehearsed.topic),
    );
    return { ...numbers, doubtful: 0, removes: describeRehearsal(rehearsed) };
  }
  // What has expired is not for later. Where it is a lot, the run cancels the rest.
  if (!isNew) sending.expired += (await store.expire(scope.topic)).expired;
  const totals = isNew ? NO_MESSAGES : await store.totals(scope.topic);
  const doubtful = flags.retryInDoubt ? await topicsInDoubt(store, scope) : [];
  return {
    totals,
    outlook: await store.outlook(scope),
    doubtful: doubtful.reduce((sum, row) => sum + row.in_doubt, 0),
    removes: null,
  };
}

/** What there will be when the rehearsal of the topic is removed: everything is due then, but what was taken back or is suppressed. */
function afresh({ total, cancelled }: TopicRow, suppressed: number): { totals: Totals; outlook: Outlook } {
  const due = total - cancelled - suppressed;
  const totals = { ...NO_MESSAGES, total, cancelled, suppressed, pending: due };
  return { totals, outlook: { due, late: 0, nextDueInMs: null } };
}

/** The plan for a list that is not in the topic yet. */
async function planBefore(sending: Sending, staged: StagedCampaign, forecast: ListForecast, isNew: boolean) {
  const { added } = forecast;
  const about = { added, list: factsBefore(staged, forecast), reasons: staged.reasons };
  return planOf(sending.scope.topic, { ...(await numbersOf(sending, isNew)), ...about });
}

/** The plan for what is in the store. */
async function planNow(sending: Sending, about: { list: ListFacts | null; reasons: string[] }): Promise<SendPlan> {
  return planOf(sending.scope.topic, { ...(await numbersOf(sending, false)), added: 0, ...about });
}

function isIdle({ due }: SendPlan): boolean {
  return due === 0;
}

// The run ------------------------------------------------------------------------------------------------------------

/** What there is to do. `connection` is not set when that is nothing. */
interface Job {
  plan: SendPlan;
  ingest: ListAnswer | null;
  connection?: SesConnection;
}

async function answer(sending: Sending, { plan, ingest, connection }: Job): Promise<number> {
  const { context, store, scope, flags, rehearsed } = sending;
  // Last of all: whoever cannot send keeps the rehearsal.
  const isSent = rehearsed !== null && connection !== undefined && connection.halt === null;
  const removed = isSent
    ? await removeRehearsal(context, store, rehearsed.topic, { expiresInMs: sending.expiresInMs })
    : null;
  if (flags.retryInDoubt) await retryInDoubt(store, scope);
  const troubled = new Troubled();
  let recovered = 0;
  const onRecovered = (count: number) => {
    recovered += count;
    context.terminal.warn(recoveredText(count));
  };
  const ended = await runWith(sending, connection, troubled, onRecovered);
  ended.run.expired += sending.expired;
  const result = await unlessPaused(context, store, scope.topic, await unlessOver(store, scope, ended));
  // Closed now, so that the events of the rehearsal are in the figures.
  await connection?.sandbox?.close();
  await tidyUp(sending, result, onRecovered);
  const late = scope.maxLateMs === null ? 0 : (await store.outlook(scope)).late;
  const facts = { store, ingest, plan, removed, troubled: await troubled.topics(store), outbox: flags.outbox };
  const ran = { ...facts, ...(connection && { perSecond: connection.perSecond }) };
  const code = await answerRun(context, scope, ran, result, late);
  return recovered > 0 && code === EXIT.done ? EXIT.partial : code;
}

/**
 * The result of a run, given that what stopped it may have been its last messages: when they failed and nothing else waits, there is nothing
 * to resume, and the run is over. The reason stays, because it says more than that some failed.
 */
async function unlessOver(store: Store, scope: Scope, result: SendResult): Promise<SendResult> {
  const { outcome, run } = result;
  if (outcome !== "halted" || run.failed + run.inDoubt === 0) return result;
  const { due, late, nextDueInMs } = await store.outlook(scope);
  return due + late === 0 && nextDueInMs === null ? { ...result, outcome: "finished", hint: null } : result;
}

/**
 * Matches the events that came before the answer with their SES message id, and cancels and counts what has expired. Calls
 * `onRecovered` when another process died while this one sent, with the number of messages that it left in doubt.
 */
async function tidyUp(
  { context: { io }, store, scope }: Sending,
  { outcome, run }: SendResult,
  onRecovered: (count: number) => void,
): Promise<void> {
  try {
    await store.matchKeptEvents();
    const lost = io.signal.aborted ? 0 : await store.recover();
    if (lost > 0) onRecovered(lost);
    run.expired += await cancelExpired(store, scope, io.signal);
  } catch (error) {
    // A job file that stopped the run refuses this, too. What the run did and why it ended is the answer then.
    if (!(outcome === "halted" && error instanceof StoppedError)) throw error;
  }
}

/** Cancels all that has expired until a signal comes. Returns how many messages of the scope were cancelled and not told of yet. */
async function cancelExpired(store: Topics, scope: Scope, signal: AbortSignal): Promise<number> {
  let sum = 0;
  for (let more = !signal.aborted; more;) {
    const part = await store.expire(scope.topic);
    sum += part.expired;
    more = part.more && !signal.aborted;
    // Signals are heard between two parts, and only there.
    await setImmediate();
  }
  return sum;
}

async function runWith(
  sending: Sending,
  connection: SesConnection | undefined,
  troubled: Troubled,
  onRecovered: (count: number) => void,
): Promise<SendResult> {
  if (connection === undefined) return { outcome: "nothing_to_send", reason: null, hint: null, run: emptyRun() };
  if (connection.halt) return notBegun(connection.halt);
  return runLoop(sending, connection, troubled, onRecovered);
}

async function retryInDoubt(store: Topics, scope: Scope): Promise<void> {
  for (const { topic } of await topicsInDoubt(store, scope)) await store.retry(topic, ["in_doubt"]);
}

/** Only the topics that this run sends: a rehearsal must not touch what is in doubt at Amazon. */
async function topicsInDoubt(store: Topics, scope: Scope): Promise<TopicRow[]> {
  const isMeant = (row: TopicRow) => row.endpoint === scope.endpoint && row.in_doubt > 0;
  if (scope.topic !== null)
    return [await store.topic(scope.topic)].filter((row) => row !== null && isMeant(row)) as TopicRow[];
  const topics: TopicRow[] = [];
  for await (const row of eachTopic(store, { endpoint: scope.endpoint, inDoubt: true })) topics.push(row);
  return topics;
}

async function runLoop(
  { context, store, scope, flags }: Sending,
  connection: SesConnection,
  troubled: Troubled,
  onRecovered: (count: number) => void,
): Promise<SendResult> {
  const { io, terminal } = context;
  const { due } = await store.outlook(scope);
  const progress = terminal.progress(Math.min(due, flags.max ?? due), "sent");
  const speed = createSpeedometer();
  const mailer = createMailer(store, connection.ses, () => openLinks(store, io.env, io.clock), {
    isRehearsal: scope.endpoint === "sandbox",
  });
  const loop = createSendLoop(store, troubled.watch(mailer), {
    scope,
    rate: () => connection,
    whenDrained: "end",
    maxAttempts: flags.maxAttempts,
    max: flags.max ?? null,
    onQuota: flags.onQuota,
    checkpoint: checkpointOf(context, store, scope, flags),
    hasAnswered: () => connection.hasAnswered,
    ...(flags.reserve !== undefined && { reserve: reserveOf(context, connection, flags.reserve) }),
    io,
  });
  const others = finishingOthers(context, store);
  try {
    return await loop.run({
      onNotice: (text) => terminal.warn(text),
      onRecovered,
      onHalt: (halt) => {
        if (halt === null) terminal.info("Sending goes on.");
      },
      onProgress({ sent, failed, expired, inDoubt }) {
        boundYoungSpace(6);
        progress.update({
          done: sent,
          failed,
          expired,
          inDoubt,
          perSecond: speed(sent, io.clock.monotonic(), loop.status().perSecond),
        });
      },
    });
  } finally {
    progress.stop();
    await others.end();
  }
}

/**
 * Finishes what processes that die while this one sends were doing to topics. When that fails it is said once, and the mail is sent all the
 * same; what makes the store refuse it, the run meets itself.
 */
function finishingOthers({ terminal }: Context, store: Topics): Rounds {
  let isTold = false;
  const rounds = createRounds((error) => {
    if (isTold || error instanceof StoppedError || error instanceof InterruptedError) return;
    isTold = true;
    terminal.warn(`What another process left half done could not be finished: ${(error as Error).message}`);
  });
  finishOthers(store, rounds);
  return rounds;
}

function reserveOf({ io, terminal }: Context, connection: SesConnection, keep: number): ReserveWatch {
  const account = createAccountWatch(connection, () => 0, io.clock);
  return createReserveWatch(keep, account, (text) => terminal.warn(text));
}

/** What is looked at again and again while a run sends: a pause, and what came back. */
function checkpointOf(context: Context, store: Topics, scope: Scope, flags: SendFlags): SendOptions["checkpoint"] {
  // Bounces of a rehearsal are what somebody wants to see, and harm nobody.
  const reputation = scope.endpoint === "sandbox" ? async () => null : reputationCheck(store, scope, flags);
  return async () => (scope.topic && (await pauseHalt(context, store, scope.topic, { waits: true }))) || reputation();
}

/** Looks at the counters again and again, because another process may apply events while this one sends. */
function reputationCheck(store: Topics, scope: Scope, flags: SendFlags): NonNullable<SendOptions["checkpoint"]> {
  const limits = { bounceRate: flags.maxBounceRate, complaintRate: flags.maxComplaintRate };
  return async () => {
    const topics = await store.topicsWithAnswers(LEAST_ANSWERS);
    const ours = topics.filter(
      (row) =>
        (scope.topic === null || scope.topic === row.topic) &&
        admit(row, { adds: false, endpoint: scope.endpoint, content: null }) === "fine",
    );
    return tooManyBad(ours, limits);
  };
}
