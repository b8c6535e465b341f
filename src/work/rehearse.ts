/** `send` without consequences: `--dry-run` and `--test-to`. */
import { type Campaign, type CampaignFlags, describeList, readCampaign, stageCampaign } from "./campaign.ts";
import type { Context } from "./context.ts";
import { parseAddress } from "../compose/address/address.ts";
import { headerLines } from "../compose/mail/header-lines.ts";
import { withFiles } from "../compose/mail/folder-files.ts";
import { RenderProblem } from "../compose/problem.ts";
import { connect } from "./endpoint.ts";
import { EXIT, UserError } from "../errors.ts";
import { AT_ONCE, findRow, type Staged, valuesOf } from "./list.ts";
import { type RenderedMail, STATES, type Totals } from "../message.ts";
import type { SendFlags } from "./send.ts";
import { storedTopic } from "../store/topic-name.ts";

/** The totals of a topic that is not in the job file, and will not be. */
const NOBODY = { total: 0, ...Object.fromEntries(STATES.map((state) => [state, 0])) } as Totals;

/** `--dry-run`: every row checked and rendered, nothing written, nothing sent, one sample shown. */
export async function rehearse(context: Context, file: string, flags: CampaignFlags & SendFlags): Promise<number> {
  const { terminal, globals } = context;
  const campaign = await readCampaign(file, flags, context.terminal);
  const store = await context.openForRehearsal();
  campaign.topic = await storedTopic(store, campaign.topic);
  const staged = await stageCampaign(context, store, campaign, { timing: AT_ONCE, dryRun: true });
  const ingest = await staged.commit({ rehearse: true });
  const sample = renderSample(campaign, staged);
  const { topic } = campaign;
  if (globals.json) {
    const known = (await store.topics()).some((row) => row.topic === topic);
    const totals = known ? await store.totals(topic) : NOBODY;
    terminal.json({ topic, outcome: "nothing_to_send", reason: "dry run", ingest, run: null, totals, sample });
  } else {
    terminal.result(`${headerLines(sample)}\n\n${sample.text}\n`);
    // There is no rejects file to look into.
    for (const reason of staged.reasons) terminal.warn(reason);
    if (staged.rejected > staged.reasons.length) terminal.warn("…");
    terminal.info(`Dry run, nothing was written or sent. ${describeList(topic, ingest)}`);
  }
  return ingest.rejected > 0 ? EXIT.partial : EXIT.done;
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
  const campaign = await readCampaign(file, flags, context.terminal);
  const { row, columns } = await findRow(io, file, flags, 1);
  const refused = (reason: string) => new UserError(`the first row (line ${row.line}) is refused: ${reason}`);
  const problem = campaign.compiled.check(columns)(row.fields);
  if (problem !== null) throw refused(problem);
  const rendered = campaign.compiled.render(parsed.address, valuesOf(columns, row.fields));
  const mail = await withFiles(rendered).catch((error: unknown) => {
    throw error instanceof RenderProblem ? refused(error.message) : error;
  });
  const { ses, halt } = await connect(context, flags);
  const outcome = halt ? { kind: "halted" as const, ...halt } : await ses.send(mail, []);
  const sent = outcome.kind === "sent";
  const reason = "hint" in outcome ? `${outcome.reason}; ${outcome.hint}` : sent ? null : outcome.reason;
  if (globals.json)
    terminal.json({
      topic: campaign.topic,
      outcome: sent ? "finished" : outcome.kind === "quota" ? "quota" : "halted",
      reason,
      ingest: null,
      run: null,
      totals: NOBODY,
      test_to: parsed.address,
      ses_message_id: sent ? outcome.sesMessageId : null,
    });
  else if (sent) terminal.result(`sample sent to ${parsed.address} (${outcome.sesMessageId})`);
  if (!sent) terminal.warn(`The sample was not sent: ${reason}`);
  if (sent) return EXIT.done;
  return outcome.kind === "rejected" || outcome.kind === "in_doubt" ? EXIT.partial : EXIT.stopped;
}

function renderSample(campaign: Campaign, staged: Staged): RenderedMail {
  if (!staged.sample) throw new Error("no valid row");
  return campaign.compiled.render(staged.sample.email, staged.sample.values);
}
