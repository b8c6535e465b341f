/** `send` without consequences for the job file: `--dry-run` and `--test-to`. */
import { type Campaign, type CampaignFlags, readCampaign, stageCampaign } from "./campaign.ts";
import type { Context } from "./context.ts";
import { parseAddress } from "../compose/address/address.ts";
import { headerLines } from "../compose/mail/header-lines.ts";
import type { SesOutcome } from "../deliver/outcome.ts";
import { count } from "../counted.ts";
import { connect, openSes } from "./endpoint.ts";
import { EXIT, UserError } from "../errors.ts";
import { AT_ONCE, type StagedList } from "./list.ts";
import { factsBefore, type ListAnswer, listText } from "./list-facts.ts";
import { mailAnswer } from "./mail-answer.ts";
import { NO_MESSAGES, type RenderedMail } from "../message.ts";
import { renderOne } from "./one-mail.ts";
import type { SendFlags } from "./send-flags.ts";
import type { ListForecast, TopicRow } from "../store/rows.ts";
import { storedTopic } from "../store/topic-name.ts";
import { readSecrets } from "../tracking/links.ts";

/**
 * `--dry-run`: checks and renders every row and shows one mail; writes and sends nothing. Exit code 1 when a row is
 * rejected. Throws `UserError` when content or list cannot be used.
 */
export async function rehearse(context: Context, file: string, flags: CampaignFlags & SendFlags): Promise<number> {
  const { terminal, globals } = context;
  const campaign = await readCampaign(context.io, file, flags, context.terminal);
  // Nothing is signed here, but a real send refuses a bad one.
  readSecrets(context.io.env);
  const store = await context.openStore({ ifMissing: "scratch", toRead: true });
  campaign.topic = await storedTopic(store, campaign.topic);
  const staged = await stageCampaign(context, store, campaign, { timing: AT_ONCE, dryRun: true });
  const forecast = await staged.forecast();
  const sample = renderSample(campaign, staged);
  const { topic } = campaign;
  if (globals.json) {
    const known = (await store.topic(topic)) !== null;
    const totals = known ? await store.totals(topic) : NO_MESSAGES;
    terminal.json({
      topic,
      outcome: "nothing_to_send",
      reason: "dry run",
      ingest: answerOf(staged, forecast),
      run: null,
      totals,
      sample: mailAnswer(sample),
    });
  } else {
    terminal.result(`${headerLines(sample)}\n\n${sample.text}\n`);
    // There is no rejects file, so show the reasons here.
    for (const reason of staged.reasons) terminal.warn(reason);
    if (staged.rejected > staged.reasons.length) terminal.warn("…");
    const list = listText(factsBefore(staged, forecast), "new");
    const before = soFar(await store.topic(topic), flags);
    terminal.info(`Dry run, nothing was written or sent. ${topic}: ${list}${before}`);
  }
  return staged.rejected > 0 ? EXIT.partial : EXIT.done;
}

/** What became of the topic before: that people are in it does not say that they got the mail. */
function soFar(row: TopicRow | null, { sandbox }: Pick<SendFlags, "sandbox">): string {
  if (row === null || row.sent === 0) return "";
  return row.endpoint === "sandbox" && !sandbox
    ? "; it was only rehearsed, so for real nobody has got it yet"
    : `; ${count(row.sent)} sent before`;
}

function answerOf({ rows, rejected, warnings }: StagedList, forecast: ListForecast): ListAnswer {
  const { added, known, repeated, suppressed } = forecast;
  const duplicates = known + repeated;
  const answer = { rows, added, duplicates, rejected, suppressed, rejects_file: null };
  return warnings.length > 0 ? { ...answer, warnings } : answer;
}

/**
 * `--test-to`: sends the mail of the first row to `to`. The job file is not touched. Exit code 1 when SES refused it or the
 * answer was lost, 3 when sending is not possible now. Throws `UserError` for a bad address or row.
 */
export async function sendSample(
  context: Context,
  file: string,
  flags: CampaignFlags & SendFlags,
  to: string,
): Promise<number> {
  const parsed = parseAddress(to);
  if ("problem" in parsed)
    throw new UserError(`--test-to expects an address, got ${JSON.stringify(to)}: ${parsed.problem}`);
  const campaign = await readCampaign(context.io, file, flags, context.terminal);
  const opened = await openSes(context, flags);
  const mail = await renderOne(context.io, campaign, {
    row: 1,
    to: parsed.address,
    refusal: (reason, line) => new UserError(`the first row (line ${line}) is refused: ${reason}`),
  });
  const { ses, halt } = await connect(context, flags, { ses: opened, topicOf: async () => campaign.topic });
  const outcome: SesOutcome = halt ? { kind: "halted", ...halt } : await ses.send(mail, []);
  answerSample(context, campaign.topic, parsed.address, outcome);
  if (outcome.kind === "sent") return EXIT.done;
  return outcome.kind === "rejected" || outcome.kind === "in_doubt" ? EXIT.partial : EXIT.stopped;
}

function answerSample({ terminal, globals }: Context, topic: string, to: string, outcome: SesOutcome): void {
  const id = outcome.kind === "sent" ? outcome.sesMessageId : null;
  const reason = outcome.kind === "sent" ? null : reasonText(outcome);
  if (globals.json) {
    terminal.json({
      topic,
      outcome: id !== null ? "finished" : outcome.kind === "quota" ? "quota" : "halted",
      reason,
      ingest: null,
      run: null,
      totals: NO_MESSAGES,
      test_to: to,
      ses_message_id: id,
    });
  } else if (id !== null) terminal.done(`sample sent to ${to} (${id})`);
  if (id === null) terminal.warn(`The sample was not sent: ${reason}`);
}

function reasonText(outcome: Exclude<SesOutcome, { kind: "sent" }>): string {
  return "hint" in outcome ? `${outcome.reason}; ${outcome.hint}` : outcome.reason;
}

function renderSample(campaign: Campaign, staged: StagedList): RenderedMail {
  if (!staged.sample) throw new Error("no valid row");
  return campaign.compiled.render(staged.sample.email, staged.sample.values);
}
